// What a character device talks to: opened from its configuration, connected to somebody or not.
import { VmError } from '../../base/errors.ts'
import type { ByteStream, Host, NetAddress } from '../../host/host.ts'
import type { ChardevConfig } from '../../vm/config.ts'

export type BackendListeners = {
  data(bytes: Uint8Array): void
  drain(): void
  /** Somebody is there (again), or has left. */
  open(): void
  close(): void
}

export type Backend = {
  label: string
  readonly connected: boolean
  /** A person types here: what nobody reads is dropped rather than held back, so that Ctrl-a always
   * arrives. */
  readonly interactive: boolean
  /** False: wait for `drain`. Swallowed while nobody is connected. */
  write(bytes: Uint8Array): boolean
  hold(held: boolean): void
  close(): Promise<void>
}

export type BackendContext = {
  readonly host: Host
  /** Lines for the user, such as the name of a new pseudo terminal. */
  readonly note: (line: string) => void
  /** Whether Ctrl-C belongs to the guest where the configuration does not say. */
  readonly rawSignals: boolean
}

/** Resolves when the back end exists; `ready`, when a client that the machine must wait for has come. */
export async function openBackend(
  config: ChardevConfig, { host, note, rawSignals }: BackendContext, to: BackendListeners,
): Promise<{ backend: Backend; ready: Promise<void> }> {
  const p = (config.properties ?? {}) as { [name: string]: any }
  const now = (backend: Backend) => ({ backend, ready: Promise.resolve() })
  const need = <T>(part: T | undefined, what: string): T => {
    if (part === undefined)
      throw new VmError('host.unsupported', `${config.backend}: not available here (${what})`)
    return part
  }
  switch (config.backend) {
    case 'null':
      return now({
        label: 'null',
        connected: false,
        interactive: false,
        write: () => true,
        hold() {},
        async close() {},
      })
    case 'stdio': {
      const stdio = need(host.stdio, 'no standard input')
      const signals = (p['signal'] as boolean | undefined) ?? !rawSignals
      return now(fixed(stdio.open({ raw: true, signals }), stdio.inputIsTty, to))
    }
    case 'file':
      return now(fixed(await host.files.open(p['path'], { append: p['append'] ?? false }), false,
        { ...to, close: error => { tellFailure(error, note); to.close() } }))
    case 'pty': {
      const { stream, path } = await need(host.pty, 'no pseudo terminals').open()
      note(`char device redirected to ${path} (label ${config.id})`)
      return now(fixed(stream, false, to))
    }
    case 'socket':
      return p['server']
        ? server(p, need(host.net, 'no sockets'), note, to)
        : client(p, need(host.net, 'no sockets'), to)
  }
  throw new VmError('char.unknown', `no character device back end '${config.backend}'`)
}

/** A file that is written to has failed, and is written to no more. Streams fail once. */
export function tellFailure(error: Error | undefined, note: (line: string) => void): void {
  if (error) note(`${error.message}; nothing more is written there`)
}

/** A stream that is there from the start. */
function fixed(
  stream: ByteStream, interactive: boolean, to: Omit<BackendListeners, 'close'> & { close(error?: Error): void },
): Backend {
  let connected = true
  stream.listen({
    data: to.data, drain: to.drain,
    close(error) {
      connected = false
      to.close(error)
    },
  })
  queueMicrotask(to.open)
  return {
    label: stream.label, interactive,
    get connected() { return connected },
    write: bytes => !connected || stream.write(bytes),
    hold: held => stream.hold(held),
    close: () => stream.close(),
  }
}

export function addressOf(p: { readonly [name: string]: any }): NetAddress {
  if (p['path'] !== undefined) return { kind: 'unix', path: p['path'] }
  return { kind: 'tcp', host: p['host'] ?? '127.0.0.1', port: Number(p['port']) }
}

/** Listens; one client at a time, further ones wait their turn. */
async function server(
  p: { [name: string]: any },
  net: NonNullable<Host['net']>,
  note: (line: string) => void,
  to: BackendListeners,
): Promise<{ backend: Backend; ready: Promise<void> }> {
  let current: ByteStream | undefined, held = false
  const waiting: ByteStream[] = []
  let arrived = () => {}
  const ready = new Promise<void>(resolve => { arrived = resolve })
  const serve = (stream: ByteStream) => {
    current = stream
    stream.listen({
      data: to.data, drain: to.drain,
      end: () => void stream.close(),
      close() {
        if (current !== stream) return
        current = undefined
        to.close()
        const next = waiting.shift()
        if (next) serve(next)
      },
    })
    stream.hold(held)
    to.open()
    arrived()
  }
  const address = addressOf(p)
  const listening = await net.listen(address, stream => {
    if (!current) return serve(stream)
    waiting.push(stream)
    stream.listen({ close() { if (waiting.includes(stream)) waiting.splice(waiting.indexOf(stream), 1) } })
  })
  const wait = (p['wait'] as boolean | undefined) ?? true
  if (wait) note(`waiting for a connection on ${listening.label}`)
  else if (address.kind === 'tcp' && address.port === 0) note(`listening on ${listening.label}`) // nobody else knows which
  return {
    ready: wait ? ready : Promise.resolve(),
    backend: {
      label: listening.label, interactive: false,
      get connected() { return current !== undefined },
      write: bytes => current?.write(bytes) ?? true,
      hold(h) {
        held = h
        current?.hold(h)
      },
      async close() {
        const closing = listening.close()
        await Promise.all([current, ...waiting].map(s => s?.close()))
        await closing
      },
    },
  }
}

/** Connects, and again after `reconnect` seconds if that was asked for. */
async function client(
  p: { [name: string]: any }, net: NonNullable<Host['net']>, to: BackendListeners,
): Promise<{ backend: Backend; ready: Promise<void> }> {
  const address = addressOf(p)
  const againMs: number = p['reconnect-ms'] ?? (p['reconnect'] ?? 0) * 1000
  let current: ByteStream | undefined, held = false, closed = false
  let timer: ReturnType<typeof setTimeout> | undefined
  const later = () => {
    if (!closed && againMs > 0) timer = setTimeout(() => void attempt().catch(later), againMs)
  }
  async function attempt(): Promise<void> {
    const stream = await net.connect(address)
    if (closed) return stream.close()
    current = stream
    stream.listen({
      data: to.data, drain: to.drain,
      end: () => void stream.close(),
      close() {
        current = undefined
        to.close()
        later()
      },
    })
    stream.hold(held)
    to.open()
  }
  await attempt().catch(error => {
    if (againMs === 0) throw error
    later()
  })
  return {
    ready: Promise.resolve(),
    backend: {
      label: address.kind === 'unix' ? `unix:${address.path}` : `tcp:${address.host}:${address.port}`,
      interactive: false,
      get connected() {
        return current !== undefined
      },
      write: bytes => current?.write(bytes) ?? true,
      hold(h) {
        held = h
        current?.hold(h)
      },
      async close() {
        closed = true
        clearTimeout(timer)
        await current?.close()
      },
    },
  }
}
