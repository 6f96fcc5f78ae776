// What one run of the program is to do: the machine, and what manages it.
import type { ChardevConfig, MachineConfig } from '../vm/config.ts'

export type MonitorConfig = {
  /** Id of the character device. */
  readonly chardev: string
  /** The human monitor, or QMP. */
  readonly mode: 'readline' | 'control'
  readonly pretty: boolean
}

/** Where gdb may connect: a character device of its own, which is not in the machine's configuration, or one that is. */
export type GdbPlace = ChardevConfig | { readonly chardev: string }

export type ManagementConfig = {
  readonly monitors: readonly MonitorConfig[]
  readonly gdb: readonly GdbPlace[]
  /** `-S`: wait for `cont`. */
  readonly startPaused: boolean
  /** `-no-shutdown`: keep the stopped machine when the guest switches off. */
  readonly noShutdown: boolean
  readonly panicAction: 'none' | 'pause' | 'shutdown' | 'exit-failure'
  readonly loadvm: string | undefined
  readonly pidFile: string | undefined
  readonly logFile: string | undefined
  /** The terminal belongs to the guest: Ctrl-C is a key. */
  readonly nographic: boolean
  /** `-display text`: the character device that shows the guest's screen. */
  readonly textDisplay?: string
}

export type HelpTopic =
  | 'options'
  | 'keys' // of the option `name`
  | 'version'
  | 'machine'
  | 'cpu'
  | 'accel'
  | 'device'
  | 'chardev'
  | 'netdev'
  | 'object'
  | 'display'
  | 'log'
  | 'trace'

export type Invocation = {
  readonly config: MachineConfig
  readonly management: ManagementConfig
  /** The option behind each part of the configuration: `drives[0]` → `-drive file=x`. */
  readonly origins: ReadonlyMap<string, string>
  /** Help was asked for: print it and do nothing else. `name` narrows it (`-device virtio-blk-pci,help`). */
  readonly help: { readonly topic: HelpTopic; readonly name?: string } | undefined
}
