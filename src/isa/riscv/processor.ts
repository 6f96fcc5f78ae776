// An RV64 hart bound to its state: the `Cpu` of isa.ts. Everything it remembers is in the state, or can be
// derived from it.
import type { Views } from '../../state/views.ts'
import { resetState } from '../../state/bind.ts'
import { unreachable } from '../../base/errors.ts'
import { type Cpu, type CpuServices, Fault, type Isa } from '../isa.ts'
import {
  advance, Cause, type Core, forget, makeCore, Priv, privOf, selectTlb, Status, updateMode, W,
} from './core.ts'
import { readCounter, readTime, updateTimer } from './counters.ts'
import { Call, hartLayout, HsmState, System } from './cpu.ts'
import { csrInstruction, dirtyFs } from './csr.ts'
import { debugTarget } from './gdb.ts'
import { noteAccessFault, noteMisaligned, probe, translate } from './mmu.ts'
import { updatePmp } from './pmp.ts'
import { startHart } from './sbi/hsm.ts'
import type { SbiPlatform } from './sbi/platform.ts'
import { sbiCall } from './sbi/sbi.ts'
import { deliver, exception, illegal, interrupt, mret, sret, wakes, wfi } from './traps.ts'

/** Binds a hart whose state is at byte address `at`. With `sbi`, environment calls from supervisor mode are
 * served by the built-in SBI instead of trapping to firmware in machine mode. */
export function makeCpu(isa: Isa, views: Views, at: number, services: CpuServices, sbi?: SbiPlatform): Cpu {
  const c = makeCore(views, at, services)
  return {
    isa,
    translate: (vaLo, vaHi, access, mmuMode, size) => translate(c, vaLo, vaHi, access, mmuMode, size),
    probe: (vaLo, vaHi) => probe(c, vaLo, vaHi),
    fault(kind, vaLo, vaHi, access) {
      if (kind === Fault.BUS) noteAccessFault(c, vaLo, vaHi, access)
      else noteMisaligned(c, vaLo, vaHi, access)
    },
    deliver: () => deliver(c),
    system: (helper, arg) => system(c, helper, arg, sbi),
    call: helper => call(c, helper),
    interrupt: () => (runs(c) ? interrupt(c) : c.i32[c.w + W.hsm] === HsmState.START_PENDING && startHart(c)),
    wakes: () => (runs(c) ? wakes(c) : Atomics.load(c.i32, c.w + W.hsm) === HsmState.START_PENDING),
    reset() {
      resetState(hartLayout, views, at)
      refresh(c)
      services.flushTlb()
    },
    refresh: () => refresh(c),
    debug: debugTarget(c),
    float: {
      policy: 'canonical',
      rounding: () => c.i32[c.w + W.frm]!,
      raise(flags) {
        const before = c.i32[c.w + W.fflags]!
        c.i32[c.w + W.fflags] = before | flags
        if (flags & ~before & 1) updateMode(c) // translations know whether the inexact flag is set
      },
    },
  }
}

/** False while the built-in SBI holds the hart stopped: interrupts then don't reach it. */
function runs(c: Core): boolean {
  const hsm = Atomics.load(c.i32, c.w + W.hsm)
  return hsm === HsmState.STARTED || hsm === HsmState.SUSPENDED
}

function refresh(c: Core): void {
  forget(c)
  updatePmp(c)
  updateMode(c)
  selectTlb(c)
  updateTimer(c)
}

function system(c: Core, helper: number, arg: number, sbi: SbiPlatform | undefined): void {
  switch (helper as (typeof System)[keyof typeof System]) {
    case System.CSR: return csrInstruction(c, arg)
    case System.ECALL: return ecall(c, sbi)
    case System.SRET: return sret(c)
    case System.SFENCE_VMA: return sfence(c, arg)
    case System.FS_DIRTY: return dirtyFs(c)
    case System.WFI: return wfi(c)
    case System.FENCE_I:
      c.services.flushCode()
      return advance(c, 4)
    case System.SPIN: return advance(c, 4)
    case System.ILLEGAL: return illegal(c, arg)
    case System.EBREAK: return exception(c, Cause.BREAKPOINT, c.i32[c.w + W.pc]!, c.i32[c.w + W.pc + 1]!)
    case System.MRET: return mret(c)
    case System.SC_FAIL: return failStore(c, arg)
    default: unreachable(helper as never)
  }
}

function ecall(c: Core, sbi: SbiPlatform | undefined): void {
  const priv = privOf(c)
  if (priv !== Priv.SUPERVISOR || sbi === undefined) return exception(c, Cause.ECALL_U + priv)
  advance(c, 4) // first, for a call that moves pc
  sbiCall(c, sbi)
}

/** SC.W or SC.D without a reservation of its address. */
function failStore(c: Core, word: number): void {
  const { i32, w } = c, rs1 = w + W.x + 2 * ((word >> 15) & 31), rd = (word >> 7) & 31
  const size = word & 0x1000 ? 8 : 4
  if (i32[rs1]! & (size - 1)) return exception(c, Cause.STORE_MISALIGNED, i32[rs1]!, i32[rs1 + 1]!)
  i32[w + W.reservedAddress] = -1
  i32[w + W.reservedAddress + 1] = -1
  if (rd !== 0) {
    i32[w + W.x + 2 * rd] = 1
    i32[w + W.x + 2 * rd + 1] = 0
  }
  advance(c, 4)
}

/** SFENCE.VMA rs1 (an address, or x0: all), rs2 (an ASID, or x0: all). */
function sfence(c: Core, word: number): void {
  const { i32, w, services } = c, priv = privOf(c), rs1 = (word >> 15) & 31, rs2 = (word >> 20) & 31
  if (priv === Priv.USER || (priv === Priv.SUPERVISOR && i32[w + W.mstatus]! & Status.TVM))
    return illegal(c, word)
  const asid = rs2 === 0 ? undefined : i32[w + W.x + 2 * rs2]! & 0xffff
  if (rs1 === 0) services.flushTlb(asid)
  else services.flushPage(i32[w + W.x + 2 * rs1]!, i32[w + W.x + 2 * rs1 + 1]!, asid)
  advance(c, 4)
}

function call(c: Core, helper: number): void {
  const lo = helper === Call.TIME ? readTime(c)
    : helper === Call.CYCLE ? readCounter(c, W.mcycle, 1)
    : helper === Call.INSTRET ? readCounter(c, W.minstret, 4)
    : unreachable(helper as never)
  c.i32[c.w + W.result] = lo
  c.i32[c.w + W.result + 1] = c.hi
}
