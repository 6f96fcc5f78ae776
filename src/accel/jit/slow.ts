// Accesses that generated code does not do itself: the software TLB missed, a device, a misaligned or a watched address.
import { logging } from '../../base/log.ts'
import { AmoKind, MemOp } from '../../ir/ops.ts'
import { Access, type Cpu, Fault, NO_HOST, NOT_ALLOWED } from '../../isa/isa.ts'
import type { PhysicalMemory } from '../../mem/physical.ts'
import { PAGE, type Tlb, TlbEntry } from '../../mem/tlb.ts'
import type { Views } from '../../state/views.ts'
import { type Bus, busOf } from '../bus.ts'
import { AccessKind } from './code.ts'
import type { CoreState } from './core.ts'
import type { VcpuDebug } from './debug.ts'
import type { Exclusive } from './exclusive.ts'
import type { CodePages } from './pages.ts'
import { logFill } from './tlb-log.ts'
import { jitTraces } from './trace.ts'

export type SlowAccessOptions = {
  readonly index: number
  readonly views: Views
  readonly core: CoreState
  readonly cpu: Cpu
  readonly tlb: Tlb
  readonly physical: PhysicalMemory
  readonly codePages: CodePages
  readonly debug: VcpuDebug
  readonly exclusive: Exclusive
  /** Drops translated code of a page that was written. */
  dropCode(page: number): void
}

export class SlowAccess {
  /** The MMU mode of data accesses. */
  dataMode = 0
  stats = { slow: 0, fills: 0 }
  /** An access was put off (CpuWatch). */
  putOff = false
  private readonly index: number
  private readonly views: Views
  private readonly core: CoreState
  private readonly cpu: Cpu
  private readonly tlb: Tlb
  private readonly physical: PhysicalMemory
  /** The physical memory as this processor's accesses to devices reach it. */
  readonly bus: Bus
  private readonly codePages: CodePages
  private readonly debug: VcpuDebug
  private readonly exclusive: Exclusive
  private readonly dropCode: (page: number) => void
  private readonly i32: Int32Array
  private readonly args: number
  private readonly result: number
  private readonly wide = new Uint32Array(2)

  constructor(o: SlowAccessOptions) {
    this.index = o.index
    this.views = o.views
    this.core = o.core
    this.cpu = o.cpu
    this.tlb = o.tlb
    this.physical = o.physical
    this.bus = busOf(o.physical, o.cpu.local, o.cpu.isa.openBus === true)
    this.codePages = o.codePages
    this.debug = o.debug
    this.exclusive = o.exclusive
    this.dropCode = page => o.dropCode(page)
    this.i32 = o.views.i32
    this.args = o.core.args
    this.result = o.core.result
  }


  /** An access that missed: address in args[0], operands in args[1] and [2], result to `result`. 1 on a fault (noted). */
  access(desc: number): number {
    this.stats.slow++
    if (this.cpu.isa.narrow?.(this.core.mode)) this.i32[this.args + 1] = 0
    if (desc & AccessKind.WIDE) return this.wideAccess(desc)
    return this.debug.watching || this.cpu.watch?.on ? this.watchedAccess(desc) : this.plainAccess(desc)
  }

  /** 16 bytes, as two accesses; a store that crosses pages is made when both may be written. */
  private wideAccess(desc: number): number {
    const { i32, args, result } = this, vaLo = i32[args]! >>> 0, vaHi = i32[args + 1]!
    const half = (desc & ~(AccessKind.WIDE | MemOp.SIZE | MemOp.ALIGNED)) | 3, store = (desc & AccessKind.MASK) === AccessKind.STORE
    if (desc & MemOp.ALIGNED && vaLo & 15) {
      this.cpu.fault(Fault.MISALIGNED_WIDE, vaLo, vaHi, store ? Access.WRITE : Access.READ, desc & MemOp.STACK)
      return 1
    }
    const data = i32.slice(args + 2, args + 6)
    const at = (offset: number, kind: number, from: number): boolean => {
      const sum = vaLo + offset
      i32[args] = sum
      i32[args + 1] = sum > 0xffffffff ? vaHi + 1 : vaHi
      i32[args + 2] = data[from]!
      i32[args + 3] = data[from + 1]!
      return this.access(kind) === 0
    }
    if (store) {
      const probe = (half & ~AccessKind.MASK) | AccessKind.LOAD | MemOp.UPDATE
      if ((vaLo & (PAGE - 1)) > PAGE - 16 && !(at(0, probe, 0) && at(8, probe, 0))) return 1
      return at(0, half, 0) && at(8, half, 2) ? 0 : 1
    }
    if (!at(0, half, 0)) return 1
    const lo = i32[result]!, hi = i32[result + 1]!
    if (!at(8, half, 0)) return 1
    i32[result + 2] = i32[result]!
    i32[result + 3] = i32[result + 1]!
    i32[result] = lo
    i32[result + 1] = hi
    return 0
  }

  /** The processor stops before an access that a debugger watches, and goes on over it. One that the guest watches may be put
   * off. */
  private watchedAccess(desc: number): number {
    const { debug, i32, args, cpu: { watch } } = this, kind = desc & AccessKind.MASK
    const lo = i32[args]!, hi = i32[args + 1]!, size = 1 << (desc & MemOp.SIZE), reads = kind !== AccessKind.STORE, writes = kind !== AccessKind.LOAD
    if (debug.watching && debug.holds(lo, hi, size, reads, writes, this.core.pcLo, this.core.pcHi)) return 1
    if (watch?.on && watch.putsOff(lo, hi, size, reads, writes)) {
      this.putOff = true
      return 1
    }
    return this.plainAccess(desc)
  }

  private plainAccess(desc: number): number {
    const { i32, args } = this
    const vaLo = i32[args]! >>> 0, vaHi = i32[args + 1]!, size = 1 << (desc & MemOp.SIZE), kind = desc & AccessKind.MASK
    const access = kind === AccessKind.LOAD && !(desc & MemOp.UPDATE) ? Access.READ : Access.WRITE
    this.hint = desc & MemOp.STACK
    if (vaLo & (size - 1)) {
      if (desc & MemOp.ALIGNED) {
        this.cpu.fault(Fault.MISALIGNED, vaLo, vaHi, access, this.hint)
        return 1
      }
      return this.misaligned(desc, vaLo, vaHi, size, access)
    }
    const host = this.place(vaLo, vaHi, access, size)
    if (host === FAULT) return 1
    if (host === DEVICE) return this.device(desc, size, kind, vaLo, vaHi, access)
    switch (kind) {
      case AccessKind.LOAD:
        this.loadHost(host, size, desc)
        return 0
      case AccessKind.STORE:
        this.storeHost(host, size, i32[args + 2]!, i32[args + 3]!)
        break
      default:
        this.atomicHost(host, desc, kind)
    }
    this.wrote(host, size)
    return 0
  }

  /** RAM was written without physical memory knowing. */
  private wrote(host: number, size: number): void {
    if (this.codePages.has(host)) this.codePages.written(host, this.index, this.dropCode)
    this.physical.shownWritten(host, size)
  }

  /** See CpuServices. */
  hostFor(vaLo: number, vaHi: number, access: Access, mmuMode: number, hint: number): number {
    const kind = access === Access.WRITE ? TlbEntry.WRITE : TlbEntry.READ, known = this.tlb.lookup(mmuMode, kind, vaLo, vaHi)
    if (known >= 0) return known
    const { dataMode } = this
    this.dataMode = mmuMode
    this.hint = hint
    const host = this.place(vaLo >>> 0, vaHi, access, 1)
    this.dataMode = dataMode
    if (host === FAULT) return NOT_ALLOWED
    const now = this.tlb.lookup(mmuMode, kind, vaLo, vaHi)
    return now >= 0 ? now : NO_HOST
  }

  private pa = 0
  private generation = 0
  /** What the access says of itself to the translation (MemOp.STACK). */
  private hint = 0

  /** Where an access goes: a byte offset in the memory, DEVICE (then `pa` holds the address), or FAULT. */
  private place(vaLo: number, vaHi: number, access: Access, size: number): number {
    const known = this.tlb.lookup(this.dataMode, access === Access.WRITE ? TlbEntry.WRITE : TlbEntry.READ, vaLo, vaHi)
    if (known >= 0) return known
    const t = this.cpu.translate(vaLo, vaHi, access, this.dataMode, size, this.hint)
    if (!t) return FAULT
    this.pa = t.pa
    const ram = this.physical.ramAt(t.pa), host = ram >= 0 ? ram : access === Access.READ ? this.physical.readableAt(t.pa) : -1
    if (host < 0) return DEVICE
    if (t.whole) {
      this.stats.fills++
      if (logging.mmu || jitTraces.tlb_fill.enabled) logFill(this.index, vaLo, vaHi, t.pa, access, this.dataMode)
      const page = host & -PAGE, watched = this.debug.watchedPage(vaLo, vaHi) || (this.cpu.watch?.on && this.cpu.watch.page(vaLo, vaHi))
      this.tlb.fill(this.dataMode, vaLo, vaHi, {
        host: page, readDirect: !watched, read: t.read, write: t.write && ram >= 0,
        writeDirect: !watched && !this.codePages.has(page) && !this.physical.isShown(page), pageBits: t.pageBits, global: t.global,
      })
    }
    return host
  }

  private loadHost(host: number, size: number, desc: number): void {
    const { i32, views, result } = this
    if (size === 8) {
      i32[result] = i32[host >>> 2]!
      i32[result + 1] = i32[(host >>> 2) + 1]!
      return
    }
    const value = size === 4 ? i32[host >>> 2]! : size === 2 ? views.u16[host >>> 1]! : views.u8[host]!
    this.extend(value, size, desc)
  }

  /** A value of `size` bytes (8 excepted) into the result, sign- or zero-extended. */
  private extend(value: number, size: number, desc: number): void {
    const { i32, result } = this, bits = size * 8
    i32[result] = bits === 32 ? value : desc & MemOp.SIGNED ? (value << (32 - bits)) >> (32 - bits) : value
    i32[result + 1] = desc & MemOp.SIGNED ? i32[result]! >> 31 : 0
  }

  private storeHost(host: number, size: number, lo: number, hi: number): void {
    if (size === 8) {
      this.i32[host >>> 2] = lo
      this.i32[(host >>> 2) + 1] = hi
    } else if (size === 4) this.i32[host >>> 2] = lo
    else if (size === 2) this.views.u16[host >>> 1] = lo
    else this.views.u8[host] = lo
  }

  private atomicHost(host: number, desc: number, kind: number): void {
    const size = 1 << (desc & MemOp.SIZE), { u64 } = this.views, { cas, load } = atomicViews(this.views, size, host)
    for (;;) {
      const old = load(), seen = cas(old, this.updated(desc, kind, old))
      if (seen !== old) continue
      u64[this.result >>> 1] = widened(desc, old)
      return
    }
  }

  /** What an atomic operation makes of the old value; both zero-extended from the access's size. */
  private updated(desc: number, kind: number, old: bigint): bigint {
    const { u64 } = this.views, { args } = this, bits = 8 << (desc & MemOp.SIZE)
    const operand = (word: number) => BigInt.asUintN(bits, u64[(args + word) >>> 1]!)
    if (kind === AccessKind.CAS) return old === operand(2) ? operand(4) : old
    return amoValue((desc >> 8) & 0xff, old, operand(2), bits)
  }

  private device(desc: number, size: number, kind: number, vaLo: number, vaHi: number, access: Access): number {
    const { i32, pa, bus, args, result } = this
    const atomic = kind === AccessKind.AMO || kind === AccessKind.CAS
    // A device knows no atomic operations: where the architecture allows them all the same, a read and a write.
    if ((atomic && desc & MemOp.ALIGNED && !this.cpu.isa.misalignedDevices) || !bus.mapped(pa, size, access === Access.WRITE)) {
      this.cpu.fault(Fault.BUS, vaLo, vaHi, access)
      return 1
    }
    if (atomic) this.atomicDevice(desc, size, kind)
    else if (kind === AccessKind.STORE) {
      if (size === 8) bus.writeWide(pa, i32[args + 2]!, i32[args + 3]!)
      else bus.write(pa, size, size === 4 ? i32[args + 2]! >>> 0 : i32[args + 2]! & ((1 << (8 * size)) - 1))
      this.settleWindows()
    } else if (size === 8) {
      bus.readWide(pa, this.wide)
      i32[result] = this.wide[0]!
      i32[result + 1] = this.wide[1]!
    } else this.extend(bus.read(pa, size), size, desc)
    return 0
  }

  /** A window moved, by this very access perhaps: the next one must not find RAM that was in it. */
  private settleWindows(): void {
    const { generation } = this.physical
    if (generation === this.generation) return
    this.generation = generation
    this.tlb.flush()
  }

  private atomicDevice(desc: number, size: number, kind: number): void {
    const { pa, bus, wide } = this
    if (size === 8) bus.readWide(pa, wide)
    const old = size === 8 ? (BigInt(wide[1]!) << 32n) | BigInt(wide[0]!) : BigInt(bus.read(pa, size))
    const value = this.updated(desc, kind, old)
    if (size === 8) bus.writeWide(pa, Number(value & 0xffffffffn), Number(value >> 32n))
    else bus.write(pa, size, Number(value))
    this.settleWindows()
    this.views.u64[this.result >>> 1] = widened(desc, old)
  }

  /** Byte by byte; both pages are checked before the first byte is written. */
  private misaligned(desc: number, vaLo: number, vaHi: number, size: number, access: Access): number {
    const { i32, views, args, result, bus } = this, write = access === Access.WRITE
    const bytes = [i32[args + 2]!, i32[args + 3]!], places: Byte[] = []
    for (let i = 0; i < size; i++) {
      const at = vaLo + i, lo = at >>> 0, hi = at > 0xffffffff ? vaHi + 1 : vaHi
      const before = i > 0 && (lo & (PAGE - 1)) !== 0 ? places[i - 1] : undefined
      if (before && before.host >= 0) {
        places.push({ host: before.host + 1, pa: before.pa + 1 })
        continue
      }
      const host = this.place(lo, hi, access, 1)
      if (host === FAULT) return 1
      if (host === DEVICE && !(this.cpu.isa.misalignedDevices && bus.mapped(this.pa, 1, write))) {
        this.cpu.fault(Fault.MISALIGNED, vaLo, vaHi, access)
        return 1
      }
      places.push({ host, pa: this.pa })
    }
    const kind = desc & AccessKind.MASK
    if (kind !== AccessKind.LOAD) {
      if (kind === AccessKind.STORE) this.put(places, bytes)
      else this.misalignedAtomic(desc, kind, places)
      for (const { host } of [places[0]!, places[size - 1]!]) if (host >= 0) this.wrote(host, 1)
      this.settleWindows()
      return 0
    }
    bytes[0] = bytes[1] = 0
    places.forEach((b, i) => { bytes[i >> 2]! |= (b.host >= 0 ? views.u8[b.host]! : bus.read(b.pa, 1)) << (8 * (i & 3)) })
    if (size === 8) {
      i32[result] = bytes[0]!
      i32[result + 1] = bytes[1]!
    } else this.extend(bytes[0]!, size, desc)
    return 0
  }

  private put(places: readonly Byte[], bytes: readonly number[]): void {
    const { views: { u8 }, bus } = this
    places.forEach((b, i) => {
      const byte = (bytes[i >> 2]! >>> (8 * (i & 3))) & 0xff
      if (b.host >= 0) u8[b.host] = byte
      else bus.write(b.pa, 1, byte)
    })
  }

  /** Of RAM: within a word of the host, a compare and swap of that; across words, with the other processors standing still. On
   * devices it is a read and a write, for other processors to come between. */
  private misalignedAtomic(desc: number, kind: number, places: readonly Byte[]): void {
    const { views: { u8, u64 }, bus, result } = this, at = places[0]!.host, size = places.length
    if (at >= 0 && (at & 7) + size <= 8) {
      const shift = BigInt(8 * (at & 7)), mask = ((1n << BigInt(8 * size)) - 1n) << shift
      for (;;) {
        const word = Atomics.load(u64, at >>> 3), old = (word & mask) >> shift
        const next = (word & ~mask) | (this.updated(desc, kind, old) << shift)
        if (Atomics.compareExchange(u64, at >>> 3, word, next) !== word) continue
        u64[result >>> 1] = widened(desc, old)
        return
      }
    }
    const change = () => {
      const old = places.reduce((v, b, i) => v | (BigInt(b.host >= 0 ? u8[b.host]! : bus.read(b.pa, 1)) << BigInt(8 * i)), 0n)
      const value = this.updated(desc, kind, old)
      this.put(places, [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))])
      u64[result >>> 1] = widened(desc, old)
    }
    if (places.every(b => b.host >= 0)) this.exclusive.alone(change)
    else change()
  }

  /** Atomic compare and swap of a word in RAM (see CpuServices). */
  casWord(pa: number, expectedLo: number, expectedHi: number, lo: number, hi: number): boolean {
    const host = this.physical.ramAt(pa)
    if (host < 0) return false
    const big = (l: number, h: number) => (BigInt(h >>> 0) << 32n) | BigInt(l >>> 0)
    const expected = big(expectedLo, expectedHi)
    const ok = Atomics.compareExchange(this.views.u64, host >>> 3, expected, big(lo, hi)) === expected
    if (ok && this.codePages.has(host)) this.codePages.written(host, this.index, this.dropCode)
    return ok
  }
  casHalf(pa: number, expected: number, value: number): boolean {
    const host = this.physical.ramAt(pa)
    if (host < 0) return false
    const ok = Atomics.compareExchange(this.i32, host >>> 2, expected | 0, value | 0) === (expected | 0)
    if (ok && this.codePages.has(host)) this.codePages.written(host, this.index, this.dropCode)
    return ok
  }
  /** 1, 2 or 4 bytes of physical memory for processor code (see CpuServices). */
  write(pa: number, size: number, value: number): void {
    this.bus.write(pa, size, value)
    const host = this.physical.ramAt(pa)
    if (host >= 0 && this.codePages.has(host)) this.codePages.written(host, this.index, this.dropCode)
  }
}

const FAULT = -1, DEVICE = -2
/** Where a byte of a misaligned access lies: a byte offset in the memory, or DEVICE and a physical address. */
type Byte = { readonly host: number; readonly pa: number }

/** The old value of an atomic operation as a register gets it. */
const widened = (desc: number, old: bigint): bigint =>
  desc & MemOp.SIGNED ? BigInt.asUintN(64, BigInt.asIntN(8 << (desc & MemOp.SIZE), old)) : old

type AtomicPlace = { load(): bigint; cas(expected: bigint, value: bigint): bigint }
/** Atomic accesses of an aligned place; values are zero-extended. */
function atomicViews({ u8, u16, u32, u64 }: Views, size: number, host: number): AtomicPlace {
  if (size === 8) return {
    load: () => Atomics.load(u64, host >>> 3),
    cas: (expected, value) => Atomics.compareExchange(u64, host >>> 3, expected, value),
  }
  const view = size === 4 ? u32 : size === 2 ? u16 : u8, i = host / size
  return {
    load: () => BigInt(Atomics.load(view, i)),
    cas: (expected, value) => BigInt(Atomics.compareExchange(view, i, Number(expected), Number(value))),
  }
}

/** Operands and result are unsigned. */
function amoValue(kind: number, old: bigint, v: bigint, bits: number): bigint {
  const s = (x: bigint) => BigInt.asIntN(bits, x)
  const value =
    kind === AmoKind.SWAP ? v
    : kind === AmoKind.ADD ? old + v
    : kind === AmoKind.XOR ? old ^ v
    : kind === AmoKind.AND ? old & v
    : kind === AmoKind.OR ? old | v
    : kind === AmoKind.MIN ? (s(old) < s(v) ? old : v)
    : kind === AmoKind.MAX ? (s(old) > s(v) ? old : v)
    : kind === AmoKind.MINU ? (old < v ? old : v)
    : old > v ? old : v
  return BigInt.asUintN(bits, value)
}
