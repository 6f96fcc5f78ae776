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

test('a break is a zero byte with a mark in the line status, after the input before it', () => {
  const b = bench(board), m = b.system.memory, chr = b.system.chr('uart')
  m.write(UART + 2, 1, 1) // FIFOs
  m.write(UART + 1, 1, 4) // line status interrupts
  chr.give(new Uint8Array([7]))
  b.system.instance('uart').sendBreak!()
  assert.equal(b.lines['0.ext'], true)
  assert.equal(m.read(UART + 2, 1), 0xc6)
  assert.equal(m.read(UART + 5, 1), 0x71)
  assert.equal(b.lines['0.ext'], false)
  assert.equal(m.read(UART + 5, 1), 0x61, 'told once')
  assert.deepEqual([m.read(UART, 1), m.read(UART, 1)], [7, 0])
})

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
