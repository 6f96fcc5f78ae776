// Which pages of RAM hold translated code, for all processors: a bit per processor and page in shared memory (processors from
// number 30 on share one). A page with a bit set is not written directly: software TLBs hold it as slow, DMA asks here. Beside
// it stands a version, which grows when such a page is written: two looks that find a page with its version unchanged saw the
// same code.
import { PAGE, PAGE_BITS } from '../../mem/tlb.ts'
import type { Views } from '../../state/views.ts'
import { Mail, type Mailbox } from './mailbox.ts'

/** Bytes of the map for a memory of `sizeBytes`. */
export const codePagesBytes = (sizeBytes: number): number => (sizeBytes >>> PAGE_BITS) * 8

/** Of a page, as a byte offset in the memory. */
export type PageVersion = { readonly host: number; readonly version: number }

export class CodePages {
  private readonly words: Int32Array
  private readonly base: number
  private readonly mailboxes: readonly Mailbox[]

  constructor(views: Views, at: number, mailboxes: readonly Mailbox[]) {
    this.words = views.i32
    this.base = at >>> 2
    this.mailboxes = mailboxes
  }

  /** Word index of the holders of the page at byte offset `host`; its version is the next word. */
  private at(host: number): number { return this.base + 2 * (host >>> PAGE_BITS) }

  /** Whether any processor holds code of the page at byte offset `host`. */
  has(host: number): boolean {
    return Atomics.load(this.words, this.at(host)) !== 0
  }

  /** Whether processor `self` still holds a page that it has claimed. */
  holds(host: number, self: number): boolean {
    return (Atomics.load(this.words, this.at(host)) & bitOf(self)) !== 0
  }

  /** The version of a page that no processor writes directly; -1 if its code may change unseen. */
  version(host: number): number {
    const version = Atomics.load(this.words, this.at(host) + 1) & 0x7fffffff
    return Atomics.load(this.words, this.at(host)) & SETTLED ? version : -1
  }

  /** Whether pages are as they were when their versions were taken, and no processor writes them directly. */
  unwritten(versions: readonly PageVersion[]): boolean {
    return versions.every(({ host, version }) => version >= 0 && this.version(host) === version)
  }

  /** Processor `self` now holds code of a page. No other writes the page directly any more when this returns; meanwhile `serve`
   * handles what they ask of us. True if it may have held none before: it must protect the page too. */
  claim(host: number, self: number, serve: () => void): boolean {
    const { words } = this, at = this.at(host), bit = bitOf(self), before = Atomics.or(words, at, bit)
    if (before & SETTLED) return (before & bit) === 0 || bit === SHARED_BIT
    const page = host & -PAGE
    // Somebody else may have begun this, but not have come to its end.
    const waits = this.mailboxes.map((m, i) => (i === self ? 0 : m.post(before === 0 ? Mail.PROTECT : Mail.FENCE, page)))
    this.mailboxes.forEach((m, i) => {
      if (i !== self) awaitLetter(m, waits[i]!, serve)
    })
    // Unless it was written meanwhile, and claimed anew by another, which a bit of our own tells.
    for (let now = Atomics.load(words, at); bit !== SHARED_BIT && now & bit && !(now & SETTLED);) {
      const seen = Atomics.compareExchange(words, at, now, now | SETTLED)
      if (seen === now) break
      now = seen
    }
    return true
  }

  /** The page was written: its code is dropped everywhere; at once here (by `drop`), and by the others before they look
   * at their mail again. `self` is -1 for a thread that is no processor. */
  written(host: number, self: number, drop: (page: number) => void): void {
    const page = host & -PAGE, at = this.at(host)
    Atomics.add(this.words, at + 1, 1)
    const holders = Atomics.exchange(this.words, at, 0)
    if (holders === 0) return
    this.mailboxes.forEach((m, i) => {
      if (!(holders & bitOf(i))) return
      if (i === self) drop(page)
      else m.post(Mail.DROP_CODE, page)
    })
  }
}

/** In a page's word: no processor writes it directly. */
const SETTLED = 1 << 31
const SHARED_BIT = 1 << 30
/** The bit of a processor's hold. */
const bitOf = (processor: number): number => (processor < 30 ? 1 << processor : SHARED_BIT)

/** Waits until a letter is done, handling our own mail meanwhile. */
export function awaitLetter(m: Mailbox, number: number, serve: () => void): void {
  while (!m.done(number)) {
    serve()
    m.wait(number)
  }
}
