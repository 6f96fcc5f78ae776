// Port 61h of a PC: gate and output of timer channel 2, speaker enable, and the refresh bit that toggles with
// every memory refresh ("NMI Status and Control Register" of the PIIX, 82371SB data sheet, section 2.5.4).
// Its peer `pit` is the timer.
// Not modelled: sound; the parity and channel check inputs, which never happen.
import { defineDevice, u8 } from '../../device/define.ts'
import { speakerGate, speakerOutput } from '../timer/i8254.ts'

const GATE = 0x01, WRITABLE = 0x0f, REFRESH = 0x10, OUT = 0x20
/** One row every 15 microseconds: 18 ticks of the timer's clock. */
const REFRESH_NS = 15_085

export const pcspk = defineDevice({
  name: 'isa-pcspk',
  version: 1,
  description: 'PC speaker port',
  state: { control: u8() },
  regions: { port: { sizeBytes: 1 } },
  read(s, io) {
    const out = io.peers.pit?.call(speakerOutput) ? OUT : 0
    const refresh = Math.floor(io.clock.nowNs() / REFRESH_NS) & 1 ? REFRESH : 0
    return s.control | refresh | out
  },
  write(s, io, _offset, value) {
    s.control = value & WRITABLE
    io.peers.pit?.call(speakerGate((value & GATE) !== 0))
  },
})
