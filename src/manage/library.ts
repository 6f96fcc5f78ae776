// The machine as a program sees it that uses the library. The command line makes and drives machines by the
// same parts: `createMachine` of the assembly, `openSession`, the monitor's `runLine`.
import { assert } from '../base/errors.ts'
import type { Host } from '../host/host.ts'
import type { Arch, MachineConfig } from '../vm/config.ts'
import type {
  Assembly,
  MachineControl,
  MachineEvent,
  MachineEvents,
  MachineInfo,
  RunState,
} from '../vm/control.ts'
import { type SerialPort, serialPort } from './char/port.ts'
import { checkConfig } from './cli/check.ts'
import { architecture } from './cli/run.ts'
import type { ManagementConfig } from './invocation.ts'
import { contextOf, runLine } from './monitor/monitor.ts'
import { openSession } from './session.ts'

export type Machine = {
  readonly info: MachineInfo
  readonly state: RunState
  /** Begins to run, or goes on after `pause`. */
  start(): Promise<void>
  /** The same as `start`. */
  resume(): Promise<void>
  pause(): Promise<void>
  reset(): Promise<void>
  /** Presses the power button; false if the machine has none. */
  powerdown(): Promise<boolean>
  /** Everything that the guest can see, to be given to `restore` of a machine of the same configuration. */
  snapshot(): Promise<Uint8Array>
  restore(snapshot: Uint8Array | AsyncIterable<Uint8Array>): Promise<void>
  /** Ends the machine and gives everything back. */
  close(): Promise<void>
  /** The first serial port. */
  readonly serial: SerialPort
  /** Serial ports, and other devices that a `stream` character device is behind, by the device's name. */
  port(device: string): SerialPort | undefined
  /** Runs a line of the monitor; what it prints. */
  monitor(line: string): Promise<string>
  /** Waits for gdb, at `tcp::1234` for instance; `none` ends that. Where it waits comes back. */
  gdb(where: string): Promise<string>
  on<E extends MachineEvent>(event: E, listener: (e: MachineEvents[E]) => void): () => void
  /** Resolves when the guest has ended. */
  readonly ended: Promise<MachineEvents['shutdown']>
  /** The interface underneath: processors, memory, debugging. */
  readonly control: MachineControl
  [Symbol.asyncDispose](): Promise<void>
}

const unmanaged: ManagementConfig = {
  monitors: [],
  gdb: [],
  startPaused: true,
  noShutdown: true,
  panicAction: 'pause',
  loadvm: undefined,
  pidFile: undefined,
  logFile: undefined,
  nographic: false,
}

/** Makes a machine; it stands still until `start`. Without `serials`, its first serial port is
 * `machine.serial`. Throws VmError. */
export async function makeMachine(config: MachineConfig, host: Host, assembly: Assembly): Promise<Machine> {
  const arch: Arch = await architecture(config, host)
  const whole: MachineConfig = config.serials
    ? { ...config, arch }
    : {
        ...config,
        arch,
        serials: ['serial0'],
        chardevs: [...(config.chardevs ?? []), { id: 'serial0', backend: 'stream' }],
      }
  checkConfig(whole, assembly.catalogue(arch))
  const control = await assembly.createMachine(whole, host)
  const session = await openSession(control, whole, unmanaged, host, {
    note: line => host.process?.writeError(line),
    nowMs: () => Date.now(),
    quit: cause => void control.quit(cause),
  }).catch(async error => {
    await control.close()
    throw error
  })
  const streams = new Set(whole.chardevs?.filter(c => c.backend === 'stream').map(c => c.id))
  const ports = control.chars
    .filter(end => end.chardev !== undefined && streams.has(end.chardev))
    .map(serialPort)
  const context = contextOf(session.management)
  let closed: Promise<void> | undefined

  const machine: Machine = {
    control,
    get info() { return control.info },
    get state() { return control.state },
    start: () => control.resume(),
    resume: () => control.resume(),
    pause: () => control.pause(),
    reset: () => control.reset(),
    powerdown: () => control.powerdown(),
    async snapshot() {
      const ran = control.state === 'running'
      await control.pause()
      const parts: Uint8Array[] = []
      for await (const part of control.snapshot()) parts.push(part)
      if (ran) await control.resume()
      return joined(parts)
    },
    async restore(snapshot) {
      const ran = control.state === 'running'
      await control.pause()
      await control.restore(snapshot instanceof Uint8Array ? once(snapshot) : snapshot)
      if (ran) await control.resume()
    },
    close: () => closed ??= (async () => {
      await control.close()
      await session.close()
      for (const p of ports) p.close()
    })(),
    get serial() {
      const port = ports[0]
      assert(port, 'the configuration connects no serial port to a stream')
      return port
    },
    port: device => ports.find(p => p.device === device),
    monitor: line => runLine(line, context),
    gdb: where => session.management.gdbServer(where),
    on: (event, listener) => control.on(event, listener),
    ended: new Promise(resolve => control.on('shutdown', resolve)),
    [Symbol.asyncDispose]: () => machine.close(),
  }
  return machine
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> { yield bytes }

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((n, p) => n + p.length, 0))
  let at = 0
  for (const p of parts) {
    whole.set(p, at)
    at += p.length
  }
  return whole
}
