// Motorola MC146818 real-time clock (data sheet ADI-856) with the CMOS memory of a PC: index and NMI mask at
// port 70h, data at 71h, the century in byte 32h (also seen at 37h). The registers follow guest time: they are
// brought up to date when somebody looks; timers run only for interrupts.
// CMOS memory and time of day are as at power-on after a reset, too.
// Not modelled: daylight saving, the square-wave output.
import { bytes, dataProperty, defineDevice, f64, flag, output, timer, u8, type Io, type StateOf }
  from '../../device/define.ts'
import { nsOfTicks, ticksIn } from '../../base/rate.ts'

const R = {
  SECONDS: 0, SECONDS_ALARM: 1, MINUTES: 2, MINUTES_ALARM: 3, HOURS: 4, HOURS_ALARM: 5, WEEKDAY: 6, DAY: 7,
  MONTH: 8, YEAR: 9, A: 10, B: 11, C: 12, D: 13, CENTURY: 0x32, CENTURY_PS2: 0x37,
}
const A = { UIP: 0x80, DIVIDER: 0x70, DIVIDER_RESET: 0x60, RUNNING: 0x20, RATE: 0x0f }
const B = { SET: 0x80, UIE: 0x10, AIE: 0x20, PIE: 0x40, BINARY: 0x04, H24: 0x02 }
const C = { IRQF: 0x80, PF: 0x40, AF: 0x20, UF: 0x10, ALL: 0x70 }
const VALID = 0x80, PM = 0x80, ANY = 0xc0
const SECOND = 1e9, DAY_SECONDS = 86_400, CRYSTAL_HZ = 32_768
/** UIP goes high so long before an update: section "Update Cycle". */
const UIP_NS = Math.floor((8 * SECOND) / CRYSTAL_HZ)

const state = {
  index: u8(), nmiMasked: flag(), cmos: bytes(128),
  /** Seconds since 1970 that the registers show, and the guest time at which that second began. */
  seconds: f64(), beganNs: f64(),
  /** Number of the last period of the periodic interrupt that set PF. */
  period: f64(),
}
type S = StateOf<typeof state>
const pins = { irq: output(), nmiMask: output() }, timers = { update: timer(), periodic: timer() }
const properties = {
  cmos: dataProperty<{ readonly [index: number]: number }>({}, 'CMOS bytes by number'),
}
type IO = Io<typeof properties, typeof pins, typeof timers>

export const mc146818rtc = defineDevice({
  name: 'mc146818rtc',
  version: 1,
  description: 'real-time clock and CMOS memory',
  properties,
  state,
  pins,
  timers,
  regions: { ports: { sizeBytes: 2, valid: { max: 1 } } },
  /** What firmware will find there. */
  facets: {
    cmos(s: S, bytes: { readonly [index: number]: number }): void {
      for (const [index, value] of Object.entries(bytes)) s.cmos[Number(index)] = value
    },
  },

  reset(s, io) {
    for (const [index, value] of Object.entries(io.props.cmos)) s.cmos[Number(index)] = value
    s.cmos[R.A] = A.RUNNING | 6
    s.cmos[R.B] = B.H24
    s.cmos[R.C] = 0
    const ms = io.host.wallClockMs(), now = io.clock.nowNs()
    s.seconds = Math.floor(ms / 1000)
    s.beganNs = now - (ms % 1000) * 1e6
    s.period = periodNow(s, now)
    show(s)
  },
  read(s, io, port) {
    if (port === 0) return 0xff
    const now = io.clock.nowNs()
    follow(s, now)
    return readRegister(s, io, now)
  },
  write(s, io, port, value) {
    if (port === 0) {
      s.index = value & 0x7f
      s.nmiMasked = value >> 7
      return
    }
    const now = io.clock.nowNs()
    follow(s, now)
    writeRegister(s, s.index === R.CENTURY_PS2 ? R.CENTURY : s.index, value, now)
    arm(s, io, now)
  },
  expire(s, io) {
    const now = io.clock.nowNs()
    follow(s, now)
    arm(s, io, now)
  },
  update(s, io) {
    io.irq.set((s.cmos[R.C]! & s.cmos[R.B]! & C.ALL) !== 0)
    io.nmiMask.set(s.nmiMasked)
  },
})

const isRunning = (s: S) => (s.cmos[R.A]! & A.DIVIDER) <= A.RUNNING && !(s.cmos[R.B]! & B.SET)

function readRegister(s: S, io: IO, now: number): number {
  switch (s.index) {
    case R.A: return s.cmos[R.A]! | (isUpdating(s, now) ? A.UIP : 0)
    case R.C: {
      const flags = s.cmos[R.C]!
      s.cmos[R.C] = 0
      arm(s, io, now)
      return flags | (flags & s.cmos[R.B]! & C.ALL ? C.IRQF : 0)
    }
    case R.D: return VALID
    case R.CENTURY_PS2: return s.cmos[R.CENTURY]!
    default: return s.cmos[s.index]!
  }
}

const isUpdating = (s: S, now: number) => isRunning(s) && now - s.beganNs >= SECOND - UIP_NS

function writeRegister(s: S, index: number, value: number, now: number): void {
  const wasRunning = isRunning(s), old = s.cmos[index]!
  switch (index) {
    case R.A:
      s.cmos[R.A] = value & ~A.UIP
      s.period = periodNow(s, now)
      if ((old & A.DIVIDER_RESET) === A.DIVIDER_RESET && (value & A.DIVIDER) <= A.RUNNING)
        s.beganNs = now - SECOND / 2 // the first update comes after half a second
      break
    case R.B: s.cmos[R.B] = value & B.SET ? value & ~B.UIE : value; break
    case R.C: case R.D: return
    default: s.cmos[index] = value
  }
  if (isRunning(s) && (!wasRunning || isTime(index))) take(s, now)
}

const isTime = (index: number) =>
  [R.SECONDS, R.MINUTES, R.HOURS, R.DAY, R.MONTH, R.YEAR, R.CENTURY].includes(index)

/** Brings registers and flags up to `now`. */
function follow(s: S, now: number): void {
  const period = periodNow(s, now)
  if (period > s.period) s.cmos[R.C]! |= C.PF
  s.period = period
  if (!isRunning(s)) return
  const passed = Math.floor((now - s.beganNs) / SECOND)
  if (passed <= 0) return
  s.cmos[R.C]! |= C.UF
  if (alarmWithin(s, passed)) s.cmos[R.C]! |= C.AF
  s.seconds += passed
  s.beganNs += passed * SECOND
  show(s)
}

/** Number of the period of the periodic interrupt, counted from the beginning of guest time; 0: it is off. */
function periodNow(s: S, now: number): number {
  const ticks = periodTicks(s)
  return ticks ? Math.floor(ticksIn(now, CRYSTAL_HZ) / ticks) : 0
}

/** Table 5 of the data sheet, for the 32.768 kHz time base. */
function periodTicks(s: S): number {
  const rate = s.cmos[R.A]! & A.RATE
  return rate === 0 ? 0 : 1 << (rate <= 2 ? rate + 6 : rate - 1)
}

function alarmWithin(s: S, passed: number): boolean {
  const wanted = (at: number, convert: (value: number) => number) =>
    (s.cmos[at]! & ANY) === ANY ? -1 : convert(s.cmos[at]!)
  const number = (v: number) => numberOf(s, v)
  const second = wanted(R.SECONDS_ALARM, number), minute = wanted(R.MINUTES_ALARM, number)
  const hour = wanted(R.HOURS_ALARM, v => hourOf(s, v))
  for (let i = 1; i <= Math.min(passed, DAY_SECONDS); i++) {
    const t = (((s.seconds + i) % DAY_SECONDS) + DAY_SECONDS) % DAY_SECONDS
    if (
      (second < 0 || second === t % 60)
      && (minute < 0 || minute === Math.floor(t / 60) % 60)
      && (hour < 0 || hour === Math.floor(t / 3600))
    )
      return true
  }
  return false
}

function arm(s: S, io: IO, now: number): void {
  const b = s.cmos[R.B]!, ticks = periodTicks(s)
  if (b & B.PIE && ticks) io.timer.periodic.arm(nsOfTicks((s.period + 1) * ticks, CRYSTAL_HZ))
  else io.timer.periodic.disarm()
  const wanted = b & (B.AIE | B.UIE) & ~s.cmos[R.C]! // what is flagged needs no timer
  if (wanted && isRunning(s)) io.timer.update.arm(Math.max(now, s.beganNs + SECOND))
  else io.timer.update.disarm()
}

const numberOf = (s: S, v: number) => (s.cmos[R.B]! & B.BINARY ? v : (v >> 4) * 10 + (v & 15))
const shown = (s: S, n: number) => (s.cmos[R.B]! & B.BINARY ? n : ((Math.floor(n / 10) % 10) << 4) | n % 10)

function hourOf(s: S, v: number): number {
  if (s.cmos[R.B]! & B.H24) return numberOf(s, v)
  return (numberOf(s, v & ~PM) % 12) + (v & PM ? 12 : 0)
}

function shownHour(s: S, hour: number): number {
  if (s.cmos[R.B]! & B.H24) return shown(s, hour)
  return shown(s, hour % 12 || 12) | (hour >= 12 ? PM : 0)
}

function show(s: S): void {
  const d = new Date(s.seconds * 1000), year = d.getUTCFullYear()
  s.cmos[R.SECONDS] = shown(s, d.getUTCSeconds())
  s.cmos[R.MINUTES] = shown(s, d.getUTCMinutes())
  s.cmos[R.HOURS] = shownHour(s, d.getUTCHours())
  s.cmos[R.WEEKDAY] = shown(s, d.getUTCDay() + 1)
  s.cmos[R.DAY] = shown(s, d.getUTCDate())
  s.cmos[R.MONTH] = shown(s, d.getUTCMonth() + 1)
  s.cmos[R.YEAR] = shown(s, year % 100)
  s.cmos[R.CENTURY] = shown(s, Math.floor(year / 100))
}

/** The registers become the time of day; the second goes on as far as it was. */
function take(s: S, now: number): void {
  const at = (index: number) => numberOf(s, s.cmos[index]!)
  const year = at(R.CENTURY) * 100 + at(R.YEAR)
  const ms = new Date(0).setUTCFullYear(year, at(R.MONTH) - 1, at(R.DAY))
  s.seconds = ms / 1000 + hourOf(s, s.cmos[R.HOURS]!) * 3600 + at(R.MINUTES) * 60 + at(R.SECONDS)
  s.beganNs += Math.max(0, Math.floor((now - s.beganNs) / SECOND)) * SECOND
  show(s) // the day of the week follows from the date
}
