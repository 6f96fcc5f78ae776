// The `pc` machine: an Intel 440FX host bridge and a PIIX3 with the devices of a PC, at the addresses and with
// the interrupt numbers of QEMU's machine of that name, so that the same firmware and kernels boot.
//
// The processors' wires: `intr` (the 8259s ask: take a vector with `acknowledgeInterrupt`), `smi` (a pulse),
// `a20` (high: address line 20 is open), `smram` (high: system management mode sees RAM at A0000h). Messages to
// FEE00000h and up go to the processors.
// Not modelled: the event timer (HPET), USB, hot plugging of PCI slots, processors and memory.
import { VmError } from '../base/errors.ts'
import type { Board, BoardDevice, BoardMemory, Placement } from '../device/board.ts'
import type { AnyDevice } from '../device/define.ts'
import { cpuWire, fork, wire, type Wire } from '../device/irq.ts'
import { plugPci, type PciPlugged } from '../device/pci-bus.ts'
import { isaSerial } from '../devices/char/ns16550.ts'
import { isaParallel } from '../devices/char/parallel.ts'
import { i8257 } from '../devices/dma/i8257.ts'
import { type FloppyDrive, isaFdc } from '../devices/block/fdc.ts'
import { DRIVE_TYPES } from '../devices/block/floppy-formats.ts'
import { fwCfgIo } from '../devices/firmware/fw-cfg.ts'
import { i8042 } from '../devices/input/i8042.ts'
import { ioapic, MESSAGE_BASE } from '../devices/irq/ioapic.ts'
import { i8259 } from '../devices/irq/i8259.ts'
import { postPort } from '../devices/misc/debug-ports.ts'
import { pcspk } from '../devices/misc/pcspk.ts'
import { port92 } from '../devices/misc/port92.ts'
import { i440fx, i440fxPcihost, SEGMENTS, shadowName, SMRAM_AT } from '../devices/pci/i440fx.ts'
import { piix3 } from '../devices/pci/piix3.ts'
import { piix4Pm } from '../devices/pci/piix4-pm.ts'
import { i8254 } from '../devices/timer/i8254.ts'
import { mc146818rtc } from '../devices/timer/mc146818rtc.ts'
import type { SmbiosOptions } from './smbios.ts'
import { pcCmos, type CmosOptions } from './pc-cmos.ts'

export const PC = {
  LEGACY: 0xa_0000, BIOS_ALIAS_END: 0x10_0000, IOAPIC: 0xfec0_0000, LOCAL_APIC: MESSAGE_BASE, TOP: 0x1_0000_0000,
  PM_IO: 0x600, GPE_IO: 0xafe0, SERIAL: [0x3f8, 0x2f8, 0x3e8, 0x2e8], PARALLEL: [0x378, 0x278, 0x3bc],
  FLOPPY: 0x3f0, FLOPPY_INPUT: 0x3f7, FW_CFG: 0x510, DEBUGCON: 0xe9, DEBUG_EXIT: 0x501,
} as const
export const IRQ = {
  TIMER: 0, KEYBOARD: 1, SERIAL: [4, 3, 4, 3], PARALLEL: [7, 7, 7], FLOPPY: 6, CLOCK: 8, SCI: 9, MOUSE: 12,
} as const
export const IO_SPACE = 'io', PCI_MEMORY = 'pci-memory', PCI_BUS = 'pci.0'
/** Beyond this firmware would find no room for devices. */
const MAX_RAM = 2 ** 39, PCI_END = 2 ** 40, ALIAS_BYTES = 0x2_0000, GIB = 2 ** 30

export type Topology = { readonly sockets: number; readonly cores: number; readonly threads: number }

export type PcOptions = {
  readonly cpus: number
  readonly ramBytes: number
  /** Where guest RAM begins in the one memory. */
  readonly ramHostOffset: number
  /** The firmware image, at the top of the first 4 GiB: a multiple of 64 KiB, at most 16 MiB. */
  readonly bios: { readonly hostOffset: number; readonly sizeBytes: number }
  /** Boot order, for the CMOS memory; other bytes of it (disk geometry). */
  readonly smbios?: SmbiosOptions
  readonly topology?: Topology
  /** Numbers of the processors' local APICs; their own when left out. */
  readonly apicIds?: readonly number[]
  readonly boot?: Pick<CmosOptions, 'bootOrder'>
  /** Drives A and B. */
  readonly floppies?: readonly (FloppyDrive | undefined)[]
  readonly cmos?: { readonly [index: number]: number }
  /** How many; one serial and one parallel port when left out. */
  readonly serials?: number
  readonly parallels?: number
  /** Devices of the PCI bus; those without an address get slots from 02 on. IDE is 01.1, display 02, network 03. */
  readonly pci?: readonly PciPlugged[]
  /** Devices on ports (display, floppy, debug ports): whole entries, placed with `port`, wired with `isaIrq`. */
  readonly isa?: readonly BoardDevice[]
  readonly fwCfgFiles?: { readonly [name: string]: Uint8Array }
  readonly fwCfgItems?: { readonly [key: number]: Uint8Array }
}

/** A place among the ports. */
export const port = (at: number, priority = 0): Placement => ({ space: IO_SPACE, at, priority })
/** An interrupt of the ISA bus, at both controllers: the timer is at pin 2 of the I/O APIC. */
export const isaIrq = (n: number): Wire => fork(wire('pic', 'ir', n), wire('ioapic', 'in', n === 0 ? 2 : n))

/** RAM goes on at 4 GiB when there is as much as `LIMIT`: what is above `SPLIT` is there. */
const LIMIT = 0xe000_0000, SPLIT = 0xc000_0000
export const ramSplit = (ramBytes: number): { readonly below4G: number; readonly above4G: number } => {
  const below4G = ramBytes >= LIMIT ? SPLIT : ramBytes
  return { below4G, above4G: ramBytes - below4G }
}

/** The board list of a configuration. Every thread makes its own from the same options. */
export function pcBoard(o: PcOptions): Board {
  check(o)
  return {
    name: 'pc',
    floating: 0xff,
    memory: memoryOf(o),
    devices: [...systemDevices(o), ...ports(o), ...pciDevices(o), ...(o.isa ?? [])],
    messages: [{ at: PC.LOCAL_APIC, sizeBytes: 0x10_0000 }],
  }
}

function check(o: PcOptions): void {
  const bad = (what: string) => { throw new VmError('board.badConfig', `the pc machine has ${what}`) }
  if (!Number.isInteger(o.cpus) || o.cpus < 1 || o.cpus > 255) bad(`1 to 255 processors, not ${o.cpus}`)
  if (o.ramBytes < 2 ** 20 || o.ramBytes > MAX_RAM) bad(`1 MiB to 512 GiB of RAM, not ${o.ramBytes} bytes`)
  const { sizeBytes } = o.bios
  if (sizeBytes === 0 || sizeBytes % 0x1_0000 || sizeBytes > 16 << 20)
    bad(`firmware of a multiple of 64 KiB, at most 16 MiB, not ${sizeBytes} bytes`)
  for (const [what, n, most] of [['serial', o.serials ?? 1, 4], ['parallel', o.parallels ?? 1, 3]] as const)
    if (n > most) bad(`at most ${most} ${what} ports, not ${n}`)
}

function systemDevices(o: PcOptions): BoardDevice[] {
  const { below4G: ramBelow4G, above4G: ramAbove4G } = ramSplit(o.ramBytes)
  return [
    {
      device: i8259, id: 'pic', at: { master: port(0x20), slave: port(0xa0), elcr: port(0x4d0) },
      wires: { int: cpuWire(0, 'intr') },
    },
    { device: ioapic, id: 'ioapic', at: { mmio: PC.IOAPIC } },
    { device: i8254, id: 'pit', at: { ports: port(0x40) }, wires: { irq: isaIrq(IRQ.TIMER) } },
    { device: pcspk, id: 'pcspk', at: { port: port(0x61) }, peers: { pit: 'pit' } },
    {
      device: mc146818rtc, id: 'rtc', at: { ports: port(0x70) }, wires: { irq: isaIrq(IRQ.CLOCK) },
      properties: { cmos: { ...pcCmos({ cpus: o.cpus, ramBelow4G, ramAbove4G, floppies: (o.floppies ?? []).map(d => (d ? DRIVE_TYPES[d.type] : 0)), ...o.boot }), ...o.cmos } },
    },
    { device: port92, id: 'port92', at: { port: port(0x92) }, wires: { a20: cpuWire(0, 'a20') } },
    {
      device: i8042, id: 'i8042', at: { data: port(0x60), command: port(0x64) },
      wires: { kbd: isaIrq(IRQ.KEYBOARD), aux: isaIrq(IRQ.MOUSE), a20: wire('port92', 'keyboard') },
    },
    { device: i8257, id: 'dma1', at: { bytes: port(0x00), page: port(0x80) } },
    { device: i8257, id: 'dma2', at: { words: port(0xc0), page: port(0x88) }, properties: { dshift: 1 } },
    {
      device: isaFdc, id: 'fdc', at: { ports: port(PC.FLOPPY), input: port(PC.FLOPPY_INPUT) }, wires: { irq: isaIrq(IRQ.FLOPPY) },
      peers: { dma: 'dma1' }, properties: { drives: o.floppies ?? [] },
    },
    { device: postPort, id: 'ioport80', at: { port: port(0x80, 1) } },
    {
      device: fwCfgIo, id: 'fw-cfg', at: { ports: port(PC.FW_CFG), dma: port(PC.FW_CFG + 4) },
      properties: { files: o.fwCfgFiles ?? {}, items: o.fwCfgItems ?? {} },
    },
  ]
}

/** `serial0` and `parallel0` on. */
function ports(o: PcOptions): BoardDevice[] {
  const entries = (
    kind: string, device: AnyDevice, region: string, count: number, at: readonly number[], irq: readonly number[],
  ): BoardDevice[] => Array.from({ length: count }, (_, n) => ({
    device, id: `${kind}${n}`, at: { [region]: port(at[n]!) }, wires: { irq: isaIrq(irq[n]!) },
  }))
  return [
    ...entries('serial', isaSerial, 'mmio', o.serials ?? 1, PC.SERIAL, IRQ.SERIAL),
    ...entries('parallel', isaParallel, 'ports', o.parallels ?? 1, PC.PARALLEL, IRQ.PARALLEL),
  ]
}

function pciDevices(o: PcOptions): BoardDevice[] {
  const pirq = (n: number) => wire('piix3', 'pirq', n)
  const view = (at: number, rom: boolean) =>
    ({ space: 'system', movable: true, priority: 1, shows: { memory: 'ram', offset: at, rom } }) as const
  const shadows = SEGMENTS.flatMap(({ at }) => [true, false].map(rom => [shadowName(at, rom), view(at, rom)]))
  const chipset: PciPlugged[] = [
    {
      device: i440fx, id: 'i440fx',
      properties: { addr: '00.0', coreboot: Math.min(255, Math.floor(ramSplit(o.ramBytes).below4G / 2 ** 23)) },
      at: { smram: view(SMRAM_AT, false), ...Object.fromEntries(shadows) },
      wires: { smram: cpuWire(0, 'smram') },
    },
    {
      device: piix3, id: 'piix3', properties: { addr: '01.0', multifunction: true }, at: { reset: port(0xcf9, 1) },
      wires: { isa: Array.from({ length: 16 }, (_, n) => (n < 3 ? undefined : isaIrq(n))) },
    },
    {
      device: piix4Pm, id: 'pm', properties: { addr: '01.3', 'smm-enabled': false },
      at: { pm: { space: IO_SPACE, movable: true }, gpe: port(PC.GPE_IO), apm: port(0xb2) },
      wires: { sci: isaIrq(IRQ.SCI), smi: cpuWire(0, 'smi') },
    },
  ]
  return [
    { device: i440fxPcihost, id: PCI_BUS, at: { address: port(0xcf8), data: port(0xcfc) } },
    // INTA of slot 1 is line A.
    ...plugPci(
      { bus: PCI_BUS, memory: PCI_MEMORY, io: IO_SPACE, intx: [pirq(3), pirq(0), pirq(1), pirq(2)], firstSlot: 2 },
      [...chipset, ...(o.pci ?? [])],
    ),
  ]
}

/** RAM, over it what the PCI bus answers: the display and ROM area, and everything from the end of RAM on. */
function memoryOf(o: PcOptions): BoardMemory[] {
  const { below4G, above4G } = ramSplit(o.ramBytes), { bios } = o
  const aliasBytes = Math.min(bios.sizeBytes, ALIAS_BYTES)
  const high = Math.ceil((PC.TOP + above4G) / GIB) * GIB
  const highRam: BoardMemory = {
    kind: 'ram', name: 'ram-above-4g', at: PC.TOP, sizeBytes: above4G, hostOffset: o.ramHostOffset + below4G,
  }
  const view = (at: number, end: number) => ({ at, offset: at, sizeBytes: end - at })
  return [
    { kind: 'ram', name: 'ram', at: 0, sizeBytes: below4G, hostOffset: o.ramHostOffset },
    ...(above4G ? [highRam] : []),
    { kind: 'space', name: IO_SPACE, sizeBytes: 0x1_0000, aborts: true, views: [] },
    {
      kind: 'space', name: PCI_MEMORY, sizeBytes: 2 ** 53, aborts: true,
      views: [view(PC.LEGACY, PC.BIOS_ALIAS_END), view(below4G, PC.TOP), view(high, PCI_END)],
    },
    { kind: 'rom', name: 'bios', space: PCI_MEMORY, at: PC.TOP - bios.sizeBytes, ...bios },
    {
      kind: 'rom', name: 'isa-bios', space: PCI_MEMORY, at: PC.BIOS_ALIAS_END - aliasBytes, sizeBytes: aliasBytes,
      hostOffset: bios.hostOffset + bios.sizeBytes - aliasBytes,
    },
  ]
}
