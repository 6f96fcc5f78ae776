// Address translation: none, 32-bit with 4 MiB pages (PSE, PSE-36), PAE, four and five levels. Intel SDM volume 3 chapter 4;
// faults as in 4.7, accessed and dirty bits as in 4.8. Not modelled: protection keys, memory types.
import { MemOp } from '../../ir/ops.ts'
import { Access, type TranslateResult } from '../isa.ts'
import { canonical, type Core, Cr0, Cr4, Efer, get, getHi, isLong, Mmu, note, W } from './core.ts'
import { Vector } from './cpu.ts'

/** Bits of a page-table entry's low half; NX is bit 63. */
export const Pte = { P: 1, W: 2, U: 4, A: 0x20, D: 0x40, PS: 0x80, G: 0x100, PAT_LARGE: 0x1000 } as const
const NX = 1 << 31, TWO32 = 0x100000000
/** Bits of a page fault's error code. */
export const PageError = { P: 1, W: 2, U: 4, RSVD: 8, I: 16 } as const
const A20 = 1 << 20

/** The physical address that leaves the processor: bit 20 is masked while the A20 line is low. */
const withA20 = (c: Core, pa: number): number => (c.s.a20 || !(pa & A20) ? pa : pa - A20)

export function translate(c: Core, vaLo: number, vaHi: number, access: Access, mmuMode: number, hint = 0): TranslateResult {
  const cr0 = get(c, W.cr0), long = isLong(c)
  vaLo |= 0
  vaHi = long ? vaHi | 0 : 0 // what crosses 4 GiB wraps
  if (!(cr0 & Cr0.PG)) {
    const t = c.translation
    t.pa = withA20(c, vaLo >>> 0)
    t.read = t.write = t.execute = true
    t.global = false
    t.pageBits = 12
    return t
  }
  if (long && !canonical(c, vaHi)) {
    note(c, hint & MemOp.STACK ? Vector.SS : Vector.GP)
    return null
  }
  return get(c, W.cr4) & Cr4.PAE ? walk(c, vaLo, vaHi, access, mmuMode, long) : walk32(c, vaLo, access, mmuMode)
}

/** Notes a page fault; `error` is P and RSVD. */
function pageFault(c: Core, vaLo: number, vaHi: number, access: Access, mmuMode: number, error: number): null {
  const cr4 = get(c, W.cr4)
  const fetch = access === Access.EXECUTE && (cr4 & Cr4.SMEP || (cr4 & Cr4.PAE && get(c, W.efer) & Efer.NXE))
  note(c, Vector.PF, error | (access === Access.WRITE ? PageError.W : 0) | (mmuMode === Mmu.USER ? PageError.U : 0) | (fetch ? PageError.I : 0))
  c.i32[c.w + W.faultAddress] = vaLo
  c.i32[c.w + W.faultAddress + 1] = vaHi
  return null
}

/** Nine bits of the address that index the table at `level` (1: the last). */
const indexOf = (vaLo: number, vaHi: number, level: number): number =>
  level === 1 ? (vaLo >>> 12) & 0x1ff
  : level === 2 ? (vaLo >>> 21) & 0x1ff
  : level === 3 ? ((vaHi & 0x7f) << 2) | (vaLo >>> 30)
  : level === 4 ? (vaHi >>> 7) & 0x1ff
  : (vaHi >>> 16) & 0x1ff
const offsetIn = (vaLo: number, level: number): number =>
  level === 1 ? vaLo & 0xfff : level === 2 ? vaLo & 0x1fffff : vaLo & 0x3fffffff
/** Bits of the low half that are reserved in a mapping of `level`. */
const largeReserved = (level: number): number => (level === 2 ? 0x1fe000 : 0x3fffe000)

/** Reserved bits of the high half: addresses beyond the model's, NX where it is not enabled, and with PAE alone bits 52-62. */
export function reservedHigh(c: Core, long: boolean): number {
  const beyond = c.model.physicalBits < 32 ? 0 : 1 << (c.model.physicalBits - 32)
  return (0xfffff & -beyond) | (get(c, W.efer) & Efer.NXE ? 0 : NX) | (long ? 0 : 0x7ff00000)
}
const addressOf = (lo: number, hi: number): number => (hi & 0xfffff) * TWO32 + ((lo & ~0xfff) >>> 0)

/** Reads an entry into c.lo and c.hi. Tables outside RAM (in ROM, or nowhere) are read as the bus has them. */
function readEntry(c: Core, pa: number, bytes: number): void {
  const host = c.services.ramAt(pa) / 4
  if (host < 0) {
    c.lo = c.services.read(pa, 4) | 0
    c.hi = bytes === 8 ? c.services.read(pa + 4, 4) | 0 : 0
    return
  }
  do {
    c.lo = c.i32[host]!
    c.hi = bytes === 8 ? c.i32[host + 1]! : 0
  } while (c.lo !== c.i32[host]) // being written by another processor
}
/** Sets accessed and dirty bits; false if the entry has changed meanwhile. ROM stays as it is. */
function mark(c: Core, pa: number, bytes: number, lo: number, hi: number, bits: number): boolean {
  if ((lo & bits) === bits || c.services.ramAt(pa) < 0) return true
  return bytes === 8 ? c.services.casWord(pa, lo, hi, lo | bits, hi) : c.services.casHalf(pa, lo, lo | bits)
}

function walk(c: Core, vaLo: number, vaHi: number, access: Access, mmuMode: number, long: boolean): TranslateResult {
  const reserved = reservedHigh(c, long)
  restart: for (;;) {
    let table: number, level: number, rights = Pte.W | Pte.U, noExecute = 0
    if (long) {
      table = (getHi(c, W.cr3) & 0xfffff) * TWO32 + ((get(c, W.cr3) & ~0xfff) >>> 0)
      level = get(c, W.cr4) & Cr4.LA57 ? 5 : 4
    } else {
      const pdpte = c.w + W.pdpte + 2 * (vaLo >>> 30), lo = c.i32[pdpte]!
      if (!(lo & Pte.P)) return pageFault(c, vaLo, vaHi, access, mmuMode, 0)
      table = addressOf(lo, c.i32[pdpte + 1]!)
      level = 2
    }
    for (;; level--) {
      const at = withA20(c, table + indexOf(vaLo, vaHi, level) * 8)
      readEntry(c, at, 8)
      const { lo, hi } = c
      if (!(lo & Pte.P)) return pageFault(c, vaLo, vaHi, access, mmuMode, 0)
      const large = level === 1 || (lo & Pte.PS) !== 0
      if (hi & reserved || (large && level > 1 && (level > 3 || (level === 3 && !c.model.gigabytePages) || lo & largeReserved(level))))
        return pageFault(c, vaLo, vaHi, access, mmuMode, PageError.P | PageError.RSVD)
      rights &= lo
      noExecute |= hi & NX
      if (!large) {
        if (!mark(c, at, 8, lo, hi, Pte.A)) continue restart
        table = addressOf(lo, hi)
        continue
      }
      if (!allows(c, rights, noExecute, access, mmuMode)) return pageFault(c, vaLo, vaHi, access, mmuMode, PageError.P)
      const bits = access === Access.WRITE ? Pte.A | Pte.D : Pte.A
      if (!mark(c, at, 8, lo, hi, bits)) continue restart
      const base = addressOf(level > 1 ? lo & ~Pte.PAT_LARGE : lo, hi)
      return leaf(c, base + offsetIn(vaLo, level), lo | bits, rights, noExecute, mmuMode, 3 + 9 * level)
    }
  }
}

function walk32(c: Core, vaLo: number, access: Access, mmuMode: number): TranslateResult {
  for (;;) {
    const at = withA20(c, ((get(c, W.cr3) & ~0xfff) >>> 0) + (vaLo >>> 22) * 4)
    readEntry(c, at, 4)
    const directory = c.lo
    if (!(directory & Pte.P)) return pageFault(c, vaLo, 0, access, mmuMode, 0)
    const bits = access === Access.WRITE ? Pte.A | Pte.D : Pte.A
    if (directory & Pte.PS && get(c, W.cr4) & Cr4.PSE) {
      // Bits 13-20 are bits 32-39 of the address, as far as the model has them.
      const beyond = c.model.physicalBits < 40 ? (0x1fe000 << Math.max(0, c.model.physicalBits - 32)) & 0x1fe000 : 0
      if (directory & (0x200000 | beyond)) return pageFault(c, vaLo, 0, access, mmuMode, PageError.P | PageError.RSVD)
      if (!allows(c, directory, 0, access, mmuMode)) return pageFault(c, vaLo, 0, access, mmuMode, PageError.P)
      if (!mark(c, at, 4, directory, 0, bits)) continue
      const base = ((directory >>> 13) & 0xff) * TWO32 + ((directory & 0xffc00000) >>> 0)
      return leaf(c, base + (vaLo & 0x3fffff), directory | bits, directory, 0, mmuMode, 22)
    }
    if (!mark(c, at, 4, directory, 0, Pte.A)) continue
    const entry = withA20(c, ((directory & ~0xfff) >>> 0) + ((vaLo >>> 12) & 0x3ff) * 4)
    readEntry(c, entry, 4)
    const { lo } = c, rights = directory & lo
    if (!(lo & Pte.P)) return pageFault(c, vaLo, 0, access, mmuMode, 0)
    if (!allows(c, rights, 0, access, mmuMode)) return pageFault(c, vaLo, 0, access, mmuMode, PageError.P)
    if (!mark(c, entry, 4, lo, 0, bits)) continue
    return leaf(c, ((lo & ~0xfff) >>> 0) + (vaLo & 0xfff), lo | bits, rights, 0, mmuMode, 12)
  }
}

/** Access rights (4.6.1). `rights` are those that the entries of all levels give. */
function allows(c: Core, rights: number, noExecute: number, access: Access, mmuMode: number): boolean {
  const user = (rights & Pte.U) !== 0
  if (mmuMode === Mmu.USER) {
    if (!user) return false
  } else if (user && (access === Access.EXECUTE ? get(c, W.cr4) & Cr4.SMEP : mmuMode === Mmu.SUPERVISOR_SMAP)) return false
  if (access === Access.EXECUTE) return noExecute === 0
  if (access === Access.READ) return true
  return (rights & Pte.W) !== 0 || (mmuMode !== Mmu.USER && !(get(c, W.cr0) & Cr0.WP))
}

function leaf(c: Core, pa: number, lo: number, rights: number, noExecute: number, mmuMode: number, pageBits: number): TranslateResult {
  const t = c.translation
  t.pa = withA20(c, pa)
  t.read = allows(c, rights, noExecute, Access.READ, mmuMode)
  t.write = (lo & Pte.D) !== 0 && allows(c, rights, noExecute, Access.WRITE, mmuMode)
  t.execute = allows(c, rights, noExecute, Access.EXECUTE, mmuMode)
  t.global = (lo & Pte.G) !== 0 && (get(c, W.cr4) & Cr4.PGE) !== 0
  t.pageBits = pageBits
  return t
}

/** Loads the directory pointers of PAE paging from where CR3 points; false if one has reserved bits. */
export function loadPdptes(c: Core, cr3: number): boolean {
  const base = (cr3 & ~31) >>> 0, entries: number[] = []
  for (let n = 0; n < 4; n++) {
    readEntry(c, withA20(c, base + 8 * n), 8)
    if (c.lo & Pte.P && (c.lo & 0x1e6 || c.hi & (reservedHigh(c, false) | NX))) return note(c, Vector.GP)
    entries.push(c.lo, c.hi)
  }
  c.i32.set(entries, c.w + W.pdpte)
  return true
}

/** The current address space's physical address, without permissions or effects; -1 if there is none. */
export function probe(c: Core, vaLo: number, vaHi: number): number {
  const cr4 = get(c, W.cr4), long = isLong(c)
  if (!(get(c, W.cr0) & Cr0.PG)) return withA20(c, vaLo >>> 0)
  if (long && !canonical(c, vaHi)) return -1
  let table = long ? (getHi(c, W.cr3) & 0xfffff) * TWO32 + ((get(c, W.cr3) & ~0xfff) >>> 0) : (get(c, W.cr3) & ~0xfff) >>> 0
  if (!(cr4 & Cr4.PAE)) {
    readEntry(c, table + (vaLo >>> 22) * 4, 4)
    if (!(c.lo & Pte.P)) return -1
    if (c.lo & Pte.PS && cr4 & Cr4.PSE) return ((c.lo >>> 13) & 0xff) * TWO32 + ((c.lo & 0xffc00000) >>> 0) + (vaLo & 0x3fffff)
    readEntry(c, ((c.lo & ~0xfff) >>> 0) + ((vaLo >>> 12) & 0x3ff) * 4, 4)
    return c.lo & Pte.P ? ((c.lo & ~0xfff) >>> 0) + (vaLo & 0xfff) : -1
  }
  let level = long ? (cr4 & Cr4.LA57 ? 5 : 4) : 2
  if (!long) {
    const pdpte = c.w + W.pdpte + 2 * (vaLo >>> 30)
    if (!(c.i32[pdpte]! & Pte.P)) return -1
    table = addressOf(c.i32[pdpte]!, c.i32[pdpte + 1]!)
  }
  for (;; level--) {
    readEntry(c, table + indexOf(vaLo, vaHi, level) * 8, 8)
    if (!(c.lo & Pte.P)) return -1
    const next = addressOf(c.lo, c.hi)
    if (level === 1 || (c.lo & Pte.PS && level <= 3)) 
      return next - (level > 1 ? c.lo & Pte.PAT_LARGE : 0) + offsetIn(vaLo, level)
    table = next
  }
}
