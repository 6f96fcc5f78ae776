// Instructions as text, from the rows that decode them: the GNU assembler's syntax without
// pseudo-instructions, as `objdump -M no-aliases` prints it.
import { csrOf } from './csr.ts'
import { F0, registers } from './cpu.ts'
import { decode16, decode32, lengthOf } from './decode.ts'

const RM = ['rne', 'rtz', 'rdn', 'rup', 'rmm', 'unknown', 'unknown', 'dyn']
const x = (n: number) => registers[n]!.name
const hex = (n: number) => `0x${(n >>> 0).toString(16)}`
/** Which accesses a fence orders: input, output, read, write. */
const ordered = (n: number) => ['i', 'o', 'r', 'w'].filter((_, i) => n & (8 >> i)).join('') || 'unknown'

/** How an operand is printed: by its name, or by the kind that the syntax gives it. */
const kinds: { readonly [kind: string]: (value: number, pc: bigint) => string } = {
  rd: x, rs1: x, rs2: x, rs3: x,
  f: n => registers[F0 + n]!.name,
  imm: String,
  uimm: String,
  shamt: hex,
  upper: n => hex((n >>> 12) & 0xfffff),
  pc: (offset, pc) => `0x${BigInt.asUintN(64, pc + BigInt(offset)).toString(16)}`,
  csr: n => csrOf(n)?.name ?? hex(n),
  // The usual rounding mode is not printed; nor is any in conversions that are exact.
  rm: n => (n === 7 ? '' : RM[n]!),
  exact: n => (n === 0 ? '' : RM[n]!),
  pred: ordered,
  succ: ordered,
}

/** `word` is the instruction (16 or 32 bits) at `pc`; undefined if it is none. */
export function disassemble(word: number, pc: bigint): string | undefined {
  const decoder = lengthOf(word) === 2 ? decode16 : decode32
  const index = decoder.find(word), row = decoder.rows[index]
  if (!row) return undefined
  const values: { readonly [name: string]: number } = decoder.extract(index, word)
  const atomic = row.operands.some(o => o.name === 'aq')
  const order = atomic ? `${values.aq ? 'aq' : ''}${values.rl ? 'rl' : ''}` : ''
  const operands = row.parts.map(part => typeof part === 'string'
    ? part.replaceAll(' ', '')
    : kinds[part.kind]!(values[part.operand]!, pc)).join('').replace(/,$/, '')
  return `${row.name}${order && `.${order}`}${operands && ` ${operands}`}`
}

/** The instruction that `bytes` begin with, and its length in bytes, of which there may be fewer. */
export function disassembleBytes(bytes: Uint8Array, pc: bigint): { text: string; length: number } {
  const half = (at: number) => (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8), length = lengthOf(half(0))
  const word = length === 2 ? half(0) : (half(0) | (half(2) << 16)) >>> 0
  const data = length === 2 ? '.half' : '.word'
  return { text: disassemble(word, pc) ?? `${data} 0x${word.toString(16)}`, length }
}
