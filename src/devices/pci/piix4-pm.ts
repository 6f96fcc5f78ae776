// Power management of the Intel 82371AB (PIIX4, data sheet 290562-001, chapter 7; ACPI 1.0b, section 4.7):
// power-management events and control, the 3.579545 MHz timer, and the system management command ports B2h
// and B3h. General-purpose events lie where QEMU's machine has them, at their own port.
// Not modelled: the SMBus host (its registers are there; no bus), throttling, sleep states but "soft off",
// suspend to RAM and to disk, which all end the machine's run or do nothing.
import { array, defineDevice, f64, flagProperty, inputs, output, timer, u16, u8, type Io, type StateOf }
  from '../../device/define.ts'
import { pciFunction } from '../../device/pci.ts'
import { nsOfTicks, ticksIn } from '../../base/rate.ts'
import { unimplemented } from '../../base/log.ts'

export const PM_HZ = 3_579_545, PM_BYTES = 64
const REG = { STATUS: 0, ENABLE: 2, CONTROL: 4, TIMER: 8 }
const EVENT = { TIMER: 0x001, POWER_BUTTON: 0x100, ALL: 0x0521 }
const CONTROL = { SCI_ENABLE: 1, SLEEP: 0x2000, TYPE_SHIFT: 10 }
/** Sleep types as the tables name them to the guest. */
export const SLEEP_TYPE = { S5: 0, S3: 1, S4: 2 }
export const SMI_COMMAND = { ACPI_ENABLE: 0xf1, ACPI_DISABLE: 0xf0 }
/** The status bit of the timer is set when its bit 23 changes. */
const TIMER_HALF = 1 << 23, TIMER_MASK = 0xff_ffff
const PM_BASE = 0x40, PM_ENABLE = 0x80, SMI_GLOBAL = 0x5b, SMI_ON_COMMAND = 2
export const GPE_BYTES = 4

const pci = pciFunction(() => ({
  vendor: 0x8086, device: 0x7113, class: 0x068000, revision: 3, subsystemVendor: 0x1af4, subsystem: 0x1100,
  interruptPin: 1,
  registers: [
    { at: 0x06, bytes: [0x80, 0x02] },
    { at: PM_BASE, bytes: [0x01, 0, 0, 0], writable: [0xc0, 0xff, 0, 0] },
    { at: SMI_GLOBAL - 3, bytes: [0, 0, 0, 0], writable: [0xff, 0xff, 0xff, 0xff] },
    { at: 0x5f, bytes: [0x90] },
    { at: 0x63, bytes: [0x60] },
    { at: 0x67, bytes: [0x08] },
    { at: PM_ENABLE, bytes: [0], writable: [1] },
    { at: 0x90, bytes: [0x01, 0xb1, 0, 0], writable: [0xf0, 0xff, 0, 0] },
    { at: 0xd2, bytes: [0x09], writable: [0x0f] },
  ],
}), {
  afterWrite(s, io) { place(s, io) },
})

const state = {
  ...pci.state,
  status: u16(), enable: u16(), control: u16(),
  /** How often bit 23 of the timer had changed when its status bit was last cleared. */
  halves: f64(),
  gpeStatus: array(u8(), GPE_BYTES / 2), gpeEnable: array(u8(), GPE_BYTES / 2),
  smiCommand: u8(), smiStatus: u8(),
}
type S = StateOf<typeof state>
const pins = { ...pci.pins, sci: output(), smi: output(), gpe: inputs(16) }, timers = { overflow: timer() }
type IO = Io<typeof pci.properties, typeof pins, typeof timers, 'pm' | 'gpe' | 'apm'>

export const piix4Pm = defineDevice({
  name: 'PIIX4_PM',
  version: 1,
  description: 'ACPI power management',
  properties: { ...pci.properties, 'smm-enabled': flagProperty(true, 'processors have system management mode') },
  state,
  pins,
  timers,
  regions: {
    pm: {
      sizeBytes: PM_BYTES,
      valid: { unaligned: true },
      read(s, io, offset, size) {
        const now = io.clock.nowNs() // the timer's bytes are of one moment
        return bytesOf(size, i => pmByte(s, now, offset + i))
      },
      write(s, io, offset, value, size) {
        for (let i = 0; i < size; i++) writePm(s, io, offset + i, (value >>> (8 * i)) & 0xff)
        arm(s, io)
      },
    },
    gpe: {
      sizeBytes: GPE_BYTES,
      valid: { max: 1 },
      read: (s, _io, n) => (n < 2 ? s.gpeStatus[n]! : s.gpeEnable[n - 2]!),
      write(s, _io, n, value) {
        if (n < 2) s.gpeStatus[n]! &= ~value
        else s.gpeEnable[n - 2] = value
      },
    },
    apm: {
      sizeBytes: 2,
      valid: { max: 1 },
      read: (s, _io, n) => (n === 0 ? s.smiCommand : s.smiStatus),
      write(s, io, n, value) {
        if (n === 0) command(s, io, value)
        else s.smiStatus = value
      },
    },
  },
  facets: { pci: pci.facet, powerButton: pressPowerButton },
  reset(s, io) {
    pci.reset(s, io as any)
    // Firmware that finds this set does not wait for system management mode.
    if (!io.props['smm-enabled']) s.config[SMI_GLOBAL] = SMI_ON_COMMAND
    place(s, io as any)
    s.halves = halvesAt(io.clock.nowNs())
  },
  input(s, _io, _pin, n, level) { if (level) s.gpeStatus[n >> 3]! |= 1 << (n & 7) },
  expire(s, io) { arm(s, io) },
  update(s, io) {
    const event = statusAt(s, io.clock.nowNs()) & s.enable
    io.sci.set(event || s.gpeStatus[0]! & s.gpeEnable[0]! || s.gpeStatus[1]! & s.gpeEnable[1]!)
  },
})


/** As `instance.call(pressPowerButton)`. */
export function pressPowerButton(s: S): void { s.status |= EVENT.POWER_BUTTON }

/** Register 40h says where the power management ports are, 80h whether. */
function place(s: any, io: any): void {
  if (s.config[PM_ENABLE] & 1)
    io.window.pm?.moveTo((s.config[PM_BASE] & ~(PM_BYTES - 1)) | (s.config[PM_BASE + 1] << 8))
  else io.window.pm?.disable()
}

const bytesOf = (size: number, byte: (i: number) => number) =>
  Array.from({ length: size }, (_, i) => byte(i) * 2 ** (8 * i)).reduce((sum, n) => sum + n, 0)

const halvesAt = (now: number) => Math.floor(ticksIn(now, PM_HZ) / TIMER_HALF)
const statusAt = (s: S, now: number) => s.status | (halvesAt(now) > s.halves ? EVENT.TIMER : 0)

function pmByte(s: S, now: number, offset: number): number {
  const register = offset & ~1, of = (value: number, low: number) => (value >>> (8 * (offset - low))) & 0xff
  if (register === REG.STATUS) return of(statusAt(s, now), register)
  if (register === REG.ENABLE) return of(s.enable, register)
  if (register === REG.CONTROL) return of(s.control, register)
  return offset >= REG.TIMER && offset < REG.TIMER + 4 ? of(ticksIn(now, PM_HZ) & TIMER_MASK, REG.TIMER) : 0
}

function writePm(s: S, io: IO, offset: number, byte: number): void {
  const shift = 8 * (offset & 1), bits = byte << shift, others = ~(0xff << shift)
  switch (offset & ~1) {
    case REG.STATUS:
      s.status &= ~bits
      if (bits & EVENT.TIMER) s.halves = halvesAt(io.clock.nowNs())
      return
    case REG.ENABLE: s.enable = (s.enable & others) | (bits & EVENT.ALL); return
    case REG.CONTROL:
      s.control = ((s.control & others) | bits) & ~CONTROL.SLEEP
      if (bits & CONTROL.SLEEP) sleep(s, io)
  }
}

function sleep(s: S, io: IO): void {
  const type = (s.control >> CONTROL.TYPE_SHIFT) & 7
  if (type === SLEEP_TYPE.S5 || type === SLEEP_TYPE.S4) io.host.request({ kind: 'shutdown' })
  else unimplemented(io.id, () => `sleep type ${type}`)
}

/** The interrupt of the timer needs one; its status bit is worked out. */
function arm(s: S, io: IO): void {
  const now = io.clock.nowNs()
  if (!(s.enable & EVENT.TIMER) || statusAt(s, now) & EVENT.TIMER) return io.timer.overflow.disarm()
  io.timer.overflow.arm(nsOfTicks((s.halves + 1) * TIMER_HALF, PM_HZ))
}

function command(s: S, io: IO, value: number): void {
  s.smiCommand = value
  if (value === SMI_COMMAND.ACPI_ENABLE) s.control |= CONTROL.SCI_ENABLE
  if (value === SMI_COMMAND.ACPI_DISABLE) s.control &= ~CONTROL.SCI_ENABLE
  if (!(s.config[SMI_GLOBAL]! & SMI_ON_COMMAND)) return
  io.smi.set(1) // a pulse: the processor remembers it
  io.smi.set(0)
}
