import { test } from 'node:test'
import assert from 'node:assert/strict'
import { bench } from '../../device/testing.ts'
import { cpuWire } from '../../device/irq.ts'
import { acknowledgeInterrupt, i8259 } from './i8259.ts'

const io = (at: number) => ({ space: 'io', at })
const board = {
  name: 'test',
  memory: [{ kind: 'space', name: 'io', sizeBytes: 0x1_0000, aborts: true, views: [] }],
  devices: [{
    device: i8259, id: 'pic', at: { master: io(0x20), slave: io(0xa0), elcr: io(0x4d0) },
    wires: { int: cpuWire(0, 'intr') },
  }],
} as const

/** As PC firmware sets the pair up: vectors 08h and 70h, everything open. */
function on(icw4 = 1) {
  const b = bench(board), pic = b.system.instance('pic')
  const out = (port: number, ...values: number[]) => { for (const v of values) b.system.io.write(port, 1, v) }
  out(0x20, 0x11)
  out(0x21, 0x08, 4, icw4, 0)
  out(0xa0, 0x11)
  out(0xa1, 0x70, 2, icw4, 0)
  return {
    out,
    in: (port: number) => b.system.io.read(port, 1),
    line: (n: number, level: boolean) => pic.driveInput(n, level),
    pulse(n: number) {
      pic.driveInput(n, true)
      pic.driveInput(n, false)
    },
    acknowledge: () => pic.call(acknowledgeInterrupt),
    get intr() { return b.lines['0.intr'] },
  }
}

test('priorities nest, and the end of an interrupt lets the next one through', () => {
  const p = on()
  p.pulse(3)
  p.pulse(1)
  assert.equal(p.intr, true)
  assert.equal(p.acknowledge(), 0x09)
  assert.equal(p.intr, false, 'input 3 waits')
  p.pulse(0)
  assert.equal(p.acknowledge(), 0x08)
  p.out(0x20, 0x0b)
  assert.equal(p.in(0x20), 0x03)
  p.out(0x20, 0x20, 0x20)
  assert.equal(p.acknowledge(), 0x0b)
})

test('the slave goes through input 2; ends on both', () => {
  const p = on()
  p.pulse(8)
  p.pulse(12)
  assert.equal(p.acknowledge(), 0x70)
  assert.equal(p.intr, false)
  p.out(0xa0, 0x20)
  assert.equal(p.intr, false, 'the master still serves input 2')
  p.out(0x20, 0x20)
  assert.equal(p.acknowledge(), 0x74)
})

test('automatic end: the slave is served again without an edge of its own', () => {
  const p = on(3)
  p.pulse(8)
  p.pulse(12)
  assert.equal(p.acknowledge(), 0x70)
  assert.equal(p.intr, true)
  assert.equal(p.acknowledge(), 0x74)
  assert.equal(p.intr, false)
})

test('an interrupt that is gone is spurious: input 7, not in service', () => {
  const p = on()
  p.out(0x4d0, 0x20)
  p.line(5, true)
  assert.equal(p.intr, true)
  p.line(5, false)
  assert.equal(p.intr, false)
  assert.equal(p.acknowledge(), 0x0f)
  p.out(0x20, 0x0b)
  assert.equal(p.in(0x20), 0)
})

test('level-triggered inputs ask again while they are high', () => {
  const p = on()
  p.line(11, true)
  assert.equal(p.acknowledge(), 0x73)
  p.out(0xa0, 0x20)
  p.out(0x20, 0x20)
  assert.equal(p.intr, false, 'edge: once')
  p.out(0x4d1, 0xff)
  assert.equal(p.in(0x4d1), 0xde)
  assert.equal(p.acknowledge(), 0x73)
  p.out(0xa0, 0x20)
  p.out(0x20, 0x20)
  assert.equal(p.intr, true)
})

test('an initialisation forgets edges; a line that stays high must fall first', () => {
  const p = on()
  p.line(4, true)
  p.out(0x20, 0x11)
  p.out(0x21, 0x20, 4, 1, 0)
  assert.equal(p.intr, false)
  p.line(4, false)
  p.line(4, true)
  assert.equal(p.acknowledge(), 0x24)
})
