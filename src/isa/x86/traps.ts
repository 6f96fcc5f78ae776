// Exceptions and interrupts: delivery through the interrupt table of real mode, gates of protected and long mode, double faults.
// Intel SDM volume 3, chapter 6, volume 2, INT n; volume 3, 20.1 for real mode.
//
// Not modelled: the interrupt redirection of CR4.VME.
import { hexAddress, log, logging } from '../../base/log.ts'
import {
  type Core, cplOf, Done, fault, get, getHi, gpr, gprHi, iopl, isCode64, isLong, isProtected, isVm86, note, readIp, segment, segmentHi,
  selectorOf, selectTlb, setIp, setPair, updateMode, W, flags, canonical, SEG,
} from './core.ts'
import { DR7_GD, Flag, HELD, Reg, Seg, SystemArg, Vector } from './cpu.ts'
import { implicit, read } from './memory.ts'
import {
  checkStack, dplOf, isCode, isConforming, isNull, isPresent, readDescriptor, setFromDescriptor, setNull, setReal, typeOf,
} from './segments.ts'
import { commitStack, currentStack, push, type Stack, stack64, stackOf } from './stack.ts'
import { switchTask, TaskSource } from './task.ts'

/** Where an event comes from. SOFTWARE: INT n, INT3, INTO, for which the gate's privilege counts. PRIVILEGED: INT1. */
export const Source = { EXCEPTION: 0, SOFTWARE: 1, HARDWARE: 2, PRIVILEGED: 3 } as const
export type Source = (typeof Source)[keyof typeof Source]

const set = (...vectors: number[]): number => vectors.reduce((mask, v) => mask | (1 << v), 0)
const WITH_ERROR = set(Vector.DF, Vector.TS, Vector.NP, Vector.SS, Vector.GP, Vector.PF, Vector.AC)
const CONTRIBUTORY = set(Vector.DE, Vector.TS, Vector.NP, Vector.SS, Vector.GP)
/** Exceptions after which the instruction is not run again. */
const TRAPS = set(Vector.DB, Vector.NMI, Vector.BP, Vector.OF, Vector.DF, Vector.MC)

const isSet = (mask: number, vector: number): boolean => vector < 32 && (mask >> vector & 1) !== 0

/** Takes the noted exception. */
export function deliver(c: Core): void {
  if (get(c, W.faultVector) !== HELD) raise(c, get(c, W.faultVector), get(c, W.faultError), Source.EXCEPTION, 0)
}

/** Takes an exception or interrupt; pc is at the instruction, behind which execution goes on if `length` is its length. A fault
 * on the way is taken instead, or as a double fault (6.15); one of that shuts the processor down. */
export function raise(c: Core, vector: number, error: number, source: Source, length: number): void {
  c.i32[c.w + W.stepTrap] = 0 // but breakpoints that are hit on the way
  c.delivering = true
  const taken = take(c, vector, error, source, length)
  c.delivering = false
  // The handler of debug exceptions may use the debug registers.
  if (taken === Vector.DB && source !== Source.SOFTWARE) c.i32[c.w + W.dr + 14] = c.i32[c.w + W.dr + 14]! & ~DR7_GD
}
/** What was taken in the end. */
function take(c: Core, vector: number, error: number, source: Source, length: number): number {
  let ext = 0
  for (;;) {
    const { w, i32 } = c
    if (logging.int) logEvent(c, vector, error, source)
    if (vector === Vector.PF && source === Source.EXCEPTION) setPair(c, W.cr2, i32[w + W.faultAddress]!, i32[w + W.faultAddress + 1]!)
    if (enter(c, vector, error, source, ext || source === Source.EXCEPTION || source === Source.HARDWARE || source === Source.PRIVILEGED ? 1 : 0,
      length)) return vector
    const second = get(c, W.faultVector)
    if (vector === Vector.DF && source === Source.EXCEPTION) {
      c.platform.reset()
      return vector
    }
    const doubled = source === Source.EXCEPTION && (isSet(CONTRIBUTORY, vector) ? isSet(CONTRIBUTORY, second)
      : vector === Vector.PF && (isSet(CONTRIBUTORY, second) || second === Vector.PF))
    ext = 1
    vector = doubled ? Vector.DF : second
    error = doubled ? 0 : get(c, W.faultError)
    source = Source.EXCEPTION
    length = 0
  }
}

const SOURCES = ['exception', 'software', 'interrupt', 'INT1']
function logEvent(c: Core, vector: number, error: number, source: Source): void {
  const pc = hexAddress(get(c, W.pc), getHi(c, W.pc))
  const cr2 = vector === Vector.PF && source === Source.EXCEPTION ? `, CR2 ${hexAddress(get(c, W.faultAddress), getHi(c, W.faultAddress))}` : ''
  log('int', `cpu ${c.services.hart}: v=${vector.toString(16).padStart(2, '0')} e=${error.toString(16).padStart(4, '0')} (${SOURCES[source]}), `
    + `cpl=${cplOf(c)} CS=${selectorOf(c, Seg.CS).toString(16).padStart(4, '0')} pc=${pc} `
    + `SP=${selectorOf(c, Seg.SS).toString(16).padStart(4, '0')}:${hexAddress(gpr(c, Reg.SP), gprHi(c, Reg.SP))}${cr2}`)
}

function enter(c: Core, vector: number, error: number, source: Source, ext: number, length: number): boolean {
  if (!isProtected(c)) return enterReal(c, vector, length)
  const hasError = source === Source.EXCEPTION && isSet(WITH_ERROR, vector)
  const rf = source === Source.EXCEPTION && !isSet(TRAPS, vector) ? Flag.RF : 0
  return isLong(c) ? enterLong(c, vector, hasError, error, source, ext, length, rf) : enterProtected(c, vector, hasError, error, source, ext, length, rf)
}

/** What follows from having left for a handler. */
function entered(c: Core, keepIf: boolean): void {
  const { i32, w } = c
  i32[w + W.eflags] = i32[w + W.eflags]! & ~(Flag.TF | Flag.VM | Flag.RF | Flag.NT | (keepIf ? 0 : Flag.IF))
  i32[w + W.halted] = 0
  i32[w + W.stepChecked] = 0
  c.s.shadow = 0
  updateMode(c)
  selectTlb(c)
}

function enterReal(c: Core, vector: number, length: number): boolean {
  if (vector * 4 + 3 > get(c, W.idtLimit) >>> 0) return note(c, Vector.GP)
  if (!read(c, (get(c, W.idtBase) + vector * 4) | 0, 0, 4, c.mmuMode)) return false
  const target = c.lo, stack = currentStack(c)
  readIp(c, length)
  const ip = c.lo
  if (!push(c, stack, 2, flags(c)) || !push(c, stack, 2, selectorOf(c, Seg.CS)) || !push(c, stack, 2, ip)) return false
  commitStack(c, stack)
  setReal(c, Seg.CS, target >>> 16)
  setIp(c, target & 0xffff, 0)
  c.i32[c.w + W.eflags] = c.i32[c.w + W.eflags]! & ~Flag.AC
  entered(c, false)
  return true
}

/** The descriptor of a gate's code segment in c.lo and c.hi, checked. */
function checkTarget(c: Core, selector: number, ext: number): boolean {
  if (isNull(selector)) return note(c, Vector.GP, ext)
  if (!readDescriptor(c, selector, Vector.GP, ext)) return false
  const error = (selector & 0xfffc) | ext
  if (!isCode(c.hi) || dplOf(c.hi) > cplOf(c)) return note(c, Vector.GP, error)
  return isPresent(c.hi) || note(c, Vector.NP, error)
}

/** SS and stack pointer for a privilege level from the task state: selector in c.hi, offset in c.lo. Not in long mode. */
export function innerStackPointer(c: Core, cpl: number, ext: number): boolean {
  const wide = (segment(c, Seg.TR, SEG.attributes) & 8) !== 0, at = wide ? 4 + 8 * cpl : 2 + 4 * cpl, bytes = wide ? 4 : 2
  const base = segment(c, Seg.TR, SEG.base)
  if (at + 2 * bytes - 1 > segment(c, Seg.TR, SEG.limit) >>> 0) return note(c, Vector.TS, (selectorOf(c, Seg.TR) & 0xfffc) | ext)
  if (!read(c, base + at, 0, bytes, implicit(c))) return false
  const { lo } = c
  if (!read(c, base + at + bytes, 0, 2, implicit(c))) return false
  c.hi = c.lo
  c.lo = lo
  return true
}
/** A stack pointer of 64 bits at an offset of the task state: c.lo and c.hi. */
export function longStackPointer(c: Core, at: number, ext = 0): boolean {
  if (at + 7 > segment(c, Seg.TR, SEG.limit) >>> 0) return note(c, Vector.TS, (selectorOf(c, Seg.TR) & 0xfffc) | ext)
  const lo = (segment(c, Seg.TR, SEG.base) >>> 0) + at
  if (!read(c, lo | 0, segmentHi(c, Seg.TR, SEG.base) + (lo > 0xffffffff ? 1 : 0), 8, implicit(c))) return false
  return canonical(c, c.hi) || note(c, Vector.SS, ext)
}

const GATES32 = set(5, 6, 7, 14, 15), GATES64 = set(14, 15)

/** Reads and checks a gate into c.lo and c.hi. */
function readGate(c: Core, vector: number, source: Source, ext: number): boolean {
  const long = isLong(c), size = long ? 16 : 8, error = vector * 8 + 2 + ext
  if (vector * size + size - 1 > get(c, W.idtLimit) >>> 0) return note(c, Vector.GP, error)
  const lo = (get(c, W.idtBase) >>> 0) + vector * size
  if (!read(c, lo | 0, getHi(c, W.idtBase) + (lo > 0xffffffff ? 1 : 0), 8, implicit(c))) return false
  const { hi } = c
  if (hi & 0x1000 || !((long ? GATES64 : GATES32) >> typeOf(hi) & 1)) return note(c, Vector.GP, error)
  if (source === Source.SOFTWARE && dplOf(hi) < cplOf(c)) return note(c, Vector.GP, error)
  return isPresent(hi) || note(c, Vector.NP, error)
}

function enterProtected(
  c: Core, vector: number, hasError: boolean, error: number, source: Source, ext: number, length: number, rf: number,
): boolean {
  if (!readGate(c, vector, source, ext)) return false
  const gateLo = c.lo, gateHi = c.hi, type = typeOf(gateHi), selector = gateLo >>> 16
  if (type === 5) return switchTask(c, selector, TaskSource.GATE, length, ext, hasError ? error : undefined)
  const bytes = type & 8 ? 4 : 2, offset = type & 8 ? (gateLo & 0xffff) | (gateHi & 0xffff0000) : gateLo & 0xffff
  if (!checkTarget(c, selector, ext)) return false
  const codeLo = c.lo, codeHi = c.hi, cpl = cplOf(c), vm86 = isVm86(c), inner = !isConforming(codeHi) && dplOf(codeHi) < cpl
  const newCpl = inner ? dplOf(codeHi) : cpl
  if (vm86 && newCpl !== 0) return note(c, Vector.GP, (selector & 0xfffc) | ext)
  let stack: Stack, ssLo = 0, ssHi = 0, ss = 0
  if (inner) {
    if (!innerStackPointer(c, newCpl, ext)) return false
    ss = c.hi
    const sp = c.lo
    if (!checkStack(c, ss, newCpl, Vector.TS, ext)) return false
    ssLo = c.lo
    ssHi = c.hi
    stack = stackOf(c, ssLo, ssHi, sp, newCpl, (ss & 0xfffc) | ext)
    if (vm86) for (const seg of [Seg.GS, Seg.FS, Seg.DS, Seg.ES]) if (!push(c, stack, bytes, selectorOf(c, seg))) return false
    if (!push(c, stack, bytes, selectorOf(c, Seg.SS)) || !push(c, stack, bytes, c.i32[c.w + W.gpr + 8]!)) return false
  } else stack = currentStack(c, ext)
  readIp(c, length)
  const ip = c.lo
  if (!push(c, stack, bytes, flags(c) | rf) || !push(c, stack, bytes, selectorOf(c, Seg.CS)) || !push(c, stack, bytes, ip)
    || (hasError && !push(c, stack, bytes, error))) return false
  if (offset >>> 0 > limitOfCode(codeLo, codeHi)) return note(c, Vector.GP, ext)
  if (vm86) for (const seg of [Seg.ES, Seg.DS, Seg.FS, Seg.GS]) setNull(c, seg, 0)
  if (inner) setFromDescriptor(c, Seg.SS, ss, ssLo, ssHi)
  commitStack(c, stack)
  setFromDescriptor(c, Seg.CS, (selector & ~3) | newCpl, codeLo, codeHi)
  setIp(c, offset, 0)
  entered(c, (type & 1) !== 0)
  return true
}
const limitOfCode = (lo: number, hi: number): number => {
  const raw = (lo & 0xffff) | (hi & 0xf0000)
  return hi & 0x800000 ? ((raw << 12) | 0xfff) >>> 0 : raw
}

function enterLong(
  c: Core, vector: number, hasError: boolean, error: number, source: Source, ext: number, length: number, rf: number,
): boolean {
  if (!readGate(c, vector, source, ext)) return false
  const gateLo = c.lo, gateHi = c.hi, selector = gateLo >>> 16, offset = (gateLo & 0xffff) | (gateHi & 0xffff0000)
  const upper = (get(c, W.idtBase) >>> 0) + vector * 16 + 8
  if (!read(c, upper | 0, getHi(c, W.idtBase) + (upper > 0xffffffff ? 1 : 0), 8, implicit(c))) return false
  const offsetHi = c.lo
  if (!checkTarget(c, selector, ext)) return false
  const codeLo = c.lo, codeHi = c.hi, cpl = cplOf(c), inner = !isConforming(codeHi) && dplOf(codeHi) < cpl
  if ((codeHi & 0x600000) !== 0x200000) return note(c, Vector.GP, (selector & 0xfffc) | ext)
  const newCpl = inner ? dplOf(codeHi) : cpl, ist = gateHi & 7
  let spLo: number, spHi: number
  if (ist || inner) {
    if (!longStackPointer(c, ist ? 28 + 8 * ist : 4 + 8 * newCpl, ext)) return false
    spLo = c.lo
    spHi = c.hi
  } else {
    spLo = c.i32[c.w + W.gpr + 8]!
    spHi = isCode64(c) ? c.i32[c.w + W.gpr + 9]! : 0
  }
  const stack = stack64(c, spLo & ~15, spHi, newCpl)
  readIp(c, length)
  const ipLo = c.lo, ipHi = c.hi
  if (!push(c, stack, 8, selectorOf(c, Seg.SS)) || !push(c, stack, 8, c.i32[c.w + W.gpr + 8]!, c.i32[c.w + W.gpr + 9]!)
    || !push(c, stack, 8, flags(c) | rf) || !push(c, stack, 8, selectorOf(c, Seg.CS)) || !push(c, stack, 8, ipLo, ipHi)
    || (hasError && !push(c, stack, 8, error))) return false
  if (!canonical(c, offsetHi)) return note(c, Vector.GP, ext)
  if (inner) setNull(c, Seg.SS, newCpl, newCpl)
  commitStack(c, stack)
  setFromDescriptor(c, Seg.CS, (selector & ~3) | newCpl, codeLo, codeHi)
  setPair(c, W.pc, offset, offsetHi)
  entered(c, (typeOf(gateHi) & 1) !== 0)
  return true
}

// Instructions.

/** INT n. In virtual-8086 mode it is the monitor's business below IOPL 3. */
export function int(c: Core, arg: number): Done {
  if (isProtected(c) && isVm86(c) && iopl(c) < 3) return fault(c, Vector.GP)
  raise(c, c.i32[c.w + W.args + 4]! & 0xff, 0, Source.SOFTWARE, arg & SystemArg.LENGTH)
  return Done.MOVED
}
export const intOf = (vector: number, source: Source) => (c: Core, arg: number): Done => {
  raise(c, vector, 0, source, arg & SystemArg.LENGTH)
  return Done.MOVED
}
