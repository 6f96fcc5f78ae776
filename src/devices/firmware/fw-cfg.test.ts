import { test } from 'node:test'
import assert from 'node:assert/strict'
import type { Board } from '../../device/board.ts'
import { bench } from '../../device/testing.ts'
import { FW_CFG, fwCfg, fwCfgIo } from './fw-cfg.ts'

const BASE = 0x1010_0000, RAM = 0x8000_0000
const text = (s: string) => new TextEncoder().encode(s)
const board: Board = {
  name: 'test',
  memory: [{ kind: 'ram', name: 'ram', at: RAM, sizeBytes: 0x10000, hostOffset: 0 }],
  devices: [
    {
      device: fwCfg,
      id: 'fw',
      at: { data: BASE, selector: BASE + 8, dma: BASE + 16 },
      properties: {
        files: { 'opt/b': text('second'), 'opt/a': text('first!') },
        items: { [FW_CFG.NB_CPUS]: new Uint8Array([4, 0]) },
      },
    },
  ],
}
const swap16 = (v: number) => ((v & 0xff) << 8) | (v >> 8)
const on = () => bench(board).system.memory
const readString = (m: ReturnType<typeof on>, key: number, length: number) => {
  m.write(BASE + 8, 2, swap16(key))
  return new TextDecoder().decode(Uint8Array.from({ length }, () => m.read(BASE, 1)))
}

test('items and the directory of files', () => {
  const m = on()
  assert.equal(readString(m, FW_CFG.SIGNATURE, 5), 'QEMU\0')
  m.write(BASE + 8, 2, swap16(FW_CFG.SIGNATURE))
  assert.equal(m.read(BASE, 4), 0x554d4551, 'wide reads keep the order of bytes')
  const directory = readString(m, FW_CFG.FILE_DIR, 4 + 128)
  assert.equal(directory.slice(0, 13), '\0\0\0\x02\0\0\0\x06\0\x20\0\0o')
  assert.match(directory, /opt\/a\0+\0\0\0\x06\0\x21\0\0opt\/b/)
  assert.equal(readString(m, FW_CFG.FILE_FIRST, 6), 'first!')
})

function dma(m: ReturnType<typeof on>, control: number, length: number, target: number): number {
  const d = new DataView(new ArrayBuffer(16))
  d.setUint32(0, control)
  d.setUint32(4, length)
  d.setUint32(12, target)
  m.writeBytes(RAM + 0x100, new Uint8Array(d.buffer))
  const bus = new DataView(new ArrayBuffer(8))
  bus.setUint32(4, RAM + 0x100)
  m.writeWide(BASE + 16, bus.getUint32(0, true), bus.getUint32(4, true))
  return m.read(RAM + 0x100, 4)
}

test('DMA selects, skips, reads and pads with zeros', () => {
  const m = on(), out = new Uint8Array(8)
  m.writeBytes(RAM, new Uint8Array(8).fill(0xaa))
  assert.equal(dma(m, (FW_CFG.FILE_FIRST << 16) | 8 | 4, 2, 0), 0)
  assert.equal(dma(m, 2, 7, RAM), 0)
  m.readBytes(RAM, out)
  assert.equal(new TextDecoder().decode(out), 'rst!\0\0\0\xaa'.replace('\xaa', '\ufffd'))
  assert.equal(dma(m, 2, 4, 0x4000), 0x01000000, 'no RAM there: the error bit')
  assert.equal(dma(m, 16, 4, RAM), 0x01000000, 'not writable')
})

test('on ports: selector and data side by side, DMA in two halves', () => {
  const { io, memory } = bench({
    name: 'test',
    memory: [...board.memory, { kind: 'space', name: 'io', sizeBytes: 0x1_0000, aborts: true, views: [] }],
    devices: [{
      device: fwCfgIo, id: 'fw', properties: { files: { 'opt/a': text('first!') } },
      at: { ports: { space: 'io', at: 0x510 }, dma: { space: 'io', at: 0x514 } },
    }],
  }).system
  io.write(0x510, 2, FW_CFG.FILE_FIRST)
  assert.deepEqual([io.read(0x511, 1), io.read(0x511, 1)], [0x66, 0x69])
  const d = new DataView(new ArrayBuffer(16))
  d.setUint32(0, (FW_CFG.FILE_FIRST << 16) | 8 | 2)
  d.setUint32(4, 6)
  d.setUint32(12, RAM)
  memory.writeBytes(RAM + 0x100, new Uint8Array(d.buffer))
  const at = new DataView(new ArrayBuffer(4))
  at.setUint32(0, RAM + 0x100)
  io.write(0x518, 4, at.getUint32(0, true))
  const out = new Uint8Array(6)
  memory.readBytes(RAM, out)
  assert.equal(new TextDecoder().decode(out), 'first!')
  assert.equal(io.read(0x514, 4), 0x554d4551)
})
