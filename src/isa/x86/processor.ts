// An x86 processor bound to its state: the `Cpu` of isa.ts. Everything it remembers is in the state, or can be derived from it.
import type { Views } from '../../state/views.ts'
import { Access, type Cpu, type CpuTopic, type CpuServices, Fault, type Isa } from '../isa.ts'
import { apicPage, armTimer, readPage, writePage } from './apic.ts'
import { callBits } from './bits.ts'
import { putsOff, updateWatches, Watch, watchesPage } from './breakpoints.ts'
import * as control from './control.ts'
import { advance, type Core, Done, fault, forget, get, limitFault, makeCore, note, readIp, requestInterrupt, segment, selectTlb, setIp, updateMode, type X86Platform, SEG, W } from './core.ts'
import { cpuid } from './cpuid.ts'
import { Seg, Shadow, System, SystemArg, type SystemName, Vector } from './cpu.ts'
import { describeApic, describeInterrupts, describeMemoryTypes, describeRegisters } from './describe.ts'
import { debugTarget } from './gdb.ts'
import { interrupt, step, wakes } from './interrupts.ts'
import * as fpu from './fpu-state.ts'
import * as io from './io.ts'
import { probe, translate } from './mmu.ts'
import type { Model } from './models.ts'
import { misaligned } from './memory.ts'
import * as msr from './msr.ts'
import { reset } from './reset.ts'
import * as segments from './segments.ts'
import * as small from './small.ts'
import { commitStack, currentStack, pop } from './stack.ts'
import * as fast from './syscall.ts'
import * as transfer from './transfer.ts'
import * as xstate from './xstate.ts'
import { callX87, X87_CALLS } from './x87.ts'
import * as environment from './x87-env.ts'
import { deliver, int, intOf, Source } from './traps.ts'

const texts: { readonly [T in CpuTopic]: (c: Core, index: number) => string } = {
  registers: describeRegisters, lapic: describeApic, mtrr: describeMemoryTypes, irq: describeInterrupts,
}

type Handler = (c: Core, arg: number) => Done

const skip: Handler = (c, arg) => {
  advance(c, arg)
  return Done.MOVED
}
/** A near jump that generated code could not do by itself: the target wraps, or is beyond the limit of CS. */
const branch = (mask: number): Handler => (c, arg) => {
  readIp(c, arg)
  const ip = c.lo & mask
  if (ip >>> 0 > segment(c, Seg.CS, SEG.limit) >>> 0) return fault(c, Vector.GP)
  setIp(c, ip, 0)
  return Done.MOVED
}
const popSegment: Handler = (c, arg) => {
  const seg = small.POP_SEGMENTS[(arg >>> SystemArg.OPCODE_SHIFT) & 0xff]!, stack = currentStack(c)
  if (!pop(c, stack, 1 << ((arg >>> SystemArg.OPERAND_SHIFT) & 3))) return Done.FAULT
  if (!segments.loadSegment(c, seg, c.lo)) return Done.FAULT
  commitStack(c, stack)
  if (seg === Seg.SS) segments.holdOff(c, Shadow.SS, arg & SystemArg.LENGTH)
  return Done.NEXT
}
const undefinedInstruction: Handler = c => fault(c, Vector.UD)

/** What the processor does with each instruction that generated code leaves to it. Those of units that are not there are
 * undefined, as CPUID says. */
const handlers: { readonly [N in SystemName]: Handler } = {
  FAULT: (c, vector) => fault(c, vector),
  SEGMENT: (c, seg) => fault(c, limitFault(seg)),
  BRANCH16: branch(0xffff), BRANCH32: branch(-1), SKIP: skip, RETRY: () => Done.MOVED, STEP: step,
  CMPXCHG16B: small.cmpxchg16b,
  INT: int, INT1: intOf(Vector.DB, Source.PRIVILEGED), INT3: intOf(Vector.BP, Source.SOFTWARE), INTO: intOf(Vector.OF, Source.SOFTWARE),
  IRET: transfer.iret, JMP_FAR: transfer.jmpFar, CALL_FAR: transfer.callFar, RET_FAR: transfer.retFar,
  SYSCALL: fast.syscall, SYSRET: fast.sysret, SYSENTER: fast.sysenter, SYSEXIT: fast.sysexit, SWAPGS: fast.swapgs,
  HLT: small.hlt, WBINVD: small.invalidateCaches, INVD: small.invalidateCaches, CLI: small.cli, STI: small.sti, PUSHF: small.pushf, POPF: small.popf,
  CLTS: control.clts, LMSW: control.lmsw, SMSW: small.hidden(control.smsw), INVLPG: control.invlpg, INVPCID: control.invpcid,
  MOV_FROM_CR: control.movFromCr, MOV_TO_CR: control.movToCr, MOV_FROM_DR: control.movFromDr, MOV_TO_DR: control.movToDr,
  XGETBV: control.xgetbv, XSETBV: control.xsetbv,
  CPUID: cpuid, RDTSC: msr.rdtsc, RDTSCP: msr.rdtscp, RDPMC: msr.rdpmc, RDMSR: msr.rdmsr, WRMSR: msr.wrmsr,
  IN: io.input, OUT: io.output, INS: io.ins, OUTS: io.outs,
  MOV_TO_SEG: segments.movToSegment, POP_SEG: popSegment, LOAD_FAR: segments.loadFar,
  LGDT: small.loadTable('gdtBase', 'gdtLimit'), LIDT: small.loadTable('idtBase', 'idtLimit'),
  SGDT: small.hidden(small.storeTable('gdtBase', 'gdtLimit')), SIDT: small.hidden(small.storeTable('idtBase', 'idtLimit')),
  LLDT: segments.lldt, LTR: segments.ltr, SLDT: small.hidden(segments.storeSelector(Seg.LDTR)), STR: small.hidden(segments.storeSelector(Seg.TR)),
  LAR: segments.lar, LSL: segments.lsl, VERR: segments.verify(false), VERW: segments.verify(true), ARPL: segments.arpl,
  RDFSBASE: small.readBase(Seg.FS), RDGSBASE: small.readBase(Seg.GS), WRFSBASE: small.writeBase(Seg.FS), WRGSBASE: small.writeBase(Seg.GS),
  CLAC: small.setAc(false), STAC: small.setAc(true), RDPID: small.rdpid,
  MONITOR: undefinedInstruction, MWAIT: undefinedInstruction, VMCALL: undefinedInstruction, RSM: undefinedInstruction,
  RDRAND: small.random('rdrand'), RDSEED: small.random('rdseed'), FXSAVE: xstate.fxsave, FXRSTOR: xstate.fxrstor,
  LDMXCSR: fpu.ldmxcsr, SIMD_EXCEPTION: fpu.simdException, MASKMOVQ: fpu.maskedStore(8), MASKMOVDQU: fpu.maskedStore(16),
  FLDENV: environment.fldenv, FNSTENV: environment.fnstenv, FRSTOR: environment.frstor, FNSAVE: environment.fnsave,
  XSAVE: xstate.xsave('xsave'), XSAVEOPT: xstate.xsave('xsaveopt'), XSAVEC: xstate.xsave('xsavec'), XRSTOR: xstate.xrstor,
}
const byNumber: readonly Handler[] = Object.keys(System).map(name => handlers[name as SystemName])


/** Binds a processor whose state is at byte address `at`. */
export const makeCpu = (isa: Isa, views: Views, at: number, services: CpuServices, platform: X86Platform, model: Model): Cpu =>
  cpuOf(isa, makeCore(views, at, services, platform, model))

export function cpuOf(isa: Isa, c: Core): Cpu {
  return {
    isa,
    translate: (vaLo, vaHi, access, mmuMode, _size, hint) => translate(c, vaLo, vaHi, access, mmuMode, hint),
    probe: (vaLo, vaHi) => probe(c, vaLo, vaHi),
    fault(kind, _vaLo, vaHi, access, hint = 0) {
      if (kind !== Fault.BUS) return void misaligned(c, vaHi, hint, kind === Fault.MISALIGNED ? Vector.AC : Vector.GP)
      // Data accesses do not know the end of memory (x86.ts). Where there is no code, the bytes that the bus gives
      // are none (FF FF).
      if (access !== Access.EXECUTE) throw new Error('a data access that faults only on the bus')
      note(c, Vector.UD)
    },
    deliver: () => deliver(c),
    system(helper, arg) {
      const done = byNumber[helper]!(c, arg)
      if (done === Done.NEXT) advance(c, arg & SystemArg.LENGTH)
      else if (done === Done.FAULT) deliver(c)
      if (c.watches && get(c, W.stepTrap)) updateMode(c) // a breakpoint was hit
    },
    watch: {
      get on() { return (c.watches & Watch.DATA) !== 0 },
      page: (vaLo, vaHi) => watchesPage(c, vaLo, vaHi),
      putsOff: (vaLo, vaHi, size, reads, writes) => putsOff(c, vaLo, vaHi, size, reads, writes),
    },
    call(helper) {
      if (helper < X87_CALLS) callBits(c.i32, c.w, helper)
      else c.s.result = callX87(c.s, helper, c.s.args.get(0), c.s.args.get(1))
    },
    interrupt: () => interrupt(c),
    wakes: () => wakes(c),
    reset: () => reset(c),
    refresh() {
      forget(c)
      for (let seg = 0; seg < 8; seg++) segments.updateHidden(c, seg)
      updateMode(c)
      updateWatches(c)
      selectTlb(c)
      armTimer(c)
      requestInterrupt(c)
    },
    local: { page: () => apicPage(c), read: (offset, size) => readPage(c, offset, size), write: (offset, size, value) => writePage(c, offset, size, value) },
    debug: debugTarget(c),
    describe: (topic, index) => texts[topic](c, index),
    float: {
      policy: 'x86',
      rounding: () => fpu.SIMD_ROUNDING[(get(c, W.mxcsr) >> 13) & 3]!,
      denormals: () => ({ areZero: (get(c, W.mxcsr) & 0x40) !== 0, flush: (get(c, W.mxcsr) & 0x8000) !== 0 }),
      raise(flags) {
        if (fpu.noteSimd(c.s, flags)) updateMode(c)
      },
    },
  }
}
