import { test } from 'node:test'
import assert from 'node:assert/strict'
import { bench } from '../../device/testing.ts'
import { cpuWire } from '../../device/irq.ts'
import { mc146818rtc } from './mc146818rtc.ts'

const board = {
  name: 'test',
  memory: [{ kind: 'space', name: 'io', sizeBytes: 0x1_0000, aborts: true, views: [] }],
  devices: [{
    device: mc146818rtc, id: 'rtc', at: { ports: { space: 'io', at: 0x70 } }, properties: { cmos: { 0x14: 6 } },
    wires: { irq: cpuWire(0, 'irq8'), nmiMask: cpuWire(0, 'mask') },
  }],
} as const
const SECOND = 1e9

function on() {
  const b = bench(board), { io } = b.system
  const select = (index: number) => io.write(0x70, 1, index)
  return {
    ...b,
    get(index: number) {
      select(index)
      return io.read(0x71, 1)
    },
    set(index: number, value: number) {
      select(index)
      io.write(0x71, 1, value)
    },
    time(r: { get(index: number): number }) { return [4, 2, 0].map(i => r.get(i).toString(16)).join(':') },
    get irq() { return b.lines['0.irq8'] },
    select,
  }
}
const A = 10, B = 11, C = 12

test('it starts with the host\'s time and follows the guest\'s clock', () => {
  const r = on() // 2023-11-14 22:13:20, a Tuesday
  assert.equal(r.time(r), '22:13:20')
  assert.deepEqual([0x32, 9, 8, 7, 6].map(i => r.get(i)), [0x20, 0x23, 0x11, 0x14, 3])
  r.advance(3 * 3600 * SECOND)
  assert.equal(r.time(r), '1:13:20')
  assert.equal(r.get(7), 0x15)
  assert.equal(r.get(0x14), 6)
})

test('set to the last second of a leap month, in binary and 12 hours', () => {
  const r = on()
  r.set(B, 0x84)
  for (const [i, v] of [[0, 59], [2, 59], [4, 0x8b], [7, 29], [8, 2], [9, 24]] as const) r.set(i, v)
  r.set(0x37, 20)
  r.set(B, 0x04)
  r.advance(SECOND)
  assert.deepEqual([4, 2, 0, 7, 8, 9, 0x32].map(i => r.get(i)), [12, 0, 0, 1, 3, 24, 20])
})

test('while SET is on nothing moves; UIP shows an update that comes', () => {
  const r = on()
  r.set(B, 0x82)
  r.advance(5 * SECOND)
  assert.equal(r.get(0), 0x20)
  r.set(B, 0x02)
  r.clock.set(5 * SECOND + SECOND - 200_000)
  assert.equal(r.get(A) & 0x80, 0x80)
  r.clock.set(6 * SECOND)
  assert.equal(r.get(A) & 0x80, 0)
  assert.equal(r.get(0), 0x21)
})

test('alarm, update and periodic interrupts', () => {
  const r = on()
  r.set(1, 0x22)
  r.set(3, 0xff)
  r.set(5, 0xff)
  r.get(C)
  r.set(B, 0x22)
  r.advance(SECOND)
  assert.equal(r.irq, false)
  r.advance(SECOND)
  assert.equal(r.irq, true)
  assert.equal(r.get(C) & 0xb0, 0xb0, 'the update flag is set, too')
  assert.equal(r.irq, false)
  r.set(B, 0x12)
  r.advance(SECOND)
  assert.equal(r.irq, true)
  r.set(B, 0x02)
  assert.equal(r.irq, false)
  r.set(A, 0x26)
  r.get(C)
  r.set(B, 0x42)
  r.advance(976_563) // 1024 Hz
  assert.equal(r.irq, true)
  assert.equal(r.get(C) & 0xc0, 0xc0)
})

test('the top bit of the index masks the NMI', () => {
  const r = on()
  r.select(0x80 | B)
  assert.equal(r.lines['0.mask'], true)
  assert.equal(r.system.io.read(0x71, 1), 0x02)
  r.select(B)
  assert.equal(r.lines['0.mask'], false)
})
