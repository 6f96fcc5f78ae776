// Bitwise logic. Intel SDM volume 1, 7.3.5. The auxiliary carry, which the manual leaves undefined, is cleared as processors do.
import type { Value } from '../../ir/build.ts'
import { AmoKind } from '../../ir/ops.ts'
import { twoOperands } from './arith.insn.ts'
import type { Emit } from './emit.ts'
import { type Lift, row, type Row } from './row.ts'

const logic = (kind: number, op: (g: Emit, a: Value, b: Value) => Value): Lift => g => {
  const b = g.read(1, true), size = g.size(0)
  g.modify(a => {
    const r = op(g, a, b)
    g.flagsLogic(size, r)
    return r
  }, { kind, operand: b })
}
const and = logic(AmoKind.AND, (g, a, b) => g.and(a, b))
const or = logic(AmoKind.OR, (g, a, b) => g.or(a, b))
const exclusive = logic(AmoKind.XOR, (g, a, b) => g.xor(a, b))
/** XOR of a register with itself is how programs make zeroes. */
const xor: Lift = g => {
  const { i } = g, size = g.size(0)
  const same = g.operand(1).kind !== 'I' && !i.memory && i.reg === i.rm && size >= 4
  if (!same) return exclusive(g)
  const zero = g.imm(0)
  g.flagsLogic(size, zero)
  g.set(i.rm, zero)
}
const test: Lift = g => {
  const a = g.read(0, true), b = g.read(1, true)
  g.flagsLogic(g.size(0), a === b ? a : g.and(a, b))
}
const not: Lift = g => {
  const ones = g.imm(-1)
  g.modify(a => g.xor(a, ones), { kind: AmoKind.XOR, operand: ones })
}

const AF = { undefined: 'af' }, LOCK = { lock: true }

export const logicRows: readonly Row[] = [
  ...twoOperands(1, 'or', or, AF),
  ...twoOperands(4, 'and', and, AF),
  ...twoOperands(6, 'xor', xor, AF),
  row('84 /r', 'test Eb, Gb', test, AF),
  row('85 /r', 'test Ev, Gv', test, AF),
  row('A8 ib', 'test al, Ib', test, AF),
  row('A9 iz', 'test rAX, Iz', test, AF),
  row('F6 /0 ib', 'test Eb, Ib', test, AF),
  row('F7 /0 iz', 'test Ev, Iz', test, AF),
  row('F6 /1 ib', 'test Eb, Ib', test, AF),
  row('F7 /1 iz', 'test Ev, Iz', test, AF),
  row('F6 /2', 'not Eb', not, LOCK),
  row('F7 /2', 'not Ev', not, LOCK),
]
