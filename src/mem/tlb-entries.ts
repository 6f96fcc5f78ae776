// What the software TLB of one processor holds, for a monitor. Any thread may look; the processor should stand still.
import type { Views } from '../state/views.ts'
import { BANKS, NONE, PAGE, TLB_BYTES, TLB_ENTRIES, TLB_SLOW, TlbEntry } from './tlb.ts'

export type Entry = {
  /** Address spaces have banks; the last one is for those modes whose pages are the same in all. */
  readonly bank: number
  readonly mode: number
  readonly va: bigint
  /** Byte offset of the page in the memory; means nothing where neither kind of access is direct. */
  readonly host: number
  readonly read: Permission
  readonly write: Permission
}
/** `slow`: allowed, but not directly (a device, a page with translated code, a watchpoint). */
export type Permission = 'none' | 'direct' | 'slow'

/** Entries that allow anything, by bank, mode and place. `base`: of the processor's area; `modes`: Isa.mmuModes. */
export function* tlbEntries({ u32 }: Views, base: number, modes: number): Iterable<Entry> {
  for (let table = 0; table < (BANKS + 1) * modes; table++) {
    for (let i = 0; i < TLB_ENTRIES; i++) {
      const e = (base + table * TLB_BYTES + (i << TlbEntry.BITS)) >>> 2
      const addend = u32[e + (TlbEntry.ADDEND >>> 2)]!
      const [read, write] = [tagAt(u32, e + (TlbEntry.READ >>> 2)), tagAt(u32, e + (TlbEntry.WRITE >>> 2))]
      const va = read.permission !== 'none' ? read.va : write.va
      // All zeros: the processor's thread has not begun. No page of a guest lies at the memory's start.
      if ((read.permission === 'none' && write.permission === 'none') || (va === 0n && addend === 0)) continue
      yield {
        bank: Math.floor(table / modes), mode: table % modes, va,
        host: (addend + Number(BigInt.asUintN(32, va))) >>> 0,
        read: read.permission, write: write.permission,
      }
    }
  }
}

function tagAt(u32: Uint32Array, at: number): { va: bigint; permission: Permission } {
  const lo = u32[at]!, hi = u32[at + 1]!
  const permission = lo === NONE && hi === NONE ? 'none' : lo & TLB_SLOW ? 'slow' : 'direct'
  return { va: (BigInt(hi) << 32n) | BigInt((lo & -PAGE) >>> 0), permission }
}
