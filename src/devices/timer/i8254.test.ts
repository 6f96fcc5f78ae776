import { test } from 'node:test'
import assert from 'node:assert/strict'
import { nsOfTicks } from '../../base/rate.ts'
import { defineDevice, input, u32 } from '../../device/define.ts'
import { bench } from '../../device/testing.ts'
import { cpuWire, wire } from '../../device/irq.ts'
import { pcspk } from '../misc/pcspk.ts'
import { i8254, PIT_HZ } from './i8254.ts'

const io = (at: number) => ({ space: 'io', at })
const board = {
  name: 'test',
  memory: [{ kind: 'space', name: 'io', sizeBytes: 0x1_0000, aborts: true, views: [] }],
  devices: [
    { device: i8254, id: 'pit', at: { ports: io(0x40) }, wires: { irq: cpuWire(0, 'irq0') } },
    { device: pcspk, id: 'pcspk', at: { port: io(0x61) }, peers: { pit: 'pit' } },
  ],
} as const

function on() {
  const b = bench(board)
  const out = (port: number, ...values: number[]) => { for (const v of values) b.system.io.write(port, 1, v) }
  const read = (port: number) => b.system.io.read(port, 1)
  return {
    out, read,
    word: (port: number) => read(port) | (read(port) << 8),
    tick(n = 1) {
      b.advance(nsOfTicks(n, PIT_HZ) + 1)
    },
    get irq() { return b.lines['0.irq0'] },
    /** Output of channel 2. */
    get speaker() { return (read(0x61) & 0x20) !== 0 },
  }
}
const counts = (p: ReturnType<typeof on>, port: number, n: number) =>
  Array.from({ length: n }, () => {
    const value = p.word(port)
    p.tick()
    return value
  })

test('mode 0: low until the count has run down, then high; it counts on', () => {
  const p = on()
  p.out(0x43, 0x30)
  assert.equal(p.irq, false)
  p.out(0x40, 3, 0)
  assert.deepEqual(counts(p, 0x40, 3), [3, 2, 1])
  assert.equal(p.irq, true)
  assert.deepEqual(counts(p, 0x40, 2), [0, 0xffff])
  p.out(0x40, 9)
  assert.equal(p.irq, false, 'the first byte stops it')
})

test('mode 2: a pulse of one tick; a new count waits for the end of the period', () => {
  const p = on()
  p.out(0x43, 0x34)
  p.out(0x40, 4, 0)
  const irqs = () => Array.from({ length: 4 }, () => { const level = p.irq; p.tick(); return level })
  assert.deepEqual(irqs(), [true, true, true, false])
  p.out(0x40, 3, 0)
  assert.deepEqual(counts(p, 0x40, 7), [4, 3, 2, 1, 3, 2, 1])
})

test('mode 3: half and half, an odd count has the longer half high', () => {
  const p = on()
  p.out(0x43, 0x36)
  p.out(0x40, 5, 0)
  const levels = Array.from({ length: 10 }, () => { const level = p.irq; p.tick(); return level ? 1 : 0 })
  assert.deepEqual(levels, [1, 1, 1, 0, 0, 1, 1, 1, 0, 0])
  assert.deepEqual(counts(p, 0x40, 5), [4, 2, 0, 4, 2])
})

test('modes 1 and 5 wait for the gate, mode 4 does not', () => {
  const p = on()
  p.out(0x43, 0xb2)
  p.out(0x42, 2, 0)
  p.tick(10)
  assert.equal(p.speaker, true)
  p.out(0x61, 1)
  assert.equal(p.speaker, false)
  p.tick(2)
  assert.equal(p.speaker, true)
  p.out(0x61, 0)
  p.out(0x43, 0xba)
  p.out(0x42, 2, 0)
  p.out(0x61, 1)
  const strobe = () => Array.from({ length: 4 }, () => { const level = p.speaker; p.tick(); return level })
  assert.deepEqual(strobe(), [true, true, false, true])
  p.out(0x43, 0xb8)
  p.out(0x42, 2, 0)
  assert.deepEqual(strobe(), [true, true, false, true])
})

test('the gate holds modes 0 and 4, and begins a period of 2 and 3', () => {
  const p = on()
  p.out(0x61, 1)
  p.out(0x43, 0xb0)
  p.out(0x42, 10, 0)
  p.tick(3)
  p.out(0x61, 0)
  p.tick(50)
  assert.equal(p.word(0x42), 7)
  p.out(0x61, 1)
  p.tick(2)
  assert.equal(p.word(0x42), 5)
  p.out(0x43, 0xb4)
  p.out(0x42, 10, 0)
  p.tick(9)
  assert.equal(p.speaker, false)
  p.out(0x61, 0)
  assert.equal(p.speaker, true)
  p.out(0x61, 1)
  assert.equal(p.word(0x42), 10)
})

test('binary-coded decimal counts', () => {
  const p = on()
  p.out(0x43, 0x35)
  p.out(0x40, 0x02, 0x10)
  assert.deepEqual(counts(p, 0x40, 4), [0x1002, 0x1001, 0x1000, 0x0999])
  p.out(0x43, 0x31)
  p.out(0x40, 0, 0)
  p.tick()
  assert.equal(p.word(0x40), 0x9999)
})

test('latch and read-back hold until they are read', () => {
  const p = on()
  p.out(0x43, 0x34)
  p.out(0x43, 0xe2)
  assert.equal(p.read(0x40), 0xf4, 'output high, no count yet')
  p.out(0x40, 100, 0)
  p.out(0x43, 0x00)
  p.tick(5)
  p.out(0x43, 0x00)
  assert.deepEqual([p.word(0x40), p.word(0x40)], [100, 95])
  p.out(0x43, 0xc2)
  p.tick(5)
  assert.equal(p.read(0x40), 0xb4)
  assert.equal(p.word(0x40), 95)
})

test('no edge is lost to a late timer', () => {
  const p = on()
  p.out(0x43, 0x34)
  p.out(0x40, 100, 0)
  p.tick(99)
  assert.equal(p.irq, false)
  p.tick(50)
  assert.equal(p.irq, true)
})

test('a machine that stood still for long makes up for some edges, and goes on', () => {
  const pit = { ...board.devices[0], wires: { irq: wire('edges', 'in') } }
  const b = bench({ ...board, devices: [pit, { device: edges, id: 'edges' }] })
  for (const [port, value] of [[0x43, 0x34], [0x40, 0xff], [0x40, 0xff]] as const) b.system.io.write(port, 1, value)
  const count = () => b.system.instance('edges').state.count
  const before = count()
  b.advance(200e6) // three periods of 55 ms
  assert.equal(count() - before, 3)
  b.system.io.write(0x43, 1, 0x34)
  b.system.io.write(0x40, 1, 10)
  b.system.io.write(0x40, 1, 0)
  b.advance(1e9)
  for (let i = 0; i < 20; i++) b.system.runTimers()
  assert.ok(count() - before < 100)
})
const edges = defineDevice({
  name: 'edges', version: 1, state: { count: u32() }, pins: { in: input() }, regions: {},
  input(s, _io, _pin, _index, level) { if (level) s.count++ },
})
