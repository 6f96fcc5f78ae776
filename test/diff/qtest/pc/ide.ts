// The PIIX3's IDE function with two disks, against QEMU's pc: task files, transfers through the data register,
// bus master transfers, what IDENTIFY says.
import type { BlockBackend } from '../../../../src/device/block.ts'
import { AFTER, type DriveSpec, type IdeBackend } from '../../../../src/devices/block/ata.ts'
import { ideController } from '../../../../src/machines/pc-cards.ts'
import { pcWith } from '../machines.ts'
import type { Ours } from '../ours.ts'
import type { Qemu } from '../qemu.ts'
import { portIn, portOut, random, type Op, type Random, type Timeless } from '../script.ts'
import type { Target } from '../targets.ts'
import { select } from './chipset.ts'

export const RAM = 0x10_0000, BM = 0xc000
const DEVFN = 1 << 3 | 1
const SECTORS = [5000, 40_000] as const
const CONTENTS = SECTORS.map((n, i) => {
  const r = random(100 + i)
  return Uint8Array.from({ length: n * 512 }, () => r.word() >>> 9)
})
const spec = (i: number): DriveSpec => ({
  media: { sizeBytes: SECTORS[i]! * 512, readOnly: false }, serial: `SN${i}`, model: `MODEL ${i}`, firmware: 'F1',
})

export const memoryDisk = (bytes: Uint8Array): BlockBackend => ({
  immediate: true,
  read(offset, into) {
    for (const part of into) {
      part.set(bytes.subarray(offset, offset + part.length))
      offset += part.length
    }
  },
  write(offset, from) {
    for (const part of from) {
      bytes.set(part, offset)
      offset += part.length
    }
  },
  flush() {}, discard() {}, zero() {},
  failed: (_what, error) => { throw error },
})

const BASE = [0x1f0, 0x170], CONTROL = [0x3f6, 0x376]
export const reg = (ch: number, n: number) => BASE[ch]! + n

/** Where a command starts: 28-bit or 48-bit address or cylinder, head, sector; sometimes beyond the end. */
function address(r: Random, ch: number, wide: boolean, count: number): Timeless[] {
  const total = SECTORS[ch]!, at = r.chance(5) ? total - r.below(8) : r.below(total - 300)
  const out: Timeless[] = [], pair = (n: number, high: number, low: number) => {
    if (wide) out.push(portOut(reg(ch, n), high & 0xff))
    out.push(portOut(reg(ch, n), low & 0xff))
  }
  if (!wide && r.chance(30)) {
    const cylinder = r.below(total / (16 * 63) | 0), head = r.below(16)
    return [portOut(reg(ch, 6), 0xa0 | head), portOut(reg(ch, 2), count & 0xff), portOut(reg(ch, 3), 1 + r.below(63)),
      portOut(reg(ch, 4), cylinder & 0xff), portOut(reg(ch, 5), cylinder >> 8)]
  }
  out.push(portOut(reg(ch, 6), 0xe0 | (wide ? 0 : at >> 24)))
  pair(2, count >> 8, count)
  pair(3, at / 2 ** 24, at)
  pair(4, 0, at >> 8)
  pair(5, 0, at >> 16)
  return out
}

export const status = (ch: number): Timeless[] => [portIn(reg(ch, 7)), ...[1, 2, 3, 4, 5, 6].map(n => portIn(reg(ch, n)))]
export const data = (r: Random, ch: number, words: number, writes: boolean): Timeless[] => {
  const out: Timeless[] = []
  for (let done = 0; done < words;) {
    const size = words - done >= 2 && r.chance(50) ? 4 : 2
    out.push(writes ? portOut(reg(ch, 0), size === 4 ? r.word() : r.below(65536), size) : portIn(reg(ch, 0), size))
    done += size / 2
  }
  return out
}

function pio(r: Random, ch: number): Timeless[] {
  const wide = r.chance(30), multiple = r.chance(30), writes = r.chance(40), count = 1 + r.below(multiple ? 20 : 3)
  const code = writes ? (multiple ? (wide ? 0x39 : 0xc5) : wide ? 0x34 : r.pick([0x30, 0x31]))
    : multiple ? (wide ? 0x29 : 0xc4) : wide ? 0x24 : r.pick([0x20, 0x21])
  const words = r.chance(85) ? count * 256 : r.below(count * 256)
  const ops = [...address(r, ch, wide, count), portOut(reg(ch, 7), code), ...data(r, ch, words, writes), ...status(ch)]
  return words < count * 256 ? [...ops, ...abandon(ch)] : ops
}

/** Ends whatever is going on. With nIEN: a reset raises no interrupt, in QEMU's either. */
export const abandon = (ch: number): Timeless[] =>
  [portOut(CONTROL[ch]!, 6), portOut(CONTROL[ch]!, 2), portIn(reg(ch, 7)), ...status(ch), portOut(CONTROL[ch]!, 0)]

/** A table of random regions, for at least, exactly, or less than the sectors wanted. */
function dma(r: Random, ch: number): Timeless[] {
  const wide = r.chance(40), writes = r.chance(40), count = 1 + r.below(r.pick([1, 8, 100]))
  const wanted = count * 512 + r.pick([0, 0, 0, 1024, -512, -200])
  const table: number[] = [], buffer = RAM + 0x2_0000
  for (let left = Math.max(2, wanted), pa = buffer; left > 0;) {
    const length = Math.min(left, r.chance(50) ? left : 2 * (1 + r.below(2000)), 0xfffe) & ~1
    left -= length
    table.push(pa, length | (left <= 0 ? 0x8000_0000 : 0))
    pa += length + 4 * r.below(5)
  }
  const bytes = new Uint8Array(Uint32Array.from(table).buffer), at = RAM + 0x1000 + 4 * r.below(100), bm = BM + 8 * ch
  const code = writes ? (wide ? 0x35 : r.pick([0xca, 0xcb])) : wide ? 0x25 : r.pick([0xc8, 0xc9])
  const start = portOut(bm, writes ? 1 : 9), go = [portOut(reg(ch, 7), code), start]
  return [
    { op: 'fill', at, bytes }, { op: 'fill', at: buffer, bytes: Uint8Array.from({ length: 4096 }, () => r.word()) },
    portOut(bm + 4, at, 4), portOut(bm + 2, 0x66), portIn(bm + 2), ...address(r, ch, wide, count),
    ...(r.chance(80) ? go : go.reverse()), portIn(bm), portIn(bm + 2), ...status(ch),
    { op: 'dump', at: buffer, bytes: Math.min(60_000, Math.max(16, wanted + 64)) },
    portOut(bm, 0), portIn(bm + 2), portOut(bm + 2, 6), ...abandon(ch),
  ]
}

const OTHER = [0x00, 0x10, 0x40, 0x41, 0x42, 0x70, 0x91, 0x94, 0x95, 0x98, 0xe0, 0xe1, 0xe2, 0xe3, 0xe5, 0xe6, 0xe7, 0xea, 0xf8,
  0x27, 0xa0, 0xa1, 0x08, 0x05, 0xff, 0x90]

function command(r: Random, ch: number): Timeless[] {
  switch (r.below(4)) {
    case 0: return [portOut(reg(ch, 6), 0xe0), portOut(reg(ch, 7), 0xec), ...data(r, ch, 256, false), ...status(ch)]
    case 1: return [portOut(reg(ch, 2), r.pick([0, 1, 2, 4, 8, 16, 3, 32])), portOut(reg(ch, 7), 0xc6), ...status(ch)]
    case 2: return [portOut(reg(ch, 1), r.pick([2, 3, 3, 3, 0x82, 0xaa, 0x55, 0x66, 0xcc, 0x11, 0x85, 5])),
      portOut(reg(ch, 2), r.pick([0, 8, 0xc, 0x22, 0x42, 0x45, 0x13, 0x80])), portOut(reg(ch, 7), 0xef), ...status(ch)]
    default: return [...address(r, ch, false, 1), portOut(reg(ch, 7), r.pick(OTHER)), ...status(ch)]
  }
}

/** Places the bus master's registers, on both sides. */
export async function mapIde(on: Ours, qemu: Qemu): Promise<void> {
  for (const [register, value] of [[0x20, BM | 1], [4, 5]] as const)
    for (const o of [select(DEVFN, register), portOut(0xcfc, value, 4)]) {
      await qemu.apply(o)
      on.apply(o)
    }
}

/** Waits for the status, and for bits of the bus master's. */
export function quiesceIde(masterBits: number): NonNullable<Target['quiesce']> {
  return async (o, on, qemu) => {
    if (o.op !== 'out') return
    const ch = [0, 1].find(n => o.at - (o.at & 7) === BASE[n] || o.at === CONTROL[n] || o.at - (o.at & 7) === BM + 8 * n)
    if (ch === undefined) return
    for (const [at, bits] of [[CONTROL[ch]!, 0xff], [BM + 8 * ch + 2, masterBits]] as const) {
      const ask = portIn(at), wanted = Number(on.apply(ask).value) & bits
      for (let tries = 0; tries < 500 && (Number((await qemu.apply(ask)).value) & bits) !== wanted; tries++);
    }
  }
}

export const ide: Target = {
  machine: 'pc',
  qemu: {
    watch: { type: 'ioapic', pins: 'in', only: [14, 15] },
    files: Object.fromEntries(CONTENTS.map((c, i) => [`disk${i}`, c])),
    args: [0, 1].flatMap(i => ['-drive', `file=%DIR/disk${i},format=raw,if=none,id=d${i},cache=unsafe`,
      '-device', `ide-hd,drive=d${i},bus=ide.${i},unit=0,serial=SN${i},model=MODEL ${i},ver=F1,discard_granularity=0`]),
  },
  ours: {
    board: () => pcWith({ pci: [ideController([spec(0), undefined, spec(1)])] }),
    prepare(b) {
      const [first, second] = CONTENTS.map(c => memoryDisk(c.slice()))
      const backend: IdeBackend = { units: [first, undefined, second, undefined] }
      b.system.attach('ide', backend)
    },
    high(b) {
      b.system.serve()
      const { irq } = b.system.instance('ide').io
      return [14, 15].filter(n => irq[n - 14].level)
    },
  },
  async prepare(on, qemu) {
    await mapIde(on, qemu)
    // QEMU forgets modes that were chosen before the first IDENTIFY DEVICE.
    const identify = (ch: number) => [portOut(reg(ch, 7), 0xec), ...Array<Timeless>(128).fill(portIn(reg(ch, 0), 4))]
    for (const ch of [0, 1]) for (const o of [...abandon(ch), ...identify(ch)]) {
      await qemu.apply(o)
      on.apply(o)
    }
  },
  next(r) {
    const ch = r.below(2), kind = r.below(100)
    if (kind < 30) return pio(r, ch)
    if (kind < 50) return dma(r, ch)
    if (kind < 70) return command(r, ch)
    if (kind < 85) return [portOut(reg(ch, 1 + r.below(6)), r.below(256) & 0xef), ...status(ch)]
    if (kind < 90) return [portOut(CONTROL[ch]!, r.pick([0, 2, 0x80, 0x82])), ...status(ch), portOut(CONTROL[ch]!, 0)]
    if (kind < 95) return [portOut(reg(ch, 6), 0xb0), ...status(ch), portOut(reg(ch, 6), 0xa0)]
    const bm = BM + 8 * ch
    return [r.chance(50) ? portIn(bm + r.below(8), r.pick([1, 1, 2])) : portOut(bm + 4, r.word(), 4)]
  },
  quiesce: quiesceIde(0xff),
  explained: [
    {
      reason: 'QEMU\'s disk offers SMART: bit 0 of words 82 and 85 of IDENTIFY DEVICE',
      mask: (o, on) => identified(o, on, word => (word === 82 || word === 85 ? 1 : 0)),
    },
    {
      reason: 'words 54 to 58 of IDENTIFY DEVICE follow INITIALIZE DEVICE PARAMETERS; QEMU\'s stay as they were',
      mask: (o, on) => identified(o, on, word => (word >= 54 && word <= 58 ? 0xffff : 0)),
    },
  ],
}

/** Bits of the words of IDENTIFY DEVICE that an access to the data register reads. */
function identified(o: Op, on: Ours, bits: (word: number) => number): number {
  const ch = o.op === 'in' ? BASE.indexOf(o.at) : -1
  if (o.op !== 'in' || o.size === 1 || ch < 0) return 0
  const u = on.system.instance('ide').state.unit[2 * ch]
  if (u.after !== AFTER.NOTHING || u.end === 0) return 0
  return bits(u.at / 2) | (o.size === 4 ? bits(u.at / 2 + 1) << 16 : 0)
}
