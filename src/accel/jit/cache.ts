// The translated code of one processor: blocks found by where their bytes lie, dropped page by page.
import { PAGE, PAGE_BITS } from '../../mem/tlb.ts'

/** A basic block that the interpreter knows. Physical place and virtual address both count: constants in the code depend
 * on the address. */
export type CodeBlock = {
  readonly number: number
  /** The halves of its address, both as signed words: small integers are not boxed. */
  readonly pcLo: number
  readonly pcHi: number
  readonly mode: number
  /** Byte offset of its first byte in the memory, and of the page where it goes on (or -1). */
  readonly host: number
  readonly secondPage: number
  /** A region's block may not be longer: what lies behind may depend on more of the mode. */
  readonly sizeBytes: number
  /** Address of its first record, and behind its last. */
  readonly record: number
  readonly recordEnd: number
  /** Entered other than by a link: what a compiled region must offer as an entry. */
  entered: boolean
  /** What runs it: its first record, or an entry of a compiled region. */
  code: number
  valid: boolean
}

type PageCode = {
  /** By context and offset in the page. */
  readonly blocks: Map<number, CodeBlock>
  /** Blocks of other pages that end here. */
  readonly intruders: Set<CodeBlock>
}

const RECENT_MASK = (1 << 13) - 1

const is = (b: CodeBlock, host: number, pcLo: number, pcHi: number, mode: number): boolean =>
  b.host === host && b.pcLo === (pcLo | 0) && b.pcHi === (pcHi | 0) && b.mode === mode

export class CodeCache {
  private readonly pages = new Map<number, PageCode>()
  /** Numbers of the contexts (virtual page and mode word) that keys are made of. */
  private readonly contexts = new Map<number, number>()
  /** Blocks that were found, by their place: a new address space looks for the same ones again. */
  private readonly recent: (CodeBlock | undefined)[] = new Array(RECENT_MASK + 1).fill(undefined)
  /** By number, dropped ones too until all are: their records may still be running. */
  blocks: (CodeBlock | undefined)[] = []
  /** Told of each block that is dropped. */
  dropped: (b: CodeBlock) => void = () => {}

  private key(pcLo: number, pcHi: number, mode: number): number {
    // Exact for addresses of up to 48 bits; `find` compares the whole address, so that others only collide.
    const context = ((pcHi & 0xffff) * 0x100000 + (pcLo >>> PAGE_BITS)) * 0x1000 + (mode & 0xfff)
    let id = this.contexts.get(context)
    if (id === undefined) this.contexts.set(context, (id = this.contexts.size))
    return id * PAGE + (pcLo & (PAGE - 1))
  }

  find(host: number, pcLo: number, pcHi: number, mode: number): CodeBlock | undefined {
    const at = (host >>> 1) & RECENT_MASK, recent = this.recent[at]
    if (recent?.valid && is(recent, host, pcLo, pcHi, mode)) return recent
    const b = this.pages.get(host >>> PAGE_BITS)?.blocks.get(this.key(pcLo, pcHi, mode))
    if (b === undefined || !is(b, host, pcLo, pcHi, mode)) return undefined
    this.recent[at] = b
    return b
  }

  add(b: CodeBlock): void {
    this.page(b.host >>> PAGE_BITS).blocks.set(this.key(b.pcLo, b.pcHi, b.mode), b)
    if (b.secondPage >= 0) this.page(b.secondPage >>> PAGE_BITS).intruders.add(b)
    this.blocks[b.number] = b
  }

  private page(number: number): PageCode {
    let p = this.pages.get(number)
    if (!p) this.pages.set(number, (p = { blocks: new Map(), intruders: new Set() }))
    return p
  }

  /** All blocks of the page at byte offset `host` that share a virtual page and mode with `like`. */
  *neighbours(like: CodeBlock): Iterable<CodeBlock> {
    for (const b of this.pages.get(like.host >>> PAGE_BITS)?.blocks.values() ?? [])
      if (b.mode === like.mode && b.pcLo >>> PAGE_BITS === like.pcLo >>> PAGE_BITS && b.pcHi === like.pcHi) yield b
  }

  has(host: number): boolean {
    return this.pages.has(host >>> PAGE_BITS)
  }

  /** Drops the code of the page at byte offset `host`; whether there was any. */
  dropPage(host: number): boolean {
    const p = this.pages.get(host >>> PAGE_BITS)
    if (!p) return false
    this.pages.delete(host >>> PAGE_BITS)
    for (const b of p.blocks.values()) this.drop(b)
    for (const b of p.intruders) this.dropBlock(b)
    return true
  }

  /** Drops one block, which no other is linked to. */
  dropBlock(b: CodeBlock): void {
    this.pages.get(b.host >>> PAGE_BITS)?.blocks.delete(this.key(b.pcLo, b.pcHi, b.mode))
    if (b.secondPage >= 0) this.pages.get(b.secondPage >>> PAGE_BITS)?.intruders.delete(b)
    this.drop(b)
  }

  private drop(b: CodeBlock): void {
    if (!b.valid) return
    b.valid = false
    this.dropped(b)
  }

  dropAll(): void {
    for (const host of [...this.pages.keys()]) this.dropPage(host << PAGE_BITS)
    this.contexts.clear()
    this.recent.fill(undefined)
    this.blocks = []
  }

  /** Byte offsets of all pages that hold code. */
  *hosts(): Iterable<number> {
    for (const p of this.pages.keys()) yield p * PAGE
  }
}
