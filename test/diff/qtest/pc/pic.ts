import { portIn, portOut, type Op, type Random } from '../script.ts'
import type { Ours } from '../ours.ts'
import type { Target } from '../targets.ts'

const COMMAND = [0x20, 0xa0] as const, ELCR = [0x4d0, 0x4d1] as const
const chipOf = (on: Ours, n: number) => on.system.instance('pic').state.chip[n]

function initialise(r: Random, n: 0 | 1, likely: boolean): Op[] {
  const icw1 = 0x10 | (r.chance(80) ? 1 : 0) | (r.chance(10) ? 2 : 0), at = COMMAND[n]
  const icw4 = r.pick([1, 1, 3, 0x11, 0x13])
  return [
    portOut(at, icw1),
    ...(likely ? [portOut(at + 1, r.below(256)), portOut(at + 1, n ? 2 : 4), portOut(at + 1, icw4)] : []),
  ]
}

export const pic: Target = {
  machine: 'pc',
  qemu: {
    lines: index => ({ type: 'isa-i8259', nth: index >> 3, pin: index & 7 }),
    watch: { type: 'isa-i8259', pins: 'out' },
  },
  ours: {
    lines: 'pic',
    high: b => (b.lines['0.intr'] ? [0] : []),
    board: b => ({ ...b, devices: b.devices.filter(d => d.id === 'pic') }),
  },
  async prepare(on, qemu) {
    for (const at of COMMAND)
      for (const o of [portOut(at, 0x11), ...[0, 4, 1, 0].map(v => portOut(at + 1, v))]) {
        await qemu.apply(o)
        on.apply(o)
      }
  },
  next(r, on) {
    const n = r.below(2) as 0 | 1, at = COMMAND[n]
    switch (r.below(12)) {
      case 0: return r.chance(15) ? initialise(r, n, r.chance(90)) : []
      case 1: return [portOut(at + 1, r.pick([0, 0xff, r.below(256), 1 << r.below(8)]))]
      case 2: return [portOut(at, 0x20), portOut(at, (r.below(8) << 5) | r.below(8))] // OCW2
      case 3: return [portOut(at, 0x08 | r.below(8) | (r.below(4) << 5))] // OCW3
      case 4: return [portIn(at)]
      case 5: return [portIn(at + 1)]
      case 6: return [portOut(at, 0x0c), portIn(at + r.below(2))] // poll
      case 7: return r.chance(20) ? [portOut(ELCR[n], r.below(256)), portIn(ELCR[n], 1)] : [portIn(at, 2)]
      default: {
        const line = r.pick([0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
        return [{ op: 'line', index: line, level: ((chipOf(on, line >> 3).lines >> (line & 7)) & 1) === 0 }]
      }
    }
  },
  // QEMU does not look at its output when a special mode changes; a write of the mask makes it.
  settle(o, on) {
    const n = COMMAND.findIndex(at => o.op === 'out' && (o.at & ~1) === at)
    if (n < 0 || chipOf(on, n).next !== 0) return []
    return [portOut(COMMAND[n]! + 1, chipOf(on, n).imr)]
  },
  explained: [
    {
      reason: 'QEMU looks at a level-triggered input only when it changes, not when its trigger mode does',
      avoid: (o, on) => {
        if (o.op !== 'out' || o.at < ELCR[0]) return false
        const c = chipOf(on, o.at - ELCR[0])
        return (c.lines | c.irr) !== 0
      },
    },
    {
      reason: 'QEMU takes an input that stays high for an edge after the controller was initialised',
      avoid: (o, on) => o.op === 'out' && o.at === COMMAND[0] && (o.value & 0x10) !== 0
        && (chipOf(on, 0).lines & 4) !== 0,
    },
  ],
}
