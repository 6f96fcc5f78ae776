// The machine's timers: one table in shared memory, so that any thread can arm one and the I/O thread can
// sleep until the earliest. Deadlines are guest nanoseconds.
import { bind } from '../state/bind.ts'
import { layoutOf } from '../state/layout.ts'
import { array, f64, i32, type Schema } from '../state/schema.ts'
import type { Views } from '../state/views.ts'

export type Timer = {
  /** Fires once at that guest time (at once if it is past); replaces an earlier deadline. */
  arm(deadlineNs: number): void
  disarm(): void
  readonly armed: boolean
  readonly deadlineNs: number
}

export type TimerTable = {
  timer(index: number): Timer
  /** The earliest deadline, Infinity if none. */
  nextDeadline(): number
  /**
   * For the I/O thread before it sleeps: promises that arming a timer earlier than the answer calls `notify`.
   * Read the doorbell's sequence number first, then this, then sleep on the number.
   */
  prepareSleep(): number
  /** Runs what is due, in order of deadline. `fire` gets the timer's index and takes its device's lock. */
  run(nowNs: number, fire: (index: number, stillDue: () => boolean) => void): number
  reset(): void
}

const schemaFor = (count: number) => ({
  sleepUntilNs: f64(),
  deadlineNs: array(f64(), count),
  armed: array(i32(), count),
})
export const timerTableBytes = (count: number): number =>
  layoutOf(schemaFor(count) satisfies Schema).sizeBytes

/** `notify` wakes the I/O thread. */
export function timerTableAt(views: Views, at: number, count: number, notify: () => void): TimerTable {
  const layout = layoutOf(schemaFor(count))
  const s = bind(layout, views, at)
  const armed = s.armed as unknown as Int32Array
  const deadlines = s.deadlineNs

  function nextDeadline(): number {
    let next = Infinity
    for (let i = 0; i < count; i++)
      if (Atomics.load(armed, i) && deadlines[i]! < next) next = deadlines[i]!
    return next
  }

  return {
    timer: i => ({
      arm(deadlineNs) {
        deadlines[i] = deadlineNs
        Atomics.store(armed, i, 1)
        if (deadlineNs < s.sleepUntilNs) notify()
      },
      disarm() { if (armed[i]) Atomics.store(armed, i, 0) },
      get armed() { return Atomics.load(armed, i) !== 0 },
      get deadlineNs() { return deadlines[i]! },
    }),
    nextDeadline,
    prepareSleep() {
      s.sleepUntilNs = Infinity // whoever arms from here on rings
      return (s.sleepUntilNs = nextDeadline())
    },
    run(nowNs, fire) {
      let fired = 0
      // Bounded: a device that arms itself in the past again and again must not hold the thread.
      for (let round = 0; round < 4 * count + 16; round++) {
        let due = -1
        for (let i = 0; i < count; i++)
          if (
            Atomics.load(armed, i)
            && deadlines[i]! <= nowNs
            && (due < 0 || deadlines[i]! < deadlines[due]!)
          )
            due = i
        if (due < 0) break
        fire(due, () => {
          if (!Atomics.load(armed, due) || deadlines[due]! > nowNs) return false
          Atomics.store(armed, due, 0)
          return true
        })
        fired++
      }
      return fired
    },
    reset() { for (let i = 0; i < count; i++) Atomics.store(armed, i, 0) },
  }
}
