// F: single-precision floating point. Values are NaN-boxed in the 64-bit registers; an operand that is not
// reads as the canonical NaN. Operands named rd, rs1... are f registers where the syntax says `:f`.
import type { Value } from '../../ir/build.ts'
import { op } from '../../ir/ops.ts'
import type { Operands } from '../pattern.ts'
import { type Emit, insn, table } from './emit.ts'
import { flw, fsw, reads, rounds, unrounded, writes } from './fp.ts'

type R = Operands<'rd rs1 rs2'>
type Rounded = Operands<'rd rs1 rs2 rm'>
type Unary = Operands<'rd rs1 rm'>
type Fused = Operands<'rd rs1 rs2 rs3 rm'>

const s = (g: Emit, n: number) => g.emit(op.nanunbox, g.f(n))
const setS = (g: Emit, n: number, v: Value) => g.setF(n, g.emit(op.nanbox, v))
const neg = (g: Emit, v: Value) => g.emit(op['f32.neg'], v)
const bits = (g: Emit, v: Value) => g.emit(op['i32.reinterpret_f32'], v)
const SIGN = -0x80000000

const binary = (name: `f${string}`) => rounds<Rounded>((g, o, env) =>
  setS(g, o.rd, g.fp(name, env, s(g, o.rs1), s(g, o.rs2))))
/** rs1 * rs2 + rs3, with the product or the addend negated. */
const fused = (negateProduct: boolean, negateAddend: boolean) => rounds<Fused>((g, o, env) => {
  const a = s(g, o.rs1), b = s(g, o.rs2), c = s(g, o.rs3)
  setS(g, o.rd, g.fp('fma.s', env, negateProduct ? neg(g, a) : a, b, negateAddend ? neg(g, c) : c))
})
const minmax = (name: `f${string}`) => writes<R>((g, o) =>
  setS(g, o.rd, g.fp(name, unrounded(g), s(g, o.rs1), s(g, o.rs2))))
const compare = (name: `f${string}`) => writes<R>((g, o) =>
  g.setBool(o.rd, g.fp(name, unrounded(g), s(g, o.rs1), s(g, o.rs2))))
/** 32-bit results are sign-extended, the unsigned ones too. */
const toWord = (name: `f${string}`) => rounds<Unary>((g, o, env) =>
  g.setX(o.rd, g.extendS(g.fp(name, env, s(g, o.rs1)))))
const toLong = (name: `f${string}`) => rounds<Unary>((g, o, env) =>
  g.setX(o.rd, g.fp(name, env, s(g, o.rs1))))
const fromWord = (name: `f${string}`) =>
  rounds<Unary>((g, o, env) => setS(g, o.rd, g.fp(name, env, g.wrap(g.x(o.rs1)))))
const fromLong = (name: `f${string}`) =>
  rounds<Unary>((g, o, env) => setS(g, o.rd, g.fp(name, env, g.x(o.rs1))))
const sign = (f: (g: Emit, a: Value, b: Value) => Value) => writes<R>((g, o) =>
  setS(g, o.rd, f(g, s(g, o.rs1), s(g, o.rs2))))

const copysign = op['f32.copysign']

export const rv64f = table(32, {
  flw: insn('imm[11:0] rs1 010 rd 0000111', 'rd:f, imm(rs1)', writes((g, o) => flw(g, o.rd, o.rs1, o.imm))),
  fsw: insn('imm[11:5] rs2 rs1 010 imm[4:0] 0100111', 'rs2:f, imm(rs1)',
    reads((g, o) => fsw(g, o.rs2, o.rs1, o.imm))),
  'fmadd.s': insn('rs3 00 rs2 rs1 rm rd 1000011', 'rd:f, rs1:f, rs2:f, rs3:f, rm', fused(false, false)),
  'fmsub.s': insn('rs3 00 rs2 rs1 rm rd 1000111', 'rd:f, rs1:f, rs2:f, rs3:f, rm', fused(false, true)),
  'fnmsub.s': insn('rs3 00 rs2 rs1 rm rd 1001011', 'rd:f, rs1:f, rs2:f, rs3:f, rm', fused(true, false)),
  'fnmadd.s': insn('rs3 00 rs2 rs1 rm rd 1001111', 'rd:f, rs1:f, rs2:f, rs3:f, rm', fused(true, true)),
  'fadd.s': insn('0000000 rs2 rs1 rm rd 1010011', 'rd:f, rs1:f, rs2:f, rm', binary('fadd.s')),
  'fsub.s': insn('0000100 rs2 rs1 rm rd 1010011', 'rd:f, rs1:f, rs2:f, rm', binary('fsub.s')),
  'fmul.s': insn('0001000 rs2 rs1 rm rd 1010011', 'rd:f, rs1:f, rs2:f, rm', binary('fmul.s')),
  'fdiv.s': insn('0001100 rs2 rs1 rm rd 1010011', 'rd:f, rs1:f, rs2:f, rm', binary('fdiv.s')),
  'fsqrt.s': insn('0101100 00000 rs1 rm rd 1010011', 'rd:f, rs1:f, rm', rounds((g, o, env) =>
    setS(g, o.rd, g.fp('fsqrt.s', env, s(g, o.rs1))))),
  'fsgnj.s': insn('0010000 rs2 rs1 000 rd 1010011', 'rd:f, rs1:f, rs2:f',
    sign((g, a, b) => g.emit(copysign, a, b))),
  'fsgnjn.s': insn('0010000 rs2 rs1 001 rd 1010011', 'rd:f, rs1:f, rs2:f', sign((g, a, b) =>
    g.emit(copysign, a, neg(g, b)))),
  'fsgnjx.s': insn('0010000 rs2 rs1 010 rd 1010011', 'rd:f, rs1:f, rs2:f', sign((g, a, b) =>
    g.emit(op['f32.reinterpret_i32'], g.xor(bits(g, a), g.and(bits(g, b), g.i32(SIGN)))))),
  'fmin.s': insn('0010100 rs2 rs1 000 rd 1010011', 'rd:f, rs1:f, rs2:f', minmax('fmin.s')),
  'fmax.s': insn('0010100 rs2 rs1 001 rd 1010011', 'rd:f, rs1:f, rs2:f', minmax('fmax.s')),
  'fcvt.w.s': insn('1100000 00000 rs1 rm rd 1010011', 'rd, rs1:f, rm', toWord('ftoi32.s')),
  'fcvt.wu.s': insn('1100000 00001 rs1 rm rd 1010011', 'rd, rs1:f, rm', toWord('ftou32.s')),
  'fmv.x.w': insn('1110000 00000 rs1 000 rd 1010011', 'rd, rs1:f', reads((g, o) =>
    g.setX(o.rd, g.extend32S(g.emit(op['i64.reinterpret_f64'], g.f(o.rs1)))))),
  'feq.s': insn('1010000 rs2 rs1 010 rd 1010011', 'rd, rs1:f, rs2:f', compare('feq.s')),
  'flt.s': insn('1010000 rs2 rs1 001 rd 1010011', 'rd, rs1:f, rs2:f', compare('flt.s')),
  'fle.s': insn('1010000 rs2 rs1 000 rd 1010011', 'rd, rs1:f, rs2:f', compare('fle.s')),
  'fclass.s': insn('1110000 00000 rs1 001 rd 1010011', 'rd, rs1:f', reads((g, o) =>
    g.setBool(o.rd, g.fp('fclass.s', 0, s(g, o.rs1))))),
  'fcvt.s.w': insn('1101000 00000 rs1 rm rd 1010011', 'rd:f, rs1, rm', fromWord('ffromi32.s')),
  'fcvt.s.wu': insn('1101000 00001 rs1 rm rd 1010011', 'rd:f, rs1, rm', fromWord('ffromu32.s')),
  'fmv.w.x': insn('1111000 00000 rs1 000 rd 1010011', 'rd:f, rs1', writes((g, o) =>
    g.setF(o.rd, g.emit(op['f64.reinterpret_i64'], g.or(g.x(o.rs1), g.i64(0, -1)))))),
  'fcvt.l.s': insn('1100000 00010 rs1 rm rd 1010011', 'rd, rs1:f, rm', toLong('ftoi64.s')),
  'fcvt.lu.s': insn('1100000 00011 rs1 rm rd 1010011', 'rd, rs1:f, rm', toLong('ftou64.s')),
  'fcvt.s.l': insn('1101000 00010 rs1 rm rd 1010011', 'rd:f, rs1, rm', fromLong('ffromi64.s')),
  'fcvt.s.lu': insn('1101000 00011 rs1 rm rd 1010011', 'rd:f, rs1, rm', fromLong('ffromu64.s')),
})
