// Hands out addresses in the one memory, in order. Every thread repeats the same requests and so finds the
// same addresses: a layout is a function of the machine's configuration, not of time.
import { assert } from '../base/errors.ts'

export type Allocator = {
  /**
   * The address of `sizeBytes` bytes; `align` is a power of two, 8 unless told. Contents are what they were.
   */
  alloc(sizeBytes: number, align?: number): number
  readonly used: number
}

export function bumpAllocator(base: number, end: number): Allocator {
  let at = base
  return {
    alloc(sizeBytes, align = 8) {
      const start = Math.ceil(at / align) * align
      assert(
        start + sizeBytes <= end,
        `state memory exhausted: ${sizeBytes} bytes wanted, ${end - start} left`,
      )
      at = start + sizeBytes
      return start
    },
    get used() { return at - base },
  }
}
