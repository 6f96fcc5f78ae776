// From a schema to addresses: natural alignment, declaration order, so that a layout can be read off the
// schema.
import type { Field, Scalar, ScalarKind, Schema } from './schema.ts'

export type Layout<S extends Schema = Schema> = {
  readonly schema: S
  readonly offsets: { readonly [N in keyof S]: number }
  readonly sizeBytes: number
}

export const scalarBytes: Record<ScalarKind, number> = {
  u8: 1,
  u16: 2,
  u32: 4,
  i32: 4,
  u64: 8,
  f64: 8,
  flag: 1,
}

export const isScalar = (f: Field): f is Scalar => f.kind in scalarBytes

const alignUp = (n: number, to: number) => Math.ceil(n / to) * to

function measure(f: Field): { size: number; align: number } {
  switch (f.kind) {
    case 'array': {
      const one = scalarBytes[f.of.kind]
      return { size: one * f.count, align: one }
    }
    case 'ring':
      return { size: 8 + f.count, align: 4 } // head, length, bytes
    case 'bytes':
      return { size: f.count, align: 8 }
    case 'structs':
      return { size: layoutOf(f.schema as Schema).sizeBytes * f.count, align: 8 }
    default:
      return { size: scalarBytes[f.kind], align: scalarBytes[f.kind] }
  }
}

const layouts = new WeakMap<Schema, Layout>()

/** Places every field of a schema; one layout per schema object, so that its users share accessors. */
export function layoutOf<S extends Schema>(schema: S): Layout<S> {
  let layout = layouts.get(schema)
  if (!layout) layouts.set(schema, (layout = placeFields(schema)))
  return layout as Layout<S>
}

/**
 * In order of declaration, each at its natural alignment; the size is a multiple of 8 bytes, so that
 * structures can stand in a row.
 */
function placeFields(schema: Schema): Layout {
  let at = 0
  const offsets: Record<string, number> = {}
  for (const [name, field] of Object.entries(schema)) {
    const { size, align } = measure(field)
    at = alignUp(at, align)
    offsets[name] = at
    at += size
  }
  return { schema, offsets, sizeBytes: alignUp(at, 8) }
}
