// Where a random number generator's bytes come from.
export type EntropyBackend = { fill(into: Uint8Array): void }
