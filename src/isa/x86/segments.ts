// Descriptors and segment registers: reading the tables, loading with every check, and the instructions that ask about
// selectors. Intel SDM volume 3, chapters 3, 5 and 7.2; volume 2, MOV, LLDT, LTR, LAR, LSL, VERR, VERW, ARPL.
import {
  type Core, cplOf, Done, fault, isCode64, isLong, isProtected, isReal, isVm86, note, SEG, segment, segmentHi, segWord, selectorOf, setFlags, setGpr,
  gpr, get, getHi, updateMode, W,
} from './core.ts'
import { Flag, Seg, Shadow, SystemArg, Vector } from './cpu.ts'
import { implicit, read, readOperand, write, writeOperand } from './memory.ts'
import { Attribute } from './segment.ts'

/** Types of system descriptors. */
export const SystemType = { TSS16: 1, LDT: 2, TSS16_BUSY: 3, CALL16: 4, TASK_GATE: 5, INT16: 6, TRAP16: 7, TSS32: 9, TSS32_BUSY: 11,
  CALL32: 12, INT32: 14, TRAP32: 15 } as const

// The two words of a descriptor.
export const attributesOf = (hi: number): number => (hi >>> 8) & 0xf0ff
export const baseOf = (lo: number, hi: number): number => (lo >>> 16) | ((hi & 0xff) << 16) | (hi & 0xff000000)
export function limitOf(lo: number, hi: number): number {
  const raw = (lo & 0xffff) | (hi & 0xf0000)
  return hi & 0x800000 ? (raw << 12) | 0xfff : raw
}
export const dplOf = (hi: number): number => (hi >> 13) & 3
export const isPresent = (hi: number): boolean => (hi & 0x8000) !== 0
/** Code or data, not a system descriptor. */
export const isSegment = (hi: number): boolean => (hi & 0x1000) !== 0
export const isCode = (hi: number): boolean => (hi & 0x1800) === 0x1800
export const isConforming = (hi: number): boolean => (hi & 0x400) !== 0
export const typeOf = (hi: number): number => (hi >> 8) & 15
export const isNull = (selector: number): boolean => (selector & 0xfffc) === 0

/** Sets a segment register with its hidden part, and derives the bounds that generated code checks (segment.ts). */
export function setHidden(c: Core, seg: number, selector: number, baseLo: number, baseHi: number, limit: number, attributes: number): void {
  const { i32 } = c, at = c.w + segWord(seg)
  i32[at] = baseLo
  i32[at + 1] = baseHi
  i32[at + SEG.selector] = selector
  i32[at + SEG.limit] = limit
  i32[at + SEG.attributes] = attributes
  // Real mode knows limits, and no types.
  const real = !isProtected(c), code = (attributes & Attribute.CODE) !== 0, down = !code && (attributes & Attribute.EXPAND_DOWN) !== 0
  const usable = real || (attributes & (Attribute.PRESENT | Attribute.S)) === (Attribute.PRESENT | Attribute.S)
  const beyond = (limit >>> 0) + 1, end = down ? (attributes & Attribute.DB ? 0x100000000 : 0x10000) : beyond
  setBound(i32, at + SEG.first, down ? beyond : 0)
  setBound(i32, at + SEG.readEnd, usable && (real || !code || attributes & Attribute.READABLE) ? end : 0)
  setBound(i32, at + SEG.writeEnd, usable && (real || (!code && attributes & Attribute.WRITABLE)) ? end : 0)
}
/** Derives again what is not saved, or depends on the mode. */
export const updateHidden = (c: Core, seg: number): void =>
  setHidden(c, seg, selectorOf(c, seg), segment(c, seg, SEG.base), segmentHi(c, seg, SEG.base), segment(c, seg, SEG.limit), segment(c, seg, SEG.attributes))
function setBound(i32: Int32Array, at: number, bound: number): void {
  i32[at] = bound | 0
  i32[at + 1] = bound > 0xffffffff ? 1 : 0
}
/** From a descriptor. Code segments of 64-bit mode have neither base nor limit. */
export function setFromDescriptor(c: Core, seg: number, selector: number, lo: number, hi: number): void {
  const flatCode = seg === Seg.CS && isLong(c) && (hi & 0x200000) !== 0
  setHidden(c, seg, selector, flatCode ? 0 : baseOf(lo, hi), 0, flatCode ? -1 : limitOf(lo, hi), attributesOf(hi))
}
/** As real mode loads it: limit and attributes stay. Virtual-8086 mode sets them. */
export function setReal(c: Core, seg: number, selector: number): void {
  const vm = isVm86(c)
  setHidden(c, seg, selector, selector << 4, 0, vm ? 0xffff : segment(c, seg, SEG.limit), vm ? 0xf3 : segment(c, seg, SEG.attributes))
}
/** A null selector: nothing may be accessed. In SS the privilege level stays in it; the limit is kept for real mode. */
export function setNull(c: Core, seg: number, selector: number, dpl = 0): void {
  setHidden(c, seg, selector, 0, 0, segment(c, seg, SEG.limit), dpl << 5)
}

/** Finds a selector's descriptor: its linear address in c.lo and c.hi, or false if it is beyond its table. */
function locate(c: Core, selector: number, bytes: number): boolean {
  const local = (selector & 4) !== 0, offset = selector & 0xfff8
  const limit = local ? segment(c, Seg.LDTR, SEG.limit) >>> 0 : get(c, W.gdtLimit) >>> 0
  if ((local && !(segment(c, Seg.LDTR, SEG.attributes) & Attribute.PRESENT)) || offset + bytes - 1 > limit) return false
  const lo = (local ? segment(c, Seg.LDTR, SEG.base) : get(c, W.gdtBase)) >>> 0, hi = local ? segmentHi(c, Seg.LDTR, SEG.base) : getHi(c, W.gdtBase)
  c.lo = (lo + offset) | 0
  c.hi = isLong(c) ? (hi + (lo + offset > 0xffffffff ? 1 : 0)) | 0 : 0
  return true
}
/** The descriptor of a selector, in c.lo and c.hi; `vector` with the selector if it is beyond its table. `ext` is EXT. */
export function readDescriptor(c: Core, selector: number, vector: number, ext = 0): boolean {
  if (!locate(c, selector, 8)) return note(c, vector, (selector & 0xfffc) | ext)
  return read(c, c.lo, c.hi, 8, implicit(c))
}
/** The upper half of a system descriptor's base in long mode: c.lo; c.hi has the bits that must be 0. */
export function readUpper(c: Core, selector: number, vector: number, ext = 0): boolean {
  if (!locate(c, selector, 16)) return note(c, vector, (selector & 0xfffc) | ext)
  const lo = c.lo + 8, hi = c.hi
  return read(c, lo, hi, 8, implicit(c))
}
/** Sets or clears bits of a descriptor's second word. The table is there: it was read. */
export function changeDescriptor(c: Core, selector: number, hi: number, set: number, clear = 0): boolean {
  const next = (hi | set) & ~clear
  if (next === hi) return true
  locate(c, selector, 8)
  const lo = c.lo + 4
  return write(c, lo, c.hi, 4, next, 0, implicit(c))
}
export const ACCESSED = 0x100, BUSY = 0x200

/** The checks of a stack segment for privilege level `cpl`; leaves its descriptor in c.lo and c.hi. */
export function checkStack(c: Core, selector: number, cpl: number, vector: number, ext = 0): boolean {
  const error = (selector & 0xfffc) | ext
  if (isNull(selector)) return note(c, vector, ext)
  if (!readDescriptor(c, selector, vector, ext)) return false
  const { hi } = c
  if ((selector & 3) !== cpl || (hi & 0x1a00) !== 0x1200 || dplOf(hi) !== cpl) return note(c, vector, error)
  if (!isPresent(hi)) return note(c, Vector.SS, error)
  const { lo } = c
  if (!changeDescriptor(c, selector, hi, ACCESSED)) return false
  c.lo = lo
  c.hi = hi | ACCESSED
  return true
}

/** MOV to a segment register and what loads one like it. */
export function loadSegment(c: Core, seg: number, selector: number): boolean {
  selector &= 0xffff
  if (isReal(c)) setReal(c, seg, selector)
  else if (seg === Seg.SS) {
    const cpl = cplOf(c)
    if (isNull(selector) && isCode64(c) && cpl < 3 && (selector & 3) === cpl) setNull(c, seg, selector, cpl)
    else {
      if (!checkStack(c, selector, cpl, Vector.GP)) return false
      setFromDescriptor(c, seg, selector, c.lo, c.hi)
    }
  } else if (isNull(selector)) setNull(c, seg, selector)
  else {
    if (!checkData(c, selector, Vector.GP)) return false
    setFromDescriptor(c, seg, selector, c.lo, c.hi)
  }
  updateMode(c)
  return true
}
/** The checks of a data segment; leaves its descriptor in c.lo and c.hi. */
export function checkData(c: Core, selector: number, vector: number): boolean {
  if (!readDescriptor(c, selector, vector)) return false
  const { lo, hi } = c, error = selector & 0xfffc, worst = Math.max(cplOf(c), selector & 3)
  if (!isSegment(hi) || (hi & 0xa00) === 0x800 || ((hi & 0xc00) !== 0xc00 && dplOf(hi) < worst)) return note(c, vector, error)
  if (!isPresent(hi)) return note(c, Vector.NP, error)
  if (!changeDescriptor(c, selector, hi, ACCESSED)) return false
  c.lo = lo
  c.hi = hi | ACCESSED
  return true
}
/** Holds interrupts off until the instruction after the one that ends at pc plus `length`. */
export function holdOff(c: Core, kind: number, length: number): void {
  c.s.shadow = kind
  const lo = (get(c, W.pc) >>> 0) + length
  c.i32[c.w + W.shadowPc] = lo | 0
  c.i32[c.w + W.shadowPc + 1] = isCode64(c) ? getHi(c, W.pc) + (lo > 0xffffffff ? 1 : 0) : 0
}

const reg = (arg: number): number => (arg >>> SystemArg.REG_SHIFT) & 15
const rm = (arg: number): number => (arg >>> SystemArg.RM_SHIFT) & 15
const sizeOf = (arg: number): number => 1 << ((arg >>> SystemArg.OPERAND_SHIFT) & 3)

/** A 16-bit operand in a register or in memory: c.lo. */
function readSelector(c: Core, arg: number): boolean {
  if (arg & SystemArg.MEMORY) return readOperand(c, arg, 2)
  c.lo = gpr(c, rm(arg)) & 0xffff
  return true
}

export function movToSegment(c: Core, arg: number): Done {
  const seg = reg(arg) & 7
  if (!readSelector(c, arg) || !loadSegment(c, seg, c.lo)) return Done.FAULT
  if (seg === Seg.SS) holdOff(c, Shadow.SS, arg & SystemArg.LENGTH)
  return Done.NEXT
}

/** LES, LDS, LSS, LFS, LGS. */
export function loadFar(c: Core, arg: number): Done {
  const opcode = arg >>> SystemArg.OPCODE_SHIFT, size = sizeOf(arg)
  const seg = opcode === 0xc4 ? Seg.ES : opcode === 0xc5 ? Seg.DS : opcode === 0xb2 ? Seg.SS : opcode === 0xb4 ? Seg.FS : Seg.GS
  if (!readOperand(c, arg, size)) return Done.FAULT
  const { lo, hi } = c
  if (!readOperand(c, arg, 2, size) || !loadSegment(c, seg, c.lo)) return Done.FAULT
  setGpr(c, reg(arg), size, lo, hi)
  return Done.NEXT
}

export function lldt(c: Core, arg: number): Done {
  if (cplOf(c) !== 0) return fault(c, Vector.GP)
  if (!readSelector(c, arg)) return Done.FAULT
  return loadLdt(c, c.lo, Vector.GP) ? Done.NEXT : Done.FAULT
}
/** LDTR from a selector; a task switch has `vector` #TS. */
export function loadLdt(c: Core, selector: number, vector: number): boolean {
  if (isNull(selector)) {
    setNull(c, Seg.LDTR, selector)
    return true
  }
  if (selector & 4) return note(c, vector, selector & 0xfffc)
  if (!readDescriptor(c, selector, vector)) return false
  const { lo, hi } = c, long = isLong(c)
  if (isSegment(hi) || typeOf(hi) !== SystemType.LDT) return note(c, vector, selector & 0xfffc)
  if (!isPresent(hi)) return note(c, vector === Vector.TS ? Vector.TS : Vector.NP, selector & 0xfffc)
  if (long && !readUpper(c, selector, vector)) return false
  setHidden(c, Seg.LDTR, selector, baseOf(lo, hi), long ? c.lo : 0, limitOf(lo, hi), attributesOf(hi))
  return true
}

export function ltr(c: Core, arg: number): Done {
  if (cplOf(c) !== 0) return fault(c, Vector.GP)
  if (!readSelector(c, arg)) return Done.FAULT
  const selector = c.lo, error = selector & 0xfffc, long = isLong(c)
  if (isNull(selector)) return fault(c, Vector.GP)
  if (selector & 4) return fault(c, Vector.GP, error)
  if (!readDescriptor(c, selector, Vector.GP)) return Done.FAULT
  const { lo, hi } = c, type = typeOf(hi)
  if (isSegment(hi) || (type !== SystemType.TSS32 && (long || type !== SystemType.TSS16))) return fault(c, Vector.GP, error)
  if (!isPresent(hi)) return fault(c, Vector.NP, error)
  if (long && !readUpper(c, selector, Vector.GP)) return Done.FAULT
  const upper = long ? c.lo : 0
  if (long && c.hi & 0x1f00) return fault(c, Vector.GP, error)
  if (!changeDescriptor(c, selector, hi, BUSY)) return Done.FAULT
  setHidden(c, Seg.TR, selector, baseOf(lo, hi), upper, limitOf(lo, hi), attributesOf(hi | BUSY))
  return Done.NEXT
}

/** SLDT, STR. */
export const storeSelector = (seg: number) => (c: Core, arg: number): Done => {
  const selector = selectorOf(c, seg) & 0xffff
  if (arg & SystemArg.MEMORY) return writeOperand(c, arg, 2, selector) ? Done.NEXT : Done.FAULT
  setGpr(c, rm(arg), sizeOf(arg), selector)
  return Done.NEXT
}

const LAR_TYPES = 0x1a3e, LAR_TYPES_LONG = 0x1a04, LSL_TYPES = 0x0a0e, LSL_TYPES_LONG = 0x0a04

/** Whether a selector's descriptor may be seen: 1, 0, or -1 for a page fault. */
function visible(c: Core, selector: number, types: number, typesLong: number): number {
  if (isNull(selector) || !locate(c, selector, 8)) return 0
  if (!read(c, c.lo, c.hi, 8, implicit(c))) return -1
  const { hi } = c
  if (isSegment(hi) ? isCode(hi) && isConforming(hi) : false) return 1
  if (!isSegment(hi) && !((isLong(c) ? typesLong : types) >> typeOf(hi) & 1)) return 0
  return dplOf(hi) >= Math.max(cplOf(c), selector & 3) ? 1 : 0
}

/** LAR and LSL. */
const query = (types: number, typesLong: number, result: (lo: number, hi: number) => number) => (c: Core, arg: number): Done => {
  if (!readSelector(c, arg)) return Done.FAULT
  const seen = visible(c, c.lo, types, typesLong)
  if (seen < 0) return Done.FAULT
  if (seen) setGpr(c, reg(arg), sizeOf(arg), result(c.lo, c.hi))
  setFlags(c, seen ? Flag.ZF : 0, Flag.ZF)
  return Done.NEXT
}
export const lar = query(LAR_TYPES, LAR_TYPES_LONG, (_, hi) => hi & 0xf0ff00)
export const lsl = query(LSL_TYPES, LSL_TYPES_LONG, limitOf)

/** VERR and VERW. */
export const verify = (writes: boolean) => (c: Core, arg: number): Done => {
  if (!readSelector(c, arg)) return Done.FAULT
  const seen = visible(c, c.lo, 0, 0), { hi } = c
  if (seen < 0) return Done.FAULT
  const ok = seen && (writes ? (hi & 0xa00) === 0x200 : (hi & 0xa00) !== 0x800)
  setFlags(c, ok ? Flag.ZF : 0, Flag.ZF)
  return Done.NEXT
}

export function arpl(c: Core, arg: number): Done {
  if (!readSelector(c, arg)) return Done.FAULT
  const selector = c.lo, rpl = gpr(c, reg(arg)) & 3, raised = (selector & 3) < rpl
  if (arg & SystemArg.MEMORY) {
    // Written in any case: the operand must be writable.
    if (!writeOperand(c, arg, 2, raised ? (selector & ~3) | rpl : selector)) return Done.FAULT
  } else if (raised) setGpr(c, rm(arg), 2, (selector & ~3) | rpl)
  setFlags(c, raised ? Flag.ZF : 0, Flag.ZF)
  return Done.NEXT
}
