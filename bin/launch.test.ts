import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, test } from 'node:test'

const MAIN = `export async function main(argv, program) {
  const [what, value] = argv
  console.log(JSON.stringify({ program, argv, major: Number.parseInt(process.versions.node, 10) }))
  if (what === 'exit') process.exitCode = Number(value)
  if (what === 'kill') process.kill(process.pid, value)
  if (what === 'wait') {
    process.on(value, () => process.exit(42))
    console.log('waiting')
    setTimeout(() => {}, 20_000)
  }
}
`
const PROGRAM = 'typevisor-system-riscv64'
const folder = mkdtempSync(join(tmpdir(), 'typevisor-launch-'))
after(() => rmSync(folder, { recursive: true }))

/** A checkout of the launchers whose command line is MAIN. */
function checkout(name: string, { modules }: { modules: boolean }): string {
  const root = join(folder, name)
  mkdirSync(join(root, 'bin'), { recursive: true })
  mkdirSync(join(root, 'src/manage/cli'), { recursive: true })
  for (const file of ['launch.js', `${PROGRAM}.js`]) copyFileSync(join(import.meta.dirname, file), join(root, 'bin', file))
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(root, 'src/manage/cli/main.ts'), MAIN)
  if (modules) symlinkSync(join(import.meta.dirname, '../node_modules'), join(root, 'node_modules'))
  return join(root, 'bin', `${PROGRAM}.js`)
}
const whole = checkout('whole', { modules: true })
const bare = checkout('bare', { modules: false })

const version = (node: string): number =>
  Number.parseInt(execFileSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' }), 10)

/** A Node on this machine that is too old for Typevisor itself, and not for its launchers. */
function olderNode(): string | undefined {
  for (const entry of (process.env['PATH'] ?? '').split(delimiter)) {
    const node = join(entry, 'node')
    try {
      const major = version(node)
      if (major >= 20 && major < 24) return node
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  return undefined
}

interface Ended { status: number | null; signal: string | null; out: string; err: string }

async function run(node: string, script: string, args: string[], signal?: NodeJS.Signals): Promise<Ended> {
  const child = spawn(node, [script, ...args])
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
    if (signal && out.includes('waiting')) child.kill(signal)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => { err += text })
  const [status, ended] = (await once(child, 'close')) as [number | null, string | null]
  return { status, signal: ended, out, err }
}

const older = olderNode()
const nodes: [name: string, node: string | undefined][] = [['Node 24', process.execPath], ['an older Node', older]]

for (const [name, node] of nodes) {
  const options = { skip: node ? false : 'no Node between 20 and 24 on this machine' }
  const start = (args: string[], signal?: NodeJS.Signals): Promise<Ended> => run(node ?? '', whole, args, signal)

  test(`${name}: arguments and the program's name arrive, on Node 24 or later`, options, async () => {
    const argv = ['-append', 'console=ttyS0 quiet', '']
    const { program, major, argv: got } = JSON.parse((await start(argv)).out)
    assert.deepEqual({ program, argv: got }, { program: PROGRAM, argv })
    assert.ok(major >= 24)
  })

  test(`${name}: the exit status is the program's`, options, async () => {
    assert.equal((await start(['exit', '3'])).status, 3)
    assert.equal((await start(['exit', '0'])).status, 0)
  })

  test(`${name}: SIGTERM reaches the program, which decides`, options, async () => {
    assert.equal((await start(['wait', 'SIGTERM'], 'SIGTERM')).status, 42)
  })

  test(`${name}: a program that a signal ended fails`, options, async () => {
    const { status, signal } = await start(['kill', 'SIGKILL'])
    assert.ok(signal === 'SIGKILL' || status === 128 + 9)
  })
}

test('an older Node without a newer one beside it says what is missing, in one line', {
  skip: older ? false : 'no Node between 20 and 24 on this machine',
}, async () => {
  const { status, out, err } = await run(older ?? '', bare, [])
  assert.equal(status, 1)
  assert.equal(out, '')
  assert.match(err, /^typevisor-system-riscv64: needs Node 24 or later, this is v2\d\..*; hint: .*\n$/)
})
