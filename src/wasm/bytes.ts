// A growing byte buffer with the encodings of the WebAssembly binary format (core specification 2.0, section
// 5.2). Numbers go straight into the array; 64-bit integers come as two halves, so that no BigInt is made.

export type Buffer8 = Uint8Array<ArrayBuffer>

/** Every single write below fits into this much. */
const ROOM = 32
const INITIAL = 1024
/**
 * Buffers given back by finished modules; a generator makes thousands of functions of about the same size.
 */
const spare: Buffer8[] = []
const SPARE_BUFFERS = 64
const SPARE_SIZE = 1 << 16
const RELEASED = new Uint8Array(0)

const float = new DataView(new ArrayBuffer(8))

export class Bytes {
  data: Buffer8 = spare.pop() ?? new Uint8Array(INITIAL)
  length = 0
  /** Up to this length there is room for one more instruction. */
  private limit = this.data.length - ROOM

  /** Room for one more instruction or field. */
  room(): void {
    if (this.length > this.limit) this.grow(ROOM)
  }

  /** Room for so many bytes, and a field. */
  grow(bytes: number): void {
    if (this.data === RELEASED) throw new Error('written to after it was finished')
    if (this.length + bytes + ROOM <= this.data.length) return
    const data = new Uint8Array(Math.max(2 * this.data.length, this.length + bytes + ROOM))
    data.set(this.data.subarray(0, this.length))
    this.data = data
    this.limit = data.length - ROOM
  }

  /** Gives the buffer back. What is written from now on throws. */
  release(): void {
    const size = this.data.length
    if (size && size <= SPARE_SIZE && spare.length < SPARE_BUFFERS) spare.push(this.data)
    this.data = RELEASED
    this.length = 0
    this.limit = -1
  }

  u8(value: number): void {
    this.room()
    this.data[this.length++] = value
  }

  /** Unsigned LEB128 of 0..2^32-1; negative numbers are taken as their 32-bit pattern. */
  u32(value: number): void {
    this.room()
    const data = this.data
    let n = this.length
    while (value < 0 || value > 0x7f) {
      data[n++] = value & 0x7f | 0x80
      value >>>= 7
    }
    data[n++] = value
    this.length = n
  }

  /** Unsigned LEB128 of 0..2^53-1: offsets and sizes in 64-bit memories. */
  u53(value: number): void {
    if (value >= 0 && value <= 0x7fffffff) return this.u32(value)
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not an unsigned size: ${value}`)
    this.room()
    while (value > 0x7f) {
      this.data[this.length++] = value % 0x80 | 0x80
      value = Math.floor(value / 0x80)
    }
    this.data[this.length++] = value
  }

  /** Signed LEB128 of an int32. */
  s32(value: number): void {
    this.room()
    const data = this.data
    let n = this.length
    value |= 0
    while (value < -0x40 || value > 0x3f) {
      data[n++] = value & 0x7f | 0x80
      value >>= 7
    }
    data[n++] = value & 0x7f
    this.length = n
  }

  /** Signed LEB128 of a 64-bit integer in two halves. */
  s64(lo: number, hi: number): void {
    lo |= 0
    hi |= 0
    if (hi === lo >> 31) return this.s32(lo)
    this.room()
    const data = this.data
    let n = this.length
    while (hi !== lo >> 31 || lo < -0x40 || lo > 0x3f) {
      data[n++] = lo & 0x7f | 0x80
      lo = lo >>> 7 | hi << 25
      hi >>= 7
    }
    data[n++] = lo & 0x7f
    this.length = n
  }

  /** Four bytes, little-endian. */
  word(bits: number): void {
    this.room()
    const data = this.data
    let n = this.length
    data[n++] = bits
    data[n++] = bits >> 8
    data[n++] = bits >> 16
    data[n++] = bits >> 24
    this.length = n
  }

  f32(value: number): void {
    float.setFloat32(0, value, true)
    this.word(float.getInt32(0, true))
  }

  f64(value: number): void {
    float.setFloat64(0, value, true)
    this.word(float.getInt32(0, true))
    this.word(float.getInt32(4, true))
  }

  append(bytes: Uint8Array): void {
    this.grow(bytes.length)
    this.data.set(bytes, this.length)
    this.length += bytes.length
  }

  /** A length and that many bytes: a section, a body, a segment. */
  sized(bytes: Bytes): void {
    this.u32(bytes.length)
    this.append(bytes.data.subarray(0, bytes.length))
  }

  /** A name: its length in bytes, then UTF-8. */
  name(text: string): void {
    let ascii = true
    for (let i = 0; i < text.length && ascii; i++) ascii = text.charCodeAt(i) < 0x80
    if (!ascii) {
      const utf8 = new TextEncoder().encode(text)
      this.u32(utf8.length)
      return this.append(utf8)
    }
    this.u32(text.length)
    this.grow(text.length)
    for (let i = 0; i < text.length; i++) this.data[this.length++] = text.charCodeAt(i)
  }

  copy(): Buffer8 {
    return this.data.slice(0, this.length)
  }
}

/** Bytes of the unsigned LEB128 of a 32-bit number. */
export function sizeOfU32(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5
}
