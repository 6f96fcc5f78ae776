// An x86 processor of the kernel's with a local APIC of ours (irqchip off): which events it is given when, and what its exits want.
import type { Cpu } from '../../../isa/isa.ts'
import { acceptsExtint, acceptVector, checkTimer, pendingVector, writeApicBase } from '../../../isa/x86/apic.ts'
import { type Core, flags, get, getHi, W } from '../../../isa/x86/core.ts'
import { Flag, Line } from '../../../isa/x86/cpu.ts'
import { readMsr, writeMsr } from '../../../isa/x86/msr.ts'
import { initialize, startUp } from '../../../isa/x86/reset.ts'
import { Exit } from '../abi.ts'
import { type KvmCpu, Outcome } from '../arch.ts'
import type { DebugEntry, DebugHit } from '../../debug-table.ts'
import type { KvmStats } from '../stats.ts'
import type { KvmVcpu } from '../vcpu.ts'
import { Regs, X86Request, X86Run } from './abi.ts'
import { setCpuid } from './cpuid.ts'
import { GuestDebugger } from './debug.ts'
import { KvmState } from './state.ts'

export function x86KvmCpu(vcpu: KvmVcpu, c: Core, cpu: Cpu, stats: KvmStats): KvmCpu {
  setCpuid(vcpu, c)
  return new X86KvmCpu(vcpu, c, cpu, stats)
}

class X86KvmCpu implements KvmCpu {
  readonly cpu: Cpu
  private readonly c: Core
  private readonly vcpu: KvmVcpu
  private readonly state: KvmState
  private readonly run: number
  private readonly u8: Uint8Array
  private readonly stats: KvmStats
  private readonly debugger: GuestDebugger
  hit: DebugHit | undefined

  constructor(vcpu: KvmVcpu, c: Core, cpu: Cpu, stats: KvmStats) {
    this.stats = stats
    this.vcpu = vcpu
    this.c = c
    this.cpu = cpu
    this.run = vcpu.run
    this.u8 = vcpu.views.u8
    this.state = new KvmState(vcpu, c)
    this.debugger = new GuestDebugger(vcpu)
  }

  debug(entries: readonly DebugEntry[], step: boolean): void {
    this.hit = undefined
    this.debugger.set(entries, step)
  }

  position(): bigint {
    this.vcpu.call(X86Request.GET_REGS, 'registers')
    return this.vcpu.views.u64[(this.vcpu.scratch + Regs.RIP) >>> 3]!
  }

  load(): void {
    const { c, u8, run } = this
    this.state.load()
    // As the kernel will find out when it is entered.
    u8[run + X86Run.IF_FLAG] = flags(c) & Flag.IF ? 1 : 0
    u8[run + X86Run.READY] = flags(c) & Flag.IF && !c.s.shadow ? 1 : 0
    u8[run + X86Run.REQUEST_WINDOW] = 0
    Atomics.or(c.i32, c.w + W.exitRequest, 1)
  }
  save(): void { this.state.save() }

  interrupt(): void {
    const { c } = this
    checkTimer(c)
    let lines = Atomics.load(c.i32, c.w + W.lines)
    if (lines & (Line.INIT | Line.SIPI)) {
      this.start(lines)
      lines = Atomics.load(c.i32, c.w + W.lines)
    }
    if (c.s.waitsForSipi) return
    if (lines & Line.NMI) {
      Atomics.and(c.i32, c.w + W.lines, ~Line.NMI)
      this.vcpu.attemptPlain(X86Request.NMI)
    }
    this.offer()
  }

  /** INIT and start-up messages change registers: all of them come here and go back. */
  private start(lines: number): void {
    const { c } = this
    Atomics.and(c.i32, c.w + W.lines, ~(Line.INIT | Line.SIPI))
    if (lines & Line.INIT) {
      this.save()
      initialize(c)
    }
    if (lines & Line.SIPI && c.s.waitsForSipi) {
      if (!(lines & Line.INIT)) this.save()
      startUp(c, Atomics.load(c.i32, c.w + W.sipiVector))
    } else if (!(lines & Line.INIT)) return
    this.load()
  }

  private wanted(): boolean {
    const { c } = this
    return pendingVector(c) >= 0 || ((Atomics.load(c.i32, c.w + W.lines) & Line.INTR) !== 0 && acceptsExtint(c))
  }

  /** Gives the processor its next interrupt, or has the kernel say when it takes one. */
  private offer(): void {
    const { c, u8, run } = this
    if (this.wanted() && u8[run + X86Run.READY] && u8[run + X86Run.IF_FLAG]) {
      const own = pendingVector(c)
      if (own >= 0) acceptVector(c, own)
      const vector = own >= 0 ? own : c.platform.acknowledge()
      this.vcpu.views.u32[this.vcpu.scratch >>> 2] = vector
      this.vcpu.call(X86Request.INTERRUPT, `interrupt ${vector}`)
      this.stats.count('irq_injections')
      u8[run + X86Run.READY] = 0
    }
    u8[run + X86Run.REQUEST_WINDOW] = this.wanted() ? 1 : 0
  }

  wakes(): boolean {
    const { c, u8, run } = this
    checkTimer(c)
    const lines = Atomics.load(c.i32, c.w + W.lines)
    const woken = c.s.waitsForSipi ? lines & (Line.INIT | Line.SIPI)
      : lines & Line.INIT || (lines & Line.NMI && !c.s.nmiBlocked) || (u8[run + X86Run.IF_FLAG] && this.wanted())
    if (woken) Atomics.or(c.i32, c.w + W.exitRequest, 1)
    return Boolean(woken)
  }

  entering(): void {
    this.vcpu.views.u64[(this.run + X86Run.CR8) >>> 3] = BigInt(get(this.c, W.apicTpr) >>> 4)
  }

  /** What the guest has changed without an exit of its own: its priority, the place of the APIC. */
  left(): void {
    const { c, run } = this, { u32 } = this.vcpu.views
    const priority = u32[(run + X86Run.CR8) >>> 2]!
    if (priority !== get(c, W.apicTpr) >>> 4) c.i32[c.w + W.apicTpr] = priority << 4
    const lo = u32[(run + X86Run.APIC_BASE) >>> 2]! | 0, hi = u32[(run + X86Run.APIC_BASE + 4) >>> 2]! | 0
    if (lo !== get(c, W.apicBase) || hi !== getHi(c, W.apicBase)) writeApicBase(c, lo, hi)
  }

  exit(reason: number): Outcome | undefined {
    switch (reason) {
      case Exit.IO: return this.ports()
      case Exit.HLT: return this.wait()
      case Exit.IRQ_WINDOW: case Exit.SET_TPR: return this.again()
      case Exit.DEBUG:
        this.hit = this.debugger.hit()
        return this.hit ? Outcome.STOPS : Outcome.ON
      case Exit.RDMSR: return this.readMsr()
      case Exit.WRMSR: return this.writeMsr()
      case Exit.SHUTDOWN:
        this.c.platform.reset()
        return this.wait()
      default: return undefined
    }
  }

  private again(): Outcome {
    Atomics.or(this.c.i32, this.c.w + W.exitRequest, 1)
    return Outcome.ON
  }
  private wait(): Outcome {
    this.c.i32[this.c.w + W.halted] = 1
    return Outcome.WAITS
  }

  private ports(): Outcome {
    const { run, u8, c: { platform: { io } } } = this, { data, u32, u16 } = this.vcpu.views
    const size = u8[run + X86Run.IO_SIZE]!, port = u16[(run + X86Run.IO_PORT) >>> 1]!, count = u32[(run + X86Run.IO_COUNT) >>> 2]!
    const out = u8[run + X86Run.IO_OUT] !== 0
    for (let i = 0, at = run + u32[(run + X86Run.IO_DATA) >>> 2]!; i < count; i++, at += size) {
      if (out) io.write(port, size, size === 1 ? u8[at]! : size === 2 ? data.getUint16(at, true) : data.getUint32(at, true))
      else {
        const v = io.read(port, size)
        if (size === 1) u8[at] = v
        else if (size === 2) data.setUint16(at, v, true)
        else data.setUint32(at, v, true)
      }
    }
    return Outcome.ON
  }

  private readMsr(): Outcome {
    const { c, run, u8 } = this, { u32 } = this.vcpu.views, at = (run + X86Run.MSR_DATA) >>> 2
    const lo = readMsr(c, u32[(run + X86Run.MSR_INDEX) >>> 2]!)
    u8[run + X86Run.MSR_ERROR] = lo === undefined ? 1 : 0
    u32[at] = lo ?? 0
    u32[at + 1] = lo === undefined ? 0 : c.hi
    return Outcome.ON
  }
  private writeMsr(): Outcome {
    const { c, run, u8 } = this, { u32 } = this.vcpu.views, at = (run + X86Run.MSR_DATA) >>> 2
    const done = writeMsr(c, u32[(run + X86Run.MSR_INDEX) >>> 2]!, u32[at]! | 0, u32[at + 1]! | 0)
    u8[run + X86Run.MSR_ERROR] = done ? 0 : 1
    return this.again()
  }
}
