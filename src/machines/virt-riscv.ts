// The `virt` machine for RISC-V: a board that exists only in emulators, with the address map, interrupt
// numbers and device tree that QEMU's machine of that name has, so that the same firmware and kernels boot.
// Not modelled: CFI flash (a firmware image there is ROM), the platform bus for user-created devices, AIA,
// performance counters.
import { VmError } from '../base/errors.ts'
import type { Board, BoardDevice, BoardMemory } from '../device/board.ts'
import { cpuWire, wire } from '../device/irq.ts'
import { plugPci, type PciPlugged } from '../device/pci-bus.ts'
import { ns16550 } from '../devices/char/ns16550.ts'
import { FW_CFG, fwCfg } from '../devices/firmware/fw-cfg.ts'
import { sifivePlic } from '../devices/irq/sifive-plic.ts'
import { sifiveTest } from '../devices/misc/sifive-test.ts'
import { gpexPcihost, gpexRoot } from '../devices/pci/gpex.ts'
import { aclint } from '../devices/timer/aclint.ts'
import { goldfishRtc } from '../devices/timer/goldfish-rtc.ts'
import { virtioMmioEmpty } from '../devices/virtio/mmio.ts'

export const VIRT = {
  TEST: 0x10_0000, RTC: 0x10_1000, CLINT: 0x200_0000, PCI_PIO: 0x300_0000, PLIC: 0xc00_0000,
  UART: 0x1000_0000, VIRTIO: 0x1000_1000, FW_CFG: 0x1010_0000, FLASH: 0x2000_0000,
  PCI_ECAM: 0x3000_0000, PCI_MMIO: 0x4000_0000, DRAM: 0x8000_0000, PCI_HIGH: 0x4_0000_0000,
} as const
export const SIZE = {
  TEST: 0x1000, RTC: 0x1000, CLINT: 0x1_0000, PCI_PIO: 0x1_0000, PLIC: 0x60_0000, UART: 0x100, VIRTIO: 0x1000,
  FW_CFG: 0x18, FLASH: 0x200_0000, PCI_ECAM: 0x1000_0000, PCI_MMIO: 0x4000_0000, PCI_HIGH: 0x4_0000_0000,
} as const
/** PLIC sources. */
export const IRQ = { VIRTIO: 1, UART: 10, RTC: 11, PCI: 32 } as const
export const VIRTIO_SLOTS = 8
const PLIC_SOURCES = 96
export const TIMEBASE_HZ = 10_000_000
/** A device of a virtio-mmio slot (region `mmio`, pin `irq`) or of the PCI bus. */
export type Plugged = PciPlugged

export type VirtOptions = {
  readonly harts: number
  readonly ramBytes: number
  /** Where guest RAM begins in the one memory. */
  readonly ramHostOffset: number
  /**
   * Devices with virtio-mmio transports, in the order that a guest numbers them: the first is in the last
   * slot.
   */
  readonly virtio?: readonly Plugged[]
  readonly pci?: readonly Plugged[]
  /** A firmware image in the first flash bank. */
  readonly flash?: { readonly hostOffset: number; readonly sizeBytes: number }
  readonly fwCfgFiles?: { readonly [name: string]: Uint8Array }
  readonly fwCfgItems?: { readonly [key: number]: Uint8Array }
}

export const PCI_BUS = 'pcie.0', PCI_MEMORY_SPACE = 'pci-memory', PCI_IO_SPACE = 'pci-io'

/** The board list of a configuration. Every thread makes its own from the same options. */
export function virtBoard(o: VirtOptions): Board {
  if (!Number.isInteger(o.harts) || o.harts < 1 || o.harts > 512)
    throw new VmError('board.badConfig', `the virt machine has 1 to 512 processors, not ${o.harts}`)
  if ((o.virtio?.length ?? 0) > VIRTIO_SLOTS)
    throw new VmError(
      'board.badConfig',
      `the virt machine has ${VIRTIO_SLOTS} virtio-mmio slots, not ${o.virtio!.length}`,
    )
  const harts = Array.from({ length: o.harts }, (_, i) => i)
  const devices: BoardDevice[] = [
    {
      device: sifivePlic, id: 'plic', at: { mmio: VIRT.PLIC },
      properties: { 'num-sources': PLIC_SOURCES, 'num-contexts': 2 * o.harts },
      wires: { context: harts.flatMap(h => [cpuWire(h, 'meip'), cpuWire(h, 'seip')]) },
    },
    {
      device: aclint, id: 'clint', at: { mmio: VIRT.CLINT },
      properties: { 'num-harts': o.harts, 'timebase-frequency': TIMEBASE_HZ },
      wires: { msip: harts.map(h => cpuWire(h, 'msip')), mtip: harts.map(h => cpuWire(h, 'mtip')) },
    },
    { device: sifiveTest, id: 'test', at: { mmio: VIRT.TEST } },
    {
      device: ns16550,
      id: 'serial0',
      at: { mmio: VIRT.UART },
      properties: { baudbase: 230400 },
      wires: { irq: source(IRQ.UART) },
    },
    { device: goldfishRtc, id: 'rtc', at: { mmio: VIRT.RTC }, wires: { irq: source(IRQ.RTC) } },
    {
      device: fwCfg, id: 'fw-cfg',
      at: { data: VIRT.FW_CFG, selector: VIRT.FW_CFG + 8, dma: VIRT.FW_CFG + 16 },
      properties: { files: o.fwCfgFiles ?? {}, items: { ...countItems(o), ...o.fwCfgItems } },
    },
  ]
  for (let slot = 0; slot < VIRTIO_SLOTS; slot++) {
    const plugged = o.virtio?.[VIRTIO_SLOTS - 1 - slot] ?? {
      device: virtioMmioEmpty,
      id: `virtio-mmio-bus.${slot}`,
    }
    devices.push({
      ...plugged, at: { mmio: VIRT.VIRTIO + slot * SIZE.VIRTIO }, wires: { irq: source(IRQ.VIRTIO + slot) },
    })
  }
  devices.push({ device: gpexPcihost, id: PCI_BUS, at: { ecam: VIRT.PCI_ECAM } })
  devices.push(...plugPci(
    {
      bus: PCI_BUS, memory: PCI_MEMORY_SPACE, io: PCI_IO_SPACE,
      intx: [source(IRQ.PCI), source(IRQ.PCI + 1), source(IRQ.PCI + 2), source(IRQ.PCI + 3)],
    },
    [{ device: gpexRoot, id: 'gpex-root', properties: { addr: '00.0' } }, ...(o.pci ?? [])],
  ))
  return { name: 'virt', memory: memoryOf(o), devices }
}

const source = (n: number) => wire('plic', 'source', n)

function countItems(o: VirtOptions): { [key: number]: Uint8Array } {
  const harts = new Uint8Array([o.harts & 0xff, o.harts >> 8])
  const ram = new Uint8Array(8)
  new DataView(ram.buffer).setBigUint64(0, BigInt(o.ramBytes), true)
  return { [FW_CFG.NB_CPUS]: harts, [FW_CFG.MAX_CPUS]: harts, [FW_CFG.RAM_SIZE]: ram }
}

function memoryOf(o: VirtOptions): BoardMemory[] {
  const memory: BoardMemory[] = [
    { kind: 'ram', name: 'ram', at: VIRT.DRAM, sizeBytes: o.ramBytes, hostOffset: o.ramHostOffset },
    // PCI bus addresses are processor addresses, so both windows show the space at their own offsets.
    {
      kind: 'space', name: PCI_MEMORY_SPACE, sizeBytes: 2 ** 53, aborts: true,
      views: [
        { at: VIRT.PCI_MMIO, offset: VIRT.PCI_MMIO, sizeBytes: SIZE.PCI_MMIO },
        { at: highWindow(o.ramBytes), offset: highWindow(o.ramBytes), sizeBytes: SIZE.PCI_HIGH },
      ],
    },
    {
      kind: 'space', name: PCI_IO_SPACE, sizeBytes: SIZE.PCI_PIO, aborts: true,
      views: [{ at: VIRT.PCI_PIO, offset: 0, sizeBytes: SIZE.PCI_PIO }],
    },
  ]
  if (o.flash)
    memory.push({
      kind: 'rom',
      name: 'flash0',
      at: VIRT.FLASH,
      sizeBytes: o.flash.sizeBytes,
      hostOffset: o.flash.hostOffset,
    })
  return memory
}

/** The high PCI window: its own size's multiple above RAM, at least 16 GiB. */
export function highWindow(ramBytes: number): number {
  return Math.max(VIRT.PCI_HIGH, Math.ceil((VIRT.DRAM + ramBytes) / SIZE.PCI_HIGH) * SIZE.PCI_HIGH)
}
