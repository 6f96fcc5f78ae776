// Memory and numbers in the formats of `x` and `print`: a count, a format letter (x d u o c i) and a size (b
// h w g).
import { VmError } from '../../base/errors.ts'

export type Format = { readonly count: number; readonly format: string; readonly size: number }

const SIZES: { readonly [letter: string]: number } = { b: 1, h: 2, w: 4, g: 8 }

/** `8xw`, `i`, `16`; what is missing is as last time. */
export function parseFormat(text: string, last: { format: string; size: number }): Format {
  const m = /^(\d*)([a-z]*)$/.exec(text)
  if (!m) throw new VmError('cli.usage', `'/${text}' is not a format`)
  let { format, size } = last, sizeGiven = false
  for (const letter of m[2]!) {
    if (letter in SIZES) [size, sizeGiven] = [SIZES[letter]!, true]
    else if ('xduoci'.includes(letter)) format = letter
    else
      throw new VmError('cli.usage', `'/${text}': no format or size '${letter}'`, {
        hint: 'formats x d u o c i, sizes b h w g',
      })
  }
  if (format === 'c' && !sizeGiven) size = 1
  const count = m[1] === '' ? 1 : Number(m[1])
  if (count > 1 << 20) throw new VmError('cli.usage', `'/${text}': at most ${1 << 20} at a time`)
  return { count, format, size }
}

const hex = (v: bigint, digits: number): string => v.toString(16).padStart(digits, '0')

/** One number. Padded, so that columns line up, unless `plain`. */
export function formatNumber(value: bigint, format: string, size: number, plain = false): string {
  const v = BigInt.asUintN(8 * size, value), signed = BigInt.asIntN(8 * size, value)
  const widths: { readonly [format: string]: readonly [number, number, number, number] } = {
    o: [3, 6, 11, 22], d: [4, 6, 11, 20], u: [3, 5, 10, 20],
  }
  const width = (f: string) => (plain ? 0 : widths[f]![Math.log2(size)]!)
  switch (format) {
    case 'x': return `0x${plain ? v.toString(16) : hex(v, 2 * size)}`
    case 'o': return `0${v.toString(8).padStart(width('o'), '0')}`
    case 'd': return signed.toString().padStart(width('d'))
    case 'u': return v.toString().padStart(width('u'))
    case 'c': return quoted(Number(v & 0xffn))
  }
  throw new VmError('cli.usage', `'/${format}' is for memory`)
}

function quoted(c: number): string {
  const named: { readonly [c: number]: string } = {
    7: '\\a',
    8: '\\b',
    9: '\\t',
    10: '\\n',
    11: '\\v',
    12: '\\f',
    13: '\\r',
    39: "\\'",
    92: '\\\\',
  }
  return `'${named[c] ?? (c >= 32 && c < 127 ? String.fromCharCode(c) : `\\x${c.toString(16).padStart(2, '0')}`)}'`
}

export function littleEndian(bytes: Uint8Array): bigint {
  let v = 0n
  for (let i = bytes.length - 1; i >= 0; i--) v = (v << 8n) | BigInt(bytes[i]!)
  return v
}

/** Lines of `address: value value …`. Stops with a message where memory ends. */
export function dumpLines(
  bytes: Uint8Array,
  at: bigint,
  { count, format, size }: Format,
  addressDigits = 16,
): string {
  const perLine = format === 'c' || size === 1 ? 8 : 16 / size
  const whole = Math.min(count, Math.floor(bytes.length / size))
  let out = ''
  for (let i = 0; i < whole; i += perLine) {
    const values: string[] = []
    for (let j = i; j < Math.min(i + perLine, whole); j++)
      values.push(formatNumber(littleEndian(bytes.subarray(j * size, (j + 1) * size)), format, size))
    out += `${hex(BigInt.asUintN(64, at + BigInt(i * size)), addressDigits)}: ${values.join(' ')}\n`
  }
  if (whole < count)
    out += `${hex(BigInt.asUintN(64, at + BigInt(whole * size)), addressDigits)}: Cannot access memory\n`
  return out
}

/** Longest instruction of any architecture, in bytes. */
export const LONGEST = 16

/** Lines of `address:  bytes  text`. */
export function instructionLines(
  bytes: Uint8Array,
  at: bigint,
  count: number,
  disassemble: (bytes: Uint8Array, pc: bigint) => { text: string; length: number },
): { text: string; length: number } {
  let text = '', offset = 0
  for (let i = 0; i < count; i++) {
    const pc = BigInt.asUintN(64, at + BigInt(offset))
    const insn = offset < bytes.length ? disassemble(bytes.subarray(offset, offset + LONGEST), pc) : undefined
    if (!insn || offset + insn.length > bytes.length) {
      text += `0x${hex(pc, 16)}: Cannot access memory\n`
      break
    }
    const raw = hex(littleEndian(bytes.subarray(offset, offset + insn.length)), 2 * insn.length)
    text += `0x${hex(pc, 16)}:  ${raw.padEnd(16)}  ${insn.text}\n`
    offset += insn.length
  }
  return { text, length: offset }
}
