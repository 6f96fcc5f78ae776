// What the real-time clock shows: -rtc.
import type { RtcConfig } from '../config.ts'
import { mistake } from './text.ts'

/** How far ahead of UTC, in milliseconds. `nowMs`: milliseconds since 1970. */
export function wallClockOffsetMs(rtc: RtcConfig | undefined, nowMs: number): number {
  if (rtc?.clock !== undefined && rtc.clock !== 'host')
    throw mistake('board.badConfig', `not implemented: clock=${rtc.clock}`)
  if (rtc?.driftfix === 'slew') throw mistake('board.badConfig', 'not implemented: driftfix=slew')
  const base = rtc?.base ?? 'utc'
  if (base === 'utc') return 0
  if (base === 'localtime') return -new Date(nowMs).getTimezoneOffset() * 60_000
  const m = /^(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2}:\d{2}))?$/.exec(base)
  const at = m ? Date.parse(`${m[1]}T${m[2] ?? '00:00:00'}Z`) : NaN
  if (Number.isNaN(at))
    throw mistake('board.badConfig', `base=${base} is not utc, localtime or a date`, 'for instance 2026-01-31T12:00:00')
  return at - nowMs
}
