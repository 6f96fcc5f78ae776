// What a machine consists of, as plain data that other threads can have, and the board that each of them makes of it.
import type { Board, BoardDevice, BoardMemory } from '../../device/board.ts'
import type { FloppyDrive } from '../../devices/block/fdc.ts'
import type { DriveSpec } from '../../devices/block/ata.ts'
import type { Topology } from '../../machines/pc.ts'
import type { SmbiosOptions } from '../../machines/smbios.ts'
import type { Arch } from '../config.ts'
import { driverOf } from './drivers.ts'
import { pcBoardOf } from './pc-board.ts'
import { mistake } from './text.ts'
import { virtBoardOf } from './virt-board.ts'

export type DeviceSpec = {
  /** QEMU's name. */
  readonly driver: string
  /** The board's id. */
  readonly id: string
  /** As given by the user; what the assembly found out (a disk's size) added. */
  readonly properties: { readonly [name: string]: unknown }
  /** Number of the virtio-mmio slot; left out: on the PCI bus, at the address in its property `addr`. */
  readonly slot?: number
}

/** Memory that the guest cannot write. */
export type RomSpec = { readonly name: string; readonly at: number; readonly sizeBytes: number }

/** What all machines have. Plain data; every thread makes the same board of it. */
export type SpecCore = {
  readonly arch: Arch
  /** The processor model with its features. */
  readonly cpu: string
  readonly harts: number
  readonly ramBytes: number
  /** Where guest memory begins in the one memory: RAM, then ROMs (see guestBytesOf). */
  readonly ramHostOffset: number
  readonly roms: readonly RomSpec[]
  readonly devices: readonly DeviceSpec[]
  readonly fwCfgFiles: { readonly [name: string]: Uint8Array }
  readonly fwCfgItems: { readonly [key: number]: Uint8Array }
}
export type VirtSpec = SpecCore & {
  readonly machine: 'virt'
  /** force-legacy of the slots without a device, from `-global`. */
  readonly emptySlots: { readonly [name: string]: unknown }
}
export type PcSpec = SpecCore & {
  readonly machine: 'pc'
  readonly smbios: SmbiosOptions
  readonly topology: Topology
  readonly serials: number
  readonly parallels: number
  /** Letters of `-boot order=`. */
  readonly bootOrder: string
  /** Of `-boot once=`: for the first start. */
  readonly bootOnce?: string
  /** Floppy drives A and B. */
  readonly floppies: readonly (FloppyDrive | undefined)[]
  /** Devices on ports, which their property `iobase` names. */
  readonly isa: readonly DeviceSpec[]
  /** Master and slave of the first IDE channel, then of the second. */
  readonly ide: readonly (DriveSpec | undefined)[]
}
export type BoardSpec = VirtSpec | PcSpec

const PAGE = 4096
const pages = (bytes: number): number => Math.ceil(bytes / PAGE) * PAGE

/** Bytes of the one memory that guest RAM and ROMs take, from `ramHostOffset` on. */
export const guestBytesOf = (spec: BoardSpec): number =>
  spec.roms.reduce((n, rom) => n + pages(rom.sizeBytes), pages(spec.ramBytes))

/** The same board from the same data, whichever thread asks. */
export const boardOf = (spec: BoardSpec): Board => (spec.machine === 'pc' ? pcBoardOf(spec) : virtBoardOf(spec))

export function deviceOf({ driver, id, properties }: DeviceSpec): Pick<BoardDevice, 'device' | 'id' | 'properties'> {
  const device = driverOf(driver)?.device
  if (!device) throw mistake('board.unknownDevice', `no device '${driver}'`)
  return { device, id, properties }
}

/** Where each ROM is in the one memory. */
export function romsOf(spec: SpecCore): (BoardMemory & { readonly kind: 'rom' })[] {
  let hostOffset = spec.ramHostOffset + pages(spec.ramBytes)
  return spec.roms.map(({ name, at, sizeBytes }) => {
    const rom = { kind: 'rom' as const, name, at, sizeBytes, hostOffset }
    hostOffset += pages(sizeBytes)
    return rom
  })
}
