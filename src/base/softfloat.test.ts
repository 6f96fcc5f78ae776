import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as sf from './softfloat.ts'
import {
  CLASS, FLAG, ROUND, UNORDERED, bfloat16, binary128, binary16, binary32, binary64, extended80, floatContext,
  type FloatContext, type FloatFormat, type Rounding,
} from './softfloat.ts'

const bytes = new DataView(new ArrayBuffer(8))
const fromDouble = (v: number): bigint => (bytes.setFloat64(0, v), bytes.getBigUint64(0))
const toDouble = (bits: bigint): number => (bytes.setBigUint64(0, bits), bytes.getFloat64(0))
const fromFloat = (v: number): bigint => (bytes.setFloat32(0, v), BigInt(bytes.getUint32(0)))

const riscv = (settings: Parameters<typeof floatContext>[1] = {}) => floatContext('canonical', settings)
const roundings = Object.values(ROUND)

const doubles = [
  0, Number.MIN_VALUE, 3 * Number.MIN_VALUE, 2 ** -1022 - 2 ** -1074, 2 ** -1022, 2 ** -1021 + 2 ** -1073,
  2 ** -537, 2 ** -150, 2 ** -149, 2 ** -127, 2 ** -126, 1e-10, 0.1, 0.5, 1 - 2 ** -53, 1,
  1 + 2 ** -52, 1.5, 1 + 2 ** -24, 2, 3, 7.5, 1e10, 2 ** 31 - 0.5,
  2 ** 31, 2 ** 53 + 2, 2 ** 63, 2 ** 64, 2 ** 127, (2 - 2 ** -23) * 2 ** 127,
  2 ** 128 - 2 ** 103, 2 ** 512, 2 ** 1023, Number.MAX_VALUE, Infinity, NaN,
].flatMap(v => [v, -v])

/** Equal bits, or both NaN: JavaScript does not say which NaN it makes. */
function sameFloat(actual: bigint, expected: bigint, f: FloatFormat, message: string): void {
  const isNan = (bits: bigint) => (sf.classify(f, bits) & (CLASS.QUIET_NAN | CLASS.SIGNALING_NAN)) !== 0
  if (!isNan(expected)) assert.equal(actual.toString(16), expected.toString(16), message)
  else assert.ok(isNan(actual), `${message}: ${actual.toString(16)} is no NaN`)
}

type Soft = (f: FloatFormat, a: bigint, b: bigint, ctx: FloatContext) => bigint
const operators: [string, Soft, (a: number, b: number) => number][] = [
  ['+', sf.add, (a, b) => a + b],
  ['-', sf.sub, (a, b) => a - b],
  ['*', sf.mul, (a, b) => a * b],
  ['/', sf.div, (a, b) => a / b],
  ['%', (f, a, b, ctx) => sf.rem(f, a, b, ctx, 'truncated'), (a, b) => a % b],
]

test('arithmetic on doubles is the host\'s', () => {
  for (const [name, ours, theirs] of operators) {
    for (const a of doubles) {
      for (const b of doubles) {
        const result = ours(binary64, fromDouble(a), fromDouble(b), riscv())
        sameFloat(result, fromDouble(theirs(a, b)), binary64, `${a} ${name} ${b}`)
      }
    }
  }
  for (const a of doubles) {
    const root = fromDouble(Math.sqrt(a))
    sameFloat(sf.sqrt(binary64, fromDouble(a), riscv()), root, binary64, `√${a}`)
  }
})

test('arithmetic on floats is the host\'s in double, rounded once more', () => {
  const floats = [...new Set(doubles.map(Math.fround))]
  for (const [name, ours, theirs] of operators) {
    for (const a of floats) {
      for (const b of floats) {
        const result = ours(binary32, fromFloat(a), fromFloat(b), riscv())
        sameFloat(result, fromFloat(Math.fround(theirs(a, b))), binary32, `${a} ${name} ${b}`)
      }
    }
  }
  for (const a of floats) {
    const root = fromFloat(Math.fround(Math.sqrt(a)))
    sameFloat(sf.sqrt(binary32, fromFloat(a), riscv()), root, binary32, `√${a}`)
  }
})

test('conversions are the host\'s', () => {
  for (const v of doubles) {
    const bits = fromDouble(v), float = Math.fround(v), floatBits = fromFloat(float)
    sameFloat(sf.convert(binary64, binary32, bits, riscv()), floatBits, binary32, `float(${v})`)
    const widened = sf.convert(binary32, binary64, floatBits, riscv())
    sameFloat(widened, fromDouble(float), binary64, `double(${float})`)
    const integral = (rounding: Rounding, expected: number) => {
      const result = sf.roundToInt(binary64, bits, riscv(), true, rounding)
      sameFloat(result, fromDouble(expected), binary64, `${v} to integral, rounding ${rounding}`)
    }
    integral(ROUND.RDN, Math.floor(v))
    integral(ROUND.RUP, Math.ceil(v))
    integral(ROUND.RTZ, Math.trunc(v))
    if (Math.abs(v) < 2 ** 63) {
      const integer = BigInt.asUintN(64, BigInt(Math.trunc(v)))
      assert.equal(sf.toInt(binary64, bits, 64, true, riscv(), ROUND.RTZ), integer)
      assert.equal(sf.fromInt(binary64, integer, 64, true, riscv()), fromDouble(Math.trunc(v) + 0))
    }
  }
})

test('comparison is the host\'s; invalid if signaling for any NaN, if quiet for signaling NaNs', () => {
  for (const a of doubles) {
    for (const b of doubles) {
      const x = fromDouble(a), y = fromDouble(b), ctx = riscv()
      assert.equal(sf.eq(binary64, x, y, ctx), a === b)
      assert.equal(sf.ltQuiet(binary64, x, y, ctx), a < b)
      assert.equal(sf.leQuiet(binary64, x, y, ctx), a <= b)
      assert.equal(ctx.flags, 0)
      assert.equal(sf.lt(binary64, x, y, ctx), a < b)
      assert.equal(ctx.flags, a !== a || b !== b ? FLAG.NV : 0)
      ctx.flags = 0
      assert.equal(sf.le(binary64, x, y, ctx), a <= b)
      assert.equal(ctx.flags, a !== a || b !== b ? FLAG.NV : 0)
    }
  }
  const ctx = riscv()
  assert.equal(sf.compare(binary32, 0x7f800001n, 0n, ctx, false), UNORDERED)
  assert.equal(ctx.flags, FLAG.NV)
})

/** The positive finite values of a 16-bit format as doubles; the index is the bit pattern. */
const magnitudes = (f: FloatFormat): number[] =>
  Array.from({ length: Number(f.infinity) }, (_, i) => toDouble(sf.convert(f, binary64, BigInt(i), riscv())))

/** Rounding by looking for the neighbours: the reference for conversion to a 16-bit format. */
function reference(
  f: FloatFormat, list: number[], v: number, rounding: Rounding, tininess: 'before' | 'after',
): { bits: bigint, flags: number } {
  const sign = v < 0 || Object.is(v, -0) ? 1 : 0, m = Math.abs(v)
  let low = 0, high = list.length
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (list[middle]! <= m) low = middle
    else high = middle
  }
  const step = list[list.length - 1]! - list[list.length - 2]!
  const above = low + 1 < list.length ? list[low + 1]! : list[low]! + step // or 2^(emax + 1)
  const exact = list[low] === m
  const upwards = {
    [ROUND.RTZ]: false,
    [ROUND.RDN]: sign === 1,
    [ROUND.RUP]: sign === 0,
    [ROUND.RNE]: m - list[low]! > above - m || m - list[low]! === above - m && low % 2 === 1,
    [ROUND.RMM]: m - list[low]! >= above - m,
  }[rounding] && !exact
  let index = upwards ? low + 1 : low, flags = exact ? 0 : FLAG.NX
  if (low === list.length - 1 && (upwards || m >= above)) {
    // Every overflow, also one far beyond the largest number.
    flags = FLAG.OF | FLAG.NX
    const nearest = rounding === ROUND.RNE || rounding === ROUND.RMM
    index = nearest || rounding === (sign ? ROUND.RDN : ROUND.RUP) ? list.length : list.length - 1
  }
  const smallest = 2 ** f.emin
  // Scaled up, so that the format's lower bound does not count.
  const scaled = () => list[Number(reference(f, list, v * 2 ** 8, rounding, 'before').bits & ~f.signBit)]!
  const tiny = m < smallest && (tininess === 'before' || scaled() < smallest * 2 ** 8)
  if (!exact && tiny) flags |= FLAG.UF
  return { bits: BigInt(index) | (sign ? f.signBit : 0n), flags }
}

test('conversion to 16-bit formats: every rounding mode, tininess before and after rounding', () => {
  for (const f of [binary16, bfloat16]) {
    const list = magnitudes(f)
    const largest = list.length - 1
    const indices = [
      0, 1, 2, 3, f.fractionBits, 2 ** f.fractionBits - 2, 2 ** f.fractionBits - 1, 2 ** f.fractionBits,
      2 ** f.fractionBits + 1, 2 ** (f.fractionBits + 1) - 1, 5000, largest - 1, largest,
    ]
    const bit = 2 ** -20
    const parts = [0, bit, 0.25, 0.5 - bit, 0.5, 0.5 + bit, 0.75, 0.75 + bit, 1 - bit, 4]
    for (const i of indices) {
      const v = list[i]!, gap = i < largest ? list[i + 1]! - v : v - list[i - 1]!
      for (const part of parts) {
        for (const w of [v + gap * part, -(v + gap * part)]) {
          for (const rounding of roundings) {
            for (const tininess of ['before', 'after'] as const) {
              const ctx = riscv({ rounding, tininess })
              const bits = sf.convert(binary64, f, fromDouble(w), ctx)
              assert.deepEqual({ bits, flags: ctx.flags }, reference(f, list, w, rounding, tininess),
                `${w} to ${f.name}, rounding ${rounding}, tininess ${tininess}`)
            }
          }
        }
      }
    }
  }
})

test('a product just below the smallest normal number is tiny before rounding, not after', () => {
  // (2 − 2^−23) · 2^−127 · 1 has 24 bits and rounds as a subnormal; with a longer tail it rounds as a normal.
  const a = fromFloat(1 + 2 ** -12), b = fromFloat((1 - 2 ** -12) * 2 ** -126) // (1 − 2^−24) · 2^−126
  const after = riscv(), before = riscv({ tininess: 'before' })
  assert.equal(sf.mul(binary32, a, b, after), 0x00800000n)
  assert.equal(after.flags, FLAG.NX | FLAG.UF)
  const c = fromFloat((1 - 2 ** -13) * 2 ** -126), d = fromFloat(1 + 2 ** -13) // (1 − 2^−26) · 2^−126
  after.flags = 0
  assert.equal(sf.mul(binary32, c, d, after), 0x00800000n)
  assert.equal(after.flags, FLAG.NX)
  assert.equal(sf.mul(binary32, c, d, before), 0x00800000n)
  assert.equal(before.flags, FLAG.NX | FLAG.UF)
})

test('formats convert into longer ones and back unchanged', () => {
  const ladder = [binary16, binary32, binary64, extended80, binary128]
  for (let bits = 0n; bits < 0x10000n; bits += 7n) {
    const ctx = floatContext('x86')
    let v = bits
    for (let i = 1; i < ladder.length; i++) v = sf.convert(ladder[i - 1]!, ladder[i]!, v, ctx)
    for (let i = ladder.length - 1; i > 0; i--) v = sf.convert(ladder[i]!, ladder[i - 1]!, v, ctx)
    const quieted = sf.classify(binary16, bits) === CLASS.SIGNALING_NAN ? bits | binary16.quietBit : bits
    assert.equal(v, quieted)
    assert.equal(ctx.flags & (FLAG.NX | FLAG.OF | FLAG.UF), 0)
  }
})

test('fused multiply-add rounds once', () => {
  const one = fromDouble(1), x = fromDouble(1 + 2 ** -30)
  // (1 + 2^−30)² − (1 + 2^−29) = 2^−60, which the rounded product has lost.
  const ctx = riscv()
  assert.equal(toDouble(sf.fma(binary64, x, x, fromDouble(-(1 + 2 ** -29)), ctx)), 2 ** -60)
  assert.equal(ctx.flags, 0)
  assert.equal(toDouble(sf.fma(binary64, x, one, one, ctx, true, false)), -(2 ** -30))
  assert.equal(toDouble(sf.fma(binary64, one, one, one, ctx, true, true)), -2)
  assert.equal(sf.fma(binary64, one, one, one, ctx, true, false), 0n)
  assert.equal(sf.fma(binary64, one, one, one, riscv({ rounding: ROUND.RDN }), true, false), binary64.signBit)
})

test('infinity times zero plus a quiet NaN is invalid for RISC-V, not for x86', () => {
  const nan = 0x7ff8000000000001n
  const canonical = riscv(), x86 = floatContext('x86')
  assert.equal(sf.fma(binary64, binary64.infinity, 0n, nan, canonical), 0x7ff8000000000000n)
  assert.equal(canonical.flags, FLAG.NV)
  assert.equal(sf.fma(binary64, binary64.infinity, 0n, nan, x86), nan)
  assert.equal(x86.flags, 0)
})

test('minimum and maximum differ in what they make of NaNs and zeros', () => {
  const one = 0x3f800000n, minusZero = 0x80000000n
  const quiet = 0x7fc00001n, signaling = 0x7f800001n, canonical = 0x7fc00000n
  const run = (op: typeof sf.min, which: sf.MinMax, a: bigint, b: bigint) => {
    const ctx = riscv()
    return [op(binary32, a, b, ctx, which), ctx.flags]
  }
  assert.deepEqual(run(sf.min, 'minNum', quiet, one), [one, 0])
  assert.deepEqual(run(sf.min, 'minNum', one, signaling), [canonical, FLAG.NV])
  assert.deepEqual(run(sf.min, 'minimumNumber', one, quiet), [one, 0])
  assert.deepEqual(run(sf.min, 'minimumNumber', signaling, one), [one, FLAG.NV])
  assert.deepEqual(run(sf.max, 'minimumNumber', signaling, quiet), [canonical, FLAG.NV])
  assert.deepEqual(run(sf.max, 'minimum', quiet, one), [canonical, 0])
  assert.deepEqual(run(sf.max, 'minimum', one, signaling), [canonical, FLAG.NV])
  for (const which of ['minNum', 'minimumNumber', 'minimum'] as const) {
    assert.deepEqual(run(sf.min, which, 0n, minusZero), [minusZero, 0])
    assert.deepEqual(run(sf.max, which, minusZero, 0n), [0n, 0])
    assert.deepEqual(run(sf.min, which, one, minusZero), [minusZero, 0])
  }
  assert.deepEqual(run(sf.min, 'x86', quiet, one), [one, FLAG.NV])
  assert.deepEqual(run(sf.min, 'x86', one, signaling), [signaling, FLAG.NV])
  assert.deepEqual(run(sf.max, 'x86', minusZero, 0n), [0n, 0])
  assert.deepEqual(run(sf.max, 'x86', 0n, minusZero), [minusZero, 0])
})

test('numbers beyond the integers: RISC-V saturates, x86 answers indefinite', () => {
  const cases: [number, number, boolean, bigint, bigint][] = [
    [NaN, 32, true, 0x7fffffffn, 0x80000000n],
    [Infinity, 32, false, 0xffffffffn, 0xffffffffn],
    [-Infinity, 32, true, 0x80000000n, 0x80000000n],
    [-1, 32, false, 0n, 0xffffffffn],
    [2 ** 31, 32, true, 0x7fffffffn, 0x80000000n],
    [-(2 ** 63) * 1.5, 64, true, 0x8000000000000000n, 0x8000000000000000n],
    [2 ** 64, 64, false, 0xffffffffffffffffn, 0xffffffffffffffffn],
    [Number.MAX_VALUE, 64, true, 0x7fffffffffffffffn, 0x8000000000000000n],
  ]
  for (const [v, width, signed, saturated, indefinite] of cases) {
    const canonical = riscv({ rounding: ROUND.RTZ }), x86 = floatContext('x86', { rounding: ROUND.RTZ })
    assert.equal(sf.toInt(binary64, fromDouble(v), width, signed, canonical), saturated, `${v}`)
    assert.equal(sf.toInt(binary64, fromDouble(v), width, signed, x86), indefinite, `${v}`)
    assert.equal(canonical.flags, FLAG.NV)
    assert.equal(x86.flags, FLAG.NV)
  }
  const ctx = riscv()
  assert.equal(sf.toInt(binary64, fromDouble(-0.5), 32, false, ctx, ROUND.RTZ), 0n)
  assert.equal(ctx.flags, FLAG.NX)
})

test('classes are the bits of FCLASS', () => {
  const cases: [bigint, number][] = [
    [0xff800000n, 0], [0xbf800000n, 1], [0x80000001n, 2], [0x80000000n, 3], [0n, 4], [0x007fffffn, 5],
    [0x00800000n, 6], [0x7f800000n, 7], [0x7fbfffffn, 8], [0xffc00000n, 9],
  ]
  for (const [bits, position] of cases) assert.equal(sf.classify(binary32, bits), 1 << position)
})

test('x87 encodings without the integer bit are invalid', () => {
  const one = 0x3fff8000000000000000n, indefinite = 0xffffc000000000000000n
  const unsupported = [
    0x3fff0000000000000000n, 0x7fff0000000000000000n, 0x7fff4000000000000000n, 0x00010000000000000001n,
  ]
  for (const bad of unsupported) {
    const ctx = floatContext('x87')
    assert.equal(sf.add(extended80, one, bad, ctx), indefinite)
    assert.equal(ctx.flags, FLAG.NV)
    assert.equal(sf.compare(extended80, one, bad, ctx, false), UNORDERED)
    assert.equal(sf.classify(extended80, bad), 0)
  }
  // A pseudo-denormal is a number.
  const ctx = floatContext('x87')
  assert.equal(sf.add(extended80, 0x00008000000000000000n, 0n, ctx), 0x00018000000000000000n)
  assert.equal(ctx.flags, FLAG.DE)
})

test('x87 precision control rounds the significand and keeps the range', () => {
  const one = 0x3fff8000000000000000n, ulp = 0x3fc08000000000000000n // 2^−63
  const sum = (precision: number) => {
    const ctx = floatContext('x87', { precision, rounding: ROUND.RUP })
    return [sf.add(extended80, one, ulp, ctx), ctx.flags]
  }
  assert.deepEqual(sum(0), [0x3fff8000000000000001n, 0])
  assert.deepEqual(sum(53), [0x3fff8000000000000800n, FLAG.NX])
  assert.deepEqual(sum(24), [0x3fff8000010000000000n, FLAG.NX])
})

test('the IEEE remainder is to the nearest multiple', () => {
  const rem = (a: number, b: number) => toDouble(sf.rem(binary64, fromDouble(a), fromDouble(b), riscv()))
  assert.equal(rem(5, 3), -1)
  assert.equal(rem(4, 3), 1)
  assert.equal(rem(3, 2), -1) // 1.5: to even
  assert.equal(rem(5, 2), 1) // 2.5: to even
  assert.equal(rem(1.5, 3), 1.5) // 0.5: to even
  assert.equal(rem(2, 3), -1)
  assert.ok(Object.is(rem(-6, 3), -0))
  assert.equal(rem(1, Infinity), 1)
  assert.ok(Math.abs(rem(Number.MAX_VALUE, 3)) <= 1.5)
})

test('square roots of binary128 are between the squares', () => {
  for (let i = 1n; i < 200n; i++) {
    const x = sf.fromInt(binary128, i * i * 0x123456789abcdefn + i, 128, false, riscv())
    const low = sf.sqrt(binary128, x, riscv({ rounding: ROUND.RDN })), high = low + 1n
    const below = sf.mul(binary128, low, low, riscv({ rounding: ROUND.RUP }))
    const above = sf.mul(binary128, high, high, riscv({ rounding: ROUND.RDN }))
    assert.ok(sf.le(binary128, below, x, riscv()))
    assert.ok(sf.le(binary128, x, above, riscv()))
  }
})

test('the example in the header', () => {
  const ctx = riscv({ rounding: ROUND.RUP })
  assert.equal(sf.add(binary64, 0x3ff0000000000000n, 1n, ctx), 0x3ff0000000000001n)
  assert.equal(ctx.flags, FLAG.NX)
})

test('what is out of reach says so', () => {
  assert.throws(() => floatContext('arm'), /not implemented: floating-point NaN policy 'arm'/)
  assert.throws(() => sf.add(binary32, 1n << 32n, 0n, riscv()), /does not fit binary32/)
  assert.throws(() => sf.add(binary32, 0n, -1n, riscv()), /does not fit binary32/)
})
