// What operations do before they compute: take operands apart, and answer when one of them is a NaN.

import { FLAG, type FloatContext } from './context.ts'
import { KIND, unpack, zeroOperand, type FloatFormat, type Unpacked } from './format.ts'

export function operand(f: FloatFormat, bits: bigint, ctx: FloatContext): Unpacked {
  const u = unpack(f, bits)
  return u.subnormal && ctx.denormalsAreZero ? zeroOperand(f, u.sign) : u
}

export function noteSubnormal(ctx: FloatContext, subnormal: boolean): void {
  if (subnormal && ctx.nan.denormalFlag) ctx.flags |= FLAG.DE
}

export function defaultNan(f: FloatFormat, ctx: FloatContext): bigint {
  return ctx.nan.defaultNanSign ? f.signBit | f.infinity | f.quietBit : f.infinity | f.quietBit
}

export function invalid(f: FloatFormat, ctx: FloatContext): bigint {
  ctx.flags |= FLAG.NV
  return defaultNan(f, ctx)
}

/** Raises NV when an operand is signaling or no valid encoding. */
export function noteSignaling(ctx: FloatContext, ...operands: Unpacked[]): void {
  if (operands.some(u => u.signaling || u.kind === KIND.UNSUPPORTED)) ctx.flags |= FLAG.NV
}

/** The result of an operation of which at least one operand is a NaN or no valid encoding. */
export function nanResult(f: FloatFormat, ctx: FloatContext, ...operands: Unpacked[]): bigint {
  noteSignaling(ctx, ...operands)
  if (operands.some(u => u.kind === KIND.UNSUPPORTED)) return defaultNan(f, ctx)
  const nans = operands.filter(u => u.kind === KIND.NAN)
  switch (ctx.nan.propagate) {
    case 'none': return defaultNan(f, ctx)
    case 'first': return quietNan(f, nans[0]!)
    case 'x87': return quietNan(f, nans.reduce(x87Choice))
  }
}

function x87Choice(a: Unpacked, b: Unpacked): Unpacked {
  if (a.signaling !== b.signaling) return a.signaling ? b : a
  if (a.sig !== b.sig) return a.sig > b.sig ? a : b
  return a.sign ? b : a
}

export function quietNan(f: FloatFormat, nan: Unpacked): bigint {
  const bits = f.infinity | f.quietBit | nan.sig
  return nan.sign ? bits | f.signBit : bits
}
