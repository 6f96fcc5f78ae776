import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { viewsOf } from '../../state/views.ts'
import { Exclusive } from './exclusive.ts'
import { mailboxAt, MAILBOX_BYTES } from './mailbox.ts'

const N = 3, STATES = N * MAILBOX_BYTES, WORDS = STATES + 64 * N, STOP = WORDS + 64

/** A processor's thread: it counts in a word of its own by plain reads and writes; between some it looks at its mail. */
const body = `
import { parentPort, workerData } from 'node:worker_threads'
const { viewsOf, mailboxAt, Exclusive, setThreadNumber } = Object.assign({}, ...await Promise.all(workerData.modules.map(m => import(m))))
const { buffer, self, n, bytes, states, words, stop } = workerData, own = (words >> 2) + self
setThreadNumber(self + 2)
const views = viewsOf(buffer), { i32 } = views
const boxes = Array.from({ length: n }, (_, i) => mailboxAt(views, i * bytes, states + 64 * i))
const exclusive = new Exclusive(views, boxes, self)
const read = () => { boxes[self].read(() => {}, () => {}); exclusive.letPass() }
boxes[self].park(false)
read()
parentPort.postMessage('runs')
let turns = 0
while (!Atomics.load(i32, stop >> 2)) {
  i32[own] = i32[own] + 1 // whoever comes between loses a count
  if (++turns % 64 === 0) read()
  if (self === 2 && turns % 1000 === 0) { boxes[self].park(true); Atomics.wait(i32, stop >> 2, 0, 1); boxes[self].park(false); read() }
}
boxes[self].park(true)
parentPort.postMessage(turns)
`

test('nobody comes between what one processor does alone', { timeout: 60_000 }, async () => {
  const views = viewsOf(new SharedArrayBuffer(STOP + 64)), { i32 } = views
  const boxes = Array.from({ length: N }, (_, i) => mailboxAt(views, i * MAILBOX_BYTES, STATES + 64 * i))
  for (const m of boxes) m.park(true)
  const modules = ['../../base/lock.ts', '../../state/views.ts', './mailbox.ts', './exclusive.ts'].map(m => new URL(m, import.meta.url).href)
  const workers = [1, 2].map(self => new Worker(new URL(`data:text/javascript,${encodeURIComponent(body)}`), {
    workerData: { buffer: views.buffer, self, n: N, bytes: MAILBOX_BYTES, states: STATES, words: WORDS, stop: STOP, modules },
  }))
  const next = (w: Worker) => new Promise<unknown>((resolve, reject) => w.once('message', resolve).once('error', reject))
  await Promise.all(workers.map(next))
  const exclusive = new Exclusive(views, boxes, 0)
  boxes[0]!.park(false)
  const TIMES = 500, own = WORDS >> 2
  for (let i = 0; i < TIMES; i++) exclusive.alone(() => {
    const before = [i32[own + 1]!, i32[own + 2]!]
    for (let k = 0; k < 50; k++) assert.deepEqual([i32[own + 1], i32[own + 2]], before)
    i32[own + 1] = before[0]! + 1
    i32[own + 2] = before[1]! + 1
  })
  boxes[0]!.park(true)
  const turns = workers.map(next)
  Atomics.store(i32, STOP >> 2, 1)
  const counted = await Promise.all(turns) as number[]
  await Promise.all(workers.map(w => w.terminate()))
  counted.forEach((turns, i) => assert.equal(i32[own + 1 + i], (turns + TIMES) | 0, `processor ${i + 1}`))
})

test('one processor, or one thread, waits for nobody', () => {
  const views = viewsOf(new SharedArrayBuffer(4096 * 4)), boxes = [mailboxAt(views, 0, 4096 * 3)]
  let done = 0
  new Exclusive(views, boxes, 0).alone(() => void done++)
  const plain = viewsOf(new ArrayBuffer(4096 * 4)), two = [0, MAILBOX_BYTES].map(at => mailboxAt(plain, at, 4096 * 3))
  new Exclusive(plain, two, 1).alone(() => void done++)
  assert.equal(done, 2)
})
