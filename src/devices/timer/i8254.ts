// Intel 8254 programmable interval timer (data sheet of September 1993), as a PC wires it: channel 0 drives
// interrupt 0, the gates of channels 0 and 1 are high, port 61h has the gate and the output of channel 2.
// A count is loaded with its write, not with the next clock. Time is guest time: counters are worked out when
// somebody looks, and only the output of channel 0 has a timer.
import { defineDevice, f64, flag, output, structs, timer, u16, u32, u8, type Io, type StateOf }
  from '../../device/define.ts'
import { nsOfTicks, ticksIn } from '../../base/rate.ts'

export const PIT_HZ = 1_193_182
/** Read/write field of a control word, also what a counter's next byte is; SECOND: the upper one of two. */
const ACCESS = { LATCH: 0, LOW: 1, HIGH: 2, BOTH: 3, SECOND: 4 }
const READ_BACK = { CHANNEL: 3, NO_COUNT: 0x20, NO_STATUS: 0x10 }
const STATUS = { OUT: 0x80, NULL_COUNT: 0x40 }
const CONTROL_PORT = 3
/** So many periods are made up for at most: a guest may ask for more edges than a host can make. */
const CATCH_UP_PERIODS = 8

const channel = {
  /** The control word's lower six bits; what the next byte read or written is. */
  control: u8(), reading: u8(ACCESS.BOTH), writing: u8(ACCESS.BOTH),
  /** The lower byte of a count whose upper one is to come. */
  low: u8(),
  /** Bytes of the latched count that are left, as an ACCESS; 0: none. */
  latched: u8(), latch: u16(), statusLatched: flag(), status: u8(),
  /** A count is there (1 to 65536), and was loaded at that guest time. */
  loaded: flag(1), count: u32(0x1_0000), loadedNs: f64(),
  /**
   * Modes 2 and 3: the count to take at `pendingAt` ticks, the end of a period or half; 1 and 5: at the next
   * trigger. 0: none.
   */
  pending: u32(), pendingAt: u32(),
  gate: flag(1), triggered: flag(),
  /** Ticks that had passed when the gate stopped the counter; -1: it runs. */
  heldTicks: f64(-1),
  /** What the counter showed when a control word stopped it. */
  idle: u16(),
}
type Channel = StateOf<typeof channel>
const state = {
  channel: structs(channel, 3),
  /** Output of channel 0 as its timer left it. */
  out: flag(1),
}
type S = StateOf<typeof state>
const pins = { irq: output() }, timers = { edge: timer() }
type IO = Io<{}, typeof pins, typeof timers>

export const i8254 = defineDevice({
  name: 'isa-pit',
  version: 1,
  description: '8254 interval timer',
  state,
  pins,
  timers,
  regions: { ports: { sizeBytes: 4, valid: { max: 1 } } },

  reset(s, io) {
    const now = io.clock.nowNs()
    for (const c of s.channel) {
      c.control = (ACCESS.BOTH << 4) | (3 << 1)
      c.loadedNs = now
    }
    setGate(s.channel[2]!, false, now)
    follow(s, io, now)
  },
  read: (s, io, port) => (port === CONTROL_PORT ? 0 : readCounter(s.channel[port]!, io.clock.nowNs())),
  write(s, io, port, value) {
    const now = io.clock.nowNs()
    if (port !== CONTROL_PORT) writeCounter(s.channel[port]!, value, now)
    else if (value >> 6 === READ_BACK.CHANNEL) readBack(s, value, now)
    else control(s.channel[value >> 6]!, value & 0x3f, now)
    follow(s, io, now)
  },
  /** A transition is replayed at its own time, so that none is lost to a late timer. */
  expire(s, io) {
    const periodNs = nsOfTicks(s.channel[0]!.count, PIT_HZ)
    follow(s, io, Math.max(io.timer.edge.deadlineNs, io.clock.nowNs() - CATCH_UP_PERIODS * periodNs))
  },
  update(s, io) { io.irq.set(s.out) },
})

/** For the device that has port 61h, as `pit.call(speakerGate(true))` and `pit.call(speakerOutput)`. */
export const speakerGate = (level: boolean) => (s: S, io: IO) =>
  setGate(s.channel[2]!, level, io.clock.nowNs())
export const speakerOutput = (s: S, io: IO): boolean => outputOf(s.channel[2]!, io.clock.nowNs())

/** Modes 6 and 7 are 2 and 3. */
function modeOf(c: Channel): number {
  const mode = (c.control >> 1) & 7
  return mode > 5 ? mode & 3 : mode
}
const isBcd = (c: Channel) => (c.control & 1) !== 0
const isPeriodic = (c: Channel) => modeOf(c) === 2 || modeOf(c) === 3
const waitsForTrigger = (c: Channel) => (modeOf(c) === 1 || modeOf(c) === 5) && !c.triggered
const highHalf = (count: number) => (count + 1) >> 1

/** Ticks since the count was loaded, after a count that waited for the end of a period has taken its place. */
function elapsed(c: Channel, now: number): number {
  if (c.heldTicks >= 0) return c.heldTicks
  let ticks = ticksIn(Math.max(0, now - c.loadedNs), PIT_HZ)
  if (c.pending && isPeriodic(c) && ticks >= c.pendingAt) {
    const position = c.pendingAt < c.count ? highHalf(c.pending) : 0
    c.loadedNs += nsOfTicks(c.pendingAt, PIT_HZ) - nsOfTicks(position, PIT_HZ)
    c.count = c.pending
    c.pending = 0
    ticks = ticksIn(Math.max(0, now - c.loadedNs), PIT_HZ)
  }
  return ticks
}

/** The period goes to its end with the count that it has; mode 3 takes the new one at the end of a half. */
function postpone(c: Channel, count: number, now: number): void {
  const ticks = elapsed(c, now), position = ticks % c.count, half = highHalf(c.count)
  c.loadedNs += nsOfTicks(ticks - position, PIT_HZ)
  c.pendingAt = modeOf(c) === 3 && position < half ? half : c.count
  c.pending = count
}

function outputOf(c: Channel, now: number): boolean {
  const mode = modeOf(c), ticks = elapsed(c, now)
  if (!c.loaded) return mode !== 0
  switch (mode) {
    case 0: return ticks >= c.count
    case 1: return !c.triggered || ticks >= c.count
    case 2: return !c.gate || ticks % c.count !== c.count - 1
    case 3: return !c.gate || ticks % c.count < highHalf(c.count)
    default: return waitsForTrigger(c) || ticks !== c.count
  }
}

/** Ticks after the load at which the output changes next; Infinity: never. */
function nextChange(c: Channel, ticks: number): number {
  const { count } = c, begin = ticks - (ticks % count)
  if (!c.loaded || c.heldTicks >= 0 || waitsForTrigger(c)) return Infinity
  switch (modeOf(c)) {
    case 2: return count < 2 ? Infinity : ticks % count < count - 1 ? begin + count - 1 : begin + count
    case 3: return ticks % count < highHalf(count) && count > 1 ? begin + highHalf(count) : begin + count
    case 4: case 5: return ticks < count ? count : ticks === count ? count + 1 : Infinity
    default: return ticks < count ? count : Infinity
  }
}

/** Takes the output of channel 0 over, and arms the timer for its next change. */
function follow(s: S, io: IO, now: number): void {
  const c = s.channel[0]!
  s.out = outputOf(c, now) ? 1 : 0
  const change = nextChange(c, elapsed(c, now))
  if (change === Infinity) io.timer.edge.disarm()
  else io.timer.edge.arm(c.loadedNs + nsOfTicks(change, PIT_HZ))
}

/** What the counting element shows. */
function valueOf(c: Channel, now: number): number {
  const ticks = elapsed(c, now)
  if (!c.loaded || waitsForTrigger(c)) return c.idle
  const wrap = isBcd(c) ? 10_000 : 0x1_0000
  let value: number
  if (modeOf(c) === 2) value = c.count - (ticks % c.count)
  else if (modeOf(c) === 3) value = squareWave(c.count, ticks % c.count)
  else value = (((c.count - ticks) % wrap) + wrap) % wrap
  value %= wrap
  return isBcd(c) ? toBcd(value) : value
}

/** Mode 3 counts down by two, twice in a period; an odd count begins one lower and has a longer first half. */
function squareWave(count: number, position: number): number {
  const half = highHalf(count)
  return count - (count & 1) - 2 * (position < half ? position : position - half)
}

const toBcd = (n: number): number => [1000, 100, 10, 1].reduce((bcd, unit) => bcd * 16 + (Math.floor(n / unit) % 10), 0)
const fromBcd = (n: number): number => [12, 8, 4, 0].reduce((value, shift) => value * 10 + ((n >> shift) & 15), 0)

function readCounter(c: Channel, now: number): number {
  if (c.statusLatched) {
    c.statusLatched = 0
    return c.status
  }
  const half = (value: number, upper: boolean) => (upper ? value >> 8 : value & 0xff)
  if (c.latched) {
    const which = c.latched
    c.latched = which === ACCESS.BOTH ? ACCESS.HIGH : 0
    return half(c.latch, which === ACCESS.HIGH)
  }
  const which = c.reading
  if (which === ACCESS.BOTH) c.reading = ACCESS.SECOND
  else if (which === ACCESS.SECOND) c.reading = ACCESS.BOTH
  return half(valueOf(c, now), which === ACCESS.HIGH || which === ACCESS.SECOND)
}

function writeCounter(c: Channel, byte: number, now: number): void {
  switch (c.writing) {
    case ACCESS.LOW: return load(c, byte, now)
    case ACCESS.HIGH: return load(c, byte << 8, now)
    case ACCESS.SECOND:
      c.writing = ACCESS.BOTH
      return load(c, c.low | (byte << 8), now)
    default:
      c.low = byte
      c.writing = ACCESS.SECOND
      if (modeOf(c) === 0) stop(c, now) // the first byte stops it
  }
}

function load(c: Channel, written: number, now: number): void {
  const count = isBcd(c) ? fromBcd(written) || 10_000 : written || 0x1_0000
  if (c.loaded && isPeriodic(c) && c.heldTicks < 0) return postpone(c, count, now)
  if (c.loaded && (modeOf(c) === 1 || modeOf(c) === 5)) {
    c.pending = count
    return
  }
  c.loaded = 1
  c.count = count
  c.loadedNs = now
  c.pending = 0
  c.heldTicks = c.gate || waitsForTrigger(c) ? -1 : 0
}

function stop(c: Channel, now: number): void {
  c.idle = valueOf(c, now)
  c.loaded = c.pending = c.triggered = 0
  c.heldTicks = -1
}

function control(c: Channel, word: number, now: number): void {
  const access = word >> 4
  if (access === ACCESS.LATCH) return latchCount(c, now)
  stop(c, now)
  c.control = word
  c.reading = c.writing = access
}

function latchCount(c: Channel, now: number): void {
  if (c.latched) return
  c.latch = valueOf(c, now)
  c.latched = c.control >> 4
}

function readBack(s: S, command: number, now: number): void {
  s.channel.forEach((c, i) => {
    if (!(command & (2 << i))) return
    if (!(command & READ_BACK.NO_COUNT)) latchCount(c, now)
    if (command & READ_BACK.NO_STATUS || c.statusLatched) return
    const out = outputOf(c, now)
    c.status = (out ? STATUS.OUT : 0) | (c.loaded && !c.pending ? 0 : STATUS.NULL_COUNT) | c.control
    c.statusLatched = 1
  })
}

/** Section "Gate": it enables counting, begins a new period, or triggers, by mode. */
function setGate(c: Channel, level: boolean, now: number): void {
  if ((c.gate === 1) === level) return
  const mode = modeOf(c), ticks = elapsed(c, now)
  c.gate = level ? 1 : 0
  if (!c.loaded) return
  if (mode === 1 || mode === 5) {
    if (level) restart(c, now)
  } else if (!level) c.heldTicks = ticks
  else if (isPeriodic(c)) restart(c, now)
  else {
    c.loadedNs = now - nsOfTicks(c.heldTicks, PIT_HZ)
    c.heldTicks = -1
  }
}

function restart(c: Channel, now: number): void {
  if (c.pending) c.count = c.pending
  c.pending = 0
  c.loadedNs = now
  c.heldTicks = -1
  c.triggered = 1
}
