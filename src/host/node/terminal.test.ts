// The terminal's mode on every way out, on a real pseudo terminal that script(1) makes; pipes in place of a
// terminal.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'

const TERMINAL = new URL('terminal.ts', import.meta.url).href
const missing = spawnSync('script', ['--version']).error ? 'script(1) is not installed' : false

/** Opens standard input and output, says "ready", and does what a key says. */
const fixture = (options: string, more = '') => `
  import { nodeStdio } from '${TERMINAL}'
  const s = nodeStdio.open(${options})
  const say = t => s.write(new TextEncoder().encode(t))
  s.listen({
    end() { say('<end>') },
    data(bytes) {
      const keys = new TextDecoder().decode(bytes)
      say('<' + JSON.stringify(keys) + '>')
      if (keys.includes('x')) s.close().then(() => process.exit(7))
      if (keys.includes('e')) process.exit(8)
      if (keys === 't') throw new Error('thrown')
      if (keys.includes('k')) process.kill(process.pid, 'SIGTERM')
      if (keys.includes('h')) process.kill(process.pid, 'SIGHUP')
    },
  })
  setTimeout(() => process.exit(99), 20000)
  ${more}
  say('ready')
`
const command = (code: string): string[] => [
  '--input-type=module',
  '--disable-warning=ExperimentalWarning',
  '-e',
  code,
]

class Program {
  readonly child: ChildProcess
  text = ''
  constructor(file: string, args: readonly string[]) {
    this.child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    this.child.stdout!.on('data', b => { this.text += b })
  }
  async until(pattern: RegExp): Promise<void> {
    const limit = Date.now() + 15_000
    while (!pattern.test(this.text)) {
      assert.ok(
        Date.now() < limit && this.child.exitCode === null,
        `${pattern} not in ${JSON.stringify(this.text)}`,
      )
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }
  async ended(): Promise<number | null> {
    if (this.child.exitCode !== null) return this.child.exitCode
    const [status] = await once(this.child, 'exit')
    return status as number
  }
}

/** On a new terminal: the mode before, then node, its status, the mode after. */
function onTerminal(code: string): Program {
  const quoted = command(code)
    .map(a => `'${a.replaceAll("'", `'\\''`)}'`)
    .join(' ')
  return new Program('script', [
    '-qec',
    `echo "B=$(stty -g)"; '${process.execPath}' ${quoted}; echo "S=$? A=$(stty -g)"`,
    '/dev/null',
  ])
}

for (const [name, key, status] of [
  ['closing', 'x', 7],
  ['exit', 'e', 8],
  ['an exception', 't', 1],
  ['SIGTERM', 'k', 143],
  ['SIGHUP', 'h', 129],
] as const)
  test(`terminal mode is put back: ${name}`, { skip: missing }, async () => {
    const p = onTerminal(fixture('{ raw: true, signals: false }'))
    await p.until(/ready/)
    p.child.stdin!.write('\x03') // a key, not a signal
    await p.until(/<"\\u0003">/)
    p.child.stdin!.write(key)
    await p.until(/S=\d+ A=\S+/)
    assert.match(p.text, new RegExp(`S=${status} `))
    assert.equal(/A=(\S+)/.exec(p.text)![1], /B=(\S+)/.exec(p.text)![1])
    p.child.kill()
  })

test('with signals, Ctrl-C ends the program; other keys arrive', { skip: missing }, async () => {
  const p = onTerminal(fixture('{ raw: true, signals: true }'))
  await p.until(/ready/)
  p.child.stdin!.write('a')
  await p.until(/<"a">/)
  p.child.stdin!.write('\x03')
  await p.until(/S=130 A=\S+/)
  assert.equal(/A=(\S+)/.exec(p.text)![1], /B=(\S+)/.exec(p.text)![1])
  p.child.kill()
})

test('pipes: input arrives, its end ends nothing', async () => {
  const p = new Program(
    process.execPath,
    command(
      fixture(
        '{ raw: true, signals: false }',
        'setTimeout(() => { say("still here"); s.close().then(() => process.exit(0)) }, 500)',
      ),
    ),
  )
  p.child.stdin!.end('input')
  assert.equal(await p.ended(), 0)
  assert.match(p.text, /<"input">.*<end>.*still here/s)
})

test('a reader that does not read holds up output, not the program', async () => {
  const p = new Program(process.execPath, command(fixture('{ raw: true, signals: false }', `
    let slow = 0
    while (say('x'.repeat(65536)) && slow++ < 100);
    setTimeout(() => { console.error('alive after ' + slow); s.close().then(() => process.exit(3)) }, 200)
  `)))
  p.child.stdout!.pause()
  let errors = ''
  p.child.stderr!.on('data', b => { errors += b })
  const started = Date.now()
  assert.equal(await p.ended(), 3)
  assert.ok(Date.now() - started < 10_000)
  assert.match(errors, /alive after \d+/)
  assert.doesNotMatch(errors, /alive after 10\d/)
})

test('a reader that goes away ends nothing', async () => {
  const p = new Program(process.execPath, command(fixture('{ raw: true, signals: false }', `
    setInterval(() => say('more'), 20)
    setTimeout(() => process.exit(5), 600)
  `)))
  await p.until(/ready/)
  p.child.stdout!.destroy()
  assert.equal(await p.ended(), 5)
})
