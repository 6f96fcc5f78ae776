// QMP: JSON commands and events. One session per connection; commands are answered in order.
import { assert, VmError } from '../../base/errors.ts'
import type { MachineControl, MachineEvent, MachineEvents } from '../../vm/control.ts'
import type { CharDevice, FrontEnd } from '../char/device.ts'
import { parseObject, qmpError } from '../commands/arguments.ts'
import type { Command } from '../commands/command.ts'
import { byQmpName, commands, refuseMissing } from '../commands/table.ts'
import { type Management, VERSION, versionText } from '../management.ts'
import { contextOf, runLine } from '../monitor/monitor.ts'
import { jsonStream } from './json.ts'
import { qmpSchema } from './schema.ts'

type Json = { readonly [key: string]: unknown }

/** The machine's events as QMP names and describes them. */
const events: { readonly [E in MachineEvent]?: (e: MachineEvents[E]) => { event: string; data?: Json } } = {
  shutdown: e => ({ event: 'SHUTDOWN', data: { guest: e.cause.startsWith('guest'), reason: e.cause } }),
  reset: e => ({
    event: 'RESET',
    data: { guest: e.byGuest, reason: e.byGuest ? 'guest-reset' : 'host-qmp-system-reset' },
  }),
  stop: () => ({ event: 'STOP' }),
  resume: () => ({ event: 'RESUME' }),
  powerdown: () => ({ event: 'POWERDOWN' }),
  tray: e => ({ event: 'DEVICE_TRAY_MOVED', data: { device: e.device, id: e.id, 'tray-open': e.open } }),
}
export const eventNames = ['SHUTDOWN', 'RESET', 'STOP', 'RESUME', 'POWERDOWN', 'DEVICE_TRAY_MOVED'] as const

const greeting = {
  QMP: { version: { qemu: VERSION, package: `typevisor ${versionText}` }, capabilities: [] },
}

const monitorArguments = {
  'command-line': { type: 'word', help: '' },
  'cpu-index': { type: 'integer', help: '', optional: true },
} as const
/** What is a matter of the connection, and not of the machine. */
const sessionCommands: readonly Pick<Command, 'qmp' | 'args'>[] = [
  { qmp: 'qmp_capabilities', args: { enable: { type: 'list', help: '', optional: true } } },
  { qmp: 'human-monitor-command', args: monitorArguments },
  { qmp: 'query-commands', args: {} },
  { qmp: 'query-events', args: {} },
  { qmp: 'query-qmp-schema', args: {} },
]
const qmpNames = [...byQmpName.keys(), ...sessionCommands.map(c => c.qmp!)]

/** The state of one connection. */
export type QmpSession = {
  /** The answer to one request's text; an event may come between. */
  answer(text: string): Promise<Json>
  readonly negotiated: boolean
}

export function qmpSession(management: Management): QmpSession {
  let negotiated = false
  const ctx = contextOf(management)
  return {
    get negotiated() { return negotiated },
    async answer(text) {
      let id: unknown
      const error = (cls: string, desc: string): Json => ({
        error: { class: cls, desc },
        ...(id !== undefined && { id }),
      })
      let request: Json
      try {
        const parsed: unknown = JSON.parse(text)
        if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
          return error('GenericError', 'QMP input must be a JSON object')
        request = parsed as Json
      } catch (cause) {
        return error('GenericError', `JSON parse error, ${(cause as Error).message}`)
      }
      id = request['id']
      const stray = Object.keys(request).find(k => !['execute', 'arguments', 'id'].includes(k))
      if (stray !== undefined) return error('GenericError', `QMP input member '${stray}' is unexpected`)
      const name = request['execute'], given = request['arguments'] ?? {}
      if (name === undefined) return error('GenericError', "QMP input lacks member 'execute'")
      if (typeof name !== 'string') return error('GenericError', "QMP input member 'execute' must be a string")
      if (typeof given !== 'object' || given === null || Array.isArray(given))
        return error('GenericError', "QMP input member 'arguments' must be an object")
      try {
        const result = await execute(name, given as Json)
        return { return: result ?? {}, ...(id !== undefined && { id }) }
      } catch (cause) {
        if (!(cause instanceof VmError))
          return error('GenericError', `internal error: ${(cause as Error).stack ?? String(cause)}`)
        const cls = (cause as { qmpClass?: string }).qmpClass ?? 'GenericError'
        return error(cls, `${cause.message}${cause.hint === undefined ? '' : `; ${cause.hint}`}`)
      }
    },
  }

  async function execute(name: string, given: Json): Promise<unknown> {
    if (name === 'qmp_capabilities') {
      if (negotiated) throw qmpError('CommandNotFound', 'Capabilities negotiation is already complete, command ignored')
      const wanted = given['enable']
      if (Array.isArray(wanted) && wanted.length)
        throw new VmError('cli.usage', `Capability ${String(wanted[0])} is not available`)
      negotiated = true
      return {}
    }
    if (!negotiated) throw qmpError('CommandNotFound', "Expecting capabilities negotiation with 'qmp_capabilities'")
    switch (name) {
      case 'query-commands':
        return qmpNames.map(n => ({ name: n }))
      case 'query-qmp-schema':
        return qmpSchema([...commands, ...sessionCommands], eventNames)
      case 'query-events':
        return eventNames.map(n => ({ name: n }))
      case 'human-monitor-command': {
        const args = parseObject(given, monitorArguments)
        const cpu = Number((args['cpu-index'] as bigint | undefined) ?? 0n)
        if (!management.machine.cpus[cpu]) throw new VmError('cli.usage', `no processor ${cpu}`)
        return runLine(args['command-line'] as string, { ...ctx, cpu })
      }
    }
    const command = byQmpName.get(name)
    if (!command) {
      refuseMissing(name)
      throw qmpError('CommandNotFound', `The command ${name} has not been found`)
    }
    return command.run(ctx, parseObject(given, command.args) as never)
  }
}

/** QMP for whoever is at the other end of `device`. */
export function openQmp(
  device: CharDevice,
  management: Management,
  pretty: boolean,
  nowMs: () => number,
): void {
  const encoder = new TextEncoder()
  let session: QmpSession | undefined,
    stream = jsonStream(),
    busy: Promise<void> = Promise.resolve()
  const send = (message: Json): void =>
    void link.write(encoder.encode(`${JSON.stringify(message, jsonValue, pretty ? 4 : 0)}\r\n`))

  const user: FrontEnd = {
    label: 'qmp',
    open() {
      session = qmpSession(management)
      stream = jsonStream()
      send(greeting)
    },
    close() { session = undefined },
    data(bytes) {
      const mine = session
      assert(mine, 'data without a connection')
      const later = (work: () => Promise<Json>) => {
        busy = busy.then(async () => {
          const answer = await work()
          if (session === mine) send(answer)
        })
      }
      stream.feed(bytes, text => later(() => mine.answer(text)), message =>
        later(async () => ({ error: { class: 'GenericError', desc: `JSON parse error, ${message}` } })))
    },
  }
  const link = device.attach(user)
  forwardEvents(management.machine, (event, data) => {
    if (!session?.negotiated) return
    const ms = nowMs()
    send({
      timestamp: { seconds: Math.floor(ms / 1000), microseconds: Math.round((ms % 1000) * 1000) },
      event,
      ...(data && { data }),
    })
  })
}

function forwardEvents(machine: MachineControl, send: (event: string, data: Json | undefined) => void): void {
  const forward = <E extends MachineEvent>(name: E) => {
    const describe = events[name]
    if (describe) machine.on(name, e => {
      const { event, data } = describe(e)
      send(event, data)
    })
  }
  for (const name of Object.keys(events) as MachineEvent[]) forward(name)
}

const jsonValue = (_key: string, value: unknown): unknown =>
  typeof value === 'bigint' ? Number(value) : value
