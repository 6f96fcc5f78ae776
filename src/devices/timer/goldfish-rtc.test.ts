import { test } from 'node:test'
import assert from 'node:assert/strict'
import type { Board } from '../../device/board.ts'
import { cpuWire } from '../../device/irq.ts'
import { bench } from '../../device/testing.ts'
import { goldfishRtc } from './goldfish-rtc.ts'

const RTC = 0x10_1000
const board: Board = {
  name: 'test', memory: [],
  devices: [{ device: goldfishRtc, id: 'rtc', at: { mmio: RTC }, wires: { irq: cpuWire(0, 'ext') } }],
}

test('the time of day runs with the guest clock and can be set', () => {
  const b = bench(board), m = b.system.memory
  const time = () => { const low = m.read(RTC, 4); return BigInt(m.read(RTC + 4, 4)) << 32n | BigInt(low) }
  b.advance(123)
  assert.equal(time(), 1_700_000_000_000n * 1_000_000n + 123n)
  m.write(RTC + 4, 4, 7)
  m.write(RTC, 4, 9)
  b.advance(1)
  assert.equal(time(), (7n << 32n) + 10n)
})

test('the alarm rings once, and only an enabled interrupt shows', () => {
  const b = bench(board), m = b.system.memory
  const low = m.read(RTC, 4), high = m.read(RTC + 4, 4)
  m.write(RTC + 0xc, 4, high)
  m.write(RTC + 8, 4, low + 1000)
  assert.equal(m.read(RTC + 0x18, 4), 1)
  b.advance(1000)
  assert.equal(m.read(RTC + 0x18, 4), 0)
  assert.equal(b.lines['0.ext'], false)
  m.write(RTC + 0x10, 4, 1)
  assert.equal(b.lines['0.ext'], true)
  m.write(RTC + 0x1c, 4, 0)
  assert.equal(b.lines['0.ext'], false)
})
