// Breakpoints of the debug registers on data and on ports, and what they leave: a trap after the instruction. Those on instructions
// are looked at before each (control.ts). Intel SDM volume 3, 17.2 and 17.3.
//
// A page with watched bytes is kept from direct access, so that generated code comes here for each access of it. Such code
// cannot stop behind its instruction: the access is put off, the instruction runs again by itself (Mode.STEP), and then the hit
// is noted. Processor code notes its hits at once.
import { PAGE } from '../../mem/tlb.ts'
import { type Core, Cr4, get, getHi, isLong, note, updateMode, W } from './core.ts'
import { HELD, Mode, Trap } from './cpu.ts'

/** Bits of Core.watches. */
export const Watch = { DATA: 1, IO: 2 } as const
const Kind = { EXECUTE: 0, WRITE: 1, IO: 2, ACCESS: 3 } as const
const LENGTHS = [1, 2, 8, 4] as const, NUMBERS = [0, 1, 2, 3] as const

const isEnabled = (dr7: number, n: number): boolean => (dr7 >> (2 * n) & 3) !== 0
const kindOf = (dr7: number, n: number): number => (dr7 >> (16 + 4 * n)) & 3
const bytesOf = (dr7: number, n: number): number => LENGTHS[(dr7 >> (18 + 4 * n)) & 3]!
const dr7Of = (c: Core): number => get(c, W.dr + 14)
/** Bits of the address below the length do not count. */
const addressOf = (c: Core, n: number, bytes: number): number => (get(c, W.dr + 2 * n) & -bytes) >>> 0
const upperOf = (c: Core, n: number): number => (isLong(c) ? getHi(c, W.dr + 2 * n) : 0)

const isData = (dr7: number, n: number): boolean => isEnabled(dr7, n) && (kindOf(dr7, n) & 1) !== 0

/** After a change of the debug registers, of CR4.DE or of the mode: what is watched. Accesses of watched pages are seen from now on. */
export function updateWatches(c: Core): void {
  const dr7 = dr7Of(c), pages: [lo: number, hi: number][] = []
  c.watches = 0
  for (const n of dr7 & 0xff ? NUMBERS : []) {
    if (isData(dr7, n)) {
      c.watches |= Watch.DATA
      pages.push([get(c, W.dr + 2 * n), upperOf(c, n)]) // aligned to its length: in one page
    } else if (isEnabled(dr7, n) && kindOf(dr7, n) === Kind.IO && get(c, W.cr4) & Cr4.DE) c.watches |= Watch.IO
  }
  // Pages that are no longer watched may be accessed directly again.
  for (const [lo, hi] of [...c.watchedPages, ...pages]) c.services.flushPage(lo, hi)
  c.watchedPages = pages
}
/** Whether the page of an address has watched bytes. */
export const watchesPage = (c: Core, lo: number, hi: number): boolean =>
  c.watchedPages.some(([at, upper]) => (at & -PAGE) === (lo & -PAGE) && upper === (hi | 0))

/** The breakpoints that an access meets, as in DR6. */
function hits(c: Core, lo: number, hi: number, size: number, reads: boolean, writes: boolean): number {
  const dr7 = dr7Of(c)
  let met = 0
  for (const n of NUMBERS) {
    if (!isData(dr7, n) || !(writes || (reads && kindOf(dr7, n) === Kind.ACCESS))) continue
    const bytes = bytesOf(dr7, n)
    // Exact as long as the addresses are near each other, and else far apart.
    const distance = ((upperOf(c, n) - hi) | 0) * 0x100000000 + addressOf(c, n, bytes) - (lo >>> 0)
    if (distance < size && distance + bytes > 0) met |= 1 << n
  }
  return met
}

/** Generated code is about to access memory. True if it must not yet: HELD is noted, the instruction runs again by itself. */
export function putsOff(c: Core, lo: number, hi: number, size: number, reads: boolean, writes: boolean): boolean {
  const met = hits(c, lo, hi, size, reads, writes), { i32, w } = c
  if (!met) return false
  if (i32[w + W.mode]! & Mode.STEP) {
    i32[w + W.stepTrap] = i32[w + W.stepTrap]! | met
    return false
  }
  i32[w + W.stepTrap] = Trap.ALONE
  i32[w + W.stepChecked] = 0
  updateMode(c)
  note(c, HELD)
  return true
}
/** Processor code accesses memory, or ports. */
export function noteAccess(c: Core, lo: number, hi: number, size: number, write: boolean): void {
  c.i32[c.w + W.stepTrap] = get(c, W.stepTrap) | hits(c, lo, isLong(c) ? hi : 0, size, !write, write)
}
export function noteIo(c: Core, port: number, size: number): void {
  const dr7 = dr7Of(c)
  for (const n of NUMBERS) {
    if (!isEnabled(dr7, n) || kindOf(dr7, n) !== Kind.IO) continue
    const bytes = bytesOf(dr7, n), from = addressOf(c, n, bytes)
    if (from < port + size && from + bytes > port) c.i32[c.w + W.stepTrap] = get(c, W.stepTrap) | (1 << n)
  }
}
