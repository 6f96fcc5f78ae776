// The one table of IR operations. A row's name is the operation; pure rows named like a WebAssembly instruction are
// that instruction, in both tiers. From the table come the verifier's types, the printer's text, both tiers' code and
// the evaluator that tests use as their oracle.
//
// Signatures: operand types, '>', result type. i = i32, l = i64, f = f32, d = f64, v = 128 bits. Values are raw bits: a row's `eval`
// takes and gives unsigned BigInts of the operand's width.

import { arithFlags } from './arith-flags.ts'
import { crc32c } from './crc32c.ts'
import { type VectorOp, vectorRows } from './vector.ts'

export type Type = 'i' | 'l' | 'f' | 'd' | 'v'

/** What an operation does besides computing its result. */
export type Effect =
  | 'none' // pure: may be dropped, moved within its block, computed twice
  | 'reg' // reads or writes a guest register
  | 'state' // reads or writes a field of the processor's state
  | 'memory' // accesses guest memory: may fault, may take the slow path
  | 'call' // calls into the runtime; registers are untouched, no fault
  | 'float' // may raise IEEE flags
  | 'mark' // no code: an instruction begins
  | 'leave' // may leave the region in the middle of a block
  | 'end' // ends the block

export type OpRow = {
  readonly sig: string
  readonly effect: Effect
  readonly commutes?: true
  readonly eval?: (a: bigint, b: bigint, c: bigint) => bigint
}

const M32 = 0xffffffffn, M64 = 0xffffffffffffffffn
const s32 = (x: bigint) => BigInt.asIntN(32, x)
const s64 = (x: bigint) => BigInt.asIntN(64, x)
const bool = (x: boolean) => (x ? 1n : 0n)

/** Rows that come in a 32- and a 64-bit form: the name after the dot. */
export type IntegerOp =
  | 'add' | 'sub' | 'mul' | 'div_s' | 'div_u' | 'rem_s' | 'rem_u' | 'and' | 'or' | 'xor' | 'shl' | 'shr_s' | 'shr_u'
  | 'rotl' | 'rotr' | 'clz' | 'ctz' | 'popcnt' | 'extend8_s' | 'extend16_s' | 'eqz' | 'eq' | 'ne' | 'lt_s' | 'lt_u'
  | 'gt_s' | 'gt_u' | 'le_s' | 'le_u' | 'ge_s' | 'ge_u' | 'select'

function integerRows<W extends 'i32' | 'i64'>(w: W): Record<`${W}.${IntegerOp}`, OpRow> {
  const t = w === 'i32' ? 'i' : 'l', bits = w === 'i32' ? 32n : 64n, mask = w === 'i32' ? M32 : M64
  const s = w === 'i32' ? s32 : s64
  const bin = (f: (a: bigint, b: bigint) => bigint, commutes?: true): OpRow =>
    ({ sig: `${t}${t}>${t}`, effect: 'none', ...(commutes && { commutes }), eval: (a, b) => f(a, b) & mask })
  const cmp = (f: (a: bigint, b: bigint) => boolean, commutes?: true): OpRow =>
    ({ sig: `${t}${t}>i`, effect: 'none', ...(commutes && { commutes }), eval: (a, b) => bool(f(a, b)) })
  const un = (f: (a: bigint) => bigint): OpRow => ({ sig: `${t}>${t}`, effect: 'none', eval: a => f(a) & mask })
  const leading = (a: bigint) => (a === 0n ? bits : bits - BigInt(a.toString(2).length))
  const rows: Record<IntegerOp, OpRow> = {
    add: bin((a, b) => a + b, true),
    sub: bin((a, b) => a - b),
    mul: bin((a, b) => a * b, true),
    // The lifter guards division: a zero divisor or an overflowing quotient must not reach these.
    div_s: bin((a, b) => s(a) / s(b)),
    div_u: bin((a, b) => a / b),
    rem_s: bin((a, b) => s(a) % s(b)),
    rem_u: bin((a, b) => a % b),
    and: bin((a, b) => a & b, true),
    or: bin((a, b) => a | b, true),
    xor: bin((a, b) => a ^ b, true),
    shl: bin((a, b) => a << (b % bits)),
    shr_s: bin((a, b) => s(a) >> (b % bits)),
    shr_u: bin((a, b) => a >> (b % bits)),
    rotl: bin((a, b) => (a << (b % bits)) | (a >> (bits - (b % bits)))),
    rotr: bin((a, b) => (a >> (b % bits)) | (a << (bits - (b % bits)))),
    clz: un(leading),
    ctz: un(a => (a === 0n ? bits : BigInt((a & -a).toString(2).length - 1))),
    popcnt: un(a => BigInt(a.toString(2).replaceAll('0', '').length)),
    extend8_s: un(a => BigInt.asIntN(8, a)),
    extend16_s: un(a => BigInt.asIntN(16, a)),
    eqz: { sig: `${t}>i`, effect: 'none', eval: a => bool(a === 0n) },
    eq: cmp((a, b) => a === b, true),
    ne: cmp((a, b) => a !== b, true),
    lt_s: cmp((a, b) => s(a) < s(b)),
    lt_u: cmp((a, b) => a < b),
    gt_s: cmp((a, b) => s(a) > s(b)),
    gt_u: cmp((a, b) => a > b),
    le_s: cmp((a, b) => s(a) <= s(b)),
    le_u: cmp((a, b) => a <= b),
    ge_s: cmp((a, b) => s(a) >= s(b)),
    ge_u: cmp((a, b) => a >= b),
    select: { sig: `i${t}${t}>${t}`, effect: 'none', eval: (c, a, b) => (c ? a : b) },
  }
  return Object.fromEntries(Object.entries(rows).map(([k, v]) => [`${w}.${k}`, v])) as Record<`${W}.${IntegerOp}`, OpRow>
}

/** Arithmetic with IEEE flags; `lo` of the operation holds the environment (see `FpEnv`). */
function floatRows(t: 'f' | 'd'): Record<string, OpRow> {
  const f = (sig: string): OpRow => ({ sig, effect: 'float' })
  const w = t === 'd' ? 'd' : 's'
  return {
    [`fadd.${w}`]: f(`${t}${t}>${t}`),
    [`fsub.${w}`]: f(`${t}${t}>${t}`),
    [`fmul.${w}`]: f(`${t}${t}>${t}`),
    [`fdiv.${w}`]: f(`${t}${t}>${t}`),
    [`fsqrt.${w}`]: f(`${t}>${t}`),
    [`fround.${w}`]: f(`${t}>${t}`), // to an integral number; a change of value is not inexact
    [`froundnx.${w}`]: f(`${t}>${t}`), // the same, and is
    [`fma.${w}`]: f(`${t}${t}${t}>${t}`), // a * b + c, rounded once
    [`fmin.${w}`]: f(`${t}${t}>${t}`),
    [`fmax.${w}`]: f(`${t}${t}>${t}`),
    [`feq.${w}`]: f(`${t}${t}>i`), // quiet
    [`flt.${w}`]: f(`${t}${t}>i`), // signaling
    [`fle.${w}`]: f(`${t}${t}>i`), // signaling
    [`fltq.${w}`]: f(`${t}${t}>i`), // quiet
    [`fleq.${w}`]: f(`${t}${t}>i`), // quiet
    [`ftoi32.${w}`]: f(`${t}>i`),
    [`ftou32.${w}`]: f(`${t}>i`),
    [`ftoi64.${w}`]: f(`${t}>l`),
    [`ftou64.${w}`]: f(`${t}>l`),
    [`ffromi32.${w}`]: f(`i>${t}`),
    [`ffromu32.${w}`]: f(`i>${t}`),
    [`ffromi64.${w}`]: f(`l>${t}`),
    [`ffromu64.${w}`]: f(`l>${t}`),
    [`fclass.${w}`]: f(`${t}>i`), // RISC-V's ten-bit mask; raises nothing
  }
}

const pure = (sig: string, ev: (a: bigint, b: bigint, c: bigint) => bigint): OpRow => ({ sig, effect: 'none', eval: ev })
const effect = (sig: string, e: Effect): OpRow => ({ sig, effect: e })
const CANONICAL_F32 = 0x7fc00000n
const SIGN_F32 = 1n << 31n, SIGN_F64 = 1n << 63n

export const table = {
  // Constants: the bits are in lo and hi.
  'i32.const': effect('>i', 'none'),
  'i64.const': effect('>l', 'none'),
  ...integerRows('i32'),
  ...integerRows('i64'),
  'i64.extend32_s': pure('l>l', a => BigInt.asIntN(32, a) & M64),
  'i32.wrap_i64': pure('l>i', a => a & M32),
  'i64.extend_i32_s': pure('i>l', a => BigInt.asIntN(32, a) & M64),
  'i64.extend_i32_u': pure('i>l', a => a),
  'i32.reinterpret_f32': pure('f>i', a => a),
  'f32.reinterpret_i32': pure('i>f', a => a),
  'i64.reinterpret_f64': pure('d>l', a => a),
  'f64.reinterpret_i64': pure('l>d', a => a),
  'f32.neg': pure('f>f', a => a ^ SIGN_F32),
  'f32.abs': pure('f>f', a => a & ~SIGN_F32),
  'f32.copysign': pure('ff>f', (a, b) => (a & ~SIGN_F32) | (b & SIGN_F32)),
  'f64.neg': pure('d>d', a => a ^ SIGN_F64),
  'f64.abs': pure('d>d', a => a & ~SIGN_F64),
  'f64.copysign': pure('dd>d', (a, b) => (a & ~SIGN_F64) | (b & SIGN_F64)),
  // The high half of the 128-bit product; signed x signed, unsigned x unsigned, signed x unsigned.
  'mulh.ss': pure('ll>l', (a, b) => ((s64(a) * s64(b)) >> 64n) & M64),
  'mulh.uu': pure('ll>l', (a, b) => (a * b) >> 64n),
  'mulh.su': pure('ll>l', (a, b) => ((s64(a) * b) >> 64n) & M64),
  // The quotient of a 128-bit number, given as its high and low half, by one of 64 bits: unsigned. The lifter guards it: the
  // divisor must be greater than the high half.
  'divw.u': pure('lll>l', (hi, lo, d) => ((hi << 64n) | lo) / d),
  // CRC-32C of 64 bits, the lowest first, from a remainder of 0.
  'crc32c': pure('l>l', crc32c),
  // For carries and overflows: a ^ b ^ c; where a sum c of a and b, or a difference c = a - b, has left the signed numbers
  // (bit 63; the other bits say the same of narrower ones).
  'xor3': pure('lll>l', (a, b, c) => a ^ b ^ c),
  'overflow.add': pure('lll>l', (a, b, c) => (a ^ c) & (b ^ c)),
  'overflow.sub': pure('lll>l', (a, b, c) => (a ^ b) & (a ^ c)),
  // The flags of a remembered operation (arith-flags.ts).
  'arithflags': pure('lli>i', arithFlags),
  // A single-precision value in a double-precision register: the upper half all ones, else it reads as the canonical NaN.
  'nanbox': pure('f>d', a => a | (M32 << 32n)),
  'nanunbox': pure('d>f', a => (a >> 32n === M32 ? a & M32 : CANONICAL_F32)),
  ...floatRows('f'),
  ...floatRows('d'),
  ...vectorRows,
  'fcvt.d.s': effect('f>d', 'float'),
  'fcvt.s.d': effect('d>f', 'float'),

  // Guest registers: lo = index into the ISA's register file. The value's type is the register's.
  'get.l': effect('>l', 'reg'),
  'get.i': effect('>i', 'reg'),
  'get.d': effect('>d', 'reg'),
  'get.v': effect('>v', 'reg'),
  'set.l': effect('l>', 'reg'),
  'set.i': effect('i>', 'reg'),
  'set.d': effect('d>', 'reg'),
  'set.v': effect('v>', 'reg'),
  // Fields of the processor's state: lo = byte offset. They are never cached in locals.
  'field.l': effect('>l', 'state'),
  'field.i': effect('>i', 'state'),
  'field8': effect('>i', 'state'),
  'setfield.l': effect('l>', 'state'),
  'setfield.i': effect('i>', 'state'),
  'setfield8': effect('i>', 'state'),

  // Guest memory: lo = MemOp, hi = displacement added to the address (signed 32 bits, the sum wraps at the address width). A
  // vector is always 16 bytes.
  'load.l': effect('l>l', 'memory'),
  'load.i': effect('l>i', 'memory'),
  'load.d': effect('l>d', 'memory'),
  'load.f': effect('l>f', 'memory'),
  'load.v': effect('l>v', 'memory'),
  'store.l': effect('ll>', 'memory'),
  'store.i': effect('li>', 'memory'),
  'store.d': effect('ld>', 'memory'),
  'store.f': effect('lf>', 'memory'),
  'store.v': effect('lv>', 'memory'),
  // Atomics: the old value comes back. Where MemOp says ALIGNED a misaligned address faults; else the access is done in
  // parts. lo = MemOp with the AmoKind in bits 8 and up.
  'amo': effect('ll>l', 'memory'),
  // Compare and swap: address, expected, new; the old value comes back.
  'cas': effect('lll>l', 'memory'),
  'fence': effect('>', 'memory'),
  // Strings: so many elements from an address on become a value (fill: address, value, count), or what stands elsewhere (copy:
  // address, from, count), one after the other. At least one is done, of a count that is not 0, and any number more; how
  // many comes back. lo = MemOp. Where the first faults, nothing is done.
  'fill': effect('lll>l', 'memory'),
  'copy': effect('lll>l', 'memory'),

  // Runtime calls: lo = helper number. Arguments and result are 64 bits, handed over in the state.
  'call': effect('ll>l', 'call'),

  // An instruction begins: lo = its offset from the block's first byte, hi = its length in bytes.
  'insn': effect('>', 'mark'),
  // If the operand is not 0, leave the region at this instruction and call system helper lo with argument hi.
  'leaveif': effect('i>', 'leave'),

  // Ends. jump: to the pc in lo and hi. branch: there if the operand is not 0, else to the next instruction.
  'jump': effect('>', 'end'),
  'branch': effect('i>', 'end'),
  // Indirect jump; lo = JumpKind, a hint.
  'jumpto': effect('l>', 'end'),
  // Leave the region at this instruction (its pc in the state, all registers spilled) and call system helper lo with
  // argument hi, which does the instruction and sets the next pc.
  'system': effect('>', 'end'),
} satisfies Record<string, OpRow>

export type OpName = keyof typeof table | VectorOp
export const opNames = Object.keys(table) as OpName[]
/** Operation numbers by name, in table order. */
export const op = Object.fromEntries(opNames.map((n, i) => [n, i])) as Record<OpName, number>
export const rows: readonly OpRow[] = Object.values(table)
export const arity: readonly number[] = rows.map(r => r.sig.indexOf('>'))
export const resultType: readonly (Type | '')[] = rows.map(r => r.sig.slice(r.sig.indexOf('>') + 1) as Type | '')
export const effects: readonly Effect[] = rows.map(r => r.effect)

/** Rows that read and that write a guest register, as bytes. */
export const isGet = Uint8Array.from(effects, (e, o) => (e === 'reg' && resultType[o] !== '' ? 1 : 0))
export const isSet = Uint8Array.from(effects, (e, o) => (e === 'reg' && resultType[o] === '' ? 1 : 0))

/** An access: log2 of its size in bits 0-1. ALIGNED: a misaligned address faults. STACK: a hint for the fault, of ISAs that
 * tell accesses to the stack from others. UPDATE: a load that must be allowed to write, for a store will follow. */
export const MemOp = { SIZE: 3, SIGNED: 4, ALIGNED: 8, STACK: 16, UPDATE: 32 } as const
export const AmoKind = { SWAP: 0, ADD: 1, XOR: 2, AND: 3, OR: 4, MIN: 5, MAX: 6, MINU: 7, MAXU: 8 } as const
export const JumpKind = { PLAIN: 0, CALL: 1, RETURN: 2 } as const

/** The floating-point environment of an operation: the rounding mode in bits 0-2 (RISC-V's numbering; DYN means "not
 * nearest-even: read it from the state"), INEXACT_SET when the accrued inexact flag is known to be set already. */
export const FpEnv = { RNE: 0, RTZ: 1, RDN: 2, RUP: 3, RMM: 4, DYN: 7, RM: 7, INEXACT_SET: 8 } as const
