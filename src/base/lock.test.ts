import { test } from 'node:test'
import assert from 'node:assert/strict'
import { Worker } from 'node:worker_threads'
import { lockAt } from './lock.ts'

const memory = (buffer: ArrayBufferLike) =>
  ({ i32: new Int32Array(buffer), shared: buffer instanceof SharedArrayBuffer })

for (const [kind, make] of [['shared', SharedArrayBuffer], ['plain', ArrayBuffer]] as const)
  test(`${kind}: taken and released; twice is a bug`, () => {
    const lock = lockAt(memory(new make(64)), 8)
    lock.acquire()
    assert.equal(lock.held(), true)
    assert.throws(() => lock.acquire(), /taken twice/)
    lock.release()
    assert.equal(lock.held(), false)
    assert.throws(() => lock.release(), /released/)
    lock.acquire()
    lock.release()
  })

test('threads exclude each other', async () => {
  const buffer = new SharedArrayBuffer(64), turns = 20_000, threads = 3
  const body = `
    import { lockAt, setThreadNumber } from ${JSON.stringify(new URL('./lock.ts', import.meta.url).href)}
    import { workerData } from 'node:worker_threads'
    setThreadNumber(workerData.number)
    const i32 = new Int32Array(workerData.buffer), lock = lockAt({ i32, shared: true }, 0)
    for (let i = 0; i < ${turns}; i++) {
      lock.acquire()
      const before = i32[4]
      for (let k = 0; k < 5; k++) Math.sqrt(k)
      i32[4] = before + 1
      lock.release()
    }`
  const url = new URL(`data:text/javascript,${encodeURIComponent(body)}`)
  await Promise.all(Array.from({ length: threads }, (_, i) => new Promise<void>((done, fail) => {
    const w = new Worker(url, { workerData: { buffer, number: i + 2 } })
    w.on('error', fail)
    w.on('exit', () => done())
  })))
  const words = new Int32Array(buffer)
  assert.equal(words[4], turns * threads)
  assert.deepEqual([words[0], words[1]], [0, 0])
})
