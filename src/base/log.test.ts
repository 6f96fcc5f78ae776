import { test } from 'node:test'
import assert from 'node:assert/strict'
import { configureLog, guestError, logTotals, trace, unimplemented } from './log.ts'

test('classes, laziness and the rate limit', () => {
  const lines: string[] = []
  let now = 0, made = 0
  configureLog({ sink: (c, s, t) => lines.push(`${c} ${s}: ${t}`), classes: ['guest_errors'], seconds: () => now })
  const before = logTotals()
  unimplemented('x', () => `${++made}`)
  trace('x', 'no')
  assert.deepEqual([lines.length, made, logTotals().unimp - before.unimp], [0, 0, 1])
  for (let i = 0; i < 25; i++) guestError('uart', () => `odd ${++made}`)
  guestError('plic', 'another source has its own budget')
  assert.equal(lines.length, 11)
  assert.equal(made, 10)
  now = 1
  guestError('uart', 'later')
  assert.deepEqual(lines.slice(-2), ['guest_errors uart: 15 more lines left out', 'guest_errors uart: later'])
  configureLog({ sink: () => {}, classes: [], seconds: () => Math.floor(Date.now() / 1000) })
})
