// Devices with what is behind them: which drive, network or source of entropy belongs to which device; where they are.
import { hostEntropy } from '../../backends/entropy.ts'
import type { BlockNode } from '../../backends/block/open.ts'
import { blaming, VmError } from '../../base/errors.ts'
import { suggest } from '../../base/nearest.ts'
import { propertiesOf } from '../../device/properties.ts'
import type { Media } from '../../device/block.ts'
import type { Backend } from '../../device/work.ts'
import type { DriveSpec } from '../../devices/block/ata.ts'
import type { FloppyDrive } from '../../devices/block/fdc.ts'
import type { Host } from '../../host/host.ts'
import type { MachineConfig, PropertyBag, PropertyValue } from '../config.ts'
import type { BlockInfo, NetInfo } from '../control.ts'
import type { DeviceSpec } from './board.ts'
import { findFirmware } from './boot.ts'
import { type Drive, type Drives, openDrives } from './disks.ts'
import { type Driver, driverOf, FLOPPY_BUS } from './drivers.ts'
import type { MachineType } from './machine-type.ts'
import { floppyDrive, floppyUnit } from './floppies.ts'
import { hardwareAddresses, type Nets, planNets } from './nets.ts'
import { FLOPPY_ID, IDE_ID } from './pc-board.ts'
import { bootPath, checkFunctions, floppyBootPath, ideBootPath, ideSlot, pciAddress, virtioSlot } from './places.ts'
import { noProperty, slotSettings, type Wanted, wantedDevices } from './wanted.ts'
import { mistake } from './text.ts'

/** The back ends of a controller's drives, by number. */
export type UnitsBackend = OpenBackend & { readonly units: (BlockNode | undefined)[] }
const NO_DISC: Media = { sizeBytes: 0, readOnly: true }

export type OpenBackend = Backend & { close?(): void | Promise<void> }
export type Attachment = {
  /** The board's id; undefined: a back end that no device uses. */
  readonly device?: string
  /** Hands the back end over, once; it is the caller's to close. */
  open(): Promise<OpenBackend>
  readonly info?: BlockInfo
}
export type Serial = { readonly device: string; readonly chardev?: string }

export type DevicesPlan = {
  readonly devices: readonly DeviceSpec[]
  readonly attachments: readonly Attachment[]
  /** Devices with a character back end beside the board's own. */
  readonly serials: readonly Serial[]
  /** All drives, also those that no device uses. */
  readonly blocks: readonly BlockInfo[]
  readonly nets: readonly NetInfo[]
  /** Drives of the IDE controller, by number. */
  readonly ide: readonly (DriveSpec | undefined)[]
  /** Devices on ports. */
  readonly isa: readonly DeviceSpec[]
  /** Drives A and B. */
  readonly floppies: readonly (FloppyDrive | undefined)[]
  /** Settings of slots without a device. */
  readonly emptySlots: PropertyBag
  /** Contents of the file `bootorder` for firmware. */
  readonly bootOrder: Uint8Array
  /** Closes what nobody has taken. */
  dispose(): Promise<void>
}

export async function planDevices(config: MachineConfig, host: Host, type: MachineType): Promise<DevicesPlan> {
  const emptySlots = slotSettings(config), nets = planNets(config, host), wanted = wantedDevices(config, type)
  const drives = await openDrives(config, host)
  try {
    const p: Progress = {
      config, host, type, drives, nets, wanted, ids: new Set(type.soldered),
      devices: [], attachments: [], cards: [], consoles: new Map(), order: new Map(), ide: [], isa: [], floppies: [], floppyDrives: [], ideDrives: [],
      nextMac: hardwareAddresses(wanted.map(w => w.properties['mac'])),
    }
    for (const w of wanted) await blaming(w.where, () => (w.driver.bus === 'ISA' ? addIsaDevice(w, p) : w.driver.bus === FLOPPY_BUS ? addFloppy(w, p)
      : w.driver.device ? addDevice(w, p) : w.driver.bus === 'IDE' ? addIdeDrive(w, p) : addConsole(w, p)))
    for (const [bus, device, units] of [['IDE', IDE_ID, p.ideDrives], [FLOPPY_BUS, FLOPPY_ID, p.floppyDrives]] as const)
      if (type.buses.includes(bus)) p.attachments.push({ device, open: async () => unitsBackend(units.map(d => d && drives.handOver(d))) })
    await blaming('devices', () => checkFunctions(p.devices))
    for (const open of nets.rest()) p.attachments.push({ open })
    const strict = config.boot?.['strict'], paths = [...p.order].sort(([a], [b]) => a - b).map(([, { path }]) => path)
    if (paths.length && (strict === true || strict === 'on')) paths.push(NOTHING_ELSE)
    return {
      devices: p.devices, attachments: p.attachments, emptySlots, ide: p.ide, isa: p.isa, floppies: p.floppies,
      serials: [...p.consoles].map(([device, chardev]) => ({ device, ...(chardev && { chardev }) })),
      blocks: drives.all.map(d => d.info), nets: p.cards,
      bootOrder: paths.length ? new TextEncoder().encode(`${paths.join('\n')}\0`) : new Uint8Array(0),
      async dispose() { drives.close() },
    }
  } catch (error) {
    drives.close()
    throw error
  }
}

/** Firmware stops there. */
const NOTHING_ELSE = 'HALT'

type Progress = {
  readonly config: MachineConfig
  readonly host: Host
  readonly type: MachineType
  readonly drives: Drives
  readonly nets: Nets
  readonly wanted: readonly Wanted[]
  readonly ids: Set<string>
  nextMac(): string
  readonly devices: DeviceSpec[]
  readonly attachments: Attachment[]
  readonly cards: NetInfo[]
  /** By virtio-serial device: its console's character device; undefined: no console yet; '': nothing behind it. */
  readonly consoles: Map<string, string | undefined>
  /** By boot index. */
  readonly order: Map<number, { readonly id: string; readonly path: string }>
  readonly ide: (DriveSpec | undefined)[]
  readonly isa: DeviceSpec[]
  readonly floppies: (FloppyDrive | undefined)[]
  readonly floppyDrives: (Drive | undefined)[]
  readonly ideDrives: (Drive | undefined)[]
}

async function addDevice(w: Wanted, p: Progress): Promise<void> {
  const { driver } = w
  const { bus, bootindex, romfile, rombar, ...own } = w.properties
  const odd = Object.keys(own).find(name => !driver.properties.some(known => known.name === name))
  if (odd !== undefined) throw noProperty(driver, odd)
  const id = boardId(w, p)
  const slot = driver.bus === 'PCI' ? undefined : virtioSlot(bus, p.devices)
  const placed = slot === undefined ? { addr: pciAddress(p.type.pci, bus, own['addr'], id, p.devices) } : {}
  const properties = { ...own, ...placed, ...await expansionRom(driver, romfile, rombar, p), ...connect(w, id, p) }
  propertiesOf(driver.device!, properties, id) // types, and whether they go together
  const spec = { driver: driver.name, id, properties, ...(slot !== undefined && { slot }) }
  p.devices.push(spec)
  if (bootindex !== undefined) setBootIndex(bootindex, id, bootPath(spec, p.type.pci), w, p)
}

/** The contents of the expansion ROM; without the installed file the card has none. */
async function expansionRom(
  { romFile, name }: Driver, file: PropertyValue | undefined, bar: PropertyValue | undefined, { config, host }: Progress,
): Promise<DeviceSpec['properties']> {
  if (romFile === undefined) {
    if (file !== undefined && file !== '') throw mistake('device.badProperty', `not implemented: romfile of '${name}'`)
    if (bar !== undefined && Number(bar) !== 0) throw mistake('device.badProperty', `not implemented: rombar of '${name}'`)
    return {}
  }
  if (file === '' || (bar !== undefined && Number(bar) === 0)) return {}
  if (file !== undefined) return { rom: await findFirmware(host, String(file), config) }
  try {
    return { rom: await findFirmware(host, romFile, config, true) }
  } catch (error) {
    if (error instanceof VmError && error.code === 'file.notFound') return {}
    throw error
  }
}

function addIsaDevice(w: Wanted, p: Progress): void {
  const { driver } = w, { bus, chardev, ...own } = w.properties
  const odd = Object.keys(own).find(name => !driver.properties.some(known => known.name === name))
  if (odd !== undefined) throw noProperty(driver, odd)
  if (bus !== undefined && bus !== ISA_BUS) throw mistake('board.badConfig', `no bus '${String(bus)}'`, ISA_BUS)
  const id = boardId(w, p)
  propertiesOf(driver.device!, own, id)
  p.isa.push({ driver: driver.name, id, properties: own })
  if (driver.backend === 'char') p.consoles.set(id, typeof chardev === 'string' ? chardev : '')
}
const ISA_BUS = 'isa.0'

function addIdeDrive(w: Wanted, p: Progress): void {
  const { bus, unit, bootindex, drive: name, serial, model, ...rest } = w.properties
  const odd = Object.keys(rest)[0]
  if (odd !== undefined) throw noProperty(w.driver, odd)
  const id = boardId(w, p), slot = ideSlot(bus, unit, p.ide), cdrom = w.driver.name === 'ide-cd'
  const drive = cdrom && name === undefined ? undefined : cdrom ? p.drives.take(name, id) : p.drives.withMedium(p.drives.take(name, id))
  const number = serial ?? drive?.serial ?? `QM${String(slot + 1).padStart(5, '0')}`
  p.ide[slot] = {
    kind: cdrom ? 'cdrom' : 'disk', media: drive?.node?.media ?? NO_DISC,
    serial: String(number), ...(model !== undefined && { model: String(model) }),
  }
  p.ideDrives[slot] = drive
  if (cdrom) drive?.place(IDE_ID, slot)
  if (bootindex !== undefined) setBootIndex(bootindex, id, ideBootPath(slot), w, p)
}

function addFloppy(w: Wanted, p: Progress): void {
  const { bus, unit, bootindex, drive: name, 'drive-type': type, ...rest } = w.properties, odd = Object.keys(rest)[0]
  if (odd !== undefined) throw noProperty(w.driver, odd)
  const id = boardId(w, p), n = floppyUnit(bus, unit, p.floppies)
  const drive = name === undefined ? undefined : p.drives.take(name, id)
  p.floppies[n] = floppyDrive(type, drive?.node?.media)
  p.floppyDrives[n] = drive
  drive?.place(FLOPPY_ID, n)
  if (bootindex !== undefined) setBootIndex(bootindex, id, floppyBootPath(n), w, p)
}

/** Of a controller with several drives, whose media may be changed. */
function unitsBackend(units: readonly (BlockNode | undefined)[]): UnitsBackend {
  const now = [...units]
  return { units: now, close() { for (const unit of now) unit?.close() } }
}

/** Puts the back end in place; what the device has to know of it. */
function connect({ driver, properties: given }: Wanted, device: string, p: Progress): DeviceSpec['properties'] {
  switch (driver.backend) {
    case 'block': {
      const drive = p.drives.withMedium(p.drives.take(given['drive'], device)), { serial } = drive
      p.attachments.push({ device, info: drive.info, open: async () => p.drives.handOver(drive)! })
      return { media: drive.node.media, ...(serial !== undefined && given['serial'] === undefined && { serial }) }
    }
    case 'net': {
      const { netdev } = given, mac = given['mac'] === undefined ? p.nextMac() : String(given['mac'])
      p.attachments.push({ device, open: p.nets.take(netdev, device) })
      p.cards.push({ device, model: driver.name, mac, backend: p.nets.find(netdev) })
      return { mac }
    }
    case 'entropy':
      checkEntropy(p.config, given['rng'])
      p.attachments.push({ device, open: async () => hostEntropy as OpenBackend })
      return {}
    case 'char':
      p.consoles.set(device, undefined)
      return {}
    case 'none':
      return {}
  }
}

function boardId(w: Wanted, { ids, wanted }: Progress): string {
  if (w.id !== undefined) {
    if (ids.has(w.id)) throw mistake('board.duplicateId', `the name '${w.id}' is taken by another device`)
    ids.add(w.id)
    return w.id
  }
  const taken = (id: string) => ids.has(id) || wanted.some(x => x.id === id)
  let n = 0
  while (taken(`${w.driver.name}.${n}`)) n++
  const id = `${w.driver.name}.${n}`
  ids.add(id)
  return id
}

function setBootIndex(value: PropertyValue, id: string, path: string, { driver }: Wanted, { order }: Progress): void {
  const index = Number(value)
  if (driver.backend !== 'block' && driver.backend !== 'net') throw noProperty(driver, 'bootindex')
  if (!Number.isInteger(index) || index < 0)
    throw mistake('device.badProperty', `bootindex=${String(value)} is not a whole number`)
  const other = order.get(index)
  if (other) throw mistake('device.badProperty', `bootindex=${index} is taken by '${other.id}'`)
  order.set(index, { id, path })
}

function checkEntropy(config: MachineConfig, id: unknown): void {
  if (id === undefined || id === '') return
  const sources = (config.objects ?? []).filter(o => o.type === 'rng-builtin' || o.type === 'rng-random')
  const object = sources.find(o => o.id === id)
  if (!object)
    throw mistake('cli.usage', `no entropy source '${String(id)}'`, suggest(String(id), sources.map(o => o.id)))
  const file = object.properties?.['filename']
  if (file !== undefined && file !== '/dev/urandom' && file !== '/dev/random')
    throw mistake('device.badProperty', `not implemented: entropy from ${String(file)}`)
}

/** A console is the one port of a virtio-serial device that comes before it. */
function addConsole(w: Wanted, { devices, consoles, ids }: Progress): void {
  const { bus, chardev, ...rest } = w.properties
  const odd = Object.keys(rest).find(name => !w.driver.properties.some(p => p.name === name))
  if (odd !== undefined) throw noProperty(w.driver, odd)
  if (w.id !== undefined && ids.has(w.id))
    throw mistake('board.duplicateId', `the name '${w.id}' is taken by another device`)
  const all = devices.filter(d => driverOf(d.driver)?.backend === 'char')
  const free = all.filter(d => consoles.get(d.id) === undefined)
  if (all.length === 0)
    throw mistake('board.badConfig', 'there is no virtio-serial device before it', '-device virtio-serial-pci')
  const chosen = bus === undefined ? free[0] ?? all[0]! : all.find(d => `${d.id}.0` === bus)
  if (!chosen)
    throw mistake('board.badConfig', `no bus '${String(bus)}'`, suggest(String(bus), all.map(d => `${d.id}.0`)))
  if (!free.includes(chosen)) throw mistake('board.badConfig', `not implemented: a second port on '${chosen.id}'`)
  consoles.set(chosen.id, typeof chardev === 'string' ? chardev : '')
  if (w.id !== undefined) ids.add(w.id)
}
