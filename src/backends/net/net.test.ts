import { test } from 'node:test'
import assert from 'node:assert/strict'
import type { ByteStream, Host } from '../../host/host.ts'
import { openNet } from './open.ts'

function hostWithFiles() {
  const files = new Map<string, Uint8Array[]>()
  const stream = (chunks: Uint8Array[]): ByteStream => ({
    label: 'test',
    write: bytes => {
      chunks.push(bytes)
      return true
    },
    hold() {},
    async close() {},
    listen() {},
  })
  const open = async (path: string) => {
    const chunks: Uint8Array[] = []
    files.set(path, chunks)
    return stream(chunks)
  }
  return { files, host: { files: { open } as unknown as Host['files'] } }
}
const frame = (byte: number, length = 60) => new Uint8Array(length).fill(byte)

test('loop: frames come back when the card is ready, in order, none twice', async () => {
  const net = await openNet(hostWithFiles().host, { type: 'loop', id: 'n' })
  const got: number[] = []
  let room = 1
  net.connect!((f: Uint8Array) => {
    if (!room) return false
    room--
    return got.push(f[0]!) > 0
  })
  for (let i = 0; i < 3; i++) net.send(frame(i))
  assert.deepEqual(got, [])
  net.ready!()
  assert.deepEqual(got, [0])
  room = 5
  net.ready!()
  net.ready!()
  assert.deepEqual(got, [0, 1, 2])
})

test('a dump holds both directions in pcap format', async () => {
  const { host, files } = hostWithFiles()
  const net = await openNet(host, { type: 'loop', id: 'n', dumps: [{ file: 'd.pcap', maxBytes: 40 }] })
  let room = false
  net.connect!(() => room)
  net.send(frame(7))
  net.ready!()
  room = true
  net.ready!()
  await net.close()
  const bytes = new Uint8Array(files.get('d.pcap')!.flatMap(chunk => [...chunk])),
    view = new DataView(bytes.buffer)
  const word = (at: number) => view.getUint32(at, true)
  assert.deepEqual(
    [word(0), view.getUint16(4, true), view.getUint16(6, true), word(16), word(20)],
    [0xa1b2c3d4, 2, 4, 40, 1],
  )
  assert.equal(bytes.length, 24 + 2 * (16 + 40), 'what the card refused is not in it')
  for (const at of [24, 24 + 56]) {
    assert.ok(Math.abs(word(at) - Date.now() / 1000) < 60 && word(at + 4) < 1e6)
    assert.deepEqual([word(at + 8), word(at + 12), bytes[at + 16]], [40, 60, 7])
  }
})

test('what is not there says so', async () => {
  for (const type of ['user', 'tap', 'bridge'])
    await assert.rejects(openNet(hostWithFiles().host, { type, id: 'n0' }), {
      code: 'net.unsupported',
      message: `not implemented: -netdev ${type},id=n0`,
    })
})
