// add, sub, mul, div, sqrt, fma, rem: IEEE 754-2019 sections 5.3.1 and 5.4.1.

import { FLAG, ROUND, type FloatContext } from './context.ts'
import { KIND, bitLength, infinity, zero, type FloatFormat, type Unpacked } from './format.ts'
import { invalid, nanResult, noteSubnormal, operand } from './operand.ts'
import { round } from './round.ts'

export function add(f: FloatFormat, a: bigint, b: bigint, ctx: FloatContext): bigint {
  return addOrSub(f, a, b, 0, ctx)
}

export function sub(f: FloatFormat, a: bigint, b: bigint, ctx: FloatContext): bigint {
  return addOrSub(f, a, b, 1, ctx)
}

function addOrSub(f: FloatFormat, aBits: bigint, bBits: bigint, negate: number, ctx: FloatContext): bigint {
  const a = operand(f, aBits, ctx), b = operand(f, bBits, ctx)
  if (a.kind >= KIND.NAN || b.kind >= KIND.NAN) return nanResult(f, ctx, a, b)
  const bSign = b.sign ^ negate
  if (a.kind === KIND.INFINITY && b.kind === KIND.INFINITY && a.sign !== bSign) return invalid(f, ctx)
  noteSubnormal(ctx, a.subnormal || b.subnormal)
  if (a.kind === KIND.INFINITY) return infinity(f, a.sign)
  if (b.kind === KIND.INFINITY) return infinity(f, bSign)
  return roundSum(f, a.sign, a.sig, a.exp, bSign, b.sig, b.exp, 0, ctx, ctx.precision || f.precision)
}

/**
 * a + b, rounded once. Significands are zero or of at least f.precision bits, and neither is longer than the
 * other by more than `excess` bits.
 */
function roundSum(
  f: FloatFormat, aSign: number, aSig: bigint, aExp: number, bSign: number, bSig: bigint, bExp: number,
  excess: number, ctx: FloatContext, precision?: number,
): bigint {
  if (aSig === 0n && bSig === 0n) return zero(f, aSign === bSign ? aSign : zeroSign(ctx))
  if (aSig === 0n) return round(f, bSign, bSig, bExp, ctx, precision)
  if (bSig === 0n) return round(f, aSign, aSig, aExp, ctx, precision)

  // Align both to the lower exponent, but not further than it takes for the lower number to be below an
  // eighth of the higher one: then their difference keeps the bits that rounding needs, and the rest of the
  // lower one is sticky.
  const limit = excess + 4
  const distance = aExp - bExp
  let exp: number
  if (distance >= 0) {
    const shift = Math.min(distance, limit)
    aSig <<= BigInt(shift)
    exp = aExp - shift
    bSig = shiftSticky(bSig, exp - bExp)
  } else {
    const shift = Math.min(-distance, limit)
    bSig <<= BigInt(shift)
    exp = bExp - shift
    aSig = shiftSticky(aSig, exp - aExp)
  }

  if (aSign === bSign) return round(f, aSign, aSig + bSig, exp, ctx, precision)
  const difference = aSig - bSig
  if (difference === 0n) return zero(f, zeroSign(ctx))
  if (difference > 0n) return round(f, aSign, difference, exp, ctx, precision)
  return round(f, bSign, -difference, exp, ctx, precision)
}

/** Sign of an exact zero that is the sum of numbers of opposite signs. */
const zeroSign = (ctx: FloatContext): number => ctx.rounding === ROUND.RDN ? 1 : 0

/** sig / 2^count, whose lowest bit says too whether anything was lost. */
function shiftSticky(sig: bigint, count: number): bigint {
  if (count === 0) return sig
  return BigInt.asUintN(count, sig) === 0n ? sig >> BigInt(count) : (sig >> BigInt(count)) | 1n
}

export function mul(f: FloatFormat, aBits: bigint, bBits: bigint, ctx: FloatContext): bigint {
  const a = operand(f, aBits, ctx), b = operand(f, bBits, ctx)
  if (a.kind >= KIND.NAN || b.kind >= KIND.NAN) return nanResult(f, ctx, a, b)
  if (isInfinityTimesZero(a, b)) return invalid(f, ctx)
  noteSubnormal(ctx, a.subnormal || b.subnormal)
  const sign = a.sign ^ b.sign
  if (a.kind === KIND.INFINITY || b.kind === KIND.INFINITY) return infinity(f, sign)
  if (a.kind === KIND.ZERO || b.kind === KIND.ZERO) return zero(f, sign)
  return round(f, sign, a.sig * b.sig, a.exp + b.exp, ctx, ctx.precision || f.precision)
}

function isInfinityTimesZero(a: Unpacked, b: Unpacked): boolean {
  return a.kind === KIND.INFINITY && b.kind === KIND.ZERO || a.kind === KIND.ZERO && b.kind === KIND.INFINITY
}

/** ±(a · b) ± c, rounded once. */
export function fma(
  f: FloatFormat, aBits: bigint, bBits: bigint, cBits: bigint, ctx: FloatContext,
  negateProduct = false, negateAddend = false,
): bigint {
  const a = operand(f, aBits, ctx), b = operand(f, bBits, ctx), c = operand(f, cBits, ctx)
  const infinityTimesZero = isInfinityTimesZero(a, b)
  if (a.kind >= KIND.NAN || b.kind >= KIND.NAN || c.kind >= KIND.NAN) {
    if (infinityTimesZero && ctx.nan.fmaInvalidDespiteNan) ctx.flags |= FLAG.NV
    return nanResult(f, ctx, a, b, c)
  }
  const sign = a.sign ^ b.sign ^ (negateProduct ? 1 : 0)
  const cSign = c.sign ^ (negateAddend ? 1 : 0)
  const infiniteProduct = a.kind === KIND.INFINITY || b.kind === KIND.INFINITY
  const opposed = infiniteProduct && c.kind === KIND.INFINITY && sign !== cSign
  if (infinityTimesZero || opposed) return invalid(f, ctx)
  noteSubnormal(ctx, a.subnormal || b.subnormal || c.subnormal)
  if (infiniteProduct) return infinity(f, sign)
  if (c.kind === KIND.INFINITY) return infinity(f, cSign)
  return roundSum(f, sign, a.sig * b.sig, a.exp + b.exp, cSign, c.sig, c.exp, f.precision, ctx)
}

export function div(f: FloatFormat, aBits: bigint, bBits: bigint, ctx: FloatContext): bigint {
  const a = operand(f, aBits, ctx), b = operand(f, bBits, ctx)
  if (a.kind >= KIND.NAN || b.kind >= KIND.NAN) return nanResult(f, ctx, a, b)
  const isIndeterminate = a.kind === b.kind && (a.kind === KIND.ZERO || a.kind === KIND.INFINITY)
  if (isIndeterminate) return invalid(f, ctx)
  const sign = a.sign ^ b.sign
  if (a.kind === KIND.FINITE && b.kind === KIND.ZERO) {
    ctx.flags |= FLAG.DZ
    return infinity(f, sign)
  }
  noteSubnormal(ctx, a.subnormal || b.subnormal)
  if (a.kind === KIND.INFINITY || b.kind === KIND.ZERO) return infinity(f, sign)
  if (a.kind === KIND.ZERO || b.kind === KIND.INFINITY) return zero(f, sign)
  // Both significands have `precision` bits: a quotient of at least precision + 2.
  const scale = f.precision + 2
  const numerator = a.sig << BigInt(scale)
  const quotient = numerator / b.sig
  const sticky = quotient * b.sig === numerator ? quotient : quotient | 1n
  return round(f, sign, sticky, a.exp - b.exp - scale, ctx, ctx.precision || f.precision)
}

export function sqrt(f: FloatFormat, aBits: bigint, ctx: FloatContext): bigint {
  const a = operand(f, aBits, ctx)
  if (a.kind >= KIND.NAN) return nanResult(f, ctx, a)
  if (a.kind === KIND.ZERO) return zero(f, a.sign)
  if (a.sign) return invalid(f, ctx)
  if (a.kind === KIND.INFINITY) return infinity(f, 0)
  noteSubnormal(ctx, a.subnormal)
  // An even exponent, and a radicand of 2 · precision + 4 bits or one more: a root of precision + 2.
  let scale = f.precision + 4
  if ((a.exp - scale) & 1) scale += 1
  const radicand = a.sig << BigInt(scale)
  const root = integerSqrt(radicand)
  const sticky = root * root === radicand ? root : root | 1n
  return round(f, 0, sticky, (a.exp - scale) / 2, ctx, ctx.precision || f.precision)
}

/** The largest integer whose square is not above x, for 0 < x < 2^1000. */
function integerSqrt(x: bigint): bigint {
  let root = BigInt(Math.floor(Math.sqrt(Number(x))))
  // Each step of Newton's doubles the bits that are right, 50 at first.
  for (let bits = 50; 2 * bits < bitLength(x); bits *= 2) root = (root + x / root) >> 1n
  while (root * root > x) root -= 1n
  while ((root + 1n) * (root + 1n) <= x) root += 1n
  return root
}

/**
 * a − n · b, exactly, where n is a / b rounded to nearest even (IEEE remainder) or towards zero (C's fmod).
 * x87's FPREM differs: it may stop early.
 */
export function rem(
  f: FloatFormat, aBits: bigint, bBits: bigint, ctx: FloatContext,
  quotient: 'nearest' | 'truncated' = 'nearest',
): bigint {
  const a = operand(f, aBits, ctx), b = operand(f, bBits, ctx)
  if (a.kind >= KIND.NAN || b.kind >= KIND.NAN) return nanResult(f, ctx, a, b)
  if (a.kind === KIND.INFINITY || b.kind === KIND.ZERO) return invalid(f, ctx)
  noteSubnormal(ctx, a.subnormal || b.subnormal)
  if (a.kind === KIND.ZERO) return zero(f, a.sign)
  const distance = a.exp - b.exp
  if (b.kind === KIND.INFINITY || distance < -1) return round(f, a.sign, a.sig, a.exp, ctx)
  const numerator = distance > 0 ? a.sig << BigInt(distance) : a.sig
  const divisor = distance < 0 ? b.sig << BigInt(-distance) : b.sig
  const n = numerator / divisor
  let sign = a.sign
  let rest = numerator - n * divisor
  if (rest === 0n) return zero(f, sign)
  if (quotient === 'nearest' && (2n * rest > divisor || 2n * rest === divisor && (n & 1n) === 1n)) {
    rest = divisor - rest
    sign ^= 1
  }
  return round(f, sign, rest, Math.min(a.exp, b.exp), ctx)
}
