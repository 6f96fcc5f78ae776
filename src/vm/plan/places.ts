// Where a device goes: the virtio-mmio slot, the PCI address; and what firmware calls that place in the boot order.
import type { VmError } from '../../base/errors.ts'
import { suggest } from '../../base/nearest.ts'
import { parseAddr } from '../../device/pci.ts'
import { SIZE, VIRT, VIRTIO_SLOTS } from '../../machines/virt-riscv.ts'
import type { PropertyValue } from '../config.ts'
import type { DeviceSpec } from './board.ts'
import { driverOf } from './drivers.ts'
import type { MachineType } from './machine-type.ts'
import { slotId } from './virt-board.ts'
import { mistake } from './text.ts'

const noBus = (name: PropertyValue, buses: readonly string[]): VmError =>
  mistake('board.badConfig', `no bus '${String(name)}'`, suggest(String(name), buses))

/** Without a bus: the highest free slot, because kernels find the last slot first. */
export function virtioSlot(bus: PropertyValue | undefined, placed: readonly DeviceSpec[]): number {
  const slots = Array.from({ length: VIRTIO_SLOTS }, (_, i) => VIRTIO_SLOTS - 1 - i)
  const user = (slot: number) => placed.find(d => d.slot === slot)
  if (bus === undefined) {
    const free = slots.find(slot => !user(slot))
    if (free === undefined) throw mistake('board.badConfig', `all ${VIRTIO_SLOTS} virtio-mmio slots are taken`)
    return free
  }
  const slot = slots.find(n => slotId(n) === bus)
  if (slot === undefined) throw noBus(bus, slots.map(slotId))
  const other = user(slot)
  if (other) throw mistake('board.badConfig', `bus '${String(bus)}' is taken by '${other.id}'`)
  return slot
}

const PCI_SLOTS = 32
const textOf = (devfn: number): string => `${(devfn >> 3).toString(16).padStart(2, '0')}.${devfn & 7}`
const devfnOf = (d: DeviceSpec): number => parseAddr(String(d.properties['addr']), d.id)

/** Without an address: function 0 of the first free slot. */
export function pciAddress(
  pci: MachineType['pci'], bus: PropertyValue | undefined, addr: unknown, id: string, placed: readonly DeviceSpec[],
): string {
  if (bus !== undefined && bus !== pci.bus) throw noBus(bus, [pci.bus])
  const onBus = placed.filter(d => d.slot === undefined)
  const at = new Map([...pci.taken, ...onBus.map(d => [devfnOf(d), `'${d.id}'`] as const)])
  if (addr === undefined || addr === '') {
    let devfn = 8 * pci.firstSlot
    while (at.has(devfn)) devfn += 8
    if (devfn >= 8 * PCI_SLOTS) throw mistake('board.badConfig', `all ${PCI_SLOTS} PCI slots are taken`)
    return textOf(devfn)
  }
  const devfn = parseAddr(String(addr), id), other = at.get(devfn)
  if (other !== undefined) throw mistake('board.badConfig', `PCI address ${textOf(devfn)} is taken by ${other}`)
  return textOf(devfn)
}

/** A slot's functions beyond 0 are only found if function 0 says that there are more. */
export function checkFunctions(placed: readonly DeviceSpec[]): void {
  for (const d of placed) {
    if (d.slot !== undefined || devfnOf(d) % 8 === 0) continue
    const slot = textOf(devfnOf(d) & ~7)
    const first = placed.find(x => x.slot === undefined && devfnOf(x) === (devfnOf(d) & ~7))
    if (!first) throw mistake('board.badConfig', `'${d.id}' is function ${devfnOf(d) & 7} of a slot without function 0`)
    if (![true, 'on', 'yes', 'true'].includes(first.properties['multifunction'] as string | boolean))
      throw mistake('board.badConfig', `'${d.id}' shares a slot with '${first.id}' at ${slot}`,
        `multifunction=on for '${first.id}'`)
  }
}

/** A device's path in the list of boot devices, in the manner of Open Firmware and as QEMU writes it. */
export function bootPath(d: DeviceSpec, pci: MachineType['pci']): string {
  const block = driverOf(d.driver)?.backend === 'block', last = block ? 'disk@0,0' : 'ethernet-phy@0'
  if (d.slot !== undefined) {
    const at = VIRT.VIRTIO + d.slot * SIZE.VIRTIO
    return `/virtio-mmio@${at.toString(16).padStart(16, '0')}/${last}`
  }
  const devfn = devfnOf(d), unit = (devfn >> 3).toString(16) + (devfn & 7 ? `,${devfn & 7}` : '')
  return `${pci.bootPath}/${block ? 'scsi' : 'ethernet'}@${unit}/${last}`
}

const IDE_CHANNELS = 2, IDE_UNITS = 2
/** Which of the four: master and slave of the first channel, then of the second. Without a bus the first that is free. */
export function ideSlot(bus: PropertyValue | undefined, unit: PropertyValue | undefined, taken: readonly unknown[]): number {
  const channels = Array.from({ length: IDE_CHANNELS }, (_, n) => `ide.${n}`), channel = channels.indexOf(String(bus))
  if (bus !== undefined && channel < 0) throw noBus(bus, channels)
  if (unit !== undefined && !(Number(unit) >= 0 && Number(unit) < IDE_UNITS))
    throw mistake('device.badProperty', `unit=${String(unit)} is not 0 or 1`)
  const places = Array.from({ length: IDE_CHANNELS * IDE_UNITS }, (_, n) => n).filter(n =>
    (bus === undefined || n >> 1 === channel) && (unit === undefined || (n & 1) === Number(unit)))
  const slot = places.find(n => taken[n] === undefined)
  if (slot === undefined)
    throw mistake('board.badConfig', places.length === 1 ? `${channels[places[0]! >> 1]!} has a drive ${places[0]! & 1} already`
      : `no place is free for another IDE drive`, 'at most two on each of ide.0 and ide.1')
  return slot
}
/** As `bootPath`. */
export const floppyBootPath = (unit: number): string => `/pci@i0cf8/isa@1/fdc@03f0/floppy@${unit}`
export const ideBootPath = (slot: number): string => `/pci@i0cf8/ide@1,1/drive@${slot >> 1}/disk@${slot & 1}`
