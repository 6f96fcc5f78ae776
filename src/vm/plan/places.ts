// Where a device goes: the virtio-mmio slot, the PCI address; and what firmware calls that place in the boot order.
import type { VmError } from '../../base/errors.ts'
import { suggest } from '../../base/nearest.ts'
import { parseAddr } from '../../device/pci.ts'
import { PCI_BUS, SIZE, VIRT, VIRTIO_SLOTS } from '../../machines/virt-riscv.ts'
import type { PropertyValue } from '../config.ts'
import type { DeviceSpec } from './board.ts'
import { slotId } from './board.ts'
import { driverOf } from './drivers.ts'
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

/** Without an address: function 0 of the first free slot. Slot 0 is the host bridge's. */
export function pciAddress(
  bus: PropertyValue | undefined, addr: unknown, id: string, placed: readonly DeviceSpec[],
): string {
  if (bus !== undefined && bus !== PCI_BUS) throw noBus(bus, [PCI_BUS])
  const onBus = placed.filter(d => d.slot === undefined)
  const at = new Map([[0, 'the host bridge'], ...onBus.map(d => [devfnOf(d), `'${d.id}'`] as const)])
  if (addr === undefined || addr === '') {
    let devfn = 0
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
export function bootPath(d: DeviceSpec): string {
  const block = driverOf(d.driver)?.backend === 'block', last = block ? 'disk@0,0' : 'ethernet-phy@0'
  if (d.slot !== undefined) {
    const at = VIRT.VIRTIO + d.slot * SIZE.VIRTIO
    return `/virtio-mmio@${at.toString(16).padStart(16, '0')}/${last}`
  }
  const devfn = devfnOf(d), unit = (devfn >> 3).toString(16) + (devfn & 7 ? `,${devfn & 7}` : '')
  return `/pci@ffffffffffffffff/${block ? 'scsi' : 'ethernet'}@${unit}/${last}`
}
