// The functions for numbers of 80 bits against soft-float: what they do not refuse is exact, and what is common is not refused.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generator } from '../base/random.ts'
import * as sf from '../base/softfloat.ts'
import { type Code, I64, moduleBuilder } from './encode.ts'
import * as X from './extended.ts'
import { divideWide, Library, mulhUnsigned } from './lower.ts'

const f = sf.extended80, context = sf.floatContext('x87')
const arithmetic = { add: sf.add, mul: sf.mul, div: sf.div }
type Result = [e: number, m: bigint, status: number]

function build() {
  const m = moduleBuilder(), lib = new Library(m)
  const made: Record<string, Code> = {
    add: X.add(lib), mul: X.mul(lib, lib.get('mulh.uu', [I64, I64], [I64], mulhUnsigned)),
    div: X.div(lib, lib.get('divw.u', [I64, I64, I64], [I64], divideWide)), compare: X.compare(lib), fromint: X.fromInteger(lib),
    from32: X.fromFloat(lib, false), from64: X.fromFloat(lib, true), to32: X.toFloat(lib, false), to64: X.toFloat(lib, true),
    ...Object.fromEntries([16, 32, 64].flatMap(n => [[`int${n}`, X.toInteger(lib, n, false)], [`int${n}t`, X.toInteger(lib, n, true)]])),
  }
  for (const [name, code] of Object.entries(made)) m.exportFunction(name, code)
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(m.finish()))
  return exports as Record<string, (...values: (number | bigint)[]) => unknown>
}

const random = generator(1), below = (n: number) => Math.floor(random() * n)
const bits = (n: number) => BigInt.asUintN(n, Array.from({ length: 5 }, () => BigInt(below(0x10000))).reduce((v, x) => (v << 16n) | x, 0n))
/** Normal, mostly close to 1; at times zero, or what must be refused. */
function number(): bigint {
  const kind = random()
  if (kind < 0.04) return BigInt(below(2)) << 79n
  const exponent = kind < 0.08 ? below(0x8000) : 16383 + below(140) - 70
  const m = random() < 0.3 ? 0n : random() < 0.3 ? (1n << 63n) - 1n : random() < 0.4 ? 1n << BigInt(below(63)) : bits(63)
  return (BigInt(below(2)) << 79n) | (BigInt(exponent) << 64n) | (exponent ? 1n << 63n : 0n) | m
}
const split = (v: bigint): [number, bigint] => [Number(v >> 64n), BigInt.asIntN(64, v)]
const join = (e: number, m: bigint): bigint => (BigInt(e) << 64n) | BigInt.asUintN(64, m)

/** Compares a result with soft-float's; whether it was refused. */
function same(what: string, status: number, got: bigint, expected: () => bigint): boolean {
  if (status & X.Status.REFUSED) return true
  context.flags = 0
  context.up = false
  assert.equal(got.toString(16), expected().toString(16), what)
  const inexact = (context.flags & sf.FLAG.NX) !== 0
  assert.equal(context.flags & ~sf.FLAG.NX, 0, `${what}: flags`)
  assert.equal(status, Number(inexact) | (inexact && context.up ? X.Status.UP : 0), `${what}: status`)
  return false
}

test('numbers of 80 bits: what is not refused is what soft-float computes', () => {
  const x = build(), refused: Record<string, number> = {}, count = 20_000
  context.rounding = 0
  context.precision = 0
  const note = (name: string, was: boolean) => { refused[name] = (refused[name] ?? 0) + Number(was) }
  for (let n = 0; n < count; n++) {
    const a = number(), b = number(), text = `${a.toString(16)} ${b.toString(16)}`
    for (const name of ['add', 'mul', 'div'] as const) {
      const [e, m, status] = x[name]!(...split(a), ...split(b)) as Result
      note(name, same(`${name} ${text}`, status, join(e, m), () => arithmetic[name](f, a, b, context)))
    }
    const order = x.compare!(...split(a), ...split(b)) as number
    if (order !== 2) assert.equal(order, sf.compare(f, a, b, context, true) || 0, `compare ${text}`)
    note('compare', order === 2)
    for (const [name, to, width] of [['to32', sf.binary32, 32], ['to64', sf.binary64, 64]] as const) {
      const [v, status] = x[name]!(...split(a)) as [bigint, number]
      note(name, same(`${name} ${text}`, status, BigInt.asUintN(width, v), () => sf.convert(f, to, a, context)))
    }
    for (const width of [16, 32, 64] as const)
      for (const truncate of [false, true]) {
        const [v, status] = x[`int${width}${truncate ? 't' : ''}`]!(...split(a)) as [bigint, number]
        same(`int${width} ${text}`, status, BigInt.asUintN(width, v),
          () => BigInt.asUintN(width, sf.toInt(f, a, width, true, context, truncate ? sf.ROUND.RTZ : 0)))
      }
    const integer = BigInt.asIntN(64, bits(64) >> BigInt(below(64))), [e, m, status] = x.fromint!(integer) as Result
    same(`fromint ${integer}`, status, join(e, m), () => sf.fromInt(f, BigInt.asUintN(64, integer), 64, true, context))
    for (const [name, from, width] of [['from32', sf.binary32, 32], ['from64', sf.binary64, 64]] as const) {
      const v = bits(width), [e, m, status] = x[name]!(BigInt.asIntN(64, v)) as Result
      note(name, same(`${name} ${v.toString(16)}`, status, join(e, m), () => sf.convert(from, f, v, context)))
    }
  }
  for (const [name, times] of Object.entries(refused)) assert.ok(times < count / 5, `${name} refuses ${times} of ${count}`)
})
