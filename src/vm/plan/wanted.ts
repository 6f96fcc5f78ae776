// The devices that a configuration asks for, in whichever way, in the order in which they take their places: cards of
// `-nic`, `-device`, disks of `-drive`.
import { VmError } from '../../base/errors.ts'
import { suggest } from '../../base/nearest.ts'
import type { MachineConfig, PropertyBag } from '../config.ts'
import { type Driver, driverOf, drivers, emptySlot, FLOPPY_BUS } from './drivers.ts'
import { isOtherDevice } from './known.ts'
import type { MachineType } from './machine-type.ts'
import { blame, mistake } from './text.ts'

export type Wanted = {
  readonly driver: Driver
  readonly id: string | undefined
  /** As given, and what `-global` says. */
  readonly properties: PropertyBag
  /** The part of the configuration. */
  readonly where: string
}

const DEFAULT_CARD = 'virtio-net-pci', DEFAULT_DISK = 'virtio-blk-pci'

export function wantedDevices(config: MachineConfig, type: MachineType): Wanted[] {
  const withGlobals = (w: Wanted): Wanted => ({ ...w, properties: { ...globalsOf(config, w.driver), ...w.properties } })
  const all = [...cards(config), ...devices(config), ...disks(config, type)].map(withGlobals)
  for (const { driver, where } of all)
    if (!type.buses.includes(driver.bus))
      throw blame(where, mistake('board.unknownDevice', `this machine has no bus for '${driver.name}': ${driver.bus}`))
  // The display card comes first, and drives of numbered places before the others.
  const rank = (w: Wanted) => (w.driver.name === 'VGA' ? 0 : w.properties['unit'] !== undefined ? 1 : 2)
  return all.sort((a, b) => rank(a) - rank(b))
}

/** What a drive is called: a device's property `drive` names it. */
export const driveId = (config: MachineConfig, i: number): string => config.drives![i]!.id ?? `drive${i}`
/** What the back end of `-nic` is called. */
export const nicId = (config: MachineConfig, i: number): string => config.nics![i]!.id ?? `nic${i}`

/** The driver of that name; throws VmError. */
export function findDriver(name: string): Driver {
  const driver = driverOf(name)
  if (driver) return driver
  if (isOtherDevice(name))
    throw mistake('board.unknownDevice', `not implemented: device '${name}'`, '-device help lists what there is')
  throw mistake('board.unknownDevice', `no device '${name}'`, suggest(name, drivers.map(d => d.name), '-device help'))
}

/** `part` runs for one part of the configuration. */
function at<T>(where: string, part: () => T): T {
  try {
    return part()
  } catch (error) {
    throw error instanceof VmError ? blame(where, error) : error
  }
}

function devices(config: MachineConfig): Wanted[] {
  return (config.devices ?? []).map((d, i) => {
    const where = `devices[${i}]`
    return { driver: at(where, () => findDriver(d.driver)), id: d.id, properties: d.properties ?? {}, where }
  })
}

function cards(config: MachineConfig): Wanted[] {
  return (config.nics ?? []).flatMap((n, i) => {
    if (n.type === 'none') return []
    const where = `nics[${i}]`
    return at(where, () => {
      const driver = findDriver(n.model === undefined || n.model === 'virtio' ? DEFAULT_CARD : n.model)
      if (driver.backend !== 'net')
        throw mistake('board.unknownDevice', `'${driver.name}' is no network card`,
          `for instance model=${DEFAULT_CARD}`)
      const properties = { netdev: nicId(config, i), ...(n.mac !== undefined && { mac: n.mac }) }
      return [{ driver, id: undefined, properties, where }]
    })
  })
}

/** Drives of an interface make their own device; those without `if=` as well, unless a device names them. */
function disks(config: MachineConfig, type: MachineType): Wanted[] {
  const named = new Set((config.devices ?? []).map(d => d.properties?.['drive']))
  return (config.drives ?? []).flatMap((d, i) => {
    const where = `drives[${i}]`, id = driveId(config, i)
    if (d.kind === 'blockdev' || d.interface === 'none' || (d.interface === undefined && named.has(id))) return []
    const on = d.interface ?? type.disk, properties = { drive: id }
    if (on === 'virtio') return [{ driver: driverOf(DEFAULT_DISK)!, id: undefined, properties, where }]
    if (on === 'floppy' && type.buses.includes(FLOPPY_BUS))
      return [{ driver: driverOf('floppy')!, id: undefined, properties: { ...properties, ...(d.index !== undefined && { unit: d.index }) }, where }]
    if (on !== 'ide' || type.disk !== 'ide')
      throw blame(where, mistake('block.unsupported', `not implemented: if=${on} on this machine`,
        'if=virtio, or if=none and a -device'))
    const driver = driverOf(d.media === 'cdrom' ? 'ide-cd' : 'ide-hd')!
    const place = d.index === undefined ? {} : at(where, () => idePlace(d.index!))
    return [{ driver, id: undefined, properties: { ...properties, ...place }, where }]
  })
}

/** `index=` of an IDE drive, as two properties. */
function idePlace(index: number): PropertyBag {
  if (!Number.isInteger(index) || index < 0 || index > 3)
    throw mistake('block.unsupported', `there is no IDE drive ${index}`, 'index=0 to 3')
  return { bus: `ide.${index >> 1}`, unit: index & 1 }
}

// ---- -global ----

export const noProperty = (driver: Pick<Driver, 'name' | 'properties'>, name: string): VmError =>
  mistake('device.badProperty', `device '${driver.name}' has no property '${name}'`,
        suggest(name, driver.properties.map(p => p.name), `-device ${driver.name},help`))

/** Settings of the slots have the slots' name. */
const TRANSPORT = 'force-legacy'

function globalsOf(config: MachineConfig, driver: Driver): PropertyBag {
  return Object.fromEntries((config.globals ?? [])
    .filter(g =>
      g.driver === emptySlot.name ? driver.bus === 'virtio-bus' : driverOf(g.driver)?.name === driver.name)
    .map(g => [g.property, g.value]))
}

/** Checks `-global`, and gives the settings of slots without a device. */
export function slotSettings(config: MachineConfig): PropertyBag {
  const slots: { [name: string]: string } = {}
  config.globals?.forEach((g, i) => at(`globals[${i}]`, () => {
    if (g.driver === emptySlot.name) {
      if (g.property !== TRANSPORT) throw noProperty({ name: g.driver, properties: [] }, g.property)
      slots[g.property] = g.value
      return
    }
    const driver = findDriver(g.driver)
    if (!driver.properties.some(p => p.name === g.property)) throw noProperty(driver, g.property)
  }))
  return slots
}
