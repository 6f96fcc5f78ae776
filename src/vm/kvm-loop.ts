// A processor that the kernel runs, on a thread of its own.
import type { KvmMachine } from '../accel/kvm/device.ts'
import { kick, kickOut } from '../accel/kvm/guest.ts'
import { type Failure, KvmProcessor } from '../accel/kvm/processor.ts'
import { KvmSlots } from '../accel/kvm/slots.ts'
import { KvmStats } from '../accel/kvm/stats.ts'
import { KvmVcpu } from '../accel/kvm/vcpu.ts'
import type { HostNative } from '../host/host.ts'
import { type Bound, Command, Control, type MachineShape } from './binding.ts'
import type { Engine } from './life.ts'

export type KvmThreadData = { readonly index: number; readonly shape: MachineShape; readonly memory: WebAssembly.Memory }

export class KvmLoop implements Engine {
  readonly vcpu: KvmVcpu
  readonly processor: KvmProcessor
  settleLog: () => void = () => {}
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

  resumed(): void {}
  settle(): void { this.processor.settle() }

  slice(): 'halted' | 'stopped' {
    const { bound, processor } = this, { i32 } = bound.views
    if (Atomics.exchange(i32, (bound.controls[this.index]! + Control.REFRESH) >>> 2, 0)) bound.watch.apply()
    processor.begin()
    const how = processor.run()
    if (how !== 'failed') return how
    // It stands still from now on; its state can be looked at.
    processor.settle()
    Atomics.compareExchange(i32, (bound.controls[this.index]! + Control.COMMAND) >>> 2, Command.RUN, Command.PAUSE)
    this.failed(processor.failure!)
    return 'stopped'
  }
}

const wide = (lo: number, hi: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)
