// Everything that `-device` can add, by QEMU's names, with the bus it plugs into and the kind of back end behind it.
import type { AnyDevice, Property } from '../../device/define.ts'
import { isaDebugcon, isaDebugExit } from '../../devices/misc/debug-ports.ts'
import { vga } from '../../devices/display/vga.ts'
import { virtioBlk } from '../../devices/virtio/blk.ts'
import { virtioConsole } from '../../devices/virtio/console.ts'
import { virtioMmio, virtioMmioEmpty } from '../../devices/virtio/mmio.ts'
import { virtioNet } from '../../devices/virtio/net.ts'
import { virtioPci } from '../../devices/virtio/pci.ts'
import { virtioRng } from '../../devices/virtio/rng.ts'
import type { AnyKind } from '../../devices/virtio/virtio.ts'
import type { PropertyInfo } from '../control.ts'

export const FLOPPY_BUS = 'floppy-bus'
export type BackendKind = 'block' | 'net' | 'entropy' | 'char' | 'none'
export type Driver = {
  readonly name: string
  readonly description: string
  readonly bus: 'virtio-bus' | 'PCI' | 'virtio-serial-bus' | 'IDE' | 'ISA' | 'floppy-bus'
  readonly backend: BackendKind
  /** Absent: a part of another device (a console on a virtio-serial bus, a drive on an IDE channel). */
  readonly device?: AnyDevice
  readonly properties: readonly PropertyInfo[]
  /** The firmware file of its expansion ROM, which is its property `rom`. */
  readonly romFile?: string
}

/** Slots for virtio-mmio devices that nothing is in. */
export const emptySlot = virtioMmioEmpty

const virtio: readonly (readonly [kind: AnyKind, backend: BackendKind])[] =
  [[virtioBlk, 'block'], [virtioNet, 'net'], [virtioRng, 'entropy'], [virtioConsole, 'char']]

const text = (name: string, description: string): PropertyInfo => ({ name, type: 'text', description })

export const drivers: readonly Driver[] = [
  ...virtio.map(([kind, backend]) => driver(virtioPci(kind), 'PCI', backend)),
  ...virtio.map(([kind, backend]) => driver(virtioMmio(kind), 'virtio-bus', backend)),
  { ...driver(vga, 'PCI', 'none'), romFile: 'vgabios-stdvga.bin' },
  withChardev(isaDebugcon, 'ISA'),
  driver(isaDebugExit, 'ISA', 'none'),
  ideDrive('ide-hd', 'disk on an IDE channel'),
  ideDrive('ide-cd', 'CD-ROM drive on an IDE channel'),
  {
    name: 'floppy', description: 'floppy disk drive', bus: FLOPPY_BUS, backend: 'block',
    properties: [
      text('drive', 'id of the image'), { name: 'unit', type: 'number', description: '0: drive A, 1: drive B' },
      text('drive-type', '120, 144 or 288; auto: as the image needs it'),
    ],
  },
  {
    name: 'virtconsole', description: 'console on a virtio-serial device', bus: 'virtio-serial-bus', backend: 'char',
    properties: [text('chardev', 'id of the character device'), text('name', 'name of the port')],
  },
]

/** Shorter names: virtio-blk is virtio-blk-pci. */
export const aliases: { readonly [alias: string]: string } =
  Object.fromEntries(virtio.map(([kind]) => [`virtio-${kind.name}`, `virtio-${kind.name}-pci`]))

export const driverOf = (name: string): Driver | undefined => drivers.find(d => d.name === (aliases[name] ?? name))

function driver(device: AnyDevice, bus: Driver['bus'], backend: BackendKind): Driver {
  return { name: device.name, description: device.description!, bus, backend, device, properties: settable(device) }
}

function withChardev(device: AnyDevice, bus: Driver['bus']): Driver {
  const plain = driver(device, bus, 'char')
  return { ...plain, properties: [text('chardev', 'id of the character device'), ...plain.properties] }
}

function ideDrive(name: string, description: string): Driver {
  return {
    name, description, bus: 'IDE', backend: 'block',
    properties: [
      text('drive', 'id of the image'), { name: 'unit', type: 'number', description: '0: master, 1: slave' },
      text('serial', 'serial number'), text('model', 'name of the model'),
    ],
  }
}

function settable(device: AnyDevice): PropertyInfo[] {
  return Object.entries((device.properties ?? {}) as { [name: string]: Property }).flatMap(([name, p]) =>
    p.type === 'data' ? [] : [{
      name, type: p.type, description: p.description,
      ...(p.initial !== '' && { initial: p.initial === true ? 'on' : p.initial === false ? 'off' : String(p.initial) }),
    }])
}
