// A mutual-exclusion lock of two words in shared memory: word 0 is the state, word 1 the owner's thread
// number. Waiting is Atomics.wait, never a spin. Not re-entrant: taking a lock twice is a bug and asserts.
// With a plain ArrayBuffer there is one thread, so only the assertion remains. The main thread of a page cannot
// wait, so it must take no locks.
//
//   const lock = lockAt(views, at)   // 8 bytes, zero-initialised, `at` a multiple of 4
//   lock.acquire(); try { … } finally { lock.release() }
import { assert } from './errors.ts'

const FREE = 0, HELD = 1, CONTENDED = 2

export const LOCK_BYTES = 8

/**
 * This thread's number, for the assertion. Threads of one machine must differ; the host sets it at thread
 * start.
 */
let self = 1
export function setThreadNumber(n: number): void {
  assert(Number.isInteger(n) && n > 0, 'thread numbers start at 1')
  self = n
}
export const threadNumber = (): number => self

export type Lock = {
  acquire(): void
  release(): void
  /** Whether this thread holds it. */
  held(): boolean
}

export function lockAt(memory: { readonly i32: Int32Array; readonly shared: boolean }, at: number): Lock {
  return memory.shared ? sharedLock(memory.i32, at >>> 2) : plainLock(memory.i32, at >>> 2)
}

function sharedLock(words: Int32Array, at: number): Lock {
  const owner = at + 1
  return {
    acquire() {
      if (Atomics.compareExchange(words, at, FREE, HELD) !== FREE) contend(words, at)
      words[owner] = self
    },
    release() {
      assert(words[owner] === self, 'lock released by a thread that does not hold it')
      words[owner] = 0
      if (Atomics.exchange(words, at, FREE) === CONTENDED) Atomics.notify(words, at, 1)
    },
    held: () => words[owner] === self,
  }
}

/** The slow path: marks the lock contended, so that its holder knows to wake somebody. */
function contend(words: Int32Array, at: number): void {
  assert(words[at + 1] !== self, 'lock taken twice by one thread')
  while (Atomics.exchange(words, at, CONTENDED) !== FREE) Atomics.wait(words, at, CONTENDED)
}

function plainLock(words: Int32Array, at: number): Lock {
  return {
    acquire() {
      assert(words[at] === FREE, 'lock taken twice by one thread')
      words[at] = HELD
    },
    release() {
      assert(words[at] === HELD, 'lock released but not held')
      words[at] = FREE
    },
    held: () => words[at] === HELD,
  }
}
