// What the assembly must know of each architecture beyond its Isa: how its processors are wired, started, and served.
import type { KvmArch, KvmCpu } from '../accel/kvm/arch.ts'
import type { KvmMachine } from '../accel/kvm/device.ts'
import type { KvmStats } from '../accel/kvm/stats.ts'
import type { KvmVcpu } from '../accel/kvm/vcpu.ts'
import type { System } from '../device/board.ts'
import { type Cpu, type CpuServices, type Isa, vcpuCore } from '../isa/isa.ts'
import type { RemoteFence } from '../isa/riscv/sbi/platform.ts'
import { layoutOf } from '../state/layout.ts'
import type { Views } from '../state/views.ts'
import { riscv } from './arch-riscv.ts'
import { i386, x86_64 } from './arch-x86.ts'
import type { Arch } from './config.ts'
import type { BoardSpec, Boot } from './plan/plan.ts'

/** What a bound machine offers to a processor's surroundings. */
export type Surroundings = {
  readonly views: Views
  /** Byte addresses of all processors' states. */
  readonly states: readonly number[]
  /** Makes a processor look at its interrupts, awake or not. Any thread. */
  kick(cpu: number): void
  /** Does to processor `cpu` what the fence says, before it runs another instruction. */
  remoteFence(cpu: number, fence: RemoteFence): void
  request(kind: 'shutdown' | 'reset', exitCode: number): void
  readonly system: System
}

/** What of a machine's plan concerns its processors. */
export type CpuConfig = { readonly spec: BoardSpec; readonly boot: Boot; readonly kvm?: { readonly counterKhz?: number } }

export type ArchSupport = {
  readonly isa: Isa
  makeCpu(at: number, services: CpuServices, around: Surroundings, config: CpuConfig): Cpu
  /** Sets an interrupt input by the name that boards use. Any thread. */
  setLine(views: Views, at: number, line: string, level: boolean): void
  /** A message-signalled interrupt for the processors, at `offset` from where the board has them. Any thread. */
  message?(around: Pick<Surroundings, 'views' | 'states' | 'kick'>, offset: number, data: number): void
  /** Presses the button for a non-maskable interrupt; absent: there is none. Any thread. */
  nmi?(around: Pick<Surroundings, 'views' | 'states' | 'kick'>): void
  /** The current address space of the processor at `at` as text; its interrupts, where `Cpu.describe` does not know them. */
  describeMemory(views: Views, at: number, ramAt: (pa: number) => number): string
  describeTranslations(views: Views, at: number, ramAt: (pa: number) => number): string
  describeInterrupts?(views: Views, at: number): string
  /** After a reset of `cpu`, processor `index` with its state at `at`: where and how it begins. */
  start(views: Views, at: number, cpu: Cpu, index: number, boot: Boot): void
  /** How the kernel of a host of the same architecture runs its processors. */
  readonly kvm?: KvmSupport
}
export type KvmSupport = {
  readonly arch: KvmArch
  /** The processor model narrowed to what the kernel's processors have, and what they lack. */
  narrow(machine: KvmMachine, cpu: string): { readonly cpu: string; readonly lacks: readonly string[] }
  makeCpu(vcpu: KvmVcpu, stats: KvmStats, at: number, services: CpuServices, around: Surroundings, config: CpuConfig): KvmCpu
}

const supported: { readonly [A in Arch]: ArchSupport } = { riscv64: riscv, x86_64, i386 }
export const archSupport = (arch: Arch): ArchSupport => supported[arch]

const core = layoutOf(vcpuCore).offsets

/** Interrupts a processor: sets bits of its exit request and wakes it if it sleeps. Any thread. */
export function poke(views: Views, at: number, bits: number): void {
  Atomics.or(views.i32, at >>> 2, bits)
  Atomics.store(views.i32, (at + core.wake) >>> 2, 1)
  if (views.shared) Atomics.notify(views.i32, (at + core.wake) >>> 2)
}
