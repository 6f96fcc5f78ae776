// Floating-point rows on host arithmetic. The host computes the nearest-even result; it stands where no flag can change:
// the inexact flag is known to be set, or the operation is shown to be exact, and the result is a normal number (no
// overflow, underflow, NaN) or a zero that is exact: of a sum, or of an operation on a zero. Everything else goes to the slow path,
// which is exact in every case.
import { FpEnv, opNames, resultType, type Type } from '../ir/ops.ts'
import { type Code, F32, F64 } from './encode.ts'
import type { WasmFeatures } from './features.ts'
import { valType } from './lower.ts'
import * as W from './opcodes.ts'
import { F32X4_EXTRACT_LANE, F32X4_RELAXED_MADD, F32X4_SPLAT, F64X2_EXTRACT_LANE, F64X2_RELAXED_MADD, F64X2_SPLAT } from './simd.ts'

/** Emits the slow path of the row: reads the operand locals, leaves the result on the stack. */
export type SlowPath = (f: Code) => void

/** Emits row `row` in environment `env` on operand locals; the result is left on the stack. */
export function emitFloat(f: Code, features: WasmFeatures, row: number, env: number, v: readonly number[], slow: SlowPath): void {
  const name = opNames[row]!, [base, width] = split(name)
  const nearest = (env & FpEnv.RM) === FpEnv.RNE, free = (env & FpEnv.INEXACT_SET) !== 0
  switch (base) {
    case 'fadd': case 'fsub': case 'fmul': case 'fdiv': case 'fsqrt':
      if (!nearest) return slow(f)
      return arithmetic(f, base, width, v, free, features, slow)
    case 'fma':
      if (!nearest || !features.relaxedMaddFused) return slow(f)
      return arithmetic(f, base, width, v, free, features, slow)
    case 'fround': case 'froundnx':
      return roundToIntegral(f, row, width, v[0]!, env & FpEnv.RM, base === 'fround' || free, slow)
    case 'fmin': case 'fmax': {
      if (!nearest) return slow(f)
      const r = f.temp(width === 'd' ? F64 : F32)
      f.get(v[0]!).get(v[1]!).op(width === 'd' ? (base === 'fmin' ? W.F64_MIN : W.F64_MAX) : base === 'fmin' ? W.F32_MIN : W.F32_MAX).tee(r)
      f.get(r).op(width === 'd' ? W.F64_EQ : W.F32_EQ)
      choose(f, row, () => f.get(r), slow)
      f.free(r)
      return
    }
    case 'feq': case 'flt': case 'fle': case 'fltq': case 'fleq': {
      if (!nearest) return slow(f)
      const eq = width === 'd' ? W.F64_EQ : W.F32_EQ
      f.get(v[0]!).get(v[0]!).op(eq).get(v[1]!).get(v[1]!).op(eq).op(W.I32_AND)
      const compare = width === 'd' ? { feq: W.F64_EQ, flt: W.F64_LT, fle: W.F64_LE, fltq: W.F64_LT, fleq: W.F64_LE }
        : { feq: W.F32_EQ, flt: W.F32_LT, fle: W.F32_LE, fltq: W.F32_LT, fleq: W.F32_LE }
      choose(f, row, () => f.get(v[0]!).get(v[1]!).op(compare[base]), slow)
      return
    }
    case 'ffromi32': case 'ffromu32': case 'ffromi64': case 'ffromu64':
      return fromInteger(f, row, base, width, v[0]!, nearest, free, slow)
    case 'ftoi32': case 'ftou32': case 'ftoi64': case 'ftou64':
      return toInteger(f, row, base, width, v[0]!, env & FpEnv.RM, free, slow)
    case 'fcvt':
      if (name === 'fcvt.d.s') {
        if (!nearest) return slow(f)
        f.get(v[0]!).get(v[0]!).op(W.F32_EQ)
        choose(f, row, () => f.get(v[0]!).op(W.F64_PROMOTE_F32), slow)
        return
      }
      if (!nearest) return slow(f)
      {
        const r = f.temp(F32)
        f.get(v[0]!).op(W.F32_DEMOTE_F64).set(r)
        normal(f, 's', r)
        if (!free) f.get(r).op(W.F64_PROMOTE_F32).get(v[0]!).op(W.F64_EQ).op(W.I32_AND)
        choose(f, row, () => f.get(r), slow)
        f.free(r)
      }
      return
    default:
      return slow(f)
  }
}

const split = (name: string): [string, 's' | 'd'] => {
  const [base, width] = name.split('.')
  return [base!, width as 's' | 'd']
}

function choose(f: Code, row: number, fast: () => void, slow: SlowPath): void {
  f.if(valType[resultType[row] as Type])
  fast()
  f.else()
  slow(f)
  f.end()
}

/** Leaves 1 if the local holds a normal number other than the smallest (which may have been rounded up to). */
function normal(f: Code, width: 's' | 'd', r: number): void {
  if (width === 'd') {
    f.get(r).op(W.I64_REINTERPRET_F64).i64c(1, 0).op(W.I64_SHL).i64c(1, 1 << 21).op(W.I64_SUB)
    f.i64c(-1, (0x7fe << 21) - 1).op(W.I64_LT_U)
  } else {
    f.get(r).op(W.I32_REINTERPRET_F32).i32c(1).op(W.I32_SHL).i32c((1 << 24) + 1).op(W.I32_SUB)
    f.i32c((0xfe << 24) - 1).op(W.I32_LT_U)
  }
}

function madd(f: Code, width: 's' | 'd', a: () => void, b: () => void, c: () => void): void {
  const splat = width === 'd' ? F64X2_SPLAT : F32X4_SPLAT
  for (const operand of [a, b, c]) {
    operand()
    f.op(splat)
  }
  f.op(width === 'd' ? F64X2_RELAXED_MADD : F32X4_RELAXED_MADD)
  f.lane(width === 'd' ? F64X2_EXTRACT_LANE : F32X4_EXTRACT_LANE, 0)
}

function arithmetic(f: Code, base: string, width: 's' | 'd', v: readonly number[], free: boolean, features: WasmFeatures, slow: SlowPath): void {
  const t = width === 'd' ? F64 : F32, [a, b, c] = v as [number, number, number], r = f.temp(t), d = width === 'd'
  const get = (x: number) => () => void f.get(x)
  const neg = (x: number) => () => void f.get(x).op(d ? W.F64_NEG : W.F32_NEG)
  if (base === 'fma') madd(f, width, get(a), get(b), get(c))
  else if (base === 'fsqrt') f.get(a).op(d ? W.F64_SQRT : W.F32_SQRT)
  else f.get(a).get(b).op(host(base, d))
  f.set(r)
  normal(f, width, r)
  let ok = true
  if (!free) ok = exact()
  if (ok) {
    f.likely().if(t)
    f.get(r).else()
    zero()
    f.if(t)
    f.get(r).else()
    slow(f)
    f.end().end()
  } else {
    f.drop()
    slow(f)
  }
  f.free(r)

  /** Leaves 1 if the result is a zero that is exact. */
  function zero(): void {
    const isZero = (x: number) => void (d ? f.get(x).f64c(0).op(W.F64_EQ) : f.get(x).f32c(0).op(W.F32_EQ))
    isZero(r)
    if (base === 'fadd' || base === 'fsub' || base === 'fsqrt') return
    isZero(a)
    if (base !== 'fdiv') {
      isZero(b)
      f.op(W.I32_OR)
    }
    if (base === 'fma') { // and the sum of the product and the third operand then is one of zeros
      isZero(c)
      f.op(W.I32_AND)
    }
    f.op(W.I32_AND)
  }

  /** Also requires that the result is exact: its error, itself exact while the exponent is not near the bottom, is 0. */
  function exact(): boolean {
    const zero = () => (d ? f.f64c(0) : f.f32c(0)).op(d ? W.F64_EQ : W.F32_EQ).op(W.I32_AND)
    const add = d ? W.F64_ADD : W.F32_ADD, sub = d ? W.F64_SUB : W.F32_SUB
    if (base === 'fadd' || base === 'fsub') {
      // Knuth's two-sum: with t = r - a, the error is (a - (r - t)) + (b - t).
      const u = f.temp(t)
      f.get(r).get(a).op(sub).set(u)
      f.get(a).get(r).get(u).op(sub).op(sub)
      f.get(b)
      if (base === 'fsub') f.op(d ? W.F64_NEG : W.F32_NEG)
      f.get(u).op(sub).op(add)
      zero()
      f.free(u)
      return true
    }
    if (!features.relaxedMaddFused || base === 'fma') return false
    // The exponent of the product (of a square root: its operand) is high enough for the error to be representable.
    f.get(base === 'fsqrt' ? a : r).op(d ? W.F64_ABS : W.F32_ABS)
    if (d) f.f64c(2 ** -900).op(W.F64_GT).op(W.I32_AND)
    else f.f32c(2 ** -90).op(W.F32_GT).op(W.I32_AND)
    if (base === 'fmul') madd(f, width, get(a), get(b), neg(r))
    else if (base === 'fdiv') {
      f.get(a).op(d ? W.F64_ABS : W.F32_ABS)
      if (d) f.f64c(2 ** -900).op(W.F64_GT).op(W.I32_AND)
      else f.f32c(2 ** -90).op(W.F32_GT).op(W.I32_AND)
      madd(f, width, get(r), get(b), neg(a))
    } else madd(f, width, get(r), get(r), neg(a))
    zero()
    return true
  }
}

const host = (base: string, d: boolean) =>
  base === 'fadd' ? (d ? W.F64_ADD : W.F32_ADD)
  : base === 'fsub' ? (d ? W.F64_SUB : W.F32_SUB)
  : base === 'fmul' ? (d ? W.F64_MUL : W.F32_MUL)
  : d ? W.F64_DIV : W.F32_DIV

function fromInteger(f: Code, row: number, base: string, width: 's' | 'd', a: number, nearest: boolean, free: boolean, slow: SlowPath): void {
  const d = width === 'd', wide = base.endsWith('64'), signed = base.includes('fromi')
  const convert = d
    ? wide ? (signed ? W.F64_CONVERT_I64_S : W.F64_CONVERT_I64_U) : signed ? W.F64_CONVERT_I32_S : W.F64_CONVERT_I32_U
    : wide ? (signed ? W.F32_CONVERT_I64_S : W.F32_CONVERT_I64_U) : signed ? W.F32_CONVERT_I32_S : W.F32_CONVERT_I32_U
  if (d && !wide) return void f.get(a).op(convert)
  if (!nearest) return slow(f)
  if (free) return void f.get(a).op(convert)
  // Exact if the magnitude is at most 2^n: signed, if a + 2^n as unsigned is at most 2^(n+1).
  const n = d ? 53 : 24
  f.get(a)
  if (wide) {
    const bit = (k: number): [number, number] => (k < 32 ? [1 << k, 0] : [0, 1 << (k - 32)])
    if (signed) f.i64c(...bit(n)).op(W.I64_ADD).i64c(...bit(n + 1))
    else f.i64c(...bit(n))
    f.op(W.I64_LE_U)
  } else if (signed) f.i32c(1 << n).op(W.I32_ADD).i32c(1 << (n + 1)).op(W.I32_LE_U)
  else f.i32c(1 << n).op(W.I32_LE_U)
  choose(f, row, () => f.get(a).op(convert), slow)
}

function roundToIntegral(f: Code, row: number, width: 's' | 'd', v: number, rm: number, free: boolean, slow: SlowPath): void {
  if (rm > FpEnv.RUP) return slow(f)
  const d = width === 'd', r = f.temp(d ? F64 : F32)
  const operation = d ? [W.F64_NEAREST, W.F64_TRUNC, W.F64_FLOOR, W.F64_CEIL] : [W.F32_NEAREST, W.F32_TRUNC, W.F32_FLOOR, W.F32_CEIL]
  f.get(v).op(operation[rm]!).tee(r)
  f.get(v).op(d ? W.F64_EQ : W.F32_EQ)
  if (free) { // of normal numbers: others may count as zeros
    f.get(v).op(d ? W.F64_ABS : W.F32_ABS)
    if (d) f.f64c(2 ** -1022).op(W.F64_GE)
    else f.f32c(2 ** -126).op(W.F32_GE)
    f.op(W.I32_OR)
  }
  choose(f, row, () => f.get(r), slow)
  f.free(r)
}

function toInteger(f: Code, row: number, base: string, width: 's' | 'd', v: number, rm: number, free: boolean, slow: SlowPath): void {
  if (rm > FpEnv.RUP) return slow(f)
  const wide = base.endsWith('64'), signed = base.includes('toi'), x = f.temp(F64)
  f.get(v)
  if (width === 's') f.op(W.F64_PROMOTE_F32)
  f.op([W.F64_NEAREST, W.F64_TRUNC, W.F64_FLOOR, W.F64_CEIL][rm]!).tee(x)
  const low = signed ? (wide ? -(2 ** 63) : -(2 ** 31)) : 0
  const end = signed ? (wide ? 2 ** 63 : 2 ** 31) : wide ? 2 ** 64 : 2 ** 32
  f.f64c(low).op(W.F64_GE).get(x).f64c(end).op(W.F64_LT).op(W.I32_AND)
  if (!free) {
    f.get(x).get(v)
    if (width === 's') f.op(W.F64_PROMOTE_F32)
    f.op(W.F64_EQ).op(W.I32_AND)
  }
  const trunc = wide ? (signed ? W.I64_TRUNC_SAT_F64_S : W.I64_TRUNC_SAT_F64_U) : signed ? W.I32_TRUNC_SAT_F64_S : W.I32_TRUNC_SAT_F64_U
  choose(f, row, () => f.get(x).op(trunc), slow)
  f.free(x)
}

