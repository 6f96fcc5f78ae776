// Puts a machine and its management together: character devices, monitors, QMP, gdb, the log. The command
// line and the library both start here.
import { blaming, VmError } from '../base/errors.ts'
import type { Host } from '../host/host.ts'
import type { ChardevConfig, MachineConfig } from '../vm/config.ts'
import type { MachineControl, ShutdownCause } from '../vm/control.ts'
import { type CharDevice, openCharDevice } from './char/device.ts'
import { openTextDisplay } from './display/terminal.ts'
import { connectGuest } from './char/guest.ts'
import { gdbPlace } from './cli/chardevs.ts'
import { openGdb } from './gdb/server.ts'
import type { GdbPlace, ManagementConfig } from './invocation.ts'
import { parseLogItems, switchTrace } from './log-items.ts'
import { logOutput } from './log-output.ts'
import type { Management } from './management.ts'
import { openMonitor } from './monitor/monitor.ts'
import { openQmp } from './qmp/qmp.ts'

export type Session = {
  readonly management: Management
  /** Resolves when the clients that the machine waits for are there. */
  readonly ready: Promise<void>
  close(): Promise<void>
}

export async function openSession(
  machine: MachineControl, config: MachineConfig, manage: ManagementConfig, host: Host,
  options: { note(line: string): void; quit(cause: ShutdownCause): void; nowMs(): number },
): Promise<Session> {
  const chars: CharDevice[] = []
  const gdbServers: { readonly device: CharDevice; close(): Promise<void> }[] = []
  const log = logOutput(machine, host, options.note)
  const open = (c: ChardevConfig): Promise<CharDevice> =>
    openCharDevice(c, { host, note: options.note, rawSignals: manage.nographic || c.mux === true },
      { quit: () => options.quit('host-ui'), nowMs: options.nowMs })

  const find = (id: string | undefined) => chars.find(c => c.config.id === id)

  /** On a device of its own, which ends with it, or on one that nobody uses. */
  async function serveGdb(place: GdbPlace): Promise<CharDevice> {
    const own = 'backend' in place, device = own ? await open(place) : find(place.chardev)
    if (!device) throw new VmError('char.unknown', `no character device '${(place as { chardev: string }).chardev}'`)
    if (device.frontEnds.length) throw new VmError('cli.usage', `character device '${device.config.id}' has a user already`)
    const detach = openGdb(device, management)
    gdbServers.push({ device, close: async () => (own ? device.close() : detach()) })
    return device
  }

  const management: Management = {
    machine, host, chars, quit: options.quit,
    async gdbServer(where) {
      await Promise.all(gdbServers.splice(0).map(g => g.close()))
      if (where === 'none') return where
      return (await serveGdb(gdbPlace(where, 'gdb'))).label
    },
    setLogFile: path => log.setFile(path),
  }

  let display: { close(): void } | undefined
  async function close(): Promise<void> {
    display?.close()
    await Promise.all([...chars, ...gdbServers].map(c => c.close()))
    await log.close()
  }

  try {
    const { logFile } = manage
    if (logFile !== undefined) await blaming(`-D ${logFile}`, () => management.setLogFile(logFile))
    for (const [i, c] of (config.chardevs ?? []).entries())
      if (c.backend !== 'stream') chars.push(await blaming(`chardevs[${i}]`, () => open(c)))
    for (const end of machine.chars) {
      const device = find(end.chardev)
      if (device) connectGuest(end, device)
    }
    config.serials?.forEach((id, i) => {
      if (id === null || machine.chars.some(end => end.chardev === id)) return
      throw new VmError('cli.usage', `this machine has no serial port ${i}`, { where: `serials[${i}]` })
    })
    await watch(machine, config)
    if (manage.textDisplay !== undefined) {
      const device = find(manage.textDisplay)!, on = host.stdio
      if (!on?.inputIsTty || !on.outputIsTty)
        throw new VmError('cli.usage', `standard ${on?.outputIsTty ? 'input' : 'output'} is no terminal`, { where: 'display' })
      display = openTextDisplay(device, machine)
    }
    for (const m of manage.monitors) {
      const device = find(m.chardev)!
      if (m.mode === 'control') openQmp(device, management, m.pretty, options.nowMs)
      else openMonitor(device, management)
    }
    for (const [i, place] of manage.gdb.entries()) await blaming(`gdb[${i}]`, () => serveGdb(place))
  } catch (error) {
    await close()
    throw error
  }
  return {
    management,
    ready: Promise.all([...chars, ...gdbServers.map(g => g.device)].map(c => c.ready)).then(() => {}),
    close,
  }
}

/** Log classes and trace events as the configuration has them. */
async function watch(machine: MachineControl, config: MachineConfig): Promise<void> {
  if (config.log || config.logFilter)
    await blaming('log', () => machine.setLog(parseLogItems(config.log ?? []).classes, config.logFilter ?? []))
  for (const pattern of config.trace ?? [])
    await blaming('trace', () => switchTrace(machine, pattern, true))
}
