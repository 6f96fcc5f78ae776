import { test } from 'node:test'
import assert from 'node:assert/strict'
import type { BlockLayer } from './layer.ts'
import { memoryImage } from './memory-image.ts'
import { openBlock } from './open.ts'
import { blockdevOptions, driveOptions, type BlockOptions } from './options.ts'
import { rawLayer } from './raw.ts'

const host = {}
const open = (options: BlockOptions) => openBlock(host, options)
async function bytesOf(node: Pick<BlockLayer, 'read'>, offset: number, length: number): Promise<number[]> {
  const into = new Uint8Array(length)
  await node.read(offset, [into])
  return [...into]
}
/** Numbers below n, the same for the same seed. */
function dice(seed: number) {
  return (n: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return Math.floor((seed / 2 ** 32) * n)
  }
}

test('a raw image of odd length is filled up with zeros', async () => {
  const node = open({ file: Uint8Array.from({ length: 700 }, () => 7) })
  assert.equal(node.media.sizeBytes, 1024)
  const into = [new Uint8Array(10).fill(1), new Uint8Array(500).fill(1), new Uint8Array(2).fill(1)]
  await node.read(512, into)
  const all = into.flatMap(part => [...part])
  assert.deepEqual([all[187], all[188], all[511]], [7, 0, 0])
  await node.write(1022, [Uint8Array.of(9, 9)])
  assert.deepEqual(await bytesOf(node, 1020, 4), [0, 0, 9, 9])
})

test('part of a file', async () => {
  const node = open({ file: Uint8Array.from({ length: 4096 }, (_, i) => i >> 9), offset: 1024, size: 1024 })
  assert.equal(node.media.sizeBytes, 1024)
  assert.deepEqual(await bytesOf(node, 511, 2), [2, 3])
  assert.throws(() => open({ file: new Uint8Array(100), offset: 200 }), { code: 'block.unsupported' })
})

test('zeroing writes only where something is', async () => {
  const file = memoryImage(new Uint8Array(12 << 20))
  file.write(5 << 20, [Uint8Array.of(1)])
  let written = 0
  const layer = rawLayer(
    {
      ...file,
      write(at, from) {
        written += from[0]!.length
        file.write(at, from)
      },
    },
    { readOnly: false },
  )
  await layer.zero(0, 12 << 20, true)
  assert.equal(written, 4 << 20)
  assert.deepEqual(await bytesOf(layer, 5 << 20, 1), [0])
})

test('a snapshot behaves as a disk of its own and leaves the image alone', async () => {
  const size = 300 * 1024, image = Uint8Array.from({ length: size }, (_, i) => i * 7)
  const model = image.slice(), before = image.slice()
  const node = open({ file: image, snapshot: true, readOnly: false })
  const below = dice(5)
  for (let i = 0; i < 400; i++) {
    const length = 512 * (1 + below(below(10) ? 8 : 300)),
      offset = 512 * below((size - Math.min(size, length)) / 512 + 1)
    const n = Math.min(length, size - offset)
    switch (below(4)) {
      case 0: {
        const split = below(n)
        const bytes = Uint8Array.from({ length: n }, () => below(256))
        model.set(bytes, offset)
        await node.write(offset, [bytes.subarray(0, split), bytes.subarray(split)])
        break
      }
      case 1:
        model.fill(0, offset, offset + n)
        await node.zero(offset, n, true)
        break
      default: {
        const into = new Uint8Array(n)
        await node.read(offset, [into.subarray(0, 100), into.subarray(100)])
        assert.ok(into.every((byte, k) => byte === model[offset + k]), `read ${i} of ${n} at ${offset}`)
      }
    }
  }
  assert.deepEqual(image, before)
})

test('what the guest gives back becomes a hole, if it may and the host can', async () => {
  for (const [unmap, possible, expected] of [
    [true, true, ['punch 1512 512', 'punch 2024 512']],
    [true, false, ['punch 1512 512']], // asked once
    [false, true, []],
  ] as const) {
    const file = memoryImage(new Uint8Array(8 << 10).fill(1)), calls: string[] = []
    const layer = rawLayer({
      ...file,
      async punch(offset, length) {
        calls.push(`punch ${offset} ${length}`)
        if (possible) file.write(offset, [new Uint8Array(length)])
        return possible
      },
    }, { readOnly: false, unmap, offset: 1000 })
    await layer.discard(512, 512)
    await layer.zero(1024, 512, true)
    assert.deepEqual(calls, expected)
    assert.deepEqual(await bytesOf(layer, 1023, 2), [unmap && possible ? 0 : 1, 0])
    await layer.zero(2048, 512, false)
    assert.deepEqual(calls, expected, 'who wants the space kept, keeps it')
  }
})

test('memory images grow, shrink and keep what was handed in', () => {
  const contents = Uint8Array.from({ length: 100 }, (_, i) => i)
  const file = memoryImage(contents)
  file.write(3 << 20, [Uint8Array.of(1, 2), Uint8Array.of(3)])
  assert.equal(file.sizeBytes(), (3 << 20) + 3)
  const into = new Uint8Array(8).fill(9)
  assert.equal(file.read(96, [into]), 8)
  assert.deepEqual([...into], [96, 97, 98, 99, 0, 0, 0, 0])
  file.truncate(98)
  file.truncate(200)
  assert.equal(file.read(96, [into]), 8)
  assert.deepEqual([...into], [96, 97, 0, 0, 0, 0, 0, 0])
  assert.equal(contents[98], 98)
})

test('formats that are not raw are told apart, and refused', () => {
  const qcow2 = Uint8Array.from({ length: 512 }, (_, i) => [0x51, 0x46, 0x49, 0xfb][i] ?? 0)
  assert.throws(() => open({ file: qcow2 }), {
    code: 'block.unsupported',
    message: 'not implemented: image format qcow2',
  })
  assert.equal(open({ file: qcow2, format: 'raw' }).format, 'raw')
  assert.throws(() => open({ file: qcow2, format: 'vdi' }), { code: 'block.unsupported' })
  assert.throws(() => open({ file: '/some/path' }), { code: 'host.unsupported' })
})

test('options of drives and blockdevs', () => {
  assert.deepEqual(
    driveOptions({
      file: 'a',
      format: 'raw',
      properties: { cache: 'unsafe', 'file.locking': 'off', aio: 'native' },
    }),
    {
      file: 'a',
      format: 'raw',
      writeThrough: false,
      noFlush: true,
      locking: false,
      readOnly: false,
      snapshot: false,
    },
  )
  assert.deepEqual(driveOptions({ file: 'a', media: 'cdrom' }).readOnly, true)
  assert.equal(driveOptions({ file: 'a', properties: { discard: 'unmap' } }).unmap, true)
  assert.equal(blockdevOptions({ driver: 'raw', file: { driver: 'file', filename: 'b', discard: 'unmap' } }).unmap, true)
  assert.throws(() => driveOptions({ file: 'a', properties: { discard: 'perhaps' } }), /discard=perhaps/)
  const tree = {
    driver: 'raw', 'node-name': 'n', 'read-only': true, cache: { direct: false, 'no-flush': true },
    file: { driver: 'file', filename: 'b', locking: 'auto' },
  }
  assert.deepEqual(blockdevOptions(tree), {
    file: 'b',
    format: 'raw',
    readOnly: true,
    locking: true,
    noFlush: true,
  })
  assert.deepEqual(blockdevOptions({ driver: 'file', filename: 'c' }), {
    file: 'c',
    format: 'raw',
    readOnly: false,
    locking: true,
  })
  for (const properties of [
    { cache: 'warm' }, { werror: 'stop' }, { throttling: { 'bps-total': 1 } }, { 'file.locking': 'maybe' },
  ])
    assert.throws(() => driveOptions({ file: 'a', properties }), { code: 'block.unsupported' })
  assert.throws(
    () => blockdevOptions({ driver: 'raw', file: { driver: 'nbd', host: 'x' } }),
    /not implemented: block driver nbd/,
  )
})

test('a failing medium is reported to whoever watches, and counted', () => {
  const seen: string[] = []
  const node = openBlock(
    host, { file: new Uint8Array(512) },
    { failed: (operation, error) => void seen.push(`${operation}: ${error}`) },
  )
  node.failed('write', 'no space left')
  assert.deepEqual(seen, ['write: no space left'])
  assert.equal(node.counts.failures, 1)
})
