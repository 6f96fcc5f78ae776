// Snapshots: a walk over the schema that makes plain data, by field name, which JSON can carry; and the way
// back. What is transient is left out. Restoring checks everything before it writes anything.
//
//   number                  scalars
//   '0x1f'                  64-bit values
//   [1, 2, 3]               short arrays; long ones, FIFOs and raw bytes are base64 without the zeros at the end
//   [{ … }, { … }]          structures
import { fromBase64, toBase64 } from '../base/base64.ts'
import { VmError } from '../base/errors.ts'
import { isScalar, layoutOf, scalarBytes, type Layout } from './layout.ts'
import type { ArrayField, Field, Scalar, Schema } from './schema.ts'
import type { Views } from './views.ts'

export type SavedValue = number | string | readonly SavedValue[] | SavedState
export type SavedState = { readonly [field: string]: SavedValue }

/** Arrays up to this length are lists, for people to read. */
const LIST = 32

export function saveState(layout: Layout, views: Views, at: number): SavedState {
  const saved: { [field: string]: SavedValue } = {}
  for (const [name, field] of Object.entries(layout.schema))
    if (!field.transient) saved[name] = saveField(field, views, at + layout.offsets[name]!)
  return saved
}

function saveField(field: Field, v: Views, at: number): SavedValue {
  switch (field.kind) {
    case 'array': {
      const width = scalarBytes[field.of.kind]
      if (field.count > LIST) return packed(v.u8.subarray(at, at + field.count * width))
      return Array.from({ length: field.count }, (_, i) => saveScalar(field.of, v, at + i * width))
    }
    case 'bytes':
      return packed(v.u8.subarray(at, at + field.count))
    case 'ring': {
      const head = v.u32[at >>> 2]!, length = Math.min(v.u32[(at >>> 2) + 1]!, field.count)
      return toBase64(Uint8Array.from({ length }, (_, i) => v.u8[at + 8 + ((head + i) % field.count)]!))
    }
    case 'structs': {
      const layout = layoutOf(field.schema as Schema)
      return Array.from({ length: field.count }, (_, i) => saveState(layout, v, at + i * layout.sizeBytes))
    }
    default:
      return saveScalar(field, v, at)
  }
}

function saveScalar(field: Scalar, v: Views, at: number): SavedValue {
  switch (field.kind) {
    case 'u8':
    case 'flag':
      return v.u8[at]!
    case 'u16':
      return v.u16[at >>> 1]!
    case 'u32':
      return v.u32[at >>> 2]!
    case 'i32':
      return v.i32[at >>> 2]!
    case 'u64':
      return `0x${v.u64[at >>> 3]!.toString(16)}`
    case 'f64': {
      const x = v.f64[at >>> 3]!
      // JSON has neither
      return Number.isFinite(x) && !Object.is(x, -0) ? x : `0x${v.u64[at >>> 3]!.toString(16)}`
    }
  }
}

function packed(bytes: Uint8Array): string {
  let length = bytes.length
  while (length > 0 && bytes[length - 1] === 0) length--
  return toBase64(bytes.slice(0, length))
}

/**
 * Puts saved values back. `where` names the structure in errors. VmError('snapshot.mismatch') if fields
 * differ from the schema's, VmError('snapshot.malformed') if a value doesn't fit; the state is untouched
 * then.
 */
export function restoreState(
  layout: Layout,
  views: Views,
  at: number,
  saved: SavedState,
  where: string,
): void {
  for (const write of checkState(layout, saved, where)) views.u8.set(write.bytes, at + write.offset)
}

export type Write = { readonly offset: number; readonly bytes: Uint8Array }

/** The writes that restoring means, once all of it is known to fit. */
export function checkState(layout: Layout, saved: SavedState, where: string): Write[] {
  if (typeof saved !== 'object' || saved === null || Array.isArray(saved))
    throw malformed(where, 'is not a structure')
  const wanted = Object.entries(layout.schema).filter(([, f]) => !f.transient)
  const missing = wanted.map(([n]) => n).filter(n => !Object.hasOwn(saved, n))
  const unknown = Object.keys(saved).filter(
    n => !Object.hasOwn(layout.schema, n) || layout.schema[n]!.transient,
  )
  if (missing.length || unknown.length) {
    const parts = [
      missing.length && `lacks ${missing.join(', ')}`,
      unknown.length && `has ${unknown.join(', ')} besides`,
    ]
    throw new VmError('snapshot.mismatch', `snapshot of ${where} ${parts.filter(Boolean).join(' and ')}`, {
      hint: 'restore it with the version that made it',
    })
  }
  return wanted.flatMap(([name, field]) =>
    checkField(field, saved[name]!, layout.offsets[name]!, `${where}.${name}`),
  )
}

function checkField(field: Field, value: SavedValue, offset: number, where: string): Write[] {
  switch (field.kind) {
    case 'array':
      return [{ offset, bytes: arrayBytes(field, value, where) }]
    case 'bytes':
      return [{ offset, bytes: unpacked(value, field.count, where) }]
    case 'ring': {
      const content = unbase64(value, where)
      if (content.length > field.count)
        throw malformed(where, `has ${content.length} bytes, more than ${field.count}`)
      const bytes = new Uint8Array(8 + field.count)
      new DataView(bytes.buffer).setUint32(4, content.length, true) // head 0, length, contents
      bytes.set(content, 8)
      return [{ offset, bytes }]
    }
    case 'structs': {
      const layout = layoutOf(field.schema as Schema)
      if (!Array.isArray(value) || value.length !== field.count)
        throw malformed(where, `is not a list of ${field.count}`)
      return value.flatMap((one, i) =>
        checkState(layout, one as SavedState, `${where}[${i}]`)
          .map(w => ({ offset: offset + i * layout.sizeBytes + w.offset, bytes: w.bytes })))
    }
    default:
      return [{ offset, bytes: scalarBytesOf(field, value, where) }]
  }
}

function arrayBytes(field: ArrayField, value: SavedValue, where: string): Uint8Array {
  const width = scalarBytes[field.of.kind]
  if (typeof value === 'string') return unpacked(value, field.count * width, where)
  if (!Array.isArray(value) || value.length !== field.count)
    throw malformed(where, `is not a list of ${field.count}`)
  const bytes = new Uint8Array(field.count * width)
  value.forEach((one, i) => bytes.set(scalarBytesOf(field.of, one, `${where}[${i}]`), i * width))
  return bytes
}

const RANGE: { readonly [kind: string]: readonly [min: number, max: number] } = {
  u8: [0, 0xff], flag: [0, 1], u16: [0, 0xffff], u32: [0, 0xffffffff], i32: [-0x80000000, 0x7fffffff],
}

function scalarBytesOf(field: Scalar, value: SavedValue, where: string): Uint8Array {
  const bytes = new Uint8Array(scalarBytes[field.kind]), data = new DataView(bytes.buffer)
  if (isWide(field)) {
    if (typeof value === 'string' && /^0x[0-9a-f]{1,16}$/.test(value))
      data.setBigUint64(0, BigInt(value), true)
    else if (field.kind === 'f64' && typeof value === 'number') data.setFloat64(0, value, true)
    else throw malformed(where, `is ${JSON.stringify(value)}, not a 64-bit value`)
    return bytes
  }
  const [min, max] = RANGE[field.kind]!
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max)
    throw malformed(where, `is ${JSON.stringify(value)}, not a number from ${min} to ${max}`)
  if (bytes.length === 1) data.setUint8(0, value)
  else if (bytes.length === 2) data.setUint16(0, value, true)
  else data.setInt32(0, value | 0, true)
  return bytes
}

const isWide = (f: Scalar) => isScalar(f) && scalarBytes[f.kind] === 8

function unpacked(value: SavedValue, length: number, where: string): Uint8Array {
  const content = unbase64(value, where)
  if (content.length > length) throw malformed(where, `has ${content.length} bytes, more than ${length}`)
  const bytes = new Uint8Array(length)
  bytes.set(content)
  return bytes
}

function unbase64(value: SavedValue, where: string): Uint8Array {
  const bytes = typeof value === 'string' ? fromBase64(value) : undefined
  if (!bytes) throw malformed(where, 'is not base64')
  return bytes
}

const malformed = (where: string, what: string) =>
  new VmError('snapshot.malformed', `snapshot: ${where} ${what}`)
