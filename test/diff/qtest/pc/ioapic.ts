import type { Op, Random, Timeless } from '../script.ts'
import type { Target } from '../targets.ts'

const SELECT = 0xfec0_0000, WINDOW = 0xfec0_0010, EOI = 0xfec0_0040
const write = (at: number, value: number): Timeless => ({ op: 'write', at, size: 4, value: BigInt(value >>> 0) })
const read = (at: number): Timeless => ({ op: 'read', at, size: 4 })
const VECTORS = [0x30, 0x31, 0x40, 0x91]

/** Level-triggered or masked: what became of an edge shows only at the processor. */
function entry(r: Random): number {
  return r.pick(VECTORS) | (r.below(2) << 11) | (r.below(2) << 13) | (r.chance(80) ? 0x8000 : 0)
    | (r.chance(30) ? 0x1_0000 : 0) | (r.chance(20) ? 0x5000 : 0)
}

export const ioapic: Target = {
  machine: 'pc',
  qemu: { lines: 'ioapic' },
  ours: {
    lines: 'ioapic', high: () => [],
    board: b => ({ ...b, devices: b.devices.filter(d => d.id === 'ioapic') }),
  },
  next(r, on) {
    const n = r.chance(80) ? 3 + r.below(5) : 1 + r.below(23), low = 0x10 + 2 * n
    const level = (on.system.instance('ioapic').state.level >>> n) & 1
    switch (r.below(8)) {
      case 0: return [write(SELECT, low), write(WINDOW, entry(r)), read(WINDOW)]
      case 1: return [write(SELECT, low + 1), write(WINDOW, r.word()), read(WINDOW)]
      case 2: {
        const others = [0, 1, 2, 3, 0x0f, 0x40, 0xff]
        return r.chance(30) ? [write(SELECT, r.pick(others)), read(WINDOW), read(SELECT)] : []
      }
      case 3: return r.chance(20) ? [write(SELECT, 0), write(WINDOW, r.word()), read(WINDOW)] : []
      case 4: return [write(EOI, r.pick(VECTORS))]
      case 5: return [write(SELECT, low), read(WINDOW), write(SELECT, low + 1), read(WINDOW)] as Op[]
      default: return [{ op: 'line', index: n, level: !level }]
    }
  },
  explained: [
    {
      reason: 'QEMU looks at a level-triggered pin only when it changes, not when its trigger mode does',
      avoid(o, on) {
        const s = on.system.instance('ioapic').state, n = (s.select - 0x10) >> 1
        if (o.op !== 'write' || o.at !== WINDOW || s.select & 1 || n < 0 || n > 23) return false
        return ((s.low[n] ^ Number(o.value)) & 0x8000) !== 0 && (((s.level | s.irr) >>> n) & 1) === 1
      },
    },
    {
      reason: 'QEMU keeps bits of an entry that the data sheet reserves',
      mask: (o, on) => {
        const { select } = on.system.instance('ioapic').state
        return o.op === 'read' && o.at === WINDOW && select >= 0x10 ? (select & 1 ? 0xffffff : 0xfffe_0000 | 0) : 0
      },
    },
  ],
}
