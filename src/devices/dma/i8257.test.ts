import { test } from 'node:test'
import assert from 'node:assert/strict'
import { bench } from '../../device/testing.ts'
import { i8257, transfer } from './i8257.ts'

const io = (at: number) => ({ space: 'io', at })
const board = {
  name: 'test',
  memory: [
    { kind: 'ram', name: 'ram', at: 0, sizeBytes: 1 << 20, hostOffset: 0 },
    { kind: 'space', name: 'io', sizeBytes: 0x1_0000, aborts: true, views: [] },
  ],
  devices: [
    { device: i8257, id: 'dma1', at: { bytes: io(0), page: io(0x80) } },
    { device: i8257, id: 'dma2', at: { words: io(0xc0), page: io(0x88) }, properties: { dshift: 1 } },
  ],
} as const

function on() {
  const { system } = bench(board)
  return {
    memory: system.memory,
    out: (port: number, ...values: number[]) => { for (const v of values) system.io.write(port, 1, v) },
    in: (port: number) => system.io.read(port, 1),
    transfer: (id: string, channel: number, buffer: Uint8Array) => system.instance(id).call(transfer(channel, buffer)),
  }
}
const range = (n: number) => Uint8Array.from({ length: n }, (_, i) => i + 1)

test('a block from a device, in two parts, up to its terminal count', () => {
  const d = on()
  d.out(0x0c, 0)
  d.out(0x04, 0x00, 0x12)
  d.out(0x05, 0x07, 0x00)
  d.out(0x81, 3)
  d.out(0x0b, 0x46)
  assert.deepEqual(d.transfer('dma1', 2, range(4)), { moved: 0, terminal: false }, 'masked')
  d.out(0x0a, 2)
  assert.deepEqual(d.transfer('dma1', 2, range(6)), { moved: 6, terminal: false })
  assert.deepEqual([d.in(0x04), d.in(0x04), d.in(0x05), d.in(0x05)], [0x06, 0x12, 0x01, 0x00])
  assert.deepEqual(d.transfer('dma1', 2, range(6)), { moved: 2, terminal: true })
  assert.deepEqual([d.memory.read(0x3_1205, 1), d.memory.read(0x3_1206, 2)], [6, 0x0201])
  assert.equal(d.in(0x08), 0x04)
  assert.equal(d.in(0x08), 0x00, 'read once')
  assert.equal(d.transfer('dma1', 2, range(1)).moved, 0, 'it masked itself')
})

test('automatic initialisation goes on; addresses wrap in their page, down too', () => {
  const d = on()
  d.out(0x0c, 0)
  d.out(0x02, 0xfe, 0xff)
  d.out(0x03, 0x03, 0x00)
  d.out(0x83, 1)
  d.out(0x0b, 0x55)
  d.out(0x0a, 1)
  assert.deepEqual(d.transfer('dma1', 1, range(4)), { moved: 4, terminal: true })
  const words = [0x1_fffe, 0x1_0000, 0x2_0000].map(at => d.memory.read(at, 2))
  assert.deepEqual(words, [0x0201, 0x0403, 0])
  assert.equal(d.transfer('dma1', 1, range(1)).moved, 1)
  d.out(0x0b, 0x75)
  d.out(0x02, 0x01, 0x00)
  d.transfer('dma1', 1, range(3))
  assert.deepEqual([d.memory.read(0x1_0001, 1), d.memory.read(0x1_0000, 1), d.memory.read(0x1_ffff, 1)], [1, 2, 3])
})

test('the second controller moves words to a device', () => {
  const d = on()
  for (let i = 0; i < 4; i++) d.memory.write(0x4_2468 + i, 1, 0x10 + i)
  d.out(0xd8, 0)
  d.out(0xc4, 0x34, 0x12)
  d.out(0xc6, 0x01, 0x00)
  d.out(0x8b, 5)
  d.out(0xd6, 0x49)
  d.out(0xd4, 1)
  const buffer = new Uint8Array(8)
  assert.deepEqual(d.transfer('dma2', 1, buffer), { moved: 4, terminal: true })
  assert.deepEqual([...buffer], [0x10, 0x11, 0x12, 0x13, 0, 0, 0, 0])
})
