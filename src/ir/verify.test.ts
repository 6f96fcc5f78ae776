// Each invariant, broken.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Builder } from './build.ts'
import { FpEnv, MemOp, op, rows } from './ops.ts'
import { verify } from './verify.ts'

const types = ['l', 'l', 'd'] as const
/** What is wrong with the block that `make` builds. */
function wrong(make: (g: Builder) => void, end = true): string | undefined {
  const g = new Builder()
  g.begin(0x1000, 0)
  g.insn(4)
  make(g)
  if (end) g.jump(g.pc(4))
  return verify(g.block, types)
}

test('a good block has nothing wrong', () => {
  assert.equal(wrong(g => {
    const address = g.get(0), value = g.load(3, address, -8)
    g.store(2, address, value)
    g.set(1, g.add(value, g.imm(1)))
    g.insn(2)
    g.set(2, g.fp('fadd.d', FpEnv.RNE, g.get(2, 'd'), g.get(2, 'd')))
  }), undefined)
})

test('1: operands are earlier values of the right type', () => {
  assert.match(wrong(g => { g.block.push(op['set.l'], 5, 0, 0, 1, 0) })!,
    /%1 set.l: operand 0 is %5, which is not earlier/)
  assert.match(wrong(g => { g.block.push(op['i64.add'], 0, 0, 0, 0, 0) })!, /operand %0 has type '', not 'l'/)
  assert.match(wrong(g => { g.emit(op['i64.add'], g.i32(1), g.get(0)) })!, /operand %1 has type 'i', not 'l'/)
  assert.match(wrong(g => { g.block.push(rows.length, 0, 0, 0, 0, 0) })!, /unknown operation \d+/)
})

test('2: one end, at the end', () => {
  assert.match(wrong(() => {}, false)!, /no end/)
  assert.match(wrong(g => g.system(0))!, /an end in the middle/)
})

test('3: instruction marks add up', () => {
  assert.match(wrong(g => { g.block.push(op.insn, 0, 0, 0, 6, 4) })!, /at offset 6, not 4/)
  assert.match(wrong(g => { g.block.push(op.insn, 0, 0, 0, 4, 4) })!, /take 8 bytes, not 4/)
  assert.match(wrong(g => { g.block.insns++ })!, /1 instructions, not 2/)
  const g = new Builder()
  g.begin(0, 0)
  g.system(0)
  assert.match(verify(g.block)!, /no instruction has begun/)
})

test('4: registers have their types, fields are aligned', () => {
  assert.match(wrong(g => { g.get(3) })!, /no register 3/)
  assert.match(wrong(g => { g.get(2) })!, /register 2 has type 'd'/)
  assert.match(wrong(g => { g.field(12) })!, /field at 12/)
})

test('5: accesses fit', () => {
  assert.match(wrong(g => { g.load(3, g.get(0), 0, 'i') })!, /8 bytes of type 'i'/)
  assert.match(wrong(g => { g.load(2, g.get(0), 0, 'd') })!, /4 bytes of type 'd'/)
  assert.match(wrong(g => { g.store(3 | MemOp.UPDATE, g.get(0), g.get(0)) })!, /a store that updates/)
  assert.match(wrong(g => { g.amo(0, 3 | 64, g.get(0), g.get(0)) })!, /access 67/)
  assert.match(wrong(g => { g.amo(9, 3 | MemOp.ALIGNED, g.get(0), g.get(0)) })!, /kind 9/)
})

test('6: faults are precise', () => {
  assert.match(wrong(g => { g.set(0, g.get(1)); g.load(3, g.get(1)) })!, /comes after a register was written/)
  assert.match(wrong(g => { g.setField(8, g.get(1)); g.leaveIf(g.i32(1), 0) })!,
    /comes after a register was written/)
})

test('7: uses are counted', () => {
  assert.match(wrong(g => { g.block.uses[g.get(0)]!++ })!, /%1: used 0 times, not 1/)
})
