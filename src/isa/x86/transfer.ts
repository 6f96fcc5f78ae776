// Far transfers: JMP, CALL, RET and IRET in all modes, through call gates and tasks. Intel SDM volume 2; volume 3, 5.8, 20.1
// and 20.2.
import {
  type Core, canonical, cplOf, Done, fault, get, gpr, iopl, isCode64, isLong, isProtected, isReal, isVm86, note, readIp, segment, selectorOf,
  selectTlb, setFlags, setIp, updateMode, W, watchesCode, SEG,
} from './core.ts'
import { Flag, Reg, Seg, SystemArg, Vector } from './cpu.ts'
import { implicit, read, readOperand } from './memory.ts'
import {
  ACCESSED, changeDescriptor, checkStack, dplOf, isCode, isConforming, isNull, isPresent, isSegment, limitOf, readDescriptor, readUpper,
  setFromDescriptor, setNull, setReal, SystemType, typeOf,
} from './segments.ts'
import { commitStack, currentStack, peek, pop, push, skip, type Stack, stack64, stackOf } from './stack.ts'
import { switchTask, TaskSource } from './task.ts'
import { innerStackPointer, longStackPointer } from './traps.ts'

const sizeOf = (arg: number): 2 | 4 | 8 => (1 << ((arg >>> SystemArg.OPERAND_SHIFT) & 3)) as 2 | 4 | 8
const lengthOf = (arg: number): number => arg & SystemArg.LENGTH

/** The selector and offset that a far pointer names: in memory, or in the instruction. */
type Target = { selector: number; lo: number; hi: number }
function readTarget(c: Core, arg: number): Target | undefined {
  const size = sizeOf(arg)
  if (!(arg & SystemArg.MEMORY)) {
    const at = c.w + W.args + 4
    return { selector: c.i32[at + 1]! & 0xffff, lo: size === 2 ? c.i32[at]! & 0xffff : c.i32[at]!, hi: 0 }
  }
  if (!readOperand(c, arg, size)) return undefined
  const { lo, hi } = c
  return readOperand(c, arg, 2, size) ? { selector: c.lo & 0xffff, lo, hi } : undefined
}

export function jmpFar(c: Core, arg: number): Done {
  const t = readTarget(c, arg)
  if (!t) return Done.FAULT
  if (isReal(c)) return realTarget(c, t) ? Done.MOVED : Done.FAULT
  return (toDescriptor(c, t, sizeOf(arg), false, lengthOf(arg))) ? Done.MOVED : Done.FAULT
}
export function callFar(c: Core, arg: number): Done {
  const t = readTarget(c, arg), size = sizeOf(arg)
  if (!t) return Done.FAULT
  if (!isReal(c)) return toDescriptor(c, t, size, true, lengthOf(arg)) ? Done.MOVED : Done.FAULT
  const stack = currentStack(c)
  readIp(c, lengthOf(arg))
  const ip = c.lo
  if (t.lo >>> 0 > segment(c, Seg.CS, SEG.limit) >>> 0) return fault(c, Vector.GP)
  if (!push(c, stack, size, selectorOf(c, Seg.CS)) || !push(c, stack, size, ip)) return Done.FAULT
  commitStack(c, stack)
  return realTarget(c, t) ? Done.MOVED : Done.FAULT
}
function realTarget(c: Core, t: Target): boolean {
  if (t.lo >>> 0 > segment(c, Seg.CS, SEG.limit) >>> 0) return note(c, Vector.GP)
  setReal(c, Seg.CS, t.selector)
  setIp(c, t.lo, 0)
  updateMode(c)
  return true
}

/** Whether an offset can be in a code segment; #GP(0) if not. */
function reachable(c: Core, lo: number, hi: number, codeLo: number, codeHi: number): boolean {
  const code64 = isLong(c) && (codeHi & 0x200000) !== 0
  return (code64 ? canonical(c, hi) : lo >>> 0 <= limitOf(codeLo, codeHi) >>> 0) || note(c, Vector.GP)
}
/** Not both L and D in long mode. */
const consistent = (c: Core, hi: number): boolean => !isLong(c) || (hi & 0x600000) !== 0x600000

/** CS and pc, after all checks. */
function enterCode(c: Core, selector: number, codeLo: number, codeHi: number, lo: number, hi: number): void {
  setFromDescriptor(c, Seg.CS, selector, codeLo, codeHi | ACCESSED)
  setIp(c, lo, hi)
  updateMode(c)
  selectTlb(c)
}

function toDescriptor(c: Core, t: Target, size: number, call: boolean, length: number): boolean {
  const { selector } = t, error = selector & 0xfffc, cpl = cplOf(c)
  if (isNull(selector)) return note(c, Vector.GP)
  if (!readDescriptor(c, selector, Vector.GP)) return false
  const { lo, hi } = c
  if (!isSegment(hi)) return toSystem(c, selector, lo, hi, call, length)
  if (!isCode(hi) || !consistent(c, hi)) return note(c, Vector.GP, error)
  if (isConforming(hi) ? dplOf(hi) > cpl : (selector & 3) > cpl || dplOf(hi) !== cpl) return note(c, Vector.GP, error)
  if (!isPresent(hi)) return note(c, Vector.NP, error)
  const to = size === 2 ? t.lo & 0xffff : t.lo
  if (!reachable(c, to, t.hi, lo, hi) || !changeDescriptor(c, selector, hi, ACCESSED)) return false
  if (call) {
    const stack = currentStack(c)
    readIp(c, length)
    const ipLo = c.lo, ipHi = c.hi
    if (!push(c, stack, size, selectorOf(c, Seg.CS)) || !push(c, stack, size, ipLo, ipHi)) return false
    commitStack(c, stack)
  }
  enterCode(c, (selector & ~3) | cpl, lo, hi, to, t.hi)
  return true
}

/** Through a call gate, a task gate, or to a task. */
function toSystem(c: Core, selector: number, lo: number, hi: number, call: boolean, length: number): boolean {
  const type = typeOf(hi), error = selector & 0xfffc, long = isLong(c)
  const gate = type === SystemType.CALL32 || (!long && (type === SystemType.CALL16 || type === SystemType.TASK_GATE))
  const task = !long && (type === SystemType.TSS16 || type === SystemType.TSS32)
  if ((!gate && !task) || dplOf(hi) < Math.max(cplOf(c), selector & 3)) return note(c, Vector.GP, error)
  if (!isPresent(hi)) return note(c, Vector.NP, error)
  const source = call ? TaskSource.CALL : TaskSource.JMP
  if (task) return switchTask(c, selector, source, length)
  if (type === SystemType.TASK_GATE) return switchTask(c, lo >>> 16, source, length)
  return throughGate(c, selector, lo, hi, call, length)
}

function throughGate(c: Core, gate: number, gateLo: number, gateHi: number, call: boolean, length: number): boolean {
  const long = isLong(c), wide = typeOf(gateHi) === SystemType.CALL32, bytes = long ? 8 : wide ? 4 : 2, cpl = cplOf(c)
  let offsetHi = 0
  if (long) {
    if (!readUpper(c, gate, Vector.GP)) return false
    if (c.hi & 0x1f00) return note(c, Vector.GP, gate & 0xfffc)
    offsetHi = c.lo
  }
  const selector = gateLo >>> 16, offset = wide ? (gateLo & 0xffff) | (gateHi & 0xffff0000) : gateLo & 0xffff, error = selector & 0xfffc
  if (isNull(selector)) return note(c, Vector.GP)
  if (!readDescriptor(c, selector, Vector.GP)) return false
  const codeLo = c.lo, codeHi = c.hi
  if (!isCode(codeHi) || dplOf(codeHi) > cpl || (long && (codeHi & 0x600000) !== 0x200000)) return note(c, Vector.GP, error)
  const inner = call && !isConforming(codeHi) && dplOf(codeHi) < cpl
  if (!call && !isConforming(codeHi) && dplOf(codeHi) !== cpl) return note(c, Vector.GP, error)
  if (!isPresent(codeHi)) return note(c, Vector.NP, error)
  const newCpl = inner ? dplOf(codeHi) : cpl
  let stack: Stack | undefined, ss = 0, ssLo = 0, ssHi = 0
  if (call) {
    stack = currentStack(c)
    if (inner) {
      const old = stack
      if (long) {
        if (!longStackPointer(c, 4 + 8 * newCpl)) return false
        stack = stack64(c, c.lo, c.hi, newCpl)
      } else {
        if (!innerStackPointer(c, newCpl, 0)) return false
        ss = c.hi
        const sp = c.lo
        if (!checkStack(c, ss, newCpl, Vector.TS)) return false
        ssLo = c.lo
        ssHi = c.hi
        stack = stackOf(c, ssLo, ssHi, sp, newCpl, ss & 0xfffc)
      }
      if (!push(c, stack, bytes, selectorOf(c, Seg.SS)) || !push(c, stack, bytes, gpr(c, Reg.SP), c.i32[c.w + W.gpr + 2 * Reg.SP + 1]!)) return false
      for (let n = long ? 0 : gateHi & 31; n > 0; n--)
        if (!peek(c, old, (n - 1) * bytes, bytes) || !push(c, stack, bytes, c.lo)) return false
    }
    readIp(c, length)
    const ipLo = c.lo, ipHi = c.hi
    if (!push(c, stack, bytes, selectorOf(c, Seg.CS)) || !push(c, stack, bytes, ipLo, ipHi)) return false
  }
  if (!reachable(c, offset, offsetHi, codeLo, codeHi) || !changeDescriptor(c, selector, codeHi, ACCESSED)) return false
  if (inner) {
    if (long) setNull(c, Seg.SS, newCpl, newCpl)
    else setFromDescriptor(c, Seg.SS, ss, ssLo, ssHi)
  }
  if (stack) commitStack(c, stack)
  enterCode(c, (selector & ~3) | newCpl, codeLo, codeHi, offset, offsetHi)
  return true
}

// Returns.

export function retFar(c: Core, arg: number): Done {
  const drop = (arg >>> SystemArg.OPCODE_SHIFT) === 0xca ? c.i32[c.w + W.args + 4]! & 0xffff : 0, size = sizeOf(arg)
  if (!isReal(c)) return returnFar(c, size, false, drop) ? Done.MOVED : Done.FAULT
  const stack = currentStack(c)
  if (!pop(c, stack, size)) return Done.FAULT
  const ip = size === 2 ? c.lo & 0xffff : c.lo
  if (!pop(c, stack, size)) return Done.FAULT
  const target = { selector: c.lo & 0xffff, lo: ip, hi: 0 }
  skip(stack, drop)
  if (!realTarget(c, target)) return Done.FAULT
  commitStack(c, stack)
  return Done.MOVED
}

const POPPED = Flag.ARITHMETIC | Flag.TF | Flag.DF | Flag.NT | Flag.RF | Flag.AC | Flag.ID
/** The flags that IRET and POPF may change at a privilege level, of an operand size. */
export function poppedMask(c: Core, cpl: number, size: number): number {
  const mask = POPPED | (cpl === 0 ? Flag.IOPL | Flag.VIF | Flag.VIP : 0) | (cpl <= iopl(c) ? Flag.IF : 0)
  return size === 2 ? mask & 0xffff : mask
}
/** RF counts only while there are breakpoints. */
const withoutRf = (c: Core, value: number): number => (watchesCode(c) ? value : value & ~Flag.RF)

export function iret(c: Core, arg: number): Done {
  const size = sizeOf(arg)
  if (isReal(c)) return iretReal(c, size)
  if (get(c, W.eflags) & Flag.NT) {
    if (isLong(c)) return fault(c, Vector.GP)
    if (!read(c, segment(c, Seg.TR, SEG.base), 0, 2, implicit(c))) return Done.FAULT
    if (!switchTask(c, c.lo, TaskSource.IRET, lengthOf(arg))) return Done.FAULT
  } else if (!returnFar(c, size, true, 0)) return Done.FAULT
  c.s.nmiBlocked = 0
  return Done.MOVED
}

function iretReal(c: Core, size: 2 | 4 | 8): Done {
  const vm = isProtected(c) && isVm86(c)
  if (vm && iopl(c) < 3) return fault(c, Vector.GP)
  const stack = currentStack(c)
  if (!pop(c, stack, size)) return Done.FAULT
  const ip = size === 2 ? c.lo & 0xffff : c.lo
  if (!pop(c, stack, size)) return Done.FAULT
  const selector = c.lo & 0xffff
  if (!pop(c, stack, size)) return Done.FAULT
  const value = c.lo
  if (!realTarget(c, { selector, lo: ip, hi: 0 })) return Done.FAULT
  commitStack(c, stack)
  c.s.nmiBlocked = 0
  const mask = POPPED | Flag.IF | (vm ? 0 : Flag.IOPL)
  setFlags(c, withoutRf(c, value), size === 2 ? mask & 0xffff : mask)
  return Done.MOVED
}

/** RET and IRET in protected and long mode. */
function returnFar(c: Core, size: 2 | 4 | 8, isIret: boolean, drop: number): boolean {
  const cpl = cplOf(c), from64 = isCode64(c), stack = currentStack(c)
  if (!pop(c, stack, size)) return false
  const ipLo = size === 2 ? c.lo & 0xffff : c.lo, ipHi = c.hi
  if (!pop(c, stack, size)) return false
  const selector = c.lo & 0xffff, rpl = selector & 3, error = selector & 0xfffc
  let eflags = 0
  if (isIret) {
    if (!pop(c, stack, size)) return false
    eflags = c.lo
    if (size === 4 && eflags & Flag.VM && cpl === 0 && !isLong(c)) return returnToVm86(c, stack, ipLo, selector, eflags)
  }
  if (isNull(selector)) return note(c, Vector.GP)
  if (!readDescriptor(c, selector, Vector.GP)) return false
  const codeLo = c.lo, codeHi = c.hi
  if (!isCode(codeHi) || rpl < cpl || !consistent(c, codeHi)) return note(c, Vector.GP, error)
  if (isConforming(codeHi) ? dplOf(codeHi) > rpl : dplOf(codeHi) !== rpl) return note(c, Vector.GP, error)
  if (!isPresent(codeHi)) return note(c, Vector.NP, error)
  skip(stack, drop)
  let outer: Stack | undefined, ss = 0, ssLo = 0, ssHi = 0
  const popsStack = rpl > cpl || (isIret && from64)
  if (popsStack) {
    if (!pop(c, stack, size)) return false
    const spLo = c.lo, spHi = c.hi
    if (!pop(c, stack, size)) return false
    ss = c.lo & 0xffff
    const to64 = isLong(c) && (codeHi & 0x200000) !== 0
    if (!isNull(ss) || !to64 || rpl === 3) {
      if (!checkStack(c, ss, rpl, Vector.GP)) return false
      ssLo = c.lo
      ssHi = c.hi
    }
    outer = to64 ? { ...stack64(c, spLo, spHi, rpl) } : stackOf(c, ssLo, ssHi, spLo, rpl)
    if (to64 && size !== 8) Object.assign(outer, { lo: size === 2 ? spLo & 0xffff : spLo, hi: 0 })
    skip(outer, drop)
  }
  if (!reachable(c, ipLo, ipHi, codeLo, codeHi) || !changeDescriptor(c, selector, codeHi, ACCESSED)) return false
  const mask = poppedMask(c, cpl, size)
  if (popsStack) {
    if (isNull(ss)) setNull(c, Seg.SS, ss, rpl)
    else setFromDescriptor(c, Seg.SS, ss, ssLo, ssHi)
  }
  commitStack(c, outer ?? stack)
  enterCode(c, selector, codeLo, codeHi, ipLo, ipHi)
  if (rpl > cpl) dropPrivileged(c, rpl)
  if (isIret) setFlags(c, withoutRf(c, eflags), mask)
  return true
}

/** Data segments that the outer level may not use become null. */
export function dropPrivileged(c: Core, cpl: number): void {
  for (const seg of [Seg.ES, Seg.DS, Seg.FS, Seg.GS]) {
    const a = segment(c, seg, SEG.attributes), conforming = (a & 0xc) === 0xc
    if (((a >> 5) & 3) < cpl && !conforming && !isNull(selectorOf(c, seg))) setNull(c, seg, 0)
  }
  updateMode(c)
}

function returnToVm86(c: Core, stack: Stack, ip: number, cs: number, eflags: number): boolean {
  if (!pop(c, stack, 4)) return false
  const sp = c.lo, selectors: number[] = []
  for (let i = 0; i < 5; i++) {
    if (!pop(c, stack, 4)) return false
    selectors.push(c.lo & 0xffff)
  }
  c.i32[c.w + W.eflags] = c.i32[c.w + W.eflags]! | Flag.VM
  const order = [Seg.SS, Seg.ES, Seg.DS, Seg.FS, Seg.GS]
  order.forEach((seg, i) => setReal(c, seg, selectors[i]!))
  setReal(c, Seg.CS, cs)
  c.i32[c.w + W.gpr + 2 * Reg.SP] = sp
  c.i32[c.w + W.gpr + 2 * Reg.SP + 1] = 0
  setIp(c, ip & 0xffff, 0)
  setFlags(c, withoutRf(c, eflags), POPPED | Flag.IOPL | Flag.VIF | Flag.VIP | Flag.IF)
  updateMode(c)
  selectTlb(c)
  return true
}
