// What management (command line, monitor, QMP, gdb, library) can do with a machine. The assembly implements
// it; management knows a machine only through this. All calls come from the main thread and never block it:
// whatever has to wait for another thread returns a promise. `Awaitable` is for answers that may be at hand
// (state in shared memory) or not.
import type { AccelStatus } from '../accel/probe.ts'
import type { AddressRange, LineClass, LogClass } from '../base/log.ts'
import type { Picture, TextScreen } from '../device/display.ts'
import type { Host } from '../host/host.ts'
import type { Arch, MachineConfig } from './config.ts'

export type { AccelObstacle, AccelStatus } from '../accel/probe.ts'
export type { Picture, TextScreen } from '../device/display.ts'

export type Awaitable<T> = T | Promise<T>

/** QEMU's run states, as far as they can occur here. */
export type RunState =
  | 'prelaunch' // made, never started
  | 'running'
  | 'paused' // by the user
  | 'debug' // by a breakpoint, a watchpoint or a step
  | 'restore-vm' | 'save-vm'
  | 'shutdown' // the guest ended; kept for inspection
  | 'guest-panicked'
  | 'internal-error' // a bug of ours, or of the accelerator

/** Why the machine ended: QMP's ShutdownCause. */
export type ShutdownCause =
  | 'guest-shutdown'
  | 'guest-reset'
  | 'guest-panic'
  | 'host-qmp-quit'
  | 'host-ui'
  | 'host-signal'
  | 'host-error'

/** What a snapshot begins with, so that a user's slip is not taken for one. */
export const SNAPSHOT_MAGIC = 'TVSNAP\r\n'

export type MachineEvents = {
  /** The guest switched itself off, or somebody called `quit`. The machine stands still; its resources
   * remain until
   * `close`. */
  shutdown: { cause: ShutdownCause; exitCode: number }
  reset: { byGuest: boolean }
  /** The machine stopped running (every cause), or runs again. */
  stop: { state: RunState }
  resume: {}
  powerdown: {}
  /** The guest or somebody else has moved the tray of a drive. */
  tray: { device: string; id: string; open: boolean }
  /** A processor stopped for the debugger; follows `stop`. */
  debug: DebugStop
  /** A line of log, or several of one block (see base/log.ts), from whichever thread. */
  log: { cls: LineClass; source: string; text: string }
  /** A thread of ours failed: the machine is in state 'internal-error'. `cpu`: which processor's, if it was one's. */
  error: { message: string; cause?: unknown; cpu?: number }
  /** The accelerator cannot go on with a processor: the machine stands still in state 'internal-error', to be looked at. */
  broken: { message: string; cpu: number }
}
export type MachineEvent = keyof MachineEvents

export type MachineControl = {
  readonly info: MachineInfo
  readonly state: RunState
  /** Runs the machine: first start, or on after a stop. */
  resume(): Promise<void>
  /** Resolves when all processors stand still and their state is in memory. */
  pause(): Promise<void>
  /** Hard reset; the machine keeps running, or keeps standing. */
  reset(): Promise<void>
  /** Presses the power button: the guest may react. False if the machine has no way to tell the guest. */
  powerdown(): Promise<boolean>
  /** A non-maskable interrupt to all processors, as a button gives it; false if the machine has none. */
  nmi(): boolean
  /** Letters of drives in the order in which firmware tries them, from the next reset on; throws VmError. */
  setBootOrder(order: string): void
  readonly input: InputControl
  readonly media: MediaControl
  /** Stops the machine and emits `shutdown` with this cause. */
  quit(cause: ShutdownCause, exitCode?: number): Promise<void>
  /** Ends threads, flushes and closes back ends. Nothing may be called afterwards. Idempotent. */
  close(): Promise<void>
  /** Listens to an event; the result ends that. */
  on<E extends MachineEvent>(event: E, listener: (e: MachineEvents[E]) => void): () => void

  readonly cpus: readonly CpuControl[]
  /** Debugger's view: registers, memory as a processor sees it, breakpoints, stepping. */
  readonly debug: DebugTarget
  /** Every device with a character back end, in order of wiring. */
  readonly chars: readonly CharEnd[]
  readonly blocks: readonly BlockInfo[]
  readonly nets: readonly NetInfo[]
  /** Functions on the PCI bus by address, as their configuration spaces are now. */
  pci(): readonly PciInfo[]
  readonly catalogue: Catalogue
  readonly screens: readonly ScreenEnd[]
  /** Physical memory without side effects: RAM and ROM. Fewer bytes than asked for where there is none. */
  readPhysical(address: number, length: number): Awaitable<Uint8Array>
  writePhysical(address: number, data: Uint8Array): Awaitable<number>

  /** All guest-visible state, as a stream of chunks. The machine must stand still until the stream ends. */
  snapshot(): AsyncIterable<Uint8Array>
  /** The reverse; throws VmError('snapshot.*') and leaves the machine stopped if it does not fit. */
  restore(chunks: AsyncIterable<Uint8Array>): Promise<void>

  /** Text for `info TOPIC`; undefined if this machine has nothing of the kind. */
  describe(
    topic: Topic,
    options?: { cpu?: number; all?: boolean; filter?: string },
  ): Awaitable<string | undefined>
  /** Switches log classes on; all others are off. `filter`: the addresses whose code is logged, none for all, at most 16. What is
   * translated is dropped, so that its translation is seen again. */
  setLog(classes: readonly LogClass[], filter?: readonly AddressRange[]): void
  /** Whoever listens to `log` is slow (true): no more lines until it is not; the guest waits. */
  holdLog(held: boolean): void
  /** Translated blocks hold one instruction each. */
  setOneInsn(on: boolean): void
  /** Trace events and their state; `setTrace` takes names with `*`, and returns how many matched. */
  traceEvents(): readonly { name: string; enabled: boolean }[]
  setTrace(pattern: string, enabled: boolean): number
}

/** Facts that do not change after creation. */
export type MachineInfo = {
  readonly arch: Arch
  readonly name?: string
  readonly uuid?: string
  readonly machine: string
  readonly cpuModel: string
  readonly accel: string
  /** Why this accelerator, e.g. `kvm: /dev/kvm: permission denied; using jit`. */
  readonly accelReason?: string
  /** The user should be told so unasked. */
  readonly accelTold?: boolean
  readonly memoryBytes: number
}

/** What `describe` can be asked for, by the monitor's names. */
export const topics = [
  'registers',
  'mem',
  'tlb',
  'softtlb',
  'mtree',
  'qtree',
  'jit',
  'irq',
  'pic',
  'ioapic',
  'lapic',
  'mtrr',
  'roms',
  'accel',
  'lines',
  'usb',
  'virtio',
  'snapshots',
] as const
export type Topic = (typeof topics)[number]

export type Counter = { readonly name: string; readonly text: string; readonly value: number }

export type CpuControl = {
  readonly index: number
  readonly state: 'running' | 'halted' | 'stopped'
  /** The host's thread number, where there is one. */
  readonly threadId: number | undefined
  /** What the accelerator has counted, where it does so by name. */
  counters?(): readonly Counter[]
  /** Program counter; exact while the machine stands still. */
  pc(): Awaitable<bigint>
}

/** The host's end of a device's character back end (device/char.ts), with the notifications that the
 * threads around it
 * need. Bytes given or taken here are what the guest's driver sees. */
export type CharEnd = {
  /** The device: `serial0`, or a device's id. */
  readonly device: string
  /** The character device that the configuration put behind it. */
  readonly chardev: string | undefined
  take(): Uint8Array
  /** Offers input; the number of bytes accepted. When it is less than offered, `onChange` follows. */
  give(input: Uint8Array): number
  connect(connected: boolean): void
  /** Absent: the device knows no breaks. */
  sendBreak?(): void
  /** Called on the main thread when there is output to take, or room for input again. One listener. */
  onChange(listener: () => void): void
}

/** Drives whose media can be changed: by the drive's name, its device's, or QEMU's (`ide1-cd0`, `floppy0`). */
export type MediaControl = {
  /** Opens the tray and takes the medium out; throws VmError. */
  eject(name: string, force: boolean): Promise<void>
  change(name: string, file: string, o: { readonly format?: string; readonly readOnly?: string; readonly force: boolean }): Promise<void>
}

/** The guest's keyboard and mouse. */
export type InputControl = {
  /** QEMU's names of the keys that there are. */
  readonly keys: readonly string[]
  /** False: there is no such key. */
  key(name: string, down: boolean): boolean
  /** The key of a scan code in set 1, 80h added where it follows E0h. */
  nameOf(number: number): string | undefined
  /** Motion is for the first one. */
  readonly pointers: readonly { readonly device: string; readonly name: string }[]
  /** Downwards is positive, and the wheel away from the user; buttons: 1 left, 2 right, 4 middle. False: there is no mouse. */
  move(motion: { readonly dx: number; readonly dy: number; readonly dz: number; readonly buttons: number }): boolean
  /** Those of the last motion. */
  readonly buttons: number
}

/** What a display shows at this moment. */
export type ScreenEnd = {
  readonly device: string
  picture(): Awaitable<Picture>
  /** Its size in pixels. */
  mode(): Awaitable<{ readonly width: number; readonly height: number }>
  /** Its characters; undefined while it shows graphics or nothing. */
  text(): Awaitable<TextScreen | undefined>
}

export type BlockInfo = {
  readonly device: string
  /** Undefined: nothing is in the drive. */
  readonly file: string | undefined
  readonly format: string
  readonly readOnly: boolean
  readonly sizeBytes: number
  readonly attachedTo?: string
  /** Where a drive is whose medium may be changed: a unit of a controller. */
  readonly place?: { readonly device: string; readonly unit: number }
  /** Of such a drive. */
  readonly tray?: { readonly open: boolean; readonly locked: boolean }
  readonly reads?: number
  readonly writes?: number
}

/** A network card, and what it is connected to. */
export type NetInfo = {
  readonly device: string
  readonly model: string
  readonly mac: string
  /** Undefined: nothing behind it. */
  readonly backend: { readonly id: string; readonly type: string } | undefined
}

export type PciInfo = {
  readonly bus: number
  readonly slot: number
  readonly function: number
  readonly device: string
  readonly vendorId: number
  readonly deviceId: number
  readonly subsystemVendorId: number
  readonly subsystemId: number
  /** Class and subclass. */
  readonly class: number
  /** 0: none, 1: INTA … */
  readonly interruptPin: number
  readonly interruptLine: number
  readonly bars: readonly {
    readonly index: number
    readonly space: 'io' | 'memory'
    readonly sizeBytes: number
    readonly wide: boolean
    readonly prefetchable: boolean
    /** Undefined: not decoded. */
    readonly address: number | undefined
  }[]
}

// ---- debugging ----

/** One register as the architecture's gdb description has it. */
export type DebugRegister = {
  readonly name: string
  /** gdb's register number. */
  readonly number: number
  readonly bits: number
  /** Part of the `g` packet (others are asked for one by one). */
  readonly core: boolean
}

export type DebugDescription = {
  /** gdb's name, e.g. `riscv:rv64`. */
  readonly architecture: string
  readonly bigEndian: boolean
  /** gdb's description by annex name; `target.xml` includes the others. */
  readonly annexes: { readonly [annex: string]: string }
  /** Ascending by number; the `core` ones come first. */
  readonly registers: readonly DebugRegister[]
  /** Number of the program counter. */
  readonly pc: number
}

export type BreakpointKind = 'software' | 'hardware' | 'write' | 'read' | 'access'

export type DebugStop = {
  readonly cpu: number
  readonly reason: 'breakpoint' | 'watchpoint' | 'step' | 'pause' | 'exception'
  /** For a watchpoint: which kind, and the address that was accessed. */
  readonly watch?: 'write' | 'read' | 'access'
  readonly address?: bigint
  /** For a breakpoint: it was set as a hardware breakpoint. */
  readonly hardware?: boolean
}

/** `step`: one instruction. `block`: at most so many instructions of straight-line code, translated together. */
export type RunAction = 'continue' | 'step' | { readonly block: number }

export type DebugTarget = {
  readonly description: DebugDescription
  /** Undefined: no such register in this configuration. */
  readRegister(cpu: number, register: number): Awaitable<bigint | undefined>
  writeRegister(cpu: number, register: number, value: bigint): Awaitable<boolean>
  /** Memory as this processor sees it now, without side effects (no MMIO reads, no faults, no accessed
   * bits). Fewer
   * bytes than asked for where it is not mapped. */
  readMemory(cpu: number, va: bigint, length: number): Awaitable<Uint8Array>
  writeMemory(cpu: number, va: bigint, data: Uint8Array): Awaitable<number>
  /** Undefined: not mapped. */
  translate(cpu: number, va: bigint): Awaitable<bigint | undefined>
  /** False: this kind is not supported. Setting what is set, and clearing what is not, is no error. */
  setBreakpoint(kind: BreakpointKind, va: bigint, length: number): Awaitable<boolean>
  clearBreakpoint(kind: BreakpointKind, va: bigint, length: number): Awaitable<boolean>
  clearBreakpoints(): Awaitable<void>
  /** Runs processors, each freely or by one instruction or block (which take no interrupt); those not mentioned
   * stand still.
   * Resolves when they have started; a `stop` event, then a `debug` event say that one of them stopped,
   * and then all
   * stand still. */
  run(actions: ReadonlyMap<number, RunAction>): Promise<void>
  /** One instruction in the architecture's assembly, as the processor is now, and its length in bytes. */
  disassemble?(bytes: Uint8Array, pc: bigint, cpu?: number): { text: string; length: number }
}

// ---- what can be asked for ----

export type PropertyInfo = {
  readonly name: string
  readonly type: 'number' | 'size' | 'flag' | 'text' | 'u64'
  readonly description: string
  readonly initial?: string
}
export type Named = { readonly name: string; readonly description: string }

/** Names of everything that one architecture's machines are made of, for `help` arguments and for checking. */
export type Catalogue = {
  readonly arch: Arch
  readonly maxCpus: number
  readonly machines: readonly (Named & {
    readonly isDefault?: boolean
    readonly properties?: readonly PropertyInfo[]
  })[]
  readonly cpus: readonly (Named & { readonly properties?: readonly PropertyInfo[] })[]
  readonly accels: readonly (Named & { readonly properties?: readonly PropertyInfo[] })[]
  /** Trace events; the description is the line's format. */
  readonly traceEvents: readonly Named[]
  /** Names that mean something in QEMU and are not implemented: no slips of the user's. */
  elsewhere(what: 'machine' | 'processor model' | 'accelerator' | 'device', name: string): boolean
  readonly netdevs: readonly Named[]
  readonly devices: readonly (Named & {
    readonly bus?: string
    readonly properties: readonly PropertyInfo[]
  })[]
}

/** What vm/machine.ts exports for management. */
export type Assembly = {
  /** Makes a machine; it stands still in state 'prelaunch'. Throws VmError, with `where` as a path in the
   * configuration
   * (see `blaming` in base/errors.ts). */
  createMachine(config: MachineConfig, host: Host): Promise<MachineControl>
  /** `-machine dumpdtb=FILE`: writes the device tree and makes no machine; false if that was not asked for. */
  dumpDeviceTree(config: MachineConfig, host: Host): Promise<boolean>
  catalogue(arch: Arch): Catalogue
  /** What can be had here, best first. */
  probeAccelerators(arch: Arch, host: Host): readonly AccelStatus[]
}
