// Parallel port of a PC (IEEE 1284-1994; SMSC FDC37C669 data sheet, "Parallel Port"): data, status and control
// of the standard port at offsets 0 to 2, address and data cycles of the enhanced one at 3 to 7. Bytes that are
// strobed go to the character back end.
// Not modelled: ECP, and reading from a peripheral (cycles read all ones, reverse data does too).
import { defineDevice, flag, output, u8, type Io, type StateOf } from '../../device/define.ts'

const STATUS = { TIMEOUT: 0x01, ERROR: 0x08, ONLINE: 0x10, ACK: 0x40, BUSY: 0x80 } // BUSY, ACK, ERROR: active low
const IDLE = STATUS.BUSY | STATUS.ACK | STATUS.ONLINE | STATUS.ERROR
const CONTROL = { STROBE: 0x01, INIT: 0x04, SELECT: 0x08, INTERRUPT: 0x10, INPUT: 0x20, ONES: 0xc0 }
const REG = { DATA: 0, STATUS: 1, CONTROL: 2, EPP_ADDRESS: 3 }

const state = {
  data: u8(0xff), status: u8(IDLE | STATUS.TIMEOUT),
  control: u8(CONTROL.ONES | CONTROL.INIT | CONTROL.SELECT), pending: flag(),
}
type S = StateOf<typeof state>
const pins = { irq: output() }
type IO = Io<{}, typeof pins>

export const isaParallel = defineDevice({
  name: 'isa-parallel',
  version: 1,
  description: 'parallel port',
  state,
  pins,
  chr: true,
  regions: { ports: { sizeBytes: 8, valid: { max: 1 } } },

  read(s, _io, reg) {
    switch (reg) {
      case REG.DATA: return s.control & CONTROL.INPUT ? 0xff : s.data
      case REG.STATUS: return readStatus(s)
      case REG.CONTROL: return s.control
      default: return 0xff
    }
  },
  write(s, io, reg, value) {
    if (reg === REG.DATA) s.data = value
    else if (reg === REG.CONTROL) control(s, io, value | CONTROL.ONES)
    else if (reg > REG.EPP_ADDRESS) io.chr.put(value)
  },
  update(s, io) { io.irq.set(s.pending) },
})

/** The peripheral acknowledges in step with reads: ACK falls, then rises with the end of BUSY. */
function readStatus(s: S): number {
  const { status } = s
  s.pending = 0
  if (!(status & STATUS.BUSY) && !(s.control & CONTROL.STROBE))
    s.status = status & STATUS.ACK ? status & ~STATUS.ACK : status | STATUS.ACK | STATUS.BUSY
  return status
}

function control(s: S, io: IO, value: number): void {
  if (!(value & CONTROL.INIT)) s.status = IDLE
  else if (value & CONTROL.SELECT) {
    if (value & CONTROL.STROBE) {
      s.status &= ~STATUS.BUSY
      if (!(s.control & CONTROL.STROBE)) io.chr.put(s.data)
    } else if (s.control & CONTROL.INTERRUPT) s.pending = 1
  }
  s.control = value
}
