// A machine of QEMU's under our hand: registers over the qtest protocol, guest time by
// single-stepping an endless loop over the gdb protocol (the qtest accelerator, which has a settable clock,
// is left out of distributions).
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Machine } from './machines.ts'
import { opText, type Timeless } from './script.ts'

export type QemuSetup = {
  /** The machine is not stopped: what people do reaches a running one only. */
  readonly running?: boolean
  readonly args?: readonly string[]
  /** Files that are made for it; %DIR in the arguments is where. */
  readonly files?: { readonly [name: string]: Uint8Array }
  /** QOM type of the device whose inputs `line` drives, and of the one whose pins are watched. */
  readonly lines?: string | ((index: number) => { readonly type: string; readonly nth: number; readonly pin: number })
  readonly watch?: { readonly type: string; readonly pins: 'in' | 'out'; readonly only?: readonly number[] }
}
/** Per operation: the value read (hex, none for others) and the watched pins that are high after it. */
export type Outcome = { readonly value: string; readonly high: readonly number[] }

export async function qemuMissing(program: string): Promise<boolean> {
  return new Promise(resolve => {
    const p = spawn(program, ['--version'], { stdio: 'ignore' })
    p.on('error', () => resolve(true))
    p.on('exit', () => resolve(false))
  })
}

/** A stopped machine that operations are applied to one by one. */
export type Qemu = {
  apply(o: Timeless): Promise<Outcome>
  /**
   * Executes so many instructions. Guest time passes, by how much is QEMU's affair: read a clock afterwards.
   */
  step(count: number): Promise<void>
  /** Executes freely for a while. */
  run(ms: number): Promise<void>
  /** A command of QMP. */
  qmp(command: string, args?: object): Promise<unknown>
  close(): void
}

export async function openQemu(machine: Machine, setup: QemuSetup): Promise<Qemu> {
  const dir = mkdtempSync(join(tmpdir(), 'qtest-'))
  if (machine.bios) writeFileSync(join(dir, 'bios'), machine.bios)
  for (const [name, bytes] of Object.entries(setup.files ?? {})) writeFileSync(join(dir, name), bytes)
  const child = spawn(machine.program, [
    '-M',
    machine.name,
    '-m',
    '64',
    ...(setup.running ? [] : ['-S']),
    '-accel',
    'tcg',
    '-icount',
    'shift=10',
    '-display',
    'none',
    '-serial',
    'null',
    '-bios',
    machine.bios ? join(dir, 'bios') : 'none',
    '-qtest',
    'stdio',
    '-qtest-log',
    'none',
    '-rtc',
    'base=2023-11-14T22:13:20,clock=vm',
    ...machine.args,
    ...(setup.args ?? []).map(a => a.replace('%DIR', dir)),
    '-qmp',
    `unix:${join(dir, 'qmp')},server=on,wait=off`,
    '-gdb',
    `unix:${join(dir, 'gdb')},server=on,wait=off`,
  ])
  const close = () => {
    child.kill('SIGKILL')
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    const channel = qtestChannel(child, setup.watch?.only)
    let management: Awaited<ReturnType<typeof qmpChannel>> | undefined
    const qmp = async (command: string, args: object = {}) =>
      (management ??= await qmpChannel(join(dir, 'qmp'))).ask(command, args)
    const tree = setup.lines || setup.watch ? await qomPaths(qmp) : new Map<string, string[]>()
    const path = (type: string, nth = 0) => {
      const found = tree.get(type)?.[nth]
      if (!found) throw new Error(`qemu has no ${type} number ${nth}`)
      return found
    }
    const input = (index: number) => {
      const { lines } = setup
      const at = typeof lines === 'function' ? lines(index) : { type: lines!, nth: 0, pin: index }
      return `${path(at.type, at.nth)} unnamed-gpio-in ${at.pin}`
    }
    if (setup.watch) await channel.ask(`irq_intercept_${setup.watch.pins} ${path(setup.watch.type)}`)
    for (const o of machine.setup) await channel.ask(opText(o))
    let gdb: Awaited<ReturnType<typeof gdbChannel>> | undefined
    const debugger_ = async () => {
      if (!gdb) {
        gdb = await gdbChannel(join(dir, 'gdb'))
        await gdb.ask('Qqemu.sstep=1') // timers run while stepping
      }
      return gdb
    }
    return {
      qmp,
      apply: o => channel.ask(o.op === 'line'
        ? `set_irq_in ${input(o.index)} ${o.level ? 1 : 0}`
        : opText(o)),
      async step(count) {
        const on = await debugger_()
        for (let i = 0; i < count; i++) await on.ask('vCont;s:1')
      },
      async run(ms) {
        const on = await debugger_(), stopped = on.ask('vCont;c')
        await new Promise(r => setTimeout(r, ms))
        on.interrupt()
        await stopped
      },
      close() {
        gdb?.close()
        management?.close()
        close()
      },
    }
  } catch (e) {
    close()
    throw e
  }
}

/** Answers come back in order, with interrupt events before the answer of the command that caused them. */
function qtestChannel(child: ChildProcessWithoutNullStreams, only?: readonly number[]) {
  const high = new Set<number>()
  let rest = '', complaints = ''
  let waiting: { done: (o: Outcome) => void; fail: (e: Error) => void } | undefined
  child.stderr.on('data', d => { complaints += d })
  child.on('error', e => waiting?.fail(e))
  child.on('exit', code => waiting?.fail(new Error(`qemu ended with ${code}: ${complaints}`)))
  child.stdin.on('error', e => waiting?.fail(e))
  child.stdout.on('data', d => {
    const lines = (rest + d).split('\n')
    rest = lines.pop()!
    for (const line of lines) {
      const [word, what, pin] = line.split(' ')
      if (word === 'IRQ' && only && !only.includes(Number(pin))) continue
      if (word === 'IRQ') what === 'raise' ? high.add(Number(pin)) : high.delete(Number(pin))
      else if (word === 'OK')
        waiting?.done({
          value: what ? `0x${BigInt(what).toString(16)}` : '',
          high: [...high].sort((a, b) => a - b),
        })
      else if (word?.startsWith('FAIL')) waiting?.fail(new Error(`qtest: ${line}`))
    }
  })
  return {
    ask: (command: string) => new Promise<Outcome>((done, fail) => {
      waiting = { done, fail }
      child.stdin.write(command + '\n')
    }),
  }
}

async function connect(path: string): Promise<Socket> {
  for (let i = 0; ; i++) {
    try {
      return await new Promise<Socket>((resolve, reject) => {
        const s = createConnection(path)
        s.once('connect', () => resolve(s))
        s.once('error', reject)
      })
    } catch (e) {
      if (i > 1000) throw e
      await new Promise(r => setTimeout(r, 20)) // QEMU makes its sockets while starting
    }
  }
}

async function qmpChannel(socket: string) {
  const s = await connect(socket)
  let text = ''
  s.on('data', d => { text += d })
  const ask = async (command: string, args: object = {}) => {
    text = ''
    s.write(JSON.stringify({ execute: command, arguments: args }) + '\n')
    while (!/"(return|error)"[^\n]*\n/.test(text)) await new Promise(r => setTimeout(r, 5))
    const answer = JSON.parse(text.split('\n').find(l => /"(return|error)"/.test(l))!)
    if (answer.error) throw new Error(`qmp: ${answer.error.desc}`)
    return answer.return
  }
  await ask('qmp_capabilities')
  return { ask, close: () => s.destroy() }
}

/** Object paths by type name, from the monitor's tree. */
async function qomPaths(
  qmp: (command: string, args: object) => Promise<unknown>,
): Promise<Map<string, string[]>> {
  const tree = await qmp('human-monitor-command', { 'command-line': 'info qom-tree' }) as string
  const found = new Map<string, string[]>(), path: string[] = []
  for (const line of tree.split(/\r?\n/)) {
    const m = /^( *)\/(\S+) \((.*)\)$/.exec(line)
    if (!m) continue
    path.length = m[1]!.length / 2
    path.push(m[2]!)
    found.set(m[3]!, [...(found.get(m[3]!) ?? []), '/' + path.join('/')])
  }
  return found
}

async function gdbChannel(socket: string) {
  const s = await connect(socket)
  let text = '', wake = () => {}
  s.on('data', d => {
    text += d
    wake()
  })
  return {
    async ask(packet: string): Promise<string> {
      const sum = [...packet].reduce((n, c) => (n + c.charCodeAt(0)) & 0xff, 0).toString(16).padStart(2, '0')
      text = ''
      s.write(`+$${packet}#${sum}`)
      for (;;) {
        const m = /\$([^#]*)#..$/.exec(text)
        if (m) return m[1]!
        await new Promise<void>(r => { wake = r })
      }
    },
    interrupt: () => void s.write('\x03'),
    close: () => s.destroy(),
  }
}
