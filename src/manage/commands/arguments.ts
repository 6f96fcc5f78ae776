// Arguments of commands: declared once, read from a monitor line (by position) or a QMP object (by name).
import { VmError } from '../../base/errors.ts'
import { nearest } from '../../base/nearest.ts'
import { evaluate, type Scope } from '../monitor/expression.ts'

export type ArgumentType =
  | 'word'
  /** The rest of the line. */
  | 'rest'
  /** An address or a number; on the monitor an expression such as `$sp + 8`. */
  | 'integer'
  /** `-a`; the name's first letter unless told. */
  | 'switch'
  /** `/8xw` directly after the command. */
  | 'format'
  /** QMP only: a list of texts, or of objects. */
  | 'list'
  | 'objects'
export type Argument = {
  readonly type: ArgumentType
  readonly help: string
  readonly optional?: boolean
  readonly choices?: readonly string[]
}
export type Arguments = { readonly [name: string]: Argument }
type ArgumentValue<A extends Argument> = A['type'] extends 'integer'
  ? bigint
  : A['type'] extends 'switch'
    ? boolean
    : A['type'] extends 'list'
      ? readonly string[]
    : A['type'] extends 'objects'
      ? readonly { readonly [key: string]: unknown }[]
      : string
export type ArgumentValues<A extends Arguments> = {
  readonly [N in keyof A]: A[N] extends { optional: true } | { type: 'switch' }
    ? ArgumentValue<A[N]> | undefined
    : ArgumentValue<A[N]>
}

export const badArgument = (message: string, hint?: string): VmError =>
  new VmError('cli.usage', message, hint === undefined ? {} : { hint })

/** An error of one of QMP's classes other than GenericError. */
export const qmpError = (qmpClass: 'CommandNotFound' | 'DeviceNotFound', message: string, hint?: string): VmError =>
  Object.assign(badArgument(message, hint), { qmpClass })

/** `memsave ADDRESS SIZE FILE`, as help shows it. */
export function syntaxOf(name: string, args: Arguments): string {
  const parts = Object.entries(args).map(([n, a]) => {
    const shown =
      a.type === 'switch'
        ? `-${n[0]}`
        : a.type === 'format'
          ? '/FMT'
          : a.choices
            ? a.choices.join('|')
            : n.toUpperCase()
    return a.optional || a.type === 'switch' || a.type === 'format' ? `[${shown}]` : shown
  })
  const slash = parts[0] === '[/FMT]' ? parts.shift() : ''
  return [`${name}${slash}`, ...parts].join(' ')
}

/** Splits off one word, which may be in quotes (`"a b"`, with backslash escapes). */
export function cutWord(line: string): [word: string, rest: string] {
  const text = line.trimStart()
  if (!text.startsWith('"')) {
    const m = /^\S*/.exec(text)![0]
    return [m, text.slice(m.length)]
  }
  let word = ''
  for (let i = 1; i < text.length; i++) {
    const c = text[i]!
    if (c === '"') return [word, text.slice(i + 1)]
    word += c === '\\' && i + 1 < text.length ? text[++i]! : c
  }
  throw badArgument('a quotation mark is missing')
}

/** Reads `line` (what follows the command) by position. */
export async function parseLine(
  line: string,
  args: Arguments,
  scope: Scope,
): Promise<{ [name: string]: unknown }> {
  const values: { [name: string]: unknown } = {}
  let rest = line
  for (const [name, arg] of Object.entries(args)) {
    if (arg.type === 'format') {
      const m = /^\/(\S*)/.exec(rest)
      if (m) rest = rest.slice(m[0].length)
      values[name] = m?.[1] ?? ''
      continue
    }
    rest = rest.trimStart()
    if (arg.type === 'switch') {
      const m = new RegExp(`^-${name[0]}(?=\\s|$)`).exec(rest)
      if (m) rest = rest.slice(m[0].length)
      values[name] = m !== null
      continue
    }
    if (rest === '') {
      if (!arg.optional) throw badArgument(`${name} is needed`)
      continue
    }
    if (arg.type === 'rest') {
      values[name] = rest.trimEnd()
      rest = ''
    } else if (arg.type === 'integer') {
      const { value, rest: left } = await evaluate(rest, scope)
      values[name] = value
      rest = left
    } else {
      const [word, left] = cutWord(rest)
      values[name] = checked(name, arg, word)
      rest = left
    }
  }
  if (rest.trim() !== '') throw badArgument(`'${rest.trim()}' is too much`)
  return values
}

function checked(name: string, arg: Argument, word: string): string {
  if (!arg.choices || arg.choices.includes(word)) return word
  const best = nearest(word, arg.choices)
  throw badArgument(
    `${name}: '${word}' is none of ${arg.choices.join(', ')}`,
    best ? `did you mean '${best}'?` : undefined,
  )
}

/** Reads QMP's `arguments` object by name. */
export function parseObject(
  given: { readonly [name: string]: unknown },
  args: Arguments,
): { [name: string]: unknown } {
  const values: { [name: string]: unknown } = {}
  for (const name of Object.keys(given))
    if (!Object.hasOwn(args, name)) throw badArgument(`Parameter '${name}' is unexpected`)
  for (const [name, arg] of Object.entries(args)) {
    const value = given[name]
    if (value === undefined) {
      if (!arg.optional && arg.type !== 'switch') throw badArgument(`Parameter '${name}' is missing`)
      continue
    }
    values[name] = fromJson(name, arg, value)
  }
  return values
}

function fromJson(name: string, arg: Argument, value: unknown): unknown {
  const wrong = (type: string) => badArgument(`Invalid parameter type for '${name}', expected: ${type}`)
  switch (arg.type) {
    case 'integer':
      if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw wrong('integer')
      return BigInt(value)
    case 'switch':
      if (typeof value !== 'boolean') throw wrong('boolean')
      return value
    case 'list':
      if (!Array.isArray(value) || value.some(v => typeof v !== 'string')) throw wrong('array')
      return value
    case 'objects':
      if (!Array.isArray(value) || value.some(v => typeof v !== 'object' || v === null)) throw wrong('array')
      return value
    default:
      if (typeof value !== 'string') throw wrong('string')
      return checked(name, arg, value)
  }
}
