// All of RISC-V's tables and the two decoders made from them: one for 16-bit, one for 32-bit instructions.
import { rv64a } from './a.insn.ts'
import { rv64c } from './c.insn.ts'
import { rv64d } from './d.insn.ts'
import { decoder } from './emit.ts'
import { rv64f } from './f.insn.ts'
import { rv64m } from './m.insn.ts'
import { privilegedTable } from './privileged.insn.ts'
import { rv32i } from './rv32i.insn.ts'
import { rv64i } from './rv64i.insn.ts'
import { zba, zbb, zbs } from './zb.insn.ts'
import { zicsr, zifencei } from './zicsr.insn.ts'

export const decode32 = decoder([rv32i, rv64i, zifencei, zicsr, rv64m, rv64a, rv64f, rv64d, zba, zbb, zbs,
  privilegedTable])
export const decode16 = decoder([rv64c])

/** An instruction's length in bytes from its first 16 bits. Longer encodings are reserved; they count as
 * 32-bit ones. */
export const lengthOf = (low: number) => ((low & 3) === 3 ? 4 : 2)
