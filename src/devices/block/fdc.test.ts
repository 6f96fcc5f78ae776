import { test } from 'node:test'
import assert from 'node:assert/strict'
import { bench } from '../../device/testing.ts'
import { i8257 } from '../dma/i8257.ts'
import { isaFdc } from './fdc.ts'
import { floppyFormat, formatBytes } from './floppy-formats.ts'

const SIZE = 720 * 1024, BUFFER = 0x2000
const io = (at: number) => ({ space: 'io', at })
const contents = Uint8Array.from({ length: SIZE }, (_, i) => (i >> 9) ^ (i & 0xff))

function machine(media: { sizeBytes: number; readOnly: boolean } | null = { sizeBytes: SIZE, readOnly: false }) {
  const image = contents.slice(), failures: string[] = []
  let broken = false
  const b = bench({
    name: 'test',
    memory: [
      { kind: 'ram', name: 'ram', at: 0, sizeBytes: 1 << 16, hostOffset: 0 },
      { kind: 'space', name: 'io', sizeBytes: 0x1_0000, aborts: true, views: [] },
    ],
    devices: [
      { device: i8257, id: 'dma1', at: { bytes: io(0), page: io(0x80) } },
      {
        device: isaFdc, id: 'fdc', at: { ports: io(0x3f0), input: io(0x3f7) }, peers: { dma: 'dma1' },
        properties: { drives: [{ type: 144, ...(media && { media }) }] },
      },
    ],
  })
  const act = (f: () => void) => { if (broken) throw new Error('bad sector'); else f() }
  const disk = {
    immediate: true, flush() {}, discard() {}, zero() {}, failed: (what: string) => void failures.push(what),
    read: (at: number, [into]: readonly Uint8Array[]) => act(() => into!.set(image.subarray(at, at + 512))),
    write: (at: number, [from]: readonly Uint8Array[]) => act(() => image.set(from!, at)),
  }
  b.system.attach('fdc', { units: media ? [disk] : [] })
  const put = (port: number, value: number) => b.system.io.write(port, 1, value)
  const get = (port: number) => b.system.io.read(port, 1)
  const status = () => {
    b.system.serve()
    return get(0x3f4)
  }
  const send = (...bytes: readonly number[]) => { for (const byte of bytes) put(0x3f5, byte) }
  const result = () => {
    const out: number[] = []
    while ((status() & 0xf0) === 0xd0) out.push(get(0x3f5))
    return out
  }
  const dma = (mode: number, bytes: number) => {
    for (const [port, value] of [[0xa, 6], [0xc, 0], [0xb, mode], [4, BUFFER & 0xff], [4, BUFFER >> 8], [0x81, 0], [5, (bytes - 1) & 0xff],
      [5, (bytes - 1) >> 8], [0xa, 2]] as const) put(port, value)
  }
  const memory = (bytes: number) => {
    const out = new Uint8Array(bytes)
    b.system.memory.readBytes(BUFFER, out)
    return out
  }
  put(0x3f7, 2) // 250 kbit/s
  return { b, image, failures, put, get, status, send, result, dma, memory, fail: () => { broken = true } }
}
const TO_MEMORY = 0x46, FROM_MEMORY = 0x4a

test('formats by size', () => {
  assert.deepEqual([160, 180, 320, 360, 720, 1200, 1440, 2880].map(k => floppyFormat(k * 1024)).map(f => [f.tracks, f.heads, f.sectors, f.drive]), [
    [40, 1, 8, 120], [40, 1, 9, 120], [40, 2, 8, 120], [40, 2, 9, 120], [80, 2, 9, 144], [80, 2, 15, 120], [80, 2, 18, 144], [80, 2, 36, 288],
  ])
  assert.equal(formatBytes(floppyFormat(1440 * 1024)), 1440 * 1024)
  assert.throws(() => floppyFormat(1_000_000), { message: 'no floppy disk has 1000000 bytes', hint: /^there are 160K, 180K/ })
})

test('reads over both heads until the terminal count', () => {
  const m = machine()
  m.dma(TO_MEMORY, 4 * 512)
  m.send(0xc6, 0, 0, 0, 8, 2, 9, 0x1b, 0xff) // from sector 8 of head 0, multi-track
  assert.deepEqual(m.result(), [0x04, 0, 0, 0, 1, 3, 2])
  assert.deepEqual(m.memory(4 * 512), contents.slice(7 * 512, 11 * 512))
  m.dma(TO_MEMORY, 512)
  m.send(0x46, 0, 5, 0, 1, 2, 9, 0x1b, 0xff)
  assert.deepEqual(m.result().slice(0, 3), [0x40, 0x04, 0x10], 'another track')
  m.dma(TO_MEMORY, 4 * 512)
  m.send(0x46, 0, 0, 0, 8, 2, 9, 0x1b, 0xff)
  assert.deepEqual(m.result(), [0x40, 0x80, 0, 1, 0, 1, 2], 'the end of the track comes first')
})

test('a transfer waits for its DMA channel', () => {
  const m = machine()
  m.send(0x46, 0, 0, 0, 1, 2, 9, 0x1b, 0xff)
  assert.equal(m.status(), 0x10)
  m.dma(TO_MEMORY, 512)
  assert.equal(m.status(), 0x10)
  m.b.advance(2e6)
  assert.deepEqual(m.result(), [0, 0, 0, 0, 0, 2, 2])
  assert.deepEqual(m.memory(512), contents.slice(0, 512))
})

test('writes, and fills up a sector of which less came', () => {
  const m = machine()
  m.b.system.memory.writeBytes(BUFFER, new Uint8Array(700).fill(0xaa))
  m.dma(FROM_MEMORY, 700)
  m.send(0x45, 4, 0, 1, 2, 2, 9, 0x1b, 0xff)
  assert.deepEqual(m.result(), [4, 0, 0, 0, 1, 4, 2])
  const at = (9 + 1) * 512
  assert.deepEqual(m.image.slice(at, at + 1024), Uint8Array.from({ length: 1024 }, (_, i) => (i < 700 ? 0xaa : 0)))
  assert.deepEqual(m.image.slice(at + 1024), contents.slice(at + 1024))
})

test('formats a track', () => {
  const m = machine()
  m.b.system.memory.writeBytes(BUFFER, Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9].flatMap(r => [0, 1, r, 2])))
  m.dma(FROM_MEMORY, 36)
  m.send(0x4d, 4, 2, 9, 0x50, 0xf6)
  assert.equal(m.result()[0], 4)
  assert.deepEqual(m.image.slice(9 * 512, 18 * 512), new Uint8Array(9 * 512).fill(0xf6))
  assert.deepEqual(m.image.slice(18 * 512), contents.slice(18 * 512))
})

test('data through the processor', () => {
  const m = machine()
  m.send(3, 0xdf, 3) // SPECIFY: no DMA
  m.send(0x46, 0, 0, 0, 9, 2, 9, 0x1b, 0xff)
  const got: number[] = []
  while (m.status() === 0xf0) got.push(m.get(0x3f5))
  assert.deepEqual(Uint8Array.from(got), contents.slice(8 * 512, 9 * 512))
  assert.deepEqual(m.result(), [0x40, 0x80, 0, 1, 0, 1, 2])
  m.send(0x45, 0, 0, 0, 9, 2, 9, 0x1b, 0xff)
  for (let n = 0; m.status() === 0xb0; n++) m.put(0x3f5, n & 0x7f)
  assert.deepEqual(m.result(), [0x40, 0x80, 0, 1, 0, 1, 2])
  assert.deepEqual(m.image.slice(8 * 512, 9 * 512), Uint8Array.from({ length: 512 }, (_, i) => i & 0x7f))
})

test('no medium, a wrong rate, a medium that is protected, one that fails', () => {
  const empty = machine(null)
  empty.send(0x4a, 0)
  assert.deepEqual(empty.result().slice(0, 2), [0x40, 0x01])
  assert.equal(empty.get(0x3f7), 0x80)
  const m = machine({ sizeBytes: SIZE, readOnly: true })
  m.send(0x4a, 0)
  assert.deepEqual(m.result(), [0, 0, 0, 0, 0, 1, 2], 'READ ID')
  m.put(0x3f7, 0)
  m.send(0x4a, 0)
  assert.deepEqual(m.result().slice(0, 2), [0x40, 0x01])
  m.put(0x3f7, 2)
  m.send(0x45, 0, 0, 0, 1, 2, 9, 0x1b, 0xff)
  assert.deepEqual(m.result().slice(0, 2), [0x40, 0x02])
  m.fail()
  m.dma(TO_MEMORY, 512)
  m.send(0x46, 0, 0, 0, 1, 2, 9, 0x1b, 0xff)
  assert.deepEqual(m.result().slice(0, 2), [0x40, 0x20])
  assert.deepEqual(m.failures, ['read'])
})

test('a change of the medium shows until the heads have moved', () => {
  const m = machine(), facet = isaFdc.facets!.media, fdc = m.b.system.instance('fdc')
  const seek = (track: number) => {
    m.send(0xf, 0, track)
    m.send(8)
    assert.deepEqual(m.result(), [0x20, track])
  }
  seek(3)
  assert.equal(m.get(0x3f7), 0)
  fdc.call((s, i) => facet.eject(s, i, 0))
  seek(4)
  assert.equal(m.get(0x3f7), 0x80, 'there is none')
  fdc.call((s, i) => facet.insert(s, i, 0, { sizeBytes: 1440 * 1024, readOnly: false }))
  assert.equal(m.get(0x3f7), 0x80)
  seek(0)
  assert.equal(m.get(0x3f7), 0)
})
