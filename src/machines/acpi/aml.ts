// An encoder for the ACPI Machine Language (ACPI 6.4, chapter 20): each function gives the bytes of one term, so
// that a table reads like its source.
//
//   scope('\\_SB', device('PCI0', name('_HID', eisaId('PNP0A03')), …))
export type Aml = readonly number[]

const OP = {
  ZERO: 0x00, ONE: 0x01, NAME: 0x08, BYTE: 0x0a, WORD: 0x0b, DWORD: 0x0c, STRING: 0x0d, QWORD: 0x0e, SCOPE: 0x10,
  BUFFER: 0x11, PACKAGE: 0x12, METHOD: 0x14, DUAL: 0x2e, MULTI: 0x2f, LOCAL: 0x60, ARG: 0x68, STORE: 0x70,
  AND: 0x7b, OR: 0x7d, CREATE_DWORD: 0x8a, IF: 0xa0, ELSE: 0xa1, RETURN: 0xa4,
}
const EXT = { PREFIX: 0x5b, REGION: 0x80, FIELD: 0x81, DEVICE: 0x82 }

const ascii = (text: string): number[] => [...text].map(c => c.charCodeAt(0))
export const bytesOf = (value: number | bigint, size: number): number[] =>
  Array.from({ length: size }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 0xffn))

/** `_SB`, `\_SB.PCI0`, `^PRQA`: segments of up to four characters. */
function path(text: string): number[] {
  const [, prefix, rest] = /^(\\|\^*)(.*)$/.exec(text)!, segments = rest ? rest!.split('.') : []
  const encoded = segments.flatMap(s => ascii(s.padEnd(4, '_')))
  const form = segments.length === 0 ? [0] : segments.length === 1 ? [] : segments.length === 2 ? [OP.DUAL]
    : [OP.MULTI, segments.length]
  return [...ascii(prefix!), ...form, ...encoded]
}

/** A length in the first byte alone, or its low four bits there and the rest in one to three more. */
function lengthBytes(length: number): number[] {
  if (length < 0x40) return [length]
  const more = length < 0x1000 ? 1 : length < 0x10_0000 ? 2 : 3
  return [(more << 6) | (length & 15), ...bytesOf(length >>> 4, more)]
}
/** What a package length says includes itself. */
function packaged(...parts: readonly Aml[]): number[] {
  const body = parts.flat()
  const own = [1, 2, 3, 4].find(n => body.length + n < (n === 1 ? 0x40 : 0x10 << (8 * (n - 1))))!
  return [...lengthBytes(body.length + own), ...body]
}

export const integer = (value: number | bigint): Aml => {
  const n = BigInt(value)
  if (n < 2n) return [n === 0n ? OP.ZERO : OP.ONE]
  if (n <= 0xffn) return [OP.BYTE, ...bytesOf(n, 1)]
  if (n <= 0xffffn) return [OP.WORD, ...bytesOf(n, 2)]
  return n <= 0xffffffffn ? [OP.DWORD, ...bytesOf(n, 4)] : [OP.QWORD, ...bytesOf(n, 8)]
}
export const string = (text: string): Aml => [OP.STRING, ...ascii(text), 0]
export const ref = (name: string): Aml => path(name)
export const local = (n: number): Aml => [OP.LOCAL + n]
export const arg = (n: number): Aml => [OP.ARG + n]

/** Three letters of five bits and four hexadecimal digits, most significant first. */
export function eisaId(text: string): Aml {
  const [a, b, c] = ascii(text.slice(0, 3)).map(letter => letter - 0x40) as [number, number, number]
  const letters = (a << 10) | (b << 5) | c, product = parseInt(text.slice(3), 16)
  return [OP.DWORD, letters >> 8, letters & 0xff, product >> 8, product & 0xff]
}

export const name = (at: string, value: Aml): Aml => [OP.NAME, ...path(at), ...value]
export const scope = (at: string, ...terms: readonly Aml[]): Aml => [OP.SCOPE, ...packaged(path(at), ...terms)]
export const device = (at: string, ...terms: readonly Aml[]): Aml =>
  [EXT.PREFIX, EXT.DEVICE, ...packaged(path(at), ...terms)]
const SERIALIZED = 8
/** One call at a time: a method may make names of its own. */
export const method = (at: string, args: number, ...terms: readonly Aml[]): Aml =>
  [OP.METHOD, ...packaged(path(at), [args | SERIALIZED], ...terms)]
export const packageOf = (...elements: readonly Aml[]): Aml =>
  [OP.PACKAGE, ...packaged([elements.length], ...elements)]
export const buffer = (bytes: Aml): Aml => [OP.BUFFER, ...packaged(integer(bytes.length), bytes)]

export const SPACE = { MEMORY: 0, IO: 1, PCI_CONFIG: 2 }
export const region = (at: string, space: number, offset: number, length: number): Aml =>
  [EXT.PREFIX, EXT.REGION, ...path(at), space, ...integer(offset), ...integer(length)]
const ACCESS_BYTES = 1
/** Fields of a region, one after the other: names and widths in bits. */
export const fields = (of: string, ...list: readonly (readonly [name: string, bits: number])[]): Aml =>
  [
    EXT.PREFIX, EXT.FIELD,
    ...packaged(path(of), [ACCESS_BYTES], ...list.map(([n, bits]) => [...path(n), ...lengthBytes(bits)])),
  ]

export const store = (value: Aml, into: Aml): Aml => [OP.STORE, ...value, ...into]
export const and = (a: Aml, b: Aml, into: Aml = [0]): Aml => [OP.AND, ...a, ...b, ...into]
export const or = (a: Aml, b: Aml, into: Aml = [0]): Aml => [OP.OR, ...a, ...b, ...into]
export const dwordField = (of: Aml, offset: number, at: string): Aml =>
  [OP.CREATE_DWORD, ...of, ...integer(offset), ...path(at)]
export const when = (condition: Aml, ...terms: readonly Aml[]): Aml => [OP.IF, ...packaged(condition, ...terms)]
export const otherwise = (...terms: readonly Aml[]): Aml => [OP.ELSE, ...packaged(...terms)]
export const returns = (value: Aml): Aml => [OP.RETURN, ...value]

// ---- resources (ACPI 6.4, section 6.4) ----
/** A buffer of descriptors with the end tag (whose checksum is not used). */
export const resources = (...list: readonly Aml[]): Aml => buffer([...list.flat(), 0x79, 0])
export const io = (at: number, length: number): Aml =>
  [0x47, 1, ...bytesOf(at, 2), ...bytesOf(at, 2), 1, length]
export const irq = (...numbers: readonly number[]): Aml =>
  [0x22, ...bytesOf(numbers.reduce((set, n) => set | (1 << n), 0), 2)]
/** Level-triggered, active high, shared. */
export const sharedInterrupts = (...numbers: readonly number[]): Aml =>
  [0x89, ...bytesOf(2 + 4 * numbers.length, 2), 0x09, numbers.length, ...numbers.flatMap(n => bytesOf(n, 4))]
export const fixedMemory = (at: number, length: number): Aml =>
  [0x86, 9, 0, 1, ...bytesOf(at, 4), ...bytesOf(length, 4)]

const RANGE = { MEMORY: 0, IO: 1, BUS: 2 } as const
/** Minimum and maximum fixed, decoded positively, produced for children. */
const FIXED = 0x0c, CACHEABLE_WRITABLE = 3, WHOLE_RANGE = 3
function addresses(tag: number, size: number, kind: number, flags: number, min: number, max: number): Aml {
  const words = [0, min, max, 0, max - min + 1].flatMap(v => bytesOf(v, size))
  return [tag, ...bytesOf(3 + words.length, 2), kind, FIXED, flags, ...words]
}
export const busRange = (min: number, max: number): Aml => addresses(0x88, 2, RANGE.BUS, 0, min, max)
export const ioRange = (min: number, max: number): Aml => addresses(0x88, 2, RANGE.IO, WHOLE_RANGE, min, max)
export const memoryRange = (min: number, max: number): Aml =>
  max > 0xffffffff ? addresses(0x8a, 8, RANGE.MEMORY, CACHEABLE_WRITABLE, min, max)
    : addresses(0x87, 4, RANGE.MEMORY, CACHEABLE_WRITABLE, min, max)
