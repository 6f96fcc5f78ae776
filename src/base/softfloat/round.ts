// From an exact value to an encoding: the only place that rounds, overflows and underflows.

import { FLAG, ROUND, type FloatContext, type Rounding } from './context.ts'
import { bitLength, infinity, zero, type FloatFormat } from './format.ts'

/**
 * Whether a magnitude cut to `kept` moves up by one unit of its last place.
 * `lost` holds the `dropped` bits that were cut off; it is not zero.
 */
function roundsUp(rounding: Rounding, sign: number, kept: bigint, lost: bigint, dropped: number): boolean {
  switch (rounding) {
    case ROUND.RTZ: return false
    case ROUND.RDN: return sign === 1
    case ROUND.RUP: return sign === 0
  }
  const half = 1n << BigInt(dropped - 1)
  if (lost !== half) return lost > half
  return rounding === ROUND.RMM || (kept & 1n) === 1n
}

/** sig / 2^dropped as an integer; raises NX unless told not to. */
export function roundShift(
  sig: bigint, dropped: number, sign: number, rounding: Rounding, ctx: FloatContext, signalInexact = true,
): bigint {
  const kept = sig >> BigInt(dropped)
  const lost = BigInt.asUintN(dropped, sig)
  if (lost === 0n) return kept
  if (signalInexact) ctx.flags |= FLAG.NX
  ctx.up = roundsUp(rounding, sign, kept, lost, dropped)
  return ctx.up ? kept + 1n : kept
}

/**
 * The encoding of ±sig · 2^exp, sig > 0. A value that is known only to lie strictly between two neighbours
 * comes with its lowest bit set and at least two bits more than the precision.
 */
export function round(
  f: FloatFormat, sign: number, sig: bigint, exp: number, ctx: FloatContext, precision = f.precision,
): bigint {
  const length = bitLength(sig)
  let top = exp + length - 1
  const tinyBefore = top < f.emin
  if (tinyBefore) top = f.emin
  const unit = top - precision + 1
  let kept: bigint
  if (unit <= exp) {
    kept = sig << BigInt(exp - unit)
    if (tinyBefore && ctx.flushToZero) return flushed(f, sign, ctx)
  } else {
    // Beyond length + 1 all that is left of the value is that it is not zero, and below a half.
    const dropped = Math.min(unit - exp, length + 2)
    kept = sig >> BigInt(dropped)
    const lost = BigInt.asUintN(dropped, sig)
    const inexact = lost !== 0n
    if (inexact) {
      ctx.up = roundsUp(ctx.rounding, sign, kept, lost, dropped)
      if (ctx.up) kept += 1n
    }
    if (tinyBefore && (inexact || ctx.flushToZero)) {
      if (ctx.tininess === 'before' || isTinyAfterRounding(sign, sig, top - exp, length, ctx, precision)) {
        if (ctx.flushToZero) return flushed(f, sign, ctx)
        ctx.flags |= FLAG.UF
      }
    }
    if (inexact) ctx.flags |= FLAG.NX
    if (kept >> BigInt(precision) !== 0n) { // carried out of the precision: kept is a power of two
      kept >>= 1n
      top += 1
    }
  }
  if (top > f.emax) return overflow(f, sign, ctx, precision)
  return pack(f, sign, top, kept << BigInt(f.precision - precision))
}

/**
 * Whether sig, of `length` bits and below the smallest normal number (2^minUnits in the same units), stays
 * below it when rounded as if exponents had no lower bound.
 */
function isTinyAfterRounding(
  sign: number, sig: bigint, minUnits: number, length: number, ctx: FloatContext, precision: number,
): boolean {
  if (length < minUnits || length <= precision) return true // below its neighbour binade, or exact
  const dropped = length - precision
  const kept = sig >> BigInt(dropped)
  const lost = BigInt.asUintN(dropped, sig)
  if (lost === 0n || !roundsUp(ctx.rounding, sign, kept, lost, dropped)) return true
  return (kept + 1n) >> BigInt(precision) === 0n
}

/** `top` is the exponent of the integer bit; a significand without it is subnormal. */
function pack(f: FloatFormat, sign: number, top: number, sig: bigint): bigint {
  const biased = sig < f.integerBit ? 0 : top + f.bias
  const bits = (BigInt(biased) << f.exponentShift) | (sig & f.significandMask)
  return sign ? bits | f.signBit : bits
}

function overflow(f: FloatFormat, sign: number, ctx: FloatContext, precision: number): bigint {
  ctx.flags |= FLAG.OF | FLAG.NX
  const toFinite = ctx.rounding === ROUND.RTZ || ctx.rounding === (sign ? ROUND.RUP : ROUND.RDN)
  ctx.up = !toFinite
  if (!toFinite) return infinity(f, sign)
  return pack(f, sign, f.emax, ((1n << BigInt(precision)) - 1n) << BigInt(f.precision - precision))
}

function flushed(f: FloatFormat, sign: number, ctx: FloatContext): bigint {
  ctx.flags |= FLAG.UF | FLAG.NX
  return zero(f, sign)
}
