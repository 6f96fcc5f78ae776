// MSI-X (PCI Local Bus Specification 3.0, section 6.8.2): a table of messages and a bitmap of pending ones,
// both in a memory region of the device. A message is a 32-bit write by the device; the board says what is at
// the address.
import { bytes, flag } from './define.ts'
import { load, store, type Capability } from './pci.ts'

export const MAX_VECTORS = 128
const ENTRY = 16, CONTROL = 12, MASKED = 1
const ENABLE = 0x8000, FUNCTION_MASK = 0x4000
/** In the region: the table, and the pending bits. */
const TABLE = 0, PENDING = 0x800
export const MSIX_BYTES = 4096

type S = {
  readonly config: Uint8Array
  readonly msixTable: Uint8Array
  readonly msixPending: Uint8Array
  msixWaiting: number
}
type IO = { message(pa: number, data: number): void }

export const msixState = (vectors: number) => ({
  msixTable: bytes(ENTRY * Math.max(1, vectors)),
  msixPending: bytes(8 * Math.max(1, Math.ceil(vectors / 64))),
  /** Some pending bit is set. */
  msixWaiting: flag(),
})

/** For the capability list; `bar` is the index of the region's base address. */
export const msixCapability = (vectors: number, bar: number): Capability => ({
  id: 0x11,
  bytes: [...word(vectors - 1, 2), ...word(TABLE | bar, 4), ...word(PENDING | bar, 4)],
  writable: [0, (ENABLE | FUNCTION_MASK) >>> 8],
})
const word = (value: number, size: number) =>
  Array.from({ length: size }, (_, i) => (value >>> (8 * i)) & 0xff)

/** The functions of one device's MSI-X; `at` is the capability's place in its configuration space. */
export type Msix = {
  readonly vectors: number
  reset(s: S): void
  enabled(s: S): boolean
  /** Sends a vector's message, or notes that it is due. */
  send(s: S, io: IO, vector: number): void
  /** Takes back a message that waits. */
  clear(s: S, vector: number): void
  /** To be called from `update`: sends what waited for a mask. */
  flush(s: S, io: IO): void
  read(s: S, offset: number, size: number): number
  write(s: S, offset: number, value: number, size: number): void
}

export function msix(vectors: number, at: number): Msix {
  const control = (s: S) => load(s.config, at + 2, 2)
  const masked = (s: S, vector: number) =>
    (control(s) & FUNCTION_MASK) !== 0 || (s.msixTable[ENTRY * vector + CONTROL]! & MASKED) !== 0
  const post = (s: S, io: IO, vector: number) => {
    const e = ENTRY * vector
    io.message(load(s.msixTable, e + 4, 4) * 2 ** 32 + load(s.msixTable, e, 4), load(s.msixTable, e + 8, 4))
  }
  const enabled = (s: S) => (control(s) & ENABLE) !== 0
  return {
    vectors, enabled,
    reset(s) {
      s.msixTable.fill(0)
      s.msixPending.fill(0)
      s.msixWaiting = 0
      for (let v = 0; v < vectors; v++) s.msixTable[ENTRY * v + CONTROL] = MASKED
    },
    send(s, io, vector) {
      if (vector >= vectors || !enabled(s)) return
      if (!masked(s, vector)) return post(s, io, vector)
      s.msixPending[vector >> 3]! |= 1 << (vector & 7)
      s.msixWaiting = 1
    },
    clear(s, vector) {
      if (vector < vectors) s.msixPending[vector >> 3]! &= ~(1 << (vector & 7))
    },
    flush(s, io) {
      if (!s.msixWaiting || !enabled(s)) return
      s.msixWaiting = 0
      for (let v = 0; v < vectors; v++) {
        const bit = 1 << (v & 7)
        if (!(s.msixPending[v >> 3]! & bit)) continue
        if (masked(s, v)) s.msixWaiting = 1
        else {
          s.msixPending[v >> 3]! &= ~bit
          post(s, io, v)
        }
      }
    },
    read(s, offset, size) {
      if (offset + size <= ENTRY * vectors) return load(s.msixTable, offset, size)
      const pending = offset - PENDING
      return pending >= 0 && pending + size <= s.msixPending.length
        ? load(s.msixPending, pending, size)
        : 0xffffffff
    },
    write(s, offset, value, size) {
      if (offset + size <= ENTRY * vectors) store(s.msixTable, offset, size, value)
    },
  }
}
