// Guest-physical memory as processors, DMA and loaders see it. Addresses are JS numbers below 2^53. One
// object per thread over the one memory; nothing here is guest state.
//
//   memory.ramAt(pa)                 host byte offset, or -1 (not RAM, or ROM: see isRom)
//   memory.read(pa, size)            1, 2 or 4 bytes, unsigned; memory.write(pa, size, value)
//   memory.readWide(pa, out)         8 bytes as out[0] low, out[1] high; memory.writeWide(pa, lo, hi)
//   memory.mapped(pa, size, write)   whether such an access reaches anything (a CPU decides on a fault by it)
//   memory.readBytes(pa, bytes)      DMA and loaders; RAM and ROM at full speed, MMIO not at all
//
// An access to nothing, or one that a device refuses by its size, is a guest error: it reads as `floating`
// and writes nothing.
import { guestError } from '../base/log.ts'
import { emitTrace } from '../base/trace.ts'
import type { Views } from '../state/views.ts'
import type { DirtyMap } from './dirty.ts'
import { flatten, type Container, type FlatRange, type MmioOps } from './regions.ts'
import { memTraces } from './trace.ts'

export type MemoryOptions = {
  readonly views: Views
  readonly root: Container
  /** What the bus reads where nothing answers: 0 (default) or 0xff per byte. */
  readonly floating?: 0 | 0xff
  /** The word that changes when a window moved (windows.ts). */
  readonly generation?: { readonly words: Int32Array; readonly at: number }
  /**
   * An access that crosses a region's end, or that its rules refuse as too wide or unaligned, is made in
   * pieces that they allow, as an I/O bus does; otherwise such accesses are refused.
   */
  readonly splits?: boolean
  /** Called after RAM was written through this object, so that translated code follows. */
  readonly onWritten?: (pa: number, sizeBytes: number) => void
}

const READ = memTraces.memory_region_ops_read, WRITE = memTraces.memory_region_ops_write
const wide = (lo: number, hi: number) => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)
const hex = (n: number) => `0x${n.toString(16)}`
const NOTHING: FlatRange = {
  start: 0,
  end: 0,
  region: { kind: 'ram', name: '', sizeBytes: 0, hostOffset: 0, rom: true },
  offset: 0,
}

export class PhysicalMemory {
  readonly views: Views
  /** Replaceable: the accelerator's hook for self-modifying code. */
  onWritten: (pa: number, sizeBytes: number) => void
  readonly #root: Container
  readonly #u8: Uint8Array
  readonly #data: DataView
  readonly #floating: number
  readonly #splits: boolean
  readonly #words: Int32Array
  readonly #word: number
  #generation = 0
  #ranges: readonly FlatRange[] = []
  #ram: readonly FlatRange[] = []
  /** RAM that displays show. */
  #shown: readonly (RamLeaf & { readonly dirty: DirtyMap })[] = []
  #lastRam: FlatRange = NOTHING
  #last: FlatRange = NOTHING

  constructor(options: MemoryOptions) {
    this.views = options.views
    this.onWritten = options.onWritten ?? (() => {})
    this.#root = options.root
    this.#u8 = options.views.u8
    this.#data = options.views.data
    this.#floating = options.floating ? 0xffffffff : 0
    this.#splits = options.splits ?? false
    this.#words = options.generation?.words ?? new Int32Array(1)
    this.#word = options.generation?.at ?? 0
    this.#rebuild()
  }

  /** The flat view, ascending: for `info mtree` and for accelerators that register RAM. */
  get ranges(): readonly FlatRange[] {
    this.#refresh()
    return this.#ranges
  }

  /** Another number after a window moved. */
  get generation(): number { return this.#words[this.#word]! }

  /** The tree changed in this thread (a board being assembled). */
  invalidate(): void {
    this.#rebuild()
  }

  /** The lowest address at which the byte of RAM or ROM at this host offset is seen, or -1. */
  physicalOf(host: number): number {
    for (const r of this.ranges) {
      if (r.region.kind !== 'ram') continue
      const pa = r.start + (host - hostOf(r, r.start))
      if (pa >= r.start && pa < r.end) return pa
    }
    return -1
  }

  /** Host byte offset of writable RAM at `pa`, or -1. */
  ramAt(pa: number): number {
    if (this.#words[this.#word] !== this.#generation) this.#rebuild()
    const r = this.#lastRam
    if (pa >= r.start && pa < r.end) return hostOf(r, pa)
    for (const r of this.#ram)
      if (pa >= r.start && pa < r.end && !(r.region as RamLeaf).rom) {
        this.#lastRam = r
        return hostOf(r, pa)
      }
    return -1
  }

  /** Host byte offset of RAM or ROM at `pa`, or -1: for reads and instruction fetch. */
  readableAt(pa: number): number {
    this.#refresh()
    for (const r of this.#ram) if (pa >= r.start && pa < r.end) return hostOf(r, pa)
    return -1
  }

  isRom(pa: number): boolean {
    const r = this.#find(pa)
    return r?.region.kind === 'ram' && r.region.rom
  }

  /** Bytes from `pa` to the end of its RAM or ROM range; 0 if there is none. */
  runAt(pa: number): number {
    const r = this.#find(pa)
    return r?.region.kind === 'ram' ? r.end - pa : 0
  }

  /** Whether an access of 1, 2, 4 or 8 bytes is answered. */
  mapped(pa: number, size: number, _write = false): boolean {
    const r = this.#find(pa)
    if (!r) return false
    if (r.region.kind === 'mmio')
      return pa + size <= r.end && accepts(r.region.ops, r.offset + pa - r.start, size)
    return pa + size <= r.end || this.mapped(r.end, 1, _write)
  }

  read(pa: number, size: number): number {
    const r = this.#find(pa)
    if (r === undefined) return this.#absent(pa, size, false)
    if (pa + size > r.end && !this.#reaches(r, pa, size)) return this.#readAcross(pa, size, r.end - pa)
    if (r.region.kind === 'mmio') {
      const value = this.#readDevice(r.region.ops, r.offset + pa - r.start, size, pa)
      if (READ.enabled) emitTrace(READ, r.region.name, pa, value, size)
      return value
    }
    const at = hostOf(r, pa)
    return size === 4
      ? this.#data.getUint32(at, true)
      : size === 2
        ? this.#data.getUint16(at, true)
        : this.#u8[at]!
  }

  write(pa: number, size: number, value: number): void {
    const r = this.#find(pa)
    if (r === undefined) return void this.#absent(pa, size, true)
    if (pa + size > r.end && !this.#reaches(r, pa, size)) return this.#writeAcross(pa, size, value, r.end - pa)
    if (r.region.kind === 'mmio') {
      if (WRITE.enabled) emitTrace(WRITE, r.region.name, pa, value >>> 0, size)
      return this.#writeDevice(r.region.ops, r.offset + pa - r.start, size, value >>> 0, pa)
    }
    if (r.region.rom) return guestError('memory', () => `write to ROM at ${hex(pa)}`)
    const at = hostOf(r, pa)
    if (size === 4) this.#data.setUint32(at, value, true)
    else if (size === 2) this.#data.setUint16(at, value, true)
    else this.#u8[at] = value
    this.written(pa, size)
  }

  readWide(pa: number, out: Uint32Array): void {
    const r = this.#find(pa)
    if (r?.region.kind === 'mmio' && pa + 8 <= r.end) {
      this.#readWideDevice(r.region.ops, r.offset + pa - r.start, pa, out)
      if (READ.enabled) emitTrace(READ, r.region.name, pa, wide(out[0]!, out[1]!), 8)
      return
    }
    out[0] = this.read(pa, 4)
    out[1] = this.read(pa + 4, 4)
  }

  writeWide(pa: number, lo: number, hi: number): void {
    const r = this.#find(pa)
    if (r?.region.kind === 'mmio' && pa + 8 <= r.end) {
      const { ops } = r.region, offset = r.offset + pa - r.start
      if (WRITE.enabled) emitTrace(WRITE, r.region.name, pa, wide(lo, hi), 8)
      if (!accepts(ops, offset, 8)) return void this.#refuse(pa, 8)
      if (ops.rules.impl.max >= 8)
        return ops.writeWide ? ops.writeWide(offset, lo >>> 0, hi >>> 0) : ops.write(offset, lo >>> 0, 8)
      writeSplit(ops, offset, 4, lo >>> 0)
      writeSplit(ops, offset + 4, 4, hi >>> 0)
      return
    }
    this.write(pa, 4, lo)
    this.write(pa + 4, 4, hi)
  }

  /** Whether a display shows RAM at a host byte offset: then writes to it must be told by `shownWritten`. */
  isShown(host: number): boolean {
    for (const r of this.#shown) if (host >= r.hostOffset && host < r.hostOffset + r.sizeBytes) return true
    return false
  }

  /** Whoever writes RAM by host byte offsets says so here, after the write. */
  shownWritten(host: number, sizeBytes: number): void {
    for (const r of this.#shown)
      if (host >= r.hostOffset && host < r.hostOffset + r.sizeBytes) r.dirty.markDirty(host - r.hostOffset, sizeBytes)
  }

  /** RAM was written, by this object or by its host offset: translated code and dirty maps follow. */
  written(pa: number, sizeBytes: number): void {
    const r = this.#find(pa)
    if (r?.region.kind === 'ram') r.region.dirty?.markDirty(r.offset + pa - r.start, Math.min(sizeBytes, r.end - pa))
    this.onWritten(pa, sizeBytes)
  }

  /** Copies from guest RAM and ROM. Elsewhere it reads as floating; false if any byte did. */
  readBytes(pa: number, into: Uint8Array): boolean {
    return this.#runs(pa, into.length, (at, done, length) => {
      if (at < 0) into.fill(this.#floating & 0xff, done, done + length)
      else into.set(this.#u8.subarray(at, at + length), done)
    })
  }

  /**
   * Copies to guest RAM, and to ROM too for loaders (`rom` true). Elsewhere bytes are lost; false if any was.
   */
  writeBytes(pa: number, from: Uint8Array, rom = false): boolean {
    return this.#runs(pa, from.length, (at, done, length, readOnly) => {
      if (at < 0 || (readOnly && !rom)) return false
      this.#u8.set(from.subarray(done, done + length), at)
      this.written(pa + done, length)
      return true
    })
  }

  #runs(
    pa: number,
    total: number,
    each: (at: number, done: number, length: number, rom: boolean) => boolean | void,
  ): boolean {
    let whole = true
    for (let done = 0; done < total;) {
      const r = this.#find(pa + done)
      const isRam = r?.region.kind === 'ram'
      const end = r ? r.end : this.#nextStart(pa + done)
      const length = Math.min(total - done, end - pa - done)
      const ok = each(isRam ? hostOf(r!, pa + done) : -1, done, length, isRam && (r!.region as RamLeaf).rom)
      if (!isRam || ok === false) {
        guestError('memory', () => `block access of ${hex(length)} bytes at ${hex(pa)} is not RAM`)
        whole = false
      }
      done += length
    }
    return whole
  }

  #nextStart(pa: number): number {
    for (const r of this.#ranges) if (r.start > pa) return r.start
    return Infinity
  }

  #refresh(): void {
    if (this.#words[this.#word] !== this.#generation) this.#rebuild()
  }

  #rebuild(): void {
    this.#generation = Atomics.load(this.#words, this.#word)
    this.#ranges = flatten(this.#root)
    this.#ram = this.#ranges
      .filter(r => r.region.kind === 'ram')
      .sort((a, b) => b.end - b.start - (a.end - a.start))
    this.#shown = [...new Set(this.#ram.map(r => r.region as RamLeaf))].filter(isShown)
    this.#last = this.#lastRam = NOTHING
  }

  #find(pa: number): FlatRange | undefined {
    if (this.#words[this.#word] !== this.#generation) this.#rebuild()
    const last = this.#last
    if (pa >= last.start && pa < last.end) return last
    const ranges = this.#ranges
    let lo = 0, hi = ranges.length
    while (lo < hi) {
      const mid = (lo + hi) >> 1
      if (ranges[mid]!.end <= pa) lo = mid + 1
      else hi = mid
    }
    const r = ranges[lo]
    return r !== undefined && pa >= r.start ? (this.#last = r) : undefined
  }

  #readDevice(ops: MmioOps, offset: number, size: number, pa: number): number {
    if (!accepts(ops, offset, size)) {
      const narrower = this.#splits ? narrowed(ops, offset, size) : size
      return narrower < size ? this.#readPieces(pa, size, narrower) : this.#refuse(pa, size)
    }
    const { impl } = ops.rules
    return size >= impl.min && size <= impl.max
      ? keep(ops.read(offset, size), size)
      : readSplit(ops, offset, size)
  }

  #readWideDevice(ops: MmioOps, offset: number, pa: number, out: Uint32Array): void {
    if (!accepts(ops, offset, 8)) out[0] = out[1] = this.#refuse(pa, 8)
    else if (ops.rules.impl.max < 8) {
      out[0] = readSplit(ops, offset, 4)
      out[1] = readSplit(ops, offset + 4, 4)
    } else if (ops.readWide) ops.readWide(offset, out)
    else {
      out[0] = ops.read(offset, 8)
      out[1] = 0
    }
  }

  #writeDevice(ops: MmioOps, offset: number, size: number, value: number, pa: number): void {
    if (!accepts(ops, offset, size)) {
      const narrower = this.#splits ? narrowed(ops, offset, size) : size
      return narrower < size ? this.#writePieces(pa, size, value, narrower) : void this.#refuse(pa, size)
    }
    const { impl } = ops.rules
    if (size >= impl.min && size <= impl.max) ops.write(offset, keep(value, size), size)
    else writeSplit(ops, offset, size, value)
  }

  /**
   * On a bus that splits, a device that answers at the first address takes all that its registers cover, whoever
   * lies over the rest: the four bytes at CF8h of a PC, which has another register at CF9h.
   */
  #reaches(r: FlatRange, pa: number, size: number): boolean {
    return this.#splits && r.region.kind === 'mmio' && !r.region.ops.nobody
      && r.offset + (pa - r.start) + size <= r.region.sizeBytes
  }

  #readAcross(pa: number, size: number, inside: number): number {
    if (this.#splits) return this.#readPieces(pa, size, inside < 2 ? 1 : 2)
    let value = 0
    for (let i = 0; i < size; i++) value += this.read(pa + i, 1) * 2 ** (8 * i)
    return value
  }

  #writeAcross(pa: number, size: number, value: number, inside: number): void {
    if (this.#splits) return this.#writePieces(pa, size, value, inside < 2 ? 1 : 2)
    for (let i = 0; i < size; i++) this.write(pa + i, 1, (value >>> (8 * i)) & 0xff)
  }

  #readPieces(pa: number, size: number, first: number): number {
    return this.read(pa, first) + this.#readRest(pa + first, size - first) * 2 ** (8 * first)
  }

  /** What is left of a split access may have any length up to 3. */
  #readRest(pa: number, size: number): number {
    if (size === 3) return this.#readPieces(pa, 3, 1)
    return this.read(pa, size)
  }

  #writePieces(pa: number, size: number, value: number, first: number): void {
    this.write(pa, first, keep(value, first))
    const rest = size - first
    if (rest === 3) this.#writePieces(pa + first, 3, value >>> (8 * first), 1)
    else this.write(pa + first, rest, value >>> (8 * first))
  }

  #absent(pa: number, size: number, write: boolean): number {
    guestError('memory', () => `${write ? 'write' : 'read'} of ${size} bytes at ${hex(pa)}: nothing there`)
    return this.#float(size)
  }

  #refuse(pa: number, size: number): number {
    guestError('memory', () => `the device at ${hex(pa)} takes no ${size}-byte access there`)
    return this.#float(size)
  }

  #float(size: number): number {
    return size >= 4 ? this.#floating >>> 0 : this.#floating & ((1 << (8 * size)) - 1)
  }
}

type RamLeaf = Extract<FlatRange['region'], { kind: 'ram' }>
const isShown = (r: RamLeaf): r is RamLeaf & { readonly dirty: DirtyMap } => r.dirty !== undefined
const hostOf = (r: FlatRange, pa: number): number =>
  (r.region as RamLeaf).hostOffset + r.offset + (pa - r.start)

function accepts(ops: MmioOps, offset: number, size: number): boolean {
  const { valid } = ops.rules
  return size >= valid.min && size <= valid.max && (valid.unaligned || offset % size === 0)
}

/** The widest access from `offset` on that the region's rules allow, of at most `size` bytes. */
function narrowed(ops: MmioOps, offset: number, size: number): number {
  const { valid } = ops.rules
  let width = size >> 1
  while (width > 1 && (width > valid.max || (!valid.unaligned && offset % width))) width >>= 1
  return width < valid.min ? size : width
}

/**
 * An access narrower or wider than the device's functions take: widened in place, or split with the low part
 * first.
 */
function readSplit(ops: MmioOps, offset: number, size: number): number {
  const { min, max } = ops.rules.impl
  if (size < min) return keep(ops.read(offset, min), size)
  if (size <= max) return keep(ops.read(offset, size), size)
  let value = 0
  for (let i = 0; i < size; i += max) value += keep(ops.read(offset + i, max), max) * 2 ** (8 * i)
  return value
}

function writeSplit(ops: MmioOps, offset: number, size: number, value: number): void {
  const { min, max } = ops.rules.impl
  if (size < min) return ops.write(offset, value, min)
  if (size <= max) return ops.write(offset, value, size)
  for (let i = 0; i < size; i += max) ops.write(offset + i, keep(value >>> (8 * i), max), max)
}

const keep = (value: number, size: number) => (size >= 4 ? value >>> 0 : value & ((1 << (8 * size)) - 1))
