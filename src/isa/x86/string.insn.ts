// String instructions. Intel SDM volume 1, 7.3.9. One pass of the code is one iteration; with REP it jumps back to itself, so
// that it can be interrupted between iterations, with all registers as they are then. A count of 0 leaves at once.
import type { Value } from '../../ir/build.ts'
import { cpuLayout, Flag, Reg, System } from './cpu.ts'
import type { Emit } from './emit.ts'
import { Condition } from './flags.ts'
import { type Lift, row, type Row } from './row.ts'

/** How far an iteration goes: the size, negative with DF. */
const delta = (g: Emit, bytes: number): Value => {
  const down = g.and(g.extendU(g.shrU(g.field(cpuLayout.offsets.eflags, 'i'), g.i32(10))), g.imm(1))
  return g.sub(g.imm(bytes), g.shl(down, g.imm(Math.log2(bytes) + 1)))
}
const advance = (g: Emit, by: Value, ...registers: number[]): void => {
  for (const n of registers) g.setRegister(n, g.i.addressSize, g.add(g.get(n), by))
}

/** The body is one iteration. `compares`: REPE and REPNE end with ZF; else both prefixes are REP. `several` does as many
 * iterations at once as it can and says how many, where it may. */
const repeated = (body: Lift, compares: boolean, several?: (g: Emit, count: Value) => Value): Lift => g => {
  const { i } = g
  if (i.rep === 0) return body(g)
  const count = repeatCount(g)
  g.leaveIf(g.eqz(count), System.SKIP, i.length)
  let done = g.imm(1)
  if (several && g.stringsAreFlat) {
    const down = g.ne(g.and(g.field(cpuLayout.offsets.eflags, 'i'), g.i32(Flag.DF)), g.i32(0))
    done = several(g, g.select(down, g.imm(1), count))
  } else body(g)
  const left = g.sub(g.zext(g.get(Reg.CX), i.addressSize), done)
  g.setRegister(Reg.CX, i.addressSize, left)
  let again = g.ne(g.zext(left, i.addressSize), g.imm(0))
  if (compares) again = g.and(again, g.condition(i.rep === 2 ? Condition.E : Condition.E | 1))
  g.branch(again, 0)
}
/** The count of a REP, of the address size. */
export const repeatCount = (g: Emit): Value => g.zext(g.get(Reg.CX), g.i.addressSize)

const movs: Lift = g => {
  const bytes = g.size(0), by = delta(g, bytes)
  const source = g.stringPlace(Reg.SI, bytes, false), destination = g.stringPlace(Reg.DI, bytes, true)
  g.storeAt(destination, bytes, g.loadAt(source, bytes))
  advance(g, by, Reg.SI, Reg.DI)
}
const moveSeveral = (g: Emit, count: Value): Value => {
  const bytes = g.size(0), by = delta(g, bytes)
  const from = g.stringPlace(Reg.SI, bytes, false).at, done = g.copy(Math.log2(bytes), g.stringPlace(Reg.DI, bytes, true).at, from, count)
  advance(g, g.mul(by, done), Reg.SI, Reg.DI)
  return done
}
const storeSeveral = (g: Emit, count: Value): Value => {
  const bytes = g.size(0), by = delta(g, bytes), done = g.fill(Math.log2(bytes), g.stringPlace(Reg.DI, bytes, true).at, g.get(Reg.AX), count)
  advance(g, g.mul(by, done), Reg.DI)
  return done
}
const stos: Lift = g => {
  const bytes = g.size(0), by = delta(g, bytes)
  g.storeAt(g.stringPlace(Reg.DI, bytes, true), bytes, g.get(Reg.AX))
  advance(g, by, Reg.DI)
}
const lods: Lift = g => {
  const bytes = g.size(1), by = delta(g, bytes), v = g.loadAt(g.stringPlace(Reg.SI, bytes, false), bytes)
  advance(g, by, Reg.SI)
  g.setRegister(Reg.AX, bytes, v)
}
const cmps: Lift = g => {
  const bytes = g.size(0), by = delta(g, bytes)
  // Segments are checked first. Of two page faults processors report the second operand's, mostly.
  const source = g.stringPlace(Reg.SI, bytes, false), destination = g.stringPlace(Reg.DI, bytes, false)
  const b = g.loadAt(destination, bytes, true), a = g.loadAt(source, bytes, true)
  g.flagsSub(bytes, a, b, g.sub(a, b))
  advance(g, by, Reg.SI, Reg.DI)
}
const scas: Lift = g => {
  const bytes = g.size(0), by = delta(g, bytes)
  const b = g.loadAt(g.stringPlace(Reg.DI, bytes, false), bytes, true), a = g.sext(g.get(Reg.AX), bytes)
  g.flagsSub(bytes, a, b, g.sub(a, b))
  advance(g, by, Reg.DI)
}

const REP = { string: true }
const both = (opcode: number, syntax: (letter: string) => string, lift: Lift): Row[] => [
  row(opcode.toString(16).toUpperCase(), syntax('b'), lift, REP),
  row((opcode + 1).toString(16).toUpperCase(), syntax('v'), lift, REP),
]
const accumulator = (letter: string) => (letter === 'b' ? 'al' : 'rAX')

export const strings: readonly Row[] = [
  ...both(0xa4, s => `movs Y${s}, X${s}`, repeated(movs, false, moveSeveral)),
  ...both(0xa6, s => `cmps X${s}, Y${s}`, repeated(cmps, true)),
  ...both(0xaa, s => `stos Y${s}, ${accumulator(s)}`, repeated(stos, false, storeSeveral)),
  ...both(0xac, s => `lods ${accumulator(s)}, X${s}`, repeated(lods, false)),
  ...both(0xae, s => `scas ${accumulator(s)}, Y${s}`, repeated(scas, true)),
  row('6C', 'ins Yb, dx', g => g.helper('INS'), REP),
  row('6D', 'ins Yz, dx', g => g.helper('INS'), REP),
  row('6E', 'outs dx, Xb', g => g.helper('OUTS'), REP),
  row('6F', 'outs dx, Xz', g => g.helper('OUTS'), REP),
]
