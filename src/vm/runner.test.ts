// Threads of a machine that end by themselves, which none should.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeHost } from '../host/node/host.ts'
import type { Host } from '../host/host.ts'
import { ExitRequest } from '../isa/isa.ts'
import { poke } from './arch.ts'
import { Command, Control } from './binding.ts'
import { createMachine, type Machine } from './machine.ts'

const loop = Uint32Array.of(0x0000006f) // j .

test('a thread that ends or fails stops the machine, which can be closed', { timeout: 120_000 }, async () => {
  for (const which of ['processor', 'compiler'] as const) {
    const host: Host = { ...nodeHost, threads: {
      ...nodeHost.threads!,
      // What the compiler's thread needs first is missing: it fails.
      spawn: (entry, data, ports) =>
        nodeHost.threads!.spawn(entry, which === 'compiler' && entry === 'compile' ? {} : data, ports),
    } }
    const m = await createMachine({
      arch: 'riscv64', bios: 'none', kernel: new Uint8Array(loop.buffer), memoryBytes: 32 << 20, smp: { cpus: 2 },
      accels: [{ name: 'jit', properties: { thread: 'multi' } }],
    }, host)
    const failure = new Promise<{ message: string; cpu?: number }>(resolve => m.on('error', resolve))
    await m.resume()
    if (which === 'processor') {
      const { bound } = m as Machine, command = (bound.controls[1]! + Control.COMMAND) >>> 2
      Atomics.store(bound.views.i32, command, Command.END)
      poke(bound.views, bound.cpus[1]!.state, ExitRequest.STOP)
    }
    const { message, cpu } = await failure
    assert.equal(cpu, which === 'processor' ? 1 : undefined)
    assert.match(message, which === 'processor' ? /the thread ended/ : /./)
    assert.equal(m.state, 'internal-error')
    await m.pause()
    await m.quit('host-error', 1)
    await m.close()
  }
})
