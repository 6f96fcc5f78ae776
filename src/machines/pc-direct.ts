// What firmware would leave behind, for kernels that start without it: the system's tables in memory, a ROM that leads to them,
// the memory map, registers of the chipset as SeaBIOS sets them.
import { PAM } from '../devices/pci/i440fx.ts'
import { bytesOf } from './acpi/aml.ts'
import { pcAcpi } from './pc-acpi.ts'
import { IRQ, PC, ramSplit, type PcOptions } from './pc.ts'
import { smbios } from './smbios.ts'

export type MemoryImage = { readonly name: string; readonly pa: number; readonly bytes: Uint8Array }
/** As the BIOS call E820h numbers them. */
export const E820 = { RAM: 1, RESERVED: 2, ACPI: 3 } as const
export type MemoryRange = { readonly at: number; readonly sizeBytes: number; readonly type: number }
/** A write to a port: address, size in bytes, value. */
export type PortWrite = readonly [port: number, size: number, value: number]

export type DirectTables = {
  readonly rom: Uint8Array
  readonly images: readonly MemoryImage[]
  readonly rsdp: number
  readonly memoryMap: readonly MemoryRange[]
  /** The end of the RAM below 4 GiB that a kernel may use. */
  readonly lowEnd: number
}

const ROM_BYTES = 0x1_0000, ROM_AT = 0xf_0000, EBDA = 0x9_fc00
/** In the ROM. */
const RSDP_AT = 0xf_0000, SMBIOS_AT = 0xf_0100, SMBIOS_TABLES_AT = 0xf_0200
/** At the reset vector: asks the keyboard controller for a reset, and waits. mov al, FEh; out 64h, al; hlt; jmp $-1. */
const RESET_CODE = [0xb0, 0xfe, 0xe6, 0x64, 0xf4, 0xeb, 0xfd]
const RESET_AT = 0xfff0, PAGE = 4096

export function directTables(o: PcOptions): DirectTables {
  const { below4G, above4G } = ramSplit(o.ramBytes)
  const files: { readonly [name: string]: Uint8Array } = { ...pcAcpi(o) }, tables = files['etc/acpi/tables']!
  const tablesAt = Math.floor((below4G - tables.length) / PAGE) * PAGE
  const placed = link(files, { 'etc/acpi/tables': tablesAt, 'etc/acpi/rsdp': RSDP_AT })
  const rom = new Uint8Array(ROM_BYTES), put = (at: number, bytes: ArrayLike<number>) => rom.set(bytes, at - ROM_AT)
  put(RSDP_AT, placed['etc/acpi/rsdp']!)
  const dmi = smbios(o)
  put(SMBIOS_TABLES_AT, dmi['etc/smbios/smbios-tables']!)
  put(SMBIOS_AT, anchored(dmi['etc/smbios/smbios-anchor']!, SMBIOS_TABLES_AT))
  rom.set(RESET_CODE, RESET_AT)
  const range = (at: number, end: number, type: number): MemoryRange => ({ at, sizeBytes: end - at, type })
  return {
    rom, rsdp: RSDP_AT, lowEnd: tablesAt,
    images: [{ name: 'acpi', pa: tablesAt, bytes: placed['etc/acpi/tables']! }],
    memoryMap: [
      range(0, EBDA, E820.RAM), range(EBDA, 0xa_0000, E820.RESERVED), range(ROM_AT, 0x10_0000, E820.RESERVED),
      range(0x10_0000, tablesAt, E820.RAM), range(tablesAt, below4G, E820.ACPI),
      ...(above4G ? [range(PC.TOP, PC.TOP + above4G, E820.RAM)] : []),
    ],
  }
}

const COMMAND_BYTES = 128, NAME_BYTES = 56, COMMAND = { ALLOCATE: 1, ADD_POINTER: 2, ADD_CHECKSUM: 3 }

/** Does what the script `etc/table-loader` tells firmware to do, with files at given addresses. */
export function link(
  files: { readonly [name: string]: Uint8Array }, at: { readonly [name: string]: number },
): { readonly [name: string]: Uint8Array } {
  const script = files['etc/table-loader']!, v = new DataView(script.buffer, script.byteOffset), out: { [name: string]: Uint8Array } = {}
  const text = (from: number) => new TextDecoder().decode(script.subarray(from, from + NAME_BYTES)).replace(/\0+$/, '')
  for (let c = 0; c < script.length; c += COMMAND_BYTES) {
    const name = text(c + 4), word = (offset: number) => v.getUint32(c + 4 + NAME_BYTES + offset, true)
    switch (v.getUint32(c, true)) {
      case COMMAND.ALLOCATE:
        out[name] = files[name]!.slice()
        break
      case COMMAND.ADD_POINTER: {
        const bytes = out[name]!, field = new DataView(bytes.buffer), offset = word(NAME_BYTES)
        field.setUint32(offset, field.getUint32(offset, true) + at[text(c + 4 + NAME_BYTES)]!, true)
        break
      }
      case COMMAND.ADD_CHECKSUM: {
        const bytes = out[name]!, start = word(4)
        bytes[word(0)] = bytes[word(0)]! - sum(bytes.subarray(start, start + word(8)))
        break
      }
      default: throw new Error(`command ${v.getUint32(c, true)} of the table loader`)
    }
  }
  return out
}
const sum = (bytes: Uint8Array): number => bytes.reduce((n, b) => (n + b) & 0xff, 0)

/** The entry point of the system management tables, with their address. DSP0134, section 5.2.1. */
function anchored(anchor: Uint8Array, tables: number): Uint8Array {
  const bytes = anchor.slice(), INTERMEDIATE = 0x10, ADDRESS = 0x18
  new DataView(bytes.buffer).setUint32(ADDRESS, tables, true)
  bytes[INTERMEDIATE + 5] = bytes[INTERMEDIATE + 5]! - sum(bytes.subarray(INTERMEDIATE))
  bytes[4] = bytes[4]! - sum(bytes)
  return bytes
}

const CONFIG = { ADDRESS: 0xcf8, DATA: 0xcfc }, HOST = 0, ISA = 0x08, IDE = 0x09, PM = 0x0b
/** Both halves of a segment register: reads and writes go to RAM. */
const RAM_RAM = 0x33
const LINES = [10, 10, 11, 11]
const config = (devfn: number, register: number, size: number, value: number): PortWrite[] => [
  [CONFIG.ADDRESS, 4, 0x8000_0000 + devfn * 256 + (register & 0xfc)], [CONFIG.DATA + (register & 3), size, value],
]
/** After every reset: RAM from C0000h to EFFFFh; routes of the PCI interrupt lines, which are levels; IDE decodes its ports; power management has its. */
export const chipsetWrites: readonly PortWrite[] = [
  ...[1, 2, 3, 4, 5, 6].flatMap(n => config(HOST, PAM + n, 1, RAM_RAM)),
  ...LINES.flatMap((irq, n) => config(ISA, 0x60 + n, 1, irq)),
  [0x4d0, 1, 0], [0x4d1, 1, ((1 << 10) | (1 << 11) | (1 << IRQ.SCI)) >> 8],
  ...config(IDE, 0x40, 2, 0x8000), ...config(IDE, 0x42, 2, 0x8000), ...config(IDE, 0x04, 2, 1),
  ...config(PM, 0x40, 4, PC.PM_IO + 1), ...config(PM, 0x80, 1, 1), ...config(PM, 0x3c, 1, IRQ.SCI),
]

/** Entries of 20 bytes: address, size, type. */
export const e820Entries = (map: readonly MemoryRange[]): number[] =>
  map.flatMap(({ at, sizeBytes, type }) => [...bytesOf(at, 8), ...bytesOf(sizeBytes, 8), ...bytesOf(type, 4)])
