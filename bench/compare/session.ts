// One run of an emulator: its console lines as they come, with the time and the processor time at each.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { UserError } from '../../scripts/guests/run.ts'
import { cpuMs } from './processes.ts'

export interface Line {
  readonly text: string
  /** Since the command was started. */
  readonly atMs: number
  /** Processor time that the emulator has taken, all threads together. */
  readonly cpuMs: number
}

export interface Emulator {
  readonly pid: number
  /** Types on the guest's console. */
  send(text: string): void
}

export interface SessionOptions {
  readonly timeoutSeconds: number
  onLine?(line: Line, emulator: Emulator): void
}

export interface Session {
  /** The first byte of output. */
  readonly first: Omit<Line, 'text'>
  /** When the process had ended. */
  readonly endMs: number
}

/** What a kernel says when nothing good will follow. */
const DISASTER = /Kernel panic - not syncing|Unable to handle kernel|\bBUG: |\brcu_\w+ detected stalls/
const TAIL = 15

/** Runs a command to its end. When that is bad or too late, throws UserError with the end of its console. */
export function runSession(command: readonly string[], options: SessionOptions): Promise<Session> {
  const { timeoutSeconds, onLine } = options
  const [program = '', ...args] = command
  const started = performance.now()
  const child = spawn(program, args, { stdio: 'pipe' })
  const tail: string[] = []
  let first: Session['first'] | undefined
  let rest = '', reason: string | undefined, bug: unknown, cpu = 0

  const stop = (why: string): void => {
    reason ??= why
    child.kill('SIGKILL')
  }
  const emulator: Emulator = { pid: child.pid ?? 0, send: (text) => void child.stdin.write(text) }
  const see = (line: Line): void => {
    tail.push(line.text)
    if (tail.length > TAIL) tail.shift()
    if (DISASTER.test(line.text)) return stop('the guest failed')
    onLine?.(line, emulator)
  }
  const timer = setTimeout(() => stop(`not done after ${timeoutSeconds} s`), timeoutSeconds * 1000)
  const interrupted = (): void => void child.kill('SIGKILL')
  const signalled = (signal: NodeJS.Signals): void => process.exit(128 + constants.signals[signal])
  process.once('exit', interrupted).once('SIGINT', signalled).once('SIGTERM', signalled)

  child.stdin.on('error', (error) => { tail.push(`standard input: ${error.message}`) })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => tail.push(...chunk.trimEnd().split('\n')))
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    if (reason) return
    try {
      const atMs = performance.now() - started
      // What a process that has ended wrote last is still to be read.
      if (child.exitCode === null && child.signalCode === null) cpu = cpuMs(emulator.pid)
      const now = { atMs, cpuMs: cpu }
      first ??= now
      const lines = (rest + chunk).replaceAll('\r', '').split('\n')
      rest = lines.pop()!
      for (const text of lines) see({ text, ...now })
    } catch (error) {
      bug = error
      stop('the measurement failed')
    }
  })

  return new Promise((resolve, reject) => {
    const settle = (): void => {
      clearTimeout(timer)
      process.off('exit', interrupted).off('SIGINT', signalled).off('SIGTERM', signalled)
    }
    child.on('error', (cause) => {
      settle()
      reject(new UserError(`cannot start ${program}: ${cause.message}`, { cause }))
    })
    child.on('close', (status, signal) => {
      settle()
      if (status !== 0) reason ??= `exit status ${signal ?? status}`
      if (!first) reason ??= 'no output'
      if (bug instanceof UserError) return reject(bug)
      const console = [...tail, rest].map((line) => `\n    | ${line}`).join('')
      if (reason) return reject(new UserError(`${command.join(' ')}: ${reason}${console}`, { cause: bug }))
      resolve({ first: first!, endMs: performance.now() - started })
    })
  })
}
