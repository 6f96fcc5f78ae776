// A target is an oracle program and, for each operation that it lists, what soft-float should do in its
// place.

import * as sf from '../../../src/base/softfloat.ts'
import type { FloatContext, FloatFormat, Rounding } from '../../../src/base/softfloat.ts'

/** A bit pattern of a format, or an integer of so many bits. */
export type Operand = FloatFormat | number

export interface Operation {
  readonly operands: readonly Operand[]
  /** Format that the result is rounded to, where it is not the operands'. */
  readonly to?: FloatFormat
  /** How many bits of the reply are the result. */
  readonly width: number
  /** Modes of the target that make a difference here; absent: all of them. */
  readonly modes?: readonly number[]
  /** Results that are NaNs of this format count as equal. */
  readonly anyNan?: FloatFormat
  /** FLAG bits that the oracle does not report here as the architecture would. */
  readonly ignoredFlags?: number
  readonly run: (ctx: FloatContext, a: bigint, b: bigint, c: bigint) => bigint
}

export interface Target {
  readonly name: string
  /** C source beside this file. */
  readonly source: string
  readonly compiler: readonly string[]
  readonly libraries?: readonly string[]
  /** The processor that must run it: process.arch and flags of /proc/cpuinfo; absent: any. */
  readonly arch?: string
  readonly cpuFlags?: readonly string[]
  /** What runs the binary, if the host cannot. */
  readonly runner: readonly string[]
  readonly roundings: readonly Rounding[]
  readonly modes: readonly number[]
  readonly operations: Readonly<Record<string, Operation>>
  context(rounding: Rounding, mode: number): FloatContext
  /** FLAG bits for those of the reply. */
  flags(native: number): number
}

type Unary = (f: FloatFormat, a: bigint, ctx: FloatContext) => bigint
type Binary = (f: FloatFormat, a: bigint, b: bigint, ctx: FloatContext) => bigint
type Predicate = (f: FloatFormat, a: bigint, b: bigint, ctx: FloatContext) => boolean

export const unary = (f: FloatFormat, op: Unary): Operation =>
  ({ operands: [f], width: f.width, run: (ctx, a) => op(f, a, ctx) })

export const binary = (f: FloatFormat, op: Binary): Operation =>
  ({ operands: [f, f], width: f.width, run: (ctx, a, b) => op(f, a, b, ctx) })

export const predicate = (f: FloatFormat, op: Predicate): Operation =>
  ({ operands: [f, f], width: 64, run: (ctx, a, b) => BigInt(op(f, a, b, ctx)) })

export const fused = (f: FloatFormat, negateProduct: boolean, negateAddend: boolean): Operation => ({
  operands: [f, f, f],
  width: f.width,
  run: (ctx, a, b, c) => sf.fma(f, a, b, c, ctx, negateProduct, negateAddend),
})

export const conversion = (from: FloatFormat, to: FloatFormat): Operation =>
  ({ operands: [from], to, width: to.width, run: (ctx, a) => sf.convert(from, to, a, ctx) })

export const toInteger = (f: FloatFormat, width: number, signed: boolean, rounding?: Rounding): Operation =>
  ({ operands: [f], width, run: (ctx, a) => sf.toInt(f, a, width, signed, ctx, rounding ?? ctx.rounding) })

export const fromInteger = (f: FloatFormat, width: number, signed: boolean): Operation =>
  ({ operands: [width], width: f.width, run: (ctx, a) => sf.fromInt(f, a, width, signed, ctx) })
