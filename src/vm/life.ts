// The life of a processor's thread, whatever runs the processor: run when told to, sleep when there is nothing to do, stop when asked.
import { ExitRequest, vcpuCore } from '../isa/isa.ts'
import { layoutOf } from '../state/layout.ts'
import { type Bound, Command, Control, CpuState } from './binding.ts'

const core = layoutOf(vcpuCore).offsets

export type Engine = {
  /** Begins to run after a pause. */
  resumed(): void
  /** Runs until the processor sleeps or is asked to stop. */
  slice(): 'halted' | 'stopped' | 'unfinished'
  /** The processor is about to stand still: its state is in shared memory when this returns. */
  settle(): void
  /** Waits until the log has taken this thread's lines. */
  settleLog(): void
}

/** Returns when the machine ends. */
export function live(bound: Bound, index: number, engine: Engine): void {
  const { i32 } = bound.views, word = (at: number) => (bound.controls[index]! + at) >>> 2
  for (;;) {
    const command = Atomics.load(i32, word(Control.COMMAND))
    if (command === Command.END) return
    if (command === Command.PAUSE) {
      engine.settle()
      engine.settleLog()
      Atomics.store(i32, word(Control.STATE), CpuState.PAUSED)
      Atomics.notify(i32, word(Control.STATE))
      bound.ring()
      Atomics.wait(i32, word(Control.COMMAND), Command.PAUSE)
      if (Atomics.load(i32, word(Control.COMMAND)) === Command.RUN) engine.resumed()
      continue
    }
    if (engine.slice() !== 'halted') continue
    engine.settleLog()
    sleep(bound, index)
  }
}

/** Sleeps until something happens or the processor's own timer is due. Blocks the thread. */
function sleep(bound: Bound, index: number): void {
  const { i32 } = bound.views, wake = (bound.cpus[index]!.state + core.wake) >>> 2
  const ms = (bound.deadline(index) - bound.clock.nowNs()) / 1e6
  if (ms <= 0 || Atomics.wait(i32, wake, 0, ms) === 'timed-out') expire(bound, index)
}

/** The processor's own timer, if it is due: it looks at its interrupts. */
export function expire(bound: Bound, index: number): void {
  if (bound.expire(index, bound.clock.nowNs())) Atomics.or(bound.views.i32, bound.cpus[index]!.state >>> 2, ExitRequest.INTERRUPT)
}
