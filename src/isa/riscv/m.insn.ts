// M: multiplication and division. Division by zero and the overflowing quotient have defined results and no
// trap; the IR's division has neither, so the divisor is replaced by 1 there.
import type { Value } from '../../ir/build.ts'
import { op } from '../../ir/ops.ts'
import { type Emit, insn, table } from './emit.ts'
import { reg } from './rv32i.insn.ts'

/** -1 and the most negative number, of the type of `like`. */
const minusOne = (g: Emit, like: Value) => (g.typeOf(like) === 'i' ? g.i32(-1) : g.imm(-1))
const mostNegative = (g: Emit, like: Value) =>
  (g.typeOf(like) === 'i' ? g.i32(-0x80000000) : g.i64(0, -0x80000000))
const one = (g: Emit, like: Value) => (g.typeOf(like) === 'i' ? g.i32(1) : g.imm(1))

const safeSigned = (g: Emit, a: Value, b: Value, zero: Value) =>
  // The most negative number by 1: quotient itself, remainder 0, as for -1.
  g.select(g.or(zero, g.and(g.eq(a, mostNegative(g, a)), g.eq(b, minusOne(g, b)))), one(g, b), b)

function div(g: Emit, a: Value, b: Value): Value {
  const zero = g.eqz(b)
  return g.select(zero, minusOne(g, b), g.divS(a, safeSigned(g, a, b, zero)))
}
function rem(g: Emit, a: Value, b: Value): Value {
  const zero = g.eqz(b)
  return g.select(zero, a, g.remS(a, safeSigned(g, a, b, zero)))
}
function divu(g: Emit, a: Value, b: Value): Value {
  const zero = g.eqz(b)
  return g.select(zero, minusOne(g, b), g.divU(a, g.select(zero, one(g, b), b)))
}
function remu(g: Emit, a: Value, b: Value): Value {
  const zero = g.eqz(b)
  return g.select(zero, a, g.remU(a, g.select(zero, one(g, b), b)))
}
const word = (f: (g: Emit, a: Value, b: Value) => Value) =>
  reg((g, a, b) => g.extendS(f(g, g.wrap(a), g.wrap(b))))

export const rv64m = table(32, {
  mul: insn('0000001 rs2 rs1 000 rd 0110011', 'rd, rs1, rs2', reg((g, a, b) => g.mul(a, b))),
  mulh: insn('0000001 rs2 rs1 001 rd 0110011', 'rd, rs1, rs2', reg((g, a, b) => g.emit(op['mulh.ss'], a, b))),
  mulhsu: insn('0000001 rs2 rs1 010 rd 0110011', 'rd, rs1, rs2',
    reg((g, a, b) => g.emit(op['mulh.su'], a, b))),
  mulhu: insn('0000001 rs2 rs1 011 rd 0110011', 'rd, rs1, rs2',
    reg((g, a, b) => g.emit(op['mulh.uu'], a, b))),
  div: insn('0000001 rs2 rs1 100 rd 0110011', 'rd, rs1, rs2', reg(div)),
  divu: insn('0000001 rs2 rs1 101 rd 0110011', 'rd, rs1, rs2', reg(divu)),
  rem: insn('0000001 rs2 rs1 110 rd 0110011', 'rd, rs1, rs2', reg(rem)),
  remu: insn('0000001 rs2 rs1 111 rd 0110011', 'rd, rs1, rs2', reg(remu)),
  mulw: insn('0000001 rs2 rs1 000 rd 0111011', 'rd, rs1, rs2', reg((g, a, b) => g.extend32S(g.mul(a, b)))),
  divw: insn('0000001 rs2 rs1 100 rd 0111011', 'rd, rs1, rs2', word(div)),
  divuw: insn('0000001 rs2 rs1 101 rd 0111011', 'rd, rs1, rs2', word(divu)),
  remw: insn('0000001 rs2 rs1 110 rd 0111011', 'rd, rs1, rs2', word(rem)),
  remuw: insn('0000001 rs2 rs1 111 rd 0111011', 'rd, rs1, rs2', word(remu)),
})
