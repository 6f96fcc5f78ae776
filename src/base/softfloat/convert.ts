// Between formats, and between floating point and integers: IEEE 754-2019 sections 5.4.2, 5.8, 5.9.

import { FLAG, type FloatContext, type Rounding } from './context.ts'
import { KIND, infinity, zero, type FloatFormat } from './format.ts'
import { defaultNan, nanResult, noteSignaling, noteSubnormal, operand, quietNan } from './operand.ts'
import { round, roundShift } from './round.ts'

export function convert(from: FloatFormat, to: FloatFormat, bits: bigint, ctx: FloatContext): bigint {
  const a = operand(from, bits, ctx)
  switch (a.kind) {
    case KIND.UNSUPPORTED: return nanResult(to, ctx, a)
    case KIND.INFINITY: return infinity(to, a.sign)
    case KIND.ZERO: return zero(to, a.sign)
    case KIND.NAN: {
      noteSignaling(ctx, a)
      if (ctx.nan.propagate === 'none') return defaultNan(to, ctx)
      // A payload keeps its leading bits.
      const longer = to.fractionBits - from.fractionBits
      return quietNan(to, { ...a, sig: longer >= 0 ? a.sig << BigInt(longer) : a.sig >> BigInt(-longer) })
    }
  }
  if (to.width > from.width || ctx.nan.narrowingDenormalFlag) noteSubnormal(ctx, a.subnormal)
  return round(to, a.sign, a.sig, a.exp, ctx)
}

/** A two's complement or unsigned integer of `width` bits, as a bit pattern. */
export function toInt(
  f: FloatFormat, bits: bigint, width: number, signed: boolean, ctx: FloatContext,
  rounding: Rounding = ctx.rounding,
): bigint {
  const a = operand(f, bits, ctx)
  const largest = (1n << BigInt(signed ? width - 1 : width)) - 1n
  const smallest = signed ? -largest - 1n : 0n
  if (a.kind === KIND.ZERO) return 0n
  // Beyond this exponent of the leading bit every number is out of range.
  if (a.kind === KIND.FINITE && a.exp + f.fractionBits <= width) {
    const flags = ctx.flags
    const magnitude = toMagnitude(f, a.sign, a.sig, a.exp, rounding, ctx)
    const value = a.sign ? -magnitude : magnitude
    if (value >= smallest && value <= largest) return BigInt.asUintN(width, value)
    ctx.flags = flags // invalid replaces inexact
  }
  ctx.flags |= FLAG.NV
  if (ctx.nan.toInt === 'indefinite') return signed ? largest + 1n : largest
  return a.sign && a.kind < KIND.NAN ? BigInt.asUintN(width, smallest) : largest
}

/** |a| as an integer. */
function toMagnitude(
  f: FloatFormat, sign: number, sig: bigint, exp: number, rounding: Rounding, ctx: FloatContext,
  signalInexact = true,
): bigint {
  if (exp >= 0) return sig << BigInt(exp)
  return roundShift(sig, Math.min(-exp, f.precision + 2), sign, rounding, ctx, signalInexact)
}

/** From an integer of `width` bits: a bit pattern or, if signed, a negative value. */
export function fromInt(
  f: FloatFormat, value: bigint, width: number, signed: boolean, ctx: FloatContext,
): bigint {
  const v = signed ? BigInt.asIntN(width, value) : BigInt.asUintN(width, value)
  if (v === 0n) return 0n
  return v < 0n ? round(f, 1, -v, 0, ctx) : round(f, 0, v, 0, ctx)
}

/** To an integral value in the same format; a zero keeps the sign. `exact`: a change of value raises NX. */
export function roundToInt(
  f: FloatFormat, bits: bigint, ctx: FloatContext, exact: boolean, rounding: Rounding = ctx.rounding,
): bigint {
  const a = operand(f, bits, ctx)
  if (a.kind >= KIND.NAN) return nanResult(f, ctx, a)
  if (a.kind === KIND.INFINITY) return bits
  if (a.kind === KIND.ZERO) return zero(f, a.sign)
  if (ctx.nan.roundToIntDenormalFlag) noteSubnormal(ctx, a.subnormal)
  if (a.exp >= 0) return bits
  const magnitude = toMagnitude(f, a.sign, a.sig, a.exp, rounding, ctx, exact)
  return magnitude === 0n ? zero(f, a.sign) : round(f, a.sign, magnitude, 0, ctx)
}
