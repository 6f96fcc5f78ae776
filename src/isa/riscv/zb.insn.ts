// Zba, Zbb and Zbs: address generation, basic bit manipulation, single bits. Order of the unprivileged
// manual's listing.
import type { Value } from '../../ir/build.ts'
import type { Operands } from '../pattern.ts'
import { type Emit, insn, table } from './emit.ts'
import { reg, shift } from './rv32i.insn.ts'

/** The low word, zero-extended. */
const uw = (g: Emit, v: Value) => g.extendU(g.wrap(v))
const not = (g: Emit, v: Value) => g.xor(v, g.imm(-1))
const shadd = (n: number) => reg((g, a, b) => g.add(g.shl(a, g.imm(n)), b))
const shaddUw = (n: number) => reg((g, a, b) => g.add(g.shl(uw(g, a), g.imm(n)), b))
const unary = (f: (g: Emit, a: Value) => Value) => (g: Emit, o: Operands<'rd rs1'>) =>
  g.setX(o.rd, f(g, g.x(o.rs1)))
const bit = (g: Emit, n: Value) => g.shl(g.imm(1), n)

export const zba = table(32, {
  'add.uw': insn('0000100 rs2 rs1 000 rd 0111011', 'rd, rs1, rs2', reg((g, a, b) => g.add(uw(g, a), b))),
  sh1add: insn('0010000 rs2 rs1 010 rd 0110011', 'rd, rs1, rs2', shadd(1)),
  'sh1add.uw': insn('0010000 rs2 rs1 010 rd 0111011', 'rd, rs1, rs2', shaddUw(1)),
  sh2add: insn('0010000 rs2 rs1 100 rd 0110011', 'rd, rs1, rs2', shadd(2)),
  'sh2add.uw': insn('0010000 rs2 rs1 100 rd 0111011', 'rd, rs1, rs2', shaddUw(2)),
  sh3add: insn('0010000 rs2 rs1 110 rd 0110011', 'rd, rs1, rs2', shadd(3)),
  'sh3add.uw': insn('0010000 rs2 rs1 110 rd 0111011', 'rd, rs1, rs2', shaddUw(3)),
  'slli.uw': insn('000010 shamt[5:0] rs1 001 rd 0011011', 'rd, rs1, shamt',
    shift((g, a, n) => g.shl(uw(g, a), n))),
})

/** Each byte 0xff if any bit of it is set. The high bit of 7f + (b & 7f) | b says so; it is then spread over
 * its byte. */
function orCombine(g: Emit, a: Value): Value {
  const low7 = g.i64(0x7f7f7f7f, 0x7f7f7f7f)
  const any = g.or(g.add(g.and(a, low7), low7), a)
  const ones = g.and(g.shrU(any, g.imm(7)), g.i64(0x01010101, 0x01010101))
  return g.sub(g.shl(ones, g.imm(8)), ones)
}

/** Bytes in reverse order: neighbours, then pairs, then the halves change places. */
function reverseBytes(g: Emit, a: Value): Value {
  const swap = (v: Value, n: number, mask: number) => {
    const m = g.i64(mask, mask), count = g.imm(n)
    return g.or(g.and(g.shrU(v, count), m), g.shl(g.and(v, m), count))
  }
  return g.rotl(swap(swap(a, 8, 0x00ff00ff), 16, 0x0000ffff), g.imm(32))
}

export const zbb = table(32, {
  andn: insn('0100000 rs2 rs1 111 rd 0110011', 'rd, rs1, rs2', reg((g, a, b) => g.and(a, not(g, b)))),
  orn: insn('0100000 rs2 rs1 110 rd 0110011', 'rd, rs1, rs2', reg((g, a, b) => g.or(a, not(g, b)))),
  xnor: insn('0100000 rs2 rs1 100 rd 0110011', 'rd, rs1, rs2', reg((g, a, b) => not(g, g.xor(a, b)))),
  clz: insn('0110000 00000 rs1 001 rd 0010011', 'rd, rs1', unary((g, a) => g.clz(a))),
  clzw: insn('0110000 00000 rs1 001 rd 0011011', 'rd, rs1', unary((g, a) => g.extendU(g.clz(g.wrap(a))))),
  ctz: insn('0110000 00001 rs1 001 rd 0010011', 'rd, rs1', unary((g, a) => g.ctz(a))),
  ctzw: insn('0110000 00001 rs1 001 rd 0011011', 'rd, rs1', unary((g, a) => g.extendU(g.ctz(g.wrap(a))))),
  cpop: insn('0110000 00010 rs1 001 rd 0010011', 'rd, rs1', unary((g, a) => g.popcnt(a))),
  cpopw: insn('0110000 00010 rs1 001 rd 0011011', 'rd, rs1', unary((g, a) => g.extendU(g.popcnt(g.wrap(a))))),
  max: insn('0000101 rs2 rs1 110 rd 0110011', 'rd, rs1, rs2', reg((g, a, b) => g.select(g.gtS(a, b), a, b))),
  maxu: insn('0000101 rs2 rs1 111 rd 0110011', 'rd, rs1, rs2', reg((g, a, b) => g.select(g.gtU(a, b), a, b))),
  min: insn('0000101 rs2 rs1 100 rd 0110011', 'rd, rs1, rs2', reg((g, a, b) => g.select(g.ltS(a, b), a, b))),
  minu: insn('0000101 rs2 rs1 101 rd 0110011', 'rd, rs1, rs2', reg((g, a, b) => g.select(g.ltU(a, b), a, b))),
  'sext.b': insn('0110000 00100 rs1 001 rd 0010011', 'rd, rs1', unary((g, a) => g.extend8S(a))),
  'sext.h': insn('0110000 00101 rs1 001 rd 0010011', 'rd, rs1', unary((g, a) => g.extend16S(a))),
  'zext.h': insn('0000100 00000 rs1 100 rd 0111011', 'rd, rs1', unary((g, a) => g.and(a, g.imm(0xffff)))),
  rol: insn('0110000 rs2 rs1 001 rd 0110011', 'rd, rs1, rs2', reg((g, a, b) => g.rotl(a, b))),
  rolw: insn('0110000 rs2 rs1 001 rd 0111011', 'rd, rs1, rs2',
    reg((g, a, b) => g.extendS(g.rotl(g.wrap(a), g.wrap(b))))),
  ror: insn('0110000 rs2 rs1 101 rd 0110011', 'rd, rs1, rs2', reg((g, a, b) => g.rotr(a, b))),
  rori: insn('011000 shamt[5:0] rs1 101 rd 0010011', 'rd, rs1, shamt', shift((g, a, n) => g.rotr(a, n))),
  roriw: insn('0110000 shamt rs1 101 rd 0011011', 'rd, rs1, shamt', (g, o) =>
    g.setX(o.rd, g.extendS(g.rotr(g.wrap(g.x(o.rs1)), g.i32(o.shamt))))),
  rorw: insn('0110000 rs2 rs1 101 rd 0111011', 'rd, rs1, rs2',
    reg((g, a, b) => g.extendS(g.rotr(g.wrap(a), g.wrap(b))))),
  'orc.b': insn('001010000111 rs1 101 rd 0010011', 'rd, rs1', unary(orCombine)),
  rev8: insn('011010111000 rs1 101 rd 0010011', 'rd, rs1', unary(reverseBytes)),
})

const clearBit = (g: Emit, a: Value, n: Value) => g.and(a, not(g, bit(g, n)))
const extractBit = (g: Emit, a: Value, n: Value) => g.and(g.shrU(a, n), g.imm(1))
const invertBit = (g: Emit, a: Value, n: Value) => g.xor(a, bit(g, n))
const setBit = (g: Emit, a: Value, n: Value) => g.or(a, bit(g, n))

export const zbs = table(32, {
  bclr: insn('0100100 rs2 rs1 001 rd 0110011', 'rd, rs1, rs2', reg(clearBit)),
  bclri: insn('010010 shamt[5:0] rs1 001 rd 0010011', 'rd, rs1, shamt', shift(clearBit)),
  bext: insn('0100100 rs2 rs1 101 rd 0110011', 'rd, rs1, rs2', reg(extractBit)),
  bexti: insn('010010 shamt[5:0] rs1 101 rd 0010011', 'rd, rs1, shamt', shift(extractBit)),
  binv: insn('0110100 rs2 rs1 001 rd 0110011', 'rd, rs1, rs2', reg(invertBit)),
  binvi: insn('011010 shamt[5:0] rs1 001 rd 0010011', 'rd, rs1, shamt', shift(invertBit)),
  bset: insn('0010100 rs2 rs1 001 rd 0110011', 'rd, rs1, rs2', reg(setBit)),
  bseti: insn('001010 shamt[5:0] rs1 001 rd 0010011', 'rd, rs1, shamt', shift(setBit)),
})
