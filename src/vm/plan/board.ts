// What a machine consists of, as plain data that other threads can have, and the board that each of them makes of it.
import type { Board, BoardDevice, BoardMemory } from '../../device/board.ts'
import { VIRTIO_SLOTS, virtBoard } from '../../machines/virt-riscv.ts'
import type { Arch } from '../config.ts'
import { driverOf, emptySlot } from './drivers.ts'
import { mistake } from './text.ts'

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

/** Plain data; every thread makes the same board of it. */
export type BoardSpec = {
  readonly machine: 'virt'
  readonly arch: Arch
  readonly harts: number
  readonly ramBytes: number
  /** Where guest memory begins in the one memory: RAM, then ROMs (see guestBytesOf). */
  readonly ramHostOffset: number
  readonly roms: readonly RomSpec[]
  readonly devices: readonly DeviceSpec[]
  /** force-legacy of the slots without a device, from `-global`. */
  readonly emptySlots: { readonly [name: string]: unknown }
  readonly fwCfgFiles: { readonly [name: string]: Uint8Array }
  readonly fwCfgItems: { readonly [key: number]: Uint8Array }
}

const PAGE = 4096
const pages = (bytes: number): number => Math.ceil(bytes / PAGE) * PAGE

/** Bytes of the one memory that guest RAM and ROMs take, from `ramHostOffset` on. */
export const guestBytesOf = (spec: BoardSpec): number =>
  spec.roms.reduce((n, rom) => n + pages(rom.sizeBytes), pages(spec.ramBytes))

/** The same board from the same data, whichever thread asks. */
export function boardOf(spec: BoardSpec): Board {
  const at = (n: number): DeviceSpec | undefined => spec.devices.find(d => d.slot === n)
  const board = virtBoard({
    harts: spec.harts, ramBytes: spec.ramBytes, ramHostOffset: spec.ramHostOffset,
    virtio: Array.from({ length: VIRTIO_SLOTS }, (_, i) => {
      const n = VIRTIO_SLOTS - 1 - i, d = at(n)
      return d ? deviceOf(d) : { device: emptySlot, id: slotId(n), properties: spec.emptySlots }
    }),
    pci: spec.devices.filter(d => d.slot === undefined).map(deviceOf),
    fwCfgFiles: spec.fwCfgFiles, fwCfgItems: spec.fwCfgItems,
  })
  return { ...board, memory: [...board.memory, ...romsOf(spec)] }
}

export const slotId = (n: number): string => `virtio-mmio-bus.${n}`

function deviceOf({ driver, id, properties }: DeviceSpec): Pick<BoardDevice, 'device' | 'id' | 'properties'> {
  const device = driverOf(driver)?.device
  if (!device) throw mistake('board.unknownDevice', `no device '${driver}'`)
  return { device, id, properties }
}

function romsOf(spec: BoardSpec): BoardMemory[] {
  let hostOffset = spec.ramHostOffset + pages(spec.ramBytes)
  return spec.roms.map(({ name, at, sizeBytes }) => {
    const rom = { kind: 'rom' as const, name, at, sizeBytes, hostOffset }
    hostOffset += pages(sizeBytes)
    return rom
  })
}
