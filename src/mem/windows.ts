// The moving part of the address map: windows (PCI BARs, decode enables) whose addresses are state in shared
// memory, with a generation counter. A thread whose flat view has another generation builds it again before
// its next access.
import { bind, resetState } from '../state/bind.ts'
import { layoutOf } from '../state/layout.ts'
import { array, f64, structs, u8, u32, type Schema } from '../state/schema.ts'
import type { Views } from '../state/views.ts'

export type Window = {
  /** The address in its container, undefined while disabled. */
  readonly at: () => number | undefined
  /** Maps the window there, or moves it. */
  moveTo(address: number): void
  disable(): void
}

export type Windows = {
  /** Bytes that the windows take. */
  readonly sizeBytes: number
  window(index: number): Window
  /** The generation counter, for PhysicalMemory. */
  readonly words: Int32Array
  readonly at: number
  reset(): void
}

const one = { address: f64(), enabled: u8() } satisfies Schema
export const windowsSchema = (count: number) => ({
  generation: u32(),
  pad: array(u32(), 1),
  window: structs(one, count),
})
export const windowsBytes = (count: number): number => layoutOf(windowsSchema(count)).sizeBytes

/** Binds the windows at `at`; `count` is the board's number of movable regions. `moved` is called after one did. */
export function windowsAt(views: Views, at: number, count: number, moved: () => void = () => {}): Windows {
  const layout = layoutOf(windowsSchema(count))
  const s = bind(layout, views, at)
  const word = (at + layout.offsets.generation) >>> 2
  const changed = () => {
    Atomics.add(views.i32, word, 1)
    moved()
  }
  return {
    sizeBytes: layout.sizeBytes,
    words: views.i32,
    at: word,
    window: i => {
      const w = s.window[i]!
      return {
        at: () => (w.enabled ? w.address : undefined),
        moveTo(address) {
          if (w.enabled && w.address === address) return
          w.address = address
          w.enabled = 1
          changed()
        },
        disable() {
          if (!w.enabled) return
          w.enabled = 0
          changed()
        },
      }
    },
    reset() {
      const before = s.generation
      resetState(layout, views, at)
      s.generation = before
      changed()
    },
  }
}
