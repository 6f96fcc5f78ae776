// Devices that a PC has only when it is told to: entries for `PcOptions`, at the ports that software expects.
import type { PciPlugged } from '../device/pci-bus.ts'
import type { DriveSpec } from '../devices/block/ata.ts'
import { piix3Ide } from '../devices/block/piix3-ide.ts'
import { vga } from '../devices/display/vga.ts'
import { isaIrq, PC, PCI_MEMORY, port } from './pc.ts'

const IDE = { PORTS: [0x1f0, 0x170], CONTROL: [0x3f6, 0x376], IRQ: [14, 15] } as const

/** The two IDE channels: master and slave of the first, then of the second. */
export const ideController = (drives: readonly (DriveSpec | undefined)[]): PciPlugged => ({
  device: piix3Ide, id: 'ide', properties: { addr: '01.1', drives },
  at: {
    primary: port(IDE.PORTS[0]), primaryControl: port(IDE.CONTROL[0]),
    secondary: port(IDE.PORTS[1]), secondaryControl: port(IDE.CONTROL[1]),
  },
  wires: { irq: IDE.IRQ.map(isaIrq) },
})

export const vgaCard = (properties: PciPlugged['properties'] = {}): PciPlugged => ({
  device: vga, id: 'vga', properties: { addr: '02.0', ...properties },
  at: {
    mda: port(0x3b0), vga: port(0x3c0), vbe: port(0x1ce), legacy: { space: PCI_MEMORY, at: PC.LEGACY },
  },
})
