// Shifts and rotates. Intel SDM volume 1, 7.3.6. A count of 0 leaves the flags alone. OF is defined for a count of 1 only.
import type { Value } from '../../ir/build.ts'
import type { Emit } from './emit.ts'
import { type Lift, row, type Row } from './row.ts'

type Result = { readonly r: Value; /** An i32: 0 or 1. */ readonly carry: Value; /** The same, in bit 63. */ readonly overflow: Value }
/** `a` by `c`, which is not 0; both are 64 bits wide, `a` with any bits beyond its size. */
type Shift = (g: Emit, a: Value, c: Value, size: number) => Result

const bitAt = (g: Emit, v: Value, at: Value): Value => g.and(g.wrap(g.shrU(v, at)), g.i32(1))
const top = (g: Emit, carry: Value): Value => g.shl(g.extendU(carry), g.imm(63))
/** Bit 63: the top bit of a result differs from the carry. */
const topOrCarry = (g: Emit, r: Value, size: number, carry: Value): Value => g.xor(g.sext(r, size), top(g, carry))
/** Bit 63: the two top bits of a result differ. */
const topTwo = (g: Emit, r: Value, size: number): Value => {
  const s = g.sext(r, size)
  return g.xor(s, g.shl(s, g.imm(1 + 64 - 8 * size)))
}

const shl: Shift = (g, a, c, size) => {
  const r = g.shl(size === 8 ? a : g.zext(a, size), c)
  const carry = size === 8 ? bitAt(g, a, g.sub(g.imm(64), c)) : bitAt(g, r, g.imm(8 * size))
  return { r, carry, overflow: topOrCarry(g, r, size, carry) }
}
const shr: Shift = (g, a, c, size) => {
  const v = g.zext(a, size)
  return { r: g.shrU(v, c), carry: bitAt(g, v, g.sub(c, g.imm(1))), overflow: g.sext(a, size) }
}
const sar: Shift = (g, a, c, size) => {
  const v = g.sext(a, size)
  return { r: g.shrS(v, c), carry: bitAt(g, g.shrS(v, g.sub(c, g.imm(1))), g.imm(0)), overflow: g.imm(0) }
}
const rotated = (g: Emit, a: Value, c: Value, size: number, left: boolean): Value => {
  if (size === 8) return left ? g.rotl(a, c) : g.rotr(a, c)
  if (size === 4) return g.extendU(left ? g.rotl(g.wrap(a), g.wrap(c)) : g.rotr(g.wrap(a), g.wrap(c)))
  const bits = 8 * size, v = g.zext(a, size), k = g.and(c, g.imm(bits - 1)), back = g.sub(g.imm(bits), k)
  return left ? g.or(g.shl(v, k), g.shrU(v, back)) : g.or(g.shrU(v, k), g.shl(v, back))
}
const rol: Shift = (g, a, c, size) => {
  const r = rotated(g, a, c, size, true), carry = bitAt(g, r, g.imm(0))
  return { r, carry, overflow: topOrCarry(g, r, size, carry) }
}
const ror: Shift = (g, a, c, size) => {
  const r = rotated(g, a, c, size, false)
  return { r, carry: bitAt(g, r, g.imm(8 * size - 1)), overflow: topTwo(g, r, size) }
}
/** The count of a rotation through the carry: modulo one more than the size. */
const modulo = (g: Emit, c: Value, size: number): Value => (size >= 4 ? c : g.remU(c, g.imm(8 * size + 1)))
const rcl: Shift = (g, a, count, size) => {
  const bits = 8 * size, c = modulo(g, count, size), old = g.extendU(g.carry())
  let r: Value, carry: Value
  if (size === 8) {
    const back = g.sub(g.imm(64), c)
    r = g.or(g.or(g.shl(a, c), g.shl(old, g.sub(c, g.imm(1)))), g.shrU(g.shrU(a, g.imm(1)), back))
    carry = bitAt(g, a, back)
  } else {
    const x = g.or(g.zext(a, size), g.shl(old, g.imm(bits)))
    r = g.or(g.shl(x, c), g.shrU(x, g.sub(g.imm(bits + 1), c)))
    carry = bitAt(g, r, g.imm(bits))
  }
  return { r, carry, overflow: topOrCarry(g, r, size, carry) }
}
const rcr: Shift = (g, a, count, size) => {
  const bits = 8 * size, c = modulo(g, count, size), old = g.extendU(g.carry())
  let r: Value, carry: Value
  if (size === 8) {
    const back = g.sub(g.imm(64), c)
    r = g.or(g.or(g.shrU(a, c), g.shl(old, back)), g.shl(g.shl(a, g.imm(1)), back))
    carry = bitAt(g, a, g.sub(c, g.imm(1)))
  } else {
    const x = g.or(g.zext(a, size), g.shl(old, g.imm(bits)))
    r = g.or(g.shrU(x, c), g.shl(x, g.sub(g.imm(bits + 1), c)))
    carry = bitAt(g, r, g.imm(bits))
  }
  return { r, carry, overflow: topTwo(g, r, size) }
}

/** Operand 0 shifted by operand `k`; rotates leave zero, sign and parity alone. */
function shiftBy(g: Emit, shift: Shift, k: number, rotate: boolean): void {
  const size = g.size(0), { kind } = g.operand(k), most = size === 8 ? 63 : 31
  if (kind !== 'fixed') {
    const n = kind === 'one' ? 1 : g.i.immLo & most, count = g.imm(n)
    if (n === 0) return g.modify(a => a)
    return g.modify(a => {
      const { r, carry, overflow } = shift(g, a, count, size)
      if (!rotate) g.flagsLogic(size, r)
      g.setCarry(carry)
      if (n === 1) g.setOverflow(g.wrap(g.shrU(overflow, g.imm(63))))
      return r
    })
  }
  const count = g.and(g.read(k), g.imm(most)), some = g.ne(count, g.imm(0))
  g.modify(a => {
    const { r, carry, overflow } = shift(g, a, count, size)
    g.setIf(some, () => {
      if (!rotate) g.flagsLogic(size, r)
      g.setCarry(carry)
      g.setOverflow(g.wrap(g.shrU(overflow, g.imm(63))))
    })
    return g.select(some, r, a)
  })
}
const shiftRow = (shift: Shift, rotate: boolean): Lift => g => shiftBy(g, shift, 1, rotate)

/** Shifts of operand 0 that take the bits which come in from operand 1. Counts beyond 16 of 16-bit operands, which the
 * manual leaves undefined, go on with operand 0. */
const double = (left: boolean): Shift => (g, a, c, size) => {
  const b = g.read(1)
  let r: Value
  if (size === 8) {
    const back = g.sub(g.imm(63), c), one = g.imm(1)
    r = left ? g.or(g.shl(a, c), g.shrU(g.shrU(b, one), back)) : g.or(g.shrU(a, c), g.shl(g.shl(b, one), back))
  } else {
    const by = g.imm(8 * size), low = g.zext(a, size), other = g.zext(b, size)
    if (size === 4) r = left ? g.shrU(g.shl(g.or(g.shl(low, by), other), c), by) : g.shrU(g.or(g.shl(other, by), low), c)
    else {
      const around = g.or(g.or(g.shl(low, g.imm(32)), g.shl(other, by)), low)
      r = left ? g.shrU(g.shl(around, c), g.imm(32)) : g.shrU(around, c)
    }
  }
  const v = size === 8 ? a : g.zext(a, size)
  const carry = left ? bitAt(g, size === 2 ? g.or(g.shl(v, g.imm(16)), g.zext(b, 2)) : v, g.sub(g.imm(size === 2 ? 32 : 8 * size), c))
    : bitAt(g, size === 2 ? g.or(g.shl(g.zext(b, 2), g.imm(16)), v) : v, g.sub(c, g.imm(1)))
  return { r, carry, overflow: g.xor(g.sext(r, size), g.sext(a, size)) }
}
const doubleRow = (left: boolean): Lift => g => shiftBy(g, double(left), 2, false)

const UNDEFINED = { undefined: 'af' }
const group: readonly [number, string, Lift, { undefined?: string }][] = [
  [0, 'rol', shiftRow(rol, true), {}],
  [1, 'ror', shiftRow(ror, true), {}],
  [2, 'rcl', shiftRow(rcl, true), {}],
  [3, 'rcr', shiftRow(rcr, true), {}],
  [4, 'shl', shiftRow(shl, false), UNDEFINED],
  [5, 'shr', shiftRow(shr, false), UNDEFINED],
  [6, 'shl', shiftRow(shl, false), UNDEFINED],
  [7, 'sar', shiftRow(sar, false), UNDEFINED],
]
const OF = (o: { undefined?: string }) => ({ undefined: `of ${o.undefined ?? ''}` })

export const shifts: readonly Row[] = [
  ...group.flatMap(([n, name, lift, options]) => [
    row(`C0 /${n} ib`, `${name} Eb, Ib`, lift, OF(options)),
    row(`C1 /${n} ib`, `${name} Ev, Ib`, lift, OF(options)),
    row(`D0 /${n}`, `${name} Eb, 1`, lift, options),
    row(`D1 /${n}`, `${name} Ev, 1`, lift, options),
    row(`D2 /${n}`, `${name} Eb, cl`, lift, OF(options)),
    row(`D3 /${n}`, `${name} Ev, cl`, lift, OF(options)),
  ]),
  row('0F A4 /r ib', 'shld Ev, Gv, Ib', doubleRow(true), OF(UNDEFINED)),
  row('0F A5 /r', 'shld Ev, Gv, cl', doubleRow(true), OF(UNDEFINED)),
  row('0F AC /r ib', 'shrd Ev, Gv, Ib', doubleRow(false), OF(UNDEFINED)),
  row('0F AD /r', 'shrd Ev, Gv, cl', doubleRow(false), OF(UNDEFINED)),
]
