// SSE4.1 and SSE4.2 but for those on strings (sse4-string.insn.ts) and CRC32 (bit.insn.ts). Intel SDM volume 1, 12.10-12.12.
import type { Value } from '../../ir/build.ts'
import { FpEnv, type OpName } from '../../ir/ops.ts'
import { Flag } from './cpu.ts'
import type { Emit } from './emit.ts'
import { SIMD_ROUNDING } from './fpu-state.ts'
import { type Lift, row as plainRow, type Row } from './row.ts'
import { joinLanes, splitLanes } from './sse-float.insn.ts'
import {
  checkExceptions, environment, low, permute, setXmm, source, source16, source32, source64, sourceFloat, sse, xmm, zero,
} from './vector.ts'

type Binary = (g: Emit, a: Value, b: Value) => Value

const vector = (f: Binary): Lift => sse(g => {
  const b = source(g, 1)
  setXmm(g, g.i.reg, f(g, xmm(g, g.i.reg), b))
})
const is = (name: OpName): Lift => vector((g, a, b) => g.row(name, a, b))

// Choosing between lanes.

/** `a` where the mask is 0, `b` where it is all ones. */
const choose = (g: Emit, mask: Value, a: Value, b: Value): Value =>
  g.row('v128.or', g.row('v128.and', b, mask), g.row('v128.andnot', a, mask))
/** By the top bits of XMM0's lanes. */
const blendByMask = (shape: 'i8x16' | 'i32x4' | 'i64x2'): Lift => vector((g, a, b) => choose(g, g.row(`${shape}.gt_s`, zero(g), xmm(g, 0)), a, b))
/** By bits of the immediate. */
const blend = (size: 2 | 4 | 8): Lift => vector((g, a, b) => {
  const n = 16 / size
  return permute(g, a, b, size, Array.from({ length: n }, (_, i) => ((g.i.immLo >> i) & 1 ? n + i : i)))
})

// Wider lanes.

const FROM = { b: 'i8x16', w: 'i16x8', d: 'i32x4', q: 'i64x2' } as const
type Letter = keyof typeof FROM
const LETTERS: readonly Letter[] = ['b', 'w', 'd', 'q']
/** The lower lanes, sign- or zero-extended from one size to another. */
const widen = (from: Letter, to: Letter, sign: 's' | 'u'): Lift => sse(g => {
  const steps = LETTERS.slice(LETTERS.indexOf(from), LETTERS.indexOf(to)), bytes = 16 >> steps.length
  let v = g.i.memory ? low(g, bytes === 8 ? source64(g, 1) : bytes === 4 ? source32(g, 1) : source16(g, 1)) : xmm(g, g.i.rm)
  for (const [i, letter] of steps.entries()) v = g.row(`${FROM[steps[i + 1] ?? to]}.extend_low_${FROM[letter]}_${sign}` as OpName, v)
  setXmm(g, g.i.reg, v)
})

// Arithmetic.

const multiplyEven: Lift = vector((g, a, b) => {
  const even = (v: Value) => permute(g, v, v, 4, [0, 2, 0, 2])
  return g.row('i64x2.extmul_low_i32x4_s', even(a), even(b))
})
/** The least word and where it is: 0 in the rest. */
const leastWord: Lift = sse(g => {
  const v = source(g, 1), least = [1, 2, 4].reduce((m, step) =>
    g.row('i16x8.min_u', m, permute(g, m, m, 2, Array.from({ length: 8 }, (_, i) => i ^ step))), v)
  const found = g.row('i8x16.bitmask', g.row('i8x16.narrow_i16x8_s', g.row('i16x8.eq', v, least), zero(g)))
  const word = g.zext(g.row('v.lo', least), 2)
  setXmm(g, g.i.reg, low(g, g.or(word, g.shl(g.extendU(g.ctz(found)), g.imm(16)))))
})
/** Sums of absolute differences of four bytes with eight places: which ones, the immediate says. */
const sumsOfDifferences: Lift = vector((g, a, b) => {
  const from = g.i.immLo & 4, with4 = 4 * (g.i.immLo & 3)
  let sum: Value | undefined
  for (let k = 0; k < 4; k++) {
    const x = permute(g, a, a, 1, Array.from({ length: 16 }, (_, i) => Math.min(15, from + k + (i & 7))))
    const y = permute(g, b, b, 1, new Array<number>(16).fill(with4 + k))
    const d = g.row('i16x8.extend_low_i8x16_u', g.row('v128.or', g.row('i8x16.sub_sat_u', x, y), g.row('i8x16.sub_sat_u', y, x)))
    sum = sum === undefined ? d : g.row('i16x8.add', sum, d)
  }
  return sum!
})
const test: Lift = sse(g => {
  const b = source(g, 1), a = xmm(g, g.i.reg)
  const none = (v: Value) => g.extendU(g.eqz(g.or(g.row('v.lo', v), g.row('v.hi', v))))
  g.setExplicit(g.or(g.shl(none(g.row('v128.and', b, a)), g.imm(Math.log2(Flag.ZF))), none(g.row('v128.andnot', b, a))))
})

// Single lanes.

const laneBits = (g: Emit, v: Value, size: number, n: number): Value => {
  const at = size * n
  return g.zext(g.shrU(g.row(at & 8 ? 'v.hi' : 'v.lo', v), g.imm(8 * (at & 7))), size)
}
const insertLane = (size: 1 | 4 | 8, v: (g: Emit) => Value): Lift => sse(g => {
  const lanes = 16 / size, n = g.i.immLo & (lanes - 1), given = low(g, v(g))
  setXmm(g, g.i.reg, permute(g, xmm(g, g.i.reg), given, size, Array.from({ length: lanes }, (_, i) => (i === n ? lanes : i))))
})
const insertByte = insertLane(1, g => (g.i.memory ? g.loadAt(g.memory(g.operand(1), 1, false), 1) : g.register(g.i.rm, 4)))
const insertWide: Lift = g => insertLane(g.size(1) === 8 ? 8 : 4, x => x.read(1))(g)
const extractLane = (size: (g: Emit) => number): Lift => sse(g => {
  const bytes = size(g), v = laneBits(g, xmm(g, g.i.reg), bytes, g.i.immLo & (16 / bytes - 1))
  if (g.i.memory) g.storeAt(g.memory(g.operand(0), bytes, true), bytes, v)
  else g.setRegister(g.i.rm, Math.max(4, bytes), v)
})
/** A lane of the source to one of the destination, and lanes that become 0. */
const insertSingle: Lift = sse(g => {
  const imm = g.i.immLo, v = g.i.memory ? low(g, source32(g, 1)) : xmm(g, g.i.rm), from = g.i.memory ? 0 : (imm >> 6) & 3, to = (imm >> 4) & 3
  const old = xmm(g, g.i.reg), put = permute(g, old, v, 4, [0, 1, 2, 3].map(i => (i === to ? 4 + from : i)))
  setXmm(g, g.i.reg, permute(g, put, zero(g), 4, [0, 1, 2, 3].map(i => ((imm >> i) & 1 ? 4 : i))))
})

// Floating point.

const w = (double: boolean) => (double ? 'd' : 's')
function rounded(g: Emit, double: boolean, a: Value): Value {
  const imm = g.i.immLo, env = environment(g), chosen = imm & 4 ? env : (env & ~FpEnv.RM) | SIMD_ROUNDING[imm & 3]!
  return g.fp(`${imm & 8 ? 'fround' : 'froundnx'}.${w(double)}`, chosen, a)
}
const round = (double: boolean): Lift => sse(g => {
  const r = splitLanes(g, source(g, 1), double).map(x => rounded(g, double, x))
  checkExceptions(g)
  setXmm(g, g.i.reg, joinLanes(g, r))
})
const roundScalar = (double: boolean): Lift => sse(g => {
  const r = rounded(g, double, sourceFloat(g, 1, double))
  checkExceptions(g)
  setXmm(g, g.i.reg, g.row(double ? 'v.setd' : 'v.setf', xmm(g, g.i.reg), r))
})
/** Products of the lanes that the upper half of the immediate names, their sum in those that the lower half names. */
const dotProduct = (double: boolean): Lift => sse(g => {
  const b = splitLanes(g, source(g, 1), double), a = splitLanes(g, xmm(g, g.i.reg), double), env = environment(g), imm = g.i.immLo
  const none = double ? g.row('f64.reinterpret_i64', g.imm(0)) : g.row('f32.reinterpret_i32', g.i32(0))
  const products = a.map((x, i) => ((imm >> (4 + i)) & 1 ? g.fp(`fmul.${w(double)}`, env, x, b[i]!) : none))
  const add = (x: Value, y: Value) => g.fp(`fadd.${w(double)}`, env, x, y)
  const [p, q, r, s] = products as [Value, Value, Value, Value], sum = double ? add(p, q) : add(add(p, q), add(r, s))
  checkExceptions(g)
  setXmm(g, g.i.reg, joinLanes(g, a.map((_, i) => ((imm >> i) & 1 ? sum : none))))
})

const SIMD = new Set(['roundps', 'roundpd', 'roundss', 'roundsd', 'dpps', 'dppd'])
const row = (pattern: string, syntax: string, lift: Lift): Row => plainRow(pattern, syntax, lift, { simd: SIMD.has(syntax.split(' ')[0]!) })
const wider = (['s', 'u'] as const).flatMap(sign => ([['b', 'w', 'Wq'], ['b', 'd', 'Wd'], ['b', 'q', 'Ww'], ['w', 'd', 'Wq'], ['w', 'q', 'Wd'], ['d', 'q', 'Wq']] as const)
  .map(([from, to, operand], i) => row(`66 0F 38 ${sign === 's' ? 2 : 3}${i} /r`, `pmov${sign === 's' ? 's' : 'z'}x${from}${to} Vx, ${operand}`, widen(from, to, sign))))

export const sse4: readonly Row[] = [
  row('66 0F 38 10 /r', 'pblendvb Vx, Wx, xmm0', blendByMask('i8x16')),
  row('66 0F 38 14 /r', 'blendvps Vx, Wx, xmm0', blendByMask('i32x4')),
  row('66 0F 38 15 /r', 'blendvpd Vx, Wx, xmm0', blendByMask('i64x2')),
  row('66 0F 38 17 /r', 'ptest Vx, Wx', test),
  ...wider,
  row('66 0F 38 28 /r', 'pmuldq Vx, Wx', multiplyEven),
  row('66 0F 38 29 /r', 'pcmpeqq Vx, Wx', is('i64x2.eq')),
  row('66 0F 38 2A /r', 'movntdqa Vx, Mx', sse(g => setXmm(g, g.i.reg, source(g, 1)))),
  row('66 0F 38 2B /r', 'packusdw Vx, Wx', is('i16x8.narrow_i32x4_u')),
  row('66 0F 38 37 /r', 'pcmpgtq Vx, Wx', is('i64x2.gt_s')),
  ...(['min', 'max'] as const).flatMap((name, i) => ([['sb', 'i8x16', 's'], ['sd', 'i32x4', 's'], ['uw', 'i16x8', 'u'], ['ud', 'i32x4', 'u']] as const)
    .map(([letters, shape, sign], n) => row(`66 0F 38 3${(8 + 4 * i + n).toString(16).toUpperCase()} /r`, `p${name}${letters} Vx, Wx`, is(`${shape}.${name}_${sign}`)))),
  row('66 0F 38 40 /r', 'pmulld Vx, Wx', is('i32x4.mul')),
  row('66 0F 38 41 /r', 'phminposuw Vx, Wx', leastWord),
  row('66 0F 3A 08 /r ib', 'roundps Vx, Wx, Ib', round(false)),
  row('66 0F 3A 09 /r ib', 'roundpd Vx, Wx, Ib', round(true)),
  row('66 0F 3A 0A /r ib', 'roundss Vx, Wd, Ib', roundScalar(false)),
  row('66 0F 3A 0B /r ib', 'roundsd Vx, Wq, Ib', roundScalar(true)),
  row('66 0F 3A 0C /r ib', 'blendps Vx, Wx, Ib', blend(4)),
  row('66 0F 3A 0D /r ib', 'blendpd Vx, Wx, Ib', blend(8)),
  row('66 0F 3A 0E /r ib', 'pblendw Vx, Wx, Ib', blend(2)),
  row('66 0F 3A 14 /r ib mem', 'pextrb Mb, Vx, Ib', extractLane(() => 1)),
  row('66 0F 3A 14 /r ib reg', 'pextrb Rd, Vx, Ib', extractLane(() => 1)),
  row('66 0F 3A 15 /r ib mem', 'pextrw Mw, Vx, Ib', extractLane(() => 2)),
  row('66 0F 3A 15 /r ib reg', 'pextrw Rd, Vx, Ib', extractLane(() => 2)),
  row('66 0F 3A 16 /r ib', 'pextrd|pextrd|pextrq Ey, Vx, Ib', extractLane(g => g.size(0))),
  row('66 0F 3A 17 /r ib', 'extractps Ed, Vx, Ib', extractLane(() => 4)),
  row('66 0F 3A 20 /r ib mem', 'pinsrb Vx, Mb, Ib', insertByte),
  row('66 0F 3A 20 /r ib reg', 'pinsrb Vx, Rd, Ib', insertByte),
  row('66 0F 3A 21 /r ib', 'insertps Vx, Wd, Ib', insertSingle),
  row('66 0F 3A 22 /r ib', 'pinsrd|pinsrd|pinsrq Vx, Ey, Ib', insertWide),
  row('66 0F 3A 40 /r ib', 'dpps Vx, Wx, Ib', dotProduct(false)),
  row('66 0F 3A 41 /r ib', 'dppd Vx, Wx, Ib', dotProduct(true)),
  row('66 0F 3A 42 /r ib', 'mpsadbw Vx, Wx, Ib', sumsOfDifferences),
]
