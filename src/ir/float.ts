// The floating-point rows in software: bits in, bits out, flags into the context. `context.rounding` is the
// operation's rounding mode, resolved.
import {
  add, binary32, binary64, classify, convert, div, eq, type FloatContext, type FloatFormat, fma, fromInt, le,
  leQuiet, lt, ltQuiet, max, min,
  mul, roundToInt, sqrt, sub, toInt,
} from '../base/softfloat.ts'

export type FloatFunction = (ctx: FloatContext, a: bigint, b: bigint, c: bigint) => bigint

const bool = (x: boolean) => (x ? 1n : 0n)

function of(f: FloatFormat, suffix: 's' | 'd'): Record<string, FloatFunction> {
  const rows: Record<string, FloatFunction> = {
    fadd: (x, a, b) => add(f, a, b, x),
    fsub: (x, a, b) => sub(f, a, b, x),
    fmul: (x, a, b) => mul(f, a, b, x),
    fdiv: (x, a, b) => div(f, a, b, x),
    fsqrt: (x, a) => sqrt(f, a, x),
    fround: (x, a) => roundToInt(f, a, x, false),
    froundnx: (x, a) => roundToInt(f, a, x, true),
    fma: (x, a, b, c) => fma(f, a, b, c, x),
    fmin: (x, a, b) => min(f, a, b, x),
    fmax: (x, a, b) => max(f, a, b, x),
    feq: (x, a, b) => bool(eq(f, a, b, x)),
    flt: (x, a, b) => bool(lt(f, a, b, x)),
    fle: (x, a, b) => bool(le(f, a, b, x)),
    fltq: (x, a, b) => bool(ltQuiet(f, a, b, x)),
    fleq: (x, a, b) => bool(leQuiet(f, a, b, x)),
    ftoi32: (x, a) => toInt(f, a, 32, true, x),
    ftou32: (x, a) => toInt(f, a, 32, false, x),
    ftoi64: (x, a) => toInt(f, a, 64, true, x),
    ftou64: (x, a) => toInt(f, a, 64, false, x),
    ffromi32: (x, a) => fromInt(f, a, 32, true, x),
    ffromu32: (x, a) => fromInt(f, a, 32, false, x),
    ffromi64: (x, a) => fromInt(f, a, 64, true, x),
    ffromu64: (x, a) => fromInt(f, a, 64, false, x),
    fclass: (_x, a) => BigInt(classify(f, a)),
  }
  return Object.fromEntries(Object.entries(rows).map(([name, row]) => [`${name}.${suffix}`, row]))
}

export const floatFunctions: { readonly [name: string]: FloatFunction } = {
  ...of(binary32, 's'),
  ...of(binary64, 'd'),
  'fcvt.d.s': (x, a) => convert(binary32, binary64, a, x),
  'fcvt.s.d': (x, a) => convert(binary64, binary32, a, x),
}
