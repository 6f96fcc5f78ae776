// What processors ask of each other: drop translations, protect a page from direct writes, drop translated code. A mailbox
// per processor in shared memory; a request counts as done when its number has been handled, or while its processor is
// parked (it reads its mail before it runs guest code again).
import { LOCK_BYTES, lockAt, type Lock } from '../../base/lock.ts'
import { ExitRequest } from '../../isa/isa.ts'
import type { Views } from '../../state/views.ts'

export const Mail = {
  /** Only to be read: what comes before it has been handled then. */
  FENCE: 0,
  /** Arguments: address space or -1. */
  FLUSH_TLB: 1,
  /** Arguments: address space or -1, va low, va high. */
  FLUSH_PAGE: 2,
  /** Argument: byte offset of the page in the memory; it must no longer be written directly. */
  PROTECT: 3,
  /** Argument: byte offset of a page whose translated code is stale. */
  DROP_CODE: 4,
  DROP_ALL_CODE: 5,
  /** The compiler begins a new generation: compiled code of earlier ones must no longer run. */
  EVICT: 6,
} as const

const CAPACITY = 64
const LETTER_WORDS = 4
// Words: posted, handled, parked, overflow, then the lock, words of exclusive.ts, then letters.
const POSTED = 0, HANDLED = 1, PARKED = 2, OVERFLOW = 3, QUEUES = 4 + LOCK_BYTES / 4, GATE = QUEUES + 1, LETTERS = GATE + 1
export const MAILBOX_BYTES = (LETTERS + CAPACITY * LETTER_WORDS) * 4

export type Mailbox = {
  /** Posts a letter and makes the processor look; its number comes back. */
  post(kind: number, a?: number, b?: number, c?: number): number
  /** Whether letter `number` has been handled or its processor sleeps. */
  done(number: number): boolean
  /** Sleeps until a letter is handled, or for a short time. */
  wait(number: number): void
  /** On the processor's own thread: handles everything posted. `overflow`: letters were lost, drop everything. */
  read(handle: (kind: number, a: number, b: number, c: number) => void, overflow: () => void): void
  /** The processor is about to sleep or leave (true), or to run guest code again (false; then `read` must follow). */
  park(parked: boolean): void
  readonly empty: boolean
  readonly parked: boolean
  /** The processor waits at the gate of exclusive.ts: it accesses no memory, but its mail is not handled. */
  queue(queues: boolean): void
  /** Whether its processor accesses no memory since letter `number`. */
  still(number: number): boolean
  /** Word index of the gate of exclusive.ts; the first mailbox's counts. */
  readonly gate: number
}

/** A mailbox at byte address `at` (zeros: empty, parked is set by its owner); `cpu` is its processor's state. */
export function mailboxAt(views: Views, at: number, cpu: number): Mailbox {
  const { i32 } = views, w = at >>> 2, lock: Lock = lockAt(views, at + 16)
  return {
    post(kind, a = 0, b = 0, c = 0) {
      lock.acquire()
      const number = (i32[w + POSTED]! + 1) | 0
      if (number - Atomics.load(i32, w + HANDLED) > CAPACITY) Atomics.store(i32, w + OVERFLOW, 1)
      else {
        const letter = w + LETTERS + ((number - 1) & (CAPACITY - 1)) * LETTER_WORDS
        i32[letter] = kind
        i32[letter + 1] = a
        i32[letter + 2] = b
        i32[letter + 3] = c
      }
      Atomics.store(i32, w + POSTED, number)
      lock.release()
      Atomics.or(i32, cpu >>> 2, ExitRequest.MESSAGE)
      return number
    },
    done: number => Atomics.load(i32, w + PARKED) !== 0 || Atomics.load(i32, w + HANDLED) - number >= 0,
    wait(number) {
      const seen = Atomics.load(i32, w + HANDLED)
      if (seen - number < 0 && views.shared) Atomics.wait(i32, w + HANDLED, seen, 1)
    },
    read(handle, overflow) {
      if (Atomics.load(i32, w + POSTED) === i32[w + HANDLED]) return
      lock.acquire()
      const posted = i32[w + POSTED]!
      if (Atomics.exchange(i32, w + OVERFLOW, 0)) overflow()
      else
        for (let n = i32[w + HANDLED]!; n !== posted; n = (n + 1) | 0) {
          const letter = w + LETTERS + (n & (CAPACITY - 1)) * LETTER_WORDS
          handle(i32[letter]!, i32[letter + 1]!, i32[letter + 2]!, i32[letter + 3]!)
        }
      Atomics.store(i32, w + HANDLED, posted)
      lock.release()
      if (views.shared) Atomics.notify(i32, w + HANDLED)
    },
    park(parked) {
      Atomics.store(i32, w + PARKED, parked ? 1 : 0)
      if (parked && views.shared) Atomics.notify(i32, w + HANDLED)
    },
    queue(queues) {
      Atomics.store(i32, w + QUEUES, queues ? 1 : 0)
      if (queues && views.shared) Atomics.notify(i32, w + HANDLED)
    },
    still: number => Atomics.load(i32, w + QUEUES) !== 0 || Atomics.load(i32, w + PARKED) !== 0 || Atomics.load(i32, w + HANDLED) - number >= 0,
    gate: w + GATE,
    get parked() { return Atomics.load(i32, w + PARKED) !== 0 },
    get empty() { return Atomics.load(i32, w + POSTED) === i32[w + HANDLED] },
  }
}
