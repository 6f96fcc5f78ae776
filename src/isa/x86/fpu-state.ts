// The state of x87, MMX and SSE as a whole: FXSAVE and FXRSTOR, MXCSR, EMMS, masked stores. Intel SDM volume 1, 10.5, 11.5;
// volume 2, FXSAVE.
import { type Core, Cr0, Cr4, Done, fault, get, gpr, gprHi, isCode64, updateMode, W } from './core.ts'
import { cpuLayout, type CpuState, Reg, SystemArg, Vector } from './cpu.ts'
import { argWord, inSegment, linear, operandSegment, placeOf, read, writable, write } from './memory.ts'

/** MXCSR.RC in soft-float's numbering: nearest, down, up, to zero. */
export const SIMD_ROUNDING = [0, 2, 3, 1] as const
const PRECISION = 0x20, MASK_SHIFT = 7, MXCSR_BITS = 0xffff

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
  c.s.mxcsr = value
  updateMode(c)
}
export function ldmxcsr(c: Core, arg: number): Done {
  if (!inSegment(c, operandSegment(arg), argWord(c, 2), 4, false)) return Done.FAULT
  if (!read(c, argWord(c, 0), argWord(c, 1), 4, c.mmuMode)) return Done.FAULT
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
  const place = (i: number): [number, number] => {
    const sum = (lo >>> 0) + i
    return [sum | 0, sum > 0xffffffff ? hi + 1 : hi]
  }
  const chosen = Array.from({ length: bytes }, (_, i) => i).filter(i => u8[select + i]! & 0x80)
  for (const i of chosen) if (!writable(c, ...place(i), 1, c.mmuMode)) return Done.FAULT
  for (const i of chosen) write(c, ...place(i), 1, u8[data + i]!, 0, c.mmuMode)
  if (bytes === 8) {
    c.i32[c.w + W.ftop] = 0
    c.s.ftw = 0xff
  }
  return Done.NEXT
}

// FXSAVE: 512 bytes, of which 416 have a meaning outside 64-bit code too.

const IMAGE = { FCW: 0, FSW: 2, FTW: 4, FOP: 6, FIP: 8, FDP: 16, MXCSR: 24, MXCSR_MASK: 28, ST: 32, XMM: 160, BYTES: 512, USED: 416 }

function refuses(c: Core): Done | undefined {
  const cr0 = get(c, W.cr0)
  if (cr0 & (Cr0.EM | Cr0.TS)) return fault(c, Vector.NM)
  if (argWord(c, 0) & 15) return fault(c, Vector.GP)
  return undefined
}
const isWide = (c: Core, arg: number): boolean => isCode64(c) && ((arg >>> SystemArg.OPERAND_SHIFT) & 3) === 3
const xmmCount = (c: Core): number => (isCode64(c) ? 16 : 8)

/** The image that FXSAVE makes: with pointers of 64 bits or with selectors, and so many vector registers. */
export function imageOf(s: CpuState, u8: Uint8Array, at: number, wide: boolean, vectors: number): Uint8Array<ArrayBuffer> {
  const image = new Uint8Array(IMAGE.USED), v = new DataView(image.buffer)
  v.setUint16(IMAGE.FCW, s.fcw, true)
  v.setUint16(IMAGE.FSW, s.fsw | (s.ftop << 11), true)
  v.setUint8(IMAGE.FTW, s.ftw)
  v.setUint16(IMAGE.FOP, s.fop, true)
  if (wide) {
    v.setBigUint64(IMAGE.FIP, s.fip, true)
    v.setBigUint64(IMAGE.FDP, s.fdp, true)
  } else {
    v.setUint32(IMAGE.FIP, Number(s.fip & 0xffffffffn), true)
    v.setUint16(IMAGE.FIP + 4, s.fcs, true)
    v.setUint32(IMAGE.FDP, Number(s.fdp & 0xffffffffn), true)
    v.setUint16(IMAGE.FDP + 4, s.fds, true)
  }
  v.setUint32(IMAGE.MXCSR, s.mxcsr, true)
  v.setUint32(IMAGE.MXCSR_MASK, MXCSR_BITS, true)
  for (let i = 0; i < 8; i++) {
    const n = (s.ftop + i) & 7
    v.setBigUint64(IMAGE.ST + 16 * i, s.fpMantissa.get(n), true)
    v.setUint16(IMAGE.ST + 16 * i + 8, s.fpExponent[n]!, true)
  }
  const xmm = at + cpuLayout.offsets.xmm
  image.set(u8.subarray(xmm, xmm + 16 * vectors), IMAGE.XMM)
  return image
}
/** What FXRSTOR takes from such an image, but MXCSR; its value comes back. */
export function loadImage(s: CpuState, u8: Uint8Array, at: number, image: Uint8Array<ArrayBuffer>, wide: boolean, vectors: number): number {
  const v = new DataView(image.buffer, image.byteOffset), fsw = v.getUint16(IMAGE.FSW, true), top = (fsw >> 11) & 7
  s.fcw = (v.getUint16(IMAGE.FCW, true) & 0x1f7f) | 0x40
  s.fsw = fsw & ~0x3800
  s.ftop = top
  s.ftw = v.getUint8(IMAGE.FTW)
  s.fop = v.getUint16(IMAGE.FOP, true) & 0x7ff
  s.fip = wide ? v.getBigUint64(IMAGE.FIP, true) : BigInt(v.getUint32(IMAGE.FIP, true))
  s.fdp = wide ? v.getBigUint64(IMAGE.FDP, true) : BigInt(v.getUint32(IMAGE.FDP, true))
  s.fcs = wide ? 0 : v.getUint16(IMAGE.FIP + 4, true)
  s.fds = wide ? 0 : v.getUint16(IMAGE.FDP + 4, true)
  for (let i = 0; i < 8; i++) {
    s.fpMantissa.set((top + i) & 7, v.getBigUint64(IMAGE.ST + 16 * i, true))
    s.fpExponent[(top + i) & 7] = v.getUint16(IMAGE.ST + 16 * i + 8, true)
  }
  u8.set(image.subarray(IMAGE.XMM, IMAGE.XMM + 16 * vectors), at + cpuLayout.offsets.xmm)
  return v.getUint32(IMAGE.MXCSR, true)
}

export function fxsave(c: Core, arg: number): Done {
  const refused = refuses(c)
  if (refused !== undefined) return refused
  const vectors = get(c, W.cr4) & Cr4.OSFXSR ? xmmCount(c) : 0
  const image = imageOf(c.s, c.u8, c.at, isWide(c, arg), vectors)
  return transfer(c, arg, image, IMAGE.XMM + 16 * vectors, true) ? Done.NEXT : Done.FAULT
}
export function fxrstor(c: Core, arg: number): Done {
  const refused = refuses(c)
  if (refused !== undefined) return refused
  const vectors = get(c, W.cr4) & Cr4.OSFXSR ? xmmCount(c) : 0, image = new Uint8Array(IMAGE.USED)
  if (!transfer(c, arg, image, IMAGE.XMM + 16 * vectors, false)) return Done.FAULT
  const mxcsr = new DataView(image.buffer).getUint32(IMAGE.MXCSR, true)
  if (vectors && mxcsr & ~MXCSR_BITS) return fault(c, Vector.GP)
  loadImage(c.s, c.u8, c.at, image, isWide(c, arg), vectors)
  if (vectors) setMxcsr(c, mxcsr)
  return Done.NEXT
}

/** All bytes or none: a store is made when all of it may be written. */
function transfer(c: Core, arg: number, image: Uint8Array, bytes: number, store: boolean): boolean {
  const segment = operandSegment(arg), v = new DataView(image.buffer)
  if (!inSegment(c, segment, argWord(c, 2), IMAGE.BYTES, store)) return false
  const place = (i: number) => placeOf(c, i)
  if (store && !(writable(c, ...place(0), 8, c.mmuMode) && writable(c, ...place(bytes - 8), 8, c.mmuMode))) return false
  for (let i = 0; i < bytes; i += 8) {
    if (store) {
      if (!write(c, ...place(i), 8, v.getInt32(i, true), v.getInt32(i + 4, true), c.mmuMode)) return false
      continue
    }
    if (!read(c, ...place(i), 8, c.mmuMode)) return false
    v.setInt32(i, c.lo, true)
    v.setInt32(i + 4, c.hi, true)
  }
  return true
}
