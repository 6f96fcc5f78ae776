// C: compressed instructions, in the order of the manual's listing. Each is lifted by the instruction it
// stands for. Hints (a destination x0, a shift by 0, and the like) match their instruction's row and so do
// nothing.
import { MemOp } from '../../ir/ops.ts'
import type { Value } from '../../ir/build.ts'
import type { Operands } from '../pattern.ts'
import { System } from './cpu.ts'
import { type Emit, insn, table } from './emit.ts'
import { fld, fsd, reads, writes } from './fp.ts'
import { link, rv32i } from './rv32i.insn.ts'
import { rv64i } from './rv64i.insn.ts'

const SP = 2
const W = 2 | MemOp.SIGNED, D = 3

const load = (memop: number) => (g: Emit, o: Operands<'rd rs1 uimm'>) =>
  g.setX(o.rd, g.load(memop, g.x(o.rs1), o.uimm))
const store = (memop: number) => (g: Emit, o: Operands<'rs1 rs2 uimm'>) =>
  g.store(memop, g.x(o.rs1), g.x(o.rs2), o.uimm)
const loadSp = (memop: number) => (g: Emit, o: Operands<'rd uimm'>) =>
  g.setX(o.rd, g.load(memop, g.x(SP), o.uimm))
const storeSp = (memop: number) => (g: Emit, o: Operands<'rs2 uimm'>) =>
  g.store(memop, g.x(SP), g.x(o.rs2), o.uimm)
const addi = (g: Emit, rd: number, rs1: number, imm: number) => g.setX(rd, g.add(g.x(rs1), g.imm(imm)))
const branchZero = (f: (g: Emit, v: Value) => Value) => (g: Emit, o: Operands<'rs1 imm'>) =>
  g.branch(f(g, g.x(o.rs1)), o.imm)
const jalr = (g: Emit, rd: number, rs1: number) => link(g, rd, rs1, g.and(g.x(rs1), g.imm(-2)))

export const rv64c = table(16, {
  // Quadrant 0.
  'c.addi4spn': insn("000 uimm[5:4|9:6|2|3]≠0 rd' 00", 'rd, sp, uimm', (g, o) => addi(g, o.rd, SP, o.uimm)),
  'c.fld': insn("001 uimm[5:3] rs1' uimm[7:6] rd' 00", 'rd:f, uimm(rs1)', writes((g, o) =>
    fld(g, o.rd, o.rs1, o.uimm))),
  'c.lw': insn("010 uimm[5:3] rs1' uimm[2|6] rd' 00", 'rd, uimm(rs1)', load(W)),
  'c.ld': insn("011 uimm[5:3] rs1' uimm[7:6] rd' 00", 'rd, uimm(rs1)', load(D)),
  'c.fsd': insn("101 uimm[5:3] rs1' uimm[7:6] rs2' 00", 'rs2:f, uimm(rs1)', reads((g, o) =>
    fsd(g, o.rs2, o.rs1, o.uimm))),
  'c.sw': insn("110 uimm[5:3] rs1' uimm[2|6] rs2' 00", 'rs2, uimm(rs1)', store(W)),
  'c.sd': insn("111 uimm[5:3] rs1' uimm[7:6] rs2' 00", 'rs2, uimm(rs1)', store(D)),
  // Quadrant 1.
  'c.nop': insn('000 0 00000 00000 01', '', () => {}),
  'c.addi': insn('000 imm[5] rd/rs1 imm[4:0] 01', 'rd, imm', rv32i.addi.lift),
  'c.addiw': insn('001 imm[5] rd/rs1≠0 imm[4:0] 01', 'rd, imm', rv64i.addiw.lift),
  'c.li': insn('010 imm[5] rd imm[4:0] 01', 'rd, imm', (g, o) => g.setX(o.rd, g.imm(o.imm))),
  'c.addi16sp': insn('011 imm[9]≠0 00010 imm[4|6|8:7|5] 01', 'sp, imm', (g, o) => addi(g, SP, SP, o.imm)),
  'c.lui': insn('011 imm[17]≠0 rd≠2 imm[16:12] 01', 'rd, imm:upper', (g, o) => g.setX(o.rd, g.imm(o.imm))),
  'c.srli': insn("100 shamt[5] 00 rd'/rs1' shamt[4:0] 01", 'rd, shamt', rv64i.srli.lift),
  'c.srai': insn("100 shamt[5] 01 rd'/rs1' shamt[4:0] 01", 'rd, shamt', rv64i.srai.lift),
  'c.andi': insn("100 imm[5] 10 rd'/rs1' imm[4:0] 01", 'rd, imm', rv32i.andi.lift),
  'c.sub': insn("100 0 11 rd'/rs1' 00 rs2' 01", 'rd, rs2', rv32i.sub.lift),
  'c.xor': insn("100 0 11 rd'/rs1' 01 rs2' 01", 'rd, rs2', rv32i.xor.lift),
  'c.or': insn("100 0 11 rd'/rs1' 10 rs2' 01", 'rd, rs2', rv32i.or.lift),
  'c.and': insn("100 0 11 rd'/rs1' 11 rs2' 01", 'rd, rs2', rv32i.and.lift),
  'c.subw': insn("100 1 11 rd'/rs1' 00 rs2' 01", 'rd, rs2', rv64i.subw.lift),
  'c.addw': insn("100 1 11 rd'/rs1' 01 rs2' 01", 'rd, rs2', rv64i.addw.lift),
  'c.j': insn('101 imm[11|4|9:8|10|6|7|3:1|5] 01', 'imm:pc', (g, o) => g.jump(g.pc(o.imm))),
  'c.beqz': insn("110 imm[8|4:3] rs1' imm[7:6|2:1|5] 01", 'rs1, imm:pc', branchZero((g, v) => g.eqz(v))),
  'c.bnez': insn("111 imm[8|4:3] rs1' imm[7:6|2:1|5] 01", 'rs1, imm:pc',
    branchZero((g, v) => g.ne(v, g.imm(0)))),
  // Quadrant 2.
  'c.slli': insn('000 shamt[5] rd/rs1 shamt[4:0] 10', 'rd, shamt', rv64i.slli.lift),
  'c.fldsp': insn('001 uimm[5] rd uimm[4:3|8:6] 10', 'rd:f, uimm(sp)',
    writes((g, o) => fld(g, o.rd, SP, o.uimm))),
  'c.lwsp': insn('010 uimm[5] rd≠0 uimm[4:2|7:6] 10', 'rd, uimm(sp)', loadSp(W)),
  'c.ldsp': insn('011 uimm[5] rd≠0 uimm[4:3|8:6] 10', 'rd, uimm(sp)', loadSp(D)),
  'c.jr': insn('100 0 rs1≠0 00000 10', 'rs1', (g, o) => jalr(g, 0, o.rs1)),
  'c.mv': insn('100 0 rd rs2≠0 10', 'rd, rs2', (g, o) => g.setX(o.rd, g.x(o.rs2))),
  'c.ebreak': insn('100 1 00000 00000 10', '', g => g.system(System.EBREAK, g.word)),
  'c.jalr': insn('100 1 rs1≠0 00000 10', 'rs1', (g, o) => jalr(g, 1, o.rs1)),
  'c.add': insn('100 1 rd/rs1 rs2≠0 10', 'rd, rs2', rv32i.add.lift),
  'c.fsdsp': insn('101 uimm[5:3|8:6] rs2 10', 'rs2:f, uimm(sp)', reads((g, o) => fsd(g, o.rs2, SP, o.uimm))),
  'c.swsp': insn('110 uimm[5:2|7:6] rs2 10', 'rs2, uimm(sp)', storeSp(W)),
  'c.sdsp': insn('111 uimm[5:3|8:6] rs2 10', 'rs2, uimm(sp)', storeSp(D)),
})
