// RV32I base integer instructions, in the order of the unprivileged manual's listing, as RV64 executes them.
// FENCE orders everything; hints (PAUSE and others) do nothing. ECALL and EBREAK are in privileged.insn.ts.
import type { Value } from '../../ir/build.ts'
import { MemOp } from '../../ir/ops.ts'
import type { Operands } from '../pattern.ts'
import { type Emit, insn, jumpKind, table } from './emit.ts'

type R = Operands<'rd rs1 rs2'>
type I = Operands<'rd rs1 imm'>
type S = Operands<'rs1 rs2 imm'>
type Shift = Operands<'rd rs1 shamt'>

// Shapes: a group of instructions that differ in one operation.
export const reg = (f: (g: Emit, a: Value, b: Value) => Value) => (g: Emit, o: R) =>
  g.setX(o.rd, f(g, g.x(o.rs1), g.x(o.rs2)))
export const immediate = (f: (g: Emit, a: Value, b: Value) => Value) => (g: Emit, o: I) =>
  g.setX(o.rd, f(g, g.x(o.rs1), g.imm(o.imm)))
export const shift = (f: (g: Emit, a: Value, n: Value) => Value) => (g: Emit, o: Shift) =>
  g.setX(o.rd, f(g, g.x(o.rs1), g.imm(o.shamt)))
export const load = (memop: number) => (g: Emit, o: I) => g.setX(o.rd, g.load(memop, g.x(o.rs1), o.imm))
export const store = (memop: number) => (g: Emit, o: S) => g.store(memop, g.x(o.rs1), g.x(o.rs2), o.imm)
const branch = (f: (g: Emit, a: Value, b: Value) => Value) => (g: Emit, o: S) =>
  g.branch(f(g, g.x(o.rs1), g.x(o.rs2)), o.imm)

const bool = (f: (g: Emit, a: Value, b: Value) => Value) => (g: Emit, a: Value, b: Value) =>
  g.extendU(f(g, a, b))
const lt = bool((g, a, b) => g.ltS(a, b))
const ltu = bool((g, a, b) => g.ltU(a, b))
const eq = (g: Emit, a: Value, b: Value) => (g.isZero(b) ? g.eqz(a) : g.eq(a, b))

/** Jump and link: `target` first, for rd may be its register. */
export function link(g: Emit, rd: number, rs1: number, target: Value): void {
  g.setX(rd, g.next())
  g.jump(target, jumpKind(rd, rs1))
}

const fence = (g: Emit) => g.fence()

export const rv32i = table(32, {
  lui: insn('imm[31:12] rd 0110111', 'rd, imm:upper', (g, o) => g.setX(o.rd, g.imm(o.imm))),
  auipc: insn('imm[31:12] rd 0010111', 'rd, imm:upper', (g, o) => g.setX(o.rd, g.pc(o.imm))),
  jal: insn('imm[20|10:1|11|19:12] rd 1101111', 'rd, imm:pc', (g, o) => link(g, o.rd, 0, g.pc(o.imm))),
  jalr: insn('imm[11:0] rs1 000 rd 1100111', 'rd, imm(rs1)', (g, o) =>
    link(g, o.rd, o.rs1, g.and(g.add(g.x(o.rs1), g.imm(o.imm)), g.imm(-2)))),
  beq: insn('imm[12|10:5] rs2 rs1 000 imm[4:1|11] 1100011', 'rs1, rs2, imm:pc', branch(eq)),
  bne: insn('imm[12|10:5] rs2 rs1 001 imm[4:1|11] 1100011', 'rs1, rs2, imm:pc',
    branch((g, a, b) => g.ne(a, b))),
  blt: insn('imm[12|10:5] rs2 rs1 100 imm[4:1|11] 1100011', 'rs1, rs2, imm:pc',
    branch((g, a, b) => g.ltS(a, b))),
  bge: insn('imm[12|10:5] rs2 rs1 101 imm[4:1|11] 1100011', 'rs1, rs2, imm:pc',
    branch((g, a, b) => g.geS(a, b))),
  bltu: insn('imm[12|10:5] rs2 rs1 110 imm[4:1|11] 1100011', 'rs1, rs2, imm:pc',
    branch((g, a, b) => g.ltU(a, b))),
  bgeu: insn('imm[12|10:5] rs2 rs1 111 imm[4:1|11] 1100011', 'rs1, rs2, imm:pc',
    branch((g, a, b) => g.geU(a, b))),
  lb: insn('imm[11:0] rs1 000 rd 0000011', 'rd, imm(rs1)', load(0 | MemOp.SIGNED)),
  lh: insn('imm[11:0] rs1 001 rd 0000011', 'rd, imm(rs1)', load(1 | MemOp.SIGNED)),
  lw: insn('imm[11:0] rs1 010 rd 0000011', 'rd, imm(rs1)', load(2 | MemOp.SIGNED)),
  lbu: insn('imm[11:0] rs1 100 rd 0000011', 'rd, imm(rs1)', load(0)),
  lhu: insn('imm[11:0] rs1 101 rd 0000011', 'rd, imm(rs1)', load(1)),
  sb: insn('imm[11:5] rs2 rs1 000 imm[4:0] 0100011', 'rs2, imm(rs1)', store(0)),
  sh: insn('imm[11:5] rs2 rs1 001 imm[4:0] 0100011', 'rs2, imm(rs1)', store(1)),
  sw: insn('imm[11:5] rs2 rs1 010 imm[4:0] 0100011', 'rs2, imm(rs1)', store(2)),
  addi: insn('imm[11:0] rs1 000 rd 0010011', 'rd, rs1, imm', (g, o) =>
    g.setX(o.rd, o.rs1 === 0 ? g.imm(o.imm) : g.add(g.get(o.rs1), g.imm(o.imm)))),
  slti: insn('imm[11:0] rs1 010 rd 0010011', 'rd, rs1, imm', immediate(lt)),
  sltiu: insn('imm[11:0] rs1 011 rd 0010011', 'rd, rs1, imm', (g, o) =>
    g.setBool(o.rd, o.imm === 1 ? g.eqz(g.x(o.rs1)) : g.ltU(g.x(o.rs1), g.imm(o.imm)))),
  xori: insn('imm[11:0] rs1 100 rd 0010011', 'rd, rs1, imm', immediate((g, a, b) => g.xor(a, b))),
  ori: insn('imm[11:0] rs1 110 rd 0010011', 'rd, rs1, imm', immediate((g, a, b) => g.or(a, b))),
  andi: insn('imm[11:0] rs1 111 rd 0010011', 'rd, rs1, imm', immediate((g, a, b) => g.and(a, b))),
  add: insn('0000000 rs2 rs1 000 rd 0110011', 'rd, rs1, rs2', reg((g, a, b) => g.add(a, b))),
  sub: insn('0100000 rs2 rs1 000 rd 0110011', 'rd, rs1, rs2', reg((g, a, b) => g.sub(a, b))),
  sll: insn('0000000 rs2 rs1 001 rd 0110011', 'rd, rs1, rs2', reg((g, a, b) => g.shl(a, b))),
  slt: insn('0000000 rs2 rs1 010 rd 0110011', 'rd, rs1, rs2', reg(lt)),
  sltu: insn('0000000 rs2 rs1 011 rd 0110011', 'rd, rs1, rs2', reg(ltu)),
  xor: insn('0000000 rs2 rs1 100 rd 0110011', 'rd, rs1, rs2', reg((g, a, b) => g.xor(a, b))),
  srl: insn('0000000 rs2 rs1 101 rd 0110011', 'rd, rs1, rs2', reg((g, a, b) => g.shrU(a, b))),
  sra: insn('0100000 rs2 rs1 101 rd 0110011', 'rd, rs1, rs2', reg((g, a, b) => g.shrS(a, b))),
  or: insn('0000000 rs2 rs1 110 rd 0110011', 'rd, rs1, rs2', reg((g, a, b) => g.or(a, b))),
  and: insn('0000000 rs2 rs1 111 rd 0110011', 'rd, rs1, rs2', reg((g, a, b) => g.and(a, b))),
  // Reserved values of fm, rs1 and rd are executed as a normal fence, as the manual asks.
  fence: insn('fm pred succ rs1 000 rd 0001111', 'pred, succ', fence),
  'fence.tso': insn('1000 0011 0011 00000 000 00000 0001111', '', fence),
  pause: insn('0000 0001 0000 00000 000 00000 0001111', '', () => {}),
})
