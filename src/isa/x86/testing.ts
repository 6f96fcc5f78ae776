// A processor that runs user code for tests: it knows no tables and no privileges, stops at the first exception, and notes
// it. What it does not know of the architecture it says.
import { Access, type Cpu, ExitRequest, type CpuServices, Fault, type Isa, type Translation } from '../isa.ts'
import { Arith, arithFlags } from '../../ir/arith-flags.ts'
import { bind } from '../../state/bind.ts'
import type { Views } from '../../state/views.ts'
import { callBits } from './bits.ts'
import { mxcsrMode } from './core.ts'
import { cpuLayout, type CpuState, Flag, Mode, Seg, System, SystemArg, systemName, type SystemName, Vector } from './cpu.ts'
import { noteSimd, SIMD_ROUNDING } from './fpu-state.ts'
import { callX87, X87_CALLS } from './x87.ts'
import { isFlat, isFlatCode } from './segment.ts'

/** How a run ended. */
export type Ending = { /** Where pc was. */ pc: bigint; vector: number; address: bigint; write: boolean; /** A helper that only a whole processor has. */ helper: SystemName | undefined }

/** Where a page lies in RAM, by its linear address; undefined where there is none. */
export type PageOf = (page: bigint) => { readonly pa: number; readonly write: boolean; readonly execute: boolean } | undefined

export type UserCpu = Cpu & { readonly s: CpuState; readonly ending: Ending }

/** An address where no test has code. */
const NOWHERE = 0n

/** The mode word of user code. */
export function userMode(s: CpuState, bits: number): number {
  const flat = (segment: number, bit: number) => (isFlat(s.seg[segment]!) ? bit : 0)
  return (bits === 64 ? Mode.CODE64 : bits === 32 ? Mode.CODE32 : Mode.CODE16) | (bits === 32 ? Mode.STACK32 : 0)
    | (3 << Mode.CPL_SHIFT) | Mode.PROTECTED | flat(Seg.ES, Mode.FLAT_ES) | flat(Seg.SS, Mode.FLAT_SS) | flat(Seg.DS, Mode.FLAT_DS)
    | (isFlatCode(s.seg[Seg.CS]!) ? Mode.FLAT_CS : 0) | Mode.OSFXSR | Mode.OSXSAVE | mxcsrMode(s.mxcsr)
    | (s.eflags & Flag.AC ? Mode.ALIGN : 0)
}

export function makeUserCpu(isa: Isa, views: Views, at: number, services: CpuServices, pageOf: PageOf, ending: Ending): UserCpu {
  const s = bind(cpuLayout, views, at), w = at >> 2
  const translation: Translation = { pa: 0, read: true, write: true, execute: true, global: false, whole: true, pageBits: 12 }
  const note = (vector: number, address = 0n, write = false) => Object.assign(ending, { vector, address, write, helper: undefined })
  // Compiled code sees the request at its back edges only: nothing may lead into it again.
  const stop = () => {
    ending.pc = s.pc
    s.pc = NOWHERE
    Atomics.or(views.i32, w, ExitRequest.STOP)
  }
  const raise = (vector: number) => {
    note(vector)
    stop()
  }
  const canonical = (va: bigint) => va >> 47n === 0n || va >> 47n === 0x1ffffn
  return {
    isa, s, ending,
    translate(vaLo, vaHi, access, _mode, _size, hint) {
      const va = (BigInt(vaHi >>> 0) << 32n) | BigInt(vaLo >>> 0)
      const write = access === Access.WRITE
      if (!canonical(va)) return note(hint ? Vector.SS : Vector.GP), null
      const page = pageOf(va & ~0xfffn)
      if (!page || (write && !page.write) || (access === Access.EXECUTE && !page.execute)) return note(Vector.PF, va, write), null
      return Object.assign(translation, { pa: page.pa + (vaLo & 0xfff), write: page.write, execute: page.execute })
    },
    probe: () => -1,
    fault(kind) {
      if (kind === Fault.BUS) throw new Error('a fault of an access that this processor does not know')
      note(kind === Fault.MISALIGNED ? Vector.AC : Vector.GP)
    },
    deliver: stop,
    system(helper, arg) {
      const base = s.seg[Seg.CS]!.base
      switch (systemName(helper)) {
        case 'FAULT': return raise(arg)
        case 'SEGMENT': return raise(arg === Seg.SS ? Vector.SS : Vector.GP)
        case 'INT3':
          s.pc += BigInt(arg & SystemArg.LENGTH)
          return raise(Vector.BP)
        case 'INTO':
          s.pc += BigInt(arg)
          return raise(Vector.OF)
        case 'SKIP':
          s.pc += BigInt(arg)
          return
        case 'RETRY': return
        case 'SIMD_EXCEPTION':
          s.fpRaised = 0
          return raise(Vector.XM)
        case 'BRANCH16':
        case 'BRANCH32': {
          const ip = BigInt.asUintN(helper === System.BRANCH16 ? 16 : 32, s.pc - base + BigInt(arg))
          if (ip > BigInt(s.seg[Seg.CS]!.limit)) return raise(Vector.GP)
          s.pc = BigInt.asUintN(32, base + ip)
          return
        }
        default:
          ending.helper = systemName(helper)
          stop()
      }
    },
    call(helper) {
      if (helper < X87_CALLS) callBits(views.i32, w, helper)
      else s.result = callX87(s, helper, s.args.get(0), s.args.get(1))
    },
    interrupt: () => false,
    wakes: () => true,
    reset() {},
    refresh: () => services.selectTlb(0, 0, 0, 0),
    debug: { xml: {}, registers: [], pc: 0, plain: 0, control: [], read: () => undefined, write: () => false },
    float: {
      policy: 'x86',
      rounding: () => SIMD_ROUNDING[(s.mxcsr >> 13) & 3]!,
      denormals: () => ({ areZero: (s.mxcsr & 0x40) !== 0, flush: (s.mxcsr & 0x8000) !== 0 }),
      raise(flags) {
        if (noteSimd(s, flags)) s.mode |= s.mode & Mode.MXCSR_ODD ? 0 : Mode.MXCSR_FREE
      },
    },
  }
}

/** All flags as EFLAGS has them. */
export const flagsOf = (s: CpuState): number => Number(arithFlags(s.fa, s.fb, BigInt(s.fx >>> 0))) | (s.eflags & ~Flag.ARITHMETIC)
export function setFlags(s: CpuState, flags: number): void {
  s.fa = BigInt(flags & Flag.ARITHMETIC)
  s.fx = Arith.EXPLICIT
  s.eflags = (flags & ~Flag.ARITHMETIC) | 2
}
