// Address translation: bare, Sv39 and Sv48 (privileged specification sections 4.3-4.5, page-table walk of
// 4.3.2), with physical memory protection of the walk and of the access. Accessed and dirty bits by hardware
// while menvcfg.ADUE is set (Svadu), by page faults otherwise (Svade). Not modelled: Svnapot, Svpbmt (their
// bits fault), Sv57, two-stage.
import { hexAddress, log, logging } from '../../base/log.ts'
import { Access, type TranslateResult } from '../isa.ts'
import { causeName } from './causes.ts'
import { Cause, type Core, Envcfg, Priv, privOf, SatpMode, satpMode, Status, W } from './core.ts'
import { Mmu } from './cpu.ts'
import { Pmp, pmpCheck, pmpCheckPage } from './pmp.ts'

/** Bits of a page-table entry's low half; the page number begins at bit 10 and ends at bit 53. */
export const Pte = { V: 1, R: 2, W: 4, X: 8, U: 16, G: 32, A: 64, D: 128 } as const
const LEAF = Pte.R | Pte.W | Pte.X
const TWO32 = 0x100000000, PAGE = 4096
/** Physical addresses have 56 bits, of which numbers hold 53 exactly; nothing is above. */
const PA_LIMIT = 2 ** 53

const pageFault = [Cause.LOAD_PAGE, Cause.STORE_PAGE, Cause.FETCH_PAGE] as const
const accessFault = [Cause.LOAD_ACCESS, Cause.STORE_ACCESS, Cause.FETCH_ACCESS] as const
const misaligned = [Cause.LOAD_MISALIGNED, Cause.STORE_MISALIGNED, Cause.FETCH_MISALIGNED] as const
const pmpNeed = [Pmp.R, Pmp.W, Pmp.X] as const

/** Notes a trap for `deliver`. */
export function note(c: Core, cause: number, valueLo: number, valueHi: number): null {
  const { i32, w } = c
  i32[w + W.trapCause] = cause
  i32[w + W.trapCause + 1] = 0
  i32[w + W.trapValue] = valueLo
  i32[w + W.trapValue + 1] = valueHi
  return null
}

export const noteAccessFault = (c: Core, vaLo: number, vaHi: number, access: Access): null =>
  note(c, accessFault[access], vaLo, vaHi)
export const noteMisaligned = (c: Core, vaLo: number, vaHi: number, access: Access): null =>
  note(c, misaligned[access], vaLo, vaHi)

export function translate(
  c: Core, vaLo: number, vaHi: number, access: Access, mmuMode: number, size: number,
): TranslateResult {
  const found = lookup(c, vaLo, vaHi, access, mmuMode, size)
  if (found === null && logging.mmu) logFault(c, vaLo, vaHi, mmuMode)
  return found
}

function logFault(c: Core, vaLo: number, vaHi: number, mmuMode: number): void {
  const { i32, w } = c, satp = hexAddress(i32[w + W.satp]!, i32[w + W.satp + 1]!)
  log('mmu', `cpu ${c.services.hart}: ${causeName(i32[w + W.trapCause]!, false)} at ${hexAddress(vaLo, vaHi)}, `
    + `satp ${satp}, mmu mode ${mmuMode}`)
}

function lookup(
  c: Core, vaLo: number, vaHi: number, access: Access, mmuMode: number, size: number,
): TranslateResult {
  const mode = satpMode(c)
  if (mmuMode !== Mmu.MACHINE && mode !== SatpMode.BARE)
    return walk(c, vaLo | 0, vaHi | 0, access, mmuMode, size, mode)
  const t = c.translation, pa = (vaHi >>> 0) * TWO32 + (vaLo >>> 0)
  if (pa >= PA_LIMIT) return note(c, accessFault[access], vaLo, vaHi)
  t.pa = pa
  t.read = t.write = t.execute = true
  t.global = false
  t.pageBits = 12
  const priv = mmuMode === Mmu.MACHINE ? Priv.MACHINE : mmuMode === Mmu.USER ? Priv.USER : Priv.SUPERVISOR
  return protect(c, priv, vaLo, vaHi, access, size)
}

/** Narrows the translation by physical memory protection. */
function protect(
  c: Core, priv: number, vaLo: number, vaHi: number, access: Access, size: number,
): TranslateResult {
  const t = c.translation
  if (c.pmp.open || (priv === Priv.MACHINE && c.pmp.count === 0)) {
    t.whole = true
    return t
  }
  let allowed = pmpCheckPage(c, t.pa, priv)
  t.whole = allowed >= 0
  if (!t.whole) allowed = pmpCheck(c, t.pa, size, priv)
  if (!(allowed & pmpNeed[access])) return note(c, accessFault[access], vaLo, vaHi)
  t.read = t.read && (allowed & Pmp.R) !== 0
  t.write = t.write && (allowed & Pmp.W) !== 0
  t.execute = t.execute && (allowed & Pmp.X) !== 0
  return t
}

/** True if bits 63 to `topBit` of the address are all equal. */
const canonical = (vaHi: number, topBit: number): boolean => vaHi >> (topBit - 32) === vaHi >> 31

/** Nine bits of the address that index the table at `level` (0: the last). */
const vpn = (vaLo: number, vaHi: number, level: number): number =>
  level === 0 ? (vaLo >>> 12) & 0x1ff
  : level === 1 ? (vaLo >>> 21) & 0x1ff
  : level === 2 ? ((vaHi & 0x7f) << 2) | (vaLo >>> 30)
  : (vaHi >>> 7) & 0x1ff

/** Address bits below a mapping of `level`, as a number. */
const offsetIn = (vaLo: number, vaHi: number, level: number): number =>
  level === 0 ? vaLo & 0xfff
  : level === 1 ? vaLo & 0x1fffff
  : level === 2 ? vaLo & 0x3fffffff
  : (vaHi & 0x7f) * TWO32 + (vaLo >>> 0)

/** False if a leaf at `level` has page number bits that must be 0. */
const aligned = (lo: number, hi: number, level: number): boolean =>
  level === 0 ? true
  : level === 1 ? (lo & 0x7fc00) === 0
  : level === 2 ? (lo & 0xffffc00) === 0
  : lo >>> 10 === 0 && (hi & 0x1f) === 0

/** Page numbers of the root table, and of what an entry points to. */
const rootOf = (c: Core): number => (c.i32[c.w + W.satp + 1]! & 0xfff) * TWO32 + (c.i32[c.w + W.satp]! >>> 0)
const pageOf = (lo: number, hi: number): number => (lo >>> 10) + (hi & 0x3fffff) * 0x400000

/** Whether the walk itself may read or write an entry. */
const walkAllowed = (c: Core, at: number, need: number): boolean =>
  c.pmp.open || (pmpCheck(c, at, 8, Priv.SUPERVISOR) & need) !== 0

function walk(
  c: Core, vaLo: number, vaHi: number, access: Access, mmuMode: number, size: number, mode: number,
): TranslateResult {
  const { i32, services } = c
  if (!canonical(vaHi, mode === SatpMode.SV39 ? 38 : 47)) return note(c, pageFault[access], vaLo, vaHi)
  restart: for (;;) {
    let table = rootOf(c), global = 0
    for (let level = mode === SatpMode.SV39 ? 2 : 3; level >= 0; level--) {
      const at = table * PAGE + vpn(vaLo, vaHi, level) * 8
      const host = walkAllowed(c, at, Pmp.R) ? services.ramAt(at) : -1
      if (host < 0) return note(c, accessFault[access], vaLo, vaHi)
      const lo = i32[host / 4]!, hi = i32[host / 4 + 1]!
      if (lo !== i32[host / 4]) continue restart // being written by another hart
      // Bits 63-54 are reserved without Svnapot and Svpbmt.
      if (!(lo & Pte.V) || (lo & (Pte.R | Pte.W)) === Pte.W || hi >>> 22 !== 0) break
      global |= lo & Pte.G
      if (!(lo & LEAF)) {
        if (lo & (Pte.D | Pte.A | Pte.U)) break
        table = pageOf(lo, hi)
        continue
      }
      if (!permitted(c, lo, access, mmuMode) || !aligned(lo, hi, level)) break
      const need = access === Access.WRITE ? Pte.A | Pte.D : Pte.A
      let entry = lo
      if ((lo & need) !== need) {
        if (!(c.i32[c.w + W.menvcfg + 1]! & Envcfg.ADUE)) break
        if (!walkAllowed(c, at, Pmp.W)) return note(c, accessFault[access], vaLo, vaHi)
        entry = lo | need
        if (!services.casWord(at, lo, hi, entry, hi)) continue restart
      }
      return leaf(c, vaLo, vaHi, access, mmuMode, size, level, entry, hi, global)
    }
    return note(c, pageFault[access], vaLo, vaHi)
  }
}

/** Step 5 of the walk: permission bits, with SUM and MXR. */
function permitted(c: Core, lo: number, access: Access, mmuMode: number): boolean {
  if (lo & Pte.U ? mmuMode === Mmu.SUPERVISOR || (mmuMode === Mmu.SUPERVISOR_SUM && access === Access.EXECUTE)
    : mmuMode === Mmu.USER) return false
  if (access === Access.EXECUTE) return (lo & Pte.X) !== 0
  if (access === Access.WRITE) return (lo & Pte.W) !== 0
  return (lo & Pte.R) !== 0 || ((lo & Pte.X) !== 0 && (c.i32[c.w + W.mstatus]! & Status.MXR) !== 0)
}

function leaf(
  c: Core, vaLo: number, vaHi: number, access: Access, mmuMode: number, size: number, level: number,
  lo: number, hi: number, global: number,
): TranslateResult {
  const t = c.translation, pa = pageOf(lo, hi) * PAGE + offsetIn(vaLo, vaHi, level)
  if (pa >= PA_LIMIT) return note(c, accessFault[access], vaLo, vaHi)
  t.pa = pa
  t.read = permitted(c, lo, Access.READ, mmuMode)
  t.write = (lo & Pte.D) !== 0 && permitted(c, lo, Access.WRITE, mmuMode)
  t.execute = permitted(c, lo, Access.EXECUTE, mmuMode)
  t.global = global !== 0
  t.pageBits = 12 + 9 * level
  return protect(c, mmuMode === Mmu.USER ? Priv.USER : Priv.SUPERVISOR, vaLo, vaHi, access, size)
}

/** The current fetch mode's physical address, without permissions or effects; -1 if there is none. */
export function probe(c: Core, vaLo: number, vaHi: number): number {
  vaLo |= 0
  vaHi |= 0
  const mode = satpMode(c)
  if (privOf(c) === Priv.MACHINE || mode === SatpMode.BARE) {
    const pa = (vaHi >>> 0) * TWO32 + (vaLo >>> 0)
    return pa < PA_LIMIT ? pa : -1
  }
  if (!canonical(vaHi, mode === SatpMode.SV39 ? 38 : 47)) return -1
  let table = rootOf(c)
  for (let level = mode === SatpMode.SV39 ? 2 : 3; level >= 0; level--) {
    const host = c.services.ramAt(table * PAGE + vpn(vaLo, vaHi, level) * 8)
    if (host < 0) return -1
    const lo = c.i32[host / 4]!, hi = c.i32[host / 4 + 1]!
    if (!(lo & Pte.V)) return -1
    if (lo & LEAF) return pageOf(lo, hi) * PAGE + offsetIn(vaLo, vaHi, level)
    table = pageOf(lo, hi)
  }
  return -1
}
