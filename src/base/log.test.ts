import { afterEach, test } from 'node:test'
import assert from 'node:assert/strict'
import { configureLog, guestError, log, logging, logsAddress, logTotals, unimplemented } from './log.ts'

afterEach(() =>
  configureLog({ sink: () => {}, classes: [], filter: [], seconds: () => Math.floor(Date.now() / 1000) }))

test('classes, laziness and the rate limit', () => {
  const lines: string[] = []
  let now = 0, made = 0
  configureLog({ sink: (c, s, t) => lines.push(`${c} ${s}: ${t}`), classes: ['guest_errors'], seconds: () => now })
  const before = logTotals()
  unimplemented('x', () => `${++made}`)
  assert.deepEqual([lines.length, made, logTotals().unimp - before.unimp], [0, 0, 1])
  for (let i = 0; i < 25; i++) guestError('uart', () => `odd ${++made}`)
  guestError('plic', 'another source has its own budget')
  assert.equal(lines.length, 11)
  assert.equal(made, 10)
  now = 1
  guestError('uart', 'later')
  assert.deepEqual(lines.slice(-2), ['guest_errors uart: 15 more lines left out', 'guest_errors uart: later'])
})

test('the emulator\'s own classes have no limit and are not called while they are off', () => {
  const lines: string[] = []
  configureLog({ sink: (c, s, t) => lines.push(`${c}|${s}|${t}`), classes: ['int'] })
  assert.deepEqual([logging.int, logging.exec], [true, false])
  for (let i = 0; i < 50; i++) log('int', `trap ${i}`)
  assert.equal(lines.length, 50)
  assert.equal(lines[49], 'int||trap 49')
  assert.throws(() => log('exec', 'x'), /log class exec is off/)
})

test('addresses pass a filter with both ends included; without one all do', () => {
  assert.equal(logsAddress(0, 0), true)
  configureLog({ filter: [{ start: 0x1000n, end: 0x1fffn }, { start: 0xffffffff_80000000n, end: 0xffffffff_80000000n }] })
  assert.deepEqual([0xfff, 0x1000, 0x1fff, 0x2000].map(a => logsAddress(a, 0)), [false, true, true, false])
  assert.equal(logsAddress(0x80000000 | 0, -1), true)
  assert.equal(logsAddress(0x80000000, 0), false)
})
