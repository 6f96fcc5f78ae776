// Flattened device trees: a writer and a reader of version 17 blobs, after the Devicetree Specification v0.4,
// chapter 5 "Flattened Devicetree (DTB) Format". Trees are plain data; values say their own encoding.
import { VmError } from '../../base/errors.ts'

/**
 * A number is one 32-bit cell, a bigint two; lists of them are concatenated; text ends in NUL; true is an
 * empty property.
 */
export type FdtValue =
  | number
  | bigint
  | string
  | true
  | Uint8Array
  | readonly (number | bigint)[]
  | readonly string[]
export type FdtNode = {
  readonly name: string
  readonly props: { readonly [name: string]: FdtValue }
  readonly children: readonly FdtNode[]
}
/** What the reader makes: property values are their bytes. */
export type RawNode = { name: string; props: { [name: string]: Uint8Array }; children: RawNode[] }

export const node = (name: string, props: FdtNode['props'], children: readonly FdtNode[] = []): FdtNode =>
  ({ name, props, children })

const MAGIC = 0xd00dfeed, VERSION = 17, COMPATIBLE = 16, HEADER_BYTES = 40
const BEGIN_NODE = 1, END_NODE = 2, PROP = 3, NOP = 4, END = 9
const utf8 = new TextEncoder()

export function encodeValue(value: FdtValue): Uint8Array {
  if (value === true) return new Uint8Array(0)
  if (value instanceof Uint8Array) return value
  if (typeof value === 'string') return utf8.encode(value + '\0')
  if (typeof value === 'number' || typeof value === 'bigint') return encodeCells([value])
  if (typeof value[0] === 'string') return utf8.encode(value.join('\0') + '\0')
  return encodeCells(value as readonly (number | bigint)[])
}

function encodeCells(cells: readonly (number | bigint)[]): Uint8Array {
  const out = new DataView(
    new ArrayBuffer(cells.reduce((n: number, c) => n + (typeof c === 'bigint' ? 8 : 4), 0)),
  )
  let at = 0
  for (const c of cells) {
    if (typeof c === 'bigint') out.setBigUint64(at, c)
    else out.setUint32(at, c)
    at += typeof c === 'bigint' ? 8 : 4
  }
  return new Uint8Array(out.buffer)
}

/** The blob of a tree. `padBytes` leaves room for boot loaders that add properties in place. */
export function writeFdt(root: FdtNode, options: { bootCpu?: number; padBytes?: number } = {}): Uint8Array {
  const strings = new Map<string, number>()
  let stringBytes = 0
  const words: number[] = []
  const nameOffset = (name: string) => {
    let at = strings.get(name)
    if (at === undefined) {
      strings.set(name, (at = stringBytes))
      stringBytes += utf8.encode(name).length + 1
    }
    return at
  }
  const pad = (bytes: Uint8Array) => {
    const padded = new DataView(new ArrayBuffer(Math.ceil(bytes.length / 4) * 4))
    bytes.forEach((b, i) => padded.setUint8(i, b))
    for (let i = 0; i < padded.byteLength; i += 4) words.push(padded.getUint32(i))
  }
  const emit = (n: FdtNode) => {
    words.push(BEGIN_NODE)
    pad(utf8.encode(n.name + '\0'))
    for (const [name, value] of Object.entries(n.props)) {
      const bytes = encodeValue(value)
      words.push(PROP, bytes.length, nameOffset(name))
      pad(bytes)
    }
    n.children.forEach(emit)
    words.push(END_NODE)
  }
  emit(root)
  words.push(END)

  const reserved = HEADER_BYTES, structure = reserved + 16, text = structure + words.length * 4
  const total = Math.ceil((text + stringBytes + (options.padBytes ?? 0)) / 8) * 8
  const out = new Uint8Array(total),
    view = new DataView(out.buffer)
  const header = [
    MAGIC,
    total,
    structure,
    text,
    reserved,
    VERSION,
    COMPATIBLE,
    options.bootCpu ?? 0,
    stringBytes,
    words.length * 4,
  ]
  header.forEach((word, i) => view.setUint32(4 * i, word))
  words.forEach((word, i) => view.setUint32(structure + 4 * i, word))
  for (const [name, at] of strings) out.set(utf8.encode(name), text + at)
  return out
}

/** Reads a blob; VmError('fdt.malformed') if it isn't one. */
export function readFdt(blob: Uint8Array): RawNode {
  const bad = (what: string): never => {
    throw new VmError('fdt.malformed', `device tree: ${what}`)
  }
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength)
  if (blob.length < HEADER_BYTES || view.getUint32(0) !== MAGIC) bad('no magic number')
  const total = view.getUint32(4), structure = view.getUint32(8), text = view.getUint32(12)
  const end = structure + view.getUint32(36), textEnd = text + view.getUint32(32)
  if (total > blob.length || end > total || textEnd > total) bad('it is longer than its file')
  if (view.getUint32(24) > VERSION) bad(`version ${view.getUint32(20)} is not understood`)

  let at = structure
  const word = () => {
    if (at + 4 > end) bad('the structure block ends early')
    at += 4
    return view.getUint32(at - 4)
  }
  const textAt = (from: number, limit: number) => {
    const stop = blob.indexOf(0, from)
    if (stop < 0 || stop >= limit) bad('a name has no end')
    return new TextDecoder().decode(blob.subarray(from, stop))
  }
  const stack: RawNode[] = []
  for (;;) {
    switch (word()) {
      case NOP:
        break
      case BEGIN_NODE: {
        const name = textAt(at, end)
        at += Math.ceil((utf8.encode(name).length + 1) / 4) * 4
        const n: RawNode = { name, props: {}, children: [] }
        stack.at(-1)?.children.push(n)
        stack.push(n)
        break
      }
      case PROP: {
        const length = word(), name = textAt(text + word(), textEnd)
        if (at + length > end || stack.length === 0) bad(`property ${name} is out of place`)
        stack.at(-1)!.props[name] = blob.slice(at, at + length)
        at += Math.ceil(length / 4) * 4
        break
      }
      case END_NODE: {
        const n = stack.pop()
        if (!n) return bad('a node ends that did not begin')
        if (stack.length > 0) break
        if (word() !== END) bad('something follows the root')
        return n
      }
      default:
        bad('an unknown token')
    }
  }
}

/** Cells of a property's bytes. */
export function cellsOf(value: Uint8Array): number[] {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
  return Array.from({ length: value.length >> 2 }, (_, i) => view.getUint32(4 * i))
}

export const stringsOf = (value: Uint8Array): string[] =>
  new TextDecoder().decode(value).replace(/\0$/, '').split('\0')

/** The node at a path such as `/soc/serial@10000000`. */
export function findNode(root: RawNode, path: string): RawNode | undefined {
  return path
    .split('/')
    .filter(Boolean)
    .reduce<RawNode | undefined>((n, name) => n?.children.find(c => c.name === name), root)
}
