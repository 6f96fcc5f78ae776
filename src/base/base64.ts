// Base64 (RFC 4648, section 4) for bytes inside JSON, the same on every host.
import { assert } from './errors.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const VALUES = new Map([...ALPHABET].map((c, i) => [c, i]))

export function toBase64(bytes: Uint8Array): string {
  const out: string[] = []
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i
    const word = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    out.push(
      ALPHABET[word >> 18]!, ALPHABET[(word >> 12) & 63]!,
      left > 1 ? ALPHABET[(word >> 6) & 63]! : '=', left > 2 ? ALPHABET[word & 63]! : '=',
    )
  }
  return out.join('')
}

/** The bytes, or undefined if the text isn't base64. */
export function fromBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const bytes = new Uint8Array((text.length / 4) * 3 - padding)
  for (let i = 0, at = 0; i < text.length; i += 4) {
    let word = 0
    for (let k = 0; k < 4; k++) {
      const last = i + k >= text.length - padding
      const value = last ? 0 : VALUES.get(text[i + k]!)
      if (value === undefined) return undefined
      word = (word << 6) | value
    }
    for (let k = 0; k < 3 && at < bytes.length; k++) bytes[at++] = (word >> (16 - 8 * k)) & 0xff
  }
  assert(bytes.length % 3 === (3 - padding) % 3, 'base64 padding')
  return bytes
}
