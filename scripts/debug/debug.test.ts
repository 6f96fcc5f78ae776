// npm run debug and npm run replay, with a bare machine of two harts.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { encode } from '../../src/isa/pattern.ts'
import { rv32i } from '../../src/isa/riscv/rv32i.insn.ts'
import type { CaseFile } from './case.ts'

const scripts = join(import.meta.dirname, '..'), folder = mkdtempSync(join(tmpdir(), 'debug-'))
const made: string[] = [folder], running = new Set<ChildProcess>()
after(() => {
  for (const child of running) child.kill('SIGKILL')
  for (const path of made) rmSync(path, { recursive: true, force: true })
})

const { addi, lui, sw, jal } = rv32i
const programs = {
  /** Both harts count. */
  counts: [encode(addi, { rd: 10, rs1: 10, imm: 1 }), encode(jal, { rd: 0, imm: -4 })],
  /** Ends the machine with a failure. */
  fails: [
    encode(lui, { rd: 15, imm: 0x100000 }), encode(lui, { rd: 16, imm: 0x13000 }),
    encode(addi, { rd: 16, rs1: 16, imm: 0x333 }), encode(sw, { rs1: 15, rs2: 16, imm: 0 }), encode(jal, { rd: 0, imm: 0 }),
  ],
  /** An instruction that is none, again and again: its trap handler is itself. */
  traps: [0],
}
for (const [name, words] of Object.entries(programs)) writeFileSync(join(folder, name), Int32Array.from(words))
const machine = (program: keyof typeof programs) =>
  ['-M', 'virt', '-smp', '2', '-m', '32', '-display', 'none', '-serial', 'null', '-monitor', 'none', '-bios', join(folder, program)]

/** A bug for the emulator to have: what is loaded before it makes an instruction throw. */
const BUG = join(folder, 'bug.mjs')
writeFileSync(BUG, `
  import { Vcpu } from '${new URL('../../src/accel/jit/vcpu.ts', import.meta.url).href}'
  Vcpu.prototype.system = function broken() { throw new Error('internal error: this is broken') }
`)

class Script {
  readonly child: ChildProcess
  err = ''
  readonly ended: Promise<number | null>
  constructor(name: string, args: readonly string[], node: readonly string[] = []) {
    this.child = spawn(process.execPath, [...node, join(scripts, name), ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
    running.add(this.child)
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => { this.err += text })
    this.ended = new Promise(resolve => this.child.on('close', status => {
      running.delete(this.child)
      resolve(status)
    }))
  }
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (let n = 0; n < 1200; n++) {
      const found = pattern.exec(this.err)
      if (found) return found
      assert.equal(this.child.exitCode, null, this.err)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    throw new Error(`${pattern} does not come: ${this.err}`)
  }
  /** The folder of the case that was written. */
  async caseFolder(): Promise<string> {
    const [, path] = await this.until(/^ {2}npm run replay -- (.*)\n/m)
    made.push(dirname(path!))
    return path!
  }
}
const caseFile = (path: string) => JSON.parse(readFileSync(join(path, 'case.json'), 'utf8')) as CaseFile
const text = (path: string, name: string) => readFileSync(join(path, name), 'utf8')

test('SIGUSR1 makes a case of a running machine, which goes on; replay begins there', { timeout: 180_000 }, async () => {
  const debug = new Script('debug.ts', machine('counts'))
  await debug.until(/^case: /m)
  const counted = (path: string) => BigInt(`0x${/CPU#1[^]*? a0 +([0-9a-f]{16})/.exec(text(path, 'registers.txt'))![1]}`)
  const ask = async (n: number): Promise<string> => {
    debug.child.kill('SIGUSR1')
    const path = (await debug.until(new RegExp(`^  npm run replay -- (.*case-${n})$`, 'm')))[1]!
    made.push(dirname(path))
    return path
  }
  let n = 1, path = await ask(n)
  while (counted(path) < 2n) path = await ask(++n) // it has hardly begun
  assert.equal(caseFile(path).cause, 'asked for by SIGUSR1')
  assert.deepEqual(caseFile(path).options, machine('counts'))
  const code = text(path, 'code-cpu1.txt')
  assert.match(code, /^CPU 1 at 0x8000000[04],/)
  for (const part of [/80000000: addi a0,a0,1|80000004: jal zero/, /== IR\nblock /, /== Records\nrecords of /, /== WebAssembly\nentries /])
    assert.match(code, part)
  assert.ok(existsSync(join(path, 'trace.txt')))
  assert.ok(counted(await ask(n + 1)) > counted(path), 'it went on')
  debug.child.kill('SIGTERM')
  await debug.ended

  const replay = new Script('replay.ts', [path])
  await replay.until(/CPU#1[^]* t6 /)
  assert.match(replay.err, new RegExp(`CPU#1 \\(stopped\\)[^]* a0 +${counted(path).toString(16).padStart(16, '0')} `))
  assert.match(replay.err, /^gdb: gdb-multiarch .*'target remote (.*)'$/m)
  replay.child.kill('SIGTERM')
  assert.equal(await replay.ended, 0)
})

test('a guest that ends with a failure is a case', { timeout: 120_000 }, async () => {
  const debug = new Script('debug.ts', machine('fails'))
  const path = await debug.caseFolder()
  assert.equal(caseFile(path).cause, 'the guest ended with status 1')
  assert.equal(await debug.ended, 1)
})

for (const thread of ['multi', 'single'])
  test(`an error of ours is a case, and ends the program with status 1: thread=${thread}`, { timeout: 120_000 }, async () => {
    const debug = new Script('debug.ts', [...machine('traps'), '-accel', `jit,thread=${thread}`], ['--import', BUG])
    const path = await debug.caseFolder()
    assert.match(caseFile(path).cause, /^internal error on CPU [01]: this is broken \(.*broken at bug\.mjs:\d+/)
    assert.match(caseFile(path).stack!, /broken/)
    assert.ok(existsSync(join(path, 'snapshot.tvsnap')), debug.err)
    assert.equal(await debug.ended, 1)
  })

test('the command itself says in one line where, and how to make a case', { timeout: 60_000 }, async () => {
  const command = new Script('../bin/typevisor-system-riscv64.js', machine('traps'), ['--import', BUG])
  assert.equal(await command.ended, 1)
  assert.match(command.err, /^typevisor-system-riscv64: internal error on CPU [01]: this is broken \(.*bug\.mjs.*\); .*npm run debug -- .*\n$/)
})

test('replay says what is no case', async () => {
  const replay = new Script('replay.ts', [folder])
  assert.equal(await replay.ended, 1)
  assert.match(replay.err, /^replay: .* is no case: .*\n$/)
})
