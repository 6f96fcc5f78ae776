// What every table of WebAssembly instructions is made of. A row is one exported constant: it names the
// opcode, the mnemonic, what the instruction takes from the stack and leaves there, and which immediates
// follow. Encoder, printer and type checks read the same row; the tables are opcodes.ts, simd.ts and
// atomics.ts.
//
// An opcode is one small number, dense over all prefixes, so that arrays can be indexed by it: 0x00..0xff as
// encoded, 0x100.. after prefix 0xfc, 0x200.. after 0xfd, 0x400.. after 0xfe.

/** A value type as the signed number whose low seven bits are its encoding (core specification, 5.3). */
export type ValType = number & { readonly brand: 'ValType' }
export const I32 = -1 as ValType
export const I64 = -2 as ValType
export const F32 = -3 as ValType
export const F64 = -4 as ValType
export const V128 = -5 as ValType
export const FUNCREF = -16 as ValType
export const EXTERNREF = -17 as ValType
/** In a signature only: i32, or i64 in a memory with 64-bit addresses. */
export const ADDRESS = 0 as ValType

/** Brands, so that the type checker sees an opcode emitted without its immediates. */
export type Opcode = number & { readonly brand: 'Opcode' }
export type PlainOp = Opcode & { readonly shape: 'plain' }
export type MemOp = Opcode & { readonly shape: 'mem' }
export type LaneOp = Opcode & { readonly shape: 'lane' }
export type MemLaneOp = Opcode & { readonly shape: 'mem lane' }
/** Instructions with a method of their own on the code builder. */
export type OtherOp = Opcode & { readonly shape: 'other' }

export type Immediate =
  | 'block' | 'label' | 'labels' | 'function' | 'type' | 'table' | 'elements' | 'data' | 'local' | 'global'
  | 'memory' | 'mem' | 'lane' | 'lanes' | 'i32' | 'i64' | 'f32' | 'f64' | 'v128'
  | 'types' | 'reftype' | 'zero'

export interface OpInfo {
  readonly opcode: Opcode
  readonly name: string
  /** Null where the types come from the immediates or from the stack. */
  readonly operands: readonly ValType[] | null
  readonly results: readonly ValType[] | null
  readonly immediates: readonly Immediate[]
  /** Logarithm of the natural alignment, for instructions that address memory. */
  readonly align: number
}

export const OPCODES = 0x480
const PREFIX = [0x000, 0x100, 0x200, 0x400]
export const fc = (code: number) => PREFIX[1] + code
export const fd = (code: number) => PREFIX[2] + code
export const fe = (code: number) => PREFIX[3] + code

/** All rows, by opcode. Complete once the three tables are imported. */
export const opTable: (OpInfo | undefined)[] = new Array(OPCODES)
/** Natural alignment by opcode: the encoder's default. */
export const naturalAlign = new Uint8Array(OPCODES)

const LETTERS: Record<string, ValType> =
  { i: I32, I: I64, f: F32, F: F64, v: V128, a: ADDRESS, n: FUNCREF }

/** `signature` is operands:results, a letter each (i32 i, i64 I, f32 f, f64 F, v128 v, address a), or '*'. */
function row(opcode: number, name: string, signature: string, immediates: string, align: number): Opcode {
  if (opTable[opcode]) throw new Error(`${name} has the opcode of ${opTable[opcode].name}`)
  const types = (letters: string) => Array.from(letters, letter => LETTERS[letter])
  const [operands, results] = signature.split(':')
  opTable[opcode] = {
    opcode: opcode as Opcode,
    name,
    operands: signature === '*' ? null : types(operands),
    results: signature === '*' ? null : types(results),
    immediates: (immediates ? immediates.split(' ') : []) as Immediate[],
    align,
  }
  naturalAlign[opcode] = align
  return opcode as Opcode
}

export const op = (opcode: number, name: string, signature: string) =>
  row(opcode, name, signature, '', 0) as PlainOp
/** A memory access; `align` is the logarithm of its width. */
export const mem = (opcode: number, name: string, signature: string, align: number) =>
  row(opcode, name, signature, 'mem', align) as MemOp
export const lane = (opcode: number, name: string, signature: string) =>
  row(opcode, name, signature, 'lane', 0) as LaneOp
export const memLane = (opcode: number, name: string, signature: string, align: number) =>
  row(opcode, name, signature, 'mem lane', align) as MemLaneOp
export const other = (opcode: number, name: string, signature: string, immediates: string) =>
  row(opcode, name, signature, immediates, 0) as OtherOp

/** The prefix byte of an opcode, 0 if it has none, and the number that follows the prefix. */
export function splitOpcode(opcode: number): [prefix: number, code: number] {
  if (opcode < PREFIX[1]) return [0, opcode]
  if (opcode < PREFIX[2]) return [0xfc, opcode - PREFIX[1]]
  if (opcode < PREFIX[3]) return [0xfd, opcode - PREFIX[2]]
  return [0xfe, opcode - PREFIX[3]]
}
