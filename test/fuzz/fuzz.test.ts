import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzz, kinds } from './fuzz.ts'

for (const [name, make] of Object.entries(kinds))
  test(`random ${name}: evaluator, interpreter and compiled regions agree`, () => {
    const { failed } = fuzz(make(), 500, 1)
    assert.deepEqual(failed, [])
  })
