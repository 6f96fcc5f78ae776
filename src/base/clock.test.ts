import { test } from 'node:test'
import assert from 'node:assert/strict'
import { CLOCK_BYTES, hostClock } from './clock.ts'

test('guest time stands while stopped, does not jump when resumed, and all bindings agree', () => {
  const buffer = new SharedArrayBuffer(64)
  const memory = () => ({ f64: new Float64Array(buffer), i32: new Int32Array(buffer) })
  let host = 5_000_000
  const a = hostClock(memory(), 16, () => host), b = hostClock(memory(), 16, () => host)
  assert.deepEqual([a.nowNs(), a.running], [0, false])
  a.resume()
  host += 100.7
  assert.deepEqual([a.nowNs(), b.nowNs(), b.running], [100, 100, true])
  b.stop()
  host += 1_000_000
  assert.equal(a.nowNs(), 100)
  a.resume()
  a.resume()
  host += 50
  assert.equal(b.nowNs(), 150)
  a.set(7000)
  assert.equal(b.nowNs(), 7000)
  host += 1
  assert.equal(b.nowNs(), 7001)
  a.stop()
  a.set(3)
  a.resume()
  host += 1
  assert.equal(b.nowNs(), 4)
  assert.ok(CLOCK_BYTES <= 24)
})
