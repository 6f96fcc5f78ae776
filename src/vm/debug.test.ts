// Two harts count in a loop; a debugger stops, watches and steps them. With a thread for each, and with one for all.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeHost } from '../host/node/host.ts'
import type { MachineConfig } from './config.ts'
import type { DebugStop, MachineControl, RunAction } from './control.ts'
import { createMachine } from './machine.ts'

const program = Uint32Array.of(
  0xf1402573, // 00  csrr a0, mhartid
  0x00001297, // 04  auipc t0, 1
  0x00651593, // 08  slli a1, a0, 6
  0x00b282b3, // 0c  add t0, t0, a1
  0x00130313, // 10  addi t1, t1, 1
  0x0062a023, // 14  sw t1, 0(t0)
  0x0002a383, // 18  lw t2, 0(t0)
  0xff5ff06f, // 1c  j 10
)
/** Under the built-in SBI: the first hart starts the second one. */
const starter = Uint32Array.of(
  0x004858b7, // 00  lui a7, 0x485
  0x34d88893, // 04  addi a7, a7, 0x34d: the HSM extension
  0x00000813, // 08  li a6, 0: hart_start
  0x00100513, // 0c  li a0, 1
  0x00000597, // 10  auipc a1, 0
  0x01458593, // 14  addi a1, a1, 0x14: to 24
  0x04d00613, // 18  li a2, 77
  0x00000073, // 1c  ecall
  0x0000006f, // 20  j 20
  0x0000006f, // 24  j 24
)
const A0 = 10, A1 = 11, PRIV = 65 + 4096
const START = 0x8000_0000n, LOOP = START + 0x10n, COUNTER = START + 0x1004n, T1 = 6, PC = 32

const bytesOf = (words: Uint32Array<ArrayBuffer>) => new Uint8Array(words.buffer)
type Debugged = MachineControl & { stopOf(start: () => Promise<unknown>): Promise<DebugStop> }

async function machine(thread: 'multi' | 'single', config: MachineConfig = { bios: 'none', kernel: bytesOf(program) }): Promise<Debugged> {
  const m = await createMachine({
    arch: 'riscv64', memoryBytes: 32 << 20, smp: { cpus: 2 }, accels: [{ name: 'jit', properties: { thread } }], ...config,
  }, nodeHost)
  return Object.assign(m, {
    stopOf: async (start: () => Promise<unknown>) => {
      const { promise, resolve, reject } = Promise.withResolvers<DebugStop>()
      const off = [m.on('debug', resolve), m.on('error', e => reject(new Error(e.message)))]
      await start()
      return promise.finally(() => off.forEach(f => f()))
    },
  })
}
const register = async (m: MachineControl, cpu: number, n: number) => (await m.debug.readRegister(cpu, n))!
const sleep = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

for (const thread of ['multi', 'single'] as const) {
  test(`steps and breakpoints, thread=${thread}`, { timeout: 120_000 }, async () => {
    const m = await machine(thread), { debug } = m
    try {
      let pc = await register(m, 0, PC)
      for (let n = 0; pc !== START; n++) {
        assert.ok(n < 20, `still at ${pc.toString(16)}`)
        assert.deepEqual(await m.stopOf(() => debug.run(new Map([[0, 'step']]))), { cpu: 0, reason: 'step' })
        const now = await register(m, 0, PC)
        if (now !== START) assert.equal(now, pc + 4n)
        pc = now
      }
      assert.equal(await register(m, 1, PC), 0x1000n, 'who is not mentioned stands still')

      assert.equal(await debug.setBreakpoint('software', LOOP, 4), true)
      const counts = [0n, 0n]
      for (let n = 0; n < 6; n++) {
        const { cpu, ...stop } = await m.stopOf(() => m.resume())
        assert.deepEqual(stop, { reason: 'breakpoint', address: LOOP, hardware: false })
        assert.equal(await register(m, cpu, PC), LOOP)
        assert.equal(await register(m, cpu, T1), counts[cpu]!)
        counts[cpu]!++
        assert.equal(m.state, 'debug')
      }
      await debug.clearBreakpoints()

      // Compiled code, and a breakpoint set while it runs.
      await m.resume()
      await sleep(100)
      assert.equal(m.state, 'running')
      const stop = await m.stopOf(async () => debug.setBreakpoint('hardware', START + 0x18n, 4))
      assert.equal(await register(m, stop.cpu, PC), START + 0x18n)
      assert.equal(stop.hardware, true)
      await debug.clearBreakpoints()

      const other = await register(m, 1 - stop.cpu, T1)
      assert.equal((await m.stopOf(() => debug.run(new Map([[stop.cpu, 'step']])))).reason, 'step')
      assert.equal(await register(m, stop.cpu, PC), START + 0x1cn)
      assert.equal(await register(m, 1 - stop.cpu, T1), other)
      // One steps while the other runs.
      const mixed = await m.stopOf(() => debug.run(new Map([[stop.cpu, 'step'], [1 - stop.cpu, 'continue']])))
      assert.deepEqual(mixed, { cpu: stop.cpu, reason: 'step' })
      assert.equal(await register(m, stop.cpu, PC), LOOP)
    } finally {
      await m.close()
    }
  })

  test(`the first stop and breakpoints where harts begin, thread=${thread}`, { timeout: 120_000 }, async () => {
    const m = await machine(thread, { kernel: bytesOf(starter) }), { debug } = m
    try {
      const entry = await register(m, 0, PC), second = entry + 0x24n, tree = await register(m, 0, A1)
      const first = async () => Promise.all([PC, PRIV, A0, A1].map(n => register(m, 0, n)))
      assert.deepEqual(await first(), [entry, 1n, 0n, tree])
      assert.deepEqual(await debug.readMemory(0, tree, 4), Uint8Array.of(0xd0, 0x0d, 0xfe, 0xed))
      assert.deepEqual(await debug.readMemory(0, entry, 4), bytesOf(starter).subarray(0, 4))

      await debug.setBreakpoint('hardware', entry, 4)
      await debug.setBreakpoint('hardware', second, 4)
      for (let life = 0; life < 2; life++) {
        const stop = await m.stopOf(() => m.resume())
        assert.deepEqual(stop, { cpu: 0, reason: 'breakpoint', address: entry, hardware: true })
        assert.deepEqual(await first(), [entry, 1n, 0n, tree], 'nothing has run')
        const { cpu, address } = await m.stopOf(() => m.resume())
        assert.deepEqual([cpu, address], [1, second])
        assert.deepEqual(await Promise.all([PC, PRIV, A0, A1].map(n => register(m, 1, n))), [second, 1n, 1n, 77n])
        await m.reset()
      }
      await debug.clearBreakpoints()
      await m.resume()
      const stop = await m.stopOf(async () => {
        await debug.setBreakpoint('software', entry, 4)
        await m.reset()
      })
      assert.deepEqual([stop.cpu, stop.address], [0, entry], 'a running machine that is reset')
      await debug.clearBreakpoints()

      // The second hart's first step is its start.
      assert.equal((await m.stopOf(() => debug.run(new Map([[1, 'step'], [0, 'continue']])))).cpu, 1)
      assert.equal(await register(m, 1, PC), second)
    } finally {
      await m.close()
    }
  })

  test(`a breakpoint at the reset vector, thread=${thread}`, { timeout: 120_000 }, async () => {
    const m = await machine(thread)
    try {
      await m.debug.setBreakpoint('software', 0x1000n, 4)
      const seen = [await m.stopOf(() => m.resume()), await m.stopOf(() => m.resume())]
      assert.deepEqual(seen.map(s => s.address), [0x1000n, 0x1000n])
      assert.deepEqual(seen.map(s => s.cpu).sort(), [0, 1])
    } finally {
      await m.close()
    }
  })

  test(`watchpoints, thread=${thread}`, { timeout: 120_000 }, async () => {
    const m = await machine(thread), { debug } = m
    try {
      await m.resume()
      await sleep(50)
      await m.pause()
      const watched = COUNTER + 64n // of hart 1
      await debug.setBreakpoint('write', watched, 4)
      for (let n = 0; n < 3; n++) {
        assert.deepEqual(await m.stopOf(() => m.resume()), { cpu: 1, reason: 'watchpoint', watch: 'write', address: watched })
        assert.equal(await register(m, 1, PC), START + 0x14n, 'before the store')
        const stored = await debug.readMemory(1, watched, 4)
        assert.equal(new DataView(stored.buffer).getUint32(0, true), Number((await register(m, 1, T1)) - 1n & 0xffffffffn))
      }
      await debug.clearBreakpoint('write', watched, 4)
      await debug.setBreakpoint('read', watched + 3n, 8)
      const { address, ...stop } = await m.stopOf(() => m.resume())
      assert.deepEqual(stop, { cpu: 1, reason: 'watchpoint', watch: 'read' })
      assert.equal(address, watched + 3n)
      assert.equal(await register(m, 1, PC), START + 0x18n, 'before the load')
      assert.equal((await m.stopOf(() => debug.run(new Map([[1, 'step']])))).reason, 'step')
      assert.equal(await register(m, 1, PC), START + 0x1cn)
      for (const at of [0x10n, 0x14n, 0x18n]) {
        assert.equal((await m.stopOf(() => debug.run(new Map([[1, 'step']])))).reason, 'step')
        assert.equal(await register(m, 1, PC), START + at)
      }
      assert.equal((await m.stopOf(() => debug.run(new Map([[1, 'step']])))).reason, 'watchpoint')
      assert.equal(await register(m, 1, PC), START + 0x18n)
      await debug.clearBreakpoints()

      // Its neighbours in the page are nobody's business.
      await debug.setBreakpoint('access', watched + 4n, 4)
      const before = await register(m, 1, T1)
      await m.resume()
      await sleep(50)
      await m.pause()
      assert.equal(m.state, 'paused')
      assert.ok(await register(m, 1, T1) > before)
    } finally {
      await m.close()
    }
  })
}

const stepping = (thread: string, step: string | undefined): MachineConfig => ({
  bios: 'none', kernel: bytesOf(program), accels: [{ name: 'jit', properties: { thread, ...(step && { 'x-step': step }) } }],
})

for (const step of [undefined, 'compiled'] as const)
  test(`steps of blocks and instructions, by ${step ?? 'records'}`, { timeout: 120_000 }, async () => {
    const m = await machine('single', stepping('single', step)), { debug } = m
    const pc = async (action: RunAction) => {
      assert.deepEqual(await m.stopOf(() => debug.run(new Map([[0, action]]))), { cpu: 0, reason: 'step' })
      return register(m, 0, PC)
    }
    try {
      while (await pc('step') !== START) assert.equal(m.state, 'debug')
      assert.equal(await pc({ block: 48 }), START + 4n, 'a status register is read by a block of its own')
      assert.equal(await pc({ block: 2 }), START + 0xcn)
      assert.equal(await pc({ block: 1 }), LOOP)
      assert.equal(await pc('step'), LOOP + 4n)
      assert.equal(await register(m, 0, T1), 1n)
      assert.equal(await pc({ block: 48 }), LOOP)
      // A loop of one block stops where it begins again.
      for (let n = 2n; n < 50n; n++) {
        assert.equal(await pc({ block: 48 }), LOOP)
        assert.equal(await register(m, 0, T1), n)
      }
    } finally {
      await m.close()
    }
  })

test('compiled steps want one thread', async () => {
  await assert.rejects(machine('multi', stepping('multi', 'compiled')), /x-step=compiled/)
})
