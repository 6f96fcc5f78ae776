// State as lines of text: `info qtree`, and what a failing test prints. Hexadecimal, names as in the schema.
import { scalarBytes, type Layout } from './layout.ts'
import { saveState, type SavedValue } from './snapshot.ts'
import type { Field } from './schema.ts'
import type { Views } from './views.ts'

/** One `name = value` line per field; long contents are cut. */
export function inspectState(layout: Layout, views: Views, at: number): string[] {
  const saved = saveState(layout, views, at)
  return Object.entries(layout.schema).flatMap(([name, field]) =>
    field.transient ? [] : fieldLines(name, field, saved[name]!))
}

function fieldLines(name: string, field: Field, value: SavedValue): string[] {
  switch (field.kind) {
    case 'structs':
      return (value as SavedValue[]).flatMap((one, i) =>
        Object.entries(field.schema as { [n: string]: Field }).flatMap(([n, f]) =>
          f.transient ? [] : fieldLines(`${name}[${i}].${n}`, f, (one as { [n: string]: SavedValue })[n]!)))
    case 'array':
      return [`${name} = ${listText(value, scalarBytes[field.of.kind])}`]
    case 'ring':
    case 'bytes':
      return [`${name} = ${value === '' ? 'empty' : cut(value as string)} (${field.count} bytes)`]
    default:
      return [`${name} = ${scalarText(value, scalarBytes[field.kind])}`]
  }
}

function listText(value: SavedValue, width: number): string {
  if (typeof value === 'string') return value === '' ? 'all 0' : cut(value)
  return `[${(value as SavedValue[]).map(v => scalarText(v, width)).join(', ')}]`
}

function scalarText(value: SavedValue, width: number): string {
  if (typeof value !== 'number') return String(value)
  if (!Number.isInteger(value) || value < 0) return String(value)
  return width === 1 && value < 2 ? String(value) : `0x${value.toString(16)}`
}

const cut = (text: string) => (text.length > 60 ? `${text.slice(0, 57)}...` : text)
