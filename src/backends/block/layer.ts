// What an image format offers and what it stands on: formats and overlays are layers over one another, at the
// bottom a file.
import type { BlockBackend } from '../../device/block.ts'

export type BlockLayer = Omit<BlockBackend, 'failed'> & {
  /** A multiple of 512. */
  readonly sizeBytes: number
  readonly readOnly: boolean
  close(): void
}

/** Bytes `from` to `from + length` of the parts, seen as one run. */
export function cut(parts: readonly Uint8Array[], from: number, length: number): Uint8Array[] {
  const out: Uint8Array[] = []
  for (const part of parts) {
    if (length <= 0) break
    if (from < part.length) {
      const end = Math.min(part.length, from + length)
      out.push(part.subarray(from, end))
      length -= end - from
      from = 0
    } else from -= part.length
  }
  return out
}

export const lengthOf = (parts: readonly Uint8Array[]): number =>
  parts.reduce((n, part) => n + part.length, 0)

export function fill(parts: readonly Uint8Array[], byte: number): void {
  for (const part of parts) part.fill(byte)
}
