// Where a clock of its own origin begins on a clock that all threads share.

const ENOUGH_NS = 500, MAX_ROUNDS = 1000

/** The reading of `shared` (ns) at which `own` (ms) was 0. Both run at the same rate, but a thread may lose its processor between
 * two readings: each reading of one between two of the other gives bounds, and the narrowest count. */
export function originOf(shared: () => number, own: () => number): number {
  let low = -Infinity, high = Infinity
  for (let round = 0; round < MAX_ROUNDS && high - low > ENOUGH_NS; round++) {
    const before = shared(), at = own() * 1e6, after = shared()
    low = Math.max(low, before - at)
    high = Math.min(high, after - at)
  }
  return (low + high) / 2
}
