// Character devices on the command line: -chardev's key=value form, and the older `file:x`,
// `unix:x,server=on` form that -serial, -monitor, -qmp and -gdb take.
import type { ChardevConfig, PropertyBag } from '../../vm/config.ts'
import type { GdbPlace } from '../invocation.ts'
import { suggest } from '../../base/nearest.ts'
import { file, flag, ignored, type Keys, missing, number, parseValues, usage } from './values.ts'

export const commonKeys = {
  mux: flag('several users share it; Ctrl-a c switches between them'),
  logfile: file('copies what the guest sends to a file'),
  logappend: flag('adds to the log file instead of replacing it'),
} satisfies Keys

type Backend = { readonly help: string; readonly keys: Keys }

/** The back ends, and what each understands besides the common keys. */
export const backends: { readonly [name: string]: Backend } = {
  null: { help: 'swallows output, has no input', keys: {} },
  stdio: {
    help: 'standard input and output',
    keys: { signal: flag('Ctrl-C ends the program instead of going to the guest (off with -nographic)') },
  },
  file: {
    help: 'writes output to a file',
    keys: {
      path: file('the file'),
      append: flag('adds to it'),
      'input-path': missing('a file to read input from'),
    },
  },
  pty: {
    help: 'a new pseudo terminal; its name is printed',
    keys: { path: file('a symbolic link to make to it') },
  },
  socket: {
    help: 'a TCP or Unix socket',
    keys: {
      path: file('Unix socket'),
      host: { type: 'text', help: 'TCP host' },
      port: { type: 'text', help: 'TCP port' },
      server: flag('waits for a connection instead of making one'),
      wait: flag('the machine starts when somebody has connected'),
      reconnect: number('seconds between attempts to connect again; 0: none'),
      'reconnect-ms': number('the same in milliseconds'),
      nodelay: ignored(flag('always on')),
      delay: ignored(flag('always off')),
      ipv4: ignored(flag('either is taken')),
      ipv6: ignored(flag('either is taken')),
      telnet: missing('telnet negotiation'),
      websocket: missing('WebSocket framing'),
      to: missing('a range of ports'),
      fd: missing('an open file descriptor'),
      'tls-creds': missing('TLS'),
      abstract: missing('abstract Unix sockets'),
    },
  },
}
const unavailable = [
  'udp',
  'vc',
  'ringbuf',
  'pipe',
  'console',
  'serial',
  'parallel',
  'msmouse',
  'braille',
  'testdev',
  'spicevmc',
  'spiceport',
  'dbus',
  'hub',
  'wctablet',
  'telnet',
  'websocket',
]

/** `-chardev socket,id=c0,path=x,server=on`. */
export function parseChardev(line: string): ChardevConfig {
  const { values: head, rest } = parseValues(line, {
    backend: { type: 'text', help: 'back end' }, id: { type: 'text', help: 'name' },
  } as const, { implied: 'backend', open: true })
  const backend = head.backend as string | undefined, id = head.id as string | undefined
  if (backend === undefined) throw usage('a back end is needed', suggest('', Object.keys(backends)))
  if (id === undefined) throw usage('id=NAME is needed')
  return chardev(id, backend, rest)
}

/** Checks a back end's properties. */
export function chardev(id: string, backend: string, properties: PropertyBag): ChardevConfig {
  const known = Object.hasOwn(backends, backend) ? backends[backend]! : undefined
  if (!known) {
    if (unavailable.includes(backend)) throw usage(`not implemented: character device back end '${backend}'`)
    throw usage(
      `no character device back end '${backend}'`,
      suggest(backend, Object.keys(backends), '-chardev help'),
    )
  }
  const { mux, ...values } = parseValues(JSON.stringify(properties), { ...commonKeys, ...known.keys }).values as
    { mux?: boolean } & PropertyBag
  if (backend === 'file' && values['path'] === undefined) throw usage('file: path=FILE is needed')
  if (backend === 'socket') checkSocket(values)
  return { id, backend, ...(mux !== undefined && { mux }), properties: values }
}

function checkSocket(p: PropertyBag): void {
  if ((p['path'] === undefined) === (p['port'] === undefined))
    throw usage('socket: either path=FILE or host=,port= is needed')
  const port = p['port'] as string | undefined
  if (port !== undefined && !(/^\d+$/.test(port) && Number(port) < 65536))
    throw usage(`socket: port '${port}' is not a port number`)
  if (p['wait'] !== undefined && !p['server']) throw usage('socket: wait is for server=on')
}

export type LegacyChar =
  | { readonly kind: 'none' }
  /** An existing character device. */
  | { readonly kind: 'ref'; readonly id: string }
  | { readonly kind: 'new'; readonly config: ChardevConfig; readonly withMonitor: boolean }

/** `stdio`, `mon:stdio`, `file:x`, `tcp:host:port,server=on`, `unix:x`, `chardev:id`, `null`, `pty`,
 * `none`. */
export function parseLegacyChar(line: string, id: string): LegacyChar {
  if (line === 'none') return { kind: 'none' }
  if (line.startsWith('mon:')) {
    const inner = parseLegacyChar(line.slice(4), id)
    if (inner.kind !== 'new') throw usage(`'${line}': mon: needs a back end such as stdio`)
    return { ...inner, config: { ...inner.config, mux: true }, withMonitor: true }
  }
  if (line.startsWith('chardev:')) return { kind: 'ref', id: line.slice(8) }
  const made = (backend: string, properties: PropertyBag): LegacyChar =>
    ({ kind: 'new', config: chardev(id, backend, properties), withMonitor: false })
  const plain = /^(stdio|null|pty)(?:,(.*))?$/.exec(line)
  if (plain) return made(plain[1]!, properties(plain[2]))
  const m = /^([a-z]+):(.*)$/s.exec(line)
  if (m?.[1] === 'file') return made('file', { path: m[2]! })
  if (m?.[1] === 'unix') {
    const [path, rest] = cut(m[2]!)
    return made('socket', { path, ...properties(rest) })
  }
  if (m?.[1] === 'tcp') {
    const [address, rest] = cut(m[2]!)
    const colon = address.lastIndexOf(':')
    if (colon < 0) throw usage(`'${line}': a port is needed`, 'tcp:HOST:PORT')
    const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
    return made('socket', { ...(host && { host }), port: address.slice(colon + 1), ...properties(rest) })
  }
  const name = m?.[1] ?? /^[a-z]+/.exec(line)?.[0] ?? line
  if (unavailable.includes(name)) throw usage(`not implemented: character device '${name}'`)
  if (line.startsWith('/dev/')) throw usage(`not implemented: host device ${line}`)
  throw usage(
    `no character device '${line}'`,
    suggest(name, ['stdio', 'mon:stdio', 'file:', 'pty', 'null', 'none', 'unix:', 'tcp:', 'chardev:']),
  )
}

function cut(line: string): [string, string | undefined] {
  const comma = /(?<!,),(?!,)/.exec(line)?.index ?? -1
  return comma < 0
    ? [line.replaceAll(',,', ','), undefined]
    : [line.slice(0, comma).replaceAll(',,', ','), line.slice(comma + 1)]
}

const properties = (line: string | undefined): PropertyBag =>
  line ? parseValues(line, {}, { open: true }).rest : {}

/** Where gdb connects to, as -gdb and `gdbserver` take it. It connects to us unless somebody says
 * otherwise. */
export function gdbPlace(where: string, id: string): GdbPlace {
  if (/^\d+$/.test(where)) return chardev(id, 'socket', { port: where, server: true, wait: false })
  const implied =
    /^(tcp|unix):/.test(where) && !/,server\b/.test(where) ? `${where},server=on,wait=off` : where
  const made = parseLegacyChar(implied, id)
  if (made.kind === 'ref') return { chardev: made.id }
  if (made.kind !== 'new' || made.withMonitor)
    throw usage(`'${where}' is not for gdb`, 'tcp::1234, unix:PATH, chardev:ID or stdio')
  return made.config
}
