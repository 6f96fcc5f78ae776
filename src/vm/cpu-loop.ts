// The life of a processor: run when told to, sleep when there is nothing to do, stop when asked. The same code serves a
// thread of its own (`live`) and slices on a shared one (`slice`).
import { type CompilerPort } from '../accel/jit/tier1/protocol.ts'
import { Tier1 } from '../accel/jit/tier1/install.ts'
import { Vcpu } from '../accel/jit/vcpu.ts'
import { ExitRequest, vcpuCore } from '../isa/isa.ts'
import type { WasmFeatures } from '../wasm/features.ts'
import { layoutOf } from '../state/layout.ts'
import { type Bound, Command, Control, CpuState, type MachineShape } from './binding.ts'

const core = layoutOf(vcpuCore).offsets

export type CpuLoopOptions = {
  readonly index: number
  readonly shape: MachineShape
  readonly memory: WebAssembly.Memory
  readonly runtime: WebAssembly.Module
  readonly features: WasmFeatures
  readonly compiler: CompilerPort
}

export class CpuLoop {
  readonly vcpu: Vcpu
  readonly tier1: Tier1
  private readonly bound: Bound
  private readonly index: number
  private readonly i32: Int32Array
  private readonly state: number
  private readonly control: number

  constructor(bound: Bound, o: CpuLoopOptions) {
    this.bound = bound
    this.index = o.index
    this.i32 = bound.views.i32
    this.state = bound.cpus[o.index]!.state
    this.control = bound.controls[o.index]!
    this.vcpu = new Vcpu({
      index: o.index,
      isa: bound.arch.isa,
      views: bound.views,
      plan: bound.cpus[o.index]!,
      memory: o.memory,
      physical: bound.system.memory,
      runtime: o.runtime,
      features: o.features,
      mailboxes: bound.mailboxes,
      codePages: bound.codePages,
      services: {
        nowNs: () => bound.clock.nowNs(),
        armTimer: ns => bound.setDeadline(o.index, ns),
      },
      makeCpu: services => bound.arch.makeCpu(this.state, services, bound.surroundings, o.shape.boot),
    })
    this.tier1 = new Tier1(this.vcpu, o.compiler)
    watchWrites(bound, o.index, page => this.vcpu.dropCode(page))
  }

  private word(at: number): number { return (this.control + at) >>> 2 }

  /** Runs until the processor sleeps or is asked to stop. */
  slice(): 'halted' | 'stopped' {
    const { i32 } = this
    if (Atomics.exchange(i32, this.word(Control.REFRESH), 0)) {
      this.vcpu.tlb.flush()
      this.vcpu.dropAllCode()
      this.tier1.reset()
      this.vcpu.cpu.refresh()
    }
    Atomics.store(i32, this.word(Control.STATE), CpuState.RUNNING)
    const halted = (this.state + core.halted) >>> 2, wake = (this.state + core.wake) >>> 2
    for (;;) {
      this.vcpu.run()
      const request = this.vcpu.exitRequest
      if (request & (ExitRequest.STOP | ExitRequest.DEBUG)) {
        this.vcpu.clearExit(ExitRequest.STOP | ExitRequest.DEBUG)
        return 'stopped'
      }
      if (!i32[halted]) continue
      Atomics.store(i32, wake, 0)
      if (this.vcpu.cpu.wakes()) i32[halted] = 0
      else if (!this.vcpu.exitRequest) return 'halted'
    }
  }

  /** Sleeps until something happens or the processor's own timer is due. Blocks the thread. */
  sleep(): void {
    const { i32 } = this, wake = (this.state + core.wake) >>> 2
    const ms = (this.bound.deadline(this.index) - this.bound.clock.nowNs()) / 1e6
    if (ms <= 0) {
      this.expire()
      return
    }
    if (Atomics.wait(i32, wake, 0, ms) === 'timed-out') this.expire()
  }

  private expire(): void {
    if (this.bound.expire(this.index, this.bound.clock.nowNs())) Atomics.or(this.i32, this.state >>> 2, ExitRequest.INTERRUPT)
  }

  /** The life of a thread; returns when the machine ends. */
  live(): void {
    const { i32 } = this
    for (;;) {
      const command = Atomics.load(i32, this.word(Control.COMMAND))
      if (command === Command.END) return
      if (command === Command.PAUSE) {
        Atomics.store(i32, this.word(Control.STATE), CpuState.PAUSED)
        Atomics.notify(i32, this.word(Control.STATE))
        this.bound.ring()
        Atomics.wait(i32, this.word(Control.COMMAND), Command.PAUSE)
        continue
      }
      if (this.slice() === 'halted') this.sleep()
    }
  }
}

/** Writes by devices, through this thread's view of physical memory, drop translated code as the guest's own do. */
export function watchWrites(bound: Bound, cpu: number, drop: (page: number) => void): void {
  const { memory } = bound.system
  memory.written = (pa, sizeBytes) => {
    const host = memory.ramAt(pa)
    if (host < 0) return
    for (let page = host & -4096; page < host + sizeBytes; page += 4096)
      if (bound.codePages.has(page)) bound.codePages.written(page, cpu, drop)
  }
}
