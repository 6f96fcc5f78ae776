// The program as a process of its own, on a real terminal, pipes and sockets; only the machine is one for
// tests.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

const directory = mkdtempSync(join(tmpdir(), 'program-'))
after(() => rmSync(directory, { recursive: true }))
const url = (path: string): string => new URL(path, import.meta.url).href
const missing = spawnSync('script', ['--version']).error ? 'script(1) is not installed' : false

/** A guest that says hello and echoes in capitals; "off" switches it off with exit code 3. */
const CODE = `
  import { nodeHost } from '${url('../../host/node/host.ts')}'
  import { run } from '${url('run.ts')}'
  import { fakeMachine } from '${url('../testing.ts')}'
  const catalogue = { arch: 'riscv64', machines: [], cpus: [], accels: [], devices: [] }
  const machine = fakeMachine({ cpus: 1 })
  const { give } = machine.serial
  machine.serial.give = bytes => {
    const n = give(bytes), text = new TextDecoder().decode(bytes)
    machine.serial.print(text.toUpperCase())
    if (text.includes('off')) void machine.quit('guest-shutdown', 3)
    return n
  }
  machine.on('resume', () => machine.serial.print('hello\\r\\n'))
  const status = await run(process.argv.slice(1), 'typevisor-system-riscv64',
    { host: nodeHost, assembly: { createMachine: async () => machine, dumpDeviceTree: async () => false, catalogue: () => catalogue }, nowMs: () => Date.now() })
  nodeHost.process.exit(status)
`
class Program {
  readonly child: ChildProcess
  out = ''
  err = ''
  constructor(argv: readonly string[], terminal?: { readonly before?: string; readonly after: string }) {
    const args = ['--input-type=module', '-e', CODE, '--', ...argv]
    const quoted = args.map(a => `'${a.replaceAll("'", `'\\''`)}'`).join(' ')
    this.child = terminal
      ? spawn('script', ['-qec', `${terminal.before ?? ':'}; '${process.execPath}' ${quoted}; ${terminal.after}`, '/dev/null'])
      : spawn(process.execPath, args)
    this.child.stdout!.on('data', b => { this.out += b })
    this.child.stderr!.on('data', b => { this.err += b })
  }
  async until(pattern: RegExp): Promise<void> {
    for (
      const limit = Date.now() + 15_000;
      !pattern.test(this.out);
      await new Promise(r => setTimeout(r, 20))
    )
      assert.ok(Date.now() < limit, `${pattern} not in ${JSON.stringify(this.out + this.err)}`)
  }
  send(text: string): void { this.child.stdin!.write(text) }
  ended(): Promise<number | null> {
    return this.child.exitCode !== null
      ? Promise.resolve(this.child.exitCode)
      : new Promise(resolve => this.child.once('exit', resolve))
  }
}

async function dial(path: string): Promise<Socket & { got: string; until(p: RegExp): Promise<void> }> {
  for (let turn = 0; ; turn++) {
    const s = connect({ path }) as Awaited<ReturnType<typeof dial>>
    const ok = await new Promise<boolean>(resolve =>
      s.once('connect', () => resolve(true)).once('error', () => resolve(false)),
    )
    if (!ok) {
      assert.ok(turn < 200, `nobody listens at ${path}`)
      await new Promise(r => setTimeout(r, 50))
      continue
    }
    s.got = ''
    s.on('data', b => { s.got += b })
    s.until = async p => {
      for (const limit = Date.now() + 10_000; !p.test(s.got); await new Promise(r => setTimeout(r, 20)))
        assert.ok(Date.now() < limit, `${p} not in ${JSON.stringify(s.got)}`)
    }
    return s
  }
}

test('on a terminal: keys go to the guest, Ctrl-a c to the monitor, Ctrl-a x ends it and leaves the terminal as it was', {
  skip: missing,
}, async () => {
  const p = new Program(['-nographic'], { after: 'echo "status $?"; stty -a' })
  await p.until(/hello/)
  p.send('a\x03')
  await p.until(/A\x03/)
  p.send('\x01c')
  await p.until(/\(typevisor\) /)
  p.send('info status\r')
  await p.until(/VM status: running/)
  p.send('\x01x')
  await p.until(/status 0[^]* icanon/)
  assert.match(p.out, /isig icanon/)
  p.child.kill()
})

test('through pipes: input is read, its end ends nothing, the guest decides', async () => {
  const p = new Program(['-nographic'])
  p.child.stdin!.write('abc')
  await p.until(/hello\r\nABC|ABChello/)
  p.child.stdin!.end()
  await new Promise(r => setTimeout(r, 300))
  assert.equal(p.child.exitCode, null)
  p.child.kill('SIGTERM')
  assert.equal(await p.ended(), 0)
  const q = new Program(['-serial', 'stdio'])
  q.send('off\n')
  assert.equal(await q.ended(), 3)
  assert.match(q.out, /OFF\n/)
})

test('with QMP in place of the monitor, Ctrl-a x still ends the program', async () => {
  const path = join(directory, 'q')
  const p = new Program(['-nographic', '-qmp', `unix:${path},server=on,wait=off`])
  await p.until(/hello/)
  p.send('\x01x')
  assert.equal(await p.ended(), 0)
})

test('QMP over a Unix socket that the machine waits for; two clients one after the other; quit', async () => {
  const path = join(directory, 'qmp')
  const p = new Program(['-display', 'none', '-qmp', `unix:${path},server=on`])
  const a = await dial(path)
  await a.until(/"QMP".*\r\n/)
  a.write('{"execute":"qmp_capabilities"}{"execute":"query-status"}')
  await a.until(/"return":\{\}.*"status":"running"|RESUME.*"status"/s)
  a.destroy()
  const b = await dial(path)
  await b.until(/"QMP"/)
  b.write('{"execute":"qmp_capabilities"}\n{"execute":"quit","id":1}\n')
  await b.until(/"return":\{\},"id":1.*"SHUTDOWN".*"host-qmp-quit"/s)
  assert.equal(await p.ended(), 0)
  assert.match(p.err, /waiting for a connection on unix:/)
})

test('the serial port on a socket, the monitor on another', async () => {
  const serial = join(directory, 's'),
    monitor = join(directory, 'm')
  const p = new Program([
    '-serial',
    `unix:${serial},server,wait`,
    '-monitor',
    `unix:${monitor},server,nowait`,
  ])
  const s = await dial(serial)
  await s.until(/hello/)
  s.write('echo')
  await s.until(/ECHO/)
  const m = await dial(monitor)
  await m.until(/\(typevisor\) $/)
  m.write('info chardev\n')
  await m.until(/serial0: filename=unix:/)
  m.write('q\n')
  assert.equal(await p.ended(), 0)
})

test('a second one on the same socket is told so', async () => {
  const path = join(directory, 'same')
  const p = new Program(['-monitor', `unix:${path},server,nowait`])
  const m = await dial(path)
  const second = new Program(['-monitor', `unix:${path},server,nowait`])
  assert.equal(await second.ended(), 1)
  assert.equal(
    second.err,
    `typevisor-system-riscv64: -monitor unix:${path},server,nowait: unix:${path}: somebody listens there already\n`,
  )
  m.write('q\n')
  assert.equal(await p.ended(), 0)
})

test('a terminal that goes away ends the machine', { skip: missing }, async () => {
  const file = join(directory, 'status')
  // The shell, which leads the session, keeps the signal to itself: what the program sees is its input.
  const p = new Program(['-nographic'], { before: `trap '' HUP`, after: `echo "status $?" > '${file}'` })
  await p.until(/hello/)
  p.child.kill('SIGKILL')
  for (const limit = Date.now() + 15_000; !existsSync(file); await new Promise(r => setTimeout(r, 20)))
    assert.ok(Date.now() < limit, 'it runs on')
  assert.equal(readFileSync(file, 'utf8'), 'status 0\n')
})
