// gdb on Debian's kernel: from the first instruction until the MMU is on, a watchpoint, two harts, and on to the end.
import assert from 'node:assert/strict'
import { execFile, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const GDB = 'gdb-multiarch'
const root = fileURLToPath(new URL('../..', import.meta.url)), guests = join(root, '.cache/guests/riscv64')
const skip = spawnSync(GDB, ['--version']).error ? `${GDB} is not installed`
  : ['Image', 'initrd-test.gz'].some(f => !existsSync(join(guests, f))) ? 'no guest images: npm run images' : false

const STEPS = 24
const commands = [
  'info threads',
  'break *0x80200002',
  'continue',
  'delete',
  ...Array.from({ length: STEPS }, () => ['x/i $pc', 'stepi']).flat(),
  'print/x $pc',
  'detach',
]

/** Runs the emulator with a gdb port and gdb on it; what both printed. */
async function session(commands: readonly string[], accel: string): Promise<{ gdb: string; guest: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'gdb-guest-')), path = join(directory, 'socket')
  const child = spawn(process.execPath, [
    join(root, 'bin/typevisor-system-riscv64.js'), '-accel', accel, '-M', 'virt', '-m', '512', '-smp', '2', '-nographic', '-no-reboot',
    '-kernel', join(guests, 'Image'), '-initrd', join(guests, 'initrd-test.gz'), '-append', 'console=ttyS0 quiet test=',
    '-S', '-gdb', `unix:${path},server=on,wait=off`,
  ], { stdio: ['ignore', 'pipe', 'pipe'] })
  let guest = ''
  child.stdout.on('data', (bytes: Buffer) => { guest += bytes.toString() })
  child.stderr.on('data', (bytes: Buffer) => { guest += bytes.toString() })
  const ended = new Promise(resolve => child.on('close', resolve))
  try {
    for (let n = 0; !existsSync(path); n++) {
      assert.ok(n < 600 && child.exitCode === null, `no gdb socket: ${guest}`)
      await new Promise(resolve => setTimeout(resolve, 100))
    }
    const gdb = await new Promise<string>(resolve => {
      const args = ['-nx', '-batch', '-ex', 'set architecture riscv:rv64', '-ex', 'set remotetimeout 60', '-ex', `target remote ${path}`]
      execFile(GDB, [...args, ...commands.flatMap(c => ['-ex', c])], { timeout: 200_000 }, (_e, out, err) => resolve(out + err))
    })
    await Promise.race([ended, new Promise(resolve => setTimeout(resolve, 150_000).unref())])
    return { gdb, guest }
  } finally {
    child.kill('SIGKILL')
    rmSync(directory, { recursive: true })
  }
}

/** Where an instruction may go on, by gdb's disassembly. */
function follows(text: string, from: bigint, to: bigint): boolean {
  const target = /0x[0-9a-f]+$/.exec(text)?.[0]
  if (/^(j|b)/.test(text) && target !== undefined && BigInt(target) === to) return true
  if (/^(ret|jr|jalr)/.test(text)) return true
  return !/^j/.test(text) && (to === from + 2n || to === from + 4n)
}

for (const accel of ['jit', 'jit,thread=single']) {
  test(`-accel ${accel}: gdb stops, steps and leaves Debian's kernel, which then boots`, { skip, timeout: 400_000 }, async () => {
    const { gdb, guest } = await session(commands, accel)
    assert.match(gdb, /\* 1 +Thread 1 \(CPU#0/)
    assert.match(gdb, / 2 +Thread 2 \(CPU#1/)
    assert.match(gdb, /hit Breakpoint 1, 0x0*80200002/)
    const insns = [...gdb.matchAll(/^=> 0x([0-9a-f]+):\t(.*)$/gm)].map(m => ({ at: BigInt(`0x${m[1]}`), text: m[2]! }))
    assert.equal(insns.length, STEPS, gdb)
    insns.slice(1).forEach((next, i) => {
      const { at, text } = insns[i]!
      assert.ok(follows(text, at, next.at), `${at.toString(16)}: ${text}, then ${next.at.toString(16)}`)
    })
    assert.match(gdb, /detached/)
    assert.match(guest, /Power down/)
  })
}
