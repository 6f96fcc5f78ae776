// Binary floating-point formats as data: the interchange formats of IEEE 754-2019 section 3.6 and Intel's
// double-extended format (SDM volume 1, section 4.2.2), whose leading significand bit is stored.
// Unpacked, a finite number is sign · sig · 2^exp with an integer sig, so that operations need no format.

export interface FloatFormat {
  readonly name: string
  /** Size of the whole encoding in bits. */
  readonly width: number
  readonly exponentBits: number
  /** Stored bits to the right of the binary point. */
  readonly fractionBits: number
  /** The integer bit is stored (x87), so there are encodings that mean nothing. */
  readonly explicitInteger: boolean

  // What follows from the above.
  /** Bits of a normal significand, the integer bit included. */
  readonly precision: number
  readonly bias: number
  /** Exponents of the smallest and the largest normal number (of the leading bit). */
  readonly emin: number
  readonly emax: number
  /** The exponent field of infinities and NaNs. */
  readonly maxBiased: number
  /** Position of the exponent field. */
  readonly exponentShift: bigint
  readonly fractionMask: bigint
  /** The stored part of the significand. */
  readonly significandMask: bigint
  readonly integerBit: bigint
  readonly quietBit: bigint
  readonly signBit: bigint
  readonly infinity: bigint
}

function defineFormat(
  name: string, exponentBits: number, fractionBits: number, explicitInteger = false,
): FloatFormat {
  const stored = fractionBits + (explicitInteger ? 1 : 0)
  const bias = 2 ** (exponentBits - 1) - 1
  const maxBiased = 2 ** exponentBits - 1
  const integerBit = 1n << BigInt(fractionBits)
  const exponentShift = BigInt(stored)
  return {
    name,
    width: 1 + exponentBits + stored,
    exponentBits,
    fractionBits,
    explicitInteger,
    precision: fractionBits + 1,
    bias,
    emin: 1 - bias,
    emax: bias,
    maxBiased,
    exponentShift,
    fractionMask: integerBit - 1n,
    significandMask: (1n << exponentShift) - 1n,
    integerBit,
    quietBit: integerBit >> 1n,
    signBit: 1n << BigInt(exponentBits + stored),
    infinity: (BigInt(maxBiased) << exponentShift) | (explicitInteger ? integerBit : 0n),
  }
}

export const binary16 = defineFormat('binary16', 5, 10)
export const bfloat16 = defineFormat('bfloat16', 8, 7)
export const binary32 = defineFormat('binary32', 8, 23)
export const binary64 = defineFormat('binary64', 11, 52)
export const extended80 = defineFormat('extended80', 15, 63, true)
/** The same with an exponent that no operation on extended numbers leaves: for results out of range. */
export const extendedWide = defineFormat('extended wide', 17, 63, true)
export const binary128 = defineFormat('binary128', 15, 112)

/** In this order so that `kind >= NAN` finds every operand that is no number. */
export const KIND = { ZERO: 0, FINITE: 1, INFINITY: 2, NAN: 3, UNSUPPORTED: 4 } as const

export interface Unpacked {
  kind: number
  sign: number
  /** Finite: the value is sig · 2^exp. */
  exp: number
  /** Finite: exactly `precision` bits, subnormals too. NaN: the stored fraction. */
  sig: bigint
  /** Finite: the encoding has a zero exponent field. */
  subnormal: boolean
  /** NaN whose quiet bit is clear. */
  signaling: boolean
}

export function unpack(f: FloatFormat, bits: bigint): Unpacked {
  const high = Number(bits >> f.exponentShift)
  const sign = high >> f.exponentBits
  if (sign !== 0 && sign !== 1) throw new RangeError(`0x${bits.toString(16)} does not fit ${f.name}`)
  const biased = high & f.maxBiased
  const stored = bits & f.significandMask
  if (biased === 0) return stored === 0n ? zeroOperand(f, sign) : unpackSubnormal(f, sign, stored)
  if (f.explicitInteger && (stored & f.integerBit) === 0n) {
    return { kind: KIND.UNSUPPORTED, sign, exp: 0, sig: stored, subnormal: false, signaling: false }
  }
  if (biased === f.maxBiased) {
    const sig = stored & f.fractionMask
    if (sig === 0n) return { kind: KIND.INFINITY, sign, exp: 0, sig, subnormal: false, signaling: false }
    return { kind: KIND.NAN, sign, exp: 0, sig, subnormal: false, signaling: (sig & f.quietBit) === 0n }
  }
  const exp = biased - f.bias - f.fractionBits
  return { kind: KIND.FINITE, sign, exp, sig: stored | f.integerBit, subnormal: false, signaling: false }
}

export function zeroOperand(f: FloatFormat, sign: number): Unpacked {
  return { kind: KIND.ZERO, sign, exp: f.emin - f.fractionBits, sig: 0n, subnormal: false, signaling: false }
}

function unpackSubnormal(f: FloatFormat, sign: number, stored: bigint): Unpacked {
  const missing = f.precision - bitLength(stored)
  const exp = f.emin - f.fractionBits - missing
  return { kind: KIND.FINITE, sign, exp, sig: stored << BigInt(missing), subnormal: true, signaling: false }
}

export const zero = (f: FloatFormat, sign: number): bigint => sign ? f.signBit : 0n
export const infinity = (f: FloatFormat, sign: number): bigint => sign ? f.signBit | f.infinity : f.infinity

const double = new Float64Array(1)
const halves = new Uint32Array(double.buffer)
const high = new Uint8Array(new Uint16Array([1]).buffer)[0] ? 1 : 0

/** Bits needed for 0 < x < 2^1023. */
export function bitLength(x: bigint): number {
  double[0] = Number(x)
  const top = halves[high]!
  const length = (top >>> 20) - 1022
  // The conversion may have rounded up to the next power of two.
  if ((top & 0xfffff) === 0 && halves[1 - high] === 0 && x >> BigInt(length - 1) === 0n) return length - 1
  return length
}
