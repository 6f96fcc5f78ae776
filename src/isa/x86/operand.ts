// Operands as the manual's opcode maps write them (Intel SDM volume 2, appendix A.2): a capital letter for the way of
// addressing, small letters for the size; or a register by its name.

/** Ways of addressing. */
export type OperandKind =
  | 'E' // ModRM: general register or memory
  | 'G' // ModRM's register field: general register
  | 'M' // ModRM: memory only
  | 'R' // ModRM: general register only
  | 'B' // VEX.vvvv: general register
  | 'Z' // low three bits of the opcode: general register
  | 'S' | 'C' | 'D' // register field: segment, control, debug register
  | 'I' // immediate; with 's' behind its size sign-extended to the operand size
  | 'J' // relative to the next instruction
  | 'A' // far pointer
  | 'O' // memory at an offset in the instruction
  | 'X' | 'Y' // memory at DS:rSI, ES:rDI
  | 'V' | 'W' | 'H' | 'U' // vector registers: register field, ModRM, VEX.vvvv, ModRM register only
  | 'P' | 'Q' | 'N' // MMX registers: register field, ModRM, ModRM register only
  | 'T' // x87 register ST(i): ModRM's rm field
  | 'fixed' // a register that the instruction implies
  | 'segment' // a segment register that the instruction implies
  | 'stack' // ST(0), which the instruction implies
  | 'xmm0' // that vector register, which the instruction implies
  | 'one' // the constant 1

/** Sizes that depend on prefixes and mode; others are a number of bytes. */
export type OperandSize = number
  | 'v' // operand size: 2, 4 or 8
  | 'z' // operand size, but 4 where it is 8
  | 'y' // 4, or 8 with W
  | 'p' // far pointer: 2 more than z (in memory 2 more than v)
  | 's' // pseudo-descriptor: 2 + 4, or 2 + 8 in 64-bit code
  | 'a' // two of z
  | 'x' // vector: 16, or 32 with L
  | 't' // 10 bytes

export type Operand = {
  readonly text: string
  readonly kind: OperandKind
  readonly size: OperandSize
  /** Number of a fixed register; 4-7 of one byte mean AH-BH. */
  readonly register: number
  readonly signed: boolean
}

const SIZES: { readonly [letters: string]: OperandSize } = {
  b: 1, bs: 1, w: 2, d: 4, ds: 4, q: 8, dq: 16, qq: 32, v: 'v', vs: 'v', z: 'z', y: 'y', p: 'p', s: 's', a: 'a', x: 'x', t: 't',
  ps: 'x', pd: 'x', ss: 4, sd: 8, '': 0, // without a size: for LEA and the like
}
const BYTE_REGISTERS = ['al', 'cl', 'dl', 'bl', 'ah', 'ch', 'dh', 'bh']
const WORD_REGISTERS = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di']
export const SEGMENT_NAMES = ['es', 'cs', 'ss', 'ds', 'fs', 'gs']

export function parseOperand(text: string): Operand {
  const operand = (kind: OperandKind, size: OperandSize, register = 0, signed = false): Operand =>
    ({ text, kind, size, register, signed })
  if (text === '1') return operand('one', 1)
  if (text === 'st') return operand('stack', 't')
  if (text === 'xmm0') return operand('xmm0', 'x')
  const byte = BYTE_REGISTERS.indexOf(text), word = WORD_REGISTERS.indexOf(text), segment = SEGMENT_NAMES.indexOf(text)
  if (byte >= 0) return operand('fixed', 1, byte)
  if (word >= 0) return operand('fixed', 2, word)
  if (segment >= 0) return operand('segment', 2, segment)
  // eAX, rAX: of the operand size without and with 64 bits.
  const wide = /^([er])([A-D]X|[SB]P|[SD]I)$/.exec(text)
  if (wide) return operand('fixed', wide[1] === 'e' ? 'z' : 'v', WORD_REGISTERS.indexOf(wide[2]!.toLowerCase()))
  const size = SIZES[text.slice(1)]
  if (!/^[EGMRBZSCDIJAOXYVWHUPQNT]/.test(text) || size === undefined) throw new Error(`no operand '${text}'`)
  return operand(text[0] as OperandKind, size, 0, text[0] === 'I' && text.length > 2 && text.endsWith('s'))
}

/** Whether ModRM can make the operand a memory operand, and whether it can be a register. */
export const fromModrm = (o: Operand): boolean => 'EGMRSCDVWUPQNT'.includes(o.kind) && o.kind.length === 1
export const mayBeMemory = (o: Operand): boolean => 'EMWQ'.includes(o.kind)
export const registerOnly = (o: Operand): boolean => 'RUNT'.includes(o.kind)
export const inImmediate = (o: Operand): boolean => 'IJAO'.includes(o.kind)
