// What this host's WebAssembly can do, found out by giving it small modules to validate. A relaxed
// multiply-add may be fused or not, as the host's processor has it: that is measured, by a product whose last
// bit only fusion keeps.

import { I32_ATOMIC_LOAD } from './atomics.ts'
import {
  F32X4_EXTRACT_LANE, F32X4_RELAXED_MADD, F32X4_RELAXED_NMADD, F32X4_SPLAT, F64X2_EXTRACT_LANE,
  F64X2_RELAXED_MADD, F64X2_RELAXED_NMADD, F64X2_SPLAT, I32X4_ADD,
} from './simd.ts'
import { I32_LOAD } from './opcodes.ts'
import { F32, F64, moduleBuilder, type Code, type MemoryType } from './encode.ts'
import type { LaneOp, PlainOp, ValType } from './table.ts'

export interface WasmFeatures {
  tailCalls: boolean
  simd: boolean
  relaxedSimd: boolean
  /** `f64x2.relaxed_madd` and `f32x4.relaxed_madd`, and their negated forms, round once. */
  relaxedMaddFused: boolean
  /** Atomic instructions validate. */
  threads: boolean
  /**
   * A shared memory can be made here: its buffer is a SharedArrayBuffer, which other threads can be given.
   */
  sharedMemory: boolean
  memory64: boolean
}

let found: WasmFeatures | undefined

/** The features of this host; they do not change while it runs. */
export function wasmFeatures(): WasmFeatures {
  return found ??= detect()
}

function detect(): WasmFeatures {
  const relaxedSimd = validates(f => zero(zero(zero(f))).op(F64X2_RELAXED_MADD).drop())
  return {
    tailCalls: validates(f => f.returnCall(f)),
    simd: validates(f => zero(zero(f)).op(I32X4_ADD).drop()),
    relaxedSimd,
    relaxedMaddFused: relaxedSimd && maddFused(),
    threads: validates(f => f.i32c(0).load(I32_ATOMIC_LOAD).drop(), { min: 1, max: 1, shared: true }),
    sharedMemory: canShare(),
    memory64: validates(f => f.i64n(0).load(I32_LOAD).drop(), { min: 1, memory64: true }),
  }
}

const zero = (f: Code) => f.v128c(0, 0, 0, 0)

function validates(body: (f: Code) => void, memory?: MemoryType): boolean {
  const m = moduleBuilder()
  if (memory) m.memory(memory)
  body(m.function(m.type([], [])))
  return WebAssembly.validate(m.finish())
}

function canShare(): boolean {
  if (typeof SharedArrayBuffer === 'undefined') return false
  try {
    const { buffer } = new WebAssembly.Memory({ initial: 0, maximum: 0, shared: true })
    return buffer instanceof SharedArrayBuffer
  } catch (error) {
    // The host knows no shared memories.
    if (error instanceof TypeError || error instanceof RangeError) return false
    throw error
  }
}

/**
 * x² = 1 + 2^(1-k) + 2^-2k for x = 1 + 2^-k, and the last term is lost where the product is rounded by
 * itself.
 */
function maddFused(): boolean {
  return fused(F64, F64X2_SPLAT, F64X2_RELAXED_MADD, F64X2_RELAXED_NMADD, F64X2_EXTRACT_LANE, 30) &&
    fused(F32, F32X4_SPLAT, F32X4_RELAXED_MADD, F32X4_RELAXED_NMADD, F32X4_EXTRACT_LANE, 14)
}

function fused(
  type: ValType, splat: PlainOp, madd: PlainOp, nmadd: PlainOp, extract: LaneOp, k: number,
): boolean {
  const m = moduleBuilder()
  const binary = m.type([type, type], [type])
  const define = (name: string, op: PlainOp) => m.function(binary, { export: name })
    .get(0).op(splat).get(0).op(splat).get(1).op(splat).op(op).lane(extract, 0)
  define('madd', madd)
  define('nmadd', nmadd)
  const exports = new WebAssembly.Instance(new WebAssembly.Module(m.finish())).exports
  const call = (name: string, x: number, y: number): number => (exports[name] as WebAssembly.Function)(x, y)
  const x = 1 + 2 ** -k, rounded = 1 + 2 ** (1 - k)
  return call('madd', x, -rounded) === 2 ** (-2 * k) && call('nmadd', x, rounded) === -(2 ** (-2 * k))
}
