// What is being watched: log classes, addresses, trace events, single-instruction blocks. The switches lie in shared memory,
// set on the main thread; every other thread takes them over when it is told to (a processor with Control.REFRESH, the
// compiler before its next batch), so that where something happens a plain boolean of its own thread is tested.
import { jitTraces } from '../accel/jit/trace.ts'
import { assert, VmError } from '../base/errors.ts'
import { type AddressRange, configureLog, type LogClass, logClasses } from '../base/log.ts'
import { matches, type TraceEvent } from '../base/trace.ts'
import { deviceTraces } from '../device/trace.ts'
import { virtioTraces } from '../devices/virtio/trace.ts'
import { memTraces } from '../mem/trace.ts'
import type { Views } from '../state/views.ts'
import { vmTraces } from './trace.ts'

/** Every trace event. Its place here is its switch's place in the memory, the same on all threads. */
export const traceEvents: readonly TraceEvent[] =
  [memTraces, deviceTraces, virtioTraces, jitTraces, vmTraces].flatMap(table => Object.values<TraceEvent>(table))

const MAX_EVENTS = 64, MAX_FILTERS = 16
// Bytes: bits of classes, single instructions, number of filters, the filters (64-bit start and end), the events.
const CLASSES = 0, ONE_INSN = 4, FILTERS = 8, RANGES = 16, EVENTS = RANGES + 16 * MAX_FILTERS
export const WATCH_BYTES = EVENTS + MAX_EVENTS
assert(traceEvents.length <= MAX_EVENTS, 'room for more trace events is needed')

export class Watch {
  private readonly views: Views
  private readonly at: number

  constructor(views: Views, at: number) {
    this.views = views
    this.at = at
  }

  /** Blocks hold one instruction each. */
  get oneInsn(): boolean { return this.views.i32[(this.at + ONE_INSN) >>> 2] !== 0 }
  set oneInsn(on: boolean) { this.views.i32[(this.at + ONE_INSN) >>> 2] = on ? 1 : 0 }

  set classes(on: readonly LogClass[]) {
    this.views.i32[(this.at + CLASSES) >>> 2] = on.reduce((bits, c) => bits | (1 << logClasses.indexOf(c)), 0)
  }
  get classes(): readonly LogClass[] {
    const bits = this.views.i32[(this.at + CLASSES) >>> 2]!
    return logClasses.filter((_, i) => bits & (1 << i))
  }

  set filter(ranges: readonly AddressRange[]) {
    if (ranges.length > MAX_FILTERS)
      throw new VmError('cli.usage', `${ranges.length} ranges of addresses`, { where: 'logFilter', hint: `at most ${MAX_FILTERS}` })
    const { i32, u64 } = this.views, first = (this.at + RANGES) >>> 3
    i32[(this.at + FILTERS) >>> 2] = ranges.length
    ranges.forEach(({ start, end }, i) => u64.set([start, end], first + 2 * i))
  }
  get filter(): readonly AddressRange[] {
    const { i32, u64 } = this.views, first = (this.at + RANGES) >>> 3
    return Array.from({ length: i32[(this.at + FILTERS) >>> 2]! },
      (_, i) => ({ start: u64[first + 2 * i]!, end: u64[first + 2 * i + 1]! }))
  }

  isTraced(event: number): boolean { return this.views.u8[this.at + EVENTS + event] !== 0 }
  /** Switches the events that a pattern matches; how many there are. */
  trace(pattern: string, on: boolean): number {
    let n = 0
    traceEvents.forEach(({ name }, i) => {
      if (!matches(pattern, name)) return
      this.views.u8[this.at + EVENTS + i] = on ? 1 : 0
      n++
    })
    return n
  }

  /** Makes this thread watch what the switches say. */
  apply(): void {
    configureLog({ classes: this.classes, filter: this.filter })
    traceEvents.forEach((event, i) => { event.enabled = this.isTraced(i) })
  }
}
