// Pictures as files: PPM (binary, eight bits a channel) and PNG (Portable Network Graphics specification, second
// edition: true colour without alpha, filter 0; the stream is zlib's, which hosts have as CompressionStream).
import type { Picture } from '../../vm/control.ts'

export type ImageFormat = 'ppm' | 'png'

/** The file, in pieces. */
export async function* encode(picture: Picture, format: ImageFormat): AsyncIterable<Uint8Array> {
  if (format === 'ppm') yield* ppm(picture)
  else yield* png(picture)
}

function* ppm({ width, height, pixels }: Picture): Iterable<Uint8Array> {
  yield ascii(`P6\n${width} ${height}\n255\n`)
  for (let y = 0; y < height; y++) {
    const row = new Uint8Array(3 * width)
    channels(pixels.subarray(y * width, (y + 1) * width), row, 0)
    yield row
  }
}

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)
const HEADER_BYTES = 13, DEPTH = 8, TRUE_COLOR = 2

async function* png({ width, height, pixels }: Picture): AsyncIterable<Uint8Array> {
  yield SIGNATURE
  const header = new Uint8Array(HEADER_BYTES), view = new DataView(header.buffer)
  view.setUint32(0, width)
  view.setUint32(4, height)
  header.set([DEPTH, TRUE_COLOR], 8) // then deflate, adaptive filtering, no interlace: all 0
  yield chunk('IHDR', header)
  const raw = new Uint8Array(height * (1 + 3 * width))
  for (let y = 0; y < height; y++)
    channels(pixels.subarray(y * width, (y + 1) * width), raw, y * (1 + 3 * width) + 1)
  yield chunk('IDAT', await deflated(raw))
  yield chunk('IEND', new Uint8Array(0))
}

function channels(from: Uint32Array, to: Uint8Array, at: number): void {
  for (const pixel of from) {
    to[at++] = pixel
    to[at++] = pixel >>> 8
    to[at++] = pixel >>> 16
  }
}

async function deflated(raw: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const packed = new Blob([raw]).stream().pipeThrough(new CompressionStream('deflate'))
  return new Uint8Array(await new Response(packed).arrayBuffer())
}

/** Length, type, data, check sum over type and data. */
function chunk(type: string, data: Uint8Array): Uint8Array {
  const out = new Uint8Array(data.length + 12), view = new DataView(out.buffer)
  view.setUint32(0, data.length)
  out.set(ascii(type), 4)
  out.set(data, 8)
  view.setUint32(data.length + 8, crc32(out.subarray(4, data.length + 8)))
  return out
}

const ascii = (text: string) => new TextEncoder().encode(text)

const POLYNOMIAL = 0xedb88320
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n
  for (let i = 0; i < 8; i++) c = c & 1 ? (c >>> 1) ^ POLYNOMIAL : c >>> 1
  return c
})
function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff
  for (const b of bytes) c = CRC_TABLE[(c ^ b) & 0xff]! ^ (c >>> 8)
  return ~c >>> 0
}
