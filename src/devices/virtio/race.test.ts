// A device and its driver really at the same time, on two threads.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { Worker } from 'node:worker_threads'
import { bench } from '../../device/testing.ts'
import { raceBoard, SIZE, WORD } from './race-board.ts'

const REQUESTS = Number(process.env.RACE_REQUESTS ?? 20000)

for (const packed of [false, true])
  test(`no notification and no interrupt gets lost (${packed ? 'packed' : 'split'})`, async () => {
    const buffer = new SharedArrayBuffer(SIZE), words = new Int32Array(buffer)
    const b = bench(raceBoard(packed), { buffer, sizeBytes: SIZE })
    let served = 0
    b.system.attach('dev', { fill() { served++ } })
    const driver = new Worker(`
      const { parentPort, workerData: { module, buffer, packed, requests } } = require('node:worker_threads')
      import(module).then(m => parentPort.postMessage(m.drive(buffer, packed, requests)))`,
      {
        eval: true,
        workerData: { module: import.meta.resolve('./race-driver.ts'), buffer, packed, requests: REQUESTS },
      },
    )
    const result = await new Promise<{ kicks: number; sleeps: number }>((resolve, reject) => {
      let ended = false
      driver.on('message', answer => {
        ended = true
        resolve(answer)
      })
      driver.on('error', error => {
        ended = true
        reject(error)
      })
      const turn = () => {
        const until = performance.now() + 5
        while (performance.now() < until) {
          b.lines['0.irq'] = false // edges are what counts here
          b.system.serve()
          if (!b.lines['0.irq'] && !b.system.instance('dev').io.irq.level) continue
          Atomics.add(words, WORD.INTERRUPTS, 1)
          Atomics.notify(words, WORD.INTERRUPTS)
        }
        if (!ended) setImmediate(turn)
      }
      turn()
    })
    await driver.terminate()
    assert.equal(served, REQUESTS)
    assert.ok(result.kicks < REQUESTS, `${result.kicks} notifications, ${result.sleeps} sleeps`)
  })
