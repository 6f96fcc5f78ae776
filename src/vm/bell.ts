// The doorbell of the I/O thread: a word in shared memory.
import type { Views } from '../state/views.ts'

/** Bits of the doorbell: now, or within some milliseconds (output of character devices, a byte at a time). */
export const Bell = { URGENT: 1, LAZY: 2 } as const

/** Rings the doorbell whose word index is `bell`; false if it was ringing. */
export function ringBell(views: Views, bell: number, bit: number): boolean {
  if ((Atomics.or(views.i32, bell, bit) & bit) !== 0) return false
  if (views.shared) Atomics.notify(views.i32, bell)
  return true
}
