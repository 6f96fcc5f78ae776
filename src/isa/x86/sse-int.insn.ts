// MMX and SSE: integers in vectors. An MMX instruction is done on the lower half of a vector. Intel SDM volume 1, 9.4, 11.4.2,
// 12.4-12.10.
import type { Value } from '../../ir/build.ts'
import type { OpName } from '../../ir/ops.ts'
import type { Emit } from './emit.ts'
import { type Lift, row as plainRow, type Row } from './row.ts'
import { bytes, enterMmx, fields, low, mm, mmx, permute, setMm, setXmm, source, sourceMm, sse, unpack, withFpu, xmm, zero } from './vector.ts'

type Binary = (g: Emit, a: Value, b: Value) => Value

const is = (name: OpName): Binary => (g, a, b) => g.row(name, a, b)
const swapped = (name: OpName): Binary => (g, a, b) => g.row(name, b, a)

/** The upper halves of the products of words. */
const multiplyHigh = (sign: 's' | 'u'): Binary => (g, a, b) => {
  const name = (half: string) => `i32x4.extmul_${half}_i16x8_${sign}` as OpName
  return permute(g, g.row(name('low'), a, b), g.row(name('high'), a, b), 2, [1, 3, 5, 7, 9, 11, 13, 15])
}
/** Products of the even double words. */
const multiplyEven = (sign: 's' | 'u'): Binary => (g, a, b) => {
  const even = (v: Value) => permute(g, v, v, 4, [0, 2, 0, 2])
  return g.row(`i64x2.extmul_low_i32x4_${sign}`, even(a), even(b))
}
/** Sums of the absolute differences of bytes, for each half. */
const sumOfDifferences: Binary = (g, a, b) => {
  const d = g.row('v128.or', g.row('i8x16.sub_sat_u', a, b), g.row('i8x16.sub_sat_u', b, a))
  const sum = (v: Value) => {
    const mask = g.i64(0x00ff00ff, 0x00ff00ff), words = g.add(g.and(v, mask), g.and(g.shrU(v, g.imm(8)), mask))
    return g.shrU(g.mul(words, g.i64(0x00010001, 0x00010001)), g.imm(48))
  }
  return g.row('v.make', sum(g.row('v.lo', d)), sum(g.row('v.hi', d)))
}
/** Products of unsigned and signed bytes, added in pairs. */
const multiplyBytes: Binary = (g, a, b) => {
  const high = (v: Value) => permute(g, v, v, 8, [1, 0])
  const half = (x: Value, y: Value) => {
    // The products fit words; the sums of two are saturated from double words.
    const p = g.row('i16x8.mul', g.row('i16x8.extend_low_i8x16_u', x), g.row('i16x8.extend_low_i8x16_s', y))
    return g.row('i32x4.dot_i16x8_s', p, bytes(g, [1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0]))
  }
  return g.row('i16x8.narrow_i32x4_s', half(a, b), half(high(a), high(b)))
}
/** (a b + 2^14) >> 15. */
const multiplyRounded: Binary = (g, a, b) => {
  const half = (name: 'low' | 'high') => {
    const p = g.row('i32x4.shr_s', g.row(`i32x4.extmul_${name}_i16x8_s`, a, b), g.i32(14)), one = g.v128(1, 1, 1, 1)
    return g.row('i32x4.shr_s', g.row('i32x4.add', p, one), g.i32(1))
  }
  return permute(g, half('low'), half('high'), 2, [0, 2, 4, 6, 8, 10, 12, 14])
}
/** Lanes of the same place from pairs. */
const horizontal = (name: OpName, size: 2 | 4): Binary => (g, a, b) => {
  const n = 16 / size, lanes = (odd: number) => Array.from({ length: n }, (_, i) => 2 * i + odd)
  return g.row(name, permute(g, a, b, size, lanes(0)), permute(g, a, b, size, lanes(1)))
}
const sign = (shape: 'i8x16' | 'i16x8' | 'i32x4'): Binary => (g, a, b) => {
  const none = zero(g), negative = g.row(`${shape}.gt_s`, none, b), absent = g.row(`${shape}.eq`, b, none)
  const flipped = g.row(`${shape}.sub`, g.row('v128.xor', a, negative), negative)
  return g.row('v128.andnot', flipped, absent)
}
const absolute = (name: OpName): Binary => (g, _a, b) => g.row(name, b)
const shuffleBytes: Binary = (g, a, b) =>
  g.row('i8x16.swizzle', a, g.row('v128.and', b, g.v128(0x8f8f8f8f | 0, 0x8f8f8f8f | 0, 0x8f8f8f8f | 0, 0x8f8f8f8f | 0)))
/** Of eight bytes: lanes are numbered in three bits. */
const shuffleBytes64: Binary = (g, a, b) =>
  g.row('i8x16.swizzle', a, g.row('v128.and', b, g.v128(0x87878787 | 0, 0x87878787 | 0, 0x87878787 | 0, 0x87878787 | 0)))

type Shift = 'shl' | 'shr_s' | 'shr_u'
/** Counts beyond the lanes shift everything out. */
function shift(g: Emit, shape: string, bits: number, kind: Shift, a: Value, count: Value): Value {
  const name = `${shape}.${kind}` as OpName, far = g.gtU(count, g.imm(bits - 1))
  if (kind === 'shr_s') return g.row(name, a, g.select(far, g.i32(bits - 1), g.wrap(count)))
  return g.row('v.select', far, zero(g), g.row(name, a, g.wrap(count)))
}

// Rows: what a vector and an MMX register have in common.

const vector = (f: Binary): Lift => sse(g => {
  const b = source(g, 1)
  setXmm(g, g.i.reg, f(g, xmm(g, g.i.reg), b))
})
const mmxBinary = (f: Binary, bytesOf = 8): Lift => mmx(g => {
  const b = sourceMm(g, 1, bytesOf)
  setMm(g, g.i.reg, g.row('v.lo', f(g, low(g, mm(g, g.i.reg)), low(g, b))))
})
/** What of an MMX instruction lies in the upper half when it is done on vectors. */
const mmxHigh = (f: Binary): Lift => mmx(g => {
  const b = sourceMm(g, 1)
  setMm(g, g.i.reg, g.row('v.hi', f(g, low(g, mm(g, g.i.reg)), low(g, b))))
})
/** Both operands are one vector: packing and adding neighbours. */
const mmxJoined = (f: Binary): Lift => mmx(g => {
  const b = sourceMm(g, 1), joined = g.row('v.make', mm(g, g.i.reg), b)
  setMm(g, g.i.reg, g.row('v.lo', f(g, joined, joined)))
})
const byRegister = (shape: string, bits: number, kind: Shift): Row['lift'][] => [
  sse(g => {
    const count = g.row('v.lo', source(g, 1))
    setXmm(g, g.i.reg, shift(g, shape, bits, kind, xmm(g, g.i.reg), count))
  }),
  mmx(g => {
    const count = sourceMm(g, 1)
    setMm(g, g.i.reg, g.row('v.lo', shift(g, shape, bits, kind, low(g, mm(g, g.i.reg)), count)))
  }),
]
const byImmediate = (shape: string, bits: number, kind: Shift): Row['lift'][] => [
  sse(g => setXmm(g, g.i.rm, shift(g, shape, bits, kind, xmm(g, g.i.rm), g.imm(g.i.immLo)))),
  mmx(g => setMm(g, g.i.rm, g.row('v.lo', shift(g, shape, bits, kind, low(g, mm(g, g.i.rm)), g.imm(g.i.immLo))))),
]
const shiftBytes = (left: boolean): Lift => sse(g => {
  const n = Math.min(16, g.i.immLo), v = xmm(g, g.i.rm), none = zero(g)
  const lanes = Array.from({ length: 16 }, (_, i) => (left ? (i < n ? 16 : i - n) : i + n))
  setXmm(g, g.i.rm, permute(g, v, none, 1, lanes))
})

/** An MMX instruction leaves where an exception of x87 waits. */
const row = (pattern: string, syntax: string, lift: Lift): Row =>
  plainRow(pattern, syntax, lift, { observes: /[PQN]q|emms/.test(syntax) })
/** 66 and no prefix. */
const both = (opcode: string, name: string, f: Binary, twin: (f: Binary) => Lift = mmxBinary, operand: 'Qq' | 'Qd' = 'Qq'): Row[] => [
  row(`66 ${opcode} /r`, `${name} Vx, Wx`, vector(f)),
  row(`NP ${opcode} /r`, `${name} Pq, ${operand}`, twin(f)),
]
const only = (opcode: string, name: string, f: Binary): Row => row(`66 ${opcode} /r`, `${name} Vx, Wx`, vector(f))

const shuffleWords = (high: boolean): Lift => sse(g => {
  const v = source(g, 1), four = fields(g.i.immLo), same = [0, 1, 2, 3]
  setXmm(g, g.i.reg, permute(g, v, v, 2, high ? [...same, ...four.map(n => n + 4)] : [...four, ...same.map(n => n + 4)]))
})
const shuffleDoubleWords: Lift = sse(g => {
  const v = source(g, 1)
  setXmm(g, g.i.reg, permute(g, v, v, 4, fields(g.i.immLo)))
})
const shuffleMmx: Lift = mmx(g => {
  const v = low(g, sourceMm(g, 1))
  setMm(g, g.i.reg, g.row('v.lo', permute(g, v, v, 2, [...fields(g.i.immLo), 4, 5, 6, 7])))
})
/** The bytes from `imm` on of two vectors behind each other. */
const align: Lift = sse(g => {
  const b = source(g, 1), a = xmm(g, g.i.reg), n = g.i.immLo, none = zero(g)
  const from = (first: Value, second: Value, by: number) => permute(g, first, second, 1, Array.from({ length: 16 }, (_, i) => i + by))
  setXmm(g, g.i.reg, n < 16 ? from(b, a, n) : n < 32 ? from(a, none, n - 16) : none)
})
const alignMmx: Lift = mmx(g => {
  const b = sourceMm(g, 1), joined = g.row('v.make', b, mm(g, g.i.reg)), n = Math.min(16, g.i.immLo)
  setMm(g, g.i.reg, g.row('v.lo', permute(g, joined, zero(g), 1, Array.from({ length: 16 }, (_, i) => Math.min(i + n, 16)))))
})

// Single words.

const wordOf = (g: Emit, v: Value, n: number): Value =>
  g.zext(g.shrU(g.row(n & 4 ? 'v.hi' : 'v.lo', v), g.imm(16 * (n & 3))), 2)
function withWord(g: Emit, half: Value, n: number, v: Value): Value {
  const at = g.imm(16 * (n & 3)), hole = g.shl(g.imm(0xffff), at)
  return g.or(g.and(half, g.xor(hole, g.imm(-1))), g.shl(g.zext(v, 2), at))
}
const insertedWord = (g: Emit): Value => (g.i.memory ? g.loadAt(g.memory(g.operand(1), 2, false), 2) : g.register(g.i.rm, 4))
const insertWord: Lift = sse(g => {
  const v = insertedWord(g), n = g.i.immLo & 7, old = xmm(g, g.i.reg), high = n >= 4
  setXmm(g, g.i.reg, g.row(high ? 'v.sethi' : 'v.setlo', old, withWord(g, g.row(high ? 'v.hi' : 'v.lo', old), n, v)))
})
const insertWordMmx: Lift = mmx(g => {
  const v = insertedWord(g)
  setMm(g, g.i.reg, withWord(g, mm(g, g.i.reg), g.i.immLo & 3, v))
})
const extractWord: Lift = sse(g => g.setRegister(g.i.reg, 4, wordOf(g, xmm(g, g.i.rm), g.i.immLo & 7)))
const extractWordMmx: Lift = mmx(g => g.setRegister(g.i.reg, 4, g.zext(g.shrU(mm(g, g.i.rm), g.imm(16 * (g.i.immLo & 3))), 2)))

const maskMmx: Lift = mmx(g => g.setRegister(g.i.reg, 4, g.extendU(g.row('i8x16.bitmask', low(g, mm(g, g.i.rm))))))
const moveMmx = (load: boolean): Lift => mmx(g => {
  if (load) return setMm(g, g.i.reg, sourceMm(g, 1))
  const v = mm(g, g.i.reg)
  if (g.i.memory) g.storeAt(g.memory(g.operand(0), 8, true), 8, v)
  else setMm(g, g.i.rm, v)
})
const fromGeneral: Lift = mmx(g => {
  const size = g.size(1), v = g.read(1)
  setMm(g, g.i.reg, g.zext(v, size))
})
const toGeneral: Lift = mmx(g => g.write(0, mm(g, g.i.reg)))
const maskedStore: Lift = mmx(g => g.helper('MASKMOVQ'))

const SHAPES = [['b', 'i8x16'], ['w', 'i16x8'], ['d', 'i32x4'], ['q', 'i64x2']] as const
const shiftRows: Row[] = ([['shl', 'psll', [0xf1, 0xf2, 0xf3], 6], ['shr_u', 'psrl', [0xd1, 0xd2, 0xd3], 2], ['shr_s', 'psra', [0xe1, 0xe2], 4]] as const)
  .flatMap(([kind, name, opcodes, digit]) => opcodes.flatMap((opcode, n) => {
    const [letter, shape] = SHAPES[n + 1]!, bits = 16 << n, by = byRegister(shape, bits, kind), imm = byImmediate(shape, bits, kind)
    const hex = opcode.toString(16).toUpperCase(), group = (0x71 + n).toString(16)
    return [
      row(`66 0F ${hex} /r`, `${name}${letter} Vx, Wx`, by[0]!),
      row(`NP 0F ${hex} /r`, `${name}${letter} Pq, Qq`, by[1]!),
      row(`66 0F ${group} /${digit} ib`, `${name}${letter} Ux, Ib`, imm[0]!),
      row(`NP 0F ${group} /${digit} ib`, `${name}${letter} Nq, Ib`, imm[1]!),
    ]
  }))

export const sseIntegers: readonly Row[] = [
  ...both('0F 60', 'punpcklbw', unpack(1, false), f => mmxBinary(f, 4), 'Qd'),
  ...both('0F 61', 'punpcklwd', unpack(2, false), f => mmxBinary(f, 4), 'Qd'),
  ...both('0F 62', 'punpckldq', unpack(4, false), f => mmxBinary(f, 4), 'Qd'),
  ...both('0F 63', 'packsswb', is('i8x16.narrow_i16x8_s'), mmxJoined),
  ...both('0F 64', 'pcmpgtb', is('i8x16.gt_s')),
  ...both('0F 65', 'pcmpgtw', is('i16x8.gt_s')),
  ...both('0F 66', 'pcmpgtd', is('i32x4.gt_s')),
  ...both('0F 67', 'packuswb', is('i8x16.narrow_i16x8_u'), mmxJoined),
  ...both('0F 68', 'punpckhbw', unpack(1, true), () => mmxHigh(unpack(1, false))),
  ...both('0F 69', 'punpckhwd', unpack(2, true), () => mmxHigh(unpack(2, false))),
  ...both('0F 6A', 'punpckhdq', unpack(4, true), () => mmxHigh(unpack(4, false))),
  ...both('0F 6B', 'packssdw', is('i16x8.narrow_i32x4_s'), mmxJoined),
  only('0F 6C', 'punpcklqdq', unpack(8, false)),
  only('0F 6D', 'punpckhqdq', unpack(8, true)),
  ...both('0F 74', 'pcmpeqb', is('i8x16.eq')),
  ...both('0F 75', 'pcmpeqw', is('i16x8.eq')),
  ...both('0F 76', 'pcmpeqd', is('i32x4.eq')),
  ...both('0F D4', 'paddq', is('i64x2.add')),
  ...both('0F D5', 'pmullw', is('i16x8.mul')),
  ...both('0F D8', 'psubusb', is('i8x16.sub_sat_u')),
  ...both('0F D9', 'psubusw', is('i16x8.sub_sat_u')),
  ...both('0F DA', 'pminub', is('i8x16.min_u')),
  ...both('0F DB', 'pand', is('v128.and')),
  ...both('0F DC', 'paddusb', is('i8x16.add_sat_u')),
  ...both('0F DD', 'paddusw', is('i16x8.add_sat_u')),
  ...both('0F DE', 'pmaxub', is('i8x16.max_u')),
  ...both('0F DF', 'pandn', swapped('v128.andnot')),
  ...both('0F E0', 'pavgb', is('i8x16.avgr_u')),
  ...both('0F E3', 'pavgw', is('i16x8.avgr_u')),
  ...both('0F E4', 'pmulhuw', multiplyHigh('u')),
  ...both('0F E5', 'pmulhw', multiplyHigh('s')),
  ...both('0F E8', 'psubsb', is('i8x16.sub_sat_s')),
  ...both('0F E9', 'psubsw', is('i16x8.sub_sat_s')),
  ...both('0F EA', 'pminsw', is('i16x8.min_s')),
  ...both('0F EB', 'por', is('v128.or')),
  ...both('0F EC', 'paddsb', is('i8x16.add_sat_s')),
  ...both('0F ED', 'paddsw', is('i16x8.add_sat_s')),
  ...both('0F EE', 'pmaxsw', is('i16x8.max_s')),
  ...both('0F EF', 'pxor', is('v128.xor')),
  ...both('0F F4', 'pmuludq', multiplyEven('u')),
  ...both('0F F5', 'pmaddwd', is('i32x4.dot_i16x8_s')),
  ...both('0F F6', 'psadbw', sumOfDifferences),
  ...both('0F F8', 'psubb', is('i8x16.sub')),
  ...both('0F F9', 'psubw', is('i16x8.sub')),
  ...both('0F FA', 'psubd', is('i32x4.sub')),
  ...both('0F FB', 'psubq', is('i64x2.sub')),
  ...both('0F FC', 'paddb', is('i8x16.add')),
  ...both('0F FD', 'paddw', is('i16x8.add')),
  ...both('0F FE', 'paddd', is('i32x4.add')),
  ...shiftRows,
  row('66 0F 73 /3 ib', 'psrldq Ux, Ib', shiftBytes(false)),
  row('66 0F 73 /7 ib', 'pslldq Ux, Ib', shiftBytes(true)),
  row('66 0F 70 /r ib', 'pshufd Vx, Wx, Ib', shuffleDoubleWords),
  row('F3 0F 70 /r ib', 'pshufhw Vx, Wx, Ib', shuffleWords(true)),
  row('F2 0F 70 /r ib', 'pshuflw Vx, Wx, Ib', shuffleWords(false)),
  row('NP 0F 70 /r ib', 'pshufw Pq, Qq, Ib', shuffleMmx),
  row('66 0F C4 /r ib mem', 'pinsrw Vx, Mw, Ib', insertWord),
  row('66 0F C4 /r ib reg', 'pinsrw Vx, Rd, Ib', insertWord),
  row('NP 0F C4 /r ib mem', 'pinsrw Pq, Mw, Ib', insertWordMmx),
  row('NP 0F C4 /r ib reg', 'pinsrw Pq, Rd, Ib', insertWordMmx),
  row('66 0F C5 /r ib', 'pextrw Gd, Ux, Ib', extractWord),
  row('NP 0F C5 /r ib', 'pextrw Gd, Nq, Ib', extractWordMmx),
  row('NP 0F D7 /r', 'pmovmskb Gd, Nq', maskMmx),
  row('NP 0F 6F /r', 'movq Pq, Qq', moveMmx(true)),
  row('NP 0F 7F /r', 'movq Qq, Pq', moveMmx(false)),
  row('NP 0F E7 /r', 'movntq Mq, Pq', moveMmx(false)),
  row('NP 0F 6E /r', 'movd|movd|movq Pq, Ey', fromGeneral),
  row('NP 0F 7E /r', 'movd|movd|movq Ey, Pq', toGeneral),
  row('NP 0F F7 /r', 'maskmovq Pq, Nq', maskedStore),
  row('NP 0F 77', 'emms', withFpu(g => enterMmx(g, 0))),

  ...both('0F 38 00', 'pshufb', shuffleBytes, () => mmxBinary(shuffleBytes64)),
  ...both('0F 38 01', 'phaddw', horizontal('i16x8.add', 2), mmxJoined),
  ...both('0F 38 02', 'phaddd', horizontal('i32x4.add', 4), mmxJoined),
  ...both('0F 38 03', 'phaddsw', horizontal('i16x8.add_sat_s', 2), mmxJoined),
  ...both('0F 38 04', 'pmaddubsw', multiplyBytes),
  ...both('0F 38 05', 'phsubw', horizontal('i16x8.sub', 2), mmxJoined),
  ...both('0F 38 06', 'phsubd', horizontal('i32x4.sub', 4), mmxJoined),
  ...both('0F 38 07', 'phsubsw', horizontal('i16x8.sub_sat_s', 2), mmxJoined),
  ...both('0F 38 08', 'psignb', sign('i8x16')),
  ...both('0F 38 09', 'psignw', sign('i16x8')),
  ...both('0F 38 0A', 'psignd', sign('i32x4')),
  ...both('0F 38 0B', 'pmulhrsw', multiplyRounded),
  ...both('0F 38 1C', 'pabsb', absolute('i8x16.abs')),
  ...both('0F 38 1D', 'pabsw', absolute('i16x8.abs')),
  ...both('0F 38 1E', 'pabsd', absolute('i32x4.abs')),
  row('66 0F 3A 0F /r ib', 'palignr Vx, Wx, Ib', align),
  row('NP 0F 3A 0F /r ib', 'palignr Pq, Qq, Ib', alignMmx),
]
