// CRC-32C of 64 bits, the lowest first, as the row `crc32c` computes it: the oracle, and what generated code multiplies by.
// Polynomials are reflected: their highest power is the lowest bit.

const POLYNOMIAL = 0x82f63b78n, BITS = 64
/** With its highest power, which the remainder has not. */
export const DIVISOR = (POLYNOMIAL << 1n) | 1n

export function crc32c(data: bigint): bigint {
  let v = data
  for (let n = 0; n < BITS; n++) v = v & 1n ? (v >> 1n) ^ POLYNOMIAL : v >> 1n
  return v
}

/** What the divisor gives 1 with, modulo the 64th power: a product with it is the quotient. Products are without carries. */
export const INVERSE = (() => {
  let inverse = 0n, left = 1n
  for (let n = 0n; n < BITS; n++) {
    if (!((left >> n) & 1n)) continue
    inverse |= 1n << n
    left ^= DIVISOR << n
  }
  return inverse
})()
