// A board on a bench for tests: a few devices, some RAM, a clock that only moves when told, CPU lines that
// can be read.
import { manualClock } from '../base/clock.ts'
import { bumpAllocator } from '../state/alloc.ts'
import { viewsOf } from '../state/views.ts'
import { instantiate, type Board, type HostServices, type System } from './board.ts'
import type { HostRequest } from './define.ts'

export type Bench = {
  readonly system: System
  readonly clock: ReturnType<typeof manualClock>
  readonly requests: HostRequest[]
  /** Interrupt messages for processors. */
  readonly messages: { readonly offset: number; readonly data: number }[]
  /** Levels by `hart.line`. */
  readonly lines: { [line: string]: boolean }
  /** Moves guest time and runs what is due. */
  advance(ns: number): void
}

export type BenchOptions = {
  buffer?: ArrayBufferLike
  sizeBytes?: number
  /** False for a second binding of a buffer. */
  reset?: boolean
  clock?: ReturnType<typeof manualClock>
  doorbell?: () => void
}

/** State lies in the upper half of the buffer; boards put RAM into the lower. */
export function bench(board: Board, options: BenchOptions = {}): Bench {
  const size = options.sizeBytes ?? 4 << 20
  const buffer = options.buffer ?? new SharedArrayBuffer(size)
  const views = viewsOf(buffer)
  const clock = options.clock ?? manualClock()
  const requests: HostRequest[] = [], messages: Bench['messages'] = []
  const lines: { [line: string]: boolean } = {}
  const services: HostServices = {
    clock,
    cpuLine: (hart, line) => ({ set: level => { lines[`${hart}.${line}`] = level } }),
    doorbell: options.doorbell ?? (() => {}),
    request: r => void requests.push(r),
    interruptMessage: (offset, data) => void messages.push({ offset, data }),
    wallClockMs: () => 1_700_000_000_000,
  }
  const system = instantiate(board, views, bumpAllocator(size / 2, size), services)
  if (options.reset !== false) system.reset()
  return {
    system, clock, requests, messages, lines,
    advance(ns) {
      clock.advance(ns)
      system.runTimers()
    },
  }
}
