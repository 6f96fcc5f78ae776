// Entropy from the host's generator (`rng-builtin`).
import type { EntropyBackend } from '../device/entropy.ts'

/** Bytes that one call of the generator gives at most. */
const CALL = 65536

export const hostEntropy: EntropyBackend = {
  fill(into) {
    for (let at = 0; at < into.length; at += CALL)
      crypto.getRandomValues(into.subarray(at, at + CALL) as Uint8Array<ArrayBuffer>)
  },
}
