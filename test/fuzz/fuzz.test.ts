import assert from 'node:assert/strict'
import { test } from 'node:test'
import { passesText } from '../../src/ir/opt/passes.ts'
import { bisect, fuzz, type Kind, kinds, passSets } from './fuzz.ts'

/** Cases that take a few seconds: with all passes, and with each other choice of them. */
const cases: { readonly [kind: string]: readonly [all: number, some: number] } = { ir: [500, 100], code: [20, 4] }

for (const [name, make] of Object.entries(kinds))
  for (const [i, passes] of passSets.entries())
    test(`random ${name}: evaluator, interpreter and compiled regions agree, opt=${passesText(passes)}`, () => {
      const { failed } = fuzz(make(passes), cases[name]![i === 0 ? 0 : 1], 1 + 1000 * i)
      assert.deepEqual(failed, [])
    })

test('bisecting names the first pass that makes a case differ', () => {
  const broken = (wrong: (on: string) => boolean) => (passes = passSets[0]!): Kind => ({
    name: 'broken', report: () => '',
    run: () => (wrong(passesText(passes)) ? { tier: 'tier 1', differences: ['wrong'] } : undefined),
  })
  assert.equal(bisect(broken(on => on.includes('dead')), 1, ['fold', 'dead']), 'dead')
  assert.equal(bisect(broken(on => on.includes('fold')), 1, ['fold', 'dead']), 'fold')
  assert.equal(bisect(broken(() => true), 1, ['fold', 'dead']), 'none')
  assert.equal(bisect(broken(() => false), 1, ['fold', 'dead']), undefined)
})
