// npm run debug -- MACHINE OPTIONS: runs a machine with a gdb port and its log in a file. A failure of ours, a guest that
// panics or ends with a failure, and SIGUSR1 write a case: a folder that `npm run replay` continues from.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { nodeHost } from '../src/host/node/host.ts'
import { internalError } from '../src/manage/cli/parse.ts'
import { type Attendant, run } from '../src/manage/cli/run.ts'
import * as assembly from '../src/vm/machine.ts'
import { type Cause, gdbHint, gdbOption, PROGRAM, writeCase } from './debug/case.ts'
import { runMain, UserError } from './guests/run.ts'

const CASES = join(import.meta.dirname, '../.cache/debug')
const note = (line: string) => nodeHost.process!.writeError(line)

/** The value of an option that was given, by any of its names. */
function given(options: readonly string[], ...names: readonly string[]): string | undefined {
  const at = options.findIndex(o => names.includes(o.replace(/^--?/, '')))
  return at < 0 ? undefined : options[at + 1] ?? ''
}

class Watcher implements Attendant {
  private readonly machine: assembly.Machine
  private readonly options: readonly string[]
  private readonly folder: string
  private readonly trace: string
  /** Where gdb finds the machine, unless its options say that. */
  private readonly socket: string | undefined
  private cases = 0
  private writing: Promise<void> = Promise.resolve()

  constructor(o: { machine: assembly.Machine; options: readonly string[]; folder: string; trace: string; socket: string | undefined }) {
    const { machine } = o
    this.machine = machine
    this.options = o.options
    this.folder = o.folder
    this.trace = o.trace
    this.socket = o.socket
    machine.on('error', ({ message, cause, cpu }) =>
      this.report({ text: internalError(cause ?? message, cpu), error: cause }))
    machine.on('shutdown', ({ cause, exitCode }) => {
      if (cause === 'guest-panic') this.report({ text: 'the guest panicked' })
      else if (cause.startsWith('guest') && exitCode !== 0) this.report({ text: `the guest ended with status ${exitCode}` })
    })
    process.on('SIGUSR1', () => this.report({ text: 'asked for by SIGUSR1' }))
    process.on('uncaughtException', error => {
      this.report({ text: internalError(error), error })
      void this.writing.finally(() => nodeHost.process!.exit(1))
    })
  }

  /** One after the other; a machine that ran goes on. */
  private report(cause: Cause): void {
    this.writing = this.writing.then(async () => {
      const ran = this.machine.state === 'running'
      const { path, parts, missing } = await writeCase(
        join(this.folder, `case-${++this.cases}`), this.machine, this.options, cause, this.trace)
      note(`${cause.text}\n  case: ${path} (${parts.join(', ')})${missing.map(m => `\n  missing: ${m}`).join('')}\n` +
        `  npm run replay -- ${path}`)
      if (ran) await this.machine.resume()
    }).catch(error => note(`the case could not be written: ${error instanceof Error ? error.stack : String(error)}`))
  }

  async ready(): Promise<void> {
    note(`trace: ${this.trace}`)
    if (this.socket) note(`gdb:   ${gdbHint(this.socket)}`)
    note(`case:  kill -USR1 ${process.pid}`)
  }
  ending(): Promise<void> { return this.writing }
}

await runMain('debug', async () => {
  const options = process.argv.slice(2)
  if (options.length === 0) throw new UserError(`the machine's options are missing, as ${PROGRAM} takes them: npm run debug -- -M virt ...`)
  const folder = join(CASES, `${new Date().toISOString().slice(0, 19).replaceAll(':', '')}-${process.pid}`)
  await mkdir(folder, { recursive: true })
  const trace = given(options, 'D') ?? join(folder, 'trace.log')
  const socket = given(options, 'gdb', 's') === undefined ? join(folder, 'gdb') : undefined
  const more = [
    ...socket === undefined ? [] : ['-gdb', gdbOption(socket)],
    ...given(options, 'D') === undefined ? ['-D', trace] : [],
    ...given(options, 'd') === undefined ? ['-d', 'guest_errors,unimp'] : [],
  ]
  const status = await run([...more, ...options], PROGRAM, {
    host: nodeHost, assembly, nowMs: () => Date.now(),
    attend: machine => new Watcher({ machine: machine as assembly.Machine, options, folder, trace, socket }),
  })
  nodeHost.process!.exit(status)
})
