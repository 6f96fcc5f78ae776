// Breakpoints and watchpoints: a table in shared memory, which no guest sees. A processor's thread reads it when it is told to.
import type { Views } from '../state/views.ts'

/** 0 is an unused entry. The kinds from WRITE on are of data. */
export const DebugKind = { SOFTWARE: 1, HARDWARE: 2, WRITE: 3, READ: 4, ACCESS: 5 } as const
export type DebugKind = (typeof DebugKind)[keyof typeof DebugKind]

const ENTRIES = 64, ENTRY_WORDS = 4
export const DEBUG_TABLE_BYTES = ENTRIES * ENTRY_WORDS * 4

export type DebugEntry = { readonly kind: DebugKind; readonly lo: number; readonly hi: number; readonly length: number }

/** The table at byte address `at`. Written while no processor runs or reads it. */
export class DebugTable {
  private readonly i32: Int32Array
  private readonly at: number

  constructor(views: Views, at: number) {
    this.i32 = views.i32
    this.at = at >>> 2
  }

  /** The same entry may be set once; false if the table is full. */
  set(e: DebugEntry): boolean {
    if (this.find(e) >= 0) return true
    const w = this.find({ kind: 0 as DebugKind, lo: 0, hi: 0, length: 0 })
    if (w < 0) return false
    this.i32.set([e.lo, e.hi, e.length], w + 1)
    this.i32[w] = e.kind
    return true
  }

  has(e: DebugEntry): boolean { return this.find(e) >= 0 }

  clear(e: DebugEntry): void {
    const w = this.find(e)
    if (w >= 0) this.i32.fill(0, w, w + ENTRY_WORDS)
  }

  clearAll(): void {
    this.i32.fill(0, this.at, this.at + ENTRIES * ENTRY_WORDS)
  }

  entries(): DebugEntry[] {
    const found: DebugEntry[] = []
    for (let w = this.at; w < this.at + ENTRIES * ENTRY_WORDS; w += ENTRY_WORDS)
      if (this.i32[w])
        found.push({ kind: this.i32[w] as DebugKind, lo: this.i32[w + 1]! >>> 0, hi: this.i32[w + 2]!, length: this.i32[w + 3]! })
    return found
  }

  private find(e: DebugEntry): number {
    for (let w = this.at; w < this.at + ENTRIES * ENTRY_WORDS; w += ENTRY_WORDS)
      if (this.i32[w] === e.kind && this.i32[w + 1] === (e.lo | 0) && this.i32[w + 2] === e.hi && this.i32[w + 3] === e.length)
        return w
    return -1
  }
}

/** Why a processor stopped by itself. For STEP the address means nothing. */
export const StopKind = { ...DebugKind, STEP: 6 } as const
export type DebugHit = { readonly kind: number; readonly lo: number; readonly hi: number }
