import { test } from 'node:test'
import assert from 'node:assert/strict'
import { bench } from '../../device/testing.ts'
import { cpuWire } from '../../device/irq.ts'
import { ns16550 } from './ns16550.ts'

const UART = 0x1000_0000
const board = {
  name: 'test', memory: [],
  devices: [{ device: ns16550, id: 'uart', at: { mmio: UART }, wires: { irq: cpuWire(0, 'ext') } }],
}

test('bytes go out and come in, with interrupts', () => {
  const b = bench(board), m = b.system.memory, chr = b.system.chr('uart')
  chr.connect(true)
  m.write(UART, 1, 0x41)
  assert.deepEqual([...chr.take()], [0x41])
  assert.equal(m.read(UART + 5, 1), 0x60)
  m.write(UART + 1, 1, 1)
  assert.equal(b.lines['0.ext'], false)
  assert.equal(chr.give(new Uint8Array([1, 2])), 2)
  b.system.pollChars()
  assert.equal(b.lines['0.ext'], true)
  assert.equal(m.read(UART + 2, 1), 4)
  assert.equal(m.read(UART, 1), 1)
  assert.equal(m.read(UART, 1), 2, 'the second byte follows as soon as there is room')
  assert.equal(b.lines['0.ext'], false)
})
