// Bits: tests, scans, counts, and the BMI1, BMI2 and ADX extensions, CRC32. Intel SDM volume 1, 7.3.7, and volume 2.
import type { Value } from '../../ir/build.ts'
import { AmoKind, op } from '../../ir/ops.ts'
import { Call, Reg } from './cpu.ts'
import type { Emit } from './emit.ts'
import { type Lift, row, type Row } from './row.ts'

/** BT and its relatives. With a register as index the bit may lie anywhere in memory. */
const bitTest = (change: 'none' | 'set' | 'reset' | 'complement'): Lift => g => {
  const size = g.size(0), bits = 8 * size
  let index: Value
  if (g.operand(1).kind === 'I') index = g.imm(g.i.immLo & (bits - 1))
  else {
    const whole = g.sext(g.read(1), size)
    index = g.and(whole, g.imm(bits - 1))
    if (g.firstInMemory) g.displaced = g.shl(g.shrS(whole, g.imm(Math.log2(bits))), g.imm(Math.log2(size)))
  }
  const carry = (old: Value) => g.setCarry(g.and(g.wrap(g.shrU(old, index)), g.i32(1)))
  if (change === 'none') return carry(g.read(0))
  const bit = g.shl(g.imm(1), index), others = g.xor(bit, g.imm(-1))
  g.modify(old => {
    carry(old)
    return change === 'set' ? g.or(old, bit) : change === 'reset' ? g.and(old, others) : g.xor(old, bit)
  }, change === 'set' ? { kind: AmoKind.OR, operand: bit }
    : change === 'reset' ? { kind: AmoKind.AND, operand: others } : { kind: AmoKind.XOR, operand: bit })
}

/** Leading zeroes of a value that is zero-extended from a size. */
const leading = (g: Emit, v: Value, size: number): Value => g.sub(g.clz(v), g.imm(64 - 8 * size))
/** BSF and BSR: of zero they leave the destination as it is. */
const scan = (forward: boolean): Lift => g => {
  const size = g.size(0), v = g.zext(g.read(1), size), found = g.ne(v, g.imm(0))
  const n = forward ? g.ctz(v) : g.sub(g.imm(63), g.clz(v))
  g.flagsLogic(8, v)
  if (size === 4) g.set(g.i.reg, g.select(found, n, g.get(g.i.reg)))
  else g.write(0, g.select(found, n, g.read(0)))
}
const count = (trailing: boolean): Lift => g => {
  const size = g.size(0), v = g.zext(g.read(1), size)
  const n = trailing ? g.ctz(size === 8 ? v : g.or(v, g.big(1n << BigInt(8 * size)))) : leading(g, v, size)
  g.flagsLogic(8, n)
  g.setCarry(g.eqz(v))
  g.write(0, n)
}
const popcnt: Lift = g => {
  const size = g.size(0), v = g.zext(g.read(1), size)
  g.setExplicit(g.shl(g.extendU(g.eqz(v)), g.imm(6)))
  g.write(0, g.popcnt(v))
}

// BMI. Results set zero and sign, clear overflow; the carry is the instruction's own.

const result = (g: Emit, r: Value, carry: Value): void => {
  const size = g.size(0)
  g.flagsLogic(size, r)
  g.setCarry(carry)
  g.write(0, r)
}
const andn: Lift = g => result(g, g.and(g.xor(g.read(1), g.imm(-1)), g.read(2)), g.i32(0))
const lowest = (make: (g: Emit, v: Value) => Value, carryIfZero: boolean): Lift => g => {
  const size = g.size(0), v = g.zext(g.read(1), size), zero = g.eqz(v)
  result(g, make(g, v), carryIfZero ? zero : g.eqz(zero))
}
const blsi = lowest((g, v) => g.and(v, g.sub(g.imm(0), v)), false)
const blsr = lowest((g, v) => g.and(v, g.sub(v, g.imm(1))), true)
const blsmsk = lowest((g, v) => g.xor(v, g.sub(v, g.imm(1))), true)
/** The low `n` bits (a count from 0 up): all where it is 64 or more. */
const lowMask = (g: Emit, n: Value): Value => {
  const mask = g.sub(g.shl(g.imm(1), n), g.imm(1))
  return g.select(g.gtU(n, g.imm(63)), g.imm(-1), mask)
}
const bextr: Lift = g => {
  const size = g.size(0), control = g.read(2), start = g.zext(control, 1), length = g.zext(g.shrU(control, g.imm(8)), 1)
  const v = g.zext(g.read(1), size)
  const shifted = g.select(g.gtU(start, g.imm(63)), g.imm(0), g.shrU(v, start))
  result(g, g.and(shifted, lowMask(g, length)), g.i32(0))
}
const bzhi: Lift = g => {
  const size = g.size(0), n = g.zext(g.read(2), 1), beyond = g.gtU(n, g.imm(8 * size - 1))
  result(g, g.and(g.read(1), lowMask(g, n)), beyond)
}
const mulx: Lift = g => {
  const size = g.size(0), a = g.zext(g.get(Reg.DX), size), b = g.zext(g.read(2), size), lo = g.mul(a, b)
  const hi = size === 8 ? g.emit(op['mulh.uu'], a, b) : g.shrU(lo, g.imm(32))
  g.write(1, lo)
  g.write(0, hi)
}
const parallel = (helper: number): Lift => g => {
  const size = g.size(0)
  g.write(0, g.call(helper, g.zext(g.read(1), size), g.zext(g.read(2), size)))
}
const rorx: Lift = g => {
  const size = g.size(0), v = g.read(1), n = g.i.immLo
  g.write(0, size === 8 ? g.rotr(v, g.imm(n)) : g.extendU(g.rotr(g.wrap(v), g.i32(n))))
}
const shiftx = (make: (g: Emit, v: Value, n: Value, size: number) => Value): Lift => g => {
  const size = g.size(0), v = g.read(1)
  g.write(0, make(g, v, g.and(g.read(2), g.imm(size === 8 ? 63 : 31)), size))
}
/** ADCX and ADOX: additions through the carry or the overflow flag alone. */
const addThrough = (flag: 'cf' | 'of'): Lift => g => {
  const size = g.size(0), a = g.zext(g.read(0), size), b = g.zext(g.read(1), size)
  const old = g.extendU(flag === 'cf' ? g.carry() : g.overflow())
  const sum = g.add(a, b), r = g.add(sum, old)
  const carry = size === 8 ? g.or(g.ltU(sum, a), g.ltU(r, sum)) : g.wrap(g.shrU(r, g.imm(32)))
  if (flag === 'cf') g.setCarry(carry)
  else g.setOverflow(carry)
  g.write(0, r)
}
const crc32: Lift = g => {
  const bytes = g.size(1), given = g.read(1), old = g.zext(g.get(g.i.reg), 4), free = g.imm(64 - 8 * bytes)
  // Fewer bits are the last of 64.
  const r = g.emit(op.crc32c, g.shl(g.xor(given, old), free))
  g.write(0, bytes < 4 ? g.xor(r, g.shrU(old, g.imm(8 * bytes))) : r)
}

const BT = { undefined: 'of sf af pf' }, SCAN = { undefined: 'cf of sf af pf' }, COUNT = { undefined: 'of sf af pf' }
const BMI = { undefined: 'af pf', protected: true }, LOCKED = { ...BT, lock: true }
const PROTECTED = { protected: true }

const tests: readonly [string, number, Lift, object][] = [
  ['bt', 4, bitTest('none'), BT], ['bts', 5, bitTest('set'), LOCKED], ['btr', 6, bitTest('reset'), LOCKED],
  ['btc', 7, bitTest('complement'), LOCKED],
]

export const bits: readonly Row[] = [
  ...tests.flatMap(([name, n, lift, options]) => [
    row(`0F ${(0x83 + 8 * n).toString(16).toUpperCase()} /r`, `${name} Ev, Gv`, lift, options),
    row(`0F BA /${n} ib`, `${name} Ev, Ib`, lift, options),
  ]),
  row('0F BC /r', 'bsf Gv, Ev', scan(true), SCAN),
  row('0F BD /r', 'bsr Gv, Ev', scan(false), SCAN),
  row('F3 0F BC /r', 'tzcnt Gv, Ev', count(true), COUNT),
  row('F3 0F BD /r', 'lzcnt Gv, Ev', count(false), COUNT),
  row('F3 0F B8 /r', 'popcnt Gv, Ev', popcnt),
  row('VEX.LZ.NP.0F38 F2 /r', 'andn Gy, By, Ey', andn, BMI),
  row('VEX.LZ.NP.0F38 F3 /1', 'blsr By, Ey', blsr, BMI),
  row('VEX.LZ.NP.0F38 F3 /2', 'blsmsk By, Ey', blsmsk, BMI),
  row('VEX.LZ.NP.0F38 F3 /3', 'blsi By, Ey', blsi, BMI),
  row('VEX.LZ.NP.0F38 F7 /r', 'bextr Gy, Ey, By', bextr, { undefined: 'af sf pf', protected: true }),
  row('VEX.LZ.NP.0F38 F5 /r', 'bzhi Gy, Ey, By', bzhi, BMI),
  row('VEX.LZ.F2.0F38 F6 /r', 'mulx Gy, By, Ey', mulx, PROTECTED),
  row('VEX.LZ.F2.0F38 F5 /r', 'pdep Gy, By, Ey', parallel(Call.PDEP), PROTECTED),
  row('VEX.LZ.F3.0F38 F5 /r', 'pext Gy, By, Ey', parallel(Call.PEXT), PROTECTED),
  row('VEX.LZ.F2.0F3A F0 /r ib', 'rorx Gy, Ey, Ib', rorx, PROTECTED),
  row('VEX.LZ.F3.0F38 F7 /r', 'sarx Gy, Ey, By', shiftx((g, v, n, size) => g.shrS(g.sext(v, size), n)), PROTECTED),
  row('VEX.LZ.66.0F38 F7 /r', 'shlx Gy, Ey, By', shiftx((g, v, n) => g.shl(v, n)), PROTECTED),
  row('VEX.LZ.F2.0F38 F7 /r', 'shrx Gy, Ey, By', shiftx((g, v, n, size) => g.shrU(g.zext(v, size), n)), PROTECTED),
  row('66 0F 38 F6 /r', 'adcx Gy, Ey', addThrough('cf')),
  row('F3 0F 38 F6 /r', 'adox Gy, Ey', addThrough('of')),
  row('F2 0F 38 F0 /r', 'crc32 Gy, Eb', crc32),
  row('F2 0F 38 F1 /r', 'crc32 Gy, Ev', crc32),
]
