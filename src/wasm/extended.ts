// Arithmetic on numbers of 80 bits (IEEE 754 extended precision as x87 has it; Intel SDM volume 1, 4.2.2 and 8.3), as functions
// of WebAssembly: rounding to nearest, operands that are normal or zero, results that are neither too large nor too small.
// Everything else they refuse, for the exact and slow soft-float to do.
//
// A number is two values: sign and exponent as its upper 16 bits have them (i32), and the mantissa (i64). Results come with a
// status: bits of Status.
import { type Code, I32, I64 } from './encode.ts'
import type { Library } from './lower.ts'
import * as W from './opcodes.ts'

export const Status = { INEXACT: 1, UP: 2, REFUSED: 4 } as const

const SIGN = 0x8000, MOST = 0x7ffe, BIAS = 16383
const NUMBER = [I32, I64], RESULT = [I32, I64, I32]
const top = (f: Code) => f.i64c(0, 1 << 31)

/** Sets `e` to the exponent of the number whose upper part is in `se`. */
const exponent = (f: Code, se: number, e: number) => f.get(se).i32c(0x7fff).op(W.I32_AND).set(e)
/** Leaves 1 if a number is normal. */
function normal(f: Code, se: number, m: number): Code {
  f.get(se).i32c(0x7fff).op(W.I32_AND).i32c(1).op(W.I32_SUB).i32c(MOST).op(W.I32_LT_U)
  return f.get(m).i64c(0, 0).op(W.I64_LT_S).op(W.I32_AND)
}
/** Leaves 1 if a number is zero. */
function zero(f: Code, se: number, m: number): Code {
  return f.get(se).i32c(0x7fff).op(W.I32_AND).op(W.I64_EXTEND_I32_U).get(m).op(W.I64_OR).op(W.I64_EQZ)
}
const refuse = (f: Code) => f.i32c(0).i64c(0, 0).i32c(Status.REFUSED).return()
function refuseUnless(f: Code, condition: () => Code): void {
  condition().op(W.I32_EQZ).unlikely().if()
  refuse(f)
  f.end()
}

/** Rounds: sign (in its place), exponent, mantissa with its top bit set, and the 64 bits behind it. */
const rounded = (lib: Library) => lib.get('extended.round', [I32, I32, I64, I64], RESULT, f => {
  const sign = 0, e = 1, hi = 2, lo = 3, up = f.local(I32)
  f.get(lo)
  top(f).op(W.I64_GT_U)
  f.get(lo)
  top(f).op(W.I64_EQ).get(hi).op(W.I32_WRAP_I64).op(W.I32_AND).op(W.I32_OR).tee(up)
  f.if()
  f.get(hi).i64c(1, 0).op(W.I64_ADD).tee(hi).op(W.I64_EQZ).if()
  top(f).set(hi).get(e).i32c(1).op(W.I32_ADD).set(e)
  f.end()
  f.end()
  refuseUnless(f, () => f.get(e).i32c(1).op(W.I32_SUB).i32c(MOST).op(W.I32_LT_U))
  f.get(sign).get(e).op(W.I32_OR).get(hi)
  f.get(lo).i64c(0, 0).op(W.I64_NE).get(up).i32c(1).op(W.I32_SHL).op(W.I32_OR)
})

export const add = (lib: Library) => lib.get('extended.add', [...NUMBER, ...NUMBER], RESULT, f => {
  const a = 0, ma = 1, b = 2, mb = 3
  const ea = f.local(I32), eb = f.local(I32), d = f.local(I32), t = f.local(I32), tm = f.local(I64), hi = f.local(I64), lo = f.local(I64), z = f.local(I32)
  normal(f, a, ma)
  normal(f, b, mb).op(W.I32_AND).op(W.I32_EQZ).unlikely().if()
  for (const [x, mx, y, my] of [[a, ma, b, mb], [b, mb, a, ma]] as const) {
    zero(f, x, mx)
    normal(f, y, my).op(W.I32_AND).if()
    f.get(y).get(my).i32c(0).return()
    f.end()
  }
  refuse(f)
  f.end()
  exponent(f, a, ea)
  exponent(f, b, eb)
  // The larger one first.
  f.get(ea).get(eb).op(W.I32_LT_U).get(ea).get(eb).op(W.I32_EQ).get(ma).get(mb).op(W.I64_LT_U).op(W.I32_AND).op(W.I32_OR).if()
  f.get(a).set(t).get(b).set(a).get(t).set(b)
  f.get(ma).set(tm).get(mb).set(ma).get(tm).set(mb)
  f.get(ea).set(t).get(eb).set(ea).get(t).set(eb)
  f.end()
  f.get(ea).get(eb).op(W.I32_SUB).tee(d).op(W.I64_EXTEND_I32_U).set(tm)
  // The smaller one's mantissa goes down by the difference: what leaves the upper 64 bits stays exact for as long as it counts.
  f.get(d).i32c(64).op(W.I32_LT_U).if()
  f.get(mb).get(tm).op(W.I64_SHR_U).set(hi)
  f.get(mb).i64c(1, 0).get(tm).op(W.I64_SUB).i64c(63, 0).op(W.I64_ADD).op(W.I64_SHL).i64c(0, 0).get(d).select().set(lo)
  f.else()
  f.get(mb).get(mb).i64c(1, 0).op(W.I64_SHR_U).get(mb).i64c(1, 0).op(W.I64_AND).op(W.I64_OR).get(d).i32c(64).op(W.I32_EQ).select()
  f.i64c(1, 0).get(d).i32c(66).op(W.I32_LT_U).select().set(lo)
  f.end()
  f.get(a).get(b).op(W.I32_XOR).i32c(SIGN).op(W.I32_AND).op(W.I32_EQZ).if()
  f.get(ma).get(hi).op(W.I64_ADD).tee(hi).get(ma).op(W.I64_LT_U).if()
  f.get(hi).i64c(63, 0).op(W.I64_SHL).get(lo).i64c(1, 0).op(W.I64_SHR_U).op(W.I64_OR).get(lo).i64c(1, 0).op(W.I64_AND).op(W.I64_OR).set(lo)
  f.get(hi).i64c(1, 0).op(W.I64_SHR_U)
  top(f).op(W.I64_OR).set(hi)
  f.get(ea).i32c(1).op(W.I32_ADD).set(ea)
  f.end()
  f.else()
  f.get(ma).get(hi).op(W.I64_SUB).get(lo).i64c(0, 0).op(W.I64_NE).op(W.I64_EXTEND_I32_U).op(W.I64_SUB).set(hi)
  f.i64c(0, 0).get(lo).op(W.I64_SUB).set(lo)
  f.get(hi).get(lo).op(W.I64_OR).op(W.I64_EQZ).if()
  f.i32c(0).i64c(0, 0).i32c(0).return()
  f.end()
  f.get(hi).op(W.I64_EQZ).if()
  f.get(lo).set(hi).i64c(0, 0).set(lo).get(ea).i32c(64).op(W.I32_SUB).set(ea)
  f.end()
  f.get(hi).op(W.I64_CLZ).tee(tm).op(W.I32_WRAP_I64).tee(z).if()
  f.get(hi).get(tm).op(W.I64_SHL).get(lo).i64c(64, 0).get(tm).op(W.I64_SUB).op(W.I64_SHR_U).op(W.I64_OR).set(hi)
  f.get(lo).get(tm).op(W.I64_SHL).set(lo)
  f.get(ea).get(z).op(W.I32_SUB).set(ea)
  f.end()
  f.end()
  f.get(a).i32c(SIGN).op(W.I32_AND).get(ea).get(hi).get(lo).call(rounded(lib))
})

/** Zero times a number, or by one: the product's sign is in `sign`. */
function signedZero(f: Code, sign: number): void { f.get(sign).i64c(0, 0).i32c(0).return() }

export const mul = (lib: Library, mulh: Code) => lib.get('extended.mul', [...NUMBER, ...NUMBER], RESULT, f => {
  const a = 0, ma = 1, b = 2, mb = 3, e = f.local(I32), eb = f.local(I32), sign = f.local(I32), hi = f.local(I64), lo = f.local(I64)
  f.get(a).get(b).op(W.I32_XOR).i32c(SIGN).op(W.I32_AND).set(sign)
  normal(f, a, ma)
  normal(f, b, mb).op(W.I32_AND).op(W.I32_EQZ).unlikely().if()
  for (const [x, mx, y, my] of [[a, ma, b, mb], [b, mb, a, ma]] as const) {
    zero(f, x, mx)
    normal(f, y, my)
    zero(f, y, my).op(W.I32_OR).op(W.I32_AND).if()
    signedZero(f, sign)
    f.end()
  }
  refuse(f)
  f.end()
  exponent(f, a, e)
  exponent(f, b, eb)
  f.get(e).get(eb).op(W.I32_ADD).i32c(BIAS - 1).op(W.I32_SUB).set(e)
  f.get(ma).get(mb).call(mulh).set(hi)
  f.get(ma).get(mb).op(W.I64_MUL).set(lo)
  f.get(hi).i64c(0, 0).op(W.I64_GE_S).if()
  f.get(hi).i64c(1, 0).op(W.I64_SHL).get(lo).i64c(63, 0).op(W.I64_SHR_U).op(W.I64_OR).set(hi)
  f.get(lo).i64c(1, 0).op(W.I64_SHL).set(lo)
  f.get(e).i32c(1).op(W.I32_SUB).set(e)
  f.end()
  f.get(sign).get(e).get(hi).get(lo).call(rounded(lib))
})

export const div = (lib: Library, divideWide: Code) => lib.get('extended.div', [...NUMBER, ...NUMBER], RESULT, f => {
  const a = 0, ma = 1, b = 2, mb = 3, e = f.local(I32), eb = f.local(I32), sign = f.local(I32)
  const hi = f.local(I64), lo = f.local(I64), q = f.local(I64), r = f.local(I64)
  f.get(a).get(b).op(W.I32_XOR).i32c(SIGN).op(W.I32_AND).set(sign)
  refuseUnless(f, () => normal(f, b, mb))
  normal(f, a, ma).op(W.I32_EQZ).unlikely().if()
  refuseUnless(f, () => zero(f, a, ma))
  signedZero(f, sign)
  f.end()
  exponent(f, a, e)
  exponent(f, b, eb)
  f.get(e).get(eb).op(W.I32_SUB).i32c(BIAS - 1).op(W.I32_ADD).set(e)
  f.get(ma).get(mb).op(W.I64_GE_U).if()
  f.get(ma).i64c(1, 0).op(W.I64_SHR_U).set(hi)
  f.get(ma).i64c(63, 0).op(W.I64_SHL).set(lo)
  f.get(e).i32c(1).op(W.I32_ADD).set(e)
  f.else()
  f.get(ma).set(hi)
  f.end()
  f.get(hi).get(lo).get(mb).call(divideWide).set(q)
  f.get(lo).get(q).get(mb).op(W.I64_MUL).op(W.I64_SUB).set(r)
  // Of what is behind the quotient only matters whether it is nothing, a half, less or more.
  f.get(sign).get(e).get(q)
  f.get(r).op(W.I64_EQZ).if(I64)
  f.i64c(0, 0)
  f.else()
  f.get(mb).get(r).op(W.I64_SUB).set(lo) // against the other part
  f.i64c(1, 0)
  top(f).get(r).get(lo).op(W.I64_LT_U).select()
  top(f).i64c(1, 0).op(W.I64_OR).get(r).get(lo).op(W.I64_LE_U).select()
  f.end()
  f.call(rounded(lib))
})

/** From 32 or 64 bits of IEEE 754, as an i64. */
export const fromFloat = (lib: Library, double: boolean) => lib.get(`extended.from${double ? 64 : 32}`, [I64], RESULT, f => {
  const v = 0, e = f.local(I32), sign = f.local(I32), fraction = double ? 52 : 23, bias = double ? 1023 : 127, most = double ? 0x7ff : 0xff
  const m = f.local(I64)
  f.get(v).i64c(fraction, 0).op(W.I64_SHR_U).op(W.I32_WRAP_I64).i32c(most).op(W.I32_AND).set(e)
  f.get(v).i64c(double ? 48 : 16, 0).op(W.I64_SHR_U).op(W.I32_WRAP_I64).i32c(SIGN).op(W.I32_AND).set(sign)
  f.get(v).i64c(64 - fraction, 0).op(W.I64_SHL).set(m)
  f.get(e).op(W.I32_EQZ).if()
  refuseUnless(f, () => f.get(m).op(W.I64_EQZ))
  signedZero(f, sign)
  f.end()
  refuseUnless(f, () => f.get(e).i32c(most).op(W.I32_NE))
  f.get(sign).get(e).i32c(BIAS - bias).op(W.I32_ADD).op(W.I32_OR)
  f.get(m).i64c(1, 0).op(W.I64_SHR_U)
  top(f).op(W.I64_OR).i32c(0)
})

/** From a signed number of 64 bits. */
export const fromInteger = (lib: Library) => lib.get('extended.fromint', [I64], RESULT, f => {
  const v = 0, z = f.local(I64), sign = f.local(I64)
  f.get(v).op(W.I64_EQZ).if()
  f.i32c(0).i64c(0, 0).i32c(0).return()
  f.end()
  f.get(v).i64c(63, 0).op(W.I64_SHR_S).tee(sign).get(v).op(W.I64_XOR).get(sign).op(W.I64_SUB).tee(v).op(W.I64_CLZ).set(z)
  f.get(sign).op(W.I32_WRAP_I64).i32c(SIGN).op(W.I32_AND).i32c(BIAS + 63).get(z).op(W.I32_WRAP_I64).op(W.I32_SUB).op(W.I32_OR)
  f.get(v).get(z).op(W.I64_SHL).i32c(0)
})

/** To 32 or 64 bits of IEEE 754, as an i64, with the status. */
export const toFloat = (lib: Library, double: boolean) => lib.get(`extended.to${double ? 64 : 32}`, NUMBER, [I64, I32], f => {
  const a = 0, m = 1, e = f.local(I32), hi = f.local(I64), rest = f.local(I64), up = f.local(I32)
  const fraction = double ? 52 : 23, bias = double ? 1023 : 127, most = double ? 0x7ff : 0xff, lost = 63 - fraction
  const sign = () => f.get(a).i32c(SIGN).op(W.I32_AND).op(W.I64_EXTEND_I32_U).i64c(double ? 48 : 16, 0).op(W.I64_SHL)
  const out = () => f.i64c(0, 0).i32c(Status.REFUSED).return()
  zero(f, a, m).if()
  sign().i32c(0).return()
  f.end()
  exponent(f, a, e)
  normal(f, a, m).op(W.I32_EQZ).unlikely().if()
  out()
  f.end()
  f.get(e).i32c(BIAS - bias).op(W.I32_SUB).set(e)
  f.get(m).i64c(lost, 0).op(W.I64_SHR_U).set(hi)
  f.get(m).i64c(64 - lost, 0).op(W.I64_SHL).set(rest)
  f.get(rest)
  top(f).op(W.I64_GT_U).get(rest)
  top(f).op(W.I64_EQ).get(hi).op(W.I32_WRAP_I64).op(W.I32_AND).op(W.I32_OR).set(up)
  // A carry out of the fraction goes into the exponent by itself.
  f.get(e).i32c(1).op(W.I32_SUB).i32c(most - 2).op(W.I32_GE_U).unlikely().if()
  out()
  f.end()
  sign().get(e).i32c(1).op(W.I32_SUB).op(W.I64_EXTEND_I32_U).i64c(fraction, 0).op(W.I64_SHL).get(hi).op(W.I64_ADD)
  f.get(up).op(W.I64_EXTEND_I32_U).op(W.I64_ADD).op(W.I64_OR)
  f.get(rest).i64c(0, 0).op(W.I64_NE).get(up).i32c(1).op(W.I32_SHL).op(W.I32_OR)
})

/** To a signed number of `bits` bits, sign-extended, with the status. */
export const toInteger = (lib: Library, bits: number, truncate: boolean) =>
  lib.get(`extended.toint${bits}${truncate ? 't' : ''}`, NUMBER, [I64, I32], f => {
    const a = 0, m = 1, shift = f.local(I64), n = f.local(I64), rest = f.local(I64), up = f.local(I32)
    const out = () => f.i64c(0, 0).i32c(Status.REFUSED).return()
    zero(f, a, m).if()
    f.i64c(0, 0).i32c(0).return()
    f.end()
    normal(f, a, m).op(W.I32_EQZ).unlikely().if()
    out()
    f.end()
    f.i32c(BIAS + 63).get(a).i32c(0x7fff).op(W.I32_AND).op(W.I32_SUB).op(W.I64_EXTEND_I32_S).tee(shift)
    f.i64c(1, 0).op(W.I64_LT_S).unlikely().if()
    out()
    f.end()
    f.get(shift).i64c(64, 0).op(W.I64_LT_S).if()
    f.get(m).get(shift).op(W.I64_SHR_U).set(n)
    f.get(m).i64c(64, 0).get(shift).op(W.I64_SUB).op(W.I64_SHL).set(rest)
    f.else()
    f.get(m).i64c(1, 0).get(shift).i64c(64, 0).op(W.I64_EQ).select().set(rest)
    f.end()
    if (!truncate) {
      f.get(rest)
      top(f).op(W.I64_GT_U).get(rest)
      top(f).op(W.I64_EQ).get(n).op(W.I32_WRAP_I64).op(W.I32_AND).op(W.I32_OR).tee(up).op(W.I64_EXTEND_I32_U).get(n).op(W.I64_ADD).set(n)
    }
    // Negative ones have one more.
    f.get(n).i64c(1, 0).i64c(bits - 1, 0).op(W.I64_SHL)
    f.i64c(1, 0).op(W.I64_SUB).get(a).i32c(15).op(W.I32_SHR_U).op(W.I64_EXTEND_I32_U).op(W.I64_ADD).op(W.I64_GT_U).unlikely().if()
    out()
    f.end()
    f.i64c(0, 0).get(n).op(W.I64_SUB).get(n).get(a).i32c(15).op(W.I32_SHR_U).select()
    f.get(rest).i64c(0, 0).op(W.I64_NE).get(up).i32c(1).op(W.I32_SHL).op(W.I32_OR)
  })

/** The order of two numbers: -1, 0, 1; or 2 if it is refused. */
export const compare = (lib: Library) => lib.get('extended.compare', [...NUMBER, ...NUMBER], [I32], f => {
  const a = 0, ma = 1, b = 2, mb = 3, ea = f.local(I32), eb = f.local(I32), r = f.local(I32)
  for (const [x, mx] of [[a, ma], [b, mb]] as const) {
    normal(f, x, mx)
    zero(f, x, mx).op(W.I32_OR).op(W.I32_EQZ).unlikely().if()
    f.i32c(2).return()
    f.end()
  }
  exponent(f, a, ea)
  exponent(f, b, eb)
  f.get(ea).get(eb).op(W.I32_OR).op(W.I32_EQZ).if()
  f.i32c(0).return()
  f.end()
  f.get(a).get(b).op(W.I32_XOR).i32c(SIGN).op(W.I32_AND).if()
  f.i32c(-1).i32c(1).get(a).i32c(SIGN).op(W.I32_AND).select().return()
  f.end()
  // By magnitudes, which a negative sign turns round.
  f.get(ea).get(eb).op(W.I32_GT_U).get(ea).get(eb).op(W.I32_EQ).get(ma).get(mb).op(W.I64_GT_U).op(W.I32_AND).op(W.I32_OR)
  f.get(ea).get(eb).op(W.I32_LT_U).get(ea).get(eb).op(W.I32_EQ).get(ma).get(mb).op(W.I64_LT_U).op(W.I32_AND).op(W.I32_OR)
  f.op(W.I32_SUB).tee(r)
  f.i32c(0).get(r).op(W.I32_SUB).get(a).i32c(SIGN).op(W.I32_AND).op(W.I32_EQZ).select()
})
