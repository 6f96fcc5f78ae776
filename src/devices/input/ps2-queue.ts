// What a PS/2 device has to say: answers to commands go before everything else.
import { ring, u8, type StateOf } from '../../device/define.ts'

export const ACK = 0xfa, RESEND = 0xfe, TEST_PASSED = 0xaa
export const QUEUE_BYTES = 16

export const queueState = { events: ring(QUEUE_BYTES), answer: ring(QUEUE_BYTES), last: u8() }
export type Queue = StateOf<typeof queueState>

export const waiting = (q: Queue): boolean => q.answer.length > 0 || q.events.length > 0

/** The next byte; the last one again when there is none. */
export function take(q: Queue): number {
  const byte = q.answer.shift() ?? q.events.shift()
  if (byte !== undefined) q.last = byte
  return q.last
}

/** All of an answer or nothing. */
export function answer(q: Queue, ...bytes: readonly number[]): void {
  if (q.answer.length + bytes.length > QUEUE_BYTES) return
  for (const b of bytes) q.answer.push(b)
}

/** All of an event or nothing. */
export function post(q: Queue, bytes: readonly number[]): boolean {
  if (q.events.length + bytes.length > QUEUE_BYTES) return false
  for (const b of bytes) q.events.push(b)
  return true
}

export function clear(q: Queue): void {
  q.events.clear()
  q.answer.clear()
}
