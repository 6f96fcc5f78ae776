// A processor that the kernel runs, on a thread of its own.
import type { KvmMachine } from '../accel/kvm/device.ts'
import { kick, kickOut } from '../accel/kvm/guest.ts'
import { type Failure, KvmProcessor } from '../accel/kvm/processor.ts'
import { KvmSlots } from '../accel/kvm/slots.ts'
import { KvmStats } from '../accel/kvm/stats.ts'
import { KvmVcpu } from '../accel/kvm/vcpu.ts'
import { type DebugHit, DebugKind, StopKind } from '../accel/debug-table.ts'
import { vcpuCore } from '../isa/isa.ts'
import { layoutOf } from '../state/layout.ts'
import type { HostNative } from '../host/host.ts'
import { type Bound, Command, Control, type MachineShape, MEET_AGAIN } from './binding.ts'
import type { Engine } from './life.ts'

const { pc: PC, halted: HALTED } = layoutOf(vcpuCore).offsets

export type KvmThreadData = { readonly index: number; readonly shape: MachineShape; readonly memory: WebAssembly.Memory }

export class KvmLoop implements Engine {
  readonly vcpu: KvmVcpu
  readonly processor: KvmProcessor
  settleLog: () => void = () => {}
  private passes = false
  private readonly bound: Bound
  private readonly index: number
  private readonly failed: (failure: Failure) => void

  constructor(bound: Bound, native: HostNative, { index, shape }: KvmThreadData, failed: (failure: Failure) => void) {
    const { views, system: { memory }, kvm, arch } = bound, others = kvm!.places.filter((_, cpu) => cpu !== index)
    const machine: KvmMachine = { native, system: shape.kvm!.system, fd: shape.kvm!.fd }
    this.bound = bound
    this.index = index
    this.failed = failed
    kvm!.kick = place => kick(native, views, place)
    this.vcpu = new KvmVcpu(machine, index, views, kvm!.vcpus[index]!)
    const at = bound.cpus[index]!.state, stats = new KvmStats(views, bound.controls[index]! + Control.STATS)
    this.processor = new KvmProcessor({
      vcpu: this.vcpu, state: at, place: kvm!.places[index]!, physical: memory,
      own: arch.kvm!.makeCpu(this.vcpu, stats, at, {
        hart: index,
        ramAt: pa => memory.ramAt(pa),
        casWord: (pa, expectedLo, expectedHi, lo, hi) => {
          const host = memory.ramAt(pa), expected = wide(expectedLo, expectedHi)
          return host >= 0 && Atomics.compareExchange(views.u64, host >>> 3, expected, wide(lo, hi)) === expected
        },
        casHalf: (pa, expected, value) => {
          const host = memory.ramAt(pa)
          return host >= 0 && Atomics.compareExchange(views.i32, host >>> 2, expected, value) === expected
        },
        read: (pa, size) => memory.read(pa, size),
        write: (pa, size, value) => memory.write(pa, size, value),
        nowNs: () => bound.clock.nowNs(),
        flushTlb() {}, flushPage() {}, selectTlb() {}, flushCode() {}, // the processor's own
        armTimer: ns => bound.setDeadline(index, ns),
      }, bound.surroundings, shape),
      stats, slots: new KvmSlots(machine, memory, views, kvm!.slots, bound.system.ramSlots),
      stopOthers: () => kickOut(native, views, others),
      settleLog: () => this.settleLog(),
    })
  }

  /** A breakpoint at pc lets it pass, unless it has not been told. */
  resumed(): void {
    const { bound, index } = this, { i32 } = bound.views, stop = (bound.controls[index]! + Control.STOP) >>> 2
    this.passes = Atomics.compareExchange(i32, stop, MEET_AGAIN, 0) !== MEET_AGAIN
  }
  settle(): void { this.processor.settle() }

  slice(): 'halted' | 'stopped' {
    const { bound, processor, index } = this, { i32 } = bound.views, word = (at: number) => (bound.controls[index]! + at) >>> 2
    if (Atomics.exchange(i32, word(Control.REFRESH), 0)) {
      bound.watch.apply()
      processor.breakAt(bound.breakpoints.entries())
    }
    const { passes } = this, stepping = Atomics.load(i32, word(Control.STEP)) > 0
    this.passes = false
    const over = stepping || (passes && bound.breakpoints.entries().some(e => e.kind < DebugKind.WRITE && this.isAt(e.lo, e.hi)))
    processor.begin()
    const halted = i32[(bound.cpus[index]!.state + HALTED) >>> 2] !== 0
    if (stepping && halted && !processor.wake()) return 'halted'
    if (over && (stepping || !halted)) {
      const done = processor.step()
      if (done === 'failed') return this.broken()
      if (stepping && done) return this.stop(processor.hit ?? { kind: StopKind.STEP, lo: 0, hi: 0 })
      if (!done) this.passes = passes
    }
    const how = processor.run()
    if (how === 'hit') return this.stop(processor.hit!)
    return how === 'failed' ? this.broken() : how
  }

  private isAt(lo: number, hi: number): boolean {
    const { i32 } = this.bound.views, pc = (this.bound.cpus[this.index]!.state + PC) >>> 2
    return i32[pc] === (lo | 0) && i32[pc + 1] === hi
  }

  private stop(hit: DebugHit): 'stopped' {
    this.bound.stopped(this.index, hit)
    return 'stopped'
  }

  private broken(): 'stopped' {
    const { bound, processor } = this, { i32 } = bound.views
    // It stands still from now on; its state can be looked at.
    processor.settle()
    Atomics.compareExchange(i32, (bound.controls[this.index]! + Control.COMMAND) >>> 2, Command.RUN, Command.PAUSE)
    this.failed(processor.failure!)
    return 'stopped'
  }
}

const wide = (lo: number, hi: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)
