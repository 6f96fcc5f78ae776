// From a layout and an address to an accessor object. The getters live on one prototype per layout, so that binding
// many devices of a kind costs one object each.
import { isScalar, layoutOf, scalarBytes, type Layout } from './layout.ts'
import type { ArrayField, Field, Ring, Scalar, Schema, StateOf, U64Array } from './schema.ts'
import type { Views } from './views.ts'

type Bound = { readonly $v: Views; readonly $at: number }

const prototypes = new WeakMap<Layout, object>()

/** An accessor object for the structure at byte address `at` (a multiple of 8) of the memory. */
export function bind<S extends Schema>(layout: Layout<S>, views: Views, at: number): StateOf<S> {
  if (at % 8 !== 0) throw new RangeError(`state at ${at} is not aligned to 8 bytes`)
  let proto = prototypes.get(layout)
  if (!proto) prototypes.set(layout, (proto = prototypeOf(layout)))
  const bound = Object.create(proto, { $v: { value: views }, $at: { value: at } })
  for (const [name, field] of Object.entries(layout.schema))
    if (!isScalar(field))
      Object.defineProperty(bound, name, { value: view(field, views, at + layout.offsets[name]!), enumerable: true })
  return bound
}

function prototypeOf(layout: Layout): object {
  const proto = {}
  for (const [name, field] of Object.entries(layout.schema))
    if (isScalar(field)) Object.defineProperty(proto, name, accessor(field, layout.offsets[name]!))
  return proto
}

function accessor(field: Scalar, offset: number): PropertyDescriptor {
  const d = { enumerable: true }
  switch (field.kind) {
    case 'u8':
      return { ...d, get(this: Bound) { return this.$v.u8[this.$at + offset] }, set(this: Bound, x: number) { this.$v.u8[this.$at + offset] = x } }
    case 'flag':
      return { ...d, get(this: Bound) { return this.$v.u8[this.$at + offset] }, set(this: Bound, x: number) { this.$v.u8[this.$at + offset] = x ? 1 : 0 } }
    case 'u16':
      return { ...d, get(this: Bound) { return this.$v.u16[(this.$at + offset) >>> 1] }, set(this: Bound, x: number) { this.$v.u16[(this.$at + offset) >>> 1] = x } }
    case 'u32':
      return { ...d, get(this: Bound) { return this.$v.u32[(this.$at + offset) >>> 2] }, set(this: Bound, x: number) { this.$v.u32[(this.$at + offset) >>> 2] = x } }
    case 'i32':
      return { ...d, get(this: Bound) { return this.$v.i32[(this.$at + offset) >>> 2] }, set(this: Bound, x: number) { this.$v.i32[(this.$at + offset) >>> 2] = x } }
    case 'u64':
      return { ...d, get(this: Bound) { return this.$v.u64[(this.$at + offset) >>> 3] }, set(this: Bound, x: bigint) { this.$v.u64[(this.$at + offset) >>> 3] = x } }
    case 'f64':
      return { ...d, get(this: Bound) { return this.$v.f64[(this.$at + offset) >>> 3] }, set(this: Bound, x: number) { this.$v.f64[(this.$at + offset) >>> 3] = x } }
  }
}

function view(field: Exclude<Field, Scalar>, views: Views, at: number): unknown {
  switch (field.kind) {
    case 'array':
      return arrayView(field, views, at)
    case 'ring':
      return ringView(views, at, field.count)
    case 'bytes':
      return new Uint8Array(views.buffer, at, field.count)
    case 'structs': {
      const layout = layoutOf(field.schema as Schema)
      return Array.from({ length: field.count }, (_, i) => bind(layout, views, at + i * layout.sizeBytes))
    }
  }
}

function arrayView(field: ArrayField, views: Views, at: number): unknown {
  switch (field.of.kind) {
    case 'u8':
    case 'flag':
      return new Uint8Array(views.buffer, at, field.count)
    case 'u16':
      return new Uint16Array(views.buffer, at, field.count)
    case 'u32':
      return new Uint32Array(views.buffer, at, field.count)
    case 'i32':
      return new Int32Array(views.buffer, at, field.count)
    case 'f64':
      return new Float64Array(views.buffer, at, field.count)
    case 'u64':
      return u64View(views, at, field.count)
  }
}

function u64View(v: Views, at: number, length: number): U64Array {
  const q = at >>> 3, w = at >>> 2
  return {
    length,
    get: i => v.u64[q + i]!,
    set: (i, x) => { v.u64[q + i] = x },
    lo: i => v.u32[w + 2 * i]!,
    hi: i => v.u32[w + 2 * i + 1]!,
    setPair: (i, lo, hi) => { v.u32[w + 2 * i] = lo; v.u32[w + 2 * i + 1] = hi },
  }
}

function ringView(v: Views, at: number, capacity: number): Ring {
  const head = at >>> 2, length = head + 1, data = at + 8
  return {
    get length() { return v.u32[length]! },
    capacity,
    shift() {
      const n = v.u32[length]!
      if (n === 0) return undefined
      const h = v.u32[head]! % capacity
      v.u32[head] = (h + 1) % capacity
      v.u32[length] = n - 1
      return v.u8[data + h]
    },
    peek() { return v.u32[length] === 0 ? undefined : v.u8[data + (v.u32[head]! % capacity)] },
    push(byte) {
      const n = v.u32[length]!
      if (n >= capacity) return false
      v.u8[data + ((v.u32[head]! + n) % capacity)] = byte
      v.u32[length] = n + 1
      return true
    },
    clear() { v.u32[head] = 0; v.u32[length] = 0 },
  }
}

/** Gives every field its reset value. */
export function resetState(layout: Layout, views: Views, at: number): void {
  views.u8.fill(0, at, at + layout.sizeBytes)
  for (const [name, field] of Object.entries(layout.schema)) resetField(field, views, at + layout.offsets[name]!)
}

function resetField(field: Field, v: Views, at: number): void {
  switch (field.kind) {
    case 'array':
      if (field.of.reset) for (let i = 0; i < field.count; i++) resetField(field.of, v, at + i * scalarBytes[field.of.kind])
      return
    case 'ring':
    case 'bytes':
      return
    case 'structs': {
      const layout = layoutOf(field.schema as Schema)
      for (let i = 0; i < field.count; i++) resetState(layout, v, at + i * layout.sizeBytes)
      return
    }
    case 'u64':
      v.u64[at >>> 3] = field.reset as bigint
      return
    case 'f64':
      v.f64[at >>> 3] = field.reset as number
      return
    case 'u16':
      v.u16[at >>> 1] = field.reset as number
      return
    case 'u32':
    case 'i32':
      v.u32[at >>> 2] = field.reset as number
      return
    default:
      v.u8[at] = field.reset as number
  }
}
