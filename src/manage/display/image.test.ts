import { test } from 'node:test'
import assert from 'node:assert/strict'
import { crc32, inflateSync } from 'node:zlib'
import { PICTURE } from '../testing.ts'
import { encode, type ImageFormat } from './image.ts'

const RGB = [255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255]

async function file(format: ImageFormat, picture = PICTURE): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of encode(picture, format)) parts.push(part)
  return Buffer.concat(parts)
}

test('PPM', async () => {
  assert.deepEqual(await file('ppm'), Buffer.concat([Buffer.from('P6\n2 2\n255\n'), Buffer.from(RGB)]))
})

test('PNG, read by another zlib', async () => {
  const width = 300, height = 200
  const pixels = Uint32Array.from({ length: width * height }, (_, i) => Math.imul(i, 2654435761) >>> 0)
  const png = await file('png', { width, height, pixels })
  assert.deepEqual([...png.subarray(0, 8)], [137, 80, 78, 71, 13, 10, 26, 10])
  const chunks: { type: string; data: Buffer }[] = []
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at), body = png.subarray(at + 4, at + 8 + length)
    assert.equal(png.readUInt32BE(at + 8 + length), crc32(body))
    chunks.push({ type: body.subarray(0, 4).toString('latin1'), data: body.subarray(4) })
    at += 12 + length
  }
  assert.deepEqual(chunks.map(c => c.type), ['IHDR', 'IDAT', 'IEND'])
  assert.deepEqual([...chunks[0]!.data], [0, 0, 1, 44, 0, 0, 0, 200, 8, 2, 0, 0, 0])
  const raw = inflateSync(chunks[1]!.data)
  assert.equal(raw.length, height * (1 + 3 * width))
  for (const i of [0, 1, width, 40_000, width * height - 1]) {
    const y = Math.floor(i / width), at = y * (1 + 3 * width) + 1 + 3 * (i % width)
    assert.equal(raw[y * (1 + 3 * width)], 0, 'filter')
    assert.equal(raw.readUIntLE(at, 3), pixels[i]! & 0xffffff)
  }
})
