// An image file that lies in memory: contents that a library user hands in, and temporary storage where the
// host has none.
import type { ImageFile } from '../../host/host.ts'
import { cut, lengthOf } from './layer.ts'

const CHUNK = 1 << 20

export function memoryImage(contents: Uint8Array = new Uint8Array(0)): ImageFile {
  const chunks = new Map<number, Uint8Array>()
  let size = contents.length
  /** The chunk, for writing: its first bytes come from the contents. */
  function chunk(n: number): Uint8Array {
    let c = chunks.get(n)
    if (!c) {
      chunks.set(n, (c = new Uint8Array(CHUNK)))
      c.set(contents.subarray(n * CHUNK, Math.min((n + 1) * CHUNK, size)))
    }
    return c
  }
  const inside = (offset: number) => Math.min(CHUNK, Math.max(0, size - offset))
  return {
    sizeBytes: () => size,
    read(offset, into) {
      const total = Math.max(0, Math.min(lengthOf(into), size - offset))
      for (let done = 0; done < total;) {
        const at = offset + done, n = Math.floor(at / CHUNK), from = at % CHUNK
        const source = chunks.get(n) ?? contents.subarray(n * CHUNK, n * CHUNK + inside(n * CHUNK))
        const length = Math.min(total - done, CHUNK - from)
        let taken = 0
        for (const part of cut(into, done, length)) {
          const bytes = source.subarray(from + taken, from + taken + part.length)
          part.set(bytes)
          part.fill(0, bytes.length)
          taken += part.length
        }
        done += length
      }
      return total
    },
    write(offset, from) {
      const total = lengthOf(from)
      for (let done = 0; done < total;) {
        const at = offset + done, start = at % CHUNK, length = Math.min(total - done, CHUNK - start)
        let taken = 0
        for (const part of cut(from, done, length)) {
          chunk(Math.floor(at / CHUNK)).set(part, start + taken)
          taken += part.length
        }
        done += length
      }
      size = Math.max(size, offset + total)
    },
    async sync() {},
    truncate(sizeBytes) {
      if (sizeBytes < size) {
        for (const n of [...chunks.keys()]) if (n * CHUNK >= sizeBytes) chunks.delete(n)
        chunk(Math.floor(sizeBytes / CHUNK)).fill(0, sizeBytes % CHUNK)
        contents = contents.subarray(0, sizeBytes)
      }
      size = sizeBytes
    },
    punch: async () => false,
    close() { chunks.clear() },
  }
}
