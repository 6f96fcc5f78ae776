// Rows of the IR table on vectors of 128 bits. A row named like a WebAssembly instruction is that instruction; rows named
// `v.` take vectors apart and put them together. Values are unsigned BigInts of 128 bits, lane 0 lowest.
import type { OpRow } from './ops.ts'

const M64 = (1n << 64n) - 1n, M128 = (1n << 128n) - 1n
const lanes = (x: bigint, bits: number): bigint[] =>
  Array.from({ length: 128 / bits }, (_, i) => BigInt.asUintN(bits, x >> BigInt(bits * i)))
const join = (list: readonly bigint[], bits: number): bigint =>
  list.reduce((v, x, i) => v | (BigInt.asUintN(bits, x) << BigInt(bits * i)), 0n)
const pure = (sig: string, ev: (a: bigint, b: bigint, c: bigint) => bigint, commutes?: true): OpRow =>
  ({ sig, effect: 'none', eval: ev, ...(commutes && { commutes }) })

type Lane = (a: bigint, b: bigint) => bigint
const each = (bits: number, f: Lane): OpRow =>
  pure('vv>v', (a, b) => join(lanes(a, bits).map((x, i) => f(x, lanes(b, bits)[i]!)), bits))
const one = (bits: number, f: (a: bigint) => bigint): OpRow => pure('v>v', a => join(lanes(a, bits).map(f), bits))
const shift = (bits: number, f: Lane): OpRow =>
  pure('vi>v', (a, n) => join(lanes(a, bits).map(x => f(x, n % BigInt(bits))), bits))
const signed = (bits: number) => (x: bigint): bigint => BigInt.asIntN(bits, x)
const clamp = (x: bigint, low: bigint, high: bigint): bigint => (x < low ? low : x > high ? high : x)

/** Rows that every width of lanes has, by the letters that name their kinds. */
function laneRows(bits: number, kinds: string): { [name: string]: OpRow } {
  const s = signed(bits), top = 1n << BigInt(bits - 1), all = (1n << BigInt(bits)) - 1n
  const rows: { readonly [name: string]: OpRow } = {
    add: each(bits, (a, b) => a + b), sub: each(bits, (a, b) => a - b), mul: each(bits, (a, b) => a * b),
    eq: each(bits, (a, b) => (a === b ? all : 0n)), gt_s: each(bits, (a, b) => (s(a) > s(b) ? all : 0n)),
    min_s: each(bits, (a, b) => (s(a) < s(b) ? a : b)), max_s: each(bits, (a, b) => (s(a) > s(b) ? a : b)),
    min_u: each(bits, (a, b) => (a < b ? a : b)), max_u: each(bits, (a, b) => (a > b ? a : b)),
    add_sat_s: each(bits, (a, b) => clamp(s(a) + s(b), -top, top - 1n)),
    add_sat_u: each(bits, (a, b) => clamp(a + b, 0n, all)),
    sub_sat_s: each(bits, (a, b) => clamp(s(a) - s(b), -top, top - 1n)),
    sub_sat_u: each(bits, (a, b) => clamp(a - b, 0n, all)),
    avgr_u: each(bits, (a, b) => (a + b + 1n) >> 1n),
    abs: one(bits, a => (s(a) < 0n ? -a : a)),
    shl: shift(bits, (a, n) => a << n), shr_s: shift(bits, (a, n) => s(a) >> n), shr_u: shift(bits, (a, n) => a >> n),
    bitmask: pure('v>i', a => lanes(a, bits).reduce((m, x, i) => m | ((x >> BigInt(bits - 1)) << BigInt(i)), 0n)),
  }
  const shape = `i${bits}x${128 / bits}`
  return Object.fromEntries(kinds.split(' ').map(kind => [`${shape}.${kind}`, rows[kind]!]))
}

/** Lanes of twice the width from two vectors, saturated to half of it. */
function narrow(from: number): { [name: string]: OpRow } {
  const to = from / 2, top = 1n << BigInt(to - 1), s = signed(from)
  const both = (low: bigint, high: bigint) => pure('vv>v', (a, b) =>
    join([...lanes(a, from), ...lanes(b, from)].map(x => clamp(s(x), low, high)), to))
  const name = `i${to}x${128 / to}.narrow_i${from}x${128 / from}`
  return { [`${name}_s`]: both(-top, top - 1n), [`${name}_u`]: both(0n, 2n * top - 1n) }
}
/** The lower lanes, widened; products of widened lanes. */
function widen(from: number): { [name: string]: OpRow } {
  const to = 2 * from, half = 64 / from, s = signed(from)
  const product = (high: boolean, f: (x: bigint) => bigint) => pure('vv>v', (a, b) => {
    const at = high ? half : 0, x = lanes(a, from).slice(at, at + half), y = lanes(b, from).slice(at, at + half)
    return join(x.map((v, i) => f(v) * f(y[i]!)), to)
  })
  const shape = `i${to}x${128 / to}`, source = `i${from}x${128 / from}`, same = (x: bigint) => x
  return {
    [`${shape}.extend_low_${source}_s`]: pure('v>v', a => join(lanes(a, from).slice(0, half).map(s), to)),
    [`${shape}.extend_low_${source}_u`]: pure('v>v', a => join(lanes(a, from).slice(0, half), to)),
    [`${shape}.extmul_low_${source}_s`]: product(false, s),
    [`${shape}.extmul_high_${source}_s`]: product(true, s),
    [`${shape}.extmul_low_${source}_u`]: product(false, same),
    [`${shape}.extmul_high_${source}_u`]: product(true, same),
  }
}

const byte = (x: bigint, i: bigint): bigint => (x >> (8n * i)) & 0xffn
const bytes = (f: (i: bigint) => bigint): bigint => join(Array.from({ length: 16 }, (_, i) => f(BigInt(i))), 8)

type Own = 'const' | 'lo' | 'hi' | 'make' | 'setlo' | 'sethi' | 'd' | 'setd' | 'f' | 'setf' | 'select' | 'shuffle'
export type VectorOp = `v.${Own}` | `v128.${'and' | 'or' | 'xor' | 'andnot'}` | `${'i8x16' | 'i16x8' | 'i32x4' | 'i64x2'}.${string}`

export const vectorRows: { readonly [N in VectorOp]: OpRow } = {
  // The words are in lo, hi, a and b.
  'v.const': { sig: '>v', effect: 'none' },
  // Halves: 64 bits each, lower first.
  'v.lo': pure('v>l', a => a & M64),
  'v.hi': pure('v>l', a => a >> 64n),
  'v.make': pure('ll>v', (lo, hi) => (hi << 64n) | lo),
  'v.setlo': pure('vl>v', (a, lo) => (a & ~M64 & M128) | lo),
  'v.sethi': pure('vl>v', (a, hi) => (a & M64) | (hi << 64n)),
  // The lowest lane as a number, and with another one in its place.
  'v.d': pure('v>d', a => a & M64),
  'v.setd': pure('vd>v', (a, d) => (a & ~M64 & M128) | d),
  'v.f': pure('v>f', a => a & 0xffffffffn),
  'v.setf': pure('vf>v', (a, f) => (a & ~0xffffffffn & M128) | f),
  'v.select': pure('ivv>v', (c, a, b) => (c ? a : b)),
  // Bytes of the two vectors, by number: 0-15 of the first, 16-31 of the second; others are 0.
  'v.shuffle': pure('vvv>v', (a, b, m) => bytes(i => {
    const n = byte(m, i)
    return n < 16n ? byte(a, n) : n < 32n ? byte(b, n - 16n) : 0n
  })),
  'i8x16.swizzle': pure('vv>v', (a, m) => bytes(i => (byte(m, i) < 16n ? byte(a, byte(m, i)) : 0n))),
  'v128.and': pure('vv>v', (a, b) => a & b, true),
  'v128.or': pure('vv>v', (a, b) => a | b, true),
  'v128.xor': pure('vv>v', (a, b) => a ^ b, true),
  'v128.andnot': pure('vv>v', (a, b) => a & ~b & M128),
  ...laneRows(8, 'add sub eq gt_s min_s max_s min_u max_u add_sat_s add_sat_u sub_sat_s sub_sat_u avgr_u abs bitmask'),
  ...laneRows(16, 'add sub mul eq gt_s min_s max_s min_u max_u add_sat_s add_sat_u sub_sat_s sub_sat_u avgr_u abs shl shr_s shr_u'),
  ...laneRows(32, 'add sub mul eq gt_s min_s max_s min_u max_u abs shl shr_s shr_u bitmask'),
  ...laneRows(64, 'add sub eq gt_s shl shr_u bitmask'),
  ...narrow(16), ...narrow(32), ...widen(8), ...widen(16), ...widen(32),
  'i32x4.dot_i16x8_s': pure('vv>v', (a, b) => {
    const s = signed(16), p = lanes(a, 16).map((x, i) => s(x) * s(lanes(b, 16)[i]!))
    return join([0, 1, 2, 3].map(i => p[2 * i]! + p[2 * i + 1]!), 32)
  }),
}
