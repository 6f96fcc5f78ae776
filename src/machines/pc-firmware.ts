// What PC firmware reads through fw_cfg: items by number, and files: memory map, ACPI tables, SMBIOS tables.
// Names, numbers and formats are QEMU's and SeaBIOS's.
import { FW_CFG } from '../devices/firmware/fw-cfg.ts'
import { bytesOf } from './acpi/aml.ts'
import { pcAcpi } from './pc-acpi.ts'
import { PC, ramSplit, type PcOptions } from './pc.ts'
import { smbios } from './smbios.ts'

const ARCH_LOCAL = 0x8000
const ITEM = {
  ACPI_TABLES: ARCH_LOCAL, SMBIOS: ARCH_LOCAL + 1, IRQ0_OVERRIDE: ARCH_LOCAL + 2, E820: ARCH_LOCAL + 3,
}
const E820_RAM = 1
/** Sleep states as firmware sees them: which exist (bit 7), and the values that name them. */
const SLEEP_STATES = [128, 0, 0, 1, 128 | 2, 128]

export type Firmware = {
  readonly fwCfgItems: { readonly [key: number]: Uint8Array }
  readonly fwCfgFiles: { readonly [name: string]: Uint8Array }
}

/** To be merged into the options of the board; `bootOrder` is the contents of the file `bootorder`. */
export function pcFirmware(o: PcOptions, bootOrder: Uint8Array = new Uint8Array(0)): Firmware {
  const number = (value: number, size: number) => Uint8Array.from(bytesOf(value, size))
  return {
    fwCfgItems: {
      [FW_CFG.RAM_SIZE]: number(o.ramBytes, 8),
      [FW_CFG.NB_CPUS]: number(o.cpus, 2),
      [FW_CFG.MAX_CPUS]: number(Math.max(o.cpus, ...(o.apicIds ?? []).map(id => id + 1)), 2), // one more than the highest APIC number
      [FW_CFG.BOOT_MENU]: number(0, 2),
      [FW_CFG.NUMA]: new Uint8Array(8 * (1 + o.cpus)), // no nodes
      [ITEM.IRQ0_OVERRIDE]: number(1, 4),
      [ITEM.E820]: number(0, 4), // what firmware would add: nothing
      ...o.fwCfgItems,
    },
    fwCfgFiles: {
      bootorder: bootOrder,
      'bios-geometry': new Uint8Array(0),
      'etc/boot-fail-wait': number(0xffffffff, 4),
      'etc/e820': memoryMap(o),
      'etc/system-states': Uint8Array.from(SLEEP_STATES),
      ...smbios(o),
      ...pcAcpi(o),
      ...o.fwCfgFiles,
    },
  }
}

function memoryMap(o: PcOptions): Uint8Array {
  const { below4G, above4G } = ramSplit(o.ramBytes)
  const entry = (at: number, length: number) => [...bytesOf(at, 8), ...bytesOf(length, 8), ...bytesOf(E820_RAM, 4)]
  return Uint8Array.from([...entry(0, below4G), ...(above4G ? entry(PC.TOP, above4G) : [])])
}
