// SSE, SSE2, SSE3: floating point in vectors. Exceptions are noted in MXCSR as the lanes are computed, one after the other, and
// taken before the destination is written. Intel SDM volume 1, 10.4-10.5, 11.4-11.5, 12.3.
//
// Not modelled: the denormal-operand flag of operations whose result is a normal number, while MXCSR is as systems set it.
import type { Value } from '../../ir/build.ts'
import { FpEnv } from '../../ir/ops.ts'
import { Call, Mode } from './cpu.ts'
import type { Emit } from './emit.ts'
import { type Lift, row as plainRow, type Row } from './row.ts'
import {
  checkExceptions, environment, fields, low, mmx, permute, setMm, setXmm, source, source64, sourceFloat, sourceMm, sse, truncating, unpack, xmm,
} from './vector.ts'

type Lanes = 'ps' | 'pd' | 'ss' | 'sd'
const isDouble = (lanes: Lanes): boolean => lanes.endsWith('d')
type Operation = (g: Emit, double: boolean, a: Value, b: Value) => Value

// Lanes of a vector as numbers, and back.

const float = (g: Emit, bits64: Value): Value => g.row('f32.reinterpret_i32', g.wrap(bits64))
const bitsOf = (g: Emit, f: Value): Value => g.extendU(g.row('i32.reinterpret_f32', f))
export function splitLanes(g: Emit, v: Value, double: boolean): Value[] {
  if (double) return [g.row('v.d', v), g.row('f64.reinterpret_i64', g.row('v.hi', v))]
  const lo = g.row('v.lo', v), hi = g.row('v.hi', v), upper = (x: Value) => float(g, g.shrU(x, g.imm(32)))
  return [float(g, lo), upper(lo), float(g, hi), upper(hi)]
}
const pair = (g: Emit, a: Value, b: Value): Value => g.or(g.zext(a, 4), g.shl(b, g.imm(32)))
export function joinLanes(g: Emit, lanes: readonly Value[]): Value {
  if (lanes.length === 2) return g.row('v.make', g.row('i64.reinterpret_f64', lanes[0]!), g.row('i64.reinterpret_f64', lanes[1]!))
  const b = lanes.map(l => bitsOf(g, l))
  return g.row('v.make', pair(g, b[0]!, b[1]!), pair(g, b[2]!, b[3]!))
}
const withLowest = (g: Emit, v: Value, f: Value, double: boolean): Value => g.row(double ? 'v.setd' : 'v.setf', v, f)

/** Destination and source, lane by lane or the lowest only. */
const binary = (f: Operation) => (lanes: Lanes): Lift => sse(g => {
  const { reg } = g.i, double = isDouble(lanes)
  if (lanes.startsWith('s')) {
    const b = sourceFloat(g, 1, double), old = xmm(g, reg), r = f(g, double, g.row(double ? 'v.d' : 'v.f', old), b)
    checkExceptions(g)
    return setXmm(g, reg, withLowest(g, old, r, double))
  }
  const b = splitLanes(g, source(g, 1), double), r = splitLanes(g, xmm(g, reg), double).map((x, i) => f(g, double, x, b[i]!))
  checkExceptions(g)
  setXmm(g, reg, joinLanes(g, r))
})
const unary = (f: (g: Emit, double: boolean, a: Value) => Value) => binary((g, double, _a, b) => f(g, double, b))

const w = (double: boolean) => (double ? 'd' : 's')
const arithmetic = (name: 'fadd' | 'fsub' | 'fmul' | 'fdiv'): Operation => (g, double, a, b) => g.fp(`${name}.${w(double)}`, environment(g), a, b)
const sqrt = (g: Emit, double: boolean, a: Value): Value => g.fp(`fsqrt.${w(double)}`, environment(g), a)
/** The second operand wherever the first is not the smaller (or greater) one: with NaNs and equal zeros too. */
const extreme = (less: boolean): Operation => (g, double, a, b) => {
  if (g.mode & Mode.MXCSR_ODD) return g.fp(`${less ? 'fmin' : 'fmax'}.${w(double)}`, environment(g), a, b)
  const first = g.fp(`flt.${w(double)}`, environment(g), less ? a : b, less ? b : a)
  if (double) return g.row('f64.reinterpret_i64', g.select(first, g.row('i64.reinterpret_f64', a), g.row('i64.reinterpret_f64', b)))
  return g.row('f32.reinterpret_i32', g.select(first, g.row('i32.reinterpret_f32', a), g.row('i32.reinterpret_f32', b)))
}
/** An approximation that raises nothing. */
const approximate = (helper: number) => unary((g, _double, a) => float(g, g.call(helper, bitsOf(g, a))))

// Comparison.

/** The eight predicates: equal, less, less or equal, unordered, and their opposites. */
function compare(g: Emit, double: boolean, predicate: number, a: Value, b: Value): Value {
  const env = environment(g), suffix = w(double), not = (v: Value) => g.eqz(v)
  let v: Value
  switch (predicate & 3) {
    case 0: v = g.fp(`feq.${suffix}`, env, a, b); break
    case 1: v = g.fp(`flt.${suffix}`, env, a, b); break
    case 2: v = g.fp(`fle.${suffix}`, env, a, b); break
    default: v = not(g.or(g.or(g.fp(`fltq.${suffix}`, env, a, b), g.fp(`fltq.${suffix}`, env, b, a)), g.fp(`feq.${suffix}`, env, a, b)))
  }
  return predicate & 4 ? not(v) : v
}
const comparison = (lanes: Lanes): Lift => sse(g => {
  const { reg } = g.i, double = isDouble(lanes), predicate = g.i.immLo & 7
  const mask = (a: Value, b: Value) => g.sub(g.imm(0), g.extendU(compare(g, double, predicate, a, b)))
  if (lanes.startsWith('s')) {
    const b = sourceFloat(g, 1, double), old = xmm(g, reg), m = mask(g.row(double ? 'v.d' : 'v.f', old), b)
    checkExceptions(g)
    return setXmm(g, reg, double ? g.row('v.setlo', old, m) : g.row('v.setf', old, float(g, m)))
  }
  const b = splitLanes(g, source(g, 1), double), m = splitLanes(g, xmm(g, reg), double).map((x, i) => mask(x, b[i]!))
  checkExceptions(g)
  setXmm(g, reg, double ? g.row('v.make', m[0]!, m[1]!) : g.row('v.make', pair(g, m[0]!, m[1]!), pair(g, m[2]!, m[3]!)))
})
/** COMISD and UCOMISD, which is invalid for signaling NaNs only. */
const compareFlags = (double: boolean, quiet: boolean): Lift => sse(g => {
  const b = sourceFloat(g, 1, double), a = g.row(double ? 'v.d' : 'v.f', xmm(g, g.i.reg)), env = environment(g), suffix = w(double)
  const less = g.fp(`${quiet ? 'fltq' : 'flt'}.${suffix}`, env, a, b), greater = g.fp(`fltq.${suffix}`, env, b, a)
  const equal = g.fp(`feq.${suffix}`, env, a, b)
  checkExceptions(g)
  g.setComparison(less, equal, greater)
})

// Conversions.

const between = (g: Emit, toDouble: boolean, f: Value): Value => g.fp(toDouble ? 'fcvt.d.s' : 'fcvt.s.d', environment(g), f)
const convertScalar = (toDouble: boolean): Lift => sse(g => {
  const f = sourceFloat(g, 1, !toDouble), old = xmm(g, g.i.reg), r = between(g, toDouble, f)
  checkExceptions(g)
  setXmm(g, g.i.reg, withLowest(g, old, r, toDouble))
})
const singlesToDoubles: Lift = sse(g => {
  const v = source64(g, 1), r = [v, g.shrU(v, g.imm(32))].map(x => between(g, true, float(g, x)))
  checkExceptions(g)
  setXmm(g, g.i.reg, joinLanes(g, r))
})
const doublesToSingles: Lift = sse(g => {
  const r = splitLanes(g, source(g, 1), true).map(x => bitsOf(g, between(g, false, x)))
  checkExceptions(g)
  setXmm(g, g.i.reg, low(g, pair(g, r[0]!, r[1]!)))
})
const fromInteger = (double: boolean): Lift => sse(g => {
  const wide = g.size(1) === 8, v = g.read(1, true)
  const f = g.fp(`ffromi${wide ? 64 : 32}.${w(double)}`, environment(g), wide ? v : g.wrap(v))
  checkExceptions(g)
  setXmm(g, g.i.reg, withLowest(g, xmm(g, g.i.reg), f, double))
})
const toInteger = (double: boolean, truncate: boolean): Lift => sse(g => {
  const f = sourceFloat(g, 1, double), wide = g.size(0) === 8
  const v = g.fp(`ftoi${wide ? 64 : 32}.${w(double)}`, truncate ? truncating(g) : environment(g), f)
  checkExceptions(g)
  g.setRegister(g.i.reg, wide ? 8 : 4, wide ? v : g.extendU(v))
})
const toInt32 = (g: Emit, double: boolean, truncate: boolean, f: Value): Value =>
  g.extendU(g.fp(`ftoi32.${w(double)}`, truncate ? truncating(g) : environment(g), f))
/** Packed: four single numbers to four integers; two doubles to two, the rest 0. */
const toIntegers = (double: boolean, truncate: boolean): Lift => sse(g => {
  const r = splitLanes(g, source(g, 1), double).map(f => toInt32(g, double, truncate, f))
  checkExceptions(g)
  setXmm(g, g.i.reg, g.row('v.make', pair(g, r[0]!, r[1]!), double ? g.imm(0) : pair(g, r[2]!, r[3]!)))
})
const integersToSingles: Lift = sse(g => {
  const v = source(g, 1), lo = g.row('v.lo', v), hi = g.row('v.hi', v)
  const r = [lo, g.shrU(lo, g.imm(32)), hi, g.shrU(hi, g.imm(32))].map(x => g.fp('ffromi32.s', environment(g), g.wrap(x)))
  checkExceptions(g)
  setXmm(g, g.i.reg, joinLanes(g, r))
})
const integersToDoubles: Lift = sse(g => {
  const v = source64(g, 1)
  setXmm(g, g.i.reg, joinLanes(g, [v, g.shrU(v, g.imm(32))].map(x => g.fp('ffromi32.d', FpEnv.RNE, g.wrap(x)))))
})
// With MMX registers.
const mmxToDoubles: Lift = sse(g => {
  const v = sourceMm(g, 1)
  setXmm(g, g.i.reg, joinLanes(g, [v, g.shrU(v, g.imm(32))].map(x => g.fp('ffromi32.d', FpEnv.RNE, g.wrap(x)))))
})
const mmxToSingles: Lift = sse(g => {
  const v = sourceMm(g, 1), r = [v, g.shrU(v, g.imm(32))].map(x => bitsOf(g, g.fp('ffromi32.s', environment(g), g.wrap(x))))
  checkExceptions(g)
  setXmm(g, g.i.reg, g.row('v.setlo', xmm(g, g.i.reg), pair(g, r[0]!, r[1]!)))
})
const toMmx = (double: boolean, truncate: boolean): Lift => sse(mmx(g => {
  const v = double ? splitLanes(g, source(g, 1), true) : (x => [float(g, x), float(g, g.shrU(x, g.imm(32)))])(source64(g, 1))
  const r = v.map(f => toInt32(g, double, truncate, f))
  checkExceptions(g)
  setMm(g, g.i.reg, pair(g, r[0]!, r[1]!))
}))

// Neighbours, and permutations.

/** Sums or differences of neighbours. */
const horizontal = (name: 'fadd' | 'fsub') => (lanes: 'ps' | 'pd'): Lift => sse(g => {
  const double = isDouble(lanes), b = splitLanes(g, source(g, 1), double), a = splitLanes(g, xmm(g, g.i.reg), double), all = [...a, ...b], r: Value[] = []
  for (let i = 0; i < all.length; i += 2) r.push(arithmetic(name)(g, double, all[i]!, all[i + 1]!))
  checkExceptions(g)
  setXmm(g, g.i.reg, joinLanes(g, r))
})
const addSubtract = (lanes: 'ps' | 'pd'): Lift => sse(g => {
  const double = isDouble(lanes), b = splitLanes(g, source(g, 1), double)
  const r = splitLanes(g, xmm(g, g.i.reg), double).map((x, i) => arithmetic(i & 1 ? 'fadd' : 'fsub')(g, double, x, b[i]!))
  checkExceptions(g)
  setXmm(g, g.i.reg, joinLanes(g, r))
})
const logic = (name: 'v128.and' | 'v128.or' | 'v128.xor' | 'v128.andnot'): Lift => sse(g => {
  const b = source(g, 1), a = xmm(g, g.i.reg)
  setXmm(g, g.i.reg, name === 'v128.andnot' ? g.row(name, b, a) : g.row(name, a, b))
})
const unpackLanes = (size: number, high: boolean): Lift => sse(g => {
  const b = source(g, 1)
  setXmm(g, g.i.reg, unpack(size, high)(g, xmm(g, g.i.reg), b))
})
const shuffle = (double: boolean): Lift => sse(g => {
  const b = source(g, 1), a = xmm(g, g.i.reg), n = g.i.immLo, f = fields(n)
  setXmm(g, g.i.reg, double ? permute(g, a, b, 8, [n & 1, 2 + ((n >> 1) & 1)]) : permute(g, a, b, 4, [f[0]!, f[1]!, f[2]! + 4, f[3]! + 4]))
})

const row = (pattern: string, syntax: string, lift: Lift): Row =>
  plainRow(pattern, syntax, lift, { simd: true, observes: /[PQN]q/.test(syntax) })
const four = (opcode: string, name: string, lift: (lanes: Lanes) => Lift): Row[] => [
  row(`NP 0F ${opcode} /r`, `${name}ps Vx, Wx`, lift('ps')), row(`66 0F ${opcode} /r`, `${name}pd Vx, Wx`, lift('pd')),
  row(`F3 0F ${opcode} /r`, `${name}ss Vx, Wd`, lift('ss')), row(`F2 0F ${opcode} /r`, `${name}sd Vx, Wq`, lift('sd')),
]
const two = (opcode: string, name: string, lift: (lanes: 'ps' | 'pd') => Lift): Row[] => [
  row(`NP 0F ${opcode} /r`, `${name}ps Vx, Wx`, lift('ps')), row(`66 0F ${opcode} /r`, `${name}pd Vx, Wx`, lift('pd')),
]

export const sseFloats: readonly Row[] = [
  ...four('51', 'sqrt', unary(sqrt)),
  row('NP 0F 52 /r', 'rsqrtps Vx, Wx', approximate(Call.RSQRT)('ps')),
  row('F3 0F 52 /r', 'rsqrtss Vx, Wd', approximate(Call.RSQRT)('ss')),
  row('NP 0F 53 /r', 'rcpps Vx, Wx', approximate(Call.RCP)('ps')),
  row('F3 0F 53 /r', 'rcpss Vx, Wd', approximate(Call.RCP)('ss')),
  ...two('54', 'and', () => logic('v128.and')),
  ...two('55', 'andn', () => logic('v128.andnot')),
  ...two('56', 'or', () => logic('v128.or')),
  ...two('57', 'xor', () => logic('v128.xor')),
  ...four('58', 'add', binary(arithmetic('fadd'))),
  ...four('59', 'mul', binary(arithmetic('fmul'))),
  ...four('5C', 'sub', binary(arithmetic('fsub'))),
  ...four('5D', 'min', binary(extreme(true))),
  ...four('5E', 'div', binary(arithmetic('fdiv'))),
  ...four('5F', 'max', binary(extreme(false))),
  row('NP 0F C2 /r ib', 'cmpps Vx, Wx, Ib', comparison('ps')),
  row('66 0F C2 /r ib', 'cmppd Vx, Wx, Ib', comparison('pd')),
  row('F3 0F C2 /r ib', 'cmpss Vx, Wd, Ib', comparison('ss')),
  row('F2 0F C2 /r ib', 'cmpsd Vx, Wq, Ib', comparison('sd')),
  row('NP 0F 2E /r', 'ucomiss Vx, Wd', compareFlags(false, true)),
  row('66 0F 2E /r', 'ucomisd Vx, Wq', compareFlags(true, true)),
  row('NP 0F 2F /r', 'comiss Vx, Wd', compareFlags(false, false)),
  row('66 0F 2F /r', 'comisd Vx, Wq', compareFlags(true, false)),
  row('NP 0F 14 /r', 'unpcklps Vx, Wx', unpackLanes(4, false)),
  row('66 0F 14 /r', 'unpcklpd Vx, Wx', unpackLanes(8, false)),
  row('NP 0F 15 /r', 'unpckhps Vx, Wx', unpackLanes(4, true)),
  row('66 0F 15 /r', 'unpckhpd Vx, Wx', unpackLanes(8, true)),
  row('NP 0F C6 /r ib', 'shufps Vx, Wx, Ib', shuffle(false)),
  row('66 0F C6 /r ib', 'shufpd Vx, Wx, Ib', shuffle(true)),
  row('66 0F 7C /r', 'haddpd Vx, Wx', horizontal('fadd')('pd')),
  row('F2 0F 7C /r', 'haddps Vx, Wx', horizontal('fadd')('ps')),
  row('66 0F 7D /r', 'hsubpd Vx, Wx', horizontal('fsub')('pd')),
  row('F2 0F 7D /r', 'hsubps Vx, Wx', horizontal('fsub')('ps')),
  row('66 0F D0 /r', 'addsubpd Vx, Wx', addSubtract('pd')),
  row('F2 0F D0 /r', 'addsubps Vx, Wx', addSubtract('ps')),
  row('F3 0F 2A /r', 'cvtsi2ss Vx, Ey', fromInteger(false)),
  row('F2 0F 2A /r', 'cvtsi2sd Vx, Ey', fromInteger(true)),
  row('F3 0F 2C /r', 'cvttss2si Gy, Wd', toInteger(false, true)),
  row('F2 0F 2C /r', 'cvttsd2si Gy, Wq', toInteger(true, true)),
  row('F3 0F 2D /r', 'cvtss2si Gy, Wd', toInteger(false, false)),
  row('F2 0F 2D /r', 'cvtsd2si Gy, Wq', toInteger(true, false)),
  row('F3 0F 5A /r', 'cvtss2sd Vx, Wd', convertScalar(true)),
  row('F2 0F 5A /r', 'cvtsd2ss Vx, Wq', convertScalar(false)),
  row('NP 0F 5A /r', 'cvtps2pd Vx, Wq', singlesToDoubles),
  row('66 0F 5A /r', 'cvtpd2ps Vx, Wx', doublesToSingles),
  row('NP 0F 5B /r', 'cvtdq2ps Vx, Wx', integersToSingles),
  row('66 0F 5B /r', 'cvtps2dq Vx, Wx', toIntegers(false, false)),
  row('F3 0F 5B /r', 'cvttps2dq Vx, Wx', toIntegers(false, true)),
  row('F3 0F E6 /r', 'cvtdq2pd Vx, Wq', integersToDoubles),
  row('66 0F E6 /r', 'cvttpd2dq Vx, Wx', toIntegers(true, true)),
  row('F2 0F E6 /r', 'cvtpd2dq Vx, Wx', toIntegers(true, false)),
  row('NP 0F 2A /r reg', 'cvtpi2ps Vx, Nq', sse(mmx(mmxToSingles))),
  row('NP 0F 2A /r mem', 'cvtpi2ps Vx, Mq', mmxToSingles),
  row('66 0F 2A /r reg', 'cvtpi2pd Vx, Nq', sse(mmx(mmxToDoubles))),
  row('66 0F 2A /r mem', 'cvtpi2pd Vx, Mq', mmxToDoubles),
  row('NP 0F 2C /r', 'cvttps2pi Pq, Wq', toMmx(false, true)),
  row('66 0F 2C /r', 'cvttpd2pi Pq, Wx', toMmx(true, true)),
  row('NP 0F 2D /r', 'cvtps2pi Pq, Wq', toMmx(false, false)),
  row('66 0F 2D /r', 'cvtpd2pi Pq, Wx', toMmx(true, false)),
]
