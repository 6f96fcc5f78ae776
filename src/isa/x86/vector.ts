// What the lifting functions of MMX and SSE write with: vector registers, their operands in memory, permutations, the
// environment of floating-point operations. Intel SDM volume 1, chapters 9-12.
import type { Value } from '../../ir/build.ts'
import { FpEnv, MemOp } from '../../ir/ops.ts'
import { cpuLayout, Mode, Reg, System, Vector } from './cpu.ts'
import type { Emit } from './emit.ts'
import type { Lift } from './row.ts'

// Whether the unit is there. Intel SDM volume 3, tables 2-3 and 13-1.

/** SSE: CR0.EM and CR4.OSFXSR make it undefined, CR0.TS asks the system first. */
export const sse = (lift: Lift): Lift => g => {
  if (g.mode & Mode.EM || !(g.mode & Mode.OSFXSR)) g.undefined()
  else if (g.mode & Mode.TS) g.fault(Vector.NM)
  else lift(g)
}

// Registers and operands.

export const xmm = (g: Emit, n: number): Value => g.get(Reg.XMM + n, 'v')
export const setXmm = (g: Emit, n: number, v: Value): void => g.set(Reg.XMM + n, v)
export const zero = (g: Emit): Value => g.v128(0, 0, 0, 0)
/** Operand 1 in memory, of so many bytes. */
const place = (g: Emit, k: number, bytes: number, write: boolean) => g.memory(g.operand(k), bytes, write)

/** ModRM's operand as a whole register, or 16 bytes of memory, which must be aligned but for the moves that say so. */
export function source(g: Emit, k: number, aligned = true): Value {
  if (!g.i.memory) return xmm(g, g.i.rm)
  const p = place(g, k, 16, false)
  return g.load(3 | p.hint | (aligned ? MemOp.ALIGNED : 0), p.at, p.disp, 'v')
}
export function storeVector(g: Emit, k: number, v: Value, aligned: boolean): void {
  const p = place(g, k, 16, true)
  g.store(3 | p.hint | (aligned ? MemOp.ALIGNED : 0), p.at, v, p.disp)
}
/** The lower 64 bits of ModRM's operand, as an integer. */
export const source64 = (g: Emit, k: number): Value => (g.i.memory ? g.loadAt(place(g, k, 8, false), 8) : g.row('v.lo', xmm(g, g.i.rm)))
/** The lower 32 bits; the rest is 0. */
export const source32 = (g: Emit, k: number): Value =>
  g.i.memory ? g.loadAt(place(g, k, 4, false), 4) : g.zext(g.row('v.lo', xmm(g, g.i.rm)), 4)
/** 16 bits of memory; the rest is 0. */
export const source16 = (g: Emit, k: number): Value => g.loadAt(place(g, k, 2, false), 2)
/** The lowest lane of ModRM's operand as a number. */
export function sourceFloat(g: Emit, k: number, double: boolean): Value {
  if (!g.i.memory) return g.row(double ? 'v.d' : 'v.f', xmm(g, g.i.rm))
  const p = place(g, k, double ? 8 : 4, false)
  return g.load(g.accessAt(p, double ? 8 : 4), p.at, p.disp, double ? 'd' : 'f')
}

// MMX registers are the mantissas of x87's. Every MMX instruction but EMMS makes them all valid, with register 0 on top.

const offsets = cpuLayout.offsets
export const mmx = (lift: Lift): Lift => withFpu(g => {
  lift(g)
  if (!g.ended) enterMmx(g)
})
/** The unit is there, and no exception of x87 waits. */
export const withFpu = (lift: Lift): Lift => g => {
  if (g.mode & Mode.EM) return g.undefined()
  if (g.mode & Mode.TS) return g.fault(Vector.NM)
  g.leaveIf(fpuError(g), System.FAULT, Vector.MF)
  lift(g)
}
/** An x87 exception waits: the summary bit of the status word. */
export const fpuError = (g: Emit): Value => g.and(g.field(offsets.fsw, '8'), g.i32(0x80))
export function enterMmx(g: Emit, tags = 0xff): void {
  g.setField(offsets.ftop, g.i32(0), 'i')
  g.setField(offsets.ftw, g.i32(tags), '8')
}
export const mm = (g: Emit, n: number): Value => g.field(offsets.fpMantissa + 8 * (n & 7))
export function setMm(g: Emit, n: number, v: Value): void {
  g.setField(offsets.fpMantissa + 8 * (n & 7), v)
  g.setField(offsets.fpExponent + 2 * (n & 7), g.i32(0xff), '8')
  g.setField(offsets.fpExponent + 2 * (n & 7) + 1, g.i32(0xff), '8')
}
export const sourceMm = (g: Emit, k: number, bytes = 8): Value =>
  g.i.memory ? g.loadAt(place(g, k, bytes, false), bytes) : bytes === 8 ? mm(g, g.i.rm) : g.zext(mm(g, g.i.rm), bytes)
/** A vector whose lower half is a value. */
export const low = (g: Emit, v: Value): Value => g.row('v.make', v, g.imm(0))

// Permutations.

/** A vector constant from 16 bytes. */
export function bytes(g: Emit, list: readonly number[]): Value {
  const word = (i: number) => list[i]! | (list[i + 1]! << 8) | (list[i + 2]! << 16) | (list[i + 3]! << 24)
  return g.v128(word(0), word(4), word(8), word(12))
}
/** Lanes of `size` bytes by number, those of `a` first. */
export const permute = (g: Emit, a: Value, b: Value, size: number, lanes: readonly number[]): Value =>
  g.row('v.shuffle', a, b, bytes(g, lanes.flatMap(n => Array.from({ length: size }, (_, i) => size * n + i))))
/** The lower or upper lanes of both in turn. */
export const unpack = (size: number, high: boolean) => (g: Emit, a: Value, b: Value): Value => {
  const n = 16 / size, from = high ? n / 2 : 0
  return permute(g, a, b, size, Array.from({ length: n }, (_, i) => from + (i >> 1) + (i & 1 ? n : 0)))
}
/** Four lanes of two bits each. */
export const fields = (imm: number): number[] => [0, 1, 2, 3].map(i => (imm >> (2 * i)) & 3)

// Floating point.

/** How MXCSR stands, as the mode word has it. */
export const environment = (g: Emit): number =>
  g.mode & Mode.MXCSR_ODD ? FpEnv.DYN : g.mode & Mode.MXCSR_FREE ? FpEnv.RNE | FpEnv.INEXACT_SET : FpEnv.RNE
/** The same, rounding towards zero. */
export const truncating = (g: Emit): number => (environment(g) & ~FpEnv.RM) | FpEnv.RTZ
/** Between the operations and the first write of a register: leaves if one raised an exception that is not masked. */
export function checkExceptions(g: Emit): void {
  if (g.mode & Mode.MXCSR_ODD) g.leaveIf(g.field(offsets.fpRaised, 'i'), System.SIMD_EXCEPTION)
}
