// The function behind the row `crc32c`: the quotient of the data by the polynomial, then what its product with the polynomial has
// beyond the data. Both factors are constants, so products are a few shifts.
import { DIVISOR, INVERSE } from '../ir/crc32c.ts'
import { type Code, I64 } from './encode.ts'
import * as W from './opcodes.ts'

const bitsOf = (v: bigint): number[] => Array.from({ length: 64 }, (_, n) => n).filter(n => (v >> BigInt(n)) & 1n)

/** Parameter and result are i64. */
export function emitCrc32c(f: Code): void {
  const data = 0, quotient = f.local(I64)
  f.get(data) // the lowest bit of both is 1
  for (const n of bitsOf(INVERSE).slice(1)) f.get(data).i64c(n, 0).op(W.I64_SHL).op(W.I64_XOR)
  f.set(quotient)
  bitsOf(DIVISOR).slice(1).forEach((n, i) => {
    f.get(quotient).i64c(64 - n, 0).op(W.I64_SHR_U)
    if (i > 0) f.op(W.I64_XOR)
  })
}
