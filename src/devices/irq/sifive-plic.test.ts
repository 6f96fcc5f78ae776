import { test } from 'node:test'
import assert from 'node:assert/strict'
import type { Board } from '../../device/board.ts'
import { cpuWire } from '../../device/irq.ts'
import { bench } from '../../device/testing.ts'
import { sifivePlic } from './sifive-plic.ts'

const PLIC = 0x0c00_0000, ENABLE = PLIC + 0x2000, THRESHOLD = PLIC + 0x200000, CLAIM = THRESHOLD + 4
const board: Board = {
  name: 'test',
  memory: [],
  devices: [
    {
      device: sifivePlic,
      id: 'plic',
      at: { mmio: PLIC },
      wires: { context: [cpuWire(0, 'meip'), cpuWire(0, 'seip')] },
    },
  ],
}
const on = () => {
  const b = bench(board), m = b.system.memory
  return {
    line: (n: number, level: boolean) => b.system.instance('plic').driveInput(n, level),
    write: (at: number, v: number) => m.write(at, 4, v),
    read: (at: number) => m.read(at, 4),
    lines: b.lines,
  }
}

test('the highest priority is claimed first, the lowest number among equals', () => {
  const p = on()
  for (const [source, priority] of [[10, 1], [33, 2], [40, 2]] as const) {
    p.write(PLIC + 4 * source, priority)
    p.line(source, true)
  }
  p.write(ENABLE, 1 << 10)
  p.write(ENABLE + 4, 1 << 1 | 1 << 8)
  assert.equal(p.lines['0.meip'], true)
  assert.deepEqual([p.read(CLAIM), p.read(CLAIM), p.read(CLAIM), p.read(CLAIM)], [33, 40, 10, 0])
  assert.equal(p.lines['0.meip'], false)
})

test('a line that is still high when its handler completes asks again', () => {
  const p = on()
  p.write(PLIC + 4, 7)
  p.write(ENABLE, 2)
  p.line(1, true)
  assert.equal(p.read(CLAIM), 1)
  assert.equal(p.read(PLIC + 0x1000), 0)
  p.write(CLAIM, 1)
  assert.equal(p.read(PLIC + 0x1000), 2)
  p.line(1, false)
  assert.equal(p.read(PLIC + 0x1000), 2, 'a request once forwarded stays')
})

test('a threshold masks the line but not the claim; a completion needs the enable bit', () => {
  const p = on()
  p.write(PLIC + 8, 3)
  p.write(ENABLE, 4)
  p.line(2, true)
  p.write(THRESHOLD, 3)
  assert.equal(p.lines['0.meip'], false)
  assert.equal(p.read(CLAIM), 2)
  p.write(ENABLE, 0)
  p.write(CLAIM, 2)
  p.write(ENABLE, 4)
  assert.equal(p.read(CLAIM), 0, 'still claimed')
  p.write(CLAIM, 2)
  assert.equal(p.read(CLAIM), 2)
})

test('source 0 and sources past the last do not exist', () => {
  const p = on()
  p.write(PLIC, 7)
  p.write(ENABLE, 0xffffffff)
  p.write(ENABLE + 12, 0xffffffff)
  assert.deepEqual([p.read(PLIC), p.read(ENABLE), p.read(ENABLE + 12)], [0, 0xfffffffe, 0])
})
