// Machines whose processors the kernel runs, with small guests: on hosts whose KVM emulates instructions too, which is slow.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { nodeHost } from '../../src/host/node/host.ts'
import type { MachineConfig } from '../../src/vm/config.ts'
import type { DebugStop, MachineControl, MachineEvents } from '../../src/vm/control.ts'
import { createMachine, type Machine, probeAccelerators } from '../../src/vm/machine.ts'
import { accesses, At, counts, draws, firmware, lacksTools, lost, modes, processors, registers, ticks } from './programs.ts'

const kvm = probeAccelerators('x86_64', nodeHost).find(s => s.name === 'kvm')!
const skip = !kvm.usable ? `no KVM here: ${kvm.reason}` : lacksTools.length > 0 ? `programs need ${lacksTools.join(', ')}` : false
const timeout = 120_000
const sleep = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms))

async function machine(program: string, accel = 'kvm', more: Partial<MachineConfig> = {}): Promise<MachineControl> {
  return createMachine({
    arch: 'x86_64', bios: firmware(program), memoryBytes: 16 << 20, accels: [{ name: accel }], noDefaults: true, ...more,
  }, nodeHost)
}
async function word(m: MachineControl, at: number): Promise<number> {
  return Buffer.from(await m.readPhysical(at, 4)).readUInt32LE()
}
/** Waits until a word has at least that value. */
async function reaches(m: MachineControl, at: number, value: number): Promise<void> {
  for (const limit = Date.now() + 60_000; await word(m, at) < value; await sleep(5))
    assert.ok(Date.now() < limit, `0x${at.toString(16)} stays at ${await word(m, at)}: ${m.state}`)
}
async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return all
}
async function* stream(chunks: readonly Uint8Array[]): AsyncIterable<Uint8Array> { yield* chunks }

test('real mode, ports, halts and interrupts of the timer', { skip, timeout }, async () => {
  const m = await machine(ticks)
  try {
    assert.equal(m.info.accel, 'kvm')
    await m.resume()
    await reaches(m, At.COUNT, 300)
    await m.pause()
    const counted = await word(m, At.COUNT), taken = await word(m, At.SECOND)
    assert.ok(taken >= counted - 1, `${taken} interrupts for ${counted} halts`)
  } finally {
    await m.close()
  }
})

test('32 and 64 bits, user mode', { skip, timeout }, async () => {
  const m = await machine(modes)
  try {
    await m.resume()
    await reaches(m, At.COUNT, 10_000)
    const marks = await Promise.all([0, 4, 8, 12, 16].map(n => word(m, At.MARKS + n)))
    assert.deepEqual(marks, [16, 32, 0x55667788, 0x11223344, 0x33])
  } finally {
    await m.close()
  }
})

test('two processors: start-up messages, interrupts between them, threads with names', { skip, timeout }, async () => {
  const m = await machine(processors, 'kvm', { smp: { cpus: 2 } })
  try {
    await m.resume()
    await reaches(m, At.COUNT, 2000)
    const names = m.cpus.map(c => readFileSync(`/proc/self/task/${c.threadId}/comm`, 'utf8').trim())
    assert.deepEqual(names, ['CPU 0/KVM', 'CPU 1/KVM'])
    await m.pause()
    const [sent, taken] = [await word(m, At.COUNT), await word(m, At.SECOND)]
    assert.ok(taken === sent || taken === sent + 1, `${sent} sent, ${taken} taken`)
    await m.resume()
    await reaches(m, At.COUNT, sent + 1000)
  } finally {
    await m.close()
  }
})

test('a running guest is paused and resumed many times, and never runs while it stands', { skip, timeout }, async () => {
  const m = await machine(modes)
  try {
    await m.resume()
    await reaches(m, At.COUNT, 1)
    for (let i = 0; i < 300; i++) {
      await m.pause()
      const before = await word(m, At.COUNT), pc = m.cpus[0]!.pc()
      if (i % 50 === 0) await sleep(20)
      assert.equal(await word(m, At.COUNT), before)
      assert.equal(m.cpus[0]!.pc(), pc)
      await m.resume()
    }
    const before = await word(m, At.COUNT)
    await reaches(m, At.COUNT, before + 1000)
    await m.reset()
    await reaches(m, At.COUNT, 1)
  } finally {
    await m.close()
  }
})

test('every register is what it was, through pauses and from one accelerator to the other', { skip, timeout }, async () => {
  const whole = async (m: MachineControl, more = 3000) => {
    const before = await word(m, At.COUNT)
    await reaches(m, At.COUNT, before + more)
    assert.equal(await word(m, At.WRONG), 0, 'the number of the check that failed')
  }
  const move = async (from: MachineControl, to: MachineControl) => {
    await from.pause()
    await to.restore(stream(await bytesOf(from.snapshot())))
    await to.resume()
  }
  const cpu = { model: 'qemu64', properties: { sse3: false } } // what both have on the poorest of hosts
  const ours = await machine(registers, 'kvm', { cpu }), jit = await machine(registers, 'jit', { cpu })
  try {
    await ours.resume()
    for (let i = 0; i < 20; i++) {
      await whole(ours, 100)
      await ours.pause()
      await ours.resume()
    }
    await move(ours, jit)
    await whole(jit)
    // There the kernel's registers can be looked at from inside.
    await jit.writePhysical(At.MARKS, Uint8Array.of(1, 0, 0, 0))
    await reaches(jit, At.SECOND, 3)
    await whole(jit)
    await jit.writePhysical(At.MARKS, new Uint8Array(4))
    const seen = await word(jit, At.SECOND)
    await sleep(50)
    await move(jit, ours)
    await whole(ours)
    await move(ours, jit)
    await jit.writePhysical(At.MARKS, Uint8Array.of(1, 0, 0, 0))
    await reaches(jit, At.SECOND, seen + 3)
    await whole(jit)
  } finally {
    await Promise.all([ours.close(), jit.close()])
  }
})

test('ports and memory of devices, at random, in all sizes: the machine lives and answers', { skip, timeout }, async () => {
  const m = await machine(accesses, 'kvm', { noDefaults: false, vga: 'std', smp: { cpus: 2 } })
  const failures: unknown[] = []
  m.on('error', e => failures.push(e))
  try {
    for (let seed = 1; seed <= 3; seed++) {
      await m.reset()
      await m.writePhysical(At.RANDOM, Uint8Array.of(seed, 7 * seed, 0, 0))
      await m.resume()
      await sleep(2500)
      await m.pause()
      assert.deepEqual(failures, [])
      assert.match(String(await m.describe('registers', { cpu: 0 })), /EIP=/)
    }
    assert.ok(await word(m, At.COUNT) > 100)
  } finally {
    await m.close()
  }
})

test('what the kernel cannot run: a report, the machine stands still and can be looked at and reset', { skip, timeout }, async () => {
  const m = await machine(lost)
  try {
    const broken = new Promise<MachineEvents['broken']>(resolve => m.on('broken', resolve))
    await m.resume()
    const { cpu, message } = await broken
    assert.equal(cpu, 0)
    assert.match(message, /^KVM internal error, suberror \d/)
    assert.equal(m.state, 'internal-error')
    assert.match(String(await m.describe('registers', { cpu: 0 })), /EIP=fd000000/)
    const again = new Promise(resolve => m.on('broken', resolve))
    await m.reset()
    assert.equal(m.state, 'paused')
    assert.match(String(await m.describe('registers', { cpu: 0 })), /EIP=0000fff0/)
    await m.resume()
    await again
  } finally {
    await m.close()
  }
})

/** Runs a library program whose guest runs for ever; its exit status. */
function program(ending: string): Promise<number | string> {
  const root = join(import.meta.dirname, '../..')
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', `
    import { createMachine } from '${root}/src/node.ts'
    import { firmware, processors } from '${root}/test/kvm/programs.ts'
    const m = await createMachine({ arch: 'x86_64', bios: firmware(processors), smp: { cpus: 2 }, memoryBytes: 16 << 20, accels: [{ name: 'kvm' }], noDefaults: true })
    await m.start()
    setTimeout(() => { ${ending} }, 1000)`], { stdio: ['ignore', 'inherit', 'pipe'] })
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error('it does not end'))
    }, 30_000)
    child.on('close', (status, signal) => {
      clearTimeout(late)
      resolve(status ?? signal!)
    })
  })
}
for (const [how, ending, status] of [
  ['process.exit', 'process.exit(3)', 3], ['an exception', 'throw new Error("wanted")', 1], ['SIGTERM', 'process.kill(process.pid, "SIGTERM")', 'SIGTERM'],
  ['close', 'await m.close()', 0],
] as const)
  test(`a program ends while its guest runs: ${how}`, { skip, timeout }, async () => {
    assert.equal(await program(ending.includes('await') ? `void (async () => { ${ending} })()` : ending), status)
  })

test('the command line: SIGTERM ends it at once', { skip, timeout }, async () => {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../bin/typevisor-system-x86_64.js'),
    '-accel', 'kvm', '-m', '16', '-display', 'none', '-serial', 'none', '-monitor', 'none'], { stdio: 'ignore' })
  const ended = new Promise<number | string>(resolve => child.on('close', (status, signal) => resolve(status ?? signal!)))
  await sleep(3000)
  child.kill('SIGTERM')
  assert.equal(await Promise.race([ended, sleep(10_000).then(() => 'it goes on')]), 0)
  child.kill('SIGKILL')
})

test('what processors have counted: info kvm, query-stats', { skip, timeout }, async () => {
  const m = await machine(ticks)
  try {
    await m.resume()
    await reaches(m, At.COUNT, 50)
    await m.pause()
    const counted = Object.fromEntries(m.cpus[0]!.counters!().map(({ name, value }) => [name, value]))
    assert.ok(counted.halt_exits! >= 50 && counted.irq_injections! >= 50 && counted.io_exits! >= 50, JSON.stringify(counted))
    assert.ok(counted.exits! >= counted.halt_exits! + counted.io_exits!)
    assert.equal(counted.state_moves, 1)
  } finally {
    await m.close()
  }
})

test('what a guest writes to the memory of a display is known by the page', { skip, timeout }, async () => {
  const m = await machine(draws, 'kvm', { devices: [{ driver: 'VGA', properties: { addr: '02.0' } }] })
  const { dirty } = (m as Machine).bound.system.ramSlots[0]!
  const has = () => {
    const taken = dirty.takeDirty()
    return [4, 5, 8, 9].map(page => taken.has(page * 4096, 4096))
  }
  try {
    has() // what a reset has made
    await m.resume()
    await reaches(m, At.COUNT, 10)
    assert.deepEqual(has(), [false, true, false, true])
    const before = await word(m, At.COUNT)
    await reaches(m, At.COUNT, before + 10)
    assert.deepEqual(has(), [false, false, false, true])
    await m.pause()
    has()
    assert.deepEqual(has(), [false, false, false, false])
  } finally {
    await m.close()
  }
})

/** Stops for a debugger, and the next one. */
function stopsOf(m: MachineControl): { readonly stops: readonly DebugStop[]; next(): Promise<DebugStop> } {
  const stops: DebugStop[] = []
  m.on('debug', stop => stops.push(stop))
  return {
    stops,
    async next() {
      for (const limit = Date.now() + 30_000; stops.length === 0; await sleep(2)) assert.ok(Date.now() < limit, `it does not stop: ${m.state}`)
      return stops.shift()!
    },
  }
}

test('a debugger: breakpoints and steps by the processor, which the guest does not notice', { skip, timeout }, async () => {
  const m = await machine(counts), { stops, next } = stopsOf(m)
  const step = async (): Promise<bigint> => {
    await m.debug.run(new Map([[0, 'step' as const]]))
    assert.equal((await next()).reason, 'step')
    return m.cpus[0]!.pc()
  }
  try {
    await m.resume()
    await reaches(m, At.COUNT, 1)
    await m.pause()
    const begin = BigInt(await word(m, At.MARKS)), port = begin + 12n
    for (const kind of ['hardware', 'software'] as const) {
      assert.equal(await m.debug.setBreakpoint(kind, port, 1), true)
      for (let i = 0; i < 3; i++) {
        const before = await word(m, At.COUNT)
        await m.resume()
        assert.deepEqual(await next(), { cpu: 0, reason: 'breakpoint', address: port, hardware: kind === 'hardware' })
        assert.equal(await m.cpus[0]!.pc(), port)
        if (i > 0) assert.equal(await word(m, At.COUNT) - before, 1)
      }
      assert.deepEqual([await step(), await step(), await step(), await step(), await step()], [port + 2n, begin, begin + 6n, port, port + 2n])
      assert.equal(await m.debug.clearBreakpoint(kind, port, 1), true)
    }
    assert.equal(await m.debug.setBreakpoint('read', BigInt(At.COUNT), 4), false, 'no register does that')
    assert.equal(await m.debug.setBreakpoint('write', BigInt(At.COUNT + 1), 4), false, 'not aligned')
    for (let n = 0; n < 4; n++) assert.equal(await m.debug.setBreakpoint('hardware', BigInt(n), 1), true)
    assert.equal(await m.debug.setBreakpoint('hardware', 9n, 1), false, 'there are four')
    await m.debug.clearBreakpoints()
    const before = await word(m, At.COUNT)
    await m.resume()
    await reaches(m, At.COUNT, before + 1000)
    assert.deepEqual(stops, [])
  } finally {
    await m.close()
  }
})

test('a debugger: a watchpoint', { skip, timeout }, async t => {
  const m = await machine(modes), { stops, next } = stopsOf(m)
  try {
    await m.resume()
    await reaches(m, At.COUNT, 1)
    await m.pause()
    assert.equal(await m.debug.setBreakpoint('write', BigInt(At.COUNT), 4), true)
    for (let i = 0; i < 3; i++) {
      const before = await word(m, At.COUNT)
      await m.resume()
      if (kvm.obstacle === 'slow') {
        await reaches(m, At.COUNT, before + 1000)
        t.diagnostic('this KVM emulates instructions, and looks at no watchpoints')
        break
      }
      assert.deepEqual(await next(), { cpu: 0, reason: 'watchpoint', watch: 'write', address: BigInt(At.COUNT) })
      assert.equal(await word(m, At.COUNT), before + 1)
    }
    await m.pause()
    await m.debug.clearBreakpoints()
    const before = await word(m, At.COUNT)
    await m.resume()
    await reaches(m, At.COUNT, before + 10_000)
    assert.deepEqual(stops, [])
  } finally {
    await m.close()
  }
})
