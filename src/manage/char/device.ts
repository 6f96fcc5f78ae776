// A character device: one back end, and who uses it. With mux=on several users share it: output of all of
// them goes out, input goes to one, and Ctrl-a is the key to everything else.
import type { ByteStream } from '../../host/host.ts'
import type { ChardevConfig } from '../../vm/config.ts'
import { type BackendContext, openBackend, tellFailure } from './backend.ts'

/** A user of a character device: a serial port, a monitor, gdb. */
export type FrontEnd = {
  readonly label: string
  data(bytes: Uint8Array): void
  /** Output may go on. */
  drain?(): void
  /** Somebody is there, or has left. */
  open?(): void
  close?(): void
  /** Input comes here from now on, or goes elsewhere. */
  focus?(focused: boolean): void
  sendBreak?(): void
  /** The device has said something itself, which stands where this user's output was. */
  spoke?(): void
}
export type Link = {
  /** False: wait for `drain`. */
  write(bytes: Uint8Array): boolean
  /** Asks for input to be held back. A person at a terminal is never held. */
  hold(held: boolean): void
  readonly connected: boolean
  detach(): void
}

export type CharDevice = {
  readonly config: ChardevConfig
  readonly label: string
  readonly connected: boolean
  readonly frontEnds: readonly FrontEnd[]
  /** Resolves when the machine may start. */
  readonly ready: Promise<void>
  attach(user: FrontEnd): Link
  close(): Promise<void>
}

const CTRL_A = 0x01

const keys: { readonly [key: string]: string } = {
  h: 'this help',
  x: 'end the program',
  s: 'write disk data back (with -snapshot)',
  t: 'time stamps on console lines',
  b: 'send a break',
  c: 'next of console and monitor',
  'Ctrl-a': 'send Ctrl-a',
}
const encoder = new TextEncoder()

export async function openCharDevice(
  config: ChardevConfig, context: BackendContext, actions: { quit(): void; nowMs(): number },
): Promise<CharDevice> {
  const users: FrontEnd[] = [], held = new Set<FrontEnd>()
  let focused = 0, escaped = false, connected = false
  const logFile = config.properties?.['logfile'] as string | undefined
  const log: ByteStream | undefined =
    logFile === undefined ? undefined
    : await context.host.files.open(logFile, { append: config.properties?.['logappend'] === true })
  log?.listen({ close: error => tellFailure(error, context.note) })
  const stamps = { on: false, fresh: true, since: 0 }

  const { backend, ready } = await openBackend(config, context, {
    data: config.mux ? muxed : bytes => users[focused]?.data(bytes),
    drain() { for (const u of [...users]) u.drain?.() },
    open() {
      connected = true
      for (const u of [...users]) u.open?.()
      users[focused]?.focus?.(true)
    },
    close() {
      connected = false
      for (const u of [...users]) u.close?.()
    },
  })

  /** Splits input at Ctrl-a; runs of ordinary bytes go on in one piece. */
  function muxed(bytes: Uint8Array): void {
    let from = 0
    const flush = (to: number) => { if (to > from) users[focused]?.data(bytes.subarray(from, to)) }
    for (let i = 0; i < bytes.length; i++) {
      const b = bytes[i]!
      if (escaped) {
        escaped = false
        from = i + 1
        if (b === CTRL_A) users[focused]?.data(Uint8Array.of(CTRL_A))
        else command(String.fromCharCode(b))
      } else if (b === CTRL_A) {
        flush(i)
        escaped = true
        from = i + 1
      }
    }
    if (!escaped) flush(bytes.length)
  }

  function command(key: string): void {
    switch (key) {
      case 'x':
        say('terminated')
        return actions.quit()
      case 'c': {
        if (users.length < 2) return
        users[focused]?.focus?.(false)
        focused = (focused + 1) % users.length
        users[focused]?.focus?.(true)
        return regulate()
      }
      case 'b': {
        const user = users[focused]
        return user?.sendBreak ? user.sendBreak() : say(`${user?.label ?? 'nobody'} takes no break`)
      }
      case 't':
        stamps.on = !stamps.on
        if (stamps.on) stamps.since = actions.nowMs()
        return
      case 's':
        return say('not implemented: writing disk data back to the image')
      case 'h':
      case '?':
        for (const [k, does] of Object.entries(keys))
          say(`${k === 'Ctrl-a' ? 'Ctrl-a Ctrl-a' : `Ctrl-a ${k}`}${' '.repeat(10 - k.length)}${does}`)
    }
  }

  const say = (line: string): void => {
    backend.write(encoder.encode(`\r\n${line}\r\n`))
    users[focused]?.spoke?.()
  }
  /** Only the one who gets the input can have it held back. */
  const regulate = (): void => {
    if (!backend.interactive) backend.hold(users[focused] !== undefined && held.has(users[focused]!))
  }

  function stamped(bytes: Uint8Array): Uint8Array {
    const out: number[] = []
    for (const b of bytes) {
      if (stamps.fresh) {
        const ms = actions.nowMs() - stamps.since
        const text = `[${new Date(ms).toISOString().slice(11, 23)}] `
        for (let i = 0; i < text.length; i++) out.push(text.charCodeAt(i))
      }
      out.push(b)
      stamps.fresh = b === 0x0a
    }
    return Uint8Array.from(out)
  }

  return {
    config, ready,
    get label() { return backend.label },
    get connected() { return backend.connected },
    frontEnds: users,
    attach(user) {
      users.push(user)
      // Later, so that the user has its link when it is told.
      if (connected)
        queueMicrotask(() => {
          if (!connected || !users.includes(user)) return
          user.open?.()
          if (users[focused] === user) user.focus?.(true)
        })
      return {
        write(bytes) {
          if (!bytes.length) return true
          log?.write(bytes)
          return backend.write(stamps.on ? stamped(bytes) : bytes)
        },
        hold(on) {
          if (on) held.add(user)
          else held.delete(user)
          regulate()
        },
        get connected() { return backend.connected },
        detach() {
          const i = users.indexOf(user)
          if (i < 0) return
          users.splice(i, 1)
          held.delete(user)
          if (focused >= users.length) focused = 0
        },
      }
    },
    async close() {
      await backend.close()
      await log?.close()
    },
  }
}

