// What an architecture gives to this accelerator. Everything else in this folder knows processors only through it.
import type { Cpu } from '../../isa/isa.ts'
import type { DebugEntry, DebugHit } from '../debug-table.ts'
import type { HostNative } from '../../host/host.ts'
import type { KvmMachine } from './device.ts'

export type Measured = {
  /** Nanoseconds that an instruction of the most privileged mode takes. */
  readonly nsPerInsn: number
  /** The rate of the processors' counters, where the architecture has such a thing. */
  readonly counterKhz?: number
}

export type KvmArch = {
  /** The host's processor, by Node's name. */
  readonly host: string
  /** Capabilities that it cannot do without, besides those of all architectures. */
  readonly needs: readonly (readonly [cap: number, name: string])[]
  /** After a machine is made, before its first processor. */
  prepare(machine: KvmMachine): void
  /** How many breakpoints and watchpoints there can be, and whether it can do one. */
  readonly breakpoints: number
  canWatch(entry: DebugEntry): boolean
  /** In a machine of its own. */
  measure(native: HostNative, nowNs: () => number): Measured
}

/** How an exit ends: the guest goes on; it waits for an interrupt (its state says so); it cannot go on; a debugger wanted it to stop
 * here (`hit`). */
export const Outcome = { ON: 0, WAITS: 1, BROKEN: 2, STOPS: 3 } as const
export type Outcome = (typeof Outcome)[keyof typeof Outcome]

/** A processor on its thread. The state in shared memory is whole between `save` and `load`; in between the kernel has it. */
export type KvmCpu = {
  readonly cpu: Cpu
  load(): void
  save(): void
  /** Looks at interrupts, before an entry and after a wait; asked for by ExitRequest.INTERRUPT. */
  interrupt(): void
  /** Whether something would end a wait. */
  wakes(): boolean
  /** Right before an entry, and right after one. */
  entering(): void
  left(): void
  /** From the next entry on: stops at these, and after one instruction. */
  debug(entries: readonly DebugEntry[], step: boolean): void
  readonly hit: DebugHit | undefined
  /** Where it is, while the kernel has its state: another value after an instruction that does not repeat itself. */
  position(): bigint
  /** Serves an exit that is the architecture's; undefined: it knows of none such. */
  exit(reason: number): Outcome | undefined
}
