// An emulator's process whose monitor is apart from the guest's console.
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'

export const sleep = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))
/** What comes true if nothing else does in time; it keeps nobody waiting. */
export const limit = (ms: number) => new Promise<string>(resolve => setTimeout(resolve, ms, 'does not end').unref())

/** An emulator with its console on standard output and QMP on a socket. */
export class Emulator {
  text = ''
  errors = ''
  readonly child: ChildProcess
  readonly ended: Promise<number | string>
  private qmp: Socket | undefined
  private answers: unknown[] = []
  private readonly socket: string

  constructor(command: readonly string[], scratch: string, name: string, log: string) {
    this.socket = join(scratch, `${name}.qmp`)
    const [program = '', ...args] = command.filter(word => word !== '-nographic'), file = createWriteStream(log)
    this.child = spawn(program, [
      ...args, '-serial', 'stdio', '-monitor', 'none', '-display', 'none', '-qmp', `unix:${this.socket},server=on,wait=off`,
    ])
    this.child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
      file.write(chunk)
      this.text += chunk
    })
    this.child.stderr!.setEncoding('utf8').on('data', (chunk: string) => { this.errors += chunk })
    this.ended = new Promise(resolve => this.child.on('close', (status, signal) => {
      file.end()
      resolve(status ?? signal!)
    }))
  }

  async connect(): Promise<void> {
    for (;;) {
      const socket = connect(this.socket)
      const open = await new Promise<boolean>(resolve =>
        socket.once('connect', () => resolve(true)).once('error', () => resolve(false)))
      if (open) {
        this.qmp = socket
        break
      }
      if (this.over) throw new Error(`ended early: ${this.errors}`)
      await sleep(50)
    }
    let rest = ''
    this.qmp.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop()!
      for (const line of lines) {
        const reply = JSON.parse(line) as { event?: string; QMP?: unknown }
        if (reply.event === undefined && !reply.QMP) this.answers.push(reply)
      }
    })
    await this.command('qmp_capabilities')
  }

  get over(): boolean { return this.child.exitCode !== null || this.child.signalCode !== null }

  async command(execute: string, args?: object): Promise<unknown> {
    this.qmp!.write(`${JSON.stringify({ execute, arguments: args })}\n`)
    while (this.answers.length === 0) {
      if (this.over) throw new Error(`ended during ${execute}: ${this.errors}`)
      await sleep(5)
    }
    const reply = this.answers.shift() as { return?: unknown; error?: { desc: string } }
    if (reply.error) throw new Error(`${execute}: ${reply.error.desc}`)
    return reply.return
  }

  /** What a line of the monitor prints. */
  async monitor(line: string): Promise<string> {
    return String(await this.command('human-monitor-command', { 'command-line': line }) ?? '')
  }
}
