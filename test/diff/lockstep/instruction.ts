// What lock-step must know of an instruction: whether it ends a block, what it can change besides x registers, and whether its
// result comes from somewhere that two machines cannot have in common.
import { disassembleBytes } from '../../../src/isa/riscv/disassemble.ts'
import { registers } from '../../../src/isa/riscv/cpu.ts'

export type Instruction = {
  readonly text: string
  readonly length: number
  /** Control goes elsewhere, or the machine's mode may change. */
  readonly ends: boolean
  readonly float: boolean
  readonly system: boolean
  readonly waits: boolean
  /** A load: its destination, and where its address comes from. */
  readonly load?: { readonly rd: number; readonly base: number; readonly offset: bigint }
  /** Reads a status register into rd. */
  readonly csr?: { readonly number: number; readonly rd: number }
}

const xNames = registers.slice(0, 32).map(r => r.name)
const ENDS = /^(c\.)?(j|jal|jr|jalr|beqz|bnez|beq|bne|blt|bge|bltu|bgeu|ebreak|ecall|mret|sret|wfi|sfence\.vma|fence\.i)\b/
const LOAD = /^(?:c\.)?l(?:[bhw]u?|d|wsp|dsp) (\w+),(-?\d+)\((\w+)\)$/

/** The instruction that `bytes` begin with. */
export function instructionAt(bytes: Uint8Array, pc: bigint): Instruction {
  const { text, length } = disassembleBytes(bytes, pc)
  const word = length === 4 ? (bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)) >>> 0 : 0
  const load = LOAD.exec(text), system = (word & 0x7f) === 0x73
  return {
    text, length, system,
    ends: ENDS.test(text),
    float: /^(c\.)?f(?!ence)/.test(text),
    waits: text === 'wfi',
    ...(load && { load: { rd: xNames.indexOf(load[1]!), base: xNames.indexOf(load[3]!), offset: BigInt(load[2]!) } }),
    ...(system && word & 0x3000 && { csr: { number: word >>> 20, rd: (word >> 7) & 31 } }),
  }
}
