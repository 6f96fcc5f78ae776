import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compare } from './compare.ts'
import { evalEngine } from './eval.ts'
import { illegalCases, rows } from './generate.ts'
import { unavailable } from './machine.ts'
import { tierEngine } from './tiers.ts'

test('every row does what it does in QEMU, a few times', { skip: unavailable() ?? false }, async () => {
  const summary = await compare(evalEngine(), 16 * rows.length, 5)
  assert.deepEqual([...summary.differences.keys()], [])
})

for (const name of ['interp', 'jit'] as const)
  test(`every row does in ${name} what it does in QEMU`, { skip: unavailable() ?? false }, async () => {
    const summary = await compare(tierEngine(name), 8 * rows.length, 9)
    assert.deepEqual([...summary.differences.keys()], [])
  })

test('a wrong engine is found out', { skip: unavailable() ?? false }, async () => {
  const engine = evalEngine()
  const wrong = { name: 'wrong', run: (c: Parameters<typeof engine.run>[0]) => {
    const r = engine.run(c)
    return c.name === 'xor' ? { ...r, x: r.x.map((v, i) => (i === 0 ? 0n : v ^ 1n)) } : r
  } }
  const summary = await compare(wrong, 4 * rows.length, 6)
  assert.deepEqual([...summary.differences.keys()], ['xor'])
})

test('what is no instruction is none to QEMU either', { skip: unavailable() ?? false }, async () => {
  const list = illegalCases(7, 6000)
  const summary = await compare(evalEngine(), list.length, 0, rows, list.values())
  const words = [...summary.differences.values()].map(d =>
    d.case.code.map(h => h.toString(16)).reverse().join(' '))
  assert.deepEqual(words, [])
})
