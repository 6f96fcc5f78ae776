// Intel 82371SB PCI-to-ISA bridge (PIIX3, data sheet 290550-002): routes the four PCI interrupt lines to ISA
// interrupts, and has the reset port CF9h.
// Not modelled: positive decode of ISA ranges, X-bus chip selects, the distributed DMA of later chips: their
// registers are there and do nothing.
import { defineDevice, inputs, outputs, u8, type Io, type StateOf } from '../../device/define.ts'
import { pciFunction } from '../../device/pci.ts'

export const PIRQ_ROUTE = 0x60
const DISABLED = 0x80, LEGAL = 0xdef8 // ISA interrupts 3-7, 9-12, 14, 15
const RESET = { SYSTEM: 2, GO: 4 }

const pci = pciFunction(() => ({
  vendor: 0x8086, device: 0x7000, class: 0x060100, subsystemVendor: 0x1af4, subsystem: 0x1100,
  registers: [
    { at: 0x06, bytes: [0x00, 0x02] },
    { at: 0x4c, bytes: [0x4d, 0, 0x03, 0x00], writable: [0x7f, 0, 0xff, 0x01] },
    { at: PIRQ_ROUTE, bytes: [0x80, 0x80, 0x80, 0x80], writable: [0x8f, 0x8f, 0x8f, 0x8f] },
    { at: 0x69, bytes: [0x02], writable: [0xfe] },
    { at: 0x70, bytes: [0x80], writable: [0xef] },
    { at: 0x76, bytes: [0x0c, 0x0c], writable: [0x8f, 0x8f] },
    { at: 0x78, bytes: [0x02, 0x00], writable: [0xff, 0xff] },
    { at: 0xa0, bytes: [0x08], writable: [0x1f] },
    { at: 0xa8, bytes: [0x0f], writable: [0xff] },
  ],
}))

const state = { ...pci.state, lines: u8(), rcr: u8() }
type S = StateOf<typeof state>
const pins = { ...pci.pins, pirq: inputs(4), isa: outputs(16) }

export const piix3 = defineDevice({
  name: 'PIIX3',
  version: 1,
  description: 'PCI-to-ISA bridge',
  properties: pci.properties,
  state,
  pins,
  regions: {
    reset: {
      sizeBytes: 1,
      read: s => s.rcr,
      write(s, io, _offset, value) {
        s.rcr = value & RESET.SYSTEM
        if (value & RESET.GO) io.host.request({ kind: 'reset' })
      },
    },
  },
  facets: { pci: pci.facet },
  reset(s, io) { pci.reset(s, io as any) },
  input(s, _io, _pin, n, level) { s.lines = level ? s.lines | (1 << n) : s.lines & ~(1 << n) },
  update(s, io) { drive(s, io as any) },
})

function drive(s: S, io: Io<{}, typeof pins>): void {
  let high = 0
  for (let n = 0; n < 4; n++) {
    const route = s.config[PIRQ_ROUTE + n]!
    if (s.lines & (1 << n) && !(route & DISABLED)) high |= 1 << (route & 15)
  }
  for (let irq = 3; irq < 16; irq++) io.isa[irq]!.set((high & LEGAL) >> irq & 1)
}
