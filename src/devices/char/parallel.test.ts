import { test } from 'node:test'
import assert from 'node:assert/strict'
import { bench } from '../../device/testing.ts'
import { cpuWire } from '../../device/irq.ts'
import { isaParallel } from './parallel.ts'

const LPT = 0x378
const board = {
  name: 'test',
  memory: [{ kind: 'space', name: 'io', sizeBytes: 0x1_0000, aborts: true, views: [] }],
  devices: [
    { device: isaParallel, id: 'lpt', at: { ports: { space: 'io', at: LPT } }, wires: { irq: cpuWire(0, 'irq7') } },
  ],
} as const

test('a strobed byte goes out once, and is acknowledged with an interrupt', () => {
  const b = bench(board), { io } = b.system, chr = b.system.chr('lpt')
  chr.connect(true)
  io.write(LPT, 1, 0x41)
  io.write(LPT + 2, 1, 0x1d)
  io.write(LPT + 2, 1, 0x1d)
  assert.deepEqual([...chr.take()], [0x41])
  assert.equal(io.read(LPT + 1, 1) & 0x80, 0, 'busy')
  io.write(LPT + 2, 1, 0x1c)
  assert.equal(b.lines['0.irq7'], true)
  io.read(LPT + 1, 1)
  assert.equal(b.lines['0.irq7'], false)
  assert.equal(io.read(LPT + 1, 1) & 0x40, 0, 'acknowledged')
  assert.equal(io.read(LPT + 1, 1) & 0xc0, 0xc0, 'ready again')
})

test('data cycles of the enhanced port need no strobe', () => {
  const b = bench(board), { io } = b.system, chr = b.system.chr('lpt')
  chr.connect(true)
  io.write(LPT + 4, 4, 0x64636261)
  assert.equal(new TextDecoder().decode(chr.take()), 'abcd')
})
