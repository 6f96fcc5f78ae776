// Contents of the registers of x87, MMX and SSE for cases, as FXSAVE stores them: numbers that instructions treat in their own
// way, neighbours of powers of two, integers, short texts, random bits.
import { FX_BYTES } from './machine.ts'

type Random = () => number
const below = (random: Random, n: number): number => Math.floor(random() * n)
const bits = (random: Random, n: number): bigint => {
  let v = 0n
  for (let i = 0; i < n; i += 16) v = (v << 16n) | BigInt(below(random, 0x10000))
  return BigInt.asUintN(n, v)
}

/** A number of a binary format with so many bits of exponent and fraction. */
function float(random: Random, exponentBits: number, fractionBits: number): bigint {
  const top = (1 << exponentBits) - 1, bias = top >> 1, kind = random(), f = BigInt(fractionBits)
  const fraction = random() < 0.3 ? 0n : random() < 0.3 ? (1n << f) - 1n : random() < 0.3 ? 1n << BigInt(below(random, fractionBits)) : bits(random, fractionBits)
  const exponent = kind < 0.08 ? 0 : kind < 0.16 ? top : kind < 0.2 ? 1 : kind < 0.24 ? top - 1
    : kind < 0.7 ? bias + below(random, 70) - 35 : below(random, top + 1)
  return (BigInt(below(random, 2)) << BigInt(exponentBits + fractionBits)) | (BigInt(exponent) << f) | fraction
}
function vector(random: Random): bigint {
  const kind = random()
  if (kind < 0.35) return (float(random, 11, 52) << 64n) | float(random, 11, 52)
  if (kind < 0.7) return [0, 1, 2, 3].reduce((v, i) => v | (float(random, 8, 23) << BigInt(32 * i)), 0n)
  if (kind < 0.8) return [0, 1, 2, 3].reduce((v, i) => v | (BigInt.asUintN(32, BigInt(below(random, 200) - 100)) << BigInt(32 * i)), 0n)
  return kind < 0.9 ? text(random) : bits(random, 128)
}
/** Bytes or words of a few values, 0 among them. */
function text(random: Random): bigint {
  const size = random() < 0.5 ? 1 : 2, letters = [0, 1, 0x41, 0x42, 0x43, 0x5a, 0x80, 0xff], some = 1 + below(random, letters.length), skip = random() < 0.6 ? 1 : 0
  let v = 0n
  for (let i = 0; i < 16; i += size) v = (v << BigInt(8 * size)) | BigInt(letters[Math.min(letters.length - 1, skip + below(random, some))]!)
  return v
}
/** An extended number: its integer bit is as it should be, mostly. */
function extended(random: Random): { mantissa: bigint; exponent: number } {
  const v = float(random, 15, 63), exponent = Number(v >> 63n), normal = (exponent & 0x7fff) !== 0
  const integer = random() < 0.02 ? !normal : normal
  return { mantissa: (v & ((1n << 63n) - 1n)) | (integer ? 1n << 63n : 0n), exponent }
}

export function fpuImage(random: Random): Uint8Array<ArrayBuffer> {
  const image = new Uint8Array(FX_BYTES), v = new DataView(image.buffer)
  const odd = random() < 0.2
  v.setUint16(0, (odd ? below(random, 0x1000) : 0x300 | (random() < 0.3 ? below(random, 16) << 8 : 0) | 0x3f) | 0x40, true)
  const exceptions = random() < 0.5 ? 0 : below(random, 0x80), unmasked = exceptions & ~v.getUint8(0) & 0x3f
  v.setUint16(2, (below(random, 8) << 11) | (below(random, 16) & 7) << 8 | (below(random, 2) << 14) | exceptions | (unmasked ? 0x8080 : 0), true)
  v.setUint8(4, random() < 0.6 ? 0xff : below(random, 256))
  const control = random() < 0.7 ? 0x1f80 : (below(random, 0x400) << 6)
  v.setUint32(24, control | (random() < 0.5 ? 0x20 : 0) | (random() < 0.3 ? below(random, 64) : 0), true)
  for (let i = 0; i < 8; i++) {
    const { mantissa, exponent } = extended(random)
    v.setBigUint64(32 + 16 * i, mantissa, true)
    v.setUint16(40 + 16 * i, exponent, true)
  }
  for (let i = 0; i < 16; i++) {
    const value = vector(random)
    v.setBigUint64(160 + 16 * i, value & 0xffffffffffffffffn, true)
    v.setBigUint64(168 + 16 * i, value >> 64n, true)
  }
  return image
}
