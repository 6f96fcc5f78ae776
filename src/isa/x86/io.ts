// Input and output: IN, OUT, INS, OUTS, with IOPL and the bitmap of the task state. Intel SDM volume 1 chapter 19 (18), volume 2.
import { type Core, cplOf, Done, fault, get, gpr, gprHi, iopl, isProtected, isVm86, segment, segmentHi, setGpr, W, SEG } from './core.ts'
import { noteIo, Watch } from './breakpoints.ts'
import { Flag, Reg, Seg, SystemArg, Vector } from './cpu.ts'
import { held, implicit, inSegment, linear, operandSegment, read, writable, write } from './memory.ts'

/** Whether `size` ports from `port` may be used; if not, #GP(0) is noted. */
function allowed(c: Core, port: number, size: number): boolean {
  if (!isProtected(c) || (cplOf(c) <= iopl(c) && !isVm86(c))) return true
  const limit = segment(c, Seg.TR, SEG.limit) >>> 0, wide = (segment(c, Seg.TR, SEG.attributes) & 0x88) === 0x88
  const base = segment(c, Seg.TR, SEG.base) >>> 0, hi = segmentHi(c, Seg.TR, SEG.base)
  const word = (at: number) => {
    const lo = base + at
    return read(c, lo | 0, hi + (lo > 0xffffffff ? 1 : 0), 2, implicit(c))
  }
  if (wide && limit >= 103) {
    if (!word(0x66)) return false
    const at = c.lo + (port >> 3)
    if (at + 1 <= limit) {
      if (!word(at)) return false
      if (!((c.lo >> (port & 7)) & ((1 << size) - 1))) return true
    }
  }
  fault(c, Vector.GP)
  return false
}

const opcodeOf = (arg: number): number => (arg >>> SystemArg.OPCODE_SHIFT) & 0xff
/** Of 64 bits there are none: 32. */
const sizeOf = (arg: number): number => (opcodeOf(arg) & 1 ? Math.min(4, 1 << ((arg >>> SystemArg.OPERAND_SHIFT) & 3)) : 1)
const portOf = (c: Core, arg: number): number => (opcodeOf(arg) & 8 ? gpr(c, Reg.DX) & 0xffff : c.i32[c.w + W.args + 4]! & 0xff)

export function input(c: Core, arg: number): Done {
  const size = sizeOf(arg), port = portOf(c, arg)
  if (!allowed(c, port, size)) return Done.FAULT
  setGpr(c, Reg.AX, size, c.platform.io.read(port, size))
  if (c.watches & Watch.IO) noteIo(c, port, size)
  return Done.NEXT
}
export function output(c: Core, arg: number): Done {
  const size = sizeOf(arg), port = portOf(c, arg)
  if (!allowed(c, port, size)) return Done.FAULT
  const v = gpr(c, Reg.AX)
  c.platform.io.write(port, size, size === 4 ? v >>> 0 : v & ((1 << (8 * size)) - 1))
  if (c.watches & Watch.IO) noteIo(c, port, size)
  return Done.NEXT
}

/** INS and OUTS: one iteration; with REP pc stays until the count is 0, so that interrupts come between. */
const string = (out: boolean) => (c: Core, arg: number): Done => {
  const size = sizeOf(arg), addressSize = 1 << ((arg >>> SystemArg.ADDRESS_SHIFT) & 3), repeats = ((arg >>> SystemArg.REP_SHIFT) & 3) !== 0
  const mask = addressSize === 2 ? 0xffff : -1, wide = addressSize === 8
  if (repeats && (gpr(c, Reg.CX) & mask) === 0 && (!wide || gprHi(c, Reg.CX) === 0)) return Done.NEXT
  const port = gpr(c, Reg.DX) & 0xffff, n = out ? Reg.SI : Reg.DI, seg = out ? operandSegment(arg) : Seg.ES
  if (!allowed(c, port, size)) return Done.FAULT
  const offset = gpr(c, n) & mask, offsetHi = wide ? gprHi(c, n) : 0
  if (!inSegment(c, seg, offset, size, !out)) return Done.FAULT
  linear(c, seg, offset, offsetHi)
  const { lo, hi } = c
  if (held(c, lo, hi, size, !out)) return Done.FAULT
  if (out) {
    if (!read(c, lo, hi, size, c.mmuMode)) return Done.FAULT
    c.platform.io.write(port, size, size === 4 ? c.lo >>> 0 : c.lo)
  } else {
    // The port is not read if the value cannot be stored.
    if (!writable(c, lo, hi, size, c.mmuMode)) return Done.FAULT
    write(c, lo, hi, size, c.platform.io.read(port, size), 0, c.mmuMode)
  }
  if (c.watches & Watch.IO) noteIo(c, port, size)
  step(c, n, addressSize, get(c, W.eflags) & Flag.DF ? -size : size)
  if (!repeats) return Done.NEXT
  step(c, Reg.CX, addressSize, -1)
  return Done.MOVED // to itself: with a count of 0 it ends
}
function step(c: Core, n: number, addressSize: number, by: number): void {
  const sum = (gpr(c, n) >>> 0) + by
  setGpr(c, n, addressSize, sum | 0, addressSize === 8 ? gprHi(c, n) + Math.floor(sum / 0x100000000) : 0)
}
export const ins = string(false)
export const outs = string(true)
