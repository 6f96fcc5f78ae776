// From pure rows of the IR table to WebAssembly: a row that is named like an instruction is that instruction, the few
// others are short sequences or functions that a module gets when it first needs them.
import { opNames, rows, type Type } from '../ir/ops.ts'
import { emitArithFlags } from './arith-flags.ts'
import { emitCrc32c } from './crc32c.ts'
import { type Code, F32, F64, I32, I64, type ModuleBuilder, V128, type ValType } from './encode.ts'
import * as W from './opcodes.ts'
import * as S from './simd.ts'
import { opTable, type PlainOp } from './table.ts'

export const valType: Record<Type, ValType> = { i: I32, l: I64, f: F32, d: F64, v: V128 }

const instruction = new Map<string, PlainOp>()
for (const info of opTable) if (info) instruction.set(info.name, info.opcode as PlainOp)
/** The instruction a row is, or undefined. */
export const rowInstruction: readonly (PlainOp | undefined)[] = opNames.map((name, i) =>
  rows[i]!.effect === 'none' && !name.endsWith('.const') ? instruction.get(name) : undefined)

/** Functions that one module's code calls, made on first use. */
export class Library {
  readonly module: ModuleBuilder
  private readonly made = new Map<string, Code>()

  constructor(module: ModuleBuilder) {
    this.module = module
  }

  get(name: string, params: readonly ValType[], results: readonly ValType[], body: (f: Code) => void): Code {
    let f = this.made.get(name)
    if (!f) {
      f = this.module.function(this.module.type(params, results), { name })
      this.made.set(name, f)
      body(f)
    }
    return f
  }
}

/** Emits a pure row whose operands are on the stack, in order; `select` wants its condition last. */
export function emitPure(f: Code, lib: Library, row: number): void {
  const direct = rowInstruction[row]
  if (direct !== undefined) return void f.op(direct)
  const name = opNames[row]!
  switch (name) {
    case 'i32.select':
    case 'i64.select':
    case 'v.select':
      f.select()
      return
    case 'mulh.uu':
      f.call(lib.get('mulh.uu', [I64, I64], [I64], mulhUnsigned))
      return
    case 'mulh.ss':
      f.call(lib.get('mulh.ss', [I64, I64], [I64], g => mulhSigned(g, lib, true)))
      return
    case 'mulh.su':
      f.call(lib.get('mulh.su', [I64, I64], [I64], g => mulhSigned(g, lib, false)))
      return
    case 'divw.u':
      f.call(lib.get('divw.u', [I64, I64, I64], [I64], divideWide))
      return
    case 'arithflags':
      f.call(lib.get(name, [I64, I64, I32], [I32], g => emitArithFlags(g, lib.get('mulh.ss', [I64, I64], [I64], h => mulhSigned(h, lib, true)))))
      return
    case 'crc32c':
      f.call(lib.get(name, [I64], [I64], emitCrc32c))
      return
    case 'xor3':
      f.op(W.I64_XOR).op(W.I64_XOR)
      return
    case 'overflow.add':
    case 'overflow.sub': {
      const a = f.temp(I64), b = f.temp(I64), c = f.temp(I64), second = name === 'overflow.add' ? c : b
      f.set(c).set(b).tee(a).get(second).op(W.I64_XOR)
      f.get(name === 'overflow.add' ? b : a).get(c).op(W.I64_XOR).op(W.I64_AND)
      f.free(a).free(b).free(c)
      return
    }
    case 'nanbox':
      f.op(W.I32_REINTERPRET_F32).op(W.I64_EXTEND_I32_U).i64c(0, -1).op(W.I64_OR).op(W.F64_REINTERPRET_I64)
      return
    case 'nanunbox': {
      const t = f.temp(I64)
      f.op(W.I64_REINTERPRET_F64).tee(t).op(W.I32_WRAP_I64).i32c(0x7fc00000)
      f.get(t).i64c(32, 0).op(W.I64_SHR_U).i64c(-1, 0).op(W.I64_EQ).select().op(W.F32_REINTERPRET_I32)
      f.free(t)
      return
    }
    case 'v.lo': return void f.lane(S.I64X2_EXTRACT_LANE, 0)
    case 'v.hi': return void f.lane(S.I64X2_EXTRACT_LANE, 1)
    case 'v.setlo': return void f.lane(S.I64X2_REPLACE_LANE, 0)
    case 'v.sethi': return void f.lane(S.I64X2_REPLACE_LANE, 1)
    case 'v.d': return void f.lane(S.F64X2_EXTRACT_LANE, 0)
    case 'v.setd': return void f.lane(S.F64X2_REPLACE_LANE, 0)
    case 'v.f': return void f.lane(S.F32X4_EXTRACT_LANE, 0)
    case 'v.setf': return void f.lane(S.F32X4_REPLACE_LANE, 0)
    case 'v.make': {
      const hi = f.temp(I64)
      f.set(hi).op(S.I64X2_SPLAT).get(hi).lane(S.I64X2_REPLACE_LANE, 1)
      f.free(hi)
      return
    }
    case 'v.shuffle': {
      // A number beyond a vector's gives 0, so that the sum of both has what either has.
      const a = f.temp(V128), b = f.temp(V128), m = f.temp(V128)
      f.set(m).set(b).set(a)
      f.get(a).get(m).op(S.I8X16_SWIZZLE)
      f.get(b).get(m).i32c(16).op(S.I8X16_SPLAT).op(S.I8X16_SUB).op(S.I8X16_SWIZZLE).op(S.V128_OR)
      f.free(a).free(b).free(m)
      return
    }
    default:
      throw new Error(`${name} is not a pure row`)
  }
}

/** True where `select`-like rows take their condition first in IR but last in WebAssembly. */
export const conditionFirst = (row: number): boolean => selects[row]!
const selects = opNames.map(name => name.endsWith('.select'))

/** High half of an unsigned 64 x 64 product, from four 32 x 32 products. */
export function mulhUnsigned(f: Code): void {
  const a0 = f.local(I64), a1 = f.local(I64), b0 = f.local(I64), b1 = f.local(I64), m = f.local(I64)
  const low = (from: number, to: number) => f.get(from).i64c(-1, 0).op(W.I64_AND).set(to)
  const high = (from: number, to: number) => f.get(from).i64c(32, 0).op(W.I64_SHR_U).set(to)
  low(0, a0); high(0, a1); low(1, b0); high(1, b1)
  // m = a1*b0 + high(a0*b0); result = a1*b1 + high(m) + high(a0*b1 + low(m))
  f.get(a1).get(b0).op(W.I64_MUL).get(a0).get(b0).op(W.I64_MUL).i64c(32, 0).op(W.I64_SHR_U).op(W.I64_ADD).set(m)
  f.get(a1).get(b1).op(W.I64_MUL).get(m).i64c(32, 0).op(W.I64_SHR_U).op(W.I64_ADD)
  f.get(a0).get(b1).op(W.I64_MUL).get(m).i64c(-1, 0).op(W.I64_AND).op(W.I64_ADD).i64c(32, 0).op(W.I64_SHR_U).op(W.I64_ADD)
}

/** Signed from unsigned: subtract the other operand where one is negative. */
function mulhSigned(f: Code, lib: Library, bothSigned: boolean): void {
  f.get(0).get(1).call(lib.get('mulh.uu', [I64, I64], [I64], mulhUnsigned))
  f.get(0).i64c(63, 0).op(W.I64_SHR_S).get(1).op(W.I64_AND).op(W.I64_SUB)
  if (bothSigned) f.get(1).i64c(63, 0).op(W.I64_SHR_S).get(0).op(W.I64_AND).op(W.I64_SUB)
}

/** A 128-bit number (parameters 0 and 1) by a greater one than its high half (parameter 2): long division in base 2^32, after
 * Knuth, volume 2, 4.3.1, algorithm D. */
export function divideWide(f: Code): void {
  const hi = 0, lo = 1, d = 2, shift = f.local(I64), d1 = f.local(I64), d0 = f.local(I64), q = f.local(I64), r = f.local(I64)
  const result = f.local(I64)
  const low = (from: number) => f.get(from).i64c(-1, 0).op(W.I64_AND)
  const high = (from: number) => f.get(from).i64c(32, 0).op(W.I64_SHR_U)
  f.get(hi).op(W.I64_EQZ).if()
  f.get(lo).get(d).op(W.I64_DIV_U).return().end()
  // Normalised: the divisor's top bit is set.
  f.get(d).op(W.I64_CLZ).set(shift)
  f.get(d).get(shift).op(W.I64_SHL).set(d)
  f.get(hi).get(shift).op(W.I64_SHL)
  f.get(lo).i64c(1, 0).op(W.I64_SHR_U).i64c(63, 0).get(shift).op(W.I64_SUB).op(W.I64_SHR_U).op(W.I64_OR).set(hi)
  f.get(lo).get(shift).op(W.I64_SHL).set(lo)
  high(d).set(d1)
  low(d).set(d0)
  digit(() => high(lo))
  f.get(q).i64c(32, 0).op(W.I64_SHL).set(result)
  digit(() => low(lo))
  f.get(result).get(q).op(W.I64_OR)

  /** The next digit of the quotient into q; hi becomes the remainder. */
  function digit(next: () => Code): void {
    f.get(hi).get(d1).op(W.I64_DIV_U).tee(q).get(d1).op(W.I64_MUL).set(r)
    f.get(hi).get(r).op(W.I64_SUB).set(r)
    // The estimate is at most two too large.
    const exit = f.block(), again = f.loop()
    f.get(q).i64c(32, 0).op(W.I64_SHR_U).i64c(0, 0).op(W.I64_NE)
    f.get(q).get(d0).op(W.I64_MUL).get(r).i64c(32, 0).op(W.I64_SHL)
    next().op(W.I64_OR).op(W.I64_GT_U).op(W.I32_OR).op(W.I32_EQZ).brIf(exit)
    f.get(q).i64c(-1, -1).op(W.I64_ADD).set(q)
    f.get(r).get(d1).op(W.I64_ADD).tee(r).i64c(32, 0).op(W.I64_SHR_U).op(W.I64_EQZ).brIf(again)
    f.end().end()
    f.get(hi).i64c(32, 0).op(W.I64_SHL)
    next().op(W.I64_OR).get(q).get(d).op(W.I64_MUL).op(W.I64_SUB).set(hi)
  }
}
