// `qemu-system-riscv64 -M virt` under our hand: registers over the qtest protocol, guest time by
// single-stepping an endless loop over the gdb protocol (the qtest accelerator, which has a settable clock,
// is left out of distributions).
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { opText, type Timeless } from './script.ts'

export type QemuSetup = {
  /** `virt` of qemu-system-riscv64 unless told. */
  readonly machine?: 'virt' | 'pc'
  readonly args?: readonly string[]
  /** Files that are made for it; %DIR in the arguments is where. */
  readonly files?: { readonly [name: string]: Uint8Array }
  /** QOM type of the device whose inputs `line` drives, and of the one whose pins are watched. */
  readonly lines?: string
  readonly watch?: { readonly type: string; readonly pins: 'in' | 'out' }
}
/** Per operation: the value read (hex, none for others) and the watched pins that are high after it. */
export type Outcome = { readonly value: string; readonly high: readonly number[] }

const MACHINES = {
  virt: {
    program: 'qemu-system-riscv64',
    args: [
      '-M', 'virt', '-m', '64', '-icount', 'shift=10', '-bios', 'none',
      '-rtc', 'base=2023-11-14T22:13:20,clock=vm',
    ],
  },
  pc: { program: 'qemu-system-x86_64', args: ['-M', 'pc', '-m', '64', '-nodefaults', '-vga', 'none', '-net', 'none'] },
} as const
const JUMP_TO_SELF = '6f000000', RESET_PC = 0x8000_0000

export async function qemuMissing(program = 'qemu-system-riscv64'): Promise<boolean> {
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
  /** A QMP command's answer. */
  qmp(execute: string, args?: object): Promise<any>
  close(): void
}

export async function openQemu(setup: QemuSetup): Promise<Qemu> {
  const dir = mkdtempSync(join(tmpdir(), 'qtest-'))
  for (const [name, bytes] of Object.entries(setup.files ?? {})) writeFileSync(join(dir, name), bytes)
  const { program, args } = MACHINES[setup.machine ?? 'virt']
  const child = spawn(program, [
    ...args, '-S', '-accel', 'tcg', '-display', 'none', '-serial', 'null', '-qtest', 'stdio', '-qtest-log', 'none',
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
    const channel = qtestChannel(child)
    const wanted = [setup.lines, setup.watch?.type].filter(t => t !== undefined)
    const paths = wanted.length ? await qomPaths(join(dir, 'qmp'), wanted) : new Map<string, string>()
    if (setup.watch) await channel.ask(`irq_intercept_${setup.watch.pins} ${paths.get(setup.watch.type)}`)
    if (setup.machine !== 'pc') await channel.ask(`write 0x${RESET_PC.toString(16)} 4 0x${JUMP_TO_SELF}`)
    let gdb: Awaited<ReturnType<typeof gdbChannel>> | undefined
    return {
      apply: o => channel.ask(o.op === 'line'
        ? `set_irq_in ${paths.get(setup.lines!)} unnamed-gpio-in ${o.index} ${o.level ? 1 : 0}`
        : opText(o)),
      async step(count) {
        if (!gdb) {
          gdb = await gdbChannel(join(dir, 'gdb'))
          await gdb.ask('Qqemu.sstep=1') // timers run while stepping
        }
        for (let i = 0; i < count; i++) await gdb.ask('vCont;s:1')
      },
      qmp: (execute, args) => qmpOnce(join(dir, 'qmp'), execute, args),
      close() {
        gdb?.close()
        close()
      },
    }
  } catch (e) {
    close()
    throw e
  }
}

/** Answers come back in order, with interrupt events before the answer of the command that caused them. */
function qtestChannel(child: ChildProcessWithoutNullStreams) {
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

async function qmpOnce(socket: string, execute: string, args: object = {}): Promise<any> {
  const s = await connect(socket)
  let text = ''
  s.on('data', d => { text += d })
  const ask = async (message: object) => {
    text = ''
    s.write(JSON.stringify(message) + '\n')
    while (!/"(return|error)"[^\n]*\n/.test(text)) await new Promise(r => setTimeout(r, 5))
    const answer = text.split('\n').map(l => (l ? JSON.parse(l) : {})).find(l => l.return ?? l.error)
    if (answer.error) throw new Error(`qmp ${execute}: ${answer.error.desc}`)
    return answer.return
  }
  try {
    await ask({ execute: 'qmp_capabilities' })
    return await ask({ execute, arguments: args })
  } finally {
    s.destroy()
  }
}

/** Object paths by type name, from the monitor's tree. */
async function qomPaths(socket: string, types: readonly string[]): Promise<Map<string, string>> {
  const tree: string = await qmpOnce(socket, 'human-monitor-command', { 'command-line': 'info qom-tree' })
  const found = new Map<string, string>(), path: string[] = []
  for (const line of tree.split(/\r?\n/)) {
    const m = /^( *)\/(\S+) \((.*)\)$/.exec(line)
    if (!m) continue
    path.length = m[1]!.length / 2
    path.push(m[2]!)
    if (types.includes(m[3]!) && !found.has(m[3]!)) found.set(m[3]!, '/' + path.join('/'))
  }
  for (const t of types) if (!found.has(t)) throw new Error(`qemu has no ${t}`)
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
    close: () => s.destroy(),
  }
}
