// The monitor's expressions: 64-bit integers, registers (`$pc`), characters (`'a'`), parentheses; + and -
// bind least, then & | ^, then * / %, then the signs + - ~.
import { VmError } from '../../base/errors.ts'

export type Scope = {
  /** Value of a register by name; undefined if there is none of that name. */
  register(name: string): Promise<bigint | undefined>
}

const bad = (message: string): VmError => new VmError('cli.usage', message)
const wrap = (v: bigint): bigint => BigInt.asUintN(64, v)

/**
 * Evaluates the expression that `text` starts with. It ends where another word begins: after blanks, only
 * an operator with a
 * blank on its right goes on (so `x 1 -2` are two arguments, `x 1 - 2` is one).
 */
export async function evaluate(text: string, scope: Scope): Promise<{ value: bigint; rest: string }> {
  let at = 0
  const blanks = () => { while (text[at] === ' ' || text[at] === '\t') at++ }

  function operator(set: string): string | undefined {
    const start = at
    blanks()
    const c = text[at]
    if (c === undefined || !set.includes(c) || (at > start && depth === 0 && /\S/.test(text[at + 1] ?? ''))) {
      at = start
      return undefined
    }
    at++
    return c
  }
  let depth = 0

  async function sum(): Promise<bigint> {
    let value = await logic()
    for (let op; (op = operator('+-')); )
      value = wrap(op === '+' ? value + (await logic()) : value - (await logic()))
    return value
  }
  async function logic(): Promise<bigint> {
    let value = await product()
    for (let op; (op = operator('&|^')); ) {
      const right = await product()
      value = op === '&' ? value & right : op === '|' ? value | right : value ^ right
    }
    return value
  }
  async function product(): Promise<bigint> {
    let value = await sign()
    for (let op; (op = operator('*/%')); ) {
      const right = await sign()
      if (op !== '*' && right === 0n) throw bad('division by zero')
      value = op === '*' ? wrap(value * right) : op === '/' ? value / right : value % right
    }
    return value
  }
  async function sign(): Promise<bigint> {
    blanks()
    const c = text[at]
    if (c === '+') return at++, sign()
    if (c === '-') return at++, wrap(-await sign())
    if (c === '~') return at++, wrap(~await sign())
    return atom()
  }
  async function atom(): Promise<bigint> {
    const rest = text.slice(at)
    if (rest.startsWith('(')) {
      at++
      depth++
      const value = await sum()
      blanks()
      if (text[at] !== ')') throw bad("')' is missing")
      at++
      depth--
      return value
    }
    const number = /^(0x[0-9a-f]+|\d+)(?![0-9a-z_])/i.exec(rest)
    if (number) {
      at += number[0].length
      const octal = /^0\d+$/.test(number[0])
      if (octal && /[89]/.test(number[0])) throw bad(`'${number[0]}' is not a number`)
      return wrap(BigInt(octal ? `0o${number[0].slice(1)}` : number[0]))
    }
    const character = /^'(\\.|[^\\'])'/.exec(rest)
    if (character) {
      at += character[0].length
      const escapes: { readonly [c: string]: string } = {
        '\\n': '\n',
        '\\r': '\r',
        '\\t': '\t',
        '\\b': '\b',
        '\\f': '\f',
      }
      const c = character[1]!
      return BigInt((escapes[c] ?? c.at(-1)!).charCodeAt(0))
    }
    const register = /^\$([a-z_][a-z0-9_.]*)/i.exec(rest)
    if (register) {
      at += register[0].length
      const value = await scope.register(register[1]!)
      if (value === undefined) throw bad(`no register '${register[1]}'`)
      return wrap(value)
    }
    throw bad(rest.trim() === '' ? 'an expression is needed' : `'${rest.trim()}' is not an expression`)
  }

  const value = await sum()
  if (at < text.length && !/\s/.test(text[at]!)) throw bad(`'${text.slice(at)}' is not an expression`)
  return { value, rest: text.slice(at) }
}
