import { test } from 'node:test'
import assert from 'node:assert/strict'
import { bench } from '../../device/testing.ts'
import { sifiveTest } from './sifive-test.ts'

test('the finisher asks the machine to stop or reset', () => {
  const b = bench({
    name: 'test',
    memory: [],
    devices: [{ device: sifiveTest, id: 'test', at: { mmio: 0x10_0000 } }],
  })
  for (const value of [0x5555, 0x2a3333, 0x7777, 0x1234]) b.system.memory.write(0x10_0000, 4, value)
  assert.deepEqual(b.requests, [
    { kind: 'shutdown', exitCode: 0 }, { kind: 'shutdown', exitCode: 42 }, { kind: 'reset' },
  ])
})
