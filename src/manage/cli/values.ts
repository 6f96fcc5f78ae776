// Values as the command line, the monitor and QMP take them: key=value lists, and the types that a key can
// have. A set of keys is data; from it come the parser, its result's type, the messages and the help text.
import { VmError } from '../../base/errors.ts'
import type { PropertyBag, PropertyValue } from '../../vm/config.ts'
import { nearest, suggest } from '../../base/nearest.ts'

export type KeyType = 'text' | 'file' | 'flag' | 'number' | 'size' | 'choice'
export type Key<T = unknown> = {
  readonly type: KeyType
  readonly help: string
  readonly choices?: readonly string[]
  /** May be given several times; the value is a list. */
  readonly many?: boolean
  /** Known by name, refused by a clear message. */
  readonly missing?: boolean
  /** Accepted and without effect here. */
  readonly ignored?: boolean
  readonly as?: (text: string) => T | undefined
}
export type Keys = { readonly [name: string]: Key<any> }
type ValueOf<K> = K extends Key<infer T> ? T : never
export type Values<K extends Keys> = { readonly [N in keyof K]?: ValueOf<K[N]> }

export const text = (help: string): Key<string> => ({ type: 'text', help })
export const file = (help: string): Key<string> => ({ type: 'file', help })
export const flag = (help: string): Key<boolean> => ({ type: 'flag', help })
export const number = (help: string): Key<number> => ({ type: 'number', help })
export const size = (help: string, defaultUnit = ''): Key<number> => ({
  type: 'size',
  help,
  as: t => parseSize(t, defaultUnit),
})
export const choice = <const C extends readonly string[]>(choices: C, help: string): Key<C[number]> => ({
  type: 'choice',
  choices,
  help,
})
export const many = (key: Key<string>): Key<readonly string[]> => ({ ...key, many: true }) as Key<any>
export const ignored = <T>(key: Key<T>): Key<T> => ({ ...key, ignored: true })
export const missing = (help: string): Key<never> => ({ type: 'text', help, missing: true })

export type Pair = { readonly key: string; readonly value: string }

/**
 * Splits `a=1,b,,c=x` (a doubled comma is a comma). The first item without `=` is the value of `implied`;
 * a later one
 * switches its key on, or off if it is called `noKEY`.
 */
export function splitPairs(line: string, implied?: string): Pair[] {
  if (line === '') return []
  return splitCommas(line).map((item, i) => {
    const eq = item.indexOf('=')
    if (eq >= 0) return { key: item.slice(0, eq), value: item.slice(eq + 1) }
    if (i === 0 && implied !== undefined) return { key: implied, value: item }
    const off = /^no-?(wait|delay|reboot)$/.exec(item)
    return off ? { key: off[1]!, value: 'off' } : { key: item, value: 'on' }
  })
}

/** Pieces between single commas. */
export function splitCommas(line: string): string[] {
  const items = ['']
  for (let i = 0; i < line.length; i++) {
    const c = line[i]!
    if (c !== ',') items[items.length - 1] += c
    else if (line[i + 1] === ',') items[items.length - 1] += line[i++]
    else items.push('')
  }
  return items
}

/** The reverse of `splitPairs`. */
export const joinPairs = (pairs: readonly Pair[]): string =>
  pairs.map(p => `${p.key}=${p.value.replaceAll(',', ',,')}`).join(',')

export type Parsed<K extends Keys> = {
  readonly values: Values<K>
  /** Keys that the set does not have (only where `open`). */
  readonly rest: PropertyBag
}

/** Reads a key=value list, or (where the text starts with `{`) a JSON object. */
export function parseValues<K extends Keys>(
  line: string, keys: K, options: { implied?: string | undefined; open?: boolean; listedBy?: string } = {},
): Parsed<K> {
  const pairs: { key: string; value: PropertyValue }[] = line.trimStart().startsWith('{')
    ? Object.entries(parseJson(line)).map(([key, value]) => ({ key, value }))
    : splitPairs(line, options.implied)
  const values: { [name: string]: unknown } = {}, rest: { [name: string]: PropertyValue } = {}
  for (const { key, value } of pairs) {
    const spec = Object.hasOwn(keys, key) ? keys[key]! : undefined
    if (!spec) {
      if (!options.open)
        throw usage(`no parameter '${key}'`, suggest(key, Object.keys(keys), options.listedBy))
      rest[key] = Object.hasOwn(rest, key) ? ([rest[key]!, value].flat() as PropertyValue) : value
      continue
    }
    if (spec.missing) throw usage(`not implemented: ${key}`)
    const v = convertKey(key, spec, value)
    if (spec.many) values[key] = [...((values[key] as unknown[]) ?? []), v]
    else values[key] = v
  }
  return { values: values as Values<K>, rest }
}

function parseJson(line: string): PropertyBag {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (cause) {
    throw new VmError('cli.usage', `malformed JSON: ${(cause as Error).message}`, { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw usage('a JSON object is needed')
  return value as PropertyBag
}

/** A value checked against its key. JSON brings typed values, a command line text. */
export function convertKey(name: string, key: Key, value: PropertyValue): unknown {
  if (typeof value === 'number' && (key.type === 'number' || key.type === 'size')) {
    if (Number.isSafeInteger(value) && value >= 0) return value
  } else if (typeof value === 'boolean' && key.type === 'flag') return value
  else if (typeof value === 'string') {
    const v = key.as ? key.as(value) : fromText(key, value)
    if (v !== undefined) return v
  }
  const shown = typeof value === 'string' ? `'${value}'` : JSON.stringify(value)
  throw usage(
    `${name}=${shown} is not ${wanted(key)}`,
    key.choices && nearest(String(value), key.choices) ? suggest(String(value), key.choices) : undefined,
  )
}

function fromText(key: Key, value: string): unknown {
  switch (key.type) {
    case 'text': return value
    case 'file': return value === '' ? undefined : value
    case 'flag': return parseFlag(value)
    case 'number': return parseNumber(value)
    case 'size': return parseSize(value)
    case 'choice': return key.choices!.includes(value) ? value : undefined
  }
}

export function wanted(key: Key): string {
  switch (key.type) {
    case 'text': return 'a text'
    case 'file': return 'a file name'
    case 'flag': return 'on or off'
    case 'number': return 'a whole number'
    case 'size': return 'a size such as 512M or 2G'
    case 'choice': return `one of ${key.choices!.join(', ')}`
  }
}

export function parseFlag(value: string): boolean | undefined {
  if (value === 'on' || value === 'yes' || value === 'true' || value === 'y') return true
  if (value === 'off' || value === 'no' || value === 'false' || value === 'n') return false
  return undefined
}

export function parseNumber(value: string): number | undefined {
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(value)) return undefined
  const n = Number(value)
  return Number.isSafeInteger(n) ? n : undefined
}

const UNITS = 'bkmgtpe'

/** `512M`, `1.5G`, `0x1000`, `64k`; a bare number counts in `defaultUnit`. */
export function parseSize(value: string, defaultUnit = ''): number | undefined {
  const m = /^(0x[0-9a-f]+|\d+(?:\.\d+)?)([bkmgtpe]?)$/i.exec(value)
  if (!m) return undefined
  const unit = (/^0x/i.test(value) ? '' : m[2]! || defaultUnit).toLowerCase()
  const bytes = Number(m[1]) * 1024 ** (unit ? UNITS.indexOf(unit) : 0)
  return Number.isSafeInteger(Math.round(bytes)) ? Math.round(bytes) : undefined
}

/** 536870912 → `512 MiB`. */
export function formatSize(bytes: number): string {
  const names = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let i = 0
  while (i < names.length - 1 && bytes >= 1024 && bytes % 1024 === 0) { bytes /= 1024; i++ }
  return `${bytes} ${names[i]}`
}

export const usage = (message: string, hint?: string): VmError =>
  new VmError('cli.usage', message, hint === undefined ? {} : { hint })
