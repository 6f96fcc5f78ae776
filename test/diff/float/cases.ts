// Operands that matter: special values, and random ones that land near rounding boundaries, in the subnormal
// range, near overflow, and close to each other.

import {
  ROUND, convert, div, floatContext, fromInt, mul, sub, type FloatContext, type FloatFormat,
} from '../../../src/base/softfloat.ts'
import type { Operand } from './target.ts'

export interface Random {
  /** An integer from 0 to n − 1. */
  below(n: number): number
  bits(width: number): bigint
}

/** Mulberry32: small, and the same sequence everywhere. */
export function random(seed: number): Random {
  let state = seed >>> 0
  const word = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (t ^ (t >>> 14)) >>> 0
  }
  return {
    below: n => Math.floor(word() / 2 ** 32 * n),
    bits(width) {
      let v = 0n
      for (let have = 0; have < width; have += 32) v = (v << 32n) | BigInt(word())
      return BigInt.asUintN(width, v)
    },
  }
}

/** Sign 0 or 1, exponent field, stored fraction; x87's integer bit is set as numbers have it. */
function encode(f: FloatFormat, sign: number, biased: number, fraction: bigint): bigint {
  const integer = f.explicitInteger && biased !== 0 ? f.integerBit : 0n
  return (sign ? f.signBit : 0n) | (BigInt(biased) << f.exponentShift) | integer | (fraction & f.fractionMask)
}

const clamp = (f: FloatFormat, biased: number) => Math.max(0, Math.min(f.maxBiased - 1, biased))

const positiveSpecials = (f: FloatFormat): bigint[] => {
  const one = f.bias, ones = f.fractionMask, half = f.quietBit
  const specials = [
    encode(f, 0, 0, 0n), encode(f, 0, 0, 1n), encode(f, 0, 0, ones), encode(f, 0, 0, half),
    encode(f, 0, 1, 0n), encode(f, 0, 1, 1n), encode(f, 0, 1, ones), encode(f, 0, 2, 0n),
    encode(f, 0, one - 1, 0n), encode(f, 0, one - 1, 1n), encode(f, 0, one - 1, ones),
    encode(f, 0, one - 2, ones), encode(f, 0, one, 0n), encode(f, 0, one, 1n), encode(f, 0, one, ones),
    encode(f, 0, one, half),
    encode(f, 0, one + 1, 0n), encode(f, 0, one + 1, half >> 1n),
    encode(f, 0, f.maxBiased - 1, ones), encode(f, 0, f.maxBiased - 1, 0n),
    f.infinity, f.infinity | half, f.infinity | half | 5n, f.infinity | 1n, f.infinity | (half >> 1n),
    f.infinity | ones,
  ]
  for (const power of [15, 16, 31, 32, 63, 64]) {
    if (power >= f.emax) continue
    const v = encode(f, 0, one + power, 0n)
    const ctx = floatContext('canonical', { rounding: ROUND.RTZ })
    specials.push(v, v + 1n, encode(f, 0, one + power - 1, ones))
    specials.push(fromInt(f, (1n << BigInt(power)) - 1n, 65, false, ctx))
    if (power < f.fractionBits) { // 2^power − 1/2 and + 1/2
      const ones = (1n << BigInt(power)) - 1n
      specials.push(encode(f, 0, one + power - 1, ones << BigInt(f.fractionBits - power)))
      specials.push(encode(f, 0, one + power, 1n << BigInt(f.fractionBits - power - 1)))
    }
  }
  if (f.explicitInteger) { // pseudo-denormal, unnormal, pseudo-infinity, pseudo-NaN
    specials.push(f.integerBit, f.integerBit | 1n, BigInt(one) << f.exponentShift)
    specials.push(f.infinity ^ f.integerBit, (f.infinity ^ f.integerBit) | half)
  }
  return specials
}

const specialsByFormat = new Map<FloatFormat, bigint[]>()

export function specials(f: FloatFormat): bigint[] {
  let list = specialsByFormat.get(f)
  if (!list) specialsByFormat.set(f, list = positiveSpecials(f).flatMap(v => [v, v | f.signBit]))
  return list
}

/** Few ones, a run of ones, a value next to a tie, or anything. */
function fraction(f: FloatFormat, r: Random): bigint {
  const bits = f.fractionBits
  switch (r.below(5)) {
    case 0: return (1n << BigInt(r.below(bits))) | (1n << BigInt(r.below(bits)))
    case 1: return f.fractionMask << BigInt(r.below(bits))
    case 2: return f.fractionMask >> BigInt(r.below(bits))
    case 3: return (r.bits(bits) & -(1n << BigInt(r.below(bits)))) + BigInt(r.below(3) - 1)
    default: return r.bits(bits)
  }
}

function float(f: FloatFormat, r: Random): bigint {
  const sign = r.below(2)
  switch (r.below(10)) {
    case 0: case 1: return specials(f)[r.below(specials(f).length)]!
    case 2: return r.bits(f.width)
    case 3: return encode(f, sign, r.below(f.maxBiased), r.bits(f.fractionBits))
    case 4: return encode(f, sign, 0, fraction(f, r) >> BigInt(r.below(f.fractionBits)))
    case 5: return encode(f, sign, clamp(f, r.below(f.precision + 4)), fraction(f, r))
    case 6: return encode(f, sign, clamp(f, f.maxBiased - 1 - r.below(4)), fraction(f, r))
    default: return encode(f, sign, clamp(f, f.bias + r.below(141) - 70), fraction(f, r))
  }
}

const exponentOf = (f: FloatFormat, bits: bigint) => Number(bits >> f.exponentShift) & f.maxBiased

const anyRounding = (r: Random): FloatContext => {
  const roundings = [ROUND.RTZ, ROUND.RUP, ROUND.RDN, ROUND.RNE] as const
  return floatContext('canonical', { rounding: roundings[r.below(4)]! })
}

/** The smallest normal number, where it matters when tininess is detected. */
const smallest = (f: FloatFormat) => encode(f, 0, 1, 0n)

/** Adds up to three units of the last place, or takes them away; a NaN may come of it. */
const nudge = (f: FloatFormat, bits: bigint, r: Random) =>
  BigInt.asUintN(f.width, bits + BigInt(r.below(7) - 3))

/** A second operand, often so that the sum, the product or the quotient is an interesting one. */
function partner(f: FloatFormat, a: bigint, r: Random): bigint {
  const exponent = exponentOf(f, a), spread = r.below(2 * f.precision + 7) - f.precision - 3
  const with_ = (biased: number) => encode(f, r.below(2), clamp(f, biased), fraction(f, r))
  switch (r.below(10)) {
    case 0: case 1: return with_(exponent + spread)
    case 2: return nudge(f, a ^ (r.below(2) ? f.signBit : 0n), r)
    case 7: return nudge(f, div(f, smallest(f), a, anyRounding(r)), r) // the product
    case 8: return nudge(f, div(f, a, smallest(f), anyRounding(r)), r) // the quotient
    case 3: return with_(f.bias + 1 - exponent + (spread >> 1)) // the product's exponent near emin
    case 4: return with_(2 * f.bias + f.emax - exponent - r.below(3)) // and near emax
    case 5: return with_(exponent + f.bias - 1 + (spread >> 1)) // the quotient's near emin
    case 6: return with_(exponent - f.bias + r.below(3)) // and near emax
    default: return float(f, r)
  }
}

/** A third operand: often nearly minus the product. */
function addend(f: FloatFormat, a: bigint, b: bigint, r: Random): bigint {
  const product = mul(f, a, b, anyRounding(r))
  const sign = r.below(2) ? f.signBit : 0n
  const spread = r.below(4 * f.precision + 9) - 2 * f.precision - 4
  switch (r.below(6)) {
    case 0: return product ^ sign
    case 1: return nudge(f, product ^ sign, r)
    case 4: return nudge(f, sub(f, smallest(f), product, anyRounding(r)), r)
    case 2: case 3: return encode(f, r.below(2), clamp(f, exponentOf(f, product) + spread), fraction(f, r))
    default: return float(f, r)
  }
}

/** A value that `to` has or nearly has, in a longer format; or a tie, or nearly. */
function nearlyConvertible(f: FloatFormat, to: FloatFormat, r: Random): bigint {
  const v = convert(to, f, float(to, r), anyRounding(r))
  const excess = f.fractionBits - to.fractionBits
  return nudge(f, r.below(2) && excess > 0 ? v ^ (1n << BigInt(excess - 1)) : v, r)
}

function integer(width: number, r: Random): bigint {
  const v = r.bits(width) >> BigInt(r.below(width))
  switch (r.below(4)) {
    case 0: return BigInt.asUintN(width, -v)
    case 1: return BigInt.asUintN(width, (1n << BigInt(r.below(width))) + BigInt(r.below(3) - 1))
    default: return v
  }
}

const isInteger = (o: Operand): o is number => typeof o === 'number'

export function randomOperands(kinds: readonly Operand[], to: FloatFormat | undefined, r: Random): bigint[] {
  const [first, second, third] = kinds
  if (first === undefined) return []
  if (isInteger(first)) return [integer(first, r)]
  const a = to && r.below(2) ? nearlyConvertible(first, to, r) : float(first, r)
  if (second === undefined || isInteger(second)) return [a]
  const b = second === first ? partner(second, a, r) : float(second, r)
  if (third === undefined || isInteger(third)) return [a, b]
  return [a, b, third === first ? addend(third, a, b, r) : float(third, r)]
}

/** All combinations of special operands; of three, those of a shorter list. */
export function* specialOperands(kinds: readonly Operand[]): Generator<bigint[]> {
  const lists = kinds.map(k => {
    if (isInteger(k)) {
      const top = 1n << BigInt(k - 1)
      return [0n, 1n, 2n, -1n, -2n, top, top - 1n, top + 1n].map(v => BigInt.asUintN(k, v))
    }
    return kinds.length < 3 ? specials(k) : specials(k).filter((_, i) => i < 8 || i % 5 === 0)
  })
  yield* product(lists)
}

function* product(lists: bigint[][]): Generator<bigint[]> {
  const [head, ...tail] = lists
  if (!head) return yield []
  for (const v of head) for (const rest of product(tail)) yield [v, ...rest]
}
