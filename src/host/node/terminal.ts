// Standard input and output. In raw mode a terminal hands over every key; its mode is put back on every way
// out that a program can see: return, exit, an exception, and the signals that end it. A terminal that goes
// away is such a signal. Output never blocks the thread, however slow the reader is.
import { createWriteStream, fstatSync } from 'node:fs'
import { Socket } from 'node:net'
import { constants } from 'node:os'
import type { Writable } from 'node:stream'
import { isatty, WriteStream } from 'node:tty'
import type { ByteStream, HostStdio } from '../host.ts'
import { streamOf } from './streams.ts'

const CTRL_C = 0x03, CTRL_Z = 0x1a, CTRL_BACKSLASH = 0x1c

let raw = false
let opened = false

function setRaw(on: boolean): void {
  if (!process.stdin.isTTY || raw === on) return
  process.stdin.setRawMode(on)
  raw = on
}

/** An output that is never written to synchronously (process.stdout is, for terminals and pipes). */
function output(): Writable {
  if (isatty(1)) {
    const terminal = new WriteStream(1) as WriteStream & { _handle?: { setBlocking?(on: boolean): void } }
    terminal._handle?.setBlocking?.(false)
    return terminal
  }
  const kind = fstatSync(1)
  if (kind.isFIFO() || kind.isSocket()) return new Socket({ fd: 1, readable: false, writable: true })
  return createWriteStream('', { fd: 1, autoClose: false })
}

/** The keys that a terminal in its usual mode turns into signals. */
function raise(bytes: Uint8Array): Uint8Array {
  for (const b of bytes) {
    if (b === CTRL_C) process.kill(process.pid, 'SIGINT')
    if (b === CTRL_BACKSLASH) process.kill(process.pid, 'SIGQUIT')
    if (b === CTRL_Z) process.kill(process.pid, 'SIGTSTP')
  }
  return bytes.filter(b => b !== CTRL_C && b !== CTRL_Z && b !== CTRL_BACKSLASH)
}

/** A program that installs no handler for these would end without putting the terminal back. */
function guard(): void {
  process.on('exit', () => setRaw(false))
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGINT'] as const)
    process.on(signal, () => {
      if (process.listenerCount(signal) > 1) return // somebody decides
      setRaw(false)
      process.exit(128 + constants.signals[signal])
    })
  process.on('SIGTSTP', () => {
    setRaw(false)
    process.kill(process.pid, 'SIGSTOP')
  })
  process.on('SIGCONT', () => {
    if (!wanted) return
    raw = false // whoever ran meanwhile may have changed it
    setRaw(true)
  })
}
let wanted = false

export const nodeStdio: HostStdio = {
  get inputIsTty() { return isatty(0) },
  get outputIsTty() { return isatty(1) },
  open(options): ByteStream {
    if (opened) throw new Error('internal error: standard input and output opened twice')
    opened = true
    const terminal = process.stdin.isTTY
    if (terminal && options.raw) {
      guard()
      wanted = true
      setRaw(true)
      // No key ends the input of a raw terminal: it has gone away. Not everybody gets the signal that says so.
      for (const gone of ['end', 'error']) process.stdin.once(gone, () => process.kill(process.pid, 'SIGHUP'))
    }
    return streamOf({
      label: 'stdio',
      input: process.stdin,
      output: output(),
      ...(terminal && options.raw && options.signals && { filter: raise }),
      closed: () => {
        wanted = false
        setRaw(false)
      },
    })
  },
  restore() {
    wanted = false
    setRaw(false)
  },
  columns: () => process.stdout.columns ?? 80,
}
