// A real gdb against the stub.
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { nodeHost } from '../../host/node/host.ts'
import { openCharDevice } from '../char/device.ts'
import type { Management } from '../management.ts'
import { COUNTERS, type FakeMachine, fakeMachine } from '../testing.ts'
import { openGdb } from './server.ts'

const GDB = 'gdb-multiarch'
const missing = spawnSync(GDB, ['--version']).error ? `${GDB} is not installed` : false

/** Runs gdb's commands against a machine; everything it printed. */
async function session(
  commands: readonly string[],
  use: (m: FakeMachine, quits: string[]) => void = () => {},
): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'gdb-')),
    path = join(directory, 'socket')
  const machine = fakeMachine({ cpus: 2 }),
    quits: string[] = []
  const device = await openCharDevice(
    { id: 'gdb', backend: 'socket', properties: { path, server: true, wait: false } },
    { host: nodeHost, note: () => {}, rawSignals: false },
    { quit: () => {}, nowMs: () => 0 },
  )
  const management: Management = {
    machine,
    host: nodeHost,
    chars: [],
    gdbServer: async w => w,
    setLogFile: async () => {},
    quit: c => void quits.push(c),
  }
  openGdb(device, management)
  try {
    return await new Promise((resolve, reject) => {
      const args = [
        '-nx',
        '-batch',
        '-ex',
        'set architecture riscv:rv64',
        '-ex',
        `target remote ${path}`,
        ...commands.flatMap(c => ['-ex', c]),
      ]
      execFile(GDB, args, { timeout: 30_000 }, (error, stdout, stderr) => {
        if (error?.killed) reject(new Error(`gdb did not end:\n${stdout}\n${stderr}`))
        else resolve(stdout + stderr)
      })
    })
  } finally {
    use(machine, quits)
    await device.close()
    await machine.close()
    rmSync(directory, { recursive: true })
  }
}

test('gdb: registers, memory, threads, breakpoints, stepping, watchpoints', { skip: missing }, async () => {
  const out = await session(
    [
      'p/x $pc',
      'p $a0',
      'p/x $mscratch',
      'set $t1 = 0x1234',
      'p/x $t1',
      'info threads',
      'set {int}0x80000200 = 0x11223344',
      'x/2xw 0x80000200',
      'x/1xb 0',
      'stepi',
      'p/x $pc',
      'break *0x80000020',
      'continue',
      'p/x $pc',
      'delete',
      'hbreak *0x80000040',
      'continue',
      'p/x $pc',
      'delete',
      `watch *(int*)0x${COUNTERS.toString(16)}`,
      'continue',
      'delete',
      'thread 2',
      'p $a0',
      'stepi',
      'monitor info status',
      'monitor print 1+1',
      'detach',
    ],
    m => assert.equal(m.state, 'running'),
  )
  const expect = [
    /\$1 = 0x80000000/,
    /\$2 = 0/,
    /\$3 = 0x0/,
    /\$4 = 0x1234/,
    /Thread 1.2 \(CPU#1 \[stopped\]\)|Thread 2 \(CPU#1 \[stopped\]\)/,
    /0x80000200:\s+0x11223344\s+0x00000000/,
    /Cannot access memory at address 0x0/,
    /\$5 = 0x80000004/,
    /Breakpoint 1, /,
    /\$6 = 0x80000020/,
    /\$7 = 0x80000040/,
    /Hardware watchpoint 3: /,
    /Old value = \d+\nNew value = \d+/,
    /Switching to thread 2/,
    /\$8 = 1/,
    /VM status: paused/,
    /0x2/,
    /detached/i,
  ]
  for (const pattern of expect) assert.match(out, pattern)
})

test('gdb: Ctrl-C stops a running machine; kill ends it', { skip: missing }, async () => {
  const out = await session(
    [
      'python import threading, os, signal; threading.Timer(1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()',
      'continue',
      'p/x $pc >= 0x80000000',
      'kill',
    ],
    (_m, quits) => assert.deepEqual(quits, ['host-ui']),
  )
  assert.match(out, /SIGINT/)
  assert.match(out, /\$1 = 0x1/)
})
