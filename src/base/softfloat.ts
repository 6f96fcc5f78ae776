// Floating point in software, exact to the bit and to the exception flag: what recompiled code calls when the
// host's own operations cannot give the answer. After IEEE 754-2008 and 754-2019, and for what they leave
// open after the manual of the architecture whose policy the context names.
//
// Operands and results are bit patterns as BigInt, of the format that is the first argument. Rounding
// direction, accumulated exceptions and policy are in the context that follows the operands:
//
//   const ctx = floatContext('canonical', { rounding: ROUND.RUP })
//   add(binary64, 0x3ff0000000000000n, 1n, ctx)   // 0x3ff0000000000001n, ctx.flags === FLAG.NX
//
// Not modelled: traps (results are those of masked exceptions), decimal formats, x87's C1 and partial
// remainder, NaN policies other than RISC-V's, SSE's and x87's.

export {
  bfloat16, binary128, binary16, binary32, binary64, extended80, extendedWide, type FloatFormat,
} from './softfloat/format.ts'
export {
  FLAG, ROUND, floatContext, floatPolicy, type FloatContext, type FloatPolicy, type FloatPolicyName,
  type MinMax, type Rounding,
} from './softfloat/context.ts'
export { add, div, fma, mul, rem, sqrt, sub } from './softfloat/arithmetic.ts'
export {
  CLASS, UNORDERED, classify, compare, eq, le, leQuiet, lt, ltQuiet, max, min, type Ordering,
} from './softfloat/compare.ts'
export { convert, fromInt, roundToInt, toInt } from './softfloat/convert.ts'
