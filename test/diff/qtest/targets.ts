// What is compared for each device: a generator of scripts, the pins to watch, and the explained differences.
import type { Bench } from '../../../src/device/testing.ts'
import { VIRT } from '../../../src/machines/virt-riscv.ts'
import type { Ours, OursSetup } from './ours.ts'
import type { Qemu, QemuSetup } from './qemu.ts'
import type { Op, Random, Timeless } from './script.ts'
import { pcTargets } from './pc-targets.ts'
import { virtioTargets } from './virtio-targets.ts'

export type Explained = {
  readonly reason: string
  /** Left out of scripts: the two would be in different states from there on. */
  readonly avoid?: (o: Op, on: Ours) => boolean
  /** Compared no further than that both answer. */
  readonly ignoreValue?: (o: Op) => boolean
  /** Bits of a value that are not compared. */
  readonly mask?: (o: Op, on: Ours) => number
}
export type Target = {
  /** The `virt` machine when left out. */
  readonly machine?: 'virt' | 'pc'
  readonly qemu: QemuSetup
  readonly ours: OursSetup
  /** Brings both sides to the same start. */
  prepare?(on: Ours, qemu: Qemu): Promise<void>
  next(r: Random, on: Ours): Op[]
  /** Operations for both sides after `o`, before pins are compared: where QEMU derives them late. */
  settle?(o: Op, on: Ours): Timeless[]
  /** Waits until QEMU has done what `o` started; ours has. What is different after a while stays so. */
  quiesce?(o: Op, on: Ours, qemu: Qemu): Promise<void>
  readonly explained: readonly Explained[]
}

const read = (at: number, size: 1 | 2 | 4 | 8 = 4): Timeless => ({ op: 'read', at, size })
const write = (at: number, value: number | bigint, size: 1 | 2 | 4 | 8 = 4): Timeless => ({
  op: 'write',
  at,
  size,
  value: BigInt(value),
})
const plicInputs = (b: Bench) => setBits(b.system.instance('plic').state.level)
const setBits = (words: ArrayLike<number>) =>
  Array.from({ length: words.length * 32 }, (_, i) => i).filter(i => (words[i >> 5]! >>> (i & 31)) & 1)
const interesting = (r: Random) =>
  r.pick([0, 1, 0xff, 0xffffffff, 0x80000000, r.below(16), r.below(256), r.word()])

const uart: Target = {
  qemu: { watch: { type: 'riscv.sifive.plic', pins: 'in' } },
  ours: {
    high: plicInputs,
    // The rate QEMU gives this UART: it sets the length of the receive timeout only.
    board: b => ({
      ...b,
      devices: b.devices.map(d => (d.id === 'serial0' ? { ...d, properties: { baudbase: 399193 } } : d)),
    }),
  },
  next(r) {
    if (r.chance(2)) return [{ op: 'step', count: 1 + r.below(200) }]
    const reg = r.below(8),
      size = r.chance(90) ? 1 : r.pick([2, 4, 8] as const),
      at = VIRT.UART + reg - (reg % size)
    if (r.chance(45)) return [read(at, size)]
    const value =
      [
        r.word() & 0xff,
        r.below(16),
        r.pick([0, 1, 3, 7, 0x41, 0x81, 0xc1, 0xc7]),
        r.pick([3, 0x83, 0, 0x1f]),
        r.pick([0, 8, 0xb, 0x10, 0x1b, 0x1f]),
      ][reg] ?? r.word() & 0xff
    return [write(at, size === 1 ? value : (r.word() & ~0xff) | value, size)].map(unsigned)
  },
  explained: [
    {
      reason:
        'with a divisor of 0, or before a rate was ever set, a character has no defined length',
      avoid: (o, on) => {
        const s = on.system.instance('serial0').state
        return o.op === 'step' && s.rx.length > 0 && (s.divisor === 0 || s.divisor === 12)
      },
    },
  ],
}
const unsigned = (o: Op): Op => (o.op === 'write' ? { ...o, value: BigInt.asUintN(8 * o.size, o.value) } : o)

const SOURCES = 96
// Titles in quotes are sections of the PLIC specification.
const plic: Target = {
  qemu: { lines: 'riscv.sifive.plic', watch: { type: 'riscv.sifive.plic', pins: 'out' } },
  ours: {
    lines: 'plic',
    // QEMU numbers the supervisor contexts first.
    high: b => {
      const io = b.system.instance('plic').io
      return [1, 0].flatMap((c, i) => (io.context[c].level ? [i] : []))
    },
  },
  next(r, on) {
    const source = r.chance(70) ? 1 + r.below(8) : 1 + r.below(SOURCES - 1), context = r.below(2)
    const claimAt = VIRT.PLIC + 0x200004 + context * 0x1000
    switch (r.below(9)) {
      case 0:
        return [write(VIRT.PLIC + 4 * source, r.chance(80) ? r.below(8) : r.word())]
      case 1:
        return [read(VIRT.PLIC + 4 * source)]
      case 2:
        return [read(VIRT.PLIC + 0x1000 + 4 * r.below(3))]
      case 3:
        return [write(VIRT.PLIC + 0x2000 + 0x80 * context + 4 * r.below(3), r.word())]
      case 4:
        return [
          read(VIRT.PLIC + 0x2000 + 0x80 * context + 4 * r.below(3)),
          read(VIRT.PLIC + 0x200000 + 0x1000 * context),
        ]
      case 5:
        return r.chance(20) ? [write(VIRT.PLIC + 0x200000 + 0x1000 * context, r.below(8))] : []
      case 6:
        return [read(claimAt)]
      case 7: {
        const claimed = setBits(on.system.instance('plic').state.claimed)
        return [write(claimAt, claimed.length ? r.pick(claimed) : source)]
      }
      default: return [{ op: 'line', index: source, level: r.chance(60) }]
    }
  },
  // QEMU 7.2 does not look at its outputs after a write of an enable or threshold register; a priority write
  // makes it.
  settle(o, on) {
    if (o.op !== 'write' || o.at < VIRT.PLIC + 0x2000) return []
    return [write(VIRT.PLIC + 4, on.system.instance('plic').state.priority[1])]
  },
  explained: [
    {
      reason: '"Interrupt Claim Process": a claim does not look at the threshold; QEMU 7.2 does',
      avoid: (o, on) => {
        if (o.op !== 'read' || o.at < VIRT.PLIC + 0x200000 || (o.at & 0xfff) !== 4) return false
        const s = on.system.instance('plic').state, c = (o.at - VIRT.PLIC - 0x200004) / 0x1000
        return s.threshold[c] > 0
      },
    },
    {
      reason:
        '"Interrupt Gateways": a request stays once forwarded, although its line falls; not in QEMU 7.2',
      avoid: (o, on) => o.op === 'line' && !o.level && hasBit(on, 'pending', o.index),
    },
    {
      reason:
        '"Interrupt Gateways": nothing is forwarded between claim and completion; not in QEMU 7.2',
      avoid: (o, on) => o.op === 'line' && o.level && hasBit(on, 'claimed', o.index),
    },
    {
      reason:
        '"Interrupt Gateways": a line that is high at completion asks again; QEMU 7.2 does not',
      avoid: (o, on) =>
        o.op === 'write' && isClaim(o.at) && o.value < SOURCES && hasBit(on, 'level', Number(o.value)),
    },
    {
      reason:
        '"Interrupt Completion": if the source is not enabled it is ignored; QEMU 7.2 takes it',
      avoid: (o, on) => {
        if (o.op !== 'write' || !isClaim(o.at)) return false
        const c = (o.at - VIRT.PLIC - 0x200004) / 0x1000,
          s = on.system.instance('plic').state,
          n = Number(o.value)
        return n < SOURCES && !((s.enable[c * 3 + (n >> 5)] >>> (n & 31)) & 1)
      },
    },
    {
      reason:
        '"Interrupt Enables": source 0 does not exist, its enable bit is 0; QEMU 7.2 keeps what is written',
      avoid: o =>
        o.op === 'write'
        && o.at >= VIRT.PLIC + 0x2000
        && o.at < VIRT.PLIC + 0x200000
        && (o.at & 0x7f) === 0
        && (o.value & 1n) === 1n,
    },
  ],
}
const isClaim = (at: number) => at >= VIRT.PLIC + 0x200000 && (at & 0xfff) === 4
const hasBit = (on: Ours, field: string, n: number) =>
  ((on.system.instance('plic').state[field][n >> 5] >>> (n & 31)) & 1) === 1

const CMP = VIRT.CLINT + 0x4000, TIME = VIRT.CLINT + 0xbff8
const clint: Target = {
  qemu: { watch: { type: 'riscv.aclint.mtimer', pins: 'out' } },
  ours: { high: b => (b.system.instance('clint').io.mtip[0].level ? [0] : []) },
  async prepare(on, qemu) { // lowers the line, whose level before the watch began is unknown
    const never = { op: 'write', at: CMP, size: 8, value: 2n ** 64n - 1n } as const
    on.apply(never)
    await qemu.apply(never)
  },
  next(r, on) {
    const now = BigInt(on.clock.nowNs()) / 100n
    switch (r.below(9)) {
      case 0: return [write(VIRT.CLINT, r.word()), read(VIRT.CLINT)]
      case 1: return [write(CMP, now + BigInt(r.below(400)) - 50n > 0n ? now + BigInt(r.below(400)) : 0n, 8)]
      case 2: return [write(CMP + 4 * r.below(2), r.chance(50) ? 0 : interesting(r))]
      case 3: return [read(CMP, 8), read(CMP + 4 * r.below(2))]
      case 4: return [read(TIME, 8), read(TIME + 4)]
      case 5: return r.chance(20) ? [write(TIME, BigInt(r.word()) * BigInt(r.pick([1, 1 << 20])), 8)] : []
      case 6: return r.chance(20) ? [write(TIME + 4 * r.below(2), interesting(r))] : []
      default: return [{ op: 'step', count: 1 + r.below(20) }]
    }
  },
  explained: [],
}

const rtc: Target = {
  qemu: { watch: { type: 'riscv.sifive.plic', pins: 'in' } },
  ours: { high: plicInputs },
  next(r, on) {
    const s = on.system.instance('rtc').state
    const now = s.offsetNs + BigInt(on.clock.nowNs())
    const at = VIRT.RTC + 4 * r.below(8)
    switch (r.below(6)) {
      case 0: return [{ op: 'step', count: 1 + r.below(30) }]
      case 1: {
        const alarm = BigInt.asUintN(64, now + BigInt(r.below(40_000)))
        return [write(VIRT.RTC + 0xc, alarm >> 32n), write(VIRT.RTC + 8, alarm & 0xffffffffn)]
      }
      case 2: return [write(VIRT.RTC + r.pick([0x10, 0x14, 0x1c]), r.word())]
      case 3: return r.chance(10) ? [write(VIRT.RTC + r.pick([0, 4]), r.word() >>> 1)] : []
      default: return [read(at)]
    }
  },
  explained: [
    {
      reason: 'these registers are write-only',
      ignoreValue: o => o.op === 'read' && [0x14, 0x1c].includes(o.at - VIRT.RTC),
    },
  ],
}

/** What QEMU 7.2 lists on this machine; -fw_cfg is refused there. */
const QEMU_FILES = {
  'bios-geometry': new Uint8Array(0),
  bootorder: new Uint8Array(0),
  'etc/boot-fail-wait': new Uint8Array(4).fill(0xff),
}
const fw: Target = {
  qemu: {},
  ours: {
    high: () => [],
    board: b => ({
      ...b,
      devices: b.devices.map(d => (d.id === 'fw-cfg' ? { ...d, properties: { files: QEMU_FILES } } : d)),
    }),
  },
  next(r) {
    const { FW_CFG } = VIRT, swap16 = (v: number) => ((v & 0xff) << 8) | ((v >> 8) & 0xff)
    const keys = [0, 1, 0x19, 0x20, 0x22, 0x22, 0x4000, 0x4022, 0x8000, 0xffff, 0x3f]
    switch (r.below(4)) {
      case 0: return [write(FW_CFG + 8, swap16(r.pick(keys)), 2)]
      case 1: return [read(FW_CFG, r.pick([1, 2, 4, 8] as const))]
      case 2: return r.chance(30) ? [read(FW_CFG + 16, 8), read(FW_CFG + 16 + 4 * r.below(2))] : []
      default: return descriptor(r, r.pick(keys))
    }
  },
  explained: [],
}

/** A DMA operation: its descriptor at the second page, its data in the third or nowhere. */
function descriptor(r: Random, key: number): Op[] {
  const at = VIRT.DRAM + 0x1000 + 4 * r.below(8),
    target = r.chance(90) ? VIRT.DRAM + 0x2000 + r.below(64) : 0x0900_0000
  const control = (r.chance(40) ? 8 : 0) | r.pick([0, 2, 2, 2, 4, 6, 16]),
    length = r.pick([0, 1, 4, 8, 17, 64, 200])
  const bytes = new Uint8Array(16),
    view = new DataView(bytes.buffer)
  view.setUint32(0, (key << 16) | control)
  view.setUint32(4, length)
  view.setUint32(12, target)
  const address = new DataView(new ArrayBuffer(8))
  address.setBigUint64(0, BigInt(at))
  const go: Op[] = r.chance(50)
    ? [write(VIRT.FW_CFG + 16, address.getBigUint64(0, true), 8)]
    : [
        write(VIRT.FW_CFG + 16, address.getUint32(0, true)),
        write(VIRT.FW_CFG + 20, address.getUint32(4, true)),
      ]
  return [
    { op: 'fill', at: VIRT.DRAM + 0x2000, bytes: new Uint8Array(320).fill(0xa5) },
    { op: 'fill', at, bytes },
    ...go,
    { op: 'dump', at, bytes: 16 },
    { op: 'dump', at: VIRT.DRAM + 0x2000, bytes: 320 },
    read(VIRT.FW_CFG, 1),
  ]
}

export const targets: { readonly [device: string]: Target } = {
  uart,
  plic,
  clint,
  rtc,
  'fw-cfg': fw,
  ...virtioTargets,
  ...pcTargets,
}

/** Why an operation is left out of scripts, if it is. */
export const avoided = (t: Target, o: Op, on: Ours): string | undefined => t.explained.find(e => e.avoid?.(o, on))?.reason
