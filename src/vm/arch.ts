// What the assembly must know of each architecture beyond its Isa: how its processors are wired, started, and served.
import { layoutOf } from '../state/layout.ts'
import { bind } from '../state/bind.ts'
import type { Views } from '../state/views.ts'
import { type Cpu, type CpuServices, type Isa, vcpuCore } from '../isa/isa.ts'
import { hartLayout } from '../isa/riscv/cpu.ts'
import { describeInterrupts, describeMemory, describeTranslations } from '../isa/riscv/describe.ts'
import { makeCpu } from '../isa/riscv/processor.ts'
import { riscv64 } from '../isa/riscv/riscv64.ts'
import { sbiBoot } from '../isa/riscv/sbi/hsm.ts'
import type { RemoteFence } from '../isa/riscv/sbi/platform.ts'
import type { Arch } from './config.ts'
import type { Boot } from './plan/plan.ts'

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
  readonly console: { put(byte: number): boolean; get(): number }
}

export type ArchSupport = {
  readonly isa: Isa
  makeCpu(at: number, services: CpuServices, around: Surroundings, boot: Boot): Cpu
  /** Sets an interrupt input by the name that boards use. Any thread. */
  setLine(views: Views, at: number, line: string, level: boolean): void
  /** The current address space of the processor at `at`, and its interrupts, as text. */
  describeMemory(views: Views, at: number, ramAt: (pa: number) => number): string
  describeTranslations(views: Views, at: number, ramAt: (pa: number) => number): string
  describeInterrupts(views: Views, at: number): string
  /** After a reset of `cpu`, processor `index` with its state at `at`: where and how it begins. */
  start(views: Views, at: number, cpu: Cpu, index: number, boot: Boot): void
}

const LINES: { readonly [line: string]: number } = { msip: 3, mtip: 7, seip: 9, meip: 11 }

const riscv: ArchSupport = {
  isa: riscv64,
  makeCpu: (at, services, around, boot) => makeCpu(riscv64, around.views, at, services, boot.kind === 'sbi' ? {
    views: around.views,
    harts: around.states,
    kick: around.kick,
    remoteFence: around.remoteFence,
    reset: (kind, failure) => around.request(kind === 'shutdown' ? 'shutdown' : 'reset', failure ? 1 : 0),
    console: around.console,
  } : undefined),
  setLine(views, at, line, level) {
    const word = (at + hartLayout.offsets.lines) >>> 2, bit = 1 << LINES[line]!
    if (level) Atomics.or(views.i32, word, bit)
    else Atomics.and(views.i32, word, ~bit)
  },
  describeMemory,
  describeTranslations,
  describeInterrupts,
  start(views, at, cpu, index, boot) {
    const s = bind(hartLayout, views, at)
    if (boot.kind === 'reset') s.pc = BigInt(boot.entry)
    else if (index > 0) sbiBoot(s)
    else {
      sbiBoot(s, { address: BigInt(boot.entry), opaque: BigInt(boot.deviceTree) })
      cpu.interrupt() // starts it here, not on its thread: whoever looks before it runs sees it as the kernel will
    }
  },
}

const supported: { readonly [A in Arch]: ArchSupport } = { riscv64: riscv }
export const archSupport = (arch: Arch): ArchSupport => supported[arch]

const core = layoutOf(vcpuCore).offsets

/** Interrupts a processor: sets bits of its exit request and wakes it if it sleeps. Any thread. */
export function poke(views: Views, at: number, bits: number): void {
  Atomics.or(views.i32, at >>> 2, bits)
  Atomics.store(views.i32, (at + core.wake) >>> 2, 1)
  if (views.shared) Atomics.notify(views.i32, (at + core.wake) >>> 2)
}
