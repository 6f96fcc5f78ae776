// One run of the program from its arguments to its exit status. Host and assembly are handed in, so that
// tests can run it with a machine of their own.
import { blaming, VmError } from '../../base/errors.ts'
import type { Host } from '../../host/host.ts'
import { type Arch, ARCHES, type MachineConfig } from '../../vm/config.ts'
import type { Assembly, MachineControl, ShutdownCause } from '../../vm/control.ts'
import { detectImage, HEADER_BYTES } from '../../vm/detect.ts'
import { loadSnapshot } from '../commands/snapshot.ts'
import type { Invocation } from '../invocation.ts'
import { openSession, type Session } from '../session.ts'
import { checkConfig } from './check.ts'
import { accelHelp, optionsHelp, topicHelp, versionLine } from './help.ts'
import { errorLine, internalErrorLine, parseArguments } from './parse.ts'
import { usage } from './values.ts'

/** How long everything may take to close before the program ends anyway, in milliseconds. */
const LAST_CALL = 3000

export type Surroundings = {
  readonly host: Host
  readonly assembly: Assembly
  nowMs(): number
  /** Somebody who looks on. */
  attend?(machine: MachineControl): Attendant
}
/** Waited for: when a machine is put together, and loaded if it is to be, but does not run yet; and when it has ended, before
 * it is closed. */
export type Attendant = { ready?(): Promise<void>; ending?(): Promise<void> }

/** Resolves with the exit status when the machine has ended, or at once where none was to be run. */
export async function run(argv: readonly string[], program: string, around: Surroundings): Promise<number> {
  const { host } = around
  const complain = (line: string) => host.process?.writeError(line)
  let invocation: Invocation | undefined
  try {
    invocation = parseArguments(argv, program, host.stdio?.outputIsTty ?? false)
    if (invocation.help) {
      const { topic, name } = invocation.help, arch = invocation.config.arch ?? 'riscv64'
      host.process?.writeOutput(
        topic === 'options' ? optionsHelp(program)
        : topic === 'version' ? versionLine()
        : topic === 'accel' && name === undefined
          ? accelHelp(around.assembly.catalogue(arch).accels, around.assembly.probeAccelerators(arch, host))
        : topicHelp(topic, around.assembly.catalogue(arch), name))
      return 0
    }
    return await launch(invocation, program, around)
  } catch (error) {
    if (!(error instanceof VmError)) throw error
    complain(errorLine(program, error, invocation?.origins))
    return 1
  }
}

async function launch(
  invocation: Invocation, program: string, { host, assembly, nowMs, attend }: Surroundings,
): Promise<number> {
  const { management: manage } = invocation
  const note = (line: string) => host.process?.writeError(line)
  const config: MachineConfig = { ...invocation.config, arch: await architecture(invocation.config, host) }
  checkConfig(config, assembly.catalogue(config.arch!))
  if (await assembly.dumpDeviceTree(config, host)) return 0
  const machine = await assembly.createMachine(config, host), attendant = attend?.(machine)

  let session: Session | undefined
  let over = false, asked = false, deadline: ReturnType<typeof setTimeout> | undefined
  let ended: (status: number) => void = () => {}
  const end = new Promise<number>(resolve => { ended = resolve })

  /** The machine has stopped for good: closes everything, whatever hangs. */
  async function finish(status: number): Promise<void> {
    if (over) return
    over = true
    await attendant?.ending?.()
    const timer = setTimeout(() => ended(status), LAST_CALL)
    await new Promise(resolve => setTimeout(resolve, 0)) // whoever else heard of the end may have something to say
    await Promise.allSettled([machine.close(), session?.close()])
    clearTimeout(timer)
    ended(status)
  }
  function quit(cause: ShutdownCause): void {
    if (asked) return over ? ended(1) : void finish(1) // again: it takes too long
    asked = true
    // After this turn of the event loop, so that whoever asked gets its answer first.
    setTimeout(() => void machine.quit(cause, cause === 'host-error' ? 1 : 0).catch(() => finish(1)), 0)
    deadline = setTimeout(() => void finish(1), LAST_CALL)
  }

  machine.on('shutdown', ({ cause, exitCode }) => {
    const byGuest = cause.startsWith('guest')
    if (cause === 'guest-panic' && (manage.panicAction === 'none' || manage.panicAction === 'pause')) return
    if (byGuest && manage.noShutdown) return
    void finish(cause === 'guest-panic' && manage.panicAction === 'exit-failure' ? 1 : exitCode)
  })
  machine.on('error', ({ message, cause, cpu }) => {
    note(internalErrorLine(program, cause ?? message, cpu))
    if (!manage.noShutdown) quit('host-error')
  })
  machine.on('broken', ({ message, cpu }) => {
    note(`${program}: processor ${cpu}: ${message}`)
    void Promise.resolve(machine.describe('registers', { cpu })).then(text => note(`${text ?? ''}\nthe machine has stopped; 'info registers' and 'system_reset' go on working`))
  })
  const signals = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map(name =>
    // A terminal that goes away may say so more than once.
    host.process?.onSignal(name, () => { if (!asked || name !== 'SIGHUP') quit('host-signal') }),
  )

  try {
    session = await openSession(machine, config, manage, host, { note, quit, nowMs })
    if (manage.pidFile !== undefined) await writePid(host, manage.pidFile)
    if (machine.info.accelTold) note(machine.info.accelReason!)
    await load(machine, manage.loadvm, host)
    await attendant?.ready?.()
    if (!manage.startPaused) await start(machine, session, end)
  } catch (error) {
    await finish(1)
    throw error
  }
  const status = await end
  clearTimeout(deadline)
  for (const off of signals) off?.()
  if (manage.pidFile !== undefined) await host.files.remove(manage.pidFile).catch(() => {})
  return status
}

async function load(machine: MachineControl, name: string | undefined, host: Host): Promise<void> {
  if (name !== undefined) await blaming(`-loadvm ${name}`, () => loadSnapshot(machine, host, name))
}

async function start(machine: MachineControl, session: Session, end: Promise<number>): Promise<void> {
  // A signal may end the wait for a client.
  const clients = await Promise.race([session.ready.then(() => true), end.then(() => false)])
  if (clients && machine.state !== 'shutdown') await machine.resume()
}

/** From the program's name or -arch; otherwise from the kernel. */
export async function architecture({ arch, kernel }: MachineConfig, host: Host): Promise<Arch> {
  if (arch !== undefined) return arch
  if (kernel === undefined)
    throw usage('which architecture?', `-arch NAME (${ARCHES.join(', ')}), or a program such as typevisor-system-riscv64`)
  const header =
    typeof kernel === 'string'
      ? await blaming('kernel', () => host.files.readStart(kernel, HEADER_BYTES))
      : kernel
  const kind = detectImage(header)
  if (kind?.arch) return kind.arch
  throw new VmError(
    'loader.badImage',
    kind ? `a kernel for ${kind.machine}` : 'does not say which architecture it is for',
    {
      where: 'kernel',
      hint: kind ? 'not implemented: that architecture' : `-arch ${ARCHES.join(', -arch ')}`,
    },
  )
}

async function writePid(host: Host, path: string): Promise<void> {
  async function* line(): AsyncIterable<Uint8Array> {
    yield new TextEncoder().encode(`${host.process!.pid}\n`)
  }
  await blaming(`-pidfile ${path}`, () => host.files.writeChunks(path, line()))
}
