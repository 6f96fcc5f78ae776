// A guest's console: the emulator's process, watched and typed to.
import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import type { Guest } from './guests.ts'

/** What a kernel says when nothing good will follow. */
const DISASTER = /Kernel panic - not syncing|Unable to handle kernel|\bBUG: |rcu: INFO: rcu_\w+ detected stalls/

export interface Outcome {
  readonly text: string
  /** Why the guest failed; undefined when it did all that was expected. */
  readonly reason?: string
  readonly seconds: number
}

/** Where `wanted` first ends in `text` at or after `from`, or -1. */
function endOf(wanted: string | RegExp, text: string, from: number): number {
  if (typeof wanted === 'string') {
    const at = text.indexOf(wanted, from)
    return at < 0 ? -1 : at + wanted.length
  }
  const found = new RegExp(wanted, `${wanted.flags}g`)
  found.lastIndex = from
  return found.exec(text) ? found.lastIndex : -1
}

/** Runs the emulator until the guest has gone through its steps and ended, failed or used up its time. */
export function runGuest(command: readonly string[], guest: Guest, log: string): Promise<Outcome> {
  const started = performance.now()
  const [program = '', ...args] = command
  const child = spawn(program, args, { stdio: 'pipe' })
  const file = createWriteStream(log)
  let text = ''
  let errors = ''
  let position = 0
  let step = 0
  let reason: string | undefined

  const stop = (why?: string): void => {
    reason ??= why
    child.kill('SIGKILL')
  }
  const timer = setTimeout(() => {
    const missing = guest.steps[step]
    stop(`not done after ${guest.timeoutSeconds} s: ${missing ? `no ${missing.expect}` : 'did not end'}`)
  }, guest.timeoutSeconds * 1000)
  const interrupted = (): void => stop('interrupted')
  process.once('exit', interrupted)

  child.stdin.on('error', (error) => { errors += `standard input: ${error.message}\n` })
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    file.write(chunk)
    text += chunk.replaceAll('\r', '')
    if (DISASTER.test(text.slice(position))) return stop(DISASTER.exec(text.slice(position))?.[0])
    for (let next = guest.steps[step]; next; next = guest.steps[step]) {
      const end = endOf(next.expect, text, position)
      if (end < 0) return
      position = end
      step++
      if (next.send) child.stdin.write(next.send)
    }
    if (guest.end === 'stop') stop()
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    file.write(chunk)
    errors += chunk
  })

  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status, signal) => {
      clearTimeout(timer)
      process.off('exit', interrupted)
      file.end()
      const missing = guest.steps[step]
      const failed = /^FAIL .*$/m.exec(text)?.[0]
      if (failed) reason ??= failed
      if (missing) reason ??= `ended (${signal ?? status}) without ${missing.expect}`
      if (guest.end === 'guest' && status !== 0) reason ??= `exit status ${signal ?? status}`
      resolve({ text: text + errors, seconds: (performance.now() - started) / 1000, ...(reason && { reason }) })
    })
  })
}
