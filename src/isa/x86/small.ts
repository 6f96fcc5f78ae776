// System instructions that are small: flags, descriptor-table registers, HLT, bases of FS and GS, random numbers, and 16 bytes
// compared and swapped.
// Intel SDM volume 2.
import {
  canonical, type Core, Cr4, cplOf, Done, fault, get, getHi, gpr, gprHi, iopl, isCode64, isProtected, isVm86, requestInterrupt, segment, segmentHi,
  segWord, setFlags, setGpr, setPair, W, SEG,
} from './core.ts'
import { Flag, Reg, Seg, Shadow, SystemArg, Vector } from './cpu.ts'
import { argWord, inSegment, operandSegment, readOperand, writable, writeOperand } from './memory.ts'
import { holdOff } from './segments.ts'
import { commitStack, currentStack, pop } from './stack.ts'
import { poppedMask } from './transfer.ts'

const rm = (arg: number): number => (arg >>> SystemArg.RM_SHIFT) & 15
const sizeOf = (arg: number): number => 1 << ((arg >>> SystemArg.OPERAND_SHIFT) & 3)
const mayChangeIf = (c: Core): boolean => !isProtected(c) || cplOf(c) <= iopl(c)

export function cli(c: Core): Done {
  if (!mayChangeIf(c)) return fault(c, Vector.GP)
  setFlags(c, 0, Flag.IF)
  return Done.NEXT
}
export function sti(c: Core, arg: number): Done {
  if (!mayChangeIf(c)) return fault(c, Vector.GP)
  if (!(get(c, W.eflags) & Flag.IF)) holdOff(c, Shadow.STI, arg & SystemArg.LENGTH)
  setFlags(c, Flag.IF, Flag.IF)
  return Done.NEXT
}
/** Left to us only where it faults: in virtual-8086 mode below IOPL 3. */
export const pushf = (c: Core): Done => fault(c, Vector.GP)
export function popf(c: Core, arg: number): Done {
  const size = sizeOf(arg), vm = isProtected(c) && isVm86(c)
  if (vm && iopl(c) < 3) return fault(c, Vector.GP)
  const stack = currentStack(c)
  if (!pop(c, stack, size)) return Done.FAULT
  commitStack(c, stack)
  setFlags(c, c.lo & ~Flag.RF, poppedMask(c, isProtected(c) ? cplOf(c) : 0, size) & ~(Flag.VIF | Flag.VIP) | (size === 2 ? 0 : Flag.RF))
  return Done.NEXT
}

export function hlt(c: Core): Done {
  if (cplOf(c) !== 0) return fault(c, Vector.GP)
  c.s.shadow = 0
  c.i32[c.w + W.halted] = 1
  requestInterrupt(c)
  return Done.NEXT
}

/** LGDT, LIDT. */
export const loadTable = (base: 'gdtBase' | 'idtBase', limit: 'gdtLimit' | 'idtLimit') => (c: Core, arg: number): Done => {
  if (cplOf(c) !== 0) return fault(c, Vector.GP)
  const wide = isCode64(c)
  if (!readOperand(c, arg, 2)) return Done.FAULT
  const newLimit = c.lo
  if (!readOperand(c, arg, wide ? 8 : 4, 2)) return Done.FAULT
  if (wide && !canonical(c, c.hi)) return fault(c, Vector.GP)
  setPair(c, W[base], sizeOf(arg) === 2 && !wide ? c.lo & 0xffffff : c.lo, c.hi)
  c.i32[c.w + W[limit]] = newLimit
  return Done.NEXT
}
/** SGDT, SIDT. */
export const storeTable = (base: 'gdtBase' | 'idtBase', limit: 'gdtLimit' | 'idtLimit') => (c: Core, arg: number): Done =>
  writeOperand(c, arg, 2, get(c, W[limit])) && writeOperand(c, arg, isCode64(c) ? 8 : 4, get(c, W[base]), getHi(c, W[base]), 2) ? Done.NEXT : Done.FAULT

/** Wraps an instruction that CR4.UMIP keeps from users. */
export const hidden = (f: (c: Core, arg: number) => Done) => (c: Core, arg: number): Done =>
  get(c, W.cr4) & Cr4.UMIP && cplOf(c) !== 0 ? fault(c, Vector.GP) : f(c, arg)

/** RDFSBASE and its like. */
export const readBase = (seg: number) => (c: Core, arg: number): Done => {
  if (!(get(c, W.cr4) & Cr4.FSGSBASE)) return fault(c, Vector.UD)
  setGpr(c, rm(arg), sizeOf(arg), segment(c, seg, SEG.base), segmentHi(c, seg, SEG.base))
  return Done.NEXT
}
export const writeBase = (seg: number) => (c: Core, arg: number): Done => {
  if (!(get(c, W.cr4) & Cr4.FSGSBASE)) return fault(c, Vector.UD)
  const wide = sizeOf(arg) === 8, hi = wide ? gprHi(c, rm(arg)) : 0
  if (wide && !canonical(c, hi)) return fault(c, Vector.GP)
  c.i32[c.w + segWord(seg)] = gpr(c, rm(arg))
  c.i32[c.w + segWord(seg) + 1] = hi
  return Done.NEXT
}

/** CLAC, STAC. */
export const setAc = (on: boolean) => (c: Core): Done => {
  if (!c.model.has('smap') || cplOf(c) !== 0) return fault(c, Vector.UD)
  setFlags(c, on ? Flag.AC : 0, Flag.AC)
  return Done.NEXT
}
/** WBINVD, INVD: caches are not modelled. */
export const invalidateCaches = (c: Core): Done => (cplOf(c) !== 0 ? fault(c, Vector.GP) : Done.NEXT)
export function rdpid(c: Core, arg: number): Done {
  if (!c.model.has('rdpid')) return fault(c, Vector.UD)
  setGpr(c, rm(arg), isCode64(c) ? 8 : 4, get(c, W.tscAux))
  return Done.NEXT
}
export const POP_SEGMENTS: { readonly [opcode: number]: number } = { 0x07: Seg.ES, 0x17: Seg.SS, 0x1f: Seg.DS, 0xa1: Seg.FS, 0xa9: Seg.GS }

/** LOCK CMPXCHG16B: RDX:RAX with 16 bytes in memory, which must be aligned; RCX:RBX goes there if they are equal. It is atomic towards
 * others of its kind, and towards its own processor. */
export function cmpxchg16b(c: Core, arg: number): Done {
  if (!c.model.has('cx16')) return fault(c, Vector.UD)
  if (c.i32[c.w + W.args]! & 15) return fault(c, Vector.GP)
  // Faults come first: the lock is not held while the guest's tables are walked.
  if (!inSegment(c, operandSegment(arg), argWord(c, 2), 16, true) || !writable(c, argWord(c, 0), argWord(c, 1), 8, c.mmuMode)) return Done.FAULT
  const { i32 } = c, lock = (c.platform.states[0]! >> 2) + W.pairLock
  while (Atomics.compareExchange(i32, lock, 0, 1) !== 0) { /* it is never held for long */ }
  try {
    return exchangePair(c, arg)
  } finally {
    Atomics.store(i32, lock, 0)
  }
}
function exchangePair(c: Core, arg: number): Done {
  if (!readOperand(c, arg, 8)) return Done.FAULT
  const lo0 = c.lo, lo1 = c.hi
  if (!readOperand(c, arg, 8, 8)) return Done.FAULT
  const hi0 = c.lo, hi1 = c.hi
  const equal = lo0 === gpr(c, Reg.AX) && lo1 === gprHi(c, Reg.AX) && hi0 === gpr(c, Reg.DX) && hi1 === gprHi(c, Reg.DX)
  if (equal && !(writeOperand(c, arg, 8, gpr(c, Reg.BX), gprHi(c, Reg.BX)) && writeOperand(c, arg, 8, gpr(c, Reg.CX), gprHi(c, Reg.CX), 8)))
    return Done.FAULT
  setGpr(c, Reg.AX, 8, lo0, lo1)
  setGpr(c, Reg.DX, 8, hi0, hi1)
  setFlags(c, equal ? Flag.ZF : 0, Flag.ZF)
  return Done.NEXT
}

/** RDRAND, RDSEED: the host's random numbers, of which there are always enough. */
export const random = (feature: 'rdrand' | 'rdseed') => (c: Core, arg: number): Done => {
  if (!c.model.has(feature)) return fault(c, Vector.UD)
  setGpr(c, rm(arg), sizeOf(arg), c.platform.random(), c.platform.random())
  setFlags(c, Flag.CF, Flag.ARITHMETIC)
  return Done.NEXT
}
