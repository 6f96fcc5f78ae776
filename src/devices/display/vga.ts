// Standard VGA with the Bochs VBE extension and a linear frame buffer, as a PCI function. After IBM's "Personal
// System/2 and Personal Computer Display Adapter Technical Reference" (VGA chapter) and Bochs' description of its
// VBE Display Interface. Legacy ports and memory are decoded always; BAR 0 is video memory, BAR 2 holds the ports
// again at 400 and 500.
// Not modelled: EDID, interrupts at retrace (PCs don't connect them), switch sense, timing by
// more than two dot clocks, CGA and Hercules registers of their own.
import { VmError } from '../../base/errors.ts'
import { dataProperty, defineDevice, numberProperty, type DeviceRam } from '../../device/define.ts'
import type { DisplayFacet } from '../../device/display.ts'
import { pciFunction, romBytes, ROM_INDEX } from '../../device/pci.ts'
import { scanOf, textOf } from './scan-vga.ts'
import { readVbe, writeVbe } from './vbe.ts'
import { readWindow, writeWindow } from './vga-memory.ts'
import { readPort, writePort } from './vga-ports.ts'
import { resetVga, vgaState, type Vga } from './vga-state.ts'

const MIB = 1 << 20
/** Of BAR 2. */
const MMIO = { BYTES: 4096, PORTS: 0x400, PORTS_END: 0x420, VBE: 0x500, VBE_END: 0x516, EXTENDED: 0x600, BYTE_ORDER: 0x604 }
const LITTLE_ENDIAN = 0x1e1e1e1e, BIG_ENDIAN = 0xbebebebe
const MDA_PORTS = 0x3b0, VGA_PORTS = 0x3c0

type IO = { readonly ram: { readonly vram: DeviceRam }; readonly clock: { nowNs(): number } }
type Props = { readonly vgamem_mb: number; readonly rom: Uint8Array }

const pci = pciFunction((p: Props) => ({
  vendor: 0x1234, device: 0x1111, class: 0x030000, revision: 2, subsystemVendor: 0x1af4, subsystem: 0x1100,
  bars: {
    vram: { index: 0, space: 'memory', sizeBytes: p.vgamem_mb * MIB, prefetchable: true },
    mmio: { index: 2, space: 'memory', sizeBytes: MMIO.BYTES },
    ...(p.rom.length && { rom: { index: ROM_INDEX, space: 'memory', sizeBytes: romBytes(p.rom.length) } }),
  },
}))

const display: DisplayFacet = {
  memory: 'vram',
  scan: (s: Vga, io: IO, phase) => scanOf(s, io.ram.vram.bytes, phase),
  text: (s: Vga, io: IO) => textOf(s, io.ram.vram.bytes),
}

export const vga = defineDevice({
  name: 'VGA',
  version: 1,
  description: 'standard VGA with Bochs VBE',
  properties: { ...pci.properties, vgamem_mb: numberProperty(16, 'MiB of video memory, a power of 2'),
    rom: dataProperty<Uint8Array>(new Uint8Array(0), 'the video BIOS, for the expansion ROM') },
  state: { ...pci.state, ...vgaState },
  pins: pci.pins,
  regions: {
    vram: { sizeBytes: (p: Props) => p.vgamem_mb * MIB, ram: true },
    rom: {
      sizeBytes: (p: Props) => romBytes(p.rom.length), impl: { max: 1 }, quietReads: true,
      read: (_s, io, offset) => io.props.rom[offset] ?? 0,
      write() {},
    },
    mmio: { sizeBytes: MMIO.BYTES, valid: { max: 4 }, read: readMmio, write: writeMmio },
    mda: {
      sizeBytes: 12, valid: { unaligned: true }, impl: { max: 1 },
      read: (s, io, offset) => readPort(s, MDA_PORTS + offset, io.clock.nowNs()),
      write: (s, _io, offset, value) => writePort(s, MDA_PORTS + offset, value),
    },
    vga: {
      sizeBytes: 32, valid: { unaligned: true }, impl: { max: 1 },
      read: (s, io, offset) => readPort(s, VGA_PORTS + offset, io.clock.nowNs()),
      write: (s, _io, offset, value) => writePort(s, VGA_PORTS + offset, value),
    },
    /** Index at 1CE, data at 1CF and 1D0: words, whatever their address. */
    vbe: {
      sizeBytes: 4, valid: { min: 2, max: 2, unaligned: true }, impl: { min: 2, max: 2 },
      read: (s, io, offset) => (offset === 0 ? s.vbeIndex : offset < 3 ? readVbe(s, io.ram.vram) : 0xffff),
      write(s, io, offset, value) {
        if (offset === 0) s.vbeIndex = value
        else if (offset < 3) writeVbe(s, io.ram.vram, value)
      },
    },
    legacy: {
      sizeBytes: 0x20000, valid: { unaligned: true }, impl: { max: 1 },
      read: (s, io, offset) => readWindow(s, io.ram.vram, offset),
      write: (s, io, offset, value) => writeWindow(s, io.ram.vram, offset, value),
    },
  },
  facets: { pci: pci.facet, display },
  check({ vgamem_mb }) {
    if (vgamem_mb < 1 || vgamem_mb > 256 || vgamem_mb & (vgamem_mb - 1))
      throw new VmError('device.badProperty', `VGA: vgamem_mb is ${vgamem_mb}, not a power of 2 from 1 to 256`)
  },
  reset(s, io) {
    resetVga(s)
    pci.reset(s, io)
  },
})

const within = (offset: number, start: number, end: number) => offset >= start && offset < end

function readMmio(s: Vga, io: IO, offset: number, size: number): number {
  if (within(offset, MMIO.PORTS, MMIO.PORTS_END)) {
    let value = 0
    for (let i = 0; i < size; i++)
      value |= readPort(s, VGA_PORTS + offset - MMIO.PORTS + i, io.clock.nowNs()) << (8 * i)
    return value >>> 0
  }
  if (within(offset, MMIO.VBE, MMIO.VBE_END)) {
    const word = (at: number) => {
      s.vbeIndex = (at - MMIO.VBE) >> 1
      return readVbe(s, io.ram.vram)
    }
    const low = word(offset)
    return size === 4 ? (low | word(offset + 2) << 16) >>> 0 : low
  }
  if (size === 4 && offset === MMIO.EXTENDED) return 8 // bytes of this block
  if (size === 4 && offset === MMIO.BYTE_ORDER) return s.bigEndian ? BIG_ENDIAN : LITTLE_ENDIAN
  return 0xffffffff
}

function writeMmio(s: Vga, io: IO, offset: number, value: number, size: number): void {
  if (within(offset, MMIO.PORTS, MMIO.PORTS_END))
    for (let i = 0; i < size; i++) writePort(s, VGA_PORTS + offset - MMIO.PORTS + i, (value >>> (8 * i)) & 0xff)
  else if (within(offset, MMIO.VBE, MMIO.VBE_END))
    for (let i = 0; i < size; i += 2) {
      s.vbeIndex = (offset + i - MMIO.VBE) >> 1
      writeVbe(s, io.ram.vram, (value >>> (8 * i)) & 0xffff)
    }
  else if (size === 4 && offset === MMIO.BYTE_ORDER) {
    if (value === BIG_ENDIAN) s.bigEndian = 1
    if (value === LITTLE_ENDIAN) s.bigEndian = 0
  }
}
