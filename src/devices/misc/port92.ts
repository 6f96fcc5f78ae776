// System control port A of a PC (82371SB data sheet, section 2.5.6, "Port 92h"): fast A20 gate and fast reset.
// Address line 20 is open when this port or the keyboard controller (pin `keyboard`) says so.
import { defineDevice, flag, input, output, u8 } from '../../device/define.ts'

const RESET = 0x01, A20 = 0x02

export const port92 = defineDevice({
  name: 'port92',
  version: 1,
  description: 'fast A20 gate and reset',
  state: { control: u8(), keyboard: flag() },
  pins: { keyboard: input(), a20: output() },
  regions: { port: { sizeBytes: 1 } },
  read: s => s.control,
  write(s, io, _offset, value) {
    const before = s.control
    s.control = value
    if (value & ~before & RESET) io.host.request({ kind: 'reset' })
  },
  input(s, _io, _pin, _index, level) { s.keyboard = level ? 1 : 0 },
  update(s, io) { io.a20.set(s.keyboard || s.control & A20) },
})
