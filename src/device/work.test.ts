import { test } from 'node:test'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { bench } from './testing.ts'
import type { Job } from './work.ts'
import { AT, board, RESET, SIZE, STARTED, type Plan } from './work-testing.ts'

test('jobs run without the lock and finish under it, in order', () => {
  const b = bench(board), { lock } = b.system.instance('w'), log: string[] = []
  const job = (name: string): Job => ({
    run() { log.push(`${name} runs ${lock.held()}`) },
    finish(s) {
      s.done++
      log.push(`${name} done ${lock.held()}`)
    },
  })
  b.system.attach('w', { jobs: [job('a'), job('b')] })
  b.system.serve()
  assert.deepEqual(log, ['a runs false', 'a done true', 'b runs false', 'b done true'])
  assert.equal(b.system.memory.read(AT, 4), 2)
})

test('promised work is waited for, and forgotten at a reset', async () => {
  const b = bench(board)
  let release = () => {}
  const slow = (): Job => ({
    run: () => new Promise(resolve => { release = resolve }),
    finish(s) { s.done++ },
  })
  const plan: Plan = { jobs: [slow()] }
  b.system.attach('w', plan)
  b.system.serve()
  assert.equal(b.system.memory.read(AT, 4), 0)
  release()
  await b.system.drain()
  assert.equal(b.system.memory.read(AT, 4), 1)
  plan.jobs.push(slow())
  b.system.memory.write(AT, 4, 1)
  b.system.serve()
  b.system.reset()
  release()
  await b.system.drain()
  assert.equal(b.system.memory.read(AT, 4), 0)
})

test('one turn is bounded, and the rest is not forgotten', () => {
  const b = bench(board)
  const plan: Plan = { jobs: Array.from({ length: 100 }, (): Job => ({ run() {}, finish(s) { s.done++ } })) }
  b.system.attach('w', plan)
  b.system.serve()
  const first = b.system.memory.read(AT, 4)
  assert.ok(first < 100)
  b.system.serve()
  assert.equal(b.system.memory.read(AT, 4), 100)
})

test('a back end offers items, and learns when to try again', () => {
  const b = bench(board)
  let offer: (item: number) => boolean = () => false, ready = 0
  b.system.attach('w', { jobs: [], connect(o: typeof offer) { offer = o }, ready() { ready++ } })
  assert.deepEqual([offer(1), offer(2)], [false, true])
  b.system.serve()
  b.system.memory.write(AT, 4, 1)
  b.system.serve()
  assert.equal(ready, 2)
})

test('a reset on another thread waits until guest memory is no longer touched', async () => {
  const buffer = new SharedArrayBuffer(SIZE), words = new Int32Array(buffer)
  const b = bench(board, { buffer, sizeBytes: SIZE })
  const program = `
    const { parentPort, workerData: { module, buffer } } = require('node:worker_threads')
    import(module).then(m => m.resetWhenTold(buffer, () => parentPort.postMessage('ready')))`
  const other = new Worker(program, {
    eval: true,
    workerData: { buffer, module: import.meta.resolve('./work-testing.ts') },
  })
  await once(other, 'message')
  b.system.attach('w', {
    jobs: [{
      run() {
        Atomics.store(words, STARTED, 1)
        Atomics.notify(words, STARTED)
        Atomics.wait(words, RESET, 0, 300) // the reset must not come through now
        assert.equal(Atomics.load(words, RESET), 0)
      },
      finish(s: { done: number }) { s.done++ },
    }],
  })
  b.system.serve()
  while (Atomics.load(words, RESET) === 0) await new Promise(resolve => setTimeout(resolve, 5))
  assert.equal(b.system.memory.read(AT, 4), 0, 'finish was not called')
  await other.terminate()
})
