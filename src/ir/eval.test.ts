// The evaluator and the text of blocks. Every operation's result against other implementations:
// test/diff/insn.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { floatContext } from '../base/softfloat.ts'
import { generator } from '../base/random.ts'
import { Builder } from './build.ts'
import { type EvalMachine, evaluate } from './eval.ts'
import { FpEnv, MemOp, op, opNames, rows } from './ops.ts'
import { print } from './print.ts'

function machine(memory = new DataView(new ArrayBuffer(64))): EvalMachine & { memory: DataView } {
  const ok = (address: bigint, bytes: number) => address + BigInt(bytes) <= BigInt(memory.byteLength)
  const read = (address: bigint, bytes: number) => {
    let v = 0n
    for (let i = bytes - 1; i >= 0; i--) v = (v << 8n) | BigInt(memory.getUint8(Number(address) + i))
    return v
  }
  const write = (address: bigint, bytes: number, v: bigint) => {
    for (let i = 0; i < bytes; i++) memory.setUint8(Number(address) + i, Number((v >> BigInt(8 * i)) & 0xffn))
  }
  return {
    memory, registers: [0n, 0n, 0n, 0n], fields: new DataView(new ArrayBuffer(64)),
      float: floatContext('canonical'),
    dynamicRounding: () => 3,
    load: (a, n) => (ok(a, n) ? read(a, n) : undefined),
    store: (a, n, v) => ok(a, n) && (write(a, n, v), true),
    update(a, n, next) {
      if (!ok(a, n)) return undefined
      const old = read(a, n), v = next(old)
      if (v !== undefined) write(a, n, v)
      return old
    },
    call: (helper, a, b) => BigInt(helper) + a - b,
  }
}
function block(make: (g: Builder) => void, fold = true) {
  const g = new Builder(undefined, fold)
  g.begin(0x1000, 0)
  g.insn(4)
  make(g)
  if (!g.ended) g.jump(g.pc(4))
  return g.block
}

test('loads extend as they are told, stores truncate, displacements are signed', () => {
  const m = machine()
  m.registers[0] = 16n
  evaluate(block(g => {
    const a = g.get(0)
    g.store(1, a, g.imm(-2), -8)
    g.set(1, g.load(1, a, -8))
    g.insn(4)
    g.set(2, g.load(1 | MemOp.SIGNED, a, -8))
  }), m)
  assert.deepEqual(m.registers.slice(1, 3), [0xfffen, 0xfffffffffffffffen])
  assert.equal(m.memory.getUint32(8, true), 0xfffe)
})

test('atomics: old value, kinds, compare and swap', () => {
  const m = machine()
  m.memory.setInt32(8, -5, true)
  const word = 2 | MemOp.SIGNED | MemOp.ALIGNED
  evaluate(block(g => { g.set(0, g.amo(5, word, g.imm(8), g.imm(3))) }), m)
  assert.equal(m.registers[0], 0xfffffffffffffffbn)
  assert.equal(m.memory.getInt32(8, true), -5, 'the minimum')
  evaluate(block(g => { g.set(0, g.cas(word, g.imm(8), g.imm(-5), g.imm(7))) }), m)
  assert.equal(m.memory.getInt32(8, true), 7)
  evaluate(block(g => { g.set(0, g.cas(word, g.imm(8), g.imm(-5), g.imm(9))) }), m)
  assert.equal(m.registers[0], 7n)
  assert.equal(m.memory.getInt32(8, true), 7)
})

test('ways out: fault, leave, branch, indirect jump, with the pc of the instruction', () => {
  const m = machine()
  assert.deepEqual(evaluate(block(g => { g.insn(2); g.store(3, g.imm(-1), g.imm(0)) }), m),
    { kind: 'fault', pc: 0x1004n, address: 0xffffffffffffffffn, write: true })
  assert.deepEqual(evaluate(block(g => g.leaveIf(g.i32(1), 7, -1)), m),
    { kind: 'system', pc: 0x1000n, helper: 7, arg: -1 })
  assert.deepEqual(evaluate(block(g => g.branch(g.i32(1), -16)), m), { kind: 'jump', pc: 0xff0n })
  assert.deepEqual(evaluate(block(g => g.branch(g.i32(0), -16)), m), { kind: 'jump', pc: 0x1004n })
  assert.deepEqual(evaluate(block(g => g.jump(g.field(8))), m), { kind: 'jump', pc: 0n })
})

test('floating point takes its rounding from the operation or the state, and accumulates flags', () => {
  const m = machine(), one = 0x3ff0000000000000n, tiny = 1n
  m.registers[0] = one
  m.registers[1] = tiny
  evaluate(block(g => { g.set(2, g.fp('fadd.d', FpEnv.RNE, g.get(0, 'd'), g.get(1, 'd'))) }), m)
  assert.equal(m.registers[2], one)
  evaluate(block(g => { g.set(2, g.fp('fadd.d', FpEnv.DYN, g.get(0, 'd'), g.get(1, 'd'))) }), m)
  assert.equal(m.registers[2], one + 1n)
  assert.equal(m.float.flags, 1)
})

test('folding constants changes nothing', () => {
  const random = generator(9)
  const special = [0, 1, -1, 0x7fffffff, -0x80000000]
  const half = () => (random() < 0.6 ? special[Math.floor(random() * 5)]! : (random() * 2 ** 32) | 0)
  for (const name of opNames) {
    const { sig, effect, eval: ev } = rows[op[name]]!
    if (!ev || effect !== 'none' || !/^[il]+>[il]$/.test(sig) || /div|rem/.test(name)) continue
    for (let k = 0; k < 30; k++) {
      const pairs = [0, 1, 2].map(() => [half(), half()] as const)
      const results = [true, false].map(fold => {
        const m = machine()
        evaluate(block(g => {
          const [a, b, c] = pairs.map(([lo, hi], i) => (sig[i] === 'i' ? g.i32(lo) : g.i64(lo, hi)))
          const v = name === 'i64.add' ? g.add(a!, b!) : g.emit(op[name], a, b, c)
          g.set(0, sig.endsWith('i') ? g.extendU(v) : v)
        }, fold), m)
        return m.registers[0]
      })
      assert.equal(results[0], results[1], `${name} ${JSON.stringify(pairs)}`)
    }
  }
})

test('a block as text', () => {
  const b = block(g => {
    g.set(1, g.load(2 | MemOp.SIGNED, g.get(0), -4))
    g.insn(2)
    g.branch(g.eq(g.get(1), g.imm(-1)), 8)
  })
  assert.equal(print(b, { register: i => `x${i}`, instruction: at => (at ? 'second' : 'first') }), `\
block 0x1000, 6 bytes, 2 instructions
 1000: first
  %1 = get.l x0
  %2 = load.l 32 signed -4 %1
  set.l x1 %2
 1004: second
  %5 = get.l x1
  %6 = i64.const 0xffffffffffffffff
  %7 = i64.eq %5 %6
  branch 0x100c %7
`)
})
