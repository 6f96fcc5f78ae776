// Several harts at once: totals must be exact, what fences forbid must not be seen, and code and translations that another hart
// changed must be the new ones. The loops are long enough to begin in the interpreter and to end in compiled code.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeHost } from '../../src/host/node/host.ts'
import { createMachine } from '../../src/vm/machine.ts'
import { BASE, CELLS, counting, crossing, DONE, ERRORS, litmus, otherPage, remoteCode, remoteFence, remoteTranslation } from './programs.ts'

const TIMEOUT_MS = 240_000

/** Runs an image on so many harts until all are done; reads 64 bits at a physical address then. */
async function run(image: Uint8Array, cpus: number, thread: string,
  bios = 'none'): Promise<(pa: number) => Promise<bigint>> {
  const m = await createMachine({
    arch: 'riscv64', bios, kernel: image, memoryBytes: 16 << 20, smp: { cpus }, accels: [{ name: 'jit',
      properties: { thread } }],
  }, nodeHost)
  const word = async (pa: number) => new DataView((await m.readPhysical(pa, 8)).slice().buffer).getBigUint64(0, true)
  try {
    await m.resume()
    for (const limit = Date.now() + TIMEOUT_MS - 10_000; await word(DONE) < BigInt(cpus); await new Promise(r => setTimeout(r, 10)))
      assert.ok(Date.now() < limit, `${await word(DONE)} of ${cpus} harts are done`)
    const memory = (await m.readPhysical(BASE, 0x2_0000)).slice()
    return async pa => new DataView(memory.buffer).getBigUint64(pa - BASE, true)
  } finally {
    await m.close()
  }
}

for (const thread of ['multi', 'single']) {
  // On one thread harts take turns, and waiting for each other takes their time.
  const less = thread === 'single' ? 10 : 1
  for (const cpus of [2, 4])
    test(`exact totals on ${cpus} harts, thread=${thread}`, { timeout: TIMEOUT_MS }, async () => {
      for (let seed = 1; seed <= 3; seed++) {
        const { image, totals } = counting(cpus, seed, 2000 / less), at = await run(image, cpus, thread)
        for (const [cell, total] of Object.entries(totals)) assert.equal(await at(CELLS + 8 * Number(cell)), total,
          `seed ${seed}, cell ${cell}`)
      }
    })
  const checks: { readonly [what: string]: Uint8Array } = {
    'what fences forbid is not seen': litmus(400 / less),
    'code that another hart wrote': remoteCode(2, 400 / less),
    'a translation that another hart changed': remoteTranslation(400 / less),
  }
  for (const [what, image] of Object.entries(checks))
    test(`${what}, thread=${thread}`, { timeout: TIMEOUT_MS }, async () => {
      assert.equal(await (await run(image, 2, thread))(ERRORS), 0n)
    })
  test(`an instruction that crosses into a page that changes, thread=${thread}`, { timeout: TIMEOUT_MS }, async () => {
    assert.equal(await (await run(crossing(4000), 1, thread))(ERRORS), 0n)
  })
  test(`a function of a page that is mapped elsewhere and written, thread=${thread}`, { timeout: TIMEOUT_MS }, async () => {
    assert.equal(await (await run(otherPage(6), 1, thread))(ERRORS), 0n)
  })
  test(`a fence for another hart, thread=${thread}`, { timeout: TIMEOUT_MS }, async () => {
    assert.equal(await (await run(remoteFence(400 / less), 2, thread, 'default'))(ERRORS), 0n)
  })
}
