import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  I32_ADD, I32_LOAD, I32_LOAD8_U, I32_SUB, I64_ADD, I64_LOAD, REF_IS_NULL,
} from './opcodes.ts'
import { I32_ATOMIC_RMW_ADD } from './atomics.ts'
import { Bytes } from './bytes.ts'
import {
  F32, F64, I32, I64, V128, moduleBuilder, type Code, type ModuleBuilder, type ValType,
} from './encode.ts'
import { wasmFeatures } from './features.ts'
import { printModule } from './print.ts'
import { I32X4_EXTRACT_LANE, I64X2_EXTRACT_LANE } from './simd.ts'
import type { LaneOp } from './table.ts'

function instantiate(m: ModuleBuilder, imports?: WebAssembly.Imports): Record<string, any> {
  return new WebAssembly.Instance(new WebAssembly.Module(m.finish()), imports).exports
}

/** The result of a function without parameters. */
function evaluate(type: ValType, body: (f: Code) => void): any {
  const m = moduleBuilder()
  body(m.function(m.type([], [type]), { export: 'f' }))
  return instantiate(m).f()
}

function leb(value: bigint, signed: boolean): number[] {
  const bytes: number[] = []
  for (;;) {
    const byte = Number(value & 0x7fn)
    value >>= 7n
    if (signed ? value === (byte & 0x40 ? -1n : 0n) : value === 0n) return [...bytes, byte]
    bytes.push(byte | 0x80)
  }
}

test('LEB128 of numbers around every power of two', () => {
  for (let bit = 0n; bit < 64n; bit++) {
    for (const near of [-2n, -1n, 0n, 1n]) {
      for (const sign of [1n, -1n]) {
        const value = BigInt.asIntN(64, sign * (1n << bit) + near)
        const write = (f: (out: Bytes) => void) => {
          const out = new Bytes()
          f(out)
          return [...out.copy()]
        }
        const lo = Number(BigInt.asIntN(32, value)), hi = Number(value >> 32n)
        assert.deepEqual(write(out => out.s64(lo, hi)), leb(value, true), `s64 ${value}`)
        if (BigInt.asIntN(32, value) === value) assert.deepEqual(write(out => out.s32(lo)), leb(value, true))
        const n = Number(value)
        if (value >= 0n && value < 1n << 32n) assert.deepEqual(write(out => out.u32(n)), leb(value, false))
        if (value >= 0n && value < 1n << 53n) assert.deepEqual(write(out => out.u53(n)), leb(value, false))
      }
    }
  }
  assert.throws(() => new Bytes().u53(-1), RangeError)
  assert.throws(() => new Bytes().u53(2 ** 53), RangeError)
})

test('constants arrive as they are', () => {
  for (const value of [0, 1, -1, 63, 64, -64, -65, 0x7fffffff, -0x80000000]) {
    assert.equal(evaluate(I32, f => f.i32c(value)), value)
  }
  for (const value of [0, -1, 2 ** 31, -(2 ** 31) - 1, 2 ** 32, 2 ** 53 - 1, -(2 ** 53) + 1]) {
    assert.equal(evaluate(I64, f => f.i64n(value)), BigInt(value))
  }
  assert.equal(evaluate(I64, f => f.i64c(0x80001234, 0xffffffff)), -0x7fffedccn)
  assert.equal(evaluate(I64, f => f.i64c(0, 0x80000000)), -(1n << 63n))
  assert.throws(() => evaluate(I64, f => f.i64n(2 ** 53)), RangeError)
  assert.equal(evaluate(F64, f => f.f64c(Math.PI)), Math.PI)
  assert.ok(Object.is(evaluate(F64, f => f.f64c(-0)), -0))
  assert.equal(evaluate(F64, f => f.f64bits(0x54442d18, 0x400921fb)), Math.PI)
  assert.equal(evaluate(F32, f => f.f32c(Math.PI)), Math.fround(Math.PI))
  assert.equal(evaluate(F32, f => f.f32bits(0xff800000)), -Infinity)
  const lane = (op: LaneOp, lane: number) => (f: Code) => f.v128c(1, 2, 3, -4).lane(op, lane)
  assert.equal(evaluate(I32, lane(I32X4_EXTRACT_LANE, 3)), -4)
  assert.equal(evaluate(I64, lane(I64X2_EXTRACT_LANE, 0)), 0x200000001n)
})

test('imports, tables, globals, segments and exports', () => {
  const m = moduleBuilder('everything')
  const unary = m.type([I32], [I32]), none = m.type([], [])
  m.importMemory('env', 'memory', { min: 1, max: 2, shared: true })
  const table = m.importTable('env', 'table', { min: 4 })
  const base = m.importGlobal('env', 'base', I32)
  const twice = m.importFunction('env', 'twice', unary)
  const own = m.table({ min: 2, max: 2 })
  const count = m.global(I64, true, -1), fraction = m.global(F64, false, 0.5)
  const plus = m.function(unary, { export: 'plus' }), minus = m.function(unary)
  plus.get(0).i32c(1).op(I32_ADD)
  minus.get(0).i32c(1).op(I32_SUB)
  m.function(m.type([I32, I32], [I32]), { export: 'indirect' }).get(1).get(0).callIndirect(unary, table)
  m.function(m.type([I32, I32], [I32]), { export: 'tail' }).get(1).get(0).returnCallIndirect(unary, own)
  m.function(unary, { export: 'viaJs' }).get(0).returnCall(twice)
  m.function(m.type([], [I64]), { export: 'next' })
    .globalGet(count).i64n(1).op(I64_ADD).globalSet(count).globalGet(count)
  m.function(m.type([], [I32]), { export: 'empty' }).i32c(1).tableGet(own).op(REF_IS_NULL)
  const bytes = m.passiveData(Uint8Array.of(7, 8, 9))
  m.function(none, { export: 'fill' }).i32c(100).i32c(1).i32c(2).memoryInit(bytes).dataDrop(bytes)
  const start = m.function(none)
  start.i32c(36).i32c(1).mem(I32_ATOMIC_RMW_ADD, 4).drop()
  m.start(start)
  m.exportTable('own', own)
  m.exportGlobal('fraction', fraction)
  m.exportMemory('memory')
  m.elementsAt(table, { global: base }, [plus, minus, twice])
  m.elementsAt(own, 0, [minus])
  m.dataAt(40, Uint8Array.of(43, 0, 0, 0))

  const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true })
  const shared = new WebAssembly.Table({ element: 'anyfunc', initial: 4 })
  const wasm = instantiate(m, { env: { memory, table: shared, base: 1, twice: (x: number) => 2 * x } })
  const view = new Uint8Array(memory.buffer)
  assert.equal(wasm.memory, memory)
  assert.deepEqual([wasm.indirect(1, 10), wasm.indirect(2, 10), wasm.indirect(3, 10)], [11, 9, 20])
  assert.throws(() => wasm.indirect(0, 10), WebAssembly.RuntimeError)
  assert.deepEqual([wasm.tail(0, 10), wasm.viaJs(21), wasm.own.get(0)(5)], [9, 42, 4])
  assert.deepEqual([wasm.next(), wasm.next(), wasm.fraction.value, wasm.empty()], [0n, 1n, 0.5, 1])
  assert.equal(view[40], 44)
  wasm.fill()
  assert.deepEqual([...view.subarray(99, 104)], [0, 8, 9, 0, 0])
  assert.throws(() => wasm.fill(), WebAssembly.RuntimeError, 'the segment was dropped')
})

test('locals keep their index in any order of types, and temporaries are used again', () => {
  const m = moduleBuilder()
  const f = m.function(m.type([I32], [I64]), { export: 'f' })
  const a = f.local(I64), b = f.local(I32), c = f.local(I64), d = f.local(V128), e = f.local(I64)
  assert.deepEqual([a, b, c, d, e], [1, 2, 3, 4, 5])
  f.i64n(5).set(e).get(e).set(c)
  const t = f.temp(I64), u = f.temp(I64)
  assert.notEqual(t, u)
  f.free(t)
  assert.notEqual(f.temp(I32), t)
  assert.equal(f.temp(I64), t)
  f.free(t)
  assert.throws(() => f.free(t), /freed twice/)
  f.get(c).set(t).get(t).get(a).op(I64_ADD)
  assert.equal(instantiate(m).f(0), 5n)
})

test('labels resolve to depths, and stale ones are refused', () => {
  const m = moduleBuilder()
  const f = m.function(m.type([I32], [I32]), { export: 'f' })
  const outer = f.block(), middle = f.block(), inner = f.block()
  f.get(0).brTable([outer, middle], inner).end()
  f.i32c(30).return().end()
  assert.throws(() => f.br(inner), /not open/)
  const again = f.block()
  assert.throws(() => f.br(middle), /not open/)
  f.br(again).end().i32c(20).br(f.body).end()
  assert.throws(() => f.end(), /end without block/)
  f.i32c(10)
  const open = moduleBuilder()
  open.function(open.type([], [])).block()
  assert.throws(() => open.finish(), /1 blocks open/)
  const wasm = instantiate(m)
  assert.deepEqual([wasm.f(0), wasm.f(1), wasm.f(2), wasm.f(-1)], [10, 20, 30, 30])
  assert.throws(() => f.i32c(1), /after it was finished/)
})

test('long functions, many locals, far labels and large offsets', () => {
  const m = moduleBuilder()
  m.memory({ min: 1 })
  const f = m.function(m.type([I32], [I32]), { export: 'f' })
  for (let i = 0; i < 300; i++) f.local(i & 1 ? I32 : I64)
  const sum = f.local(I32)
  const outer = f.block()
  for (let i = 0; i < 200; i++) f.block()
  f.get(0).brIf(outer)
  for (let i = 0; i < 5000; i++) f.get(sum).i32c(i).op(I32_ADD).set(sum)
  for (let i = 0; i < 200; i++) f.end()
  f.end().get(sum).i32c(0).load(I32_LOAD8_U, 60000).op(I32_ADD)
  const wasm = instantiate(m)
  assert.deepEqual([wasm.f(0), wasm.f(1)], [5000 * 4999 / 2, 0])
})

test('memories with 64-bit addresses', { skip: !wasmFeatures().memory64 }, () => {
  const m = moduleBuilder()
  m.memory({ min: 1, max: 0x2_0000, memory64: true })
  m.dataAt(8, Uint8Array.of(1, 2, 3))
  m.function(m.type([I64], [I64]), { export: 'near' }).get(0).load(I64_LOAD, 8)
  m.function(m.type([I64], [I64]), { export: 'far' }).get(0).load(I64_LOAD, 2 ** 40)
  const wasm = instantiate(m)
  assert.equal(wasm.near(0n), 0x030201n)
  assert.throws(() => wasm.far(0n), WebAssembly.RuntimeError)
})

test('functions have their names in stack traces', () => {
  const m = moduleBuilder('guest')
  m.function(m.type([], []), { name: 'riscv:ffffffff80001234', export: 'f' }).unreachable()
  try {
    instantiate(m).f()
    assert.fail('does not trap')
  } catch (error) {
    assert.ok(error instanceof WebAssembly.RuntimeError)
    assert.match(error.stack!, /riscv:ffffffff80001234/)
  }
})

test('indices that could change later are refused', () => {
  const m = moduleBuilder()
  const none = m.type([], [])
  assert.equal(m.type([], []), none)
  assert.notEqual(m.type([I32], []), m.type([], [I32]))
  m.function(none)
  m.global(I32, true)
  m.table({ min: 1 })
  assert.throws(() => m.importFunction('a', 'b', none), /after the first function/)
  assert.throws(() => m.importGlobal('a', 'b', I32), /after the first global/)
  assert.throws(() => m.importTable('a', 'b', { min: 1 }), /after the first table/)
  m.memory({ min: 1 })
  assert.throws(() => m.memory({ min: 1 }), /not implemented: several memories/)
  assert.throws(() => moduleBuilder().memory({ min: 1, shared: true }), /needs a maximum/)
})

test('features of this host', () => {
  const features = wasmFeatures()
  // Node 24 has them all; whether the multiply-add is fused depends on the processor.
  const { relaxedMaddFused, ...rest } = features
  assert.equal(typeof relaxedMaddFused, 'boolean')
  for (const [name, has] of Object.entries(rest)) assert.equal(has, true, name)
})

test('a module as text', () => {
  const m = moduleBuilder('demo')
  m.importMemory('env', 'memory', { min: 1, max: 100, shared: true })
  const table = m.importTable('env', 'table', { min: 10 })
  const type = m.type([I32, I64], [I32])
  const log = m.importFunction('env', 'log', type)
  const f = m.function(type, { name: 'riscv:80001234', export: 'f' })
  const t = f.local(F32)
  const out = f.block(), again = f.loop()
  f.get(0).brTable([out, again], out).end().end()
  f.get(0).i64c(0x80001234, -1).call(log)
  f.if(I32)
  f.f32bits(0x7fc00001).set(t).i32c(2).else().i32c(-70000).load(I32_LOAD, 16, 0).end()
  f.get(1).i32c(3).returnCallIndirect(type, table)
  m.dataAt(16, new TextEncoder().encode('hi"\n'))
  const bytes = m.finish()
  assert.ok(WebAssembly.validate(bytes))
  assert.equal(printModule(bytes), `(module $demo
  (type (func (param i32 i64) (result i32)))
  (import "env" "memory" (memory 1 100 shared))
  (import "env" "table" (table 10 funcref))
  (import "env" "log" (func $env.log (type 0)))
  (export "f" (func $riscv:80001234))
  (func $riscv:80001234 (type 0) (param i32 i64) (result i32)
    (local f32)
    block $b1
      loop $l2
        local.get 0
        br_table $b1 $l2 $b1
      end
    end
    local.get 0
    i64.const 0xffffffff80001234
    call $env.log
    if (result i32)
      f32.const nan:0x400001
      local.set 2
      i32.const 2
    else
      i32.const 0xfffeee90
      i32.load offset=16 align=1
    end
    local.get 1
    i32.const 3
    return_call_indirect (type 0)
  )
  (data (i32.const 16) "hi\\22\\0a")
)
`)
  assert.match(printModule(bytes, { offsets: true }), /^\(;0x56;\) {9}br_table/m)
  assert.throws(() => printModule(bytes.subarray(0, bytes.length - 3)), /module ends/)
  assert.throws(() => printModule(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)), /not a WebAssembly module/)
})
