import { test } from 'node:test'
import assert from 'node:assert/strict'
import { nsOfTicks, ticksIn } from './rate.ts'

test('ticks and nanoseconds are exact inverses for months', () => {
  for (const hz of [32768, 1_193_182, 3_579_545])
    for (const ticks of [0, 1, 2, hz - 1, hz, hz + 1, 12_345_678_901]) {
      const ns = nsOfTicks(ticks, hz)
      assert.equal(ticksIn(ns, hz), ticks)
      if (ticks) assert.equal(ticksIn(ns - 1, hz), ticks - 1)
    }
})
