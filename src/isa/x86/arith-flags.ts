// The arithmetic flags of a processor as processor code reads them: what ir/arith-flags.ts says, on halves of 32 bits.
import { Arith, ArithFlag, arithFlags } from '../../ir/arith-flags.ts'
import { type Core, W } from './core.ts'

export function arithmeticFlags({ i32, w, s }: Core): number {
  const word = i32[w + W.fx]!, shift = word & Arith.SHIFT
  if (word & Arith.EXPLICIT) return withOwn(i32[w + W.fa]! & ArithFlag.ALL, word)
  if (word & Arith.MUL) return Number(arithFlags(s.fa, s.fb, BigInt(word)))
  // Operands stand at the top, as far as they are narrower than 64 bits in the upper half alone.
  const narrow = shift >= 32, up = shift - 32, firstLow = i32[w + W.fa]!, secondLow = i32[w + W.fb]!
  const aHi = narrow ? firstLow << up : i32[w + W.fa + 1]!, bHi = narrow ? secondLow << up : i32[w + W.fb + 1]!
  const aLo = narrow ? 0 : firstLow >>> 0, bLo = narrow ? 0 : secondLow >>> 0
  const carryIn = (word >> Arith.CARRY_IN_BIT) & 1, inLow = narrow ? 0 : carryIn, inHigh = narrow ? carryIn << up : 0
  const sub = word & Arith.SUB, sign = sub ? -1 : 1
  // Exact: below 2^53.
  const low = aLo + sign * (bLo + inLow), lowCarry = Math.floor(low / 0x100000000)
  const high = (aHi >>> 0) + sign * ((bHi >>> 0) + inHigh) + lowCarry, r = high | 0
  const result = narrow ? r >>> up : low | 0, carry = high < 0 || high > 0xffffffff
  const overflow = ((sub ? aHi ^ bHi : ~(aHi ^ bHi)) & (aHi ^ r)) < 0
  let ones = result & 0xff
  ones ^= ones >> 4
  return withOwn((carry ? ArithFlag.CF : 0) | ((0x9669 >> (ones & 15)) & 1 ? ArithFlag.PF : 0)
    | ((firstLow ^ secondLow ^ result) & ArithFlag.AF) | (r === 0 && (narrow || result === 0) ? ArithFlag.ZF : 0)
    | (r < 0 ? ArithFlag.SF : 0) | (overflow ? ArithFlag.OF : 0), word)
}

function withOwn(flags: number, word: number): number {
  let f = flags
  if (word & Arith.CARRY) f = (f & ~ArithFlag.CF) | ((word >> Arith.CARRY_BIT) & 1)
  if (word & Arith.OVERFLOW) f = (f & ~ArithFlag.OF) | (word & ArithFlag.OF)
  return f
}
