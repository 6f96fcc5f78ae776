// Fast system calls: SYSENTER, SYSEXIT, SYSCALL, SYSRET, SWAPGS. Intel SDM volume 2; AMD64 volume 3 for what SYSCALL does outside
// 64-bit mode, which processors of that vendor alone have.
import {
  canonical, type Core, cplOf, Done, Efer, fault, flags, get, getHi, gpr, gprHi, isCode64, isLong, isProtected, readIp, replaceFlags, segmentHi,
  segment, segWord, selectTlb, setFlags, setGpr, setIp, setPair, updateLevel, updateMode, SEG, W,
} from './core.ts'
import { Flag, Reg, Seg, SystemArg, Vector } from './cpu.ts'
import { setHidden } from './segments.ts'

const R11 = 11
/** Attributes of flat segments: present, S, accessed; 4 KiB granularity, 32 bits; long. */
const CODE32 = 0xc09b, CODE64 = 0xa09b, DATA = 0xc093
const withDpl = (attributes: number, dpl: number): number => attributes | (dpl << 5)

function setFlat(c: Core, cs: number, ss: number, cpl: number, code: number): void {
  flatten(c, Seg.CS, (cs & 0xfffc) | cpl, withDpl(code, cpl), 0)
  flatten(c, Seg.SS, (ss & 0xfffc) | cpl, withDpl(DATA, cpl), 1)
}
/** Mostly the segment is flat already. */
function flatten(c: Core, seg: number, selector: number, attributes: number, writable: 0 | 1): void {
  const { i32 } = c, at = c.w + segWord(seg)
  if (i32[at] !== 0 || i32[at + 1] !== 0 || i32[at + SEG.limit] !== -1 || i32[at + SEG.first] !== 0 || i32[at + SEG.first + 1] !== 0
    || i32[at + SEG.readEnd + 1] !== 1 || i32[at + SEG.writeEnd + 1] !== writable)
    return setHidden(c, seg, selector, 0, 0, -1, attributes)
  i32[at + SEG.selector] = selector
  i32[at + SEG.attributes] = attributes
}
function changed(c: Core): void {
  updateMode(c)
  selectTlb(c)
}
const isIntel = (c: Core): boolean => c.model.vendor === 'GenuineIntel'

export function sysenter(c: Core): Done {
  if (!c.model.has('sep')) return fault(c, Vector.UD)
  const cs = get(c, W.sysenterCs)
  if (!isProtected(c) || (cs & 0xfffc) === 0) return fault(c, Vector.GP)
  const long = isLong(c)
  if (long && !isIntel(c)) return fault(c, Vector.UD)
  setFlat(c, cs, cs + 8, 0, long ? CODE64 : CODE32)
  setFlags(c, 0, Flag.VM | Flag.IF | Flag.RF)
  changed(c)
  setGpr(c, Reg.SP, long ? 8 : 4, get(c, W.sysenterEsp), getHi(c, W.sysenterEsp))
  setIp(c, get(c, W.sysenterEip), getHi(c, W.sysenterEip))
  return Done.MOVED
}

export function sysexit(c: Core, arg: number): Done {
  if (!c.model.has('sep')) return fault(c, Vector.UD)
  const cs = get(c, W.sysenterCs), wide = ((arg >>> SystemArg.OPERAND_SHIFT) & 3) === 3
  if (!isProtected(c) || (cs & 0xfffc) === 0 || cplOf(c) !== 0) return fault(c, Vector.GP)
  if (isLong(c) && !isIntel(c)) return fault(c, Vector.UD)
  const ip = gpr(c, Reg.DX), ipHi = gprHi(c, Reg.DX), sp = gpr(c, Reg.CX), spHi = gprHi(c, Reg.CX)
  if (wide && (!canonical(c, ipHi) || !canonical(c, spHi))) return fault(c, Vector.GP)
  const at = (cs & 0xfffc) + (wide ? 32 : 16)
  setFlat(c, at, at + 8, 3, wide ? CODE64 : CODE32)
  changed(c)
  setGpr(c, Reg.SP, wide ? 8 : 4, sp, spHi)
  setIp(c, ip, ipHi)
  return Done.MOVED
}

export function syscall(c: Core, arg: number): Done {
  if (!(get(c, W.efer) & Efer.SCE) || (isIntel(c) && !isCode64(c))) return fault(c, Vector.UD)
  const star = getHi(c, W.star), long = isLong(c), code64 = isCode64(c)
  readIp(c, arg & SystemArg.LENGTH)
  if (!long) {
    setGpr(c, Reg.CX, 4, c.lo)
    setFlat(c, star & 0xffff, (star & 0xffff) + 8, 0, CODE32)
    setFlags(c, 0, Flag.IF | Flag.RF | Flag.VM)
    changed(c)
    setIp(c, get(c, W.star), 0)
    return Done.MOVED
  }
  setGpr(c, Reg.CX, 8, c.lo, c.hi)
  const old = flags(c)
  setGpr(c, R11, 8, old & ~Flag.RF)
  setFlat(c, star & 0xffff, (star & 0xffff) + 8, 0, CODE64)
  replaceFlags(c, old, old & ~(get(c, W.fmask) | Flag.RF))
  updateLevel(c, 0)
  selectTlb(c)
  const target = code64 ? W.lstar : W.cstar
  setIp(c, get(c, target), getHi(c, target))
  return Done.MOVED
}

const RESTORED = Flag.ARITHMETIC | Flag.TF | Flag.IF | Flag.DF | Flag.IOPL | Flag.NT | Flag.AC | Flag.VIF | Flag.VIP | Flag.ID

export function sysret(c: Core, arg: number): Done {
  if (!(get(c, W.efer) & Efer.SCE) || (isIntel(c) && !isCode64(c))) return fault(c, Vector.UD)
  if (!isProtected(c) || cplOf(c) !== 0) return fault(c, Vector.GP)
  const star = getHi(c, W.star) >>> 16, long = isLong(c), wide = ((arg >>> SystemArg.OPERAND_SHIFT) & 3) === 3
  const ip = gpr(c, Reg.CX), ipHi = wide ? gprHi(c, Reg.CX) : 0
  if (wide && !canonical(c, ipHi)) return fault(c, Vector.GP)
  setFlat(c, wide ? star + 16 : star, star + 8, 3, wide ? CODE64 : CODE32)
  if (long) {
    const old = flags(c)
    replaceFlags(c, old, (old & ~RESTORED) | (gpr(c, R11) & RESTORED))
  } else setFlags(c, Flag.IF, Flag.IF)
  if (wide) updateLevel(c, 3)
  else updateMode(c)
  selectTlb(c)
  setIp(c, ip, ipHi)
  return Done.MOVED
}

export function swapgs(c: Core): Done {
  if (cplOf(c) !== 0) return fault(c, Vector.GP)
  const lo = segment(c, Seg.GS, SEG.base), hi = segmentHi(c, Seg.GS, SEG.base), at = c.w + segWord(Seg.GS)
  c.i32[at] = get(c, W.kernelGsBase)
  c.i32[at + 1] = getHi(c, W.kernelGsBase)
  setPair(c, W.kernelGsBase, lo, hi)
  return Done.NEXT
}
