// A processor that is recompiled. The same code serves a thread of its own (life.ts) and slices on a shared one (`turn`).
import type { CompilerPort } from '../accel/jit/tier1/protocol.ts'
import { Tier1 } from '../accel/jit/tier1/install.ts'
import { Vcpu } from '../accel/jit/vcpu.ts'
import { ExitRequest, vcpuCore } from '../isa/isa.ts'
import type { Passes } from '../ir/opt/passes.ts'
import type { WasmFeatures } from '../wasm/features.ts'
import { layoutOf } from '../state/layout.ts'
import { StopKind } from '../accel/debug-table.ts'
import { type Bound, Control, type MachineShape, MEET_AGAIN } from './binding.ts'
import { type Engine, expire } from './life.ts'
import { publishStats } from './stats.ts'

const core = layoutOf(vcpuCore).offsets

export type CpuLoopOptions = {
  readonly index: number
  readonly shape: MachineShape
  readonly memory: WebAssembly.Memory
  readonly runtime: WebAssembly.Module
  readonly features: WasmFeatures
  readonly compiler: CompilerPort
  readonly passes: Passes
  /** Steps run compiled code. */
  readonly compiledSteps?: boolean
}

export class CpuLoop implements Engine {
  readonly vcpu: Vcpu
  readonly tier1: Tier1
  private readonly bound: Bound
  private readonly index: number
  private readonly i32: Int32Array
  private readonly state: number
  private readonly control: number
  /** On a machine of one thread: word index of the state's fuel, and what a millisecond burns. */
  private readonly fuel: number
  private rate = 10_000

  constructor(bound: Bound, o: CpuLoopOptions) {
    this.bound = bound
    this.index = o.index
    this.i32 = bound.views.i32
    this.state = bound.cpus[o.index]!.state
    this.control = bound.controls[o.index]!
    this.fuel = bound.views.shared ? -1 : (this.state + core.fuel) >>> 2
    this.vcpu = new Vcpu({
      index: o.index,
      isa: bound.arch.isa,
      views: bound.views,
      plan: bound.cpus[o.index]!,
      memory: o.memory,
      physical: bound.system.memory,
      runtime: o.runtime,
      features: o.features,
      passes: o.passes,
      mailboxes: bound.mailboxes,
      codePages: bound.codePages,
      fueled: this.fuel >= 0,
      services: {
        nowNs: () => bound.clock.nowNs(),
        armTimer: ns => {
          bound.setDeadline(o.index, ns)
          if (this.fuel >= 0) this.leaveBefore(ns)
        },
      },
      makeCpu: services => bound.arch.makeCpu(this.state, services, bound.surroundings, o.shape),
    })
    this.tier1 = new Tier1(this.vcpu, o.compiler)
    if (o.compiledSteps) this.vcpu.code.stepCode = b => this.tier1.stepCode(b)
    watchWrites(bound, o.index, page => this.vcpu.code.dropCode(page))
  }

  private word(at: number): number { return (this.control + at) >>> 2 }

  /** Begins to run after a pause: a breakpoint at pc has been told. */
  resumed(): void {
    const { pc } = core, { i32, state } = this
    if (Atomics.compareExchange(i32, this.word(Control.STOP), MEET_AGAIN, 0) === MEET_AGAIN) this.vcpu.debug.noPass()
    else this.vcpu.debug.pass(i32[(state + pc) >>> 2]!, i32[((state + pc) >>> 2) + 1]!)
  }

  /** Its state is always in shared memory. */
  settle(): void {}
  settleLog(): void { this.vcpu.settleLog() }

  /** Runs until the processor sleeps or is asked to stop; or steps over an instruction or a block, if that is asked for. */
  slice(): 'halted' | 'stopped' | 'unfinished' {
    const { i32, vcpu } = this
    if (Atomics.exchange(i32, this.word(Control.REFRESH), 0)) {
      this.bound.watch.apply()
      vcpu.code.watch(this.bound.watch.oneInsn)
      vcpu.debug.load(this.bound.breakpoints.entries())
      vcpu.tlb.flush()
      vcpu.code.dropAllCode()
      this.tier1.reset()
      vcpu.cpu.refresh()
    }
    return Atomics.load(i32, this.word(Control.STEP)) ? this.step() : this.run()
  }

  private run(): 'halted' | 'stopped' | 'unfinished' {
    const { i32, vcpu } = this, halted = (this.state + core.halted) >>> 2
    for (;;) {
      vcpu.run()
      publishStats(this.bound.views, this.control + Control.STATS, vcpu, this.tier1)
      const { hit } = vcpu.debug
      if (hit) {
        vcpu.debug.hit = undefined
        this.bound.stopped(this.index, hit)
        return 'stopped'
      }
      if (this.stopAsked()) return 'stopped'
      if (i32[halted]) {
        if (!this.wake() && !vcpu.core.exitRequest) return 'halted'
      } else if (this.fuel >= 0 && i32[this.fuel] === 0) return 'unfinished'
    }
  }

  private step(): 'halted' | 'stopped' {
    const { vcpu } = this
    let done = false
    if (this.i32[(this.state + core.halted) >>> 2]) {
      if (!this.wake() && !(vcpu.core.exitRequest & ExitRequest.STOP)) return 'halted'
      // What wakes it may move it elsewhere: that is the step then.
      done = vcpu.cpu.interrupt()
    }
    if (!done) done = vcpu.step(this.i32[this.word(Control.STEP)])
    if (done) this.bound.stopped(this.index, vcpu.debug.hit ?? { kind: StopKind.STEP, lo: 0, hi: 0 })
    vcpu.debug.hit = undefined
    this.stopAsked()
    return 'stopped'
  }

  private stopAsked(): boolean {
    const bits = ExitRequest.STOP | ExitRequest.DEBUG
    if (!(this.vcpu.core.exitRequest & bits)) return false
    this.vcpu.core.clearExit(bits)
    return true
  }

  /** Ends the processor's wait if there is a reason to. */
  private wake(): boolean {
    const { i32 } = this
    Atomics.store(i32, (this.state + core.wake) >>> 2, 0)
    if (!this.vcpu.cpu.wakes()) return false
    i32[(this.state + core.halted) >>> 2] = 0
    return true
  }

  /** On a machine of one thread: runs for about some milliseconds. In pieces, because fuel measures time badly: a poll takes
   * a nanosecond in a compiled loop, and microseconds where code is new. */
  turn(ms: number): 'halted' | 'stopped' | 'unfinished' {
    const { i32, fuel, bound } = this, start = bound.clock.nowNs(), end = start + ms * 1e6
    for (let now = start;;) {
      if (bound.deadline(this.index) <= now) expire(bound, this.index)
      i32[fuel] = MAX_FUEL
      this.leaveBefore(Math.min(bound.deadline(this.index), end))
      const given = i32[fuel]!, result = this.slice(), burnt = given - i32[fuel]!, then = bound.clock.nowNs()
      if (burnt >= MIN_FUEL) this.rate = Math.min(Math.max((this.rate + (burnt * 1e6) / Math.max(then - now, 1000)) / 2, 100), MAX_RATE)
      now = then
      if (result !== 'unfinished' || now >= end) return result
    }
  }

  private leaveBefore(ns: number): void {
    const { i32, fuel } = this, ms = (ns - this.bound.clock.nowNs()) / 1e6
    i32[fuel] = Math.min(i32[fuel]!, Math.max(MIN_FUEL, Math.floor(this.rate * ms)))
  }
}

/** The least and the most fuel of a piece, and the most that a millisecond can burn. */
const MIN_FUEL = 500, MAX_FUEL = 20_000, MAX_RATE = 1_000_000

/** Writes by devices, through this thread's view of physical memory, drop translated code as the guest's own do. */
export function watchWrites(bound: Bound, cpu: number, drop: (page: number) => void): void {
  const { memory } = bound.system
  memory.onWritten = (pa, sizeBytes) => {
    const host = memory.ramAt(pa)
    if (host < 0) return
    for (let page = host & -4096; page < host + sizeBytes; page += 4096)
      if (bound.codePages.has(page)) bound.codePages.written(page, cpu, drop)
  }
}
