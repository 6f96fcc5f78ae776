// Core-local interruptor: the SiFive CLINT's address map, which "RISC-V Advanced Core Local Interruptor
// Specification" (version 1.0-rc4) splits into an MSWI device at 0x0000 and an MTIMER device whose MTIMECMP
// registers are at 0x4000 and whose MTIME is at 0xbff8. MTIME counts the guest's clock at
// `timebase-frequency`. Not modelled: SSWI.
import {
  array,
  defineDevice,
  numberProperty,
  outputs,
  timers,
  u32,
  u64,
  u8,
  type Io,
  type PropertyValues,
  type StateOf,
} from '../../device/define.ts'
import { VmError } from '../../base/errors.ts'
import { guestError } from '../../base/log.ts'

const MTIMECMP = 0x4000, MTIME = 0xbff8, SIZE = 0x10000
/** Deadlines past this are never: guest nanoseconds are exact below it. */
const FAR_NS = 2 ** 53

const properties = {
  'num-harts': numberProperty(1, 'harts, numbered from 0'),
  'timebase-frequency': numberProperty(10_000_000, 'ticks of MTIME per second; divides 10^9'),
}
type P = PropertyValues<typeof properties>
const pins = { msip: outputs('num-harts'), mtip: outputs('num-harts') }
const alarms = { compare: timers('num-harts') }

const stateOf = (p: P) => ({
  msip: array(u8(), p['num-harts']),
  mtimecmp: array(u64(), p['num-harts']),
  /** MTIME less the ticks of the guest clock, modulo 2^64: nonzero once software has written MTIME. */
  deltaLo: u32(),
  deltaHi: u32(),
})
type S = StateOf<ReturnType<typeof stateOf>>
type IO = Io<typeof properties, typeof pins, typeof alarms>

export const aclint = defineDevice({
  name: 'riscv.aclint',
  version: 1,
  description: 'core-local interruptor: software interrupts and machine timer',
  properties,
  state: stateOf,
  pins,
  timers: alarms,
  regions: {
    mmio: { sizeBytes: SIZE, valid: { min: 4, max: 8 }, impl: { min: 4, max: 8 }, quietReads: true },
  },

  check(p) {
    if (p['num-harts'] < 1 || p['num-harts'] > 4095)
      throw new VmError('device.badProperty', `${p['num-harts']} harts: 1 to 4095 fit`)
    if (1e9 % p['timebase-frequency'] !== 0)
      throw new VmError(
        'device.badProperty',
        `a timebase of ${p['timebase-frequency']} Hz does not divide 10^9`,
      )
  },

  read(s, io, offset) {
    if (offset < MTIMECMP) {
      const hart = offset >> 2
      return hart < s.msip.length ? s.msip[hart]! : absent(io, offset)
    }
    const time = offset === MTIME || offset === MTIME + 4
    const hart = (offset - MTIMECMP) >> 3, high = (offset & 4) !== 0
    if (time) return high ? mtime(s, io).hi : mtime(s, io).lo
    if (hart >= s.mtimecmp.length) return absent(io, offset)
    return high ? s.mtimecmp.hi(hart) : s.mtimecmp.lo(hart)
  },

  write(s, io, offset, value) {
    if (offset < MTIMECMP) {
      const hart = offset >> 2
      if (hart < s.msip.length) s.msip[hart] = value & 1
      else absent(io, offset)
      return
    }
    const hart = (offset - MTIMECMP) >> 3, high = (offset & 4) !== 0
    if (offset === MTIME || offset === MTIME + 4) {
      const now = mtime(s, io)
      setMtime(s, io, high ? now.lo : value, high ? value : now.hi)
    } else if (hart >= s.mtimecmp.length) absent(io, offset)
    else s.mtimecmp.setPair(hart, high ? s.mtimecmp.lo(hart) : value, high ? value : s.mtimecmp.hi(hart))
  },

  readWide(s, io, offset, out) {
    if (offset === MTIME) {
      const now = mtime(s, io)
      out[0] = now.lo
      out[1] = now.hi
      return
    }
    const hart = (offset - MTIMECMP) >> 3
    const present = offset >= MTIMECMP && hart < s.mtimecmp.length
    out[0] = present
      ? s.mtimecmp.lo(hart)
      : offset < MTIMECMP
        ? (s.msip[offset >> 2] ?? 0)
        : absent(io, offset)
    out[1] = present ? s.mtimecmp.hi(hart) : 0
  },

  writeWide(s, io, offset, lo, hi) {
    if (offset === MTIME) return setMtime(s, io, lo, hi)
    const hart = (offset - MTIMECMP) >> 3
    if (offset >= MTIMECMP && hart < s.mtimecmp.length) s.mtimecmp.setPair(hart, lo, hi)
    else if (offset < MTIMECMP && offset >> 2 < s.msip.length) s.msip[offset >> 2] = lo & 1
    else absent(io, offset)
  },

  update(s, io) {
    const now = mtime(s, io)
    for (let hart = 0; hart < s.msip.length; hart++) {
      io.msip[hart]!.set(s.msip[hart]!)
      const lo = s.mtimecmp.lo(hart), hi = s.mtimecmp.hi(hart)
      const due = now.hi > hi || (now.hi === hi && now.lo >= lo)
      io.mtip[hart]!.set(due)
      const alarm = io.timer.compare[hart]!
      const deadlineNs = due ? Infinity : deadlineOf(s, io, lo, hi)
      if (deadlineNs >= FAR_NS) alarm.disarm()
      else if (!alarm.armed || alarm.deadlineNs !== deadlineNs) alarm.arm(deadlineNs)
    }
  },
})

const tickNs = (io: IO) => 1e9 / io.props['timebase-frequency']

/** MTIME at a guest time, in halves: also what the `time` CSR reads. */
export function mtimeAt(
  s: { deltaLo: number; deltaHi: number },
  nowNs: number,
  nsPerTick: number,
): { lo: number; hi: number } {
  const ticks = Math.floor(nowNs / nsPerTick)
  const lo = (ticks % 2 ** 32) + s.deltaLo
  const hi = Math.floor(ticks / 2 ** 32) + s.deltaHi + (lo >= 2 ** 32 ? 1 : 0)
  return { lo: lo >>> 0, hi: hi >>> 0 }
}

const mtime = (s: S, io: IO) => mtimeAt(s, io.clock.nowNs(), tickNs(io))

function setMtime(s: S, io: IO, lo: number, hi: number): void {
  const ticks = Math.floor(io.clock.nowNs() / tickNs(io))
  const low = lo - (ticks % 2 ** 32)
  s.deltaLo = low >>> 0
  s.deltaHi = (hi - Math.floor(ticks / 2 ** 32) - (low < 0 ? 1 : 0)) >>> 0
}

/** The guest time at which MTIME, which is below it now, reaches the value; FAR_NS or more: never. */
function deadlineOf(s: S, io: IO, lo: number, hi: number): number {
  const low = lo - s.deltaLo
  const high = (hi - s.deltaHi - (low < 0 ? 1 : 0)) >>> 0
  return (high * 2 ** 32 + (low >>> 0)) * tickNs(io)
}

function absent(io: IO, offset: number): number {
  guestError(io.id, () => `no register at 0x${offset.toString(16)}`)
  return 0
}
