// The software TLB of one processor, in the memory that generated code addresses. It has banks (one for each recent
// address space) of MMU modes of direct-mapped entries; each bank has a jump cache beside it. Generated code inlines the
// hit: an access hits when the page of its last byte equals the tag, for its kind, of the entry for its first byte; the host
// address is then the low half of va plus the addend.
import type { Views } from '../state/views.ts'

export const PAGE_BITS = 12
export const PAGE = 1 << PAGE_BITS

/** Byte offsets within a TLB entry, and its size as a power of two. */
export const TlbEntry = { READ: 0, WRITE: 8, ADDEND: 16, BITS: 5 } as const
/** Set in a tag whose page needs the slow path each time: the compare fails, the slow path masks it off and learns that
 * the translation is known. */
export const TLB_SLOW = 0x800
export const TLB_ENTRIES = 1024
export const TLB_BYTES = TLB_ENTRIES << TlbEntry.BITS
/** An entry's byte offset is the page's number in TLB_MASK, with the next higher bits (va >> PAGE_BITS, in TLB_FOLD) put over the
 * upper half of it: buffers that lie a multiple of the table's size apart, or a page more or less, are used together. Two
 * pages that follow each other differ in the lower half, so that they never share an entry: an access across them would hit. */
export const TLB_MASK = (TLB_ENTRIES - 1) << TlbEntry.BITS
export const TLB_FOLD = TLB_MASK & (TLB_MASK << 5)

/** Jump cache: virtual pc and mode word to code (see accel/jit). Byte offsets within an entry. */
export const JumpEntry = { PC: 0, MODE: 8, CODE: 12, BITS: 4 } as const
export const JUMP_ENTRIES = 8192
export const JUMP_BYTES = JUMP_ENTRIES << JumpEntry.BITS
export const JUMP_MASK = JUMP_ENTRIES - 1
/** How many indices the addresses of a page have, and the longest instruction of any architecture. */
const PAGE_JUMPS = PAGE / 2, MAX_INSN_BYTES = 15
/** Index of a pc in the jump cache; generated code computes the same. */
export const jumpIndex = (pcLo: number): number => ((pcLo >>> 1) ^ (pcLo >>> 14)) & JUMP_MASK

export const BANKS = 8
/** One bank more holds the modes that are global (Isa.globalModes): whichever address space is current. */
const SHARED = BANKS
const ALL = BANKS + 1

/** Bytes that a processor with `modes` MMU modes needs. */
export const tlbAreaBytes = (modes: number): number => ALL * (modes * (TLB_BYTES + CODE_BYTES) + JUMP_BYTES)

/** What a fill says about a page. */
export type Page = {
  /** Byte offset of the page in the memory; ignored where neither kind is direct. */
  host: number
  /** Whether reads and writes of allowed kinds may go straight to memory. */
  readDirect: boolean
  writeDirect: boolean
  read: boolean
  write: boolean
  /** log2 of the mapping's size: a flush of any address in a large one drops all of it. */
  pageBits: number
  /** The same in every address space. */
  global: boolean
}

/** An entry of the instruction side: the page's address, its byte offset in the memory, whether it is global. The dispatcher
 * asks it, and code that goes on in another page. */
export const CodeEntry = { PAGE: 0, HOST: 8, GLOBAL: 12, BITS: 4 } as const
const CODE_ENTRIES = 1024
const CODE_BYTES = CODE_ENTRIES << CodeEntry.BITS
/** Byte offset of a page's entry in its table. */
export const codeEntryAt = (vaLo: number): number =>
  (((vaLo >>> PAGE_BITS) ^ (vaLo >>> (PAGE_BITS + 10))) & (CODE_ENTRIES - 1)) << CodeEntry.BITS
const JUMP_PAGES = 8192
const JUMP_LIST = 1024
/** Entries of one address space's own pages, in each table, that are dropped one by one; if there are more, all entries go. */
const LOCAL_LIST = 256
const NO_JUMPS = -1, SEVERAL = -2
/** A page's number, cut to 31 bits: two pages that share it are taken for one. */
const pageId = (vaLo: number, vaHi: number): number => ((vaLo >>> PAGE_BITS) ^ (vaHi << 20)) & 0x7fffffff
const jumpPage = (vaLo: number): number => ((vaLo >>> PAGE_BITS) ^ (vaLo >>> 24)) & (JUMP_PAGES - 1)

export class Tlb {
  private readonly u32: Uint32Array
  private readonly u8: Uint8Array
  private readonly base: number
  private readonly modes: number
  /** Address space of each bank; -1 if unused. Host-side bookkeeping: dropping it all is a flush. */
  private readonly spaces = new Int32Array(BANKS).fill(-1)
  /** Which (bank, mode) tables and jump caches hold anything. */
  private readonly dirty: Uint8Array
  /** Entries set in each jump cache since it was clear, and where, if they are few. */
  private readonly jumpCount = new Int32Array(ALL)
  private readonly jumpList = new Int32Array(ALL * JUMP_LIST)
  /** Which pages have had entries in each jump cache, by a hash: a page's number, or SEVERAL. */
  private readonly jumpPages = new Int32Array(ALL * JUMP_PAGES).fill(NO_JUMPS)
  private readonly i32: Int32Array
  /** What a change of address space drops, table by table: entries of pages that are not global, and of jumps into them. */
  private readonly localPages: LocalList
  private readonly localCode: LocalList
  private readonly localJumps = new LocalList(ALL, JUMP_LIST)
  /** Large mappings of which each bank may have pages (largeKey), and the one that was noted last. */
  private readonly large = Array.from({ length: ALL }, () => new Set<number>())
  private readonly lastLarge = new Float64Array(ALL).fill(-1)
  /** Their sizes, as powers of two. */
  private readonly largeBits = new Set<number>()
  private turn = 0
  private bank = 0
  private readonly isGlobal: readonly boolean[]

  constructor(views: Views, base: number, modes: number, globalModes: readonly number[] = []) {
    this.isGlobal = Array.from({ length: modes }, (_, m) => globalModes.includes(m))
    this.u32 = views.u32
    this.i32 = views.i32
    this.u8 = views.u8
    this.base = base
    this.modes = modes
    this.dirty = new Uint8Array(ALL * modes).fill(1)
    this.localPages = new LocalList(ALL * modes, LOCAL_LIST)
    this.localCode = new LocalList(ALL * modes, LOCAL_LIST)
    this.jumpCount.fill(JUMP_LIST + 1)
    this.flush()
  }

  /** Makes the bank of `space` current, taking over another one's if there is none. */
  select(space: number): void {
    if (this.spaces[this.bank] === space) return
    this.flushLocal(SHARED)
    let b = this.spaces.indexOf(space)
    if (b < 0) {
      b = this.spaces.indexOf(-1)
      if (b < 0) b = this.turn = (this.turn + 1) % BANKS
      this.flushBank(b)
      this.spaces[b] = space
    }
    this.bank = b
  }

  private bankOf(mode: number): number { return this.isGlobal[mode] ? SHARED : this.bank }
  /** Address of the current table for data accesses in `mode`, and of the jump cache for code that runs in it. */
  tableAt(mode: number): number { return this.tableIn(mode, this.bankOf(mode)) }
  jumpCacheAt(mode: number): number { return this.jumpCacheIn(this.bankOf(mode)) }
  /** Address of the current table of the instruction side for code that runs in MMU mode `mode`. */
  codeTableAt(mode: number): number { return this.codeTableIn(mode, this.bankOf(mode)) }
  private codeTableIn(mode: number, bank: number): number {
    return this.base + ALL * (this.modes * TLB_BYTES + JUMP_BYTES) + (bank * this.modes + mode) * CODE_BYTES
  }
  private tableIn(mode: number, bank: number): number { return this.base + (bank * this.modes + mode) * TLB_BYTES }
  private jumpCacheIn(bank: number): number { return this.base + ALL * this.modes * TLB_BYTES + bank * JUMP_BYTES }

  private entry(mode: number, vaLo: number, bank = this.bankOf(mode)): number {
    return (this.tableIn(mode, bank) + (((vaLo >>> (PAGE_BITS - TlbEntry.BITS)) & TLB_MASK) ^ ((vaLo >>> PAGE_BITS) & TLB_FOLD))) >>> 2
  }

  /** Enters a page into the current bank. */
  fill(mode: number, vaLo: number, vaHi: number, page: Page): void {
    const e = this.entry(mode, vaLo), u32 = this.u32, lo = vaLo & -PAGE
    const tag = (at: number, allowed: boolean, direct: boolean) => {
      u32[e + at] = allowed ? (direct ? lo : lo | TLB_SLOW) : NONE
      u32[e + at + 1] = allowed ? vaHi : NONE
    }
    tag(0, page.read, page.readDirect)
    tag(2, page.write, page.writeDirect)
    u32[e + (TlbEntry.ADDEND >> 2)] = page.host - lo
    if (!page.global) this.localPages.add(this.bankOf(mode) * this.modes + mode, e)
    this.note(mode, vaLo, vaHi, page)
  }

  /** What flushes must know about a page that was entered. */
  private note(mode: number, vaLo: number, vaHi: number, page: Pick<Page, 'pageBits' | 'global'>): void {
    const b = this.bankOf(mode)
    this.dirty[b * this.modes + mode] = 1
    if (page.pageBits > PAGE_BITS) this.noteLarge(b, vaLo, vaHi, page.pageBits)
  }

  private noteLarge(b: number, vaLo: number, vaHi: number, pageBits: number): void {
    const key = largeKey(vaLo, vaHi, pageBits)
    if (this.lastLarge[b] === key) return
    this.lastLarge[b] = key
    this.large[b]!.add(key)
    this.largeBits.add(pageBits)
  }

  private codeEntry(mode: number, vaLo: number, bank: number): number {
    return (this.codeTableIn(mode, bank) + codeEntryAt(vaLo)) >>> 2
  }

  /** Enters a page of instructions; `host` is its byte offset in the memory. */
  fillCode(mode: number, vaLo: number, vaHi: number, host: number, page: Pick<Page, 'pageBits' | 'global'>): void {
    this.note(mode, vaLo, vaHi, page)
    const e = this.codeEntry(mode, vaLo, this.bankOf(mode)), lo = vaLo & -PAGE
    this.i32[e] = lo
    this.i32[e + 1] = vaHi
    this.i32[e + 2] = host
    this.i32[e + 3] = Number(page.global)
    if (!page.global) this.localCode.add(this.bankOf(mode) * this.modes + mode, e)
  }

  /** Host byte offset of the instruction at a virtual address; -1 if its page is not entered. */
  lookupCode(mode: number, vaLo: number, vaHi: number): number {
    const e = this.codeEntry(mode, vaLo, this.bankOf(mode))
    if (this.i32[e] !== (vaLo & -PAGE) || this.i32[e + 1] !== (vaHi | 0)) return -1
    return this.i32[e + 2]! + (vaLo & (PAGE - 1))
  }

  /** Host byte offset for an access that the TLB already allows directly; -1 if it does not. `kind` is a TlbEntry offset. */
  lookup(mode: number, kind: number, vaLo: number, vaHi: number): number {
    const e = this.entry(mode, vaLo)
    if (this.u32[e + (kind >> 2)] !== (vaLo & -PAGE) >>> 0 || this.u32[e + (kind >> 2) + 1] !== vaHi >>> 0) return -1
    return (vaLo + this.u32[e + (TlbEntry.ADDEND >> 2)]!) >>> 0
  }

  /** Sets an entry of the jump cache for code that runs in MMU mode `fetchMode`; its page is entered. So is the next one
   * where the first instruction `crosses` into it. */
  setJump(fetchMode: number, pcLo: number, pcHi: number, mode: number, code: number, crosses: boolean): void {
    const bank = this.bankOf(fetchMode), e = (this.jumpCacheIn(bank) + (jumpIndex(pcLo) << JumpEntry.BITS)) >>> 2
    this.u32[e] = pcLo
    this.u32[e + 1] = pcHi
    this.u32[e + 2] = mode
    this.u32[e + 3] = code
    if (this.jumpCount[bank]! < JUMP_LIST) this.jumpList[bank * JUMP_LIST + this.jumpCount[bank]!] = e
    this.jumpCount[bank]!++
    if (crosses || !this.i32[this.codeEntry(fetchMode, pcLo, bank) + 3]) this.localJumps.add(bank, e)
    this.noteJump(bank, pcLo, pcHi)
    if (crosses) this.noteJump(bank, (pcLo | (PAGE - 1)) + 1, (pcLo | (PAGE - 1)) === -1 ? pcHi + 1 : pcHi)
  }

  private noteJump(bank: number, pcLo: number, pcHi: number): void {
    const slot = bank * JUMP_PAGES + jumpPage(pcLo), page = pageId(pcLo, pcHi)
    if (this.jumpPages[slot] !== page) this.jumpPages[slot] = this.jumpPages[slot] === NO_JUMPS ? page : SEVERAL
  }

  /** Changes the code of a pc in every jump cache that has it. */
  changeJump(pcLo: number, pcHi: number, mode: number, code: number): void {
    for (let b = 0; b < ALL; b++) {
      const e = (this.jumpCacheIn(b) + (jumpIndex(pcLo) << JumpEntry.BITS)) >>> 2
      if (this.u32[e] === pcLo >>> 0 && this.u32[e + 1] === pcHi >>> 0 && this.u32[e + 2] === mode) this.u32[e + 3] = code
    }
  }

  /** Drops everything; or one address space's pages; or one page, of one space or of all. */
  flush(space = -1, vaLo?: number, vaHi?: number): void {
    for (let b = 0; b < ALL; b++) {
      if (space >= 0 && b !== SHARED && this.spaces[b] !== space) continue
      if (vaLo !== undefined) this.flushPage(b, vaLo, vaHi!)
      else if (space >= 0) this.flushLocal(b)
      else this.flushBank(b)
    }
  }

  /** Drops the pages of an address space that are its own. The shared bank may have some, of the current one. */
  private flushLocal(b: number): void {
    const { u32 } = this
    for (let m = 0; m < this.modes; m++) {
      const t = b * this.modes + m
      if (!this.dirty[t]) continue
      if (this.localPages.full(t) || this.localCode.full(t)) {
        this.flushTable(b, m)
        continue
      }
      this.localPages.take(t, e => u32.fill(NONE, e, e + (TlbEntry.ADDEND >> 2)))
      this.localCode.take(t, e => { this.i32[e] = NO_PAGE })
    }
    if (this.localJumps.full(b)) this.dropJumps(b)
    else this.localJumps.take(b, e => { u32[e] = u32[e + 1] = NONE })
  }

  private flushTable(b: number, m: number): void {
    const t = b * this.modes + m, at = this.tableIn(m, b)
    this.u8.fill(0xff, at, at + TLB_BYTES)
    const code = this.codeTableIn(m, b)
    this.u8.fill(0xff, code, code + CODE_BYTES)
    this.localPages.clear(t)
    this.localCode.clear(t)
    this.dirty[t] = 0
  }

  private flushBank(b: number): void {
    for (let m = 0; m < this.modes; m++) if (this.dirty[b * this.modes + m]) this.flushTable(b, m)
    this.large[b]!.clear()
    this.lastLarge[b] = -1
    this.dropJumps(b)
  }

  private flushPage(b: number, vaLo: number, vaHi: number): void {
    if (this.large[b]!.size > 0)
      for (const bits of this.largeBits) if (this.large[b]!.has(largeKey(vaLo, vaHi, bits))) return this.flushBank(b)
    const lo = (vaLo & -PAGE) >>> 0, hi = vaHi >>> 0
    const seen = this.jumpPages[b * JUMP_PAGES + jumpPage(vaLo)]
    if (seen === pageId(vaLo, vaHi) || seen === SEVERAL) this.dropJumpsOf(b, lo, hi)
    for (let m = 0; m < this.modes; m++) {
      const e = this.entry(m, vaLo, b)
      const c = this.codeEntry(m, vaLo, b)
      if (this.i32[c] === (lo | 0) && this.i32[c + 1] === (vaHi | 0)) this.i32[c] = NO_PAGE
      for (const kind of [0, TlbEntry.WRITE >> 2])
        if ((this.u32[e + kind]! & -PAGE) >>> 0 === lo && this.u32[e + kind + 1] === hi) {
          this.u32[e + kind] = NONE
          this.u32[e + kind + 1] = NONE
        }
    }
  }

  /** Clears the entries of one page in a jump cache, and of instructions that may cross into it. A page's entries lie
   * together: the index has the address's bits within the page. */
  private dropJumpsOf(b: number, pageLo: number, pageHi: number): void {
    const cache = this.jumpCacheIn(b) >>> 2, words = 1 << (JumpEntry.BITS - 2), { u32 } = this
    const first = cache + (jumpIndex(pageLo) & -PAGE_JUMPS) * words
    for (let e = first; e < first + PAGE_JUMPS * words; e += words)
      if ((u32[e]! & -PAGE) >>> 0 === pageLo && u32[e + 1] === pageHi) u32[e] = u32[e + 1] = NONE
    const before = pageLo === 0 ? (pageHi - 1) >>> 0 : pageHi
    for (let pc = pageLo - 1; pc > pageLo - MAX_INSN_BYTES; pc--) {
      const e = cache + jumpIndex(pc) * words
      if (u32[e] === pc >>> 0 && u32[e + 1] === before) u32[e] = u32[e + 1] = NONE
    }
  }

  /** Clears jump caches: translated code went away or can no longer be reached at its address. */
  dropJumps(bank = -1): void {
    for (let b = 0; b < ALL; b++) {
      const count = this.jumpCount[b]!
      if ((bank >= 0 && b !== bank) || count === 0) continue
      const at = this.jumpCacheIn(b)
      if (count > JUMP_LIST) this.u8.fill(0xff, at, at + JUMP_BYTES)
      else for (let i = 0; i < count; i++) this.u32[this.jumpList[b * JUMP_LIST + i]!] = this.u32[this.jumpList[b * JUMP_LIST + i]! + 1] = NONE
      this.jumpCount[b] = 0
      this.localJumps.clear(b)
      this.jumpPages.fill(NO_JUMPS, b * JUMP_PAGES, (b + 1) * JUMP_PAGES)
    }
  }

  /** Takes direct writing away from the page at host offset `host`, wherever it is mapped. */
  protect(host: number): void {
    for (let b = 0; b < ALL; b++)
      for (let m = 0; m < this.modes; m++) {
        if (!this.dirty[b * this.modes + m]) continue
        const first = this.tableIn(m, b) >>> 2, end = first + (TLB_BYTES >>> 2)
        for (let e = first; e < end; e += 8) {
          const tag = this.u32[e + 2]!
          if (tag !== NONE && !(tag & TLB_SLOW) && ((this.u32[e + (TlbEntry.ADDEND >> 2)]! + tag) >>> 0) === host) this.u32[e + 2] = tag | TLB_SLOW
        }
      }
  }
}

/** Short lists of entries, one for each of a number of tables. */
class LocalList {
  private readonly most: number
  private readonly count: Int32Array
  private readonly entries: Int32Array

  constructor(tables: number, most: number) {
    this.most = most
    this.count = new Int32Array(tables)
    this.entries = new Int32Array(tables * most)
  }
  add(table: number, entry: number): void {
    const n = this.count[table]!
    if (n < this.most) this.entries[table * this.most + n] = entry
    if (n <= this.most) this.count[table] = n + 1
  }
  /** There are more entries than the list has. */
  full(table: number): boolean { return this.count[table]! > this.most }
  clear(table: number): void { this.count[table] = 0 }
  take(table: number, each: (entry: number) => void): void {
    const first = table * this.most, end = first + this.count[table]!
    for (let i = first; i < end; i++) each(this.entries[i]!)
    this.count[table] = 0
  }
}

/** A large mapping of 2^`bits` bytes, by an address in it: exact for addresses of up to 57 bits. */
const largeKey = (vaLo: number, vaHi: number, bits: number): number =>
  Math.floor(((vaHi & 0x1ffffff) * 0x100000 + (vaLo >>> PAGE_BITS)) / 2 ** (bits - PAGE_BITS)) * 64 + bits

/** Both halves of a tag that allows nothing. */
export const NONE = 0xffffffff
/** No page begins here. */
const NO_PAGE = -1
