// Accesses that generated code does not do itself: the software TLB missed, a device, a misaligned or a watched address.
import { logging } from '../../base/log.ts'
import { AmoKind, MemOp } from '../../ir/ops.ts'
import { Access, type Cpu, Fault } from '../../isa/isa.ts'
import type { PhysicalMemory } from '../../mem/physical.ts'
import { PAGE, type Tlb } from '../../mem/tlb.ts'
import type { Views } from '../../state/views.ts'
import { AccessKind } from './code.ts'
import type { CoreState } from './core.ts'
import type { VcpuDebug } from './debug.ts'
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
  /** Drops translated code of a page that was written. */
  dropCode(page: number): void
}

export class SlowAccess {
  /** The MMU mode of data accesses. */
  dataMode = 0
  stats = { slow: 0, fills: 0 }
  private readonly index: number
  private readonly views: Views
  private readonly core: CoreState
  private readonly cpu: Cpu
  private readonly tlb: Tlb
  private readonly physical: PhysicalMemory
  private readonly codePages: CodePages
  private readonly debug: VcpuDebug
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
    this.codePages = o.codePages
    this.debug = o.debug
    this.dropCode = page => o.dropCode(page)
    this.i32 = o.views.i32
    this.args = o.core.args
    this.result = o.core.result
  }


  /** An access that missed: address in args[0], operands in args[1] and [2], result to `result`. 1 on a fault (noted). */
  access(desc: number): number {
    this.stats.slow++
    return this.debug.watching ? this.watchedAccess(desc) : this.plainAccess(desc)
  }

  /** The processor stops before a watched access, and goes on over it. */
  private watchedAccess(desc: number): number {
    const { debug, i32, args } = this, kind = desc & AccessKind.MASK
    const lo = i32[args]!, hi = i32[args + 1]!
    const hit = debug.watchFor(lo, hi, 1 << (desc & MemOp.SIZE), kind !== AccessKind.STORE, kind !== AccessKind.LOAD)
    if (!hit || (debug.stepping && debug.told(this.core.pcLo, this.core.pcHi))) return this.plainAccess(desc)
    debug.held = hit
    return 1
  }

  private plainAccess(desc: number): number {
    const { i32, args } = this
    const vaLo = i32[args]! >>> 0, vaHi = i32[args + 1]!, size = 1 << (desc & MemOp.SIZE), kind = desc & AccessKind.MASK
    const access = kind === AccessKind.LOAD ? Access.READ : Access.WRITE
    if (vaLo & (size - 1)) {
      if (desc & MemOp.ALIGNED || kind === AccessKind.AMO || kind === AccessKind.CAS) {
        this.cpu.fault(Fault.MISALIGNED, vaLo, vaHi, access)
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

  private pa = 0
  private generation = 0

  /** Where an access goes: a byte offset in the memory, DEVICE (then `pa` holds the address), or FAULT. */
  private place(vaLo: number, vaHi: number, access: Access, size: number): number {
    const t = this.cpu.translate(vaLo, vaHi, access, this.dataMode, size)
    if (!t) return FAULT
    this.pa = t.pa
    const ram = this.physical.ramAt(t.pa), host = ram >= 0 ? ram : access === Access.READ ? this.physical.readableAt(t.pa) : -1
    if (host < 0) return DEVICE
    if (t.whole) {
      this.stats.fills++
      if (logging.mmu || jitTraces.tlb_fill.enabled) logFill(this.index, vaLo, vaHi, t.pa, access, this.dataMode)
      const page = host & -PAGE, watched = this.debug.watchedPage(vaLo, vaHi)
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
    const { args, result } = this
    const amo = (desc >> 8) & 0xff, wide = (desc & MemOp.SIZE) === 3, { u64 } = this.views
    const bits = wide ? 64 : 32
    const get = (at: number) => u64[at >>> 1]!
    const a = BigInt.asIntN(bits, get(args + 2)), b = kind === AccessKind.CAS ? BigInt.asIntN(bits, get(args + 4)) : 0n
    const load = () => (wide ? BigInt.asIntN(64, Atomics.load(u64, host >>> 3)) : BigInt(Atomics.load(this.i32, host >>> 2)))
    for (;;) {
      const old = load(), value = kind === AccessKind.CAS ? (old === a ? b : old) : amoValue(amo, old, a, bits)
      const seen = wide
        ? BigInt.asIntN(64, Atomics.compareExchange(u64, host >>> 3, BigInt.asUintN(64, old), BigInt.asUintN(64, value)))
        : BigInt(Atomics.compareExchange(this.i32, host >>> 2, Number(old), Number(value)))
      if (seen !== old) continue
      u64[result >>> 1] = wide || desc & MemOp.SIGNED ? BigInt.asUintN(64, old) : BigInt.asUintN(32, old)
      return
    }
  }

  private device(desc: number, size: number, kind: number, vaLo: number, vaHi: number, access: Access): number {
    const { i32, pa, physical, args, result } = this
    if ((kind !== AccessKind.LOAD && kind !== AccessKind.STORE) || !physical.mapped(pa, size, access === Access.WRITE)) {
      this.cpu.fault(Fault.BUS, vaLo, vaHi, access)
      return 1
    }
    if (kind === AccessKind.STORE) {
      if (size === 8) physical.writeWide(pa, i32[args + 2]!, i32[args + 3]!)
      else physical.write(pa, size, size === 4 ? i32[args + 2]! >>> 0 : i32[args + 2]! & ((1 << (8 * size)) - 1))
      this.settleWindows()
    } else if (size === 8) {
      physical.readWide(pa, this.wide)
      i32[result] = this.wide[0]!
      i32[result + 1] = this.wide[1]!
    } else this.extend(physical.read(pa, size), size, desc)
    return 0
  }

  /** A window moved, by this very access perhaps: the next one must not find RAM that was in it. */
  private settleWindows(): void {
    const { generation } = this.physical
    if (generation === this.generation) return
    this.generation = generation
    this.tlb.flush()
  }

  /** Byte by byte; both pages are checked before the first byte is written. */
  private misaligned(desc: number, vaLo: number, vaHi: number, size: number, access: Access): number {
    const { i32, views, args, result } = this
    const bytes = [i32[args + 2]!, i32[args + 3]!], places: number[] = []
    for (let i = 0; i < size; i++) {
      const at = vaLo + i, lo = at >>> 0, hi = at > 0xffffffff ? vaHi + 1 : vaHi
      const same = i > 0 && (lo & (PAGE - 1)) !== 0 && places[i - 1]! >= 0
      const host = same ? places[i - 1]! + 1 : this.place(lo, hi, access, 1)
      if (host === FAULT) return 1
      if (host === DEVICE) {
        this.cpu.fault(Fault.MISALIGNED, vaLo, vaHi, access)
        return 1
      }
      places.push(host)
    }
    if (access === Access.WRITE) {
      places.forEach((host, i) => { views.u8[host] = bytes[i >> 2]! >>> (8 * (i & 3)) })
      for (const host of [places[0]!, places[size - 1]!]) this.wrote(host, 1)
      return 0
    }
    bytes[0] = bytes[1] = 0
    places.forEach((host, i) => { bytes[i >> 2]! |= views.u8[host]! << (8 * (i & 3)) })
    if (size === 8) {
      i32[result] = bytes[0]!
      i32[result + 1] = bytes[1]!
    } else this.extend(bytes[0]!, size, desc)
    return 0
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
}

const FAULT = -1, DEVICE = -2

function amoValue(kind: number, old: bigint, v: bigint, bits: number): bigint {
  const u = (x: bigint) => BigInt.asUintN(bits, x)
  const value =
    kind === AmoKind.SWAP ? v
    : kind === AmoKind.ADD ? old + v
    : kind === AmoKind.XOR ? old ^ v
    : kind === AmoKind.AND ? old & v
    : kind === AmoKind.OR ? old | v
    : kind === AmoKind.MIN ? (old < v ? old : v)
    : kind === AmoKind.MAX ? (old > v ? old : v)
    : kind === AmoKind.MINU ? (u(old) < u(v) ? old : v)
    : u(old) > u(v) ? old : v
  return BigInt.asIntN(bits, value)
}
