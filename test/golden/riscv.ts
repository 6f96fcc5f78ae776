// Blocks of RISC-V code that stand for what programs do, as words. Each begins at offset 0 of a page.
import { encode } from '../../src/isa/pattern.ts'
import { rv64a } from '../../src/isa/riscv/a.insn.ts'
import { rv64d } from '../../src/isa/riscv/d.insn.ts'
import { rv64m } from '../../src/isa/riscv/m.insn.ts'
import { privilegedTable } from '../../src/isa/riscv/privileged.insn.ts'
import { rv32i } from '../../src/isa/riscv/rv32i.insn.ts'
import { rv64i } from '../../src/isa/riscv/rv64i.insn.ts'
import { zicsr } from '../../src/isa/riscv/zicsr.insn.ts'

const ra = 1, sp = 2, a0 = 10, a1 = 11, a2 = 12, fa0 = 10, fa1 = 11, fa2 = 12
const DYN = 7, SSCRATCH = 0x140
const ret = encode(rv32i.jalr, { rd: 0, rs1: ra, imm: 0 })
const add = (rd: number, rs1: number, imm: number) => encode(rv32i.addi, { rd, rs1, imm })

export type Example = {
  readonly name: string
  readonly words: readonly number[]
  /** Offsets of blocks that have been run; the region begins at the first. */
  readonly known: readonly number[]
}

export const examples: readonly Example[] = [
  { name: 'load', words: [encode(rv32i.lw, { rd: a0, rs1: a1, imm: 8 }), ret], known: [0] },
  { name: 'store', words: [encode(rv64i.sd, { rs1: a1, rs2: a0, imm: -16 }), ret], known: [0] },
  {
    name: 'constants and a high product',
    words: [
      encode(rv32i.lui, { rd: a0, imm: 0x12345000 }), add(a0, a0, 0x678),
      encode(rv64m.mulh, { rd: a0, rs1: a0, rs2: a1 }), ret,
    ],
    known: [0],
  },
  {
    name: 'a register written twice and read in between',
    words: [
      add(a0, a1, 1), encode(rv32i.add, { rd: a0, rs1: a0, rs2: a1 }),
      encode(rv64i.sd, { rs1: a2, rs2: a0, imm: 0 }), add(a0, a1, 1), ret,
    ],
    known: [0],
  },
  {
    name: 'registers saved on the stack, and one read back',
    words: [
      add(sp, sp, -32), encode(rv64i.sd, { rs1: sp, rs2: ra, imm: 24 }), encode(rv64i.sd, { rs1: sp, rs2: a0, imm: 16 }),
      encode(rv64i.ld, { rd: a1, rs1: sp, imm: 8 }), ret,
    ],
    known: [0],
  },
  { name: 'loop', words: [add(a0, a0, -1), encode(rv32i.bne, { rs1: a0, rs2: 0, imm: -4 }), ret], known: [0, 8] },
  {
    name: 'call and return within a page',
    words: [encode(rv32i.jal, { rd: ra, imm: 12 }), add(a0, a0, 1), encode(rv32i.jal, { rd: 0, imm: -8 }), add(a1, a1, 1), ret],
    known: [0, 4, 12],
  },
  { name: 'atomic add', words: [encode(rv64a['amoadd.w'], { rd: a0, rs1: a2, rs2: a1, aq: 1, rl: 1 }), ret], known: [0] },
  {
    name: 'load-reserved, store-conditional',
    words: [
      encode(rv64a['lr.d'], { rd: a0, rs1: a2, aq: 1, rl: 0 }), add(a0, a0, 1),
      encode(rv64a['sc.d'], { rd: a1, rs1: a2, rs2: a0, aq: 0, rl: 1 }), encode(rv32i.bne, { rs1: a1, rs2: 0, imm: -12 }), ret,
    ],
    known: [0, 16],
  },
  { name: 'float add', words: [encode(rv64d['fadd.d'], { rd: fa0, rs1: fa0, rs2: fa1, rm: DYN }), ret], known: [0] },
  {
    name: 'fused multiply-add',
    words: [encode(rv64d['fmadd.d'], { rd: fa0, rs1: fa0, rs2: fa1, rs3: fa2, rm: DYN }), ret], known: [0],
  },
  { name: 'a register of the supervisor', words: [encode(zicsr.csrrw, { rd: a0, rs1: a1, csr: SSCRATCH }), ret], known: [0] },
  { name: 'environment call', words: [add(a0, a0, 1), encode(privilegedTable.ecall, {}), ret], known: [0, 8] },
]
