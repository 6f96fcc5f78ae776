// What a processor asks for when a block is hot: the blocks of its page that have been run, and those of a few other pages that
// it leads to and that have been run often themselves.
import { PAGE, PAGE_BITS } from '../../../mem/tlb.ts'
import type { CodeBlock } from '../cache.ts'
import type { Vcpu } from '../vcpu.ts'
import { MAX_OTHERS } from './compiler.ts'
import type { OtherPage, RegionRequest } from './region.ts'

/** How many blocks are looked at. */
const MOST = 40
/** What part of the executions that make a block hot another one must have had, to which the code always leads, and to which it
 * leads among others. */
const OFTEN = 7 / 8, LED = 1 / 8

export function requestAround(v: Vcpu, b: CodeBlock): RegionRequest {
  const others: OtherPage[] = [], known: number[] = [], sizes: number[] = [], entered: number[] = [], led = new Set<number>()
  const add = (n: CodeBlock, offset: number) => {
    known.push(offset)
    sizes.push(n.sizeBytes)
  }
  /** The offset of a block, with its page among the others if there is room; -1 if there is none. */
  const offsetOf = (n: CodeBlock): number => {
    const pageLo = n.pcLo & -PAGE, within = n.pcLo & (PAGE - 1)
    if (pageLo === (b.pcLo & -PAGE)) return within
    let page = others.findIndex(o => o.pageLo === pageLo)
    if (page < 0 && others.length < MAX_OTHERS && !v.debug.inPage(n.pcLo, n.pcHi)) page = others.push({ pageLo, host: n.host & -PAGE }) - 1
    return page < 0 ? -1 : ((page + 1) << PAGE_BITS) + within
  }

  const seen = new Set([b]), queue = [b], ledTo = new Set<number>()
  /** Goes on with a block that has been run often enough; its offset, or -1. */
  const follow = (t: CodeBlock, often: number): number => {
    if (t.secondPage >= 0 || t.pcHi !== b.pcHi || !v.code.warm(t, often)) return -1
    const offset = offsetOf(t)
    if (offset < 0 || seen.has(t)) return offset
    seen.add(t)
    queue.push(t)
    if (offset >= PAGE) add(t, offset)
    return offset
  }
  for (let n = queue.shift(); n && seen.size < MOST; n = queue.shift())
    for (const { block: t, indirect } of v.code.successors(n)) {
      const offset = t ? follow(t, indirect ? LED : OFTEN) : -1
      if (!t || offset < 0 || !indirect || ledTo.has(offset >>> PAGE_BITS)) continue
      // It leads to others of that page as well.
      ledTo.add(offset >>> PAGE_BITS)
      for (const like of v.code.cache.neighbours(t)) if (like.entered && follow(like, LED) >= 0) led.add(offsetOf(like))
    }
  for (const n of v.code.cache.neighbours(b)) {
    if (n.secondPage >= 0) continue
    add(n, n.pcLo & (PAGE - 1))
    if (n.entered) entered.push(n.pcLo & (PAGE - 1))
  }
  return { ...placeOf(b), others, known, sizes, entered, led: [...led], start: b.pcLo & (PAGE - 1) }
}

export const placeOf = (b: CodeBlock) => ({ pageLo: b.pcLo & -PAGE, pageHi: b.pcHi, mode: b.mode, host: b.host & -PAGE })
