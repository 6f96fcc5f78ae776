// A floating-point stack as x87 has it: where it lies in the processor's state, and the runtime helpers that work on it, so
// that generated code can do the common case of them by itself (wasm/x87.ts).

export type FpStack = {
  /** Byte offsets in the state: mantissas (u64) and sign-and-exponent words (u16) of the eight physical registers; control and
   * status word without TOP (u16); TOP (u32); a bit for each register that holds something (u8); whether a helper's value is
   * to be stored (u32). */
  readonly mantissas: number
  readonly exponents: number
  readonly control: number
  readonly status: number
  readonly top: number
  readonly tags: number
  readonly stored: number
  /** Helper numbers: eight for each name, one for each register operand, from `first` on. */
  readonly first: number
  readonly helpers: readonly string[]
}
