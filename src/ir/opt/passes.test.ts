// What each pass does to a block that has something for it, and that all of them leave what they must.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Builder } from '../build.ts'
import { MemOp } from '../ops.ts'
import { print } from '../print.ts'
import { verify } from '../verify.ts'
import { ALL_PASSES, choosePasses, optimise, parsePasses, type PassName, passesText } from './passes.ts'

/** The lines of a block after the passes. */
function after(names: readonly PassName[], make: (g: Builder) => void): string[] {
  const g = new Builder(undefined, names.includes('fold'))
  g.begin(0x1000, 0)
  g.insn(4)
  make(g)
  if (!g.ended) g.jump(g.pc(4))
  optimise(g.block, choosePasses(names))
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

test('switches', () => {
  assert.deepEqual(parsePasses('all'), ALL_PASSES)
  assert.equal(passesText(ALL_PASSES), 'fold+dead+group')
  const some = parsePasses('dead+fold')
  assert.ok(!('unknown' in some))
  assert.equal(passesText(some), 'fold+dead')
  assert.deepEqual(parsePasses('fold+dread'), { unknown: 'dread' })
  assert.deepEqual(parsePasses(''), { unknown: '' })
})
