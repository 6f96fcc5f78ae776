// The flags of an operation, remembered as its operands and a word that says what it was. They are computed where something
// reads them (the row `arithflags`); bits are those of x86's EFLAGS.

/** Fields of the word. The operation is an addition of both operands, if nothing else is said. */
export const Arith = {
  /** 64 less the operands' size in bits: bits of operands beyond their size mean nothing. */
  SHIFT: 0x3f,
  SUB: 1 << 6,
  /** No operation: the first operand holds the flags as EFLAGS does. */
  EXPLICIT: 1 << 7,
  /** The carry is bit 9, the overflow bit 11, whatever the operation says. */
  CARRY: 1 << 8, CARRY_BIT: 9,
  OVERFLOW: 1 << 10, OVERFLOW_BIT: 11,
  /** A signed multiplication: carry and overflow say that the product has left the operands' size. */
  MUL: 1 << 12,
  /** The carry or borrow that the operation took in. */
  CARRY_IN_BIT: 13,
} as const

export const ArithFlag = { CF: 1, PF: 4, AF: 0x10, ZF: 0x40, SF: 0x80, OF: 0x800, ALL: 0x8d5 } as const


/** The oracle: operands and word as unsigned numbers. */
export function arithFlags(first: bigint, second: bigint, word: bigint): bigint {
  const w = Number(word)
  let flags = w & Arith.EXPLICIT ? Number(first & BigInt(ArithFlag.ALL)) : computed(first, second, w)
  if (w & Arith.CARRY) flags = (flags & ~ArithFlag.CF) | ((w >> Arith.CARRY_BIT) & 1)
  if (w & Arith.OVERFLOW) flags = (flags & ~ArithFlag.OF) | (w & (1 << Arith.OVERFLOW_BIT) ? ArithFlag.OF : 0)
  return BigInt(flags)
}

function computed(first: bigint, second: bigint, w: number): number {
  const bits = 64 - (w & Arith.SHIFT), a = BigInt.asUintN(bits, first), b = BigInt.asUintN(bits, second)
  const signed = (x: bigint) => BigInt.asIntN(bits, x), carryIn = BigInt((w >> Arith.CARRY_IN_BIT) & 1)
  const exact = (x: bigint, y: bigint) => w & Arith.MUL ? x * y : w & Arith.SUB ? x - y - carryIn : x + y + carryIn
  const r = BigInt.asUintN(bits, exact(a, b)), wide = exact(signed(a), signed(b))
  const overflow = wide !== signed(wide), carry = w & Arith.MUL ? overflow : exact(a, b) !== r
  const ones = (r & 0xffn).toString(2).replaceAll('0', '').length
  return (carry ? ArithFlag.CF : 0) | (ones & 1 ? 0 : ArithFlag.PF) | (w & Arith.MUL ? 0 : Number((first ^ second ^ r) & 0x10n))
    | (r === 0n ? ArithFlag.ZF : 0) | (signed(r) < 0n ? ArithFlag.SF : 0) | (overflow ? ArithFlag.OF : 0)
}
