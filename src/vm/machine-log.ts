// A machine's log on the main thread: switches what is watched, takes the other threads' lines, and stops taking while whoever
// writes them down is slow; the threads then wait.
import { type AddressRange, configureLog, type LogClass } from '../base/log.ts'
import { logReader } from '../base/log-ring.ts'
import type { Bound } from './binding.ts'
import type { MachineEvents } from './control.ts'
import { traceEvents } from './watch.ts'

/** Lines taken from one thread before the event loop gets its turn. */
const AT_ONCE = 1000

export class MachineLog {
  /** Lines are not wanted now. */
  held = false
  private readonly bound: Bound
  private readonly emit: (line: MachineEvents['log']) => void
  /** Makes processors take over the switches, and drop their code, so that its translation is seen again. */
  private readonly refresh: () => void
  private readonly readers: ReturnType<typeof logReader>[]
  /** How many wait for the threads to stand still: lines are taken then whether they are wanted or not. */
  private stopping = 0

  constructor(bound: Bound, emit: (line: MachineEvents['log']) => void, refresh: () => void) {
    this.bound = bound
    this.emit = emit
    this.refresh = refresh
    this.readers = bound.logRings.map(at => logReader(bound.views, at))
  }

  set(classes: readonly LogClass[], filter?: readonly AddressRange[]): void {
    this.bound.watch.classes = classes
    if (filter) this.bound.watch.filter = filter
    this.apply()
  }

  setOneInsn(on: boolean): void {
    this.bound.watch.oneInsn = on
    this.refresh()
  }

  trace(pattern: string, on: boolean): number {
    const n = this.bound.watch.trace(pattern, on)
    if (n > 0) this.apply()
    return n
  }

  events(): { name: string; enabled: boolean }[] {
    return traceEvents.map(({ name }, i) => ({ name, enabled: this.bound.watch.isTraced(i) }))
  }

  private apply(): void {
    configureLog({ sink: (cls, source, text) => this.emit({ cls, source, text }) })
    this.bound.watch.apply()
    this.refresh()
  }

  hold(held: boolean): void {
    this.held = held
    if (held) return
    this.take()
    this.bound.waker.woken()
  }

  /** Takes what has arrived; what is too much for once, soon after. */
  take(): void {
    for (const reader of this.readers)
      for (let n = 0; this.stopping > 0 || !this.held; n++) {
        if (n === AT_ONCE) {
          this.bound.ring()
          break
        }
        const line = reader.take()
        if (!line) break
        this.emit(line)
      }
  }

  /** Everything that has been written until now, wanted or not. */
  takeAll(): void {
    for (const reader of this.readers) reader.takeAll(this.emit)
  }

  /** While threads are brought to a halt: one of them may wait for its lines to be taken. */
  async whileAll(work: () => Promise<void>): Promise<void> {
    this.stopping++
    try {
      this.take()
      await work()
    } finally {
      this.stopping--
    }
    this.takeAll()
  }
}
