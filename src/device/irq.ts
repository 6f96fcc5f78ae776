// Level-triggered lines between devices and to processors. A pin's level is state of the device that drives
// it; how many drivers of an input are high is state of the device that is driven (so wired-or needs no
// gate). Edges, as a guest sees them, are made by receivers.
import type { NumberArray } from '../state/schema.ts'

export type Pin = {
  /** Drives the line. Does nothing when it has that level already. */
  set(level: boolean | number): void
  readonly level: boolean
}

/** A processor's interrupt input, supplied by the accelerator. Must be callable from every thread. */
export type CpuLine = { set(level: boolean): void }

/** Where a pin leads, as data in the board list. */
export type Wire =
  | { readonly to: string; readonly pin: string; readonly index?: number }
  | { readonly hart: number; readonly line: string }
  | { readonly fork: readonly Wire[] }

export const wire = (to: string, pin: string, index = 0): Wire => ({ to, pin, index })
export const cpuWire = (hart: number, line: string): Wire => ({ hart, line })
/** One pin that drives several inputs. */
export const fork = (...to: readonly Wire[]): Wire => ({ fork: to })

/** Where a pin leads in the end: every end of its forks. */
export const endsOf = (w: Wire | undefined): readonly Exclude<Wire, { fork: unknown }>[] =>
  !w ? [] : 'fork' in w ? w.fork.flatMap(endsOf) : [w]

/** The pin whose level is `levels[i]`; `drive` runs on changes, under the driving device's lock. */
export function pinAt(levels: NumberArray, i: number, drive: (level: boolean) => void): Pin {
  return {
    set(level) {
      const value = level ? 1 : 0
      if (levels[i] === value) return
      levels[i] = value
      drive(value === 1)
    },
    get level() { return levels[i] === 1 },
  }
}

/** What an interrupt controller shows of itself, in its facet `controller`. */
export type ControllerFacet = {
  /** Lines of `info pic`. */
  describe(s: any): string[]
  /** How often each input rose, by number: `info irq`. */
  counts(s: any): ArrayLike<number>
}
