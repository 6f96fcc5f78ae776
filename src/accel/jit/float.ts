// The slow path of floating-point rows: soft-float on raw bits, flags into the processor's state.
import { floatContext, type Rounding } from '../../base/softfloat.ts'
import { floatFunctions, type FloatFunction } from '../../ir/float.ts'
import { FpEnv, opNames, resultType } from '../../ir/ops.ts'
import type { Cpu } from '../../isa/isa.ts'

const functions: (FloatFunction | undefined)[] = opNames.map(name => floatFunctions[name])
const narrow = resultType.map(t => t === 'i' || t === 'f')

/** Operand masks by row: 32-bit operands come in 64-bit slots whose upper half means nothing. */
const M32 = 0xffffffffn

/** A function (row, env, a, b, c) → result bits; `operand32` tells for each row which operands are 32 bits wide. */
export function softFloat(cpu: Cpu, operand32: readonly (readonly boolean[])[]) {
  const context = floatContext(cpu.float.policy)
  return (row: number, env: number, a: bigint, b: bigint, c: bigint): bigint => {
    const rm = env & FpEnv.RM, wide = operand32[row]!
    context.rounding = (rm === FpEnv.DYN ? cpu.float.rounding() : rm) as Rounding
    context.flags = 0
    const denormals = cpu.float.denormals?.()
    if (denormals) {
      context.denormalsAreZero = denormals.areZero
      context.flushToZero = denormals.flush
    }
    const r = functions[row]!(context, wide[0] ? a & M32 : a, wide[1] ? b & M32 : b, wide[2] ? c & M32 : c)
    if (context.flags) cpu.float.raise(context.flags)
    return narrow[row] ? r & M32 : r
  }
}
