// Every row of the instruction tables: the constant is named after the mnemonic, the host agrees with its
// types, and the printer finds the row again.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as atomics from './atomics.ts'
import * as opcodes from './opcodes.ts'
import * as simd from './simd.ts'
import { F32, F64, FUNCREF, I32, I64, V128, moduleBuilder, type Code } from './encode.ts'
import { printModule } from './print.ts'
import { ADDRESS, OPCODES, opTable, type OpInfo, type ValType } from './table.ts'

const rows = opTable.filter(row => row !== undefined)

function constant(f: Code, type: ValType, memory64: boolean): void {
  switch (type) {
    case I32: f.i32c(1); break
    case I64: f.i64n(1); break
    case F32: f.f32c(1); break
    case F64: f.f64c(1); break
    case V128: f.v128c(1, 2, 3, 4); break
    case ADDRESS: constant(f, memory64 ? I64 : I32, memory64); break
    default: throw new Error(`no constant of type ${type}`)
  }
}

/** Emits the row's instruction through the method that takes its immediates. */
function emit(f: Code, row: OpInfo): void {
  const op = row.opcode as never
  switch (row.immediates.join(' ')) {
    case '': f.op(op); break
    case 'mem': f.mem(op); break
    case 'lane': f.lane(op, 1); break
    case 'mem lane': f.memLane(op, 1); break
    default: return special(f, row.name)
  }
}

function special(f: Code, name: string): void {
  switch (name) {
    case 'memory.size': f.memorySize(); break
    case 'memory.grow': f.memoryGrow(); break
    case 'memory.copy': f.memoryCopy(); break
    case 'memory.fill': f.memoryFill(); break
    case 'memory.init': f.memoryInit(0 as never); break
    case 'data.drop': f.dataDrop(0 as never); break
    case 'atomic.fence': f.fence(); break
    case 'i32.const': f.i32c(5); break
    case 'i64.const': f.i64n(5); break
    case 'f32.const': f.f32c(5); break
    case 'f64.const': f.f64c(5); break
    case 'v128.const': f.v128c(5, 6, 7, 8); break
    case 'i8x16.shuffle': f.shuffle([0, 1, 2, 3, 4, 5, 6, 7, 24, 25, 26, 27, 28, 29, 30, 31]); break
    case 'ref.func': f.refFunc(f); break
    default: throw new Error(`no method for ${name}`)
  }
}

/**
 * Table instructions have no method on the builder but two; these types are from the stack or the immediates.
 */
const UNTESTED = /^(table\.(init|copy|grow|size|fill)|elem\.drop)$/

for (const memory64 of [false, true]) {
  test(`the host agrees with every row's types, memory64 ${memory64}`, () => {
    let tested = 0
    for (const row of rows) {
      if (!row.operands || UNTESTED.test(row.name)) continue
      const m = moduleBuilder()
      m.memory({ min: 1, max: 2, shared: true, memory64 })
      m.passiveData(new Uint8Array(4))
      const results = row.results!.map(type => type === ADDRESS ? memory64 ? I64 : I32 : type)
      const f = m.function(m.type([], results))
      m.declareElements([f])
      for (const type of row.operands) constant(f, type, memory64)
      emit(f, row)
      const bytes = m.finish()
      // Constructing gives V8's message where validate() only says no.
      assert.doesNotThrow(() => new WebAssembly.Module(bytes), row.name)
      const text = printModule(bytes).split('\n')
      const printed = text[text.indexOf('  )') - 1].trim().split(' ')[0]
      assert.equal(printed, row.name)
      tested++
    }
    assert.ok(tested > 450, `${tested} rows`)
  })
}

test('a wrong operand type does not validate: the check above can fail', () => {
  const m = moduleBuilder()
  m.function(m.type([], [I32])).i32c(1).i64n(1).op(opcodes.I32_ADD)
  assert.equal(WebAssembly.validate(m.finish()), false)
})

test('constants are named after mnemonics and opcodes are unique', () => {
  let constants = 0
  for (const [name, opcode] of Object.entries({ ...opcodes, ...simd, ...atomics })) {
    const row = opTable[opcode]!
    const mnemonic = name === 'SELECT_TYPED' ? 'SELECT' : name
    assert.equal(row.name.toUpperCase().replace('.', '_').replaceAll('.', '_'), mnemonic)
    assert.ok(opcode < OPCODES)
    constants++
  }
  assert.equal(rows.length, constants)
})

test('signatures have types only where they are fixed', () => {
  for (const row of rows) assert.equal(row.operands === null, row.results === null, row.name)
  assert.deepEqual(opTable[opcodes.I64_STORE8]!.operands, [ADDRESS, I64])
  assert.deepEqual(opTable[opcodes.REF_FUNC]!.results, [FUNCREF])
})
