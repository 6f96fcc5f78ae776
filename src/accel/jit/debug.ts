// Breakpoints and watchpoints in recompiled code. A block begins at a breakpoint or ends before it; pages with watched addresses are
// kept from direct access, so that the slow path sees each one.
import { PAGE } from '../../mem/tlb.ts'
import { type DebugEntry, type DebugHit, DebugKind } from '../debug-table.ts'

type PageBreaks = { readonly hi: number; readonly offsets: Map<number, DebugKind> }

/** One processor's copy of the table, and where it is in the course of stopping. */
export class VcpuDebug {
  /** There is any breakpoint, any watchpoint. */
  breaking = false
  watching = false
  /** The processor stopped by itself. */
  hit: DebugHit | undefined
  /** A watched access was kept from happening; pc is at its instruction. */
  held: DebugHit | undefined
  /** One instruction is being stepped over; it has been handed out to run. */
  stepping = false
  handedOut = false
  private breaks = new Map<number, PageBreaks[]>()
  private watches: DebugEntry[] = []
  /** The address of the instruction whose watched access has been told of. */
  private toldLo = 0
  private toldHi = 0
  private telling = false
  private passing = false
  private passLo = 0
  private passHi = 0

  load(entries: readonly DebugEntry[]): void {
    this.breaks = new Map()
    this.forget()
    this.watches = entries.filter(e => e.kind >= DebugKind.WRITE)
    this.watching = this.watches.length > 0
    const breaks = entries.filter(e => e.kind < DebugKind.WRITE)
    this.breaking = breaks.length > 0
    for (const e of breaks) {
      const key = e.lo >>> 12, list = this.breaks.get(key) ?? []
      this.breaks.set(key, list)
      let page = list.find(p => p.hi === e.hi)
      if (!page) list.push((page = { hi: e.hi, offsets: new Map() }))
      if (page.offsets.get(e.lo & (PAGE - 1)) !== DebugKind.HARDWARE) page.offsets.set(e.lo & (PAGE - 1), e.kind)
    }
  }

  private page(lo: number, hi: number): PageBreaks | undefined {
    return this.breaks.get(lo >>> 12)?.find(p => p.hi === (hi | 0))
  }

  /** Whether the page of an address has breakpoints. */
  inPage(lo: number, hi: number): boolean {
    return this.breaking && this.page(lo, hi) !== undefined
  }

  /** Kind of the breakpoint at an address, or undefined. */
  at(lo: number, hi: number): DebugKind | undefined {
    return this.page(lo, hi)?.offsets.get(lo & (PAGE - 1))
  }

  /** Bytes from an address to the next breakpoint behind it in its page; undefined if there is none. */
  room(lo: number, hi: number): number | undefined {
    let room: number | undefined
    for (const offset of this.page(lo, hi)?.offsets.keys() ?? []) {
      const d = offset - (lo & (PAGE - 1))
      if (d > 0 && d < (room ?? PAGE)) room = d
    }
    return room
  }

  /** The processor goes on at this address: a breakpoint here lets it pass once. */
  pass(lo: number, hi: number): void {
    this.passing = true
    this.passLo = lo >>> 0
    this.passHi = hi | 0
  }
  /** A breakpoint here lets the processor pass no more. */
  noPass(): void {
    this.passing = false
  }

  /** The watched access of the instruction at an address is why the processor stops; the next time it is let through. */
  tell(lo: number, hi: number): void {
    this.hit = this.held
    this.held = undefined
    this.telling = true
    this.toldLo = lo >>> 0
    this.toldHi = hi | 0
  }
  told(lo: number, hi: number): boolean {
    return this.telling && this.toldLo === lo >>> 0 && this.toldHi === (hi | 0)
  }
  forget(): void {
    this.telling = false
  }

  /** Whether the processor must stop before the instruction at an address; notes it. */
  stopsAt(lo: number, hi: number): boolean {
    const kind = this.at(lo, hi)
    if (kind === undefined) return false
    if (this.passing && this.passLo === lo >>> 0 && this.passHi === (hi | 0)) {
      this.passing = false
      return false
    }
    this.hit = { kind, lo: lo >>> 0, hi: hi | 0 }
    return true
  }

  /** Whether the page of an address has watched bytes. */
  watchedPage(lo: number, hi: number): boolean {
    if (!this.watching) return false
    const page = number(lo & -PAGE, hi)
    return this.watches.some(e => number(e.lo, e.hi) < page + PAGE && number(e.lo, e.hi) + e.length > page)
  }

  /** Whether an access of the instruction at `pc` meets a watchpoint that has not been told; it is held then. */
  holds(lo: number, hi: number, size: number, reads: boolean, writes: boolean, pcLo: number, pcHi: number): boolean {
    const hit = this.watchFor(lo, hi, size, reads, writes)
    if (!hit || (this.stepping && this.told(pcLo, pcHi))) return false
    this.held = hit
    return true
  }

  /** The watchpoint that an access of `size` bytes meets. Exact for addresses that a double holds: far from others that
   * are equal in their upper bits only. */
  watchFor(lo: number, hi: number, size: number, reads: boolean, writes: boolean): DebugHit | undefined {
    for (const e of this.watches) {
      if (!(e.kind === DebugKind.ACCESS || (e.kind === DebugKind.READ ? reads : writes))) continue
      if (((e.hi - hi) | 0) > 1 || ((hi - e.hi) | 0) > 1) continue
      const d = ((e.hi - hi) | 0) * 0x100000000 + e.lo - (lo >>> 0)
      if (d < size && d + e.length > 0) return { kind: e.kind, lo: d > 0 ? e.lo : lo >>> 0, hi: d > 0 ? e.hi : hi | 0 }
    }
    return undefined
  }
}

/** Addresses as numbers, wrapped into what a double orders exactly: 2^53 apart they would be one. */
const number = (lo: number, hi: number): number => ((hi << 11) >> 11) * 0x100000000 + (lo >>> 0)
