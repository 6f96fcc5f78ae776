// From a layout and an address to an accessor object. The getters live on one prototype per layout, so that
// binding many devices of a kind costs one object each.
import { assert } from '../base/errors.ts'
import { isScalar, layoutOf, scalarBytes, type Layout } from './layout.ts'
import type { ArrayField, Field, Ring, Scalar, ScalarKind, Schema, StateOf, U64Array } from './schema.ts'
import type { Views } from './views.ts'

class Bound {
  readonly $v: Views
  readonly $at: number
  constructor(views: Views, at: number) {
    this.$v = views
    this.$at = at
  }
}

// A class per layout keeps the objects in V8's fast shape: half the cost of Object.create with descriptors.
const classes = new WeakMap<Layout, typeof Bound>()

/** An accessor object for the structure at byte address `at` (a multiple of 8) of the memory. */
export function bind<S extends Schema>(layout: Layout<S>, views: Views, at: number): StateOf<S> {
  assert(at % 8 === 0, `state at ${at} is not aligned to 8 bytes`)
  let of = classes.get(layout)
  if (!of) classes.set(layout, (of = classOf(layout)))
  const bound = new of(views, at) as unknown as { [name: string]: unknown }
  for (const [name, field] of Object.entries(layout.schema))
    if (!isScalar(field)) bound[name] = view(field, views, at + layout.offsets[name]!)
  return bound as StateOf<S>
}

function classOf(layout: Layout): typeof Bound {
  const made = class extends Bound {}
  for (const [name, field] of Object.entries(layout.schema))
    if (isScalar(field)) Object.defineProperty(made.prototype, name, accessor(field, layout.offsets[name]!))
  return made
}

type Accessor = { get(this: Bound): number | bigint; set(this: Bound, value: never): void }

const accessors: { readonly [K in ScalarKind]: (offset: number) => Accessor } = {
  u8: o => ({
    get() { return this.$v.u8[this.$at + o]! },
    set(x: number) { this.$v.u8[this.$at + o] = x },
  }),
  flag: o => ({
    get() { return this.$v.u8[this.$at + o]! },
    set(x: number) { this.$v.u8[this.$at + o] = x ? 1 : 0 },
  }),
  u16: o => ({
    get() { return this.$v.u16[(this.$at + o) >>> 1]! },
    set(x: number) { this.$v.u16[(this.$at + o) >>> 1] = x },
  }),
  u32: o => ({
    get() { return this.$v.u32[(this.$at + o) >>> 2]! },
    set(x: number) { this.$v.u32[(this.$at + o) >>> 2] = x },
  }),
  i32: o => ({
    get() { return this.$v.i32[(this.$at + o) >>> 2]! },
    set(x: number) { this.$v.i32[(this.$at + o) >>> 2] = x },
  }),
  u64: o => ({
    get() { return this.$v.u64[(this.$at + o) >>> 3]! },
    set(x: bigint) { this.$v.u64[(this.$at + o) >>> 3] = x },
  }),
  f64: o => ({
    get() { return this.$v.f64[(this.$at + o) >>> 3]! },
    set(x: number) { this.$v.f64[(this.$at + o) >>> 3] = x },
  }),
}

const accessor = (field: Scalar, offset: number): PropertyDescriptor =>
  ({ ...accessors[field.kind](offset), enumerable: true })

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
  for (const [name, field] of Object.entries(layout.schema))
    resetField(field, views, at + layout.offsets[name]!)
}

function resetField(field: Field, v: Views, at: number): void {
  switch (field.kind) {
    case 'array':
      if (field.of.reset)
        for (let i = 0; i < field.count; i++) resetField(field.of, v, at + i * scalarBytes[field.of.kind])
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
