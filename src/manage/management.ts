// What the monitor, QMP and gdb share while a machine runs.
import type { Host } from '../host/host.ts'
import type { MachineControl, ShutdownCause } from '../vm/control.ts'
import type { CharDevice } from './char/device.ts'

export const VERSION = { major: 0, minor: 1, micro: 0 } as const
export const versionText = `${VERSION.major}.${VERSION.minor}.${VERSION.micro}`

export type Management = {
  readonly machine: MachineControl
  readonly host: Host
  readonly chars: readonly CharDevice[]
  /** Starts or stops gdb's server; the result says where it is. */
  gdbServer(where: string): Promise<string>
  /** Log lines go to this file from now on; undefined: standard error. */
  setLogFile(path: string | undefined): Promise<void>
  quit(cause: ShutdownCause): void
}
