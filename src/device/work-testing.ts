// A device for work.test.ts, and what the test's other thread does with it.
import { setThreadNumber } from '../base/lock.ts'
import { defineDevice, u32 } from './define.ts'
import { bench } from './testing.ts'
import type { Job } from './work.ts'

export const AT = 0x1000_0000, SIZE = 1 << 20
/** Words at the start of the buffer, by which the threads talk. */
export const STARTED = 0, RESET = 1

export type Plan = { jobs: (Job | undefined)[] }
/** Writing to 0 asks for work, to 4 resets; reads of 0 give the number of finished jobs. */
const worker = defineDevice({
  name: 'worker', version: 1, state: { done: u32() },
  regions: { mmio: { sizeBytes: 8 } },
  read: s => s.done,
  write(_s, io, offset) {
    if (offset === 0) io.wake()
    else io.cancel()
  },
  service: (_s, _io, plan: Plan) => plan.jobs.shift(),
  accept: (_s, _io, item: number) => item > 1,
})
export const board = { name: 'work', memory: [], devices: [{ device: worker, id: 'w', at: { mmio: AT } }] }

/** Binds the same machine, and resets the device as soon as a job runs. */
export function resetWhenTold(buffer: SharedArrayBuffer, ready: () => void): void {
  setThreadNumber(2)
  const words = new Int32Array(buffer), b = bench(board, { buffer, sizeBytes: SIZE, reset: false })
  ready()
  Atomics.wait(words, STARTED, 0)
  b.system.memory.write(AT + 4, 4, 0)
  Atomics.store(words, RESET, 1)
  Atomics.notify(words, RESET)
}
