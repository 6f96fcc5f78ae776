// The time-stamp counter: guest time at the rate in the state, plus an offset. The rate is a nanosecond's but where a processor of the
// host's has counted (an accelerator sets it), and then stays with the state.
import { type Core, get, getHi, W } from './core.ts'

const NS_KHZ = 1_000_000
/** Nanoseconds as ticks of the counter, exactly; and back. */
function ticksOf(c: Core, ns: number): number {
  const khz = get(c, W.tscKhz)
  if (khz === NS_KHZ) return ns
  const ms = Math.floor(ns / 1e6)
  return ms * khz + Math.floor(((ns - ms * 1e6) * khz) / 1e6)
}
export function nsOfTicks(c: Core, ticks: number): number {
  const khz = get(c, W.tscKhz)
  return khz === NS_KHZ ? ticks : (ticks / khz) * 1e6
}
/** The offset with which the counter is `counter` now. */
export const tscOffsetFor = (c: Core, counter: bigint): bigint =>
  BigInt.asUintN(64, counter - BigInt(Math.floor(ticksOf(c, c.services.nowNs()))))

/** The time-stamp counter: low half; high half in c.hi. It counts guest time. */
export function readTsc(c: Core): number {
  const now = Math.floor(c.services.countsInstructions ? c.s.retired : ticksOf(c, c.services.nowNs()))
  const sum = ((now | 0) >>> 0) + (get(c, W.tscOffset) >>> 0)
  c.hi = (Math.floor(now / 2 ** 32) + getHi(c, W.tscOffset) + (sum > 0xffffffff ? 1 : 0)) | 0
  return sum | 0
}
