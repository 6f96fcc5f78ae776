// Host bridge, PCI-to-ISA bridge and power management: configuration space, shadow RAM, power management ports.
import { withProperties } from '../machines.ts'
import { portIn, portOut, type Op, type Random, type Timeless } from '../script.ts'
import type { Ours } from '../ours.ts'
import type { Target } from '../targets.ts'

const ADDRESS = 0xcf8, DATA = 0xcfc
export const select = (devfn: number, register: number) => portOut(ADDRESS, 0x8000_0000 + devfn * 256 + (register & 0xfc), 4)
const BRIDGE = 0x00, ISA = 0x08, PM = 0x0b
const PAM = 0x59, SMRAM = 0x72, PIRQ = 0x60

/** Bytes that software writes: registers that both have in full. */
function writable(r: Random): readonly [devfn: number, register: number, value: number] {
  const pam = (nibble: number) => [0, 1, 3][nibble % 3]!
  switch (r.below(7)) {
    case 0: return [BRIDGE, PAM, pam(r.below(3)) << 4]
    case 1: case 2: return [BRIDGE, PAM + 1 + r.below(6), pam(r.below(3)) | (pam(r.below(3)) << 4)]
    case 3: return [BRIDGE, SMRAM, 2 | (r.below(2) << 6) | (r.below(2) << 3)]
    case 4: return [ISA, PIRQ + r.below(4), r.pick([0x80, 5, 9, 10, 11, 0x8b])]
    case 5: return [ISA, 0x4e, r.below(256)]
    default: return [r.pick([BRIDGE, ISA, PM]), 0x3c, r.below(256)]
  }
}

/** Our side has memory there, not only a bus that nobody answers. */
const present = (on: Ours, at: number) => on.system.memory.readableAt(at) >= 0

export const chipset: Target = {
  machine: 'pc',
  qemu: {},
  // QEMU's has 64 MiB: eight times 8 MiB.
  ours: { high: () => [], board: b => withProperties(b, 'i440fx', { coreboot: 8 }) },
  next(r) {
    const at = r.chance(85) ? 0xc_0000 + r.below(0x4_0000) : 0xa_0000 + r.below(0x2_0000)
    switch (r.below(8)) {
      case 0: {
        const [devfn, register, value] = writable(r)
        return [select(devfn, register), portOut(DATA + (register & 3), value), portIn(DATA + (register & 3))]
      }
      case 1: {
        const size = r.pick([1, 2, 4] as const), register = r.below(256) & -size
        return [select(r.pick([BRIDGE, ISA, PM, 0x0c, 0xf0]), register), portIn(DATA + (register & 3), size)]
      }
      case 2: return [portIn(ADDRESS, 4)]
      case 3: return r.chance(10) ? [portOut(ADDRESS, r.word() & 0x7fffffff, 4), portIn(DATA, 4)] : [portIn(0xcf9)]
      case 4: return r.chance(20) ? [portOut(0xcf9, r.pick([0, 2, 0xfb & r.below(256)]) & 0xfb), portIn(0xcf9)] : []
      case 5: return [write(at, r.below(256))]
      default: return [read(at & ~3), write(at & ~3, r.below(256))]
    }
  },
  explained: [
    {
      reason: 'where nobody answers QEMU reads zeros, or the empty ROM that it keeps for cards',
      mask: (o, on) => (o.op === 'read' && !present(on, o.at) ? -1 : 0),
    },
    {
      reason: 'where nobody answers on the PCI bus QEMU writes to the RAM below it; its test interface writes to ROM',
      avoid: (o, on) => o.op === 'write' && on.system.memory.ramAt(o.at) < 0,
    },
  ],
}
const read = (at: number): Timeless => ({ op: 'read', at, size: 1 })
const write = (at: number, value: number): Timeless => ({ op: 'write', at, size: 1, value: BigInt(value) })

const PM_AT = 0x600, GPE = 0xafe0, APM = 0xb2
const COMMANDS = [0xf0, 0xf1, 0x00, 0x55]
export const pm: Target = {
  machine: 'pc',
  qemu: { watch: { type: 'ioapic', pins: 'in', only: [9] } },
  ours: { high: b => (b.system.instance('pm').io.sci.level ? [9] : []) },
  async prepare(on, qemu) {
    const start = [
      select(PM, 0x40), portOut(DATA, PM_AT, 4), select(PM, 0x80), portOut(DATA, 1), portOut(PM_AT, 0xffff, 2),
    ]
    for (const o of start) {
      await qemu.apply(o)
      on.apply(o)
    }
  },
  next(r) {
    switch (r.below(12)) {
      case 0: return [portOut(PM_AT, r.pick([1, 0xffff, 0x100, 0]), 2)]
      case 1: return [portOut(PM_AT + 2, r.pick([0, 1, 0x21, 0x100, 0x521]), 2)]
      case 2: return [portOut(PM_AT + 4, r.word() & 0xdfff, 2)] // not to sleep
      case 3: return r.chance(30) ? [{ op: 'run', ms: 4 + r.below(6) }] : []
      case 4: return [{ op: 'step', count: 1 + r.below(20) }]
      case 5: return [portOut(GPE + 2 + r.below(2), r.below(256)), portIn(GPE + r.below(4))]
      case 6: return [portOut(GPE + r.below(2), r.below(256))]
      case 7: return [portOut(APM, r.pick(COMMANDS)), portIn(APM), portIn(PM_AT + 4, 2)]
      case 8: return [portOut(APM + 1, r.below(256)), portIn(APM + 1)]
      case 9: return [portIn(PM_AT + 8, 4)]
      default: return [portIn(PM_AT + 2 * r.below(3), 2)] as Op[]
    }
  },
  explained: [
    {
      reason: 'QEMU\'s time is known to some nanoseconds only',
      avoid(o, on) {
        const ticks = (on.clock.nowNs() * 3.579545) / 1000, near = ticks % 1
        return o.op === 'in' && (near < 0.1 || near > 0.9)
      },
    },
  ],
}
