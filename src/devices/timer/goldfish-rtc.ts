// Goldfish real-time clock after "Goldfish virtual hardware", section VIII: nanoseconds since 1970 and one
// alarm. It follows the guest's clock from the host's time of day at reset, so it stands still while the
// machine is stopped.
import { defineDevice, flag, output, timer, u32, u64, type Io, type StateOf } from '../../device/define.ts'
import { guestError } from '../../base/log.ts'

const TIME_LOW = 0x00, TIME_HIGH = 0x04, ALARM_LOW = 0x08, ALARM_HIGH = 0x0c
const IRQ_ENABLED = 0x10, CLEAR_ALARM = 0x14, ALARM_STATUS = 0x18, CLEAR_INTERRUPT = 0x1c
const LOW = 0xffffffffn

const state = {
  /** The time of day less the guest clock. */
  offsetNs: u64(),
  alarmNs: u64(),
  /** The upper half that belongs to the last TIME_LOW read. */
  timeHigh: u32(),
  alarmRunning: flag(), irqPending: flag(), irqEnabled: flag(),
}
type S = StateOf<typeof state>
const pins = { irq: output() }, alarms = { alarm: timer() }
type IO = Io<{}, typeof pins, typeof alarms>

export const goldfishRtc = defineDevice({
  name: 'goldfish_rtc',
  version: 1,
  description: 'real-time clock with an alarm',
  state,
  pins,
  timers: alarms,
  regions: { mmio: { sizeBytes: 0x24, valid: { min: 4, max: 4 }, quietReads: true } },

  reset(s, io) {
    s.offsetNs = BigInt(io.host.wallClockMs()) * 1_000_000n - BigInt(io.clock.nowNs())
  },

  read(s, io, offset) {
    switch (offset) {
      case TIME_LOW: {
        const now = timeOf(s, io)
        s.timeHigh = Number(now >> 32n)
        return Number(now & LOW)
      }
      case TIME_HIGH: return s.timeHigh
      case ALARM_LOW: return Number(s.alarmNs & LOW)
      case ALARM_HIGH: return Number(s.alarmNs >> 32n)
      case IRQ_ENABLED: return s.irqEnabled
      case ALARM_STATUS: return s.alarmRunning
      default:
        guestError(io.id, () => `no readable register at 0x${offset.toString(16)}`)
        return 0
    }
  },

  write(s, io, offset, value) {
    switch (offset) {
      case TIME_LOW: return setTime(s, io, (timeOf(s, io) & ~LOW) | BigInt(value))
      case TIME_HIGH: return setTime(s, io, (timeOf(s, io) & LOW) | (BigInt(value) << 32n))
      case ALARM_LOW: // arms, with the upper half as written before
        s.alarmNs = (s.alarmNs & ~LOW) | BigInt(value)
        return startAlarm(s, io)
      case ALARM_HIGH: s.alarmNs = (s.alarmNs & LOW) | (BigInt(value) << 32n); return
      case IRQ_ENABLED: s.irqEnabled = value & 1; return
      case CLEAR_ALARM:
        s.alarmRunning = 0
        return io.timer.alarm.disarm()
      case CLEAR_INTERRUPT: s.irqPending = 0; return
      default: guestError(io.id, () => `no writable register at 0x${offset.toString(16)}`)
    }
  },

  expire(s) { ring(s) },
  update(s, io) { io.irq.set(s.irqPending && s.irqEnabled) },
})

const timeOf = (s: S, io: IO): bigint => BigInt.asUintN(64, BigInt(io.clock.nowNs()) + s.offsetNs)

function setTime(s: S, io: IO, ns: bigint): void {
  s.offsetNs = BigInt.asUintN(64, ns - BigInt(io.clock.nowNs()))
}

function startAlarm(s: S, io: IO): void {
  const ahead = s.alarmNs - timeOf(s, io)
  if (ahead <= 0n) return ring(s)
  s.alarmRunning = 1
  const deadlineNs = io.clock.nowNs() + Number(ahead)
  if (deadlineNs < 2 ** 53) io.timer.alarm.arm(deadlineNs)
  else io.timer.alarm.disarm() // centuries ahead
}

function ring(s: S): void {
  s.alarmRunning = 0
  s.irqPending = 1
}
