// Framing of gdb's remote serial protocol: $data#checksum, acknowledgements, escapes, and the bare byte that
// interrupts. Texts here have one character per byte (Latin-1).

export type PacketListener = {
  packet(data: string): void
  /** Ctrl-C. */
  interrupt(): void
  /** The other side wants the last packet again. */
  again(): void
  /** A packet arrived whole (true) or damaged; not called when acknowledgements are off. */
  acknowledge(good: boolean): void
}

const LIMIT = 1 << 20

export function packetParser(to: PacketListener): {
  feed(bytes: Uint8Array): void
  acknowledgements: boolean
} {
  let data: string[] | undefined,
    sum = 0,
    checksum: string | undefined,
    escaped = false
  const parser = {
    acknowledgements: true,
    feed(bytes: Uint8Array) {
      for (const b of bytes) {
        const c = String.fromCharCode(b)
        if (checksum !== undefined) {
          checksum += c
          if (checksum.length < 2) continue
          const good = parseInt(checksum, 16) === (sum & 0xff), text = data!.join('')
          data = checksum = undefined
          if (parser.acknowledgements) to.acknowledge(good)
          if (good || !parser.acknowledgements) to.packet(text)
        } else if (data === undefined) {
          if (c === '$') { data = []; sum = 0; escaped = false }
          else if (b === 0x03) to.interrupt()
          else if (c === '-') to.again()
        } else if (c === '#' && !escaped) checksum = ''
        else {
          sum += b
          if (escaped) {
            data.push(String.fromCharCode(b ^ 0x20))
            escaped = false
          } else if (c === '}') escaped = true
          else data.push(c)
          if (data.length > LIMIT) data = undefined
        }
      }
    },
  }
  return parser
}

/** A packet around `data`; binary data are escaped. */
export function packetOf(data: string): Uint8Array {
  const escaped = data.replace(/[#$*}]/g, c => `}${String.fromCharCode(c.charCodeAt(0) ^ 0x20)}`)
  const bytes = new Uint8Array(escaped.length + 4)
  let sum = 0
  bytes[0] = 0x24
  for (let i = 0; i < escaped.length; i++) sum += bytes[i + 1] = escaped.charCodeAt(i)
  const hex = (sum & 0xff).toString(16).padStart(2, '0')
  bytes.set([0x23, hex.charCodeAt(0), hex.charCodeAt(1)], escaped.length + 1)
  return bytes
}

export const toHex = (bytes: Uint8Array): string => {
  let out = ''
  for (const b of bytes) out += (b < 16 ? '0' : '') + b.toString(16)
  return out
}

/** Undefined unless it is an even number of hexadecimal digits. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 || !/^[0-9a-f]*$/i.test(text)) return undefined
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => parseInt(text.slice(2 * i, 2 * i + 2), 16))
}

export const latin1 = (text: string): Uint8Array => Uint8Array.from(text, c => c.charCodeAt(0))
