// Rows of the x86 tables: a line of the opcode maps, the instruction as an assembler writes it, and its lifting function.
//
//   row('0F AF /r', 'imul Gv, Ev', imul)       opcode bytes, ModRM, operands
//   row('83 /0 ib', 'add Ev, Ibs', add)        a fixed register field, an immediate
//   row('50+r', 'push Zv', push)               the register in the opcode
//   row('F3 0F B8 /r', 'popcnt Gv, Ev', …)     a prefix that is part of the opcode; NP: none of them
//   row('0F 01 F9', 'rdtscp', …)               a fixed ModRM
//   row('0F AE /5 reg', 'lfence', …)           only a register, or only memory (mem)
//   row('98', 'cbw|cwde|cdqe', …)              names for operand sizes of 16, 32 and 64 bits
//   row('VEX.LZ.NP.0F38 F2 /r', 'andn Gy, By, Ey', …)
//
// What an immediate in the pattern (ib, iw, iz, iv, cb, cz, …) says follows from the operands; it is checked.
import type { Emit } from './emit.ts'
import { Flag } from './cpu.ts'
import { fromModrm, inImmediate, type Operand, parseOperand, registerOnly } from './operand.ts'

export type Lift = (g: Emit) => void

export type RowOptions = {
  /** LOCK is allowed, with a memory operand. */
  readonly lock?: boolean
  readonly only64?: boolean
  readonly no64?: boolean
  /** In 64-bit code the operand size is 64 bits: by default (a prefix makes it 16), or always. */
  readonly default64?: boolean
  readonly force64?: boolean
  /** REP makes a loop of it. */
  readonly string?: boolean
  /** Not in real and virtual-8086 mode. */
  readonly protected?: boolean
  /** Accesses memory without an operand that says so, leaves in its middle, or reads all flags. */
  readonly observes?: boolean
  /** Leaves in its middle where an exception of SSE is not masked. */
  readonly simd?: boolean
  /** Names of flags that the manual leaves undefined. */
  readonly undefined?: string
}

/** Opcode maps, VEX ones from VEX0F on. */
export const MAPS = ['', '0F', '0F38', '0F3A', 'VEX0F', 'VEX0F38', 'VEX0F3A'] as const

/** What a row asks for besides its opcode, and what the decoder gathers of an instruction: ModRM in bits 0-7. */
export const Context = {
  MODE64: 0x100, F2: 0x200, F3: 0x400, DATA16: 0x800, W: 0x1000, L: 0x2000, REGISTER: 0x4000, REAL: 0x8000, REP: 0x600,
} as const

export type Row = {
  readonly pattern: string
  readonly syntax: string
  readonly lift: Lift
  readonly options: RowOptions
  readonly names: readonly string[]
  readonly operands: readonly Operand[]
  /** Index into MAPS, the opcode, and how many opcodes follow it (8 with a register in the opcode). */
  readonly map: number
  readonly opcode: number
  readonly opcodes: number
  readonly modrm: boolean
  readonly mask: number
  readonly match: number
  /** Whether flags must be in their registers before it: it may leave in its middle without a ModRM memory operand. */
  readonly observes: boolean
  /** To the next instruction plus an immediate. */
  readonly jumps: boolean
  readonly undefinedFlags: number
}

const HEX = /^[0-9A-F]{2}$/

export function row(pattern: string, syntax: string, lift: Lift, options: RowOptions = {}): Row {
  const fail = (why: string): never => { throw new Error(`${pattern}, ${syntax}: ${why}`) }
  const [mnemonic, ...rest] = syntax.split(' ')
  const operands = rest.length > 0 ? rest.join(' ').split(', ').map(parseOperand) : []
  let map = 0, opcode = -1, opcodes = 1, mask = 0, match = 0, modrm = operands.some(fromModrm), immediates = 0
  const need = (bits: number, value: number) => {
    mask |= bits
    match |= value
  }
  const prefix = (name: string): boolean => {
    if (name === 'NP') need(Context.REP | Context.DATA16, 0)
    else if (name === '66') need(Context.REP | Context.DATA16, Context.DATA16)
    else if (name === 'F2') need(Context.REP, Context.F2)
    else if (name === 'F3') need(Context.REP, Context.F3)
    else if (name === 'W0') need(Context.W, 0)
    else if (name === 'W1') need(Context.W, Context.W)
    else return false
    return true
  }
  const tokens = pattern.split(' ')
  while (prefix(tokens[0]!)) tokens.shift()
  if (tokens[0]!.startsWith('VEX.')) {
    for (const part of tokens.shift()!.split('.').slice(1)) {
      if (part === 'LZ' || part === 'L0') need(Context.L, 0)
      else if (part === 'L1') need(Context.L, Context.L)
      else if (part.startsWith('0F')) map = MAPS.indexOf(`VEX${part}` as never)
      else if (!prefix(part) && part !== 'LIG' && part !== 'WIG') fail(`no '${part}' in VEX`)
    }
  } else if (tokens[0] === '0F') {
    tokens.shift()
    map = 1
    const escape = tokens[0] as string
    if (escape === '38' || escape === '3A') {
      tokens.shift()
      map = escape === '38' ? 2 : 3
    }
  }
  for (const token of tokens) {
    if (opcode < 0) {
      opcode = parseInt(token, 16)
      if (/^..\+r$/.test(token)) opcodes = 8
      else if (!HEX.test(token)) fail(`'${token}' is no opcode`)
    } else if (HEX.test(token)) {
      need(0xff, parseInt(token, 16))
      modrm = true
    } else if (/^\/[0-7r]$/.test(token)) {
      if (token !== '/r') need(0x38, Number(token[1]) << 3)
      modrm = true
    } else if (token === 'reg' || token === 'mem') need(Context.REGISTER, token === 'reg' ? Context.REGISTER : 0)
    else if (/^[ic][bwdzvqp]$|^mo$/.test(token)) immediates++
    else fail(`'${token}'`)
  }
  if (operands.some(o => o.kind === 'M')) need(Context.REGISTER, 0)
  if (operands.some(registerOnly)) need(Context.REGISTER, Context.REGISTER)
  if (options.only64) need(Context.MODE64, Context.MODE64)
  if (options.no64) need(Context.MODE64, 0)
  if (options.protected) need(Context.REAL, 0)
  if (immediates !== operands.filter(inImmediate).length) fail('immediates of pattern and operands differ')
  return {
    pattern, syntax, lift, options, names: mnemonic!.split('|'), operands, map, opcode, opcodes, modrm, mask, match,
    observes: options.observes === true || options.string === true || operands.some(o => 'OXY'.includes(o.kind)),
    jumps: operands.some(o => o.kind === 'J'),
    undefinedFlags: flagsNamed(options.undefined ?? '', fail),
  }
}

const ARITHMETIC: { readonly [name: string]: number } = { cf: Flag.CF, pf: Flag.PF, af: Flag.AF, zf: Flag.ZF, sf: Flag.SF, of: Flag.OF }
const flagsNamed = (names: string, fail: (why: string) => never): number =>
  names.split(' ').filter(n => n).reduce((mask, n) => mask | (ARITHMETIC[n] ?? fail(`no flag '${n}'`)), 0)

/** The row's name at an operand size in bytes. */
export const nameOf = (r: Row, operandSize: number): string =>
  r.names.length === 1 ? r.names[0]! : r.names[Math.min(operandSize === 8 ? 2 : operandSize === 4 ? 1 : 0, r.names.length - 1)]!
