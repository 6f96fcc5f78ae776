// Between guest nanoseconds and the ticks of an oscillator, exactly: a product of the two would not fit a number.
const SECOND = 1e9

/** Whole ticks of `hz` that `ns` (not negative) hold. */
export const ticksIn = (ns: number, hz: number): number =>
  Math.floor(ns / SECOND) * hz + Math.floor(((ns % SECOND) * hz) / SECOND)

/** The first nanosecond by which `ticks` have passed. */
export const nsOfTicks = (ticks: number, hz: number): number =>
  Math.floor(ticks / hz) * SECOND + Math.ceil(((ticks % hz) * SECOND) / hz)
