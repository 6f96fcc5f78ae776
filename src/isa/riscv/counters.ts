// Time and counters (Zicntr, Sstc). time counts at 10 MHz of guest time; cycle at 1 GHz of it and instret
// alike, unless instructions are counted: then both follow the count, as on a machine that retires one per
// cycle. Zihpm: hpmcounter3-31 exist and read 0.
import type { Core } from './core.ts'
import { Counter, Envcfg, Ip, requestInterrupt, setPair, W } from './core.ts'

export const TIME_HZ = 10_000_000
export const NS_PER_TICK = 1e9 / TIME_HZ
const TWO32 = 0x100000000

/** Halves of a number below 2^53. */
const high = (n: number): number => Math.floor(n / TWO32) | 0

/** The time CSR: low half; high half in c.hi. */
export function readTime(c: Core): number {
  const ticks = Math.floor(c.services.nowNs() / NS_PER_TICK)
  c.hi = high(ticks)
  return ticks | 0
}

const source = (c: Core): number => (c.services.countsInstructions ? c.s.retired : c.services.nowNs())
const inhibited = (c: Core, bit: number): boolean => (c.i32[c.w + W.mcountinhibit]! & bit) !== 0

/** mcycle or minstret (`word` is the field's): low half; high half in c.hi. */
export function readCounter(c: Core, word: number, bit: number): number {
  const lo = c.i32[c.w + word]!, hi = c.i32[c.w + word + 1]!
  if (inhibited(c, bit)) {
    c.hi = hi
    return lo
  }
  const now = source(c), sum = (lo >>> 0) + ((now | 0) >>> 0)
  c.hi = (hi + high(now) + (sum >= TWO32 ? 1 : 0)) | 0
  return sum | 0
}

/** From now on the counter continues at this value. */
export function writeCounter(c: Core, word: number, bit: number, lo: number, hi: number): void {
  if (inhibited(c, bit)) return setPair(c, word, lo, hi)
  const now = source(c), low = (now | 0) >>> 0, borrow = lo >>> 0 < low ? 1 : 0
  setPair(c, word, lo - low, hi - high(now) - borrow)
}

export function writeCountInhibit(c: Core, value: number): void {
  for (const [word, bit] of [[W.mcycle, Counter.CY], [W.minstret, Counter.IR]] as const) {
    if (((c.i32[c.w + W.mcountinhibit]! ^ value) & bit) === 0) continue
    const lo = readCounter(c, word, bit), { hi } = c
    c.i32[c.w + W.mcountinhibit] = c.i32[c.w + W.mcountinhibit]! ^ bit
    writeCounter(c, word, bit, lo, hi)
  }
}

export const hasStimecmp = (c: Core): boolean => (c.i32[c.w + W.menvcfg + 1]! & Envcfg.STCE) !== 0

/** When the time reaches stimecmp, in nanoseconds; Infinity if not within what a clock can count. */
function timerDeadline(c: Core): number {
  const ticks = (c.i32[c.w + W.stimecmp + 1]! >>> 0) * TWO32 + (c.i32[c.w + W.stimecmp]! >>> 0)
  const ns = ticks * NS_PER_TICK
  return ns > Number.MAX_SAFE_INTEGER ? Infinity : ns
}

/** STIP by comparing now, if it can make a difference. */
export function pollTimer(c: Core): number {
  const { i32, w } = c
  if (i32[w + W.timerPending] === 0 && hasStimecmp(c) && c.services.nowNs() >= timerDeadline(c))
    i32[w + W.timerPending] = Ip.STIP
  return i32[w + W.timerPending]!
}

/** When asked to look at interrupts: notes the timer's, or arms it again, for whoever let it expire may
 * have overwritten
 * a later deadline that was set meanwhile. */
export function checkTimer(c: Core): void {
  if (hasStimecmp(c) && pollTimer(c) === 0) c.services.armTimer(timerDeadline(c))
}

/** Follows a change of stimecmp or STCE: pending now, or armed for later. */
export function updateTimer(c: Core): void {
  const { i32, w, services } = c
  i32[w + W.timerPending] = 0
  if (pollTimer(c)) {
    services.armTimer(Infinity)
    requestInterrupt(c)
  } else services.armTimer(hasStimecmp(c) ? timerDeadline(c) : Infinity)
}
