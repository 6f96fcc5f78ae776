// The guest's clock: nanoseconds since the machine started, as a number (exact for 104 days of guest time).
// It stands still while the machine is stopped and continues where it stood, also after a snapshot. Its state
// is three words of shared memory, so all threads agree; the host's monotonic time is injected and must be
// the same for all threads.
import { assert } from './errors.ts'

export type Clock = {
  /** Guest time in nanoseconds, never decreasing while the machine runs. */
  nowNs(): number
  readonly running: boolean
  /** Freezes guest time. vCPUs must be stopped. */
  stop(): void
  resume(): void
  /** Sets guest time (restoring a snapshot, or a test's step). */
  set(ns: number): void
}

/** Bytes of shared memory that a clock takes; all zero is a stopped clock at 0. */
export const CLOCK_BYTES = 24

/** A clock that follows the host's. `at` is a multiple of 8. */
export function hostClock(
  memory: { readonly f64: Float64Array; readonly i32: Int32Array },
  at: number,
  hostNowNs: () => number,
): Clock {
  assert(at % 8 === 0, 'clock state is not aligned')
  const { f64, i32 } = memory
  const frozen = at >>> 3,
    offset = frozen + 1,
    running = (at >>> 2) + 4
  const nowNs = () =>
    Atomics.load(i32, running) ? Math.max(0, Math.floor(hostNowNs() - f64[offset]!)) : f64[frozen]!
  return {
    nowNs,
    get running() { return Atomics.load(i32, running) !== 0 },
    stop() {
      f64[frozen] = nowNs()
      Atomics.store(i32, running, 0)
    },
    resume() {
      if (Atomics.load(i32, running)) return
      f64[offset] = hostNowNs() - f64[frozen]!
      Atomics.store(i32, running, 1)
    },
    set(ns) {
      f64[frozen] = ns
      f64[offset] = hostNowNs() - ns
    },
  }
}

/** A clock that only moves when told to: tests, and differential runs. */
export function manualClock(): Clock & { advance(ns: number): void } {
  let now = 0, running = true
  return {
    nowNs: () => now,
    get running() { return running },
    stop() { running = false },
    resume() { running = true },
    set(ns) { now = ns },
    advance(ns) { if (running) now += ns },
  }
}
