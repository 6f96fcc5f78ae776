// D: double-precision floating point. Operands named rd, rs1... are f registers where the syntax says `:f`.
import type { Value } from '../../ir/build.ts'
import { op } from '../../ir/ops.ts'
import type { Operands } from '../pattern.ts'
import { type Emit, insn, table } from './emit.ts'
import { fld, fsd, reads, rounds, unrounded, writes } from './fp.ts'

type R = Operands<'rd rs1 rs2'>
type Rounded = Operands<'rd rs1 rs2 rm'>
type Unary = Operands<'rd rs1 rm'>
type Fused = Operands<'rd rs1 rs2 rs3 rm'>

const neg = (g: Emit, v: Value) => g.emit(op['f64.neg'], v)
const bits = (g: Emit, v: Value) => g.emit(op['i64.reinterpret_f64'], v)
const copysign = op['f64.copysign']

const binary = (name: `f${string}`) => rounds<Rounded>((g, o, env) =>
  g.setF(o.rd, g.fp(name, env, g.f(o.rs1), g.f(o.rs2))))
/** rs1 * rs2 + rs3, with the product or the addend negated. */
const fused = (negateProduct: boolean, negateAddend: boolean) => rounds<Fused>((g, o, env) => {
  const a = g.f(o.rs1), b = g.f(o.rs2), c = g.f(o.rs3)
  g.setF(o.rd, g.fp('fma.d', env, negateProduct ? neg(g, a) : a, b, negateAddend ? neg(g, c) : c))
})
const minmax = (name: `f${string}`) => writes<R>((g, o) =>
  g.setF(o.rd, g.fp(name, unrounded(g), g.f(o.rs1), g.f(o.rs2))))
const compare = (name: `f${string}`) => writes<R>((g, o) =>
  g.setBool(o.rd, g.fp(name, unrounded(g), g.f(o.rs1), g.f(o.rs2))))
/** 32-bit results are sign-extended, the unsigned ones too. */
const toWord = (name: `f${string}`) => rounds<Unary>((g, o, env) =>
  g.setX(o.rd, g.extendS(g.fp(name, env, g.f(o.rs1)))))
const toLong = (name: `f${string}`) => rounds<Unary>((g, o, env) => g.setX(o.rd, g.fp(name, env, g.f(o.rs1))))
const fromWord = (name: `f${string}`) =>
  rounds<Unary>((g, o, env) => g.setF(o.rd, g.fp(name, env, g.wrap(g.x(o.rs1)))))
const fromLong = (name: `f${string}`) =>
  rounds<Unary>((g, o, env) => g.setF(o.rd, g.fp(name, env, g.x(o.rs1))))
const sign = (f: (g: Emit, a: Value, b: Value) => Value) => writes<R>((g, o) =>
  g.setF(o.rd, f(g, g.f(o.rs1), g.f(o.rs2))))

export const rv64d = table(32, {
  fld: insn('imm[11:0] rs1 011 rd 0000111', 'rd:f, imm(rs1)', writes((g, o) => fld(g, o.rd, o.rs1, o.imm))),
  fsd: insn('imm[11:5] rs2 rs1 011 imm[4:0] 0100111', 'rs2:f, imm(rs1)',
    reads((g, o) => fsd(g, o.rs2, o.rs1, o.imm))),
  'fmadd.d': insn('rs3 01 rs2 rs1 rm rd 1000011', 'rd:f, rs1:f, rs2:f, rs3:f, rm', fused(false, false)),
  'fmsub.d': insn('rs3 01 rs2 rs1 rm rd 1000111', 'rd:f, rs1:f, rs2:f, rs3:f, rm', fused(false, true)),
  'fnmsub.d': insn('rs3 01 rs2 rs1 rm rd 1001011', 'rd:f, rs1:f, rs2:f, rs3:f, rm', fused(true, false)),
  'fnmadd.d': insn('rs3 01 rs2 rs1 rm rd 1001111', 'rd:f, rs1:f, rs2:f, rs3:f, rm', fused(true, true)),
  'fadd.d': insn('0000001 rs2 rs1 rm rd 1010011', 'rd:f, rs1:f, rs2:f, rm', binary('fadd.d')),
  'fsub.d': insn('0000101 rs2 rs1 rm rd 1010011', 'rd:f, rs1:f, rs2:f, rm', binary('fsub.d')),
  'fmul.d': insn('0001001 rs2 rs1 rm rd 1010011', 'rd:f, rs1:f, rs2:f, rm', binary('fmul.d')),
  'fdiv.d': insn('0001101 rs2 rs1 rm rd 1010011', 'rd:f, rs1:f, rs2:f, rm', binary('fdiv.d')),
  'fsqrt.d': insn('0101101 00000 rs1 rm rd 1010011', 'rd:f, rs1:f, rm', rounds((g, o, env) =>
    g.setF(o.rd, g.fp('fsqrt.d', env, g.f(o.rs1))))),
  'fsgnj.d': insn('0010001 rs2 rs1 000 rd 1010011', 'rd:f, rs1:f, rs2:f',
    sign((g, a, b) => g.emit(copysign, a, b))),
  'fsgnjn.d': insn('0010001 rs2 rs1 001 rd 1010011', 'rd:f, rs1:f, rs2:f', sign((g, a, b) =>
    g.emit(copysign, a, neg(g, b)))),
  'fsgnjx.d': insn('0010001 rs2 rs1 010 rd 1010011', 'rd:f, rs1:f, rs2:f', sign((g, a, b) =>
    g.emit(op['f64.reinterpret_i64'], g.xor(bits(g, a), g.and(bits(g, b), g.i64(0, -0x80000000)))))),
  'fmin.d': insn('0010101 rs2 rs1 000 rd 1010011', 'rd:f, rs1:f, rs2:f', minmax('fmin.d')),
  'fmax.d': insn('0010101 rs2 rs1 001 rd 1010011', 'rd:f, rs1:f, rs2:f', minmax('fmax.d')),
  'fcvt.s.d': insn('0100000 00001 rs1 rm rd 1010011', 'rd:f, rs1:f, rm', rounds((g, o, env) =>
    g.setF(o.rd, g.emit(op.nanbox, g.fp('fcvt.s.d', env, g.f(o.rs1)))))),
  'fcvt.d.s': insn('0100001 00000 rs1 rm rd 1010011', 'rd:f, rs1:f, rm:exact', rounds((g, o, env) =>
    g.setF(o.rd, g.fp('fcvt.d.s', env, g.emit(op.nanunbox, g.f(o.rs1)))))),
  'feq.d': insn('1010001 rs2 rs1 010 rd 1010011', 'rd, rs1:f, rs2:f', compare('feq.d')),
  'flt.d': insn('1010001 rs2 rs1 001 rd 1010011', 'rd, rs1:f, rs2:f', compare('flt.d')),
  'fle.d': insn('1010001 rs2 rs1 000 rd 1010011', 'rd, rs1:f, rs2:f', compare('fle.d')),
  'fclass.d': insn('1110001 00000 rs1 001 rd 1010011', 'rd, rs1:f', reads((g, o) =>
    g.setBool(o.rd, g.fp('fclass.d', 0, g.f(o.rs1))))),
  'fcvt.w.d': insn('1100001 00000 rs1 rm rd 1010011', 'rd, rs1:f, rm', toWord('ftoi32.d')),
  'fcvt.wu.d': insn('1100001 00001 rs1 rm rd 1010011', 'rd, rs1:f, rm', toWord('ftou32.d')),
  'fcvt.d.w': insn('1101001 00000 rs1 rm rd 1010011', 'rd:f, rs1, rm:exact', fromWord('ffromi32.d')),
  'fcvt.d.wu': insn('1101001 00001 rs1 rm rd 1010011', 'rd:f, rs1, rm:exact', fromWord('ffromu32.d')),
  'fcvt.l.d': insn('1100001 00010 rs1 rm rd 1010011', 'rd, rs1:f, rm', toLong('ftoi64.d')),
  'fcvt.lu.d': insn('1100001 00011 rs1 rm rd 1010011', 'rd, rs1:f, rm', toLong('ftou64.d')),
  'fmv.x.d': insn('1110001 00000 rs1 000 rd 1010011', 'rd, rs1:f',
    reads((g, o) => g.setX(o.rd, bits(g, g.f(o.rs1))))),
  'fcvt.d.l': insn('1101001 00010 rs1 rm rd 1010011', 'rd:f, rs1, rm', fromLong('ffromi64.d')),
  'fcvt.d.lu': insn('1101001 00011 rs1 rm rd 1010011', 'rd:f, rs1, rm', fromLong('ffromu64.d')),
  'fmv.d.x': insn('1111001 00000 rs1 000 rd 1010011', 'rd:f, rs1', writes((g, o) =>
    g.setF(o.rd, g.emit(op['f64.reinterpret_i64'], g.x(o.rs1))))),
})
