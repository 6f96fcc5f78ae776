// National Semiconductor PC16550D UART (data sheet of June 1995, section 8, "Registers"), as boards wire it
// without a gate on OUT2. A byte leaves and arrives at once; only the receive FIFO's timeout takes the time
// of four characters.
// Not modelled: baud timing otherwise, parity and framing errors.
import { defineDevice, flag, numberProperty, output, ring, timer, u16, u8, type Io, type StateOf }
  from '../../device/define.ts'

const IER = { RX: 1, TX: 2, LINE: 4, MODEM: 8 }
const IIR = { NONE: 1, MODEM: 0, TX: 2, RX: 4, LINE: 6, TIMEOUT: 12, FIFOS: 0xc0 }
const FCR = { ENABLE: 1, CLEAR_RX: 2, CLEAR_TX: 4, KEPT: 0xc9 }
const LSR = { DR: 1, OE: 2, BI: 0x10, THRE: 0x20, TEMT: 0x40 }
const MCR = { DTR: 1, RTS: 2, OUT1: 4, OUT2: 8, LOOP: 0x10 }
const MSR = { DELTAS: 0x0f, TERI: 4, CTS: 0x10, DSR: 0x20, RI: 0x40, DCD: 0x80 }
const LCR = { DATA_BITS: 3, STOP: 4, PARITY: 8, DLAB: 0x80 }, TRIGGER = [1, 4, 8, 14]

const state = {
  ier: u8(), fcr: u8(), lcr: u8(), mcr: u8(MCR.OUT2), msr: u8(MSR.DCD | MSR.DSR | MSR.CTS), scr: u8(),
  divisor: u16(12), rbr: u8(), rxReady: flag(), overrun: flag(), broken: flag(), timeout: flag(), rx: ring(16),
  tx: ring(16), txPending: flag(),
}
type S = StateOf<typeof state>
const pins = { irq: output() }
const properties = {
  baudbase: numberProperty(115200, 'bits per second at divisor 1: the input clock over 16'),
}
const timers = { timeout: timer() }
type IO = Io<typeof properties, typeof pins, typeof timers>

export const ns16550 = defineDevice({
  name: 'ns16550a',
  version: 1,
  description: '16550A UART',
  state,
  pins,
  chr: true,
  properties,
  timers,
  regions: { mmio: { sizeBytes: 8, impl: { min: 1, max: 8 } } },

  read(s, io, reg) {
    if (s.lcr & LCR.DLAB && reg < 2) return (s.divisor >> (8 * reg)) & 0xff
    switch (reg) {
      case 0: return readData(s, io)
      case 1: return s.ier
      case 2: return identify(s)
      case 3: return s.lcr
      case 4: return s.mcr
      case 5: return readLineStatus(s)
      case 6: return readModemStatus(s)
      default: return s.scr
    }
  },

  write(s, io, reg, value) {
    const v = value & 0xff
    if (s.lcr & LCR.DLAB && reg < 2) {
      s.divisor = reg === 0 ? (s.divisor & 0xff00) | v : (s.divisor & 0xff) | (v << 8)
      return
    }
    switch (reg) {
      case 0: transmit(s, io, v); break
      case 1: setInterruptEnable(s, v); break
      case 2: setFifoControl(s, io, v); break
      case 3: s.lcr = v; break
      case 4: s.mcr = v & 0x1f; break
      case 7: s.scr = v; break
    }
  },

  canReceive: s => (s.fcr & FCR.ENABLE ? s.rx.length < 16 : !s.rxReady),
  receive(s, io, byte) { accept(s, io, byte) },
  receiveBreak(s, io) {
    accept(s, io, 0)
    s.broken = 1
  },
  expire(s) { s.timeout = s.rxReady },
  writable(s, io) { flush(s, io) },
  update(s, io) { io.irq.set(pending(s) !== IIR.NONE) },
})

/** The same at the ports of a PC. */
export const isaSerial = defineDevice({
  ...ns16550,
  name: 'isa-serial',
  description: 'serial port',
  regions: { mmio: { sizeBytes: 8, valid: { max: 1 } } },
})

/** The highest-priority cause: always computed, never stored. */
function pending(s: S): number {
  if (s.ier & IER.LINE && (s.overrun || s.broken)) return IIR.LINE
  if (s.ier & IER.RX && s.timeout) return IIR.TIMEOUT
  if (s.ier & IER.RX && s.rxReady && (!(s.fcr & FCR.ENABLE) || s.rx.length >= TRIGGER[s.fcr >> 6]!))
    return IIR.RX
  if (s.ier & IER.TX && s.txPending) return IIR.TX
  return s.ier & IER.MODEM && s.msr & MSR.DELTAS ? IIR.MODEM : IIR.NONE
}

function identify(s: S): number {
  const cause = pending(s)
  if (cause === IIR.TX) s.txPending = 0 // reading it acknowledges
  return cause | (s.fcr & FCR.ENABLE ? IIR.FIFOS : 0)
}

function readData(s: S, io: IO): number {
  if (!(s.fcr & FCR.ENABLE)) {
    s.rxReady = 0
    return s.rbr
  }
  const byte = s.rx.shift() ?? 0
  s.rxReady = s.rx.length ? 1 : 0
  s.timeout = 0
  if (s.rxReady) startTimeout(s, io)
  return byte
}

function readLineStatus(s: S): number {
  const value = (s.rxReady ? LSR.DR : 0) | (s.overrun ? LSR.OE : 0) | (s.broken ? LSR.BI : 0)
    | (s.tx.length ? 0 : LSR.THRE | LSR.TEMT)
  s.overrun = s.broken = 0
  return value
}

function readModemStatus(s: S): number {
  if (s.mcr & MCR.LOOP) // the outputs come back at the inputs
    return (
      ((s.mcr & MCR.OUT2) << 4)
      | ((s.mcr & MCR.OUT1) << 4)
      | ((s.mcr & MCR.RTS) << 3)
      | ((s.mcr & MCR.DTR) << 5)
    )
  const value = s.msr
  s.msr = value & ~MSR.DELTAS
  return value
}

function transmit(s: S, io: IO, byte: number): void {
  s.txPending = 0
  if (s.mcr & MCR.LOOP) {
    accept(s, io, byte)
    s.txPending = 1
    return
  }
  if (!s.tx.length && io.chr.put(byte)) {
    s.txPending = 1
    return
  }
  s.tx.push(byte) // when the host is slow and the FIFO full, the byte is lost, as on the chip
  flush(s, io)
}

/** Hands bytes to the host; those that it refuses wait. An empty transmitter raises its interrupt. */
function flush(s: S, io: IO): void {
  const before = s.tx.length
  for (let byte; (byte = s.tx.peek()) !== undefined && io.chr.put(byte);) s.tx.shift()
  if (before && !s.tx.length) s.txPending = 1
}

function accept(s: S, io: IO, byte: number): void {
  if (s.fcr & FCR.ENABLE) {
    if (!s.rx.push(byte)) s.overrun = 1
    startTimeout(s, io)
  } else {
    if (s.rxReady) s.overrun = 1
    s.rbr = byte
  }
  s.rxReady = 1
}

/** The FIFO's timeout: four characters' time after the last one came or was read (section 8.4.3). */
function startTimeout(s: S, io: IO): void {
  const bits = 1 + 5 + (s.lcr & LCR.DATA_BITS) + (s.lcr & LCR.PARITY ? 1 : 0) + (s.lcr & LCR.STOP ? 2 : 1)
  const bitNs = (1e9 * (s.divisor || 1)) / io.props.baudbase
  io.timer.timeout.arm(io.clock.nowNs() + Math.floor(4 * bits * bitNs))
}

function setInterruptEnable(s: S, v: number): void {
  const changed = (s.ier ^ v) & 0x0f
  s.ier = v & 0x0f
  if (changed & IER.TX && !s.tx.length) s.txPending = v & IER.TX ? 1 : 0
}

function setFifoControl(s: S, io: IO, v: number): void {
  const clear = (v ^ s.fcr) & FCR.ENABLE ? FCR.CLEAR_RX | FCR.CLEAR_TX : v // changing the mode empties both
  if (clear & FCR.CLEAR_RX) {
    s.rx.clear()
    s.rxReady = s.timeout = 0
    io.timer.timeout.disarm()
  }
  if (clear & FCR.CLEAR_TX) {
    s.tx.clear()
    s.txPending = 1
  }
  s.fcr = v & FCR.KEPT
}
