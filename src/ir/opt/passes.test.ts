// What each pass does to a block that has something for it, and that all of them leave what they must.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Builder } from '../build.ts'
import { MemOp } from '../ops.ts'
import { print } from '../print.ts'
import { verify } from '../verify.ts'
import { ALL_PASSES, choosePasses, optimise, parsePasses, type PassName, passesText } from './passes.ts'

/** The lines of a block after the passes. */
function after(names: readonly PassName[], make: (g: Builder) => void, forInterpreter = false): string[] {
  const g = new Builder(undefined, names.includes('fold'))
  g.begin(0x1000, 0)
  g.insn(4)
  make(g)
  if (!g.ended) g.jump(g.pc(4))
  optimise(g.block, choosePasses(names), forInterpreter)
  assert.equal(verify(g.block), undefined, print(g.block))
  return print(g.block).trim().split('\n').slice(2, -1).map(l => l.trim())
}

test('dead: a write goes that another one follows', () => {
  const twice = (between: (g: Builder) => void) => (g: Builder) => {
    g.set(1, g.add(g.get(2), g.imm(1)))
    g.insn(4)
    between(g)
    g.set(1, g.get(3))
  }
  assert.deepEqual(after(['dead'], twice(() => {})), ['1004:', '%2 = get.l r3', 'set.l r1 %2'])
  const sets = (lines: readonly string[]) => lines.filter(l => l.startsWith('set.l r1')).length
  assert.equal(sets(after(['dead'], twice(g => g.fence()))), 1)
  assert.equal(sets(after(['dead'], twice(g => g.set(4, g.call(0))))), 1)
  assert.equal(sets(after(['dead'], twice(g => g.set(4, g.get(1))))), 2, 'it is read')
  assert.equal(sets(after(['dead'], twice(g => g.store(3, g.get(2), g.get(3))))), 2, 'a store may fault')
  assert.equal(sets(after(['dead'], twice(g => void g.load(3, g.get(2))))), 2, 'a load may fault')
  assert.equal(sets(after(['dead'], twice(g => void g.amo(0, 3 | MemOp.ALIGNED, g.get(2), g.get(3))))), 2)
  assert.equal(sets(after(['dead'], twice(g => g.leaveIf(g.i32(1), 0)))), 2, 'it may leave')
})

test('dead: what only a dead write needed goes too; the last write stays', () => {
  assert.deepEqual(after(['fold', 'dead'], g => {
    g.set(1, g.imm(0x12345000))
    g.set(1, g.add(g.get(1), g.imm(0x678)))
  }), ['%1 = i64.const 0x12345678', 'set.l r1 %1'])
})

test('copy: a register is read once, and not after it was written', () => {
  assert.deepEqual(after(['copy'], g => {
    g.set(1, g.add(g.get(2), g.get(2)))
    g.set(3, g.xor(g.get(1), g.get(2)))
    g.set(2, g.get(3))
  }), ['%1 = get.l r2', '%2 = i64.add %1 %1', 'set.l r1 %2', '%4 = i64.xor %2 %1', 'set.l r3 %4', 'set.l r2 %4'])
})

test('cse: the same operation once; not of other operands, nor of memory', () => {
  assert.deepEqual(after(['cse'], g => {
    const a = g.get(1), b = g.get(2)
    g.set(3, g.xor(g.add(a, b), g.add(a, b)))
    g.set(4, g.add(b, a))
  }), ['%1 = get.l r1', '%2 = get.l r2', '%3 = i64.add %1 %2', '%4 = i64.xor %3 %3', 'set.l r3 %4', '%6 = i64.add %2 %1', 'set.l r4 %6'])
  assert.equal(after(['cse'], g => {
    const a = g.get(1)
    g.set(2, g.add(g.load(3, a), g.load(3, a)))
  }).filter(l => l.includes('load')).length, 2)
})

test('the interpreter has only what pays there', () => {
  const make = (g: Builder) => g.set(1, g.add(g.get(2), g.get(2)))
  assert.equal(after(['copy', 'cse'], make, true).filter(l => l.includes('get.l')).length, 2)
})

test('switches', () => {
  assert.deepEqual(parsePasses('all'), ALL_PASSES)
  assert.equal(passesText(ALL_PASSES), 'fold+copy+cse+dead')
  const some = parsePasses('dead+fold')
  assert.ok(!('unknown' in some))
  assert.equal(passesText(some), 'fold+dead')
  assert.deepEqual(parsePasses('fold+dread'), { unknown: 'dread' })
  assert.deepEqual(parsePasses(''), { unknown: '' })
})
