// Integer arithmetic: additions, subtractions, multiplications, divisions, decimal adjustments. Intel SDM volume 1, 7.3.2-7.3.4.
import type { Value } from '../../ir/build.ts'
import { AmoKind, MemOp, op } from '../../ir/ops.ts'
import { Flag, Reg, Vector } from './cpu.ts'
import type { Emit } from './emit.ts'
import { type Lift, row, type Row, type RowOptions } from './row.ts'

const add: Lift = g => {
  const b = g.read(1, true), size = g.size(0)
  g.modify(a => {
    const r = g.add(a, b)
    g.flagsAdd(size, a, b, r)
    return r
  }, { kind: AmoKind.ADD, operand: b })
}
const adc: Lift = g => {
  const b = g.read(1, true), size = g.size(0), carry = g.carry()
  g.modify(a => {
    const r = g.add(g.add(a, b), g.extendU(carry))
    g.flagsAdd(size, a, b, r, carry)
    return r
  })
}
const sbb: Lift = g => {
  const b = g.read(1, true), size = g.size(0), borrow = g.carry()
  g.modify(a => {
    const r = g.sub(g.sub(a, b), g.extendU(borrow))
    g.flagsSub(size, a, b, r, borrow)
    return r
  })
}
const sub: Lift = g => {
  const b = g.read(1, true), size = g.size(0)
  g.modify(a => {
    const r = g.sub(a, b)
    g.flagsSub(size, a, b, r)
    return r
  }, g.i.lock ? { kind: AmoKind.ADD, operand: g.sub(g.imm(0), b) } : undefined)
}
const cmp: Lift = g => {
  const a = g.read(0, true), b = g.read(1, true)
  g.flagsSub(g.size(0), a, b, g.sub(a, b))
}
const step = (by: 1 | -1): Lift => g => {
  const size = g.size(0)
  g.modify(a => {
    const r = g.add(a, g.imm(by))
    g.flagsStep(by > 0, size, a, g.imm(1), r)
    return r
  }, { kind: AmoKind.ADD, operand: g.imm(by) })
}
const neg: Lift = g => {
  const size = g.size(0)
  g.modify(a => {
    const zero = g.imm(0), r = g.sub(zero, a)
    g.flagsSub(size, zero, a, r)
    return r
  })
}
const xadd: Lift = g => {
  const b = g.read(1), size = g.size(0)
  let old = 0
  g.modify(a => {
    const r = g.add(a, b)
    g.flagsAdd(size, a, b, r)
    old = a
    // Both registers may be one: the sum stays.
    if (!g.firstInMemory) g.write(1, a)
    return r
  }, { kind: AmoKind.ADD, operand: b })
  if (g.firstInMemory) g.write(1, old)
}
const cmpxchg: Lift = g => {
  const size = g.size(0), b = g.read(1), accumulator = g.register(Reg.AX, size)
  const expected = g.sext(accumulator, size)
  const finish = (old: Value, found: Value) => {
    g.flagsSub(size, expected, old, g.sub(expected, old))
    // The accumulator keeps its upper half where they were equal.
    if (size === 4) g.set(Reg.AX, g.select(found, g.get(Reg.AX), g.zext(old, 4)))
    else g.setRegister(Reg.AX, size, g.select(found, accumulator, old))
  }
  if (!g.firstInMemory) {
    const { rm } = g.i, a = g.register(rm, size), old = g.sext(a, size), found = g.eq(old, expected)
    finish(old, found)
    // A destination that was not equal keeps its upper half, too.
    if (size === 4) return g.set(rm, g.select(found, g.zext(b, 4), g.get(rm)))
    return g.write(0, g.select(found, b, a))
  }
  const p = g.memory(g.operand(0), size, true)
  if (g.i.lock) {
    const old = g.compareSwap(p, size, expected, b)
    return finish(old, g.eq(old, expected))
  }
  const old = g.loadAt(p, size, true, MemOp.UPDATE), found = g.eq(old, expected)
  g.storeAt(p, size, g.select(found, b, old))
  finish(old, found)
}
const cmpxchg8b: Lift = g => {
  const pair = (hi: number, lo: number) => g.or(g.shl(g.get(hi), g.imm(32)), g.zext(g.get(lo), 4))
  const p = g.memory(g.operand(0), 8, true), expected = pair(Reg.DX, Reg.AX), b = pair(Reg.CX, Reg.BX)
  let old: Value
  if (g.i.lock) old = g.compareSwap(p, 8, expected, b)
  else {
    old = g.loadAt(p, 8, true, MemOp.UPDATE)
    g.storeAt(p, 8, g.select(g.eq(old, expected), b, old))
  }
  const found = g.eq(old, expected)
  g.setExplicit(g.or(g.and(g.flagBits(), g.imm(~Flag.ZF)), g.shl(g.extendU(found), g.imm(6))))
  g.set(Reg.AX, g.select(found, g.get(Reg.AX), g.zext(old, 4)))
  g.set(Reg.DX, g.select(found, g.get(Reg.DX), g.shrU(old, g.imm(32))))
}

/** MUL and IMUL with one operand: the accumulator's double. */
const multiply = (signed: boolean): Lift => g => {
  const size = g.size(0), extend = (v: Value) => (signed ? g.sext(v, size) : g.zext(v, size))
  const b = extend(g.read(0, signed)), a = extend(g.register(Reg.AX, size))
  const lo = g.mul(a, b)
  const hi = size === 8 ? g.emit(signed ? op['mulh.ss'] : op['mulh.uu'], a, b) : g.shrS(lo, g.imm(8 * size))
  if (signed) g.flagsMul(size, a, b, lo)
  else {
    // Carry and overflow: the upper half says something.
    const more = g.ne(g.zext(hi, size), g.imm(0))
    g.flagsLogic(size, lo)
    g.setCarry(more)
    g.setOverflow(more)
  }
  if (size === 1) return g.setRegister(Reg.AX, 2, lo)
  g.setRegister(Reg.AX, size, lo)
  g.setRegister(Reg.DX, size, hi)
}
/** IMUL with two or three operands. */
const imul = (from: number, by: number): Lift => g => {
  const size = g.size(0), b = g.sext(g.read(by, true), size), a = g.sext(g.read(from, true), size), lo = g.mul(a, b)
  g.flagsMul(size, a, b, lo)
  g.write(0, lo)
}

// Divisions by rows that must not be folded: a zero divisor is guarded at run time only.
const divide = (g: Emit, row: 'i64.div_u' | 'i64.div_s' | 'i64.rem_u' | 'i64.rem_s', a: Value, b: Value): Value =>
  g.block.push(op[row], a, b, 0, 0, 0)

/** The dividend of the smaller divisions: DX:AX, EDX:EAX, or AX. */
const dividend = (g: Emit, size: number): Value =>
  size === 1 ? g.get(Reg.AX) : g.or(g.shl(g.get(Reg.DX), g.imm(8 * size)), g.zext(g.get(Reg.AX), size))

const div: Lift = g => {
  const size = g.size(0), d = g.zext(g.read(0), size)
  if (size === 8) {
    const hi = g.get(Reg.DX), lo = g.get(Reg.AX)
    g.faultIf(g.leU(d, hi), Vector.DE)
    const q = g.block.push(op['divw.u'], hi, lo, d, 0, 0)
    return quotient(g, size, q, g.sub(lo, g.mul(q, d)))
  }
  const n = g.zext(dividend(g, size), 2 * size)
  // The quotient fits if the upper half is less than the divisor.
  g.faultIf(g.leU(d, g.shrU(n, g.imm(8 * size))), Vector.DE)
  quotient(g, size, divide(g, 'i64.div_u', n, d), divide(g, 'i64.rem_u', n, d))
}
const idiv: Lift = g => {
  const size = g.size(0), d = g.sext(g.read(0, true), size)
  if (size === 8) return idivWide(g, d)
  const n = g.sext(dividend(g, size), 2 * size), most = g.i64(0, 0x80000000)
  g.faultIf(g.or(g.eqz(d), g.and(g.eq(n, most), g.eq(d, g.imm(-1)))), Vector.DE)
  const q = divide(g, 'i64.div_s', n, d)
  g.faultIf(g.ne(g.sext(q, size), q), Vector.DE)
  quotient(g, size, q, divide(g, 'i64.rem_s', n, d))
}
/** 128 by 64 bits: by magnitudes. */
function idivWide(g: Emit, d: Value): void {
  const hi = g.get(Reg.DX), lo = g.get(Reg.AX), negative = g.shrS(hi, g.imm(63)), negativeD = g.shrS(d, g.imm(63))
  const magnitude = (v: Value, mask: Value) => g.sub(g.xor(v, mask), mask)
  const low = magnitude(lo, negative), borrow = g.and(g.extendU(g.ne(lo, g.imm(0))), negative)
  const high = g.add(magnitude(hi, negative), g.sub(g.imm(0), g.and(borrow, g.imm(1)))), divisor = magnitude(d, negativeD)
  g.faultIf(g.leU(divisor, high), Vector.DE)
  const q = g.block.push(op['divw.u'], high, low, divisor, 0, 0), sign = g.xor(negative, negativeD)
  // At most 2^63 - 1, or 2^63 for a negative quotient.
  const most = g.sub(g.i64(-1, 0x7fffffff), sign)
  g.faultIf(g.gtU(q, most), Vector.DE)
  quotient(g, 8, magnitude(q, sign), magnitude(g.sub(low, g.mul(q, divisor)), negative))
}
function quotient(g: Emit, size: number, q: Value, r: Value): void {
  if (size === 1) return g.setRegister(Reg.AX, 2, g.or(g.zext(q, 1), g.shl(g.zext(r, 1), g.imm(8))))
  g.setRegister(Reg.AX, size, q)
  g.setRegister(Reg.DX, size, r)
}

// Decimal adjustments, after the manual's pseudocode.

const lowNibbleOver = (g: Emit): Value => {
  const over = g.gtU(g.and(g.get(Reg.AX), g.imm(15)), g.imm(9))
  return g.or(over, g.ne(g.auxiliary(), g.i32(0)))
}
/** Carry and auxiliary carry (i32: 0 or 1) as bits of EFLAGS. */
const carries = (g: Emit, carry: Value, auxiliary: Value): Value =>
  g.extendU(g.or(carry, g.shl(auxiliary, g.i32(4))))
/** DAA and DAS. */
const decimal = (add: boolean): Lift => g => {
  const al = g.zext(g.get(Reg.AX), 1), zero = g.imm(0), carry = g.carry()
  const low = lowNibbleOver(g), high = g.or(g.gtU(al, g.imm(0x99)), carry)
  const by = g.add(g.select(low, g.imm(6), zero), g.select(high, g.imm(0x60), zero))
  const r = add ? g.add(al, by) : g.sub(al, by)
  // DAS: the carry also comes from borrowing of the first step.
  const borrowed = g.and(low, g.ltU(al, g.imm(6)))
  g.setExplicit(g.or(carries(g, add ? high : g.or(high, borrowed), low), g.resultBits(1, r)))
  g.setRegister(Reg.AX, 1, r)
}
/** AAA and AAS. */
const ascii = (add: boolean): Lift => g => {
  const ax = g.get(Reg.AX), adjust = lowNibbleOver(g), by = g.select(adjust, g.imm(0x106), g.imm(0))
  const r = add ? g.add(ax, by) : g.sub(ax, by)
  g.setExplicit(carries(g, adjust, adjust))
  g.setRegister(Reg.AX, 2, g.and(r, g.imm(0xff0f)))
}
const aam: Lift = g => {
  const base = g.i.immLo, al = g.zext(g.get(Reg.AX), 1)
  if (base === 0) return g.fault(Vector.DE)
  const q = g.divU(al, g.imm(base)), r = g.remU(al, g.imm(base))
  g.flagsLogic(1, r)
  g.setRegister(Reg.AX, 2, g.or(g.shl(q, g.imm(8)), r))
}
const aad: Lift = g => {
  const ax = g.get(Reg.AX), ah = g.and(g.shrU(ax, g.imm(8)), g.imm(0xff))
  const r = g.zext(g.add(ax, g.mul(ah, g.imm(g.i.immLo))), 1)
  g.flagsLogic(1, r)
  g.setRegister(Reg.AX, 2, r)
}

const hex = (n: number) => n.toString(16).toUpperCase().padStart(2, '0')
/** The six forms of an operation on two operands, and the three with an immediate. */
export const twoOperands = (n: number, name: string, lift: Lift, more: RowOptions = {}): Row[] => {
  const lock = name === 'cmp' ? more : { ...more, lock: true }
  return [
    row(`${hex(8 * n)} /r`, `${name} Eb, Gb`, lift, lock),
    row(`${hex(8 * n + 1)} /r`, `${name} Ev, Gv`, lift, lock),
    row(`${hex(8 * n + 2)} /r`, `${name} Gb, Eb`, lift, more),
    row(`${hex(8 * n + 3)} /r`, `${name} Gv, Ev`, lift, more),
    row(`${hex(8 * n + 4)} ib`, `${name} al, Ib`, lift, more),
    row(`${hex(8 * n + 5)} iz`, `${name} rAX, Iz`, lift, more),
    row(`80 /${n} ib`, `${name} Eb, Ib`, lift, lock),
    row(`81 /${n} iz`, `${name} Ev, Iz`, lift, lock),
    row(`82 /${n} ib`, `${name} Eb, Ib`, lift, { ...lock, no64: true }),
    row(`83 /${n} ib`, `${name} Ev, Ibs`, lift, lock),
  ]
}

const LOCK = { lock: true }, NO64 = { no64: true }
const MUL = { undefined: 'sf zf af pf' }, DIV = { undefined: 'cf of sf zf af pf', observes: true }

export const arith: readonly Row[] = [
  ...twoOperands(0, 'add', add),
  ...twoOperands(2, 'adc', adc),
  ...twoOperands(3, 'sbb', sbb),
  ...twoOperands(5, 'sub', sub),
  ...twoOperands(7, 'cmp', cmp),
  row('40+r', 'inc Zv', step(1), NO64),
  row('48+r', 'dec Zv', step(-1), NO64),
  row('FE /0', 'inc Eb', step(1), LOCK),
  row('FE /1', 'dec Eb', step(-1), LOCK),
  row('FF /0', 'inc Ev', step(1), LOCK),
  row('FF /1', 'dec Ev', step(-1), LOCK),
  row('F6 /3', 'neg Eb', neg, LOCK),
  row('F7 /3', 'neg Ev', neg, LOCK),
  row('0F C0 /r', 'xadd Eb, Gb', xadd, LOCK),
  row('0F C1 /r', 'xadd Ev, Gv', xadd, LOCK),
  row('0F B0 /r', 'cmpxchg Eb, Gb', cmpxchg, LOCK),
  row('0F B1 /r', 'cmpxchg Ev, Gv', cmpxchg, LOCK),
  row('W0 0F C7 /1', 'cmpxchg8b Mq', cmpxchg8b, LOCK),
  row('F6 /4', 'mul Eb', multiply(false), MUL),
  row('F7 /4', 'mul Ev', multiply(false), MUL),
  row('F6 /5', 'imul Eb', multiply(true), MUL),
  row('F7 /5', 'imul Ev', multiply(true), MUL),
  row('0F AF /r', 'imul Gv, Ev', imul(0, 1), MUL),
  row('69 /r iz', 'imul Gv, Ev, Iz', imul(1, 2), MUL),
  row('6B /r ib', 'imul Gv, Ev, Ibs', imul(1, 2), MUL),
  row('F6 /6', 'div Eb', div, DIV),
  row('F7 /6', 'div Ev', div, DIV),
  row('F6 /7', 'idiv Eb', idiv, DIV),
  row('F7 /7', 'idiv Ev', idiv, DIV),
  row('27', 'daa', decimal(true), { no64: true, undefined: 'of' }),
  row('2F', 'das', decimal(false), { no64: true, undefined: 'of' }),
  row('37', 'aaa', ascii(true), { no64: true, undefined: 'of sf zf pf' }),
  row('3F', 'aas', ascii(false), { no64: true, undefined: 'of sf zf pf' }),
  row('D4 ib', 'aam Ib', aam, { no64: true, undefined: 'of af cf' }),
  row('D5 ib', 'aad Ib', aad, { no64: true, undefined: 'of af cf' }),
]
