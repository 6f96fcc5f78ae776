// Guests that do their worst: the program must live and answer.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { COUNTERS, type HostileProgram, programs } from './programs.ts'

const PROGRAM = join(import.meta.dirname, '../../bin/typevisor-system-riscv64.js')
const directory = mkdtempSync(join(tmpdir(), 'hostile-'))
after(() => rmSync(directory, { recursive: true }))

const disk = join(directory, 'disk.raw')
writeFileSync(disk, new Uint8Array(1 << 20))

const devices = (bus: 'device' | 'pci'): string[] => [
  '-drive', `file=${disk},format=raw,if=none,id=d,snapshot=on`, '-device', `virtio-blk-${bus},drive=d`,
  '-netdev', 'loop,id=n', '-device', `virtio-net-${bus},netdev=n`, '-device', `virtio-rng-${bus}`,
  '-chardev', 'null,id=c', '-device', `virtio-serial-${bus}`, '-device', 'virtconsole,chardev=c',
]
const setups: { readonly [name: string]: readonly string[] } = {
  'no devices': [],
  'devices with old virtio-mmio': devices('device'),
  'devices with virtio-mmio 1': [...devices('device'), '-global', 'virtio-mmio.force-legacy=false'],
  'devices with virtio-pci': devices('pci'),
}

type Reply = { return?: unknown; event?: string; error?: unknown }

/** Runs a program for some time, asks through QMP, and quits. */
async function ordeal(p: HostileProgram, seed: number, args: readonly string[], seconds: number): Promise<void> {
  const kernel = join(directory, `program-${seed}.bin`)
  writeFileSync(kernel, p.make(seed))
  const child = spawn(process.execPath, [
    PROGRAM, '-M', 'virt', '-m', '64', '-bios', 'none', '-kernel', kernel, '-display', 'none', '-serial', 'null',
      '-no-shutdown', '-qmp', 'stdio', ...args,
  ])
  let out = '', err = ''
  child.stdout.on('data', b => { out += b })
  child.stderr.on('data', b => { err += b })
  const ended = new Promise<number | string>(resolve => child.on('close', (status, signal) => resolve(status ?? signal!)))
  /** What QMP says besides events. */
  const replies = () => out.split('\r\n').slice(0, -1).map(line => JSON.parse(line) as Reply)
    .filter(r => r.event === undefined)
  let asked = 1
  const command = async (name: string, args?: object): Promise<unknown> => {
    child.stdin.write(`${JSON.stringify({ execute: name, arguments: args })}\n`)
    for (const limit = Date.now() + 60_000; replies().length <= asked; await new Promise(r => setTimeout(r, 10)))
      assert.ok(Date.now() < limit && child.exitCode === null, `no answer to ${name}: ${out}${err}`)
    const r = replies()[asked++]!
    assert.ok('return' in r, JSON.stringify(r))
    return r.return
  }
  const counter = async (): Promise<string> => String(await command('human-monitor-command',
    { 'command-line': `xp/2gx 0x${COUNTERS.toString(16)}` }))
  try {
    await command('qmp_capabilities')
    const before = await counter()
    await new Promise(r => setTimeout(r, 1000 * seconds))
    const status = await command('query-status') as { status: string }
    // A guest that came to the finisher by accident is off.
    if (status.status === 'running') {
      await command('stop') // the processors themselves must listen
      await command('cont')
    }
    if (p.counts && status.status === 'running')
      for (const limit = Date.now() + 60_000; await counter() === before; await new Promise(r => setTimeout(r, 100)))
        assert.ok(Date.now() < limit, `the guest stands still: ${before}${err}`)
    child.stdin.write('{"execute":"quit"}\n')
    assert.equal(await Promise.race([ended, new Promise(r => setTimeout(r, 60_000, 'does not end').unref())]), 0, err)
    assert.doesNotMatch(err, /^ {4}at |Error:/m)
  } finally {
    child.kill('SIGKILL')
    await ended
  }
}

const accels = ['jit', 'jit,thread=single']

for (const [n, p] of programs.entries()) {
  // What has to do with devices needs each of them; the others do without.
  const names = n < 2 ? Object.keys(setups) : ['no devices']
  for (const [k, setup] of names.entries())
    for (const accel of names.length === 1 || k === 1 ? accels : accels.slice(0, 1))
      test(`${p.name}, ${setup}, ${accel}: it lives and answers`, { timeout: 240_000 }, () =>
        ordeal(p, 10 * n + k, [...setups[setup]!, '-accel', accel, '-smp', '2'], 1))
}
