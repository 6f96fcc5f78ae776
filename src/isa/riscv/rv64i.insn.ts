// RV64I: what it adds to RV32I, and the shifts with their six-bit amounts. Word instructions ignore the upper
// halves of their operands and sign-extend their 32-bit result; each is written in the width that needs fewer
// operations.
import { insn, table } from './emit.ts'
import { immediate, load, reg, shift, store } from './rv32i.insn.ts'

export const rv64i = table(32, {
  lwu: insn('imm[11:0] rs1 110 rd 0000011', 'rd, imm(rs1)', load(2)),
  ld: insn('imm[11:0] rs1 011 rd 0000011', 'rd, imm(rs1)', load(3)),
  sd: insn('imm[11:5] rs2 rs1 011 imm[4:0] 0100011', 'rs2, imm(rs1)', store(3)),
  slli: insn('000000 shamt[5:0] rs1 001 rd 0010011', 'rd, rs1, shamt', shift((g, a, n) => g.shl(a, n))),
  srli: insn('000000 shamt[5:0] rs1 101 rd 0010011', 'rd, rs1, shamt', shift((g, a, n) => g.shrU(a, n))),
  srai: insn('010000 shamt[5:0] rs1 101 rd 0010011', 'rd, rs1, shamt', shift((g, a, n) => g.shrS(a, n))),
  addiw: insn('imm[11:0] rs1 000 rd 0011011', 'rd, rs1, imm',
    immediate((g, a, b) => g.extend32S(g.add(a, b)))),
  slliw: insn('0000000 shamt rs1 001 rd 0011011', 'rd, rs1, shamt',
    shift((g, a, n) => g.extend32S(g.shl(a, n)))),
  srliw: insn('0000000 shamt rs1 101 rd 0011011', 'rd, rs1, shamt', (g, o) =>
    g.setX(o.rd, g.extendS(g.shrU(g.wrap(g.x(o.rs1)), g.i32(o.shamt))))),
  sraiw: insn('0100000 shamt rs1 101 rd 0011011', 'rd, rs1, shamt',
    shift((g, a, n) => g.shrS(g.extend32S(a), n))),
  addw: insn('0000000 rs2 rs1 000 rd 0111011', 'rd, rs1, rs2', reg((g, a, b) => g.extend32S(g.add(a, b)))),
  subw: insn('0100000 rs2 rs1 000 rd 0111011', 'rd, rs1, rs2', reg((g, a, b) => g.extend32S(g.sub(a, b)))),
  sllw: insn('0000000 rs2 rs1 001 rd 0111011', 'rd, rs1, rs2',
    reg((g, a, b) => g.extendS(g.shl(g.wrap(a), g.wrap(b))))),
  srlw: insn('0000000 rs2 rs1 101 rd 0111011', 'rd, rs1, rs2',
    reg((g, a, b) => g.extendS(g.shrU(g.wrap(a), g.wrap(b))))),
  sraw: insn('0100000 rs2 rs1 101 rd 0111011', 'rd, rs1, rs2',
    reg((g, a, b) => g.extendS(g.shrS(g.wrap(a), g.wrap(b))))),
})
