// The bus master's descriptor tables (Programming Interface for Bus Master IDE Controller, revision 1.0): entries
// of address and length, the last one marked.
import type { Dma } from '../../device/dma.ts'

const ENTRY_BYTES = 8, TABLE_BYTES = 4096, END = 0x8000

export type Region = { readonly pa: number; readonly length: number }

/** What the table at `at` describes, in order; and its length in bytes, which may be more than is needed. */
export function readTable(dma: Dma, at: number): { regions: Region[]; bytes: number } {
  const regions: Region[] = []
  let bytes = 0
  for (let offset = 0; offset < TABLE_BYTES; offset += ENTRY_BYTES) {
    const pa = dma.load(at + offset, 4), length = (dma.load(at + offset + 4, 2) & 0xfffe) || 0x1_0000
    regions.push({ pa, length })
    bytes += length
    if (dma.load(at + offset + 6, 2) & END) break
  }
  return { regions, bytes }
}

/** Guest memory of the regions, as much as fits. */
export function gather(dma: Dma, regions: readonly Region[], into: Uint8Array): void {
  move(regions, into.length, (pa, from, to) => void dma.read(pa, into.subarray(from, to)))
}
export function scatter(dma: Dma, regions: readonly Region[], from: Uint8Array): void {
  move(regions, from.length, (pa, start, end) => void dma.write(pa, from.subarray(start, end)))
}

function move(regions: readonly Region[], total: number, part: (pa: number, from: number, to: number) => void): void {
  let done = 0
  for (const { pa, length } of regions) {
    const n = Math.min(length, total - done)
    if (n === 0) return
    part(pa, done, done + n)
    done += n
  }
}
