// The function behind the row `arithflags`: the flags of a remembered operation. What is computed is the oracle's
// (ir/arith-flags.ts); operands stand at the top of 64 bits, so that carries and signs of all sizes are in one place.
import { Arith, ArithFlag } from '../ir/arith-flags.ts'
import { type Code, I32, I64 } from './encode.ts'
import * as W from './opcodes.ts'

/** Parameters: the operands and the word; the result is an i32. `mulh` gives the high half of a signed product. */
export function emitArithFlags(f: Code, mulh: Code): void {
  const first = 0, second = 1, word = 2
  const shift = f.local(I64), a = f.local(I64), b = f.local(I64), r = f.local(I64), mask = f.local(I64), flags = f.local(I32)
  const test = (bits: number) => f.get(word).i32c(bits).op(W.I32_AND)
  const top = (v: number) => f.get(v).get(shift).op(W.I64_SHL)
  /** Adds to the flags. */
  const or = () => f.get(flags).op(W.I32_OR).set(flags)

  test(Arith.EXPLICIT).if()
  f.get(first).op(W.I32_WRAP_I64).i32c(ArithFlag.ALL).op(W.I32_AND).set(flags)
  f.else()
  test(Arith.SHIFT).op(W.I64_EXTEND_I32_U).set(shift)
  top(first).set(a)
  top(second).set(b)
  test(Arith.MUL).if()
  multiplied()
  f.else()
  added()
  f.end()
  // What follows from the result, which stands at the top.
  f.get(r).op(W.I64_EQZ).i32c(6).op(W.I32_SHL)
  or()
  f.get(r).i64c(56, 0).op(W.I64_SHR_U).op(W.I32_WRAP_I64).i32c(ArithFlag.SF).op(W.I32_AND)
  or()
  f.get(r).get(shift).op(W.I64_SHR_U).op(W.I32_WRAP_I64).i32c(0xff).op(W.I32_AND).op(W.I32_POPCNT).i32c(1).op(W.I32_AND)
  f.op(W.I32_EQZ).i32c(2).op(W.I32_SHL)
  or()
  f.end()

  test(Arith.CARRY).if()
  f.get(flags).i32c(~ArithFlag.CF).op(W.I32_AND)
  f.get(word).i32c(Arith.CARRY_BIT).op(W.I32_SHR_U).i32c(1).op(W.I32_AND).op(W.I32_OR).set(flags)
  f.end()
  test(Arith.OVERFLOW).if()
  // The flag has the same place in the word.
  f.get(flags).i32c(~ArithFlag.OF).op(W.I32_AND).get(word).i32c(ArithFlag.OF).op(W.I32_AND).op(W.I32_OR).set(flags)
  f.end()
  f.get(flags)

  function multiplied(): void {
    f.get(a).get(shift).op(W.I64_SHR_S).set(a)
    f.get(b).get(shift).op(W.I64_SHR_S).set(b)
    f.get(a).get(b).op(W.I64_MUL).set(r)
    f.get(a).get(b).call(mulh).get(r).i64c(63, 0).op(W.I64_SHR_S).op(W.I64_NE)
    top(r).get(shift).op(W.I64_SHR_S).get(r).op(W.I64_NE).op(W.I32_OR)
    f.if()
    f.i32c(ArithFlag.CF | ArithFlag.OF).set(flags)
    f.end()
    top(r).set(r)
  }
  /** For a difference `mask` is all ones: then carries are those of the complement of `a`, and of the result. */
  function added(): void {
    const not = (v: number) => f.get(v).get(mask).op(W.I64_XOR)
    f.i64c(0, 0)
    test(Arith.SUB).i32c(6).op(W.I32_SHR_U).op(W.I64_EXTEND_I32_U).op(W.I64_SUB).set(mask)
    // a + (b + carry), or a - (b + carry).
    f.get(word).i32c(Arith.CARRY_IN_BIT).op(W.I32_SHR_U).i32c(1).op(W.I32_AND).op(W.I64_EXTEND_I32_U).get(shift).op(W.I64_SHL)
    f.get(b).op(W.I64_ADD).get(mask).op(W.I64_XOR).get(mask).op(W.I64_SUB).get(a).op(W.I64_ADD).set(r)
    // CF: the top bit of (n & b) | ((n | b) & m), where n = a ^ mask and m = ~r ^ mask.
    not(a).get(b).op(W.I64_AND)
    not(a).get(b).op(W.I64_OR)
    not(r).i64c(-1, -1).op(W.I64_XOR).op(W.I64_AND).op(W.I64_OR).i64c(63, 0).op(W.I64_SHR_U).op(W.I32_WRAP_I64)
    // OF: the signs of a and the other operand agree (of a difference: differ), and the result's is not a's.
    f.get(a).get(b).op(W.I64_XOR).get(mask).op(W.I64_XOR).i64c(-1, -1).op(W.I64_XOR)
    f.get(a).get(r).op(W.I64_XOR).op(W.I64_AND).i64c(52, 0).op(W.I64_SHR_U).op(W.I32_WRAP_I64).i32c(ArithFlag.OF).op(W.I32_AND)
    f.op(W.I32_OR)
    f.get(first).get(second).op(W.I64_XOR).get(r).get(shift).op(W.I64_SHR_U).op(W.I64_XOR).op(W.I32_WRAP_I64)
    f.i32c(ArithFlag.AF).op(W.I32_AND).op(W.I32_OR).set(flags)
  }
}
