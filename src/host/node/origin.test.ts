import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generator } from '../../base/random.ts'
import { originOf } from './origin.ts'

test('the origin is found although the thread is interrupted again and again', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = generator(seed), origin = 5e12 + seed
    let now = origin + 3e7
    // Each reading takes some time, and often a slice of another thread's.
    const pass = () => { now += 80 + (random() < 0.7 ? random() * 2e7 : 0) }
    const shared = () => (pass(), now), own = () => (pass(), (now - origin) / 1e6)
    assert.ok(Math.abs(originOf(shared, own) - origin) <= 250, `seed ${seed}`)
  }
})
