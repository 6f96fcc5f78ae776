// How translated code is named and what running it can answer.
//
// A code number is what a jump cache holds: even numbers are addresses of interpreter records; odd ones are entries of
// compiled regions (table slot in bits 1-16, entry number above), so that one test tells them apart. Compiled functions
// take (cpu, code) and return the code number to go on with, or one of the small numbers below.

export const Answer = {
  /** Go on at the pc in the state. */
  DISPATCH: 0,
  /** A fault was noted: deliver it, then dispatch. */
  FAULT: 2,
  /** Run the system helper named in the state, then dispatch. */
  SYSTEM: 4,
  /** An exit request was seen; the pc is in the state. */
  EXIT: 6,
  /** Look up the pc in the state: not what the jump cache says of it. */
  LOOKUP: 8,
} as const
/** Code numbers of records are at least this. */
export const FIRST_RECORD = 16

export const SLOT_BITS = 16
export const entryCode = (slot: number, entry: number): number => ((entry << (SLOT_BITS + 1)) | (slot << 1) | 1) >>> 0
export const MAX_ENTRIES = 1 << (31 - SLOT_BITS)

/** A slow memory access, as one number: MemOp in bits 0-7, AmoKind in 8-15, what it is above. WIDE: of 16 bytes. */
export const AccessKind = { LOAD: 0 << 16, STORE: 1 << 16, AMO: 2 << 16, CAS: 3 << 16, MASK: 3 << 16, WIDE: 1 << 18 } as const
