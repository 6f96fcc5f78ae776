// Comparison, minimum and maximum, classification: IEEE 754-2019 sections 5.11, 9.6, 5.7.2; 754-2008, 5.3.1.

import { FLAG, type FloatContext, type MinMax } from './context.ts'
import { KIND, unpack, zero, type FloatFormat, type Unpacked } from './format.ts'
import { nanResult, noteSignaling, noteSubnormal, operand } from './operand.ts'

export const UNORDERED = 2
export type Ordering = -1 | 0 | 1 | typeof UNORDERED

/** a below b: −1, equal: 0, above: 1. Signaling: invalid for every NaN; quiet: for signaling NaNs. */
export function compare(
  f: FloatFormat, aBits: bigint, bBits: bigint, ctx: FloatContext, signaling: boolean,
): Ordering {
  const a = operand(f, aBits, ctx), b = operand(f, bBits, ctx)
  if (a.kind >= KIND.NAN || b.kind >= KIND.NAN) {
    if (signaling) ctx.flags |= FLAG.NV
    else noteSignaling(ctx, a, b)
    return UNORDERED
  }
  noteSubnormal(ctx, a.subnormal || b.subnormal)
  return order(a, b)
}

/** Quiet equality (RISC-V FEQ). */
export function eq(f: FloatFormat, a: bigint, b: bigint, ctx: FloatContext): boolean {
  return compare(f, a, b, ctx, false) === 0
}

/** Signaling a < b (RISC-V FLT). */
export function lt(f: FloatFormat, a: bigint, b: bigint, ctx: FloatContext): boolean {
  return compare(f, a, b, ctx, true) === -1
}

/** Signaling a ≤ b (RISC-V FLE). */
export function le(f: FloatFormat, a: bigint, b: bigint, ctx: FloatContext): boolean {
  return compare(f, a, b, ctx, true) <= 0
}

/** Quiet a < b (RISC-V FLTQ). */
export function ltQuiet(f: FloatFormat, a: bigint, b: bigint, ctx: FloatContext): boolean {
  return compare(f, a, b, ctx, false) === -1
}

/** Quiet a ≤ b (RISC-V FLEQ). */
export function leQuiet(f: FloatFormat, a: bigint, b: bigint, ctx: FloatContext): boolean {
  return compare(f, a, b, ctx, false) <= 0
}

/** Order of two operands that are no NaNs; zeros are equal. */
function order(a: Unpacked, b: Unpacked): -1 | 0 | 1 {
  if (a.kind === KIND.ZERO && b.kind === KIND.ZERO) return 0
  if (a.sign !== b.sign) return a.sign ? -1 : 1
  const magnitudes = orderMagnitudes(a, b)
  return a.sign ? -magnitudes as -1 | 0 | 1 : magnitudes
}

function orderMagnitudes(a: Unpacked, b: Unpacked): -1 | 0 | 1 {
  // ZERO, FINITE and INFINITY are numbered by size, and finite significands are normalised.
  if (a.kind !== b.kind) return a.kind < b.kind ? -1 : 1
  if (a.exp !== b.exp) return a.exp < b.exp ? -1 : 1
  return a.sig === b.sig ? 0 : a.sig < b.sig ? -1 : 1
}

export function min(f: FloatFormat, a: bigint, b: bigint, ctx: FloatContext, which = ctx.nan.minMax): bigint {
  return minOrMax(f, a, b, ctx, which, -1)
}

export function max(f: FloatFormat, a: bigint, b: bigint, ctx: FloatContext, which = ctx.nan.minMax): bigint {
  return minOrMax(f, a, b, ctx, which, 1)
}

function minOrMax(
  f: FloatFormat, aBits: bigint, bBits: bigint, ctx: FloatContext, which: MinMax, wanted: -1 | 1,
): bigint {
  const a = operand(f, aBits, ctx), b = operand(f, bBits, ctx)
  const first = a.kind === KIND.ZERO ? zero(f, a.sign) : aBits
  const second = b.kind === KIND.ZERO ? zero(f, b.sign) : bBits
  if (a.kind >= KIND.NAN || b.kind >= KIND.NAN) return minMaxOfNan(f, a, b, first, second, ctx, which)
  noteSubnormal(ctx, a.subnormal || b.subnormal)
  const ordering = order(a, b)
  if (which === 'x86') return ordering === wanted ? first : second
  // −0 is below +0. 754-2008 leaves it open; every architecture orders them.
  const before = ordering === 0 ? b.sign - a.sign : ordering
  return before === wanted ? first : second
}

/** At least one of a and b is a NaN. */
function minMaxOfNan(
  f: FloatFormat, a: Unpacked, b: Unpacked, first: bigint, second: bigint, ctx: FloatContext, which: MinMax,
): bigint {
  const bothAreNan = a.kind >= KIND.NAN && b.kind >= KIND.NAN
  const number = a.kind >= KIND.NAN ? second : first
  switch (which) {
    case 'minimum': return nanResult(f, ctx, a, b)
    case 'minNum': return bothAreNan || a.signaling || b.signaling ? nanResult(f, ctx, a, b) : number
    case 'minimumNumber':
      if (bothAreNan) return nanResult(f, ctx, a, b)
      noteSignaling(ctx, a, b)
      return number
    case 'x86': // MINSD: the second operand, as it is
      ctx.flags |= FLAG.NV
      return second
  }
}

/** Bits of the mask that `classify` returns: RISC-V's FCLASS. */
export const CLASS = {
  NEGATIVE_INFINITY: 1 << 0,
  NEGATIVE_NORMAL: 1 << 1,
  NEGATIVE_SUBNORMAL: 1 << 2,
  NEGATIVE_ZERO: 1 << 3,
  POSITIVE_ZERO: 1 << 4,
  POSITIVE_SUBNORMAL: 1 << 5,
  POSITIVE_NORMAL: 1 << 6,
  POSITIVE_INFINITY: 1 << 7,
  SIGNALING_NAN: 1 << 8,
  QUIET_NAN: 1 << 9,
} as const

/** Exactly one CLASS bit; none for an encoding that means nothing (x87). Raises no exception. */
export function classify(f: FloatFormat, bits: bigint): number {
  const u = unpack(f, bits)
  switch (u.kind) {
    case KIND.ZERO: return u.sign ? CLASS.NEGATIVE_ZERO : CLASS.POSITIVE_ZERO
    case KIND.INFINITY: return u.sign ? CLASS.NEGATIVE_INFINITY : CLASS.POSITIVE_INFINITY
    case KIND.NAN: return u.signaling ? CLASS.SIGNALING_NAN : CLASS.QUIET_NAN
    case KIND.UNSUPPORTED: return 0
  }
  if (u.subnormal) return u.sign ? CLASS.NEGATIVE_SUBNORMAL : CLASS.POSITIVE_SUBNORMAL
  return u.sign ? CLASS.NEGATIVE_NORMAL : CLASS.POSITIVE_NORMAL
}
