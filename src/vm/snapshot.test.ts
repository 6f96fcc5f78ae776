// Two harts count in a loop; a snapshot of them goes on in another machine, and nothing else does.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { VmError } from '../base/errors.ts'
import { nodeHost } from '../host/node/host.ts'
import type { MachineConfig } from './config.ts'
import type { MachineControl } from './control.ts'
import { createMachine, type Machine } from './machine.ts'

const program = Uint32Array.of(
  0xf1402573, // 00  csrr a0, mhartid
  0x00001297, // 04  auipc t0, 1
  0x00651593, // 08  slli a1, a0, 6
  0x00b282b3, // 0c  add t0, t0, a1
  0x00130313, // 10  addi t1, t1, 1
  0x0062a023, // 14  sw t1, 0(t0)
  0xff9ff06f, // 18  j 10
)
const MTIMECMP = 0x0200_4000, COUNTER = 0x8000_1004, T1 = 6, MIP = 65 + 0x344, MTIP = 0x80n, LAST = 0x8000_0000 + (32 << 20) - 8

const machine = (more: Partial<MachineConfig> = {}): Promise<MachineControl> => createMachine({
  arch: 'riscv64', bios: 'none', kernel: new Uint8Array(program.buffer), memoryBytes: 32 << 20,
  smp: { cpus: 2 }, ...more,
}, nodeHost)

async function* chunksOf(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000)
}
const restore = (m: MachineControl, bytes: Uint8Array) => m.restore(chunksOf(bytes))
async function save(m: MachineControl): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const part of m.snapshot()) parts.push(part)
  return new Uint8Array(Buffer.concat(parts))
}
const refused = (m: MachineControl, bytes: Uint8Array, code: VmError['code'], message: RegExp) =>
  assert.rejects(restore(m, bytes), { name: 'VmError', code, message })

async function all(m: MachineControl): Promise<(bigint | undefined)[]> {
  const out = []
  for (const cpu of m.cpus)
    for (const { number } of m.debug.description.registers)
      out.push(await m.debug.readRegister(cpu.index, number))
  return out
}
const counter = async (m: MachineControl, cpu: number) =>
  new DataView((await m.readPhysical(COUNTER + 64 * cpu, 4)).slice().buffer).getUint32(0, true)

/** Until both harts have counted, and a little longer, so that their loops are compiled. */
async function run(m: MachineControl): Promise<void> {
  const from = [await counter(m, 0), await counter(m, 1)]
  await m.resume()
  for (let more = 20; more > 0;) {
    await new Promise(resolve => setTimeout(resolve, 10))
    if (await counter(m, 0) !== from[0] && await counter(m, 1) !== from[1]) more--
  }
  await m.pause()
}

/** A machine that has run, and its snapshot. */
async function saved(): Promise<{ m: MachineControl; bytes: Uint8Array }> {
  const m = await machine()
  await run(m)
  await m.writePhysical(LAST, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8))
  return { m, bytes: await save(m) }
}

test('a machine goes on elsewhere where its snapshot was made', { timeout: 120_000 }, async () => {
  const { m: a, bytes } = await saved(), b = await machine()
  try {
    assert.ok(await counter(a, 0) > 0 && await counter(a, 1) > 0, 'the guest ran')
    assert.ok(bytes.length < 1 << 20, `${bytes.length} bytes of a guest that uses three pages`)
    await run(b)
    await b.writePhysical(0x8100_0000, Uint8Array.of(9)) // gone afterwards
    await restore(b, bytes)
    assert.deepEqual(await all(b), await all(a))
    assert.deepEqual([...await b.readPhysical(LAST, 8)], [1, 2, 3, 4, 5, 6, 7, 8])
    assert.deepEqual([...await b.readPhysical(0x8100_0000, 1)], [0])
    assert.deepEqual(await save(b), bytes, 'what was restored is saved as the same')

    const before = [await counter(b, 0), await counter(b, 1)]
    await run(b)
    for (const cpu of [0, 1]) {
      assert.ok(await counter(b, cpu) > before[cpu]!, `hart ${cpu} counts on`)
      const t1 = Number(await b.debug.readRegister(cpu, T1))
      assert.ok(t1 - await counter(b, cpu) <= 1, 'register and memory agree')
    }
    await restore(b, bytes) // over translated code, too
    assert.deepEqual(await all(b), await all(a))
  } finally {
    await a.close()
    await b.close()
  }
})

test('MTIP follows MTIME and MTIMECMP, from power-on and in a snapshot made between', { timeout: 120_000 }, async () => {
  const a = await machine(), b = await machine(), { clock, system } = (a as Machine).bound
  const mip = (m: MachineControl) => Promise.all(m.cpus.map(c => m.debug.readRegister(c.index, MIP)))
  try {
    assert.deepEqual(await mip(a), [MTIP, MTIP], 'both registers are 0')
    system.memory.writeWide(MTIMECMP, 5, 0)
    assert.deepEqual(await mip(a), [0n, MTIP])
    await restore(b, await save(a))
    assert.deepEqual(await mip(b), [0n, MTIP])
    // The time has come, and the machine stops before the timer rings.
    clock.set(500)
    await restore(b, await save(a))
    assert.deepEqual([await mip(a), await mip(b)], [[MTIP, MTIP], [MTIP, MTIP]])
    system.memory.writeWide(MTIMECMP, 6, 0)
    await a.reset()
    assert.deepEqual(await mip(a), [MTIP, MTIP])
  } finally {
    await a.close()
    await b.close()
  }
})

test('a snapshot of another machine is refused by the first difference', { timeout: 120_000 }, async () => {
  const { m: a, bytes } = await saved()
  const others: readonly (readonly [MachineConfig['smp'], number, RegExp])[] = [
    [{ cpus: 1 }, 32, /^processors: 2 in the snapshot, 1 in this machine$/],
    [{ cpus: 2 }, 64, /^bytes of ram: 33554432 in the snapshot, 67108864 in this machine$/],
  ]
  try {
    for (const [smp, mib, message] of others) {
      const b = await machine({ smp: smp!, memoryBytes: mib << 20 })
      const before = await all(b)
      await refused(b, bytes, 'snapshot.mismatch', message)
      assert.deepEqual(await all(b), before, 'left as it was')
      await b.close()
    }
    const newer = bytes.slice()
    newer[8] = 99
    await refused(a, newer, 'snapshot.mismatch', /format 99/)
  } finally {
    await a.close()
  }
})

test('a damaged snapshot is refused; the machine can be looked at', { timeout: 120_000 }, async () => {
  const { m, bytes } = await saved()
  try {
    const before = await all(m)
    for (const length of [0, 5, 11, 12, 20, 300, bytes.length >> 1, bytes.length - 9, bytes.length - 1])
      await refused(m, bytes.subarray(0, length), 'snapshot.malformed', /^not a whole snapshot: /)
    for (const at of [0, 15, 40, bytes.length >> 1, bytes.length - 6]) {
      const bad = bytes.slice()
      bad[at]! ^= 0x55
      await refused(m, bad, 'snapshot.malformed', /^not a whole snapshot: /)
    }
    await refused(m, new Uint8Array([...bytes, 1, 2, 3]), 'snapshot.malformed', /^not a whole snapshot: /)
    assert.equal(m.state, 'paused')
    assert.deepEqual(await all(m), before, 'registers are as they were')
    await restore(m, bytes)
    await m.reset()
    assert.equal(await m.debug.readRegister(0, T1), 0n)
  } finally {
    await m.close()
  }
})
