// Stops a processor that runs for ever. Its own thread cannot: generated code returns to it only when asked.
import { Worker } from 'node:worker_threads'
import { ExitRequest } from '../../../src/isa/isa.ts'
import type { Rig } from '../rig.ts'

const LIMIT_MS = 20_000

const body = `
const { workerData: { buffer, beats, at, stop, limit } } = require('node:worker_threads')
const counter = new Int32Array(beats), state = new Int32Array(buffer)
for (;;) {
  const seen = Atomics.load(counter, 0)
  if (seen & 1) { // running
    if (Atomics.wait(counter, 0, seen, limit) === 'timed-out') Atomics.or(state, at, stop)
  } else Atomics.wait(counter, 0, seen)
}`

export type Watchdog = { start(): void; end(): void }

/** For a machine with shared memory. */
export function watchdog(rig: Rig): Watchdog {
  const beats = new SharedArrayBuffer(4), counter = new Int32Array(beats)
  new Worker(body, {
    eval: true,
    workerData: { buffer: rig.views.buffer, beats, at: rig.state >>> 2, stop: ExitRequest.STOP, limit: LIMIT_MS },
  }).unref()
  const tick = () => {
    Atomics.add(counter, 0, 1)
    Atomics.notify(counter, 0)
  }
  return { start: tick, end: tick }
}
