// A processor that the kernel runs, on its thread: entries and exits, and who has its state when.
import { type Cpu, ExitRequest, vcpuCore } from '../../isa/isa.ts'
import { layoutOf } from '../../state/layout.ts'
import { type Bus, busOf } from '../bus.ts'
import type { DebugEntry, DebugHit } from '../debug-table.ts'
import type { PhysicalMemory } from '../../mem/physical.ts'
import { Errno, Exit, exitName, Run } from './abi.ts'
import { type KvmCpu, Outcome } from './arch.ts'
import type { GuestPlace } from './guest.ts'
import { accessMemory } from './memory-exit.ts'
import type { KvmSlots } from './slots.ts'
import type { KvmStats } from './stats.ts'
import type { KvmVcpu } from './vcpu.ts'

const core = layoutOf(vcpuCore).offsets

/** What the kernel could not do: the guest cannot go on. */
export type Failure = { readonly text: string }

export type KvmProcessorParts = {
  readonly vcpu: KvmVcpu
  readonly own: KvmCpu
  readonly state: number
  readonly place: GuestPlace
  readonly physical: PhysicalMemory
  readonly slots: KvmSlots
  readonly stats: KvmStats
  /** Makes all other processors leave the guest. */
  stopOthers(): void
  /** Waits until the log has taken this thread's lines. */
  settleLog(): void
}

export class KvmProcessor {
  readonly cpu: Cpu
  failure: Failure | undefined
  /** Why a debugger's guest stopped. */
  hit: DebugHit | undefined
  private readonly p: KvmProcessorParts
  private readonly bus: Bus
  private readonly i32: Int32Array
  private readonly halted: number
  /** The kernel has the state. */
  private entered = false
  private entries: readonly DebugEntry[] = []
  /** The last exit's answer has not reached the guest. */
  private unfinished = false

  constructor(p: KvmProcessorParts) {
    this.p = p
    this.cpu = p.own.cpu
    this.i32 = p.vcpu.views.i32
    this.halted = (p.state + core.halted) >>> 2
    this.bus = busOf(p.physical, this.cpu.local, this.cpu.isa.openBus ?? false)
  }

  private get request(): number { return Atomics.load(this.i32, this.p.state >>> 2) }
  private clear(bits: number): void { Atomics.and(this.i32, this.p.state >>> 2, ~bits) }

  /** Gives the state to the kernel, if it has not got it. */
  begin(): void {
    if (this.entered) return
    this.update()
    this.p.own.load()
    this.entered = true
  }

  /** Takes the state from the kernel: it is whole in shared memory then. */
  settle(): void {
    if (!this.entered) return
    if (this.unfinished) this.finish()
    this.p.stats.count('state_moves')
    this.p.own.save()
    this.entered = false
  }

  /** Ends what the last exit began. It may be in several parts. */
  private finish(): Outcome {
    let outcome: Outcome = Outcome.ON
    while (outcome === Outcome.ON && this.p.vcpu.finish() >= 0) {
      this.p.own.left()
      outcome = this.serve()
    }
    this.unfinished = false
    return outcome
  }

  private update(): void {
    if (!this.p.slots.current) this.p.slots.update(() => this.p.stopOthers())
  }

  /** Runs the guest until a stop is asked for, or it waits for an interrupt, or cannot go on. */
  run(): 'stopped' | 'halted' | 'failed' | 'hit' {
    for (;;) {
      const request = this.request
      if (request) {
        if (request & ExitRequest.LOG) {
          this.clear(ExitRequest.LOG)
          this.p.settleLog()
        }
        if (request & (ExitRequest.STOP | ExitRequest.DEBUG)) {
          this.clear(ExitRequest.STOP | ExitRequest.DEBUG)
          return 'stopped'
        }
        this.clear(ExitRequest.INTERRUPT | ExitRequest.MESSAGE | ExitRequest.RETIER | ExitRequest.FLUSH)
        if (!this.i32[this.halted] || this.wake()) this.p.own.interrupt()
      }
      if (this.i32[this.halted] && !this.wake()) return 'halted'
      if (this.request) continue
      const outcome = this.enter()
      if (outcome === Outcome.BROKEN) return 'failed'
      if (outcome === Outcome.STOPS) {
        this.hit = this.p.own.hit
        return 'hit'
      }
    }
  }

  /** Runs one instruction, without taking interrupts; false if a stop was asked for first. */
  step(): boolean | 'failed' {
    const { own } = this.p
    own.debug([], true)
    const from = own.position()
    try {
      for (;;) {
        if (this.request & (ExitRequest.STOP | ExitRequest.DEBUG)) return false
        const kept = Atomics.and(this.i32, this.p.state >>> 2, 0) // what else is asked for comes afterwards
        const outcome = this.enter()
        if (kept) Atomics.or(this.i32, this.p.state >>> 2, kept)
        if (outcome === Outcome.BROKEN) return 'failed'
        if (outcome !== Outcome.ON) return true
        // Emulated instructions with an exit of their own may trap one too late.
        if (this.unfinished && (this.finish() === Outcome.STOPS || own.position() !== from)) return true
      }
    } finally {
      this.hit = own.hit
      own.debug(this.entries, false)
    }
  }

  /** Breakpoints and watchpoints from now on. */
  breakAt(entries: readonly DebugEntry[]): void {
    this.entries = entries
    this.p.own.debug(entries, false)
  }

  /** Ends the processor's wait if there is a reason to. */
  wake(): boolean {
    Atomics.store(this.i32, (this.p.state + core.wake) >>> 2, 0)
    if (!this.p.own.wakes()) return false
    this.i32[this.halted] = 0
    return true
  }

  private enter(): Outcome {
    const { vcpu, own, place, slots } = this.p, inGuest = place.inGuest >>> 2
    this.update()
    own.entering()
    Atomics.store(this.i32, inGuest, 1)
    if (this.request || slots.changing) {
      this.leave(inGuest)
      if (slots.changing) slots.wait()
      return Outcome.ON
    }
    const result = vcpu.enter()
    this.leave(inGuest)
    this.unfinished = false
    if (result < 0) {
      if (result === Errno.EINTR || result === Errno.EAGAIN) {
        this.p.stats.left(Exit.INTR)
        own.left()
        return Outcome.ON
      }
      return this.broken(`the kernel does not run it: ${vcpu.machine.native.errorName(result)}`)
    }
    this.p.stats.left(vcpu.exitReason)
    own.left()
    return this.serve()
  }
  private leave(inGuest: number): void {
    Atomics.store(this.i32, inGuest, 0)
    Atomics.notify(this.i32, inGuest)
    this.p.vcpu.views.u8[this.p.place.run + Run.IMMEDIATE_EXIT] = 0
  }

  private serve(): Outcome {
    const { vcpu, own } = this.p, reason = vcpu.exitReason, { views, run } = vcpu, { u32 } = views
    switch (reason) {
      case Exit.MMIO:
        accessMemory(views, run, this.bus)
        this.unfinished = true
        return Outcome.ON
      case Exit.INTR: return Outcome.ON
      case Exit.FAIL_ENTRY:
        return this.broken(`the processor does not enter the guest: hardware reason 0x${this.word(Run.HARDWARE_REASON)}`)
      case Exit.UNKNOWN: return this.broken(`the processor left the guest for an unknown hardware reason 0x${this.word(Run.HARDWARE_REASON)}`)
      case Exit.INTERNAL_ERROR: {
        const words = Math.min(16, u32[(run + Run.ERROR_WORDS) >>> 2]!)
        const data = Array.from({ length: words }, (_, i) => `0x${this.word(Run.ERROR_DATA + 8 * i)}`)
        return this.broken(`KVM internal error, suberror ${u32[(run + Run.SUBERROR) >>> 2]}${internal[u32[(run + Run.SUBERROR) >>> 2]!] ?? ''}${data.length ? `: ${data.join(' ')}` : ''}`)
      }
      default: {
        const outcome = own.exit(reason)
        if (outcome === undefined) return this.broken(`an exit that is not known: ${exitName(reason)}`)
        this.unfinished = true
        return outcome
      }
    }
  }
  private word(at: number): string { return this.p.vcpu.views.u64[(this.p.vcpu.run + at) >>> 3]!.toString(16) }

  private broken(text: string): Outcome {
    this.failure = { text }
    this.unfinished = false
    return Outcome.BROKEN
  }
}

const internal: { readonly [suberror: number]: string } = {
  1: ' (an instruction that it cannot emulate)', 2: ' (events at the same time)', 3: ' (an exit during the delivery of an event)',
  4: ' (an exit that it does not expect)',
}
