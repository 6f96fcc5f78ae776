import { test } from 'node:test'
import assert from 'node:assert/strict'
import type { Board } from '../../device/board.ts'
import { cpuWire } from '../../device/irq.ts'
import { bench } from '../../device/testing.ts'
import { aclint } from './aclint.ts'

const CLINT = 0x0200_0000, CMP = CLINT + 0x4000, TIME = CLINT + 0xbff8
const board: Board = {
  name: 'test', memory: [],
  devices: [{
    device: aclint, id: 'clint', properties: { 'num-harts': 2 }, at: { mmio: CLINT },
    wires: { msip: [0, 1].map(h => cpuWire(h, 'msip')), mtip: [0, 1].map(h => cpuWire(h, 'mtip')) },
  }],
}

test('MTIME counts 100 ns ticks and MTIMECMP raises the line at its time', () => {
  const b = bench(board), m = b.system.memory, pair = new Uint32Array(2)
  b.advance(1_000_050)
  assert.equal(m.read(TIME, 4), 10_000)
  m.writeWide(CMP + 8, 10_100, 0)
  assert.equal(b.lines['1.mtip'], false)
  assert.equal(b.system.timers.nextDeadline(), 1_010_000)
  b.advance(9_949)
  assert.equal(b.lines['1.mtip'], false)
  b.advance(1)
  assert.equal(b.lines['1.mtip'], true)
  m.readWide(TIME, pair)
  assert.deepEqual([...pair], [10_100, 0])
})

test('writing MTIME moves the deadline, across the halves', () => {
  const b = bench(board), m = b.system.memory, pair = new Uint32Array(2)
  b.advance(500)
  m.writeWide(TIME, 0xffff_fff0, 4)
  m.writeWide(CMP, 0x10, 5)
  assert.equal(b.system.timers.nextDeadline(), 500 + 0x20 * 100)
  b.advance(0x20 * 100)
  assert.equal(b.lines['0.mtip'], true)
  m.readWide(TIME, pair)
  assert.deepEqual([...pair], [0x10, 5])
})

test('software interrupts keep one bit', () => {
  const b = bench(board), m = b.system.memory
  m.write(CLINT + 4, 4, 0xffffffff)
  assert.equal(m.read(CLINT + 4, 4), 1)
  assert.deepEqual([b.lines['0.msip'], b.lines['1.msip']], [false, true])
})

test('a compare value centuries ahead arms nothing', () => {
  const b = bench(board)
  for (const hart of [0, 1]) b.system.memory.writeWide(CMP + 8 * hart, 0xffffffff, 0xffffffff)
  assert.equal(b.system.timers.nextDeadline(), Infinity)
})
