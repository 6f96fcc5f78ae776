// MXCSR, exceptions of SSE, masked stores. Intel SDM volume 1, 10.2.3, 11.5; volume 2, MASKMOVDQU.
import { type Core, Cr4, Done, fault, get, gpr, gprHi, mxcsrMode, W } from './core.ts'
import { cpuLayout, type CpuState, Mode, Reg, SystemArg, Vector } from './cpu.ts'
import { aligned, argWord, held, inSegment, linear, operandSegment, read, writable, write } from './memory.ts'

/** MXCSR.RC in soft-float's numbering: nearest, down, up, to zero. */
export const SIMD_ROUNDING = [0, 2, 3, 1] as const
const PRECISION = 0x20, MASK_SHIFT = 7
/** Bits that may be set, and the value after a reset. */
export const MXCSR_BITS = 0xffff, MXCSR_INITIAL = 0x1f80

/** Exceptions of SSE, in soft-float's numbering. Those that are not masked are taken when the instruction looks
 * (checkExceptions). True if the mode word changes. */
export function noteSimd(s: CpuState, raised: number): boolean {
  const { mxcsr } = s, flags = FLAGS.reduce((all, [from, to]) => (raised & from ? all | to : all), 0)
  s.mxcsr = mxcsr | flags
  s.fpRaised |= flags & ~(mxcsr >> MASK_SHIFT) & 0x3f
  return (flags & ~mxcsr & PRECISION) !== 0
}
/** Inexact, underflow, overflow, division by zero, invalid, subnormal operand. */
const FLAGS = [[1, PRECISION], [2, 0x10], [4, 8], [8, 4], [16, 1], [32, 2]] as const
export function simdException(c: Core): Done {
  c.i32[c.w + W.fpRaised] = 0
  return fault(c, get(c, W.cr4) & Cr4.OSXMMEXCPT ? Vector.XM : Vector.UD)
}

export function setMxcsr(c: Core, value: number): void {
  const { i32, w } = c
  i32[w + W.mxcsr] = value
  i32[w + W.mode] = (i32[w + W.mode]! & ~(Mode.MXCSR_FREE | Mode.MXCSR_ODD)) | mxcsrMode(value)
}
export function ldmxcsr(c: Core, arg: number): Done {
  if (!inSegment(c, operandSegment(arg), argWord(c, 2), 4, false)) return Done.FAULT
  if (held(c, argWord(c, 0), argWord(c, 1), 4, false) || !read(c, argWord(c, 0), argWord(c, 1), 4, c.mmuMode)) return Done.FAULT
  if (c.lo & ~MXCSR_BITS) return fault(c, Vector.GP)
  setMxcsr(c, c.lo)
  return Done.NEXT
}

/** MASKMOVQ, MASKMOVDQU: the bytes of a register whose mask has its top bit set, to DS:rDI. */
export const maskedStore = (bytes: 8 | 16) => (c: Core, arg: number): Done => {
  const { u8, at } = c, field = bytes === 8 ? cpuLayout.offsets.fpMantissa : cpuLayout.offsets.xmm, mask = bytes === 8 ? 7 : 15
  const register = (shift: number) => at + field + bytes * ((arg >>> shift) & mask)
  const data = register(SystemArg.REG_SHIFT), select = register(SystemArg.RM_SHIFT)
  const size = 1 << ((arg >>> SystemArg.ADDRESS_SHIFT) & 3), offset = gpr(c, Reg.DI) & (size === 2 ? 0xffff : -1)
  const segment = operandSegment(arg)
  if (!inSegment(c, segment, offset, bytes, true)) return Done.FAULT
  linear(c, segment, offset, size === 8 ? gprHi(c, Reg.DI) : 0)
  const { lo, hi } = c
  if (!aligned(c, lo, hi, 8, c.mmuMode)) return Done.FAULT
  const place = (i: number): [number, number] => {
    const sum = (lo >>> 0) + i
    return [sum | 0, sum > 0xffffffff ? hi + 1 : hi]
  }
  const chosen = Array.from({ length: bytes }, (_, i) => i).filter(i => u8[select + i]! & 0x80)
  for (const i of chosen) if (!writable(c, ...place(i), 1, c.mmuMode) || held(c, ...place(i), 1, true)) return Done.FAULT
  for (const i of chosen) write(c, ...place(i), 1, u8[data + i]!, 0, c.mmuMode)
  if (bytes === 8) {
    c.i32[c.w + W.ftop] = 0
    c.s.ftw = 0xff
  }
  return Done.NEXT
}
