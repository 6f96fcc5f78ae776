// A WebAssembly module as text, in the format's own syntax (core specification 2.0, chapter 6): for golden
// tests and for the trace of generated code. Instructions are decoded by the tables that encode them. Labels
// are named where something branches to them: $b block, $l loop, $i if, numbered as they open.

import './opcodes.ts'
import './atomics.ts'
import './simd.ts'
import { BLOCK, ELSE, END, IF, LOOP } from './opcodes.ts'
import { fc, fd, fe, opTable, type Immediate } from './table.ts'

export interface PrintOptions {
  /**
   * Puts each instruction's offset in the module before it: the offset that V8's messages and stack traces
   * name.
   */
  offsets?: boolean
}

const VALUE_TYPES: Record<number, string> = {
  0x7f: 'i32', 0x7e: 'i64', 0x7d: 'f32', 0x7c: 'f64', 0x7b: 'v128', 0x70: 'funcref', 0x6f: 'externref',
}
const LABEL_LETTER: Record<number, string> = { [BLOCK]: 'b', [LOOP]: 'l', [IF]: 'i' }

interface FuncType { params: string[], results: string[] }
interface Context {
  types: FuncType[]
  /** Type index and name of every function, imports first. */
  functions: { type: number, name: string }[]
  lines: string[]
  options: PrintOptions
}

/** Throws where the bytes are not a module of instructions that the tables know. */
export function printModule(bytes: Uint8Array, options: PrintOptions = {}): string {
  const reader = new Reader(bytes)
  if (reader.word() !== 0x6d736100 || reader.word() !== 1) throw new Error('not a WebAssembly module')
  const context: Context = { types: [], functions: [], lines: [], options }
  const names = readNames(bytes)
  const declared: number[] = []
  let bodies = 0
  context.lines.push(names.module === undefined ? '(module' : `(module ${identifier(names.module)}`)
  const addFunction: AddFunction = (type, name) => {
    const wanted = identifier(names.functions.get(context.functions.length) ?? name)
    const taken = context.functions.some(f => f.name === wanted)
    context.functions.push({ type, name: taken ? `${wanted}#${context.functions.length}` : wanted })
  }

  while (reader.pos < bytes.length) {
    const id = reader.u8(), size = reader.u32(), end = reader.pos + size
    if (id === 0) {
      const name = reader.name()
      if (name !== 'name') context.lines.push(`  (; section ${quote(name)}, ${end - reader.pos} bytes ;)`)
      reader.pos = end
      continue
    }
    if (id === 8) {
      context.lines.push(`  (start ${functionName(context, reader.u32())})`)
      continue
    }
    const count = reader.u32()
    if (id === 3) {
      for (let i = 0; i < count; i++) declared.push(reader.u32())
      for (const type of declared) addFunction(type, `f${context.functions.length}`)
    } else if (id !== 12) {
      for (let i = 0; i < count; i++) {
        switch (id) {
          case 1: printType(reader, context); break
          case 2: printImport(reader, context, addFunction); break
          case 4: context.lines.push(`  (table ${tableType(reader)})`); break
          case 5: context.lines.push(`  (memory ${memoryType(reader)})`); break
          case 6: context.lines.push(`  (global ${globalType(reader)} ${constant(reader, context)})`); break
          case 7: printExport(reader, context); break
          case 9: printElements(reader, context); break
          case 10: printBody(reader, context, context.functions.length - declared.length + bodies++); break
          case 11: printData(reader, context); break
          default: throw new Error(`not implemented: section ${id}`)
        }
      }
    }
    if (reader.pos !== end) throw new Error(`section ${id} ends at ${hex(end)}, not at ${hex(reader.pos)}`)
  }
  context.lines.push(')', '')
  return context.lines.join('\n')
}

function printType(reader: Reader, { types, lines }: Context): void {
  if (reader.u8() !== 0x60) throw new Error(`not implemented: type at ${hex(reader.pos - 1)}`)
  const list = () => Array.from({ length: reader.u32() }, () => valueType(reader))
  const type = { params: list(), results: list() }
  lines.push(`  (type (func${signature(type)}))`)
  types.push(type)
}

type AddFunction = (type: number, name: string) => void

function printImport(reader: Reader, context: Context, addFunction: AddFunction): void {
  const module = reader.name(), name = reader.name(), kind = reader.u8()
  const what = () => {
    switch (kind) {
      case 0: {
        const type = reader.u32()
        addFunction(type, `${module}.${name}`)
        return `func ${context.functions[context.functions.length - 1].name} (type ${type})`
      }
      case 1: return `table ${tableType(reader)}`
      case 2: return `memory ${memoryType(reader)}`
      case 3: return `global ${globalType(reader)}`
      default: throw new Error(`not implemented: import of kind ${kind}`)
    }
  }
  context.lines.push(`  (import ${quote(module)} ${quote(name)} (${what()}))`)
}

function printExport(reader: Reader, context: Context): void {
  const name = reader.name(), kind = reader.u8(), index = reader.u32()
  const what = kind ? index : functionName(context, index)
  context.lines.push(`  (export ${quote(name)} (${['func', 'table', 'memory', 'global'][kind]} ${what}))`)
}

function printElements(reader: Reader, context: Context): void {
  const flags = reader.u32()
  if (flags > 3) throw new Error(`not implemented: element segment of kind ${flags}`)
  const table = flags === 2 ? `(table ${reader.u32()}) ` : ''
  const offset = flags & 1 ? flags === 3 ? 'declare ' : '' : `${constant(reader, context)} `
  if (flags) reader.u8()
  const callees = Array.from({ length: reader.u32() }, () => ' ' + functionName(context, reader.u32()))
  context.lines.push(`  (elem ${table}${offset}func${callees.join('')})`)
}

function printData(reader: Reader, context: Context): void {
  const flags = reader.u32()
  if (flags > 1) throw new Error(`not implemented: data segment of kind ${flags}`)
  const offset = flags ? '' : `${constant(reader, context)} `
  const bytes = reader.take(reader.u32())
  context.lines.push(`  (data ${offset}"${Array.from(bytes, escapeByte).join('')}")`)
}

function printBody(reader: Reader, context: Context, index: number): void {
  const { lines, types, options } = context
  const size = reader.u32(), end = reader.pos + size
  const digits = reader.bytes.length.toString(16).length
  const { name, type } = context.functions[index]
  lines.push(`  (func ${name} (type ${type})${signature(types[type])}`)
  let locals = ''
  for (let runs = reader.u32(); runs; runs--) {
    const count = reader.u32()
    locals += ` ${valueType(reader)}`.repeat(count)
  }
  if (locals) lines.push(`    (local${locals})`)

  const labels: { line: number, name: string, used: boolean }[] = [{ line: -1, name: '', used: false }]
  let opened = 0
  const label = (depth: number) => {
    const target = labels[labels.length - 1 - depth]
    if (!target) throw new Error(`no label ${depth} at ${hex(reader.pos)}`)
    target.used = true
    return target.line < 0 ? `${depth}` : `$${target.name}`
  }
  while (reader.pos < end) {
    const at = options.offsets ? `(;0x${reader.pos.toString(16).padStart(digits, '0')};) ` : ''
    const opcode = reader.opcode(), row = opTable[opcode]
    if (!row) throw new Error(`unknown instruction ${hex(opcode)} at ${hex(reader.pos)}`)
    if (opcode === END) {
      const closed = labels.pop()!
      if (!labels.length) break
      lines[closed.line] = lines[closed.line].replace('\0', closed.used ? ` $${closed.name}` : '')
    }
    const indent = '  '.repeat(labels.length + 1 - (opcode === ELSE ? 1 : 0))
    const text = row.immediates.map(kind => immediate(reader, context, kind, label, row.align)).join('')
    const opens = opcode in LABEL_LETTER
    if (opens) labels.push({ line: lines.length, name: LABEL_LETTER[opcode] + ++opened, used: false })
    lines.push(`${at}${indent}${row.name}${opens ? '\0' : ''}${text}`)
  }
  if (reader.pos !== end) throw new Error(`function ${name} ends at ${hex(reader.pos)}, not at ${hex(end)}`)
  lines.push('  )')
}

function immediate(
  reader: Reader, context: Context, kind: Immediate, label: (depth: number) => string, align: number,
): string {
  switch (kind) {
    case 'block': {
      const type = reader.s64()
      if (type === -64n) return ''
      return type < 0n ? ` (result ${VALUE_TYPES[Number(type & 0x7fn)]})` : ` (type ${type})`
    }
    case 'label': return ' ' + label(reader.u32())
    case 'labels': return Array.from({ length: reader.u32() + 1 }, () => ' ' + label(reader.u32())).join('')
    case 'function': return ' ' + functionName(context, reader.u32())
    case 'type': return ` (type ${reader.u32()})`
    case 'table': case 'memory': {
      const index = reader.u32()
      return index ? ` ${index}` : ''
    }
    case 'elements': case 'data': case 'local': case 'global': return ` ${reader.u32()}`
    case 'zero': reader.u8(); return ''
    case 'lane': return ` ${reader.u8()}`
    case 'lanes': return Array.from(reader.take(16), lane => ` ${lane}`).join('')
    case 'mem': {
      const given = reader.u32(), offset = reader.u64()
      return (offset ? ` offset=${offset}` : '') + (given === align ? '' : ` align=${2 ** given}`)
    }
    case 'i32': return ' ' + integer(reader.s64(), 32)
    case 'i64': return ' ' + integer(reader.s64(), 64)
    case 'f32': {
      const bits = BigInt(reader.word() >>> 0)
      floatView.setUint32(0, Number(bits))
      return ' ' + float(floatView.getFloat32(0), bits, 23n, 31n)
    }
    case 'f64': {
      const bits = BigInt(reader.word() >>> 0) | BigInt(reader.word() >>> 0) << 32n
      floatView.setBigUint64(0, bits)
      return ' ' + float(floatView.getFloat64(0), bits, 52n, 63n)
    }
    case 'v128': return ' i32x4' + Array.from({ length: 4 }, () => ' ' + hex(reader.word() >>> 0)).join('')
    case 'types': return Array.from({ length: reader.u32() }, () => ` (result ${valueType(reader)})`).join('')
    case 'reftype': return ' ' + valueType(reader).replace('ref', '')
    default: throw new Error(`unknown immediate ${kind satisfies never}`)
  }
}

/** A constant expression: one instruction, then end. */
function constant(reader: Reader, context: Context): string {
  const row = opTable[reader.opcode()]
  if (!row) throw new Error(`unknown instruction before ${hex(reader.pos)}`)
  const text = row.immediates.map(kind => immediate(reader, context, kind, String, row.align)).join('')
  if (reader.u8() !== END) throw new Error(`not implemented: constant expression at ${hex(reader.pos)}`)
  return `(${row.name}${text})`
}

function readNames(bytes: Uint8Array): { module?: string, functions: Map<number, string> } {
  const names: { module?: string, functions: Map<number, string> } = { functions: new Map() }
  const reader = new Reader(bytes)
  reader.pos = 8
  while (reader.pos < bytes.length) {
    const id = reader.u8(), size = reader.u32(), end = reader.pos + size
    if (id === 0 && reader.name() === 'name') {
      while (reader.pos < end) {
        const part = reader.u8(), partEnd = reader.u32() + reader.pos
        if (part === 0) names.module = reader.name()
        if (part === 1) for (let n = reader.u32(); n; n--) names.functions.set(reader.u32(), reader.name())
        reader.pos = partEnd
      }
    }
    reader.pos = end
  }
  return names
}

class Reader {
  readonly bytes: Uint8Array
  pos = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  u8(): number {
    if (this.pos >= this.bytes.length) throw new Error(`module ends at ${hex(this.pos)}`)
    return this.bytes[this.pos++]
  }

  word(): number {
    return this.u8() | this.u8() << 8 | this.u8() << 16 | this.u8() << 24
  }

  u64(): bigint {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.u8()
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
      if (shift > 63n) throw new Error(`number too long at ${hex(this.pos)}`)
    }
  }

  s64(): bigint {
    const start = this.pos
    const value = this.u64()
    return BigInt.asIntN(7 * (this.pos - start), value)
  }

  u32(): number {
    return Number(this.u64())
  }

  opcode(): number {
    const byte = this.u8()
    switch (byte) {
      case 0xfc: return fc(this.u32())
      case 0xfd: return fd(this.u32())
      case 0xfe: return fe(this.u32())
      default: return byte
    }
  }

  take(length: number): Uint8Array {
    if (this.pos + length > this.bytes.length) throw new Error(`module ends after ${hex(this.pos)}`)
    return this.bytes.subarray(this.pos, this.pos += length)
  }

  name(): string {
    return new TextDecoder().decode(this.take(this.u32()))
  }
}

function valueType(reader: Reader): string {
  const byte = reader.u8()
  return VALUE_TYPES[byte] ?? `type-${hex(byte)}`
}

function signature({ params, results }: FuncType): string {
  const list = (what: string, types: string[]) => types.length ? ` (${what} ${types.join(' ')})` : ''
  return list('param', params) + list('result', results)
}

function limits(reader: Reader, flags: number): string {
  const min = reader.u64()
  return flags & 1 ? `${min} ${reader.u64()}` : `${min}`
}

function memoryType(reader: Reader): string {
  const flags = reader.u8()
  return (flags & 4 ? 'i64 ' : '') + limits(reader, flags) + (flags & 2 ? ' shared' : '')
}

function tableType(reader: Reader): string {
  const type = valueType(reader), flags = reader.u8()
  return `${flags & 4 ? 'i64 ' : ''}${limits(reader, flags)} ${type}`
}

function globalType(reader: Reader): string {
  const type = valueType(reader)
  return reader.u8() ? `(mut ${type})` : type
}

function functionName(context: Context, index: number): string {
  return context.functions[index]?.name ?? `${index}`
}

/** Addresses read best in hexadecimal, counts in decimal. */
function integer(value: bigint, bits: number): string {
  return value >= -0x10000n && value < 0x10000n ? `${value}` : hex(BigInt.asUintN(bits, value))
}

const floatView = new DataView(new ArrayBuffer(8))

function float(value: number, bits: bigint, fraction: bigint, signBit: bigint): string {
  const sign = bits >> signBit ? '-' : ''
  if (Number.isNaN(value)) return `${sign}nan:${hex(bits & (1n << fraction) - 1n)}`
  return sign + (Number.isFinite(value) ? Math.abs(value) : 'inf')
}

function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`
}

function identifier(name: string): string {
  return '$' + name.replace(/[^\w!#$%&'*+\-./:<=>?@\\^`|~]/g, '_')
}

function quote(text: string): string {
  return `"${Array.from(new TextEncoder().encode(text), escapeByte).join('')}"`
}

function escapeByte(byte: number): string {
  const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c
  return plain ? String.fromCharCode(byte) : `\\${byte.toString(16).padStart(2, '0')}`
}
