// Everything that `-device` can add, by QEMU's names, with the bus it plugs into and the kind of back end behind it.
import type { AnyDevice, Property } from '../../device/define.ts'
import { virtioBlk } from '../../devices/virtio/blk.ts'
import { virtioConsole } from '../../devices/virtio/console.ts'
import { virtioMmio, virtioMmioEmpty } from '../../devices/virtio/mmio.ts'
import { virtioNet } from '../../devices/virtio/net.ts'
import { virtioPci } from '../../devices/virtio/pci.ts'
import { virtioRng } from '../../devices/virtio/rng.ts'
import type { AnyKind } from '../../devices/virtio/virtio.ts'
import type { PropertyInfo } from '../control.ts'

export type BackendKind = 'block' | 'net' | 'entropy' | 'char'
export type Driver = {
  readonly name: string
  readonly description: string
  readonly bus: 'virtio-bus' | 'PCI' | 'virtio-serial-bus'
  readonly backend: BackendKind
  /** Absent: a part of another device (a console on a virtio-serial bus). */
  readonly device?: AnyDevice
  readonly properties: readonly PropertyInfo[]
}

/** Slots for virtio-mmio devices that nothing is in. */
export const emptySlot = virtioMmioEmpty

const virtio: readonly (readonly [kind: AnyKind, backend: BackendKind])[] =
  [[virtioBlk, 'block'], [virtioNet, 'net'], [virtioRng, 'entropy'], [virtioConsole, 'char']]

const text = (name: string, description: string): PropertyInfo => ({ name, type: 'text', description })

export const drivers: readonly Driver[] = [
  ...virtio.map(([kind, backend]) => driver(virtioPci(kind), 'PCI', backend)),
  ...virtio.map(([kind, backend]) => driver(virtioMmio(kind), 'virtio-bus', backend)),
  {
    name: 'virtconsole', description: 'console on a virtio-serial device', bus: 'virtio-serial-bus', backend: 'char',
    properties: [text('chardev', 'id of the character device'), text('name', 'name of the port')],
  },
]

/** Shorter names: virtio-blk is virtio-blk-pci. */
const aliases: { readonly [alias: string]: string } =
  Object.fromEntries(virtio.map(([kind]) => [`virtio-${kind.name}`, `virtio-${kind.name}-pci`]))

export const driverOf = (name: string): Driver | undefined => drivers.find(d => d.name === (aliases[name] ?? name))

/** Devices of QEMU that somebody may ask for. */
const others = ['virtserialport', 'virtio-balloon', 'virtio-crypto', 'virtio-gpu', 'virtio-input-host', 'virtio-iommu', 'virtio-keyboard',
  'virtio-mem', 'virtio-mouse', 'virtio-pmem', 'virtio-scsi', 'virtio-snd', 'virtio-sound', 'virtio-tablet', 'virtio-9p', 'virtio-vga',
  'vhost-user-blk', 'vhost-user-fs', 'vhost-user-gpu', 'vhost-vsock', 'vhost-scsi', 'e1000', 'e1000e', 'igb', 'rtl8139', 'ne2k_pci',
  'pcnet', 'vmxnet3', 'i82551', 'i82557b', 'i82559er', 'tulip', 'usb-net', 'nvme', 'ahci', 'ich9-ahci', 'ide-hd', 'ide-cd', 'scsi-hd',
  'scsi-cd', 'scsi-generic', 'lsi53c895a', 'megasas', 'sdhci-pci', 'sd-card', 'pcie-root-port', 'pcie-pci-bridge', 'pci-bridge',
  'qemu-xhci', 'nec-usb-xhci', 'pci-ohci', 'usb-ehci', 'ich9-usb-uhci1', 'piix3-usb-uhci', 'usb-kbd', 'usb-mouse', 'usb-tablet',
  'usb-storage', 'usb-hub', 'usb-audio', 'VGA', 'bochs-display', 'cirrus-vga', 'ati-vga', 'qxl', 'ramfb', 'AC97', 'ES1370', 'intel-hda',
  'ich9-intel-hda', 'hda-duplex', 'pci-serial', 'edu', 'pci-testdev', 'loader', 'guest-loader', 'ivshmem-plain', 'vfio-pci', 'tpm-tis-device',
  'i6300esb', 'pvpanic-pci', 'riscv-iommu-pci', 'nvdimm', 'pc-dimm']

/** Whether QEMU has such a device: then it is missing here, not misspelt. */
export function isKnownElsewhere(name: string): boolean {
  const stem = name.replace(/-(device|pci|pci-non-transitional|pci-transitional)$/, '')
  return others.includes(name) || others.includes(stem)
}

function driver(device: AnyDevice, bus: Driver['bus'], backend: BackendKind): Driver {
  return { name: device.name, description: device.description!, bus, backend, device, properties: settable(device) }
}

function settable(device: AnyDevice): PropertyInfo[] {
  return Object.entries((device.properties ?? {}) as { [name: string]: Property }).flatMap(([name, p]) =>
    p.type === 'data' ? [] : [{
      name, type: p.type, description: p.description,
      ...(p.initial !== '' && { initial: typeof p.initial === 'boolean' ? (p.initial ? 'on' : 'off') : String(p.initial) }),
    }])
}
