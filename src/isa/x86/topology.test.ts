import { test } from 'node:test'
import assert from 'node:assert/strict'
import { apicIdOf, packageBits, threadBits } from './topology.ts'

test('numbers of local APICs: thread, core and package in fields of their own', () => {
  const ids = (cores: number, threads: number, n: number) => Array.from({ length: n }, (_, i) => apicIdOf({ cores, threads }, i))
  assert.deepEqual(ids(2, 2, 4), [0, 1, 2, 3])
  assert.deepEqual(ids(3, 1, 6), [0, 1, 2, 4, 5, 6], 'three cores take two bits')
  assert.deepEqual(ids(1, 3, 6), [0, 1, 2, 4, 5, 6])
  assert.deepEqual(ids(1, 1, 3), [0, 1, 2])
  assert.deepEqual([threadBits({ cores: 3, threads: 2 }), packageBits({ cores: 3, threads: 2 })], [1, 3])
})
