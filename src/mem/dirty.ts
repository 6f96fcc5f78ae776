// Which pages of a display's memory were written since somebody looked: a bit a page, in shared memory, set by
// whoever writes (devices and DMA through PhysicalMemory, processors on the slow path of their software TLB) and
// taken by whoever draws. Setting comes after the write, taking before the look: a write is seen now or next time.
//
//   const map = dirtyMapAt(views, at, sizeBytes)
//   map.markDirty(offset, length)
//   const taken = map.takeDirty()        clears; taken.any, taken.has(offset, length)
import type { Views } from '../state/views.ts'

const PAGE_BITS = 12, PAGES_PER_WORD = 32

export type DirtyMap = {
  /** Bytes from `offset` on have been written. */
  markDirty(offset: number, length: number): void
  markAll(): void
  /** What is dirty, which then is clean. */
  takeDirty(): DirtyPages
  /** On this thread: called first, where somebody else has noted writes and must be asked for them. */
  ask?: () => void
}

export type DirtyPages = {
  readonly any: boolean
  /** Whether a page of [offset, offset + length) is among them. */
  has(offset: number, length: number): boolean
}

const pagesOf = (sizeBytes: number): number => Math.ceil(sizeBytes / (1 << PAGE_BITS))
const wordsOf = (sizeBytes: number): number => Math.ceil(pagesOf(sizeBytes) / PAGES_PER_WORD)
export const dirtyMapBytes = (sizeBytes: number): number => wordsOf(sizeBytes) * 4

/** Binds the map of a memory of `sizeBytes` at byte `at`. */
export function dirtyMapAt(views: Views, at: number, sizeBytes: number): DirtyMap {
  const words = views.i32, first = at >>> 2, count = wordsOf(sizeBytes)
  const mark = (offset: number, length: number) => {
    const end = Math.min(sizeBytes, offset + length)
    if (offset >= end) return
    for (let page = offset >>> PAGE_BITS; page <= (end - 1) >>> PAGE_BITS; page++) {
      const word = first + (page >>> 5), bit = 1 << (page & 31)
      if (!(Atomics.load(words, word) & bit)) Atomics.or(words, word, bit)
    }
  }
  const map: DirtyMap = {
    markDirty: mark,
    markAll: () => mark(0, sizeBytes),
    takeDirty() {
      map.ask?.()
      const taken = new Int32Array(count)
      let any = false
      for (let i = 0; i < count; i++) {
        if (Atomics.load(words, first + i) === 0) continue
        taken[i] = Atomics.exchange(words, first + i, 0)
        any = true
      }
      return {
        any,
        has(offset, length) {
          const end = Math.min(sizeBytes, offset + length)
          if (!any || offset >= end) return false
          for (let page = offset >>> PAGE_BITS; page <= (end - 1) >>> PAGE_BITS; page++)
            if (taken[page >>> 5]! & (1 << (page & 31))) return true
          return false
        },
      }
    },
  }
  return map
}
