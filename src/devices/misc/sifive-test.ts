// SiFive's test finisher ("sifive,test1"): a word that software writes to end the run. The `virt` machine's
// firmware powers off and resets with it (device-tree nodes `poweroff` and `reboot`, syscon).
import { defineDevice } from '../../device/define.ts'
import { guestError } from '../../base/log.ts'

const FAIL = 0x3333, PASS = 0x5555, RESET = 0x7777

export const sifiveTest = defineDevice({
  name: 'riscv.sifive.test',
  version: 1,
  description: 'test finisher: power-off and reset',
  state: {},
  regions: { mmio: { sizeBytes: 0x1000, valid: { min: 2, max: 4 } } },

  read: () => 0,

  write(_s, io, offset, value) {
    if (offset === 0)
      switch (value & 0xffff) {
        case FAIL: return io.host.request({ kind: 'shutdown', exitCode: value >>> 16 })
        case PASS: return io.host.request({ kind: 'shutdown', exitCode: 0 })
        case RESET: return io.host.request({ kind: 'reset' })
      }
    guestError(io.id, () => `0x${value.toString(16)} written at 0x${offset.toString(16)} means nothing`)
  },
})
