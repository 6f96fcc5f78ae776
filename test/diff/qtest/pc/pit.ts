import { nsOfTicks, ticksIn } from '../../../../src/base/rate.ts'
import { PIT_HZ } from '../../../../src/devices/timer/i8254.ts'
import { portIn, portOut, type Op, type Random } from '../script.ts'
import type { Ours } from '../ours.ts'
import type { Target } from '../targets.ts'

const CONTROL = 0x43, PORT_61 = 0x61, REFRESH = 0x10, ENABLES = 0x0c
const channelOf = (on: Ours, n: number) => on.system.instance('pit').state.channel[n]
const modeOf = (on: Ours, n: number) => (channelOf(on, n).control >> 1) & 7

/** A control word and its count. Mode 3 gets an even count: what an odd one shows is not the same. */
function program(r: Random, n: number): Op[] {
  const mode = n === 0 ? r.pick([0, 2, 3]) : r.pick([0, 2, 3, 4]), access = 1 + r.below(3)
  const count = r.pick([r.below(0x10000), 20 + r.below(400), 0x100, 0]) & (mode === 3 ? 0xfffe : 0xffff)
  const low = count & 0xff || (access === 1 ? 0x40 : 0), high = count >> 8
  const written = access === 1 ? [low] : access === 2 ? [high] : [count & 0xff, high]
  const word = [portOut(CONTROL, (n << 6) | (access << 4) | (mode << 1)), ...written.map(v => portOut(0x40 + n, v))]
  if (n > 0) return word
  if (mode !== 3) return [portOut(0x21, 0xff), ...word, ...forget(OPEN)]
  return [...low0, ...forget(0xff), ...word, portOut(0x21, OPEN), ...poll]
}
const OPEN = 0xfe
/** A new start for the interrupt controller: that the output of channel 0 rose is history. */
const forget = (mask: number): readonly Op[] => [portOut(0x20, 0x11), ...[8, 4, 3, mask].map(v => portOut(0x21, v))]
/** Its output is low first: QEMU tells the controller more than once that it is high, which would be an edge then. */
const low0 = [portOut(0x21, 0xff), portOut(CONTROL, 0x30), portOut(0x40, 0xff), portOut(0x40, 0xff)]
const poll = [portOut(0x20, 0x0c), portIn(0x20)]

/** Closer to a tick of a counter than QEMU's time is known. */
function ambiguous(on: Ours): boolean {
  const now = on.clock.nowNs()
  return [0, 1, 2].some(n => {
    const since = now - channelOf(on, n).loadedNs
    return since > 0 && (since - nsOfTicks(ticksIn(since, PIT_HZ), PIT_HZ) < 40
      || nsOfTicks(ticksIn(since, PIT_HZ) + 1, PIT_HZ) - since < 40)
  })
}

export const pit: Target = {
  machine: 'pc',
  qemu: { watch: { type: 'isa-i8259', pins: 'out' } },
  ours: { high: b => (b.lines['0.intr'] ? [0] : []) },
  async prepare(on, qemu) {
    const start = [
      portOut(PORT_61, 1), ...[0, 1, 2].flatMap(n => [0x34 | (n << 6), 0].flatMap(v => (v ? [portOut(CONTROL, v)]
        : [portOut(0x40 + n, 0), portOut(0x40 + n, 0)]))), ...forget(OPEN),
    ]
    for (const o of start) {
      await qemu.apply(o as never)
      on.apply(o as never)
    }
  },
  next(r, on) {
    const n = r.below(3)
    switch (r.below(10)) {
      case 0: return r.chance(30) ? program(r, n) : []
      case 1: return [{ op: 'step', count: 1 + r.below(r.chance(10) ? 100 : 8) }]
      case 2: return [portOut(CONTROL, n << 6), ...reads(r, 0x40 + n)]
      case 3: return [portOut(CONTROL, 0xc0 | (r.below(8) << 1) | (r.below(4) << 4)), ...reads(r, 0x40 + n)]
      case 4: return [portIn(PORT_61)]
      case 5: {
        if (!r.chance(20)) return [portOut(PORT_61, 1 | (r.below(2) << 1))]
        const periodic = [2, 3].includes(modeOf(on, 2))
        return periodic ? [portOut(PORT_61, 0), { op: 'step', count: 1 }, portOut(PORT_61, 1)] : []
      }
      case 6: return r.chance(50) ? [...poll] : [portIn(CONTROL)]
      default: return reads(r, 0x40 + n)
    }
  },
  explained: [
    { reason: 'QEMU\'s time is known to some nanoseconds only', avoid: (_o, on) => ambiguous(on) && _o.op !== 'step' },
    {
      reason: 'QEMU counts on while the gate is low',
      avoid: (o, on) => channelOf(on, 2).gate === 0 && (o.op === 'in' ? o.at === 0x42 || o.at === PORT_61
        : o.op === 'out' && (o.at === 0x42 || (o.at === CONTROL && o.value >= 0x80))),
    },
    {
      reason: 'QEMU takes a new count at once, not at the end of the period',
      avoid(o, on) {
        const c = o.op === 'out' && o.at >= 0x40 && o.at < CONTROL ? channelOf(on, o.at - 0x40) : undefined
        return c !== undefined && c.loaded === 1 && c.writing !== 4
      },
    },
    {
      reason: 'QEMU inverts the pulses of modes 2 and 4 and has no null-count bit',
      mask(o, on) {
        if (o.op !== 'in') return 0
        if (o.at === PORT_61) return REFRESH | ENABLES | (modeOf(on, 2) & 1 || modeOf(on, 2) === 0 ? 0 : 0x20)
        const n = o.at - 0x40
        if (n < 0 || n > 2 || !channelOf(on, n).statusLatched) return 0
        return [2, 4].includes((channelOf(on, n).status >> 1) & 7) ? 0xc0 : 0x40
      },
    },
  ],
}

const reads = (r: Random, at: number): Op[] => Array.from({ length: 1 + r.below(4) }, () => portIn(at))
