// Devices with what is behind them: which drive, network or source of entropy belongs to which device, in which slot it is,
// and the back ends, opened here so that mistakes show before the guest runs.
import { hostEntropy } from '../../backends/entropy.ts'
import { openBlock, type BlockNode } from '../../backends/block/open.ts'
import { blockdevOptions, driveOptions } from '../../backends/block/options.ts'
import { openNet } from '../../backends/net/open.ts'
import { blaming, VmError } from '../../base/errors.ts'
import { suggest } from '../../base/nearest.ts'
import { parseAddr } from '../../device/pci.ts'
import { propertiesOf } from '../../device/properties.ts'
import type { Backend } from '../../device/work.ts'
import type { Host } from '../../host/host.ts'
import { PCI_BUS, VIRTIO_SLOTS } from '../../machines/virt-riscv.ts'
import type { DriveConfig, MachineConfig, PropertyBag, PropertyValue } from '../config.ts'
import type { BlockInfo } from '../control.ts'
import type { DeviceSpec } from './board.ts'
import { type Driver, driverOf, drivers, emptySlot, isKnownElsewhere } from './drivers.ts'

export type OpenBackend = Backend & { close?(): void | Promise<void> }
export type Attachment = {
  /** The board's id. */
  readonly device: string
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
  /** Settings of the slots without device. */
  readonly emptySlots: PropertyBag
  /** Closes what nobody has taken. */
  dispose(): Promise<void>
}

/** A device that was asked for, in whichever way. */
type Wanted = { readonly driver: Driver; readonly id: string | undefined; readonly properties: PropertyBag; readonly where: string }
type Drive = { readonly config: DriveConfig; readonly id: string; readonly where: string; readonly node: BlockNode; readonly info: BlockInfo & { attachedTo?: string }; taken: boolean }
type Net = { readonly type: string; readonly where: string; user: string | undefined; readonly dumps: { file: string; maxBytes?: number }[] }

const unknown = (what: string, name: string, names: readonly string[], more: { where?: string } = {}): VmError =>
  new VmError('cli.usage', `no ${what} '${name}'`, { hint: suggest(name, names), ...more })

export async function planDevices(config: MachineConfig, host: Host, reserved: ReadonlySet<string>): Promise<DevicesPlan> {
  const drives = new Map<string, Drive>(), taken = new Set<object>()
  const dispose = async () => {
    for (const d of drives.values()) if (!taken.has(d.node)) d.node.close()
    taken.clear()
    drives.clear()
  }
  try {
    const nets = planNets(config)
    const wanted = [...wantedNics(config, nets), ...wantedDevices(config), ...wantedDrives(config)]
    for (const [i, d] of (config.drives ?? []).entries()) {
      const where = `drives[${i}]`
      await blaming(where, () => addDrive(config, d, i, host, where, drives))
    }
    const ids = new Set(reserved)
    const devices: DeviceSpec[] = [], attachments: Attachment[] = [], consoles = new Map<string, string | undefined>()
    const macs = macAddresses(wanted)
    for (const w of wanted)
      await blaming(w.where, async () => {
        const { driver } = w
        if (!driver.device) return addConsole(w, devices, consoles)
        const { bus, bootindex, romfile, rombar, ...own } = w.properties
        if (bootindex !== undefined) throw new VmError('device.badProperty', 'not implemented: bootindex')
        if (romfile !== undefined && romfile !== '') throw new VmError('device.badProperty', 'not implemented: romfile')
        if (rombar !== undefined && Number(rombar) !== 0) throw new VmError('device.badProperty', 'not implemented: rombar')
        const id = boardId(w, ids)
        const given: { [name: string]: unknown } = { ...globalsOf(config, driver), ...own }
        checkNames(driver, given)
        const slot = driver.bus === 'PCI' ? undefined : slotFor(bus, devices)
        if (slot === undefined) given['addr'] = pciAddress(bus, given, id, devices)
        switch (driver.backend) {
          case 'block': {
            const drive = takeDrive(given['drive'], drives)
            drive.info.attachedTo = id
            given['media'] = drive.node.media
            const serial = drive.config.properties?.['serial']
            if (serial !== undefined) given['serial'] ??= String(serial)
            attachments.push({
              device: id, info: drive.info,
              async open() {
                taken.add(drive.node)
                return drive.node
              },
            })
            break
          }
          case 'net': {
            const net = takeNet(given['netdev'], nets, w.where)
            given['mac'] ??= macs()
            attachments.push({ device: id, open: () => openNet(host, { type: net?.type ?? 'none', id: String(given['netdev'] ?? ''), dumps: net?.dumps ?? [] }) })
            break
          }
          case 'entropy':
            checkEntropy(config, given['rng'])
            attachments.push({ device: id, open: async () => hostEntropy as OpenBackend })
            break
          case 'char':
            consoles.set(id, undefined)
        }
        propertiesOf(driver.device, given, id) // types, and whether they go together
        devices.push({ driver: driver.name, id, properties: given, ...(slot !== undefined && { slot }) })
      })
    return {
      devices, attachments, dispose,
      serials: [...consoles].map(([device, chardev]) => ({ device, ...(chardev !== undefined && { chardev }) })),
      blocks: [...drives.values()].map(d => d.info),
      emptySlots: emptySlotProperties(config),
    }
  } catch (error) {
    await dispose()
    throw error
  }
}

// ---- what was asked for ----

function wantedDevices(config: MachineConfig): Wanted[] {
  return (config.devices ?? []).map((d, i) => {
    const where = `devices[${i}]`
    return { driver: find(d.driver, where), id: d.id, properties: d.properties ?? {}, where }
  })
}

function find(name: string, where: string): Driver {
  const driver = driverOf(name)
  if (driver) return driver
  if (isKnownElsewhere(name))
    throw new VmError('board.unknownDevice', `not implemented: device '${name}'`, { where, hint: '-device help lists what there is' })
  throw new VmError('board.unknownDevice', `no device '${name}'`, {
    where, hint: suggest(name, drivers.map(d => d.name), '-device help'),
  })
}

/** Drives that make their own device: if=virtio, or none given and no device names them. */
function wantedDrives(config: MachineConfig): Wanted[] {
  const named = new Set((config.devices ?? []).map(d => d.properties?.['drive']))
  return (config.drives ?? []).flatMap((d, i) => {
    const where = `drives[${i}]`
    if (d.kind === 'blockdev' || d.interface === 'none') return []
    if (d.interface === undefined && d.id !== undefined && named.has(d.id)) return []
    if (d.interface !== undefined && d.interface !== 'virtio')
      throw new VmError('block.unsupported', `not implemented: if=${d.interface} on this machine`, { where, hint: 'if=virtio, or if=none and a -device' })
    return [{ driver: driverOf('virtio-blk-pci')!, id: undefined, properties: { drive: driveId(d, i) }, where }]
  })
}

const driveId = (d: DriveConfig, i: number): string => d.id ?? `drive${i}`

// ---- drives ----

function addDrive(config: MachineConfig, d: DriveConfig, i: number, host: Host, where: string, drives: Map<string, Drive>): void {
  const id = driveId(d, i)
  if (drives.has(id)) throw new VmError('cli.usage', `the name '${id}' is taken by another drive`)
  const { serial: _, ...properties } = d.properties ?? {}
  const options = d.kind === 'blockdev'
    ? { ...blockdevOptions(properties), ...(d.readOnly !== undefined && { readOnly: d.readOnly }) }
    : driveOptions({ ...d, properties, snapshot: d.snapshot ?? config.snapshot ?? false })
  const node = openBlock(host, options)
  const info = {
    device: id, file: typeof options.file === 'string' ? options.file : '(memory)', format: node.format,
    readOnly: node.media.readOnly, sizeBytes: node.media.sizeBytes,
    get reads() { return node.counts.reads },
    get writes() { return node.counts.writes },
  }
  drives.set(id, { config: d, id, where, node, info, taken: false })
}

function takeDrive(id: unknown, drives: Map<string, Drive>): Drive {
  if (id === undefined || id === '') throw new VmError('device.badProperty', 'drive=ID is needed', { hint: '-drive if=none,id=ID,file=FILE' })
  const drive = drives.get(String(id))
  if (!drive) throw unknown('drive', String(id), [...drives.keys()])
  if (drive.taken) throw new VmError('cli.usage', `drive '${drive.id}' has a user already`)
  drive.taken = true
  return drive
}

// ---- networks ----

function planNets(config: MachineConfig): Map<string, Net> {
  const nets = new Map<string, Net>()
  const add = (id: string, type: string, properties: PropertyBag | undefined, where: string) => {
    if (nets.has(id)) throw new VmError('cli.usage', `the name '${id}' is taken by another network back end`, { where })
    const known = ['null', 'loop']
    if (!known.includes(type))
      throw new VmError('net.unsupported', `not implemented: network back end '${type}'`, { where, hint: `there are: ${known.join(', ')}` })
    const name = Object.keys(properties ?? {})[0]
    if (name !== undefined) throw new VmError('net.unsupported', `network back end '${type}' has no property '${name}'`, { where })
    nets.set(id, { type, where, user: undefined, dumps: [] })
  }
  config.netdevs?.forEach((n, i) => add(n.id, n.type, n.properties, `netdevs[${i}]`))
  config.nics?.forEach((n, i) => { if (n.type !== 'none') add(nicNet(config, i), n.type, n.properties, `nics[${i}]`) })
  config.objects?.forEach((o, i) => {
    if (o.type !== 'filter-dump') return
    const where = `objects[${i}]`, { netdev, file, maxlen, ...rest } = o.properties ?? {}
    const net = nets.get(String(netdev))
    if (!net) throw unknown('network back end', String(netdev ?? ''), [...nets.keys()], { where })
    if (typeof file !== 'string') throw new VmError('cli.usage', 'file=FILE is needed', { where })
    const odd = Object.keys(rest)[0]
    if (odd !== undefined) throw new VmError('cli.usage', `not implemented: ${odd} of filter-dump`, { where })
    if (maxlen !== undefined && !(Number(maxlen) > 0)) throw new VmError('cli.usage', `maxlen=${String(maxlen)} is not a length`, { where })
    net.dumps.push({ file, ...(maxlen !== undefined && { maxBytes: Number(maxlen) }) })
  })
  return nets
}

const nicNet = (config: MachineConfig, i: number): string => config.nics![i]!.id ?? `nic${i}`

const CARDS: { readonly [alias: string]: string } = { virtio: 'virtio-net-pci' }
const DEFAULT_CARD = 'virtio-net-pci'

function wantedNics(config: MachineConfig, _nets: Map<string, Net>): Wanted[] {
  return (config.nics ?? []).flatMap((n, i) => {
    if (n.type === 'none') return []
    const where = `nics[${i}]`, name = CARDS[n.model ?? ''] ?? n.model ?? DEFAULT_CARD
    const driver = find(name, where)
    if (driver.backend !== 'net')
      throw new VmError('board.unknownDevice', `'${name}' is no network card`, { where, hint: `for instance model=${DEFAULT_CARD}` })
    return [{ driver, id: undefined, properties: { netdev: nicNet(config, i), ...(n.mac !== undefined && { mac: n.mac }) }, where }]
  })
}

function takeNet(id: unknown, nets: Map<string, Net>, user: string): Net | undefined {
  if (id === undefined || id === '') return undefined
  const net = nets.get(String(id))
  if (!net) throw unknown('network back end', String(id), [...nets.keys()])
  if (net.user !== undefined) throw new VmError('cli.usage', `network back end '${String(id)}' has a user already`)
  net.user = user
  return net
}

/** Addresses for cards without one: 52:54:00:12:34:56 and the following, but none that was given. */
function macAddresses(wanted: readonly Wanted[]): () => string {
  const given = new Set(wanted.map(w => String(w.properties['mac'] ?? '').toLowerCase().replaceAll('-', ':')))
  let next = 0x56
  return () => {
    for (;;) {
      const mac = `52:54:00:12:34:${(next++ & 0xff).toString(16).padStart(2, '0')}`
      if (!given.has(mac) || next > 0x156) return mac
    }
  }
}

// ---- entropy and consoles ----

function checkEntropy(config: MachineConfig, id: unknown): void {
  if (id === undefined || id === '') return
  const sources = (config.objects ?? []).filter(o => o.type === 'rng-builtin' || o.type === 'rng-random')
  const object = sources.find(o => o.id === id)
  if (!object) throw unknown('entropy source', String(id), sources.map(o => o.id))
  const file = object.properties?.['filename']
  if (file !== undefined && file !== '/dev/urandom' && file !== '/dev/random')
    throw new VmError('device.badProperty', `not implemented: entropy from ${String(file)}`)
}

/** A console is the one port of a virtio-serial device. */
function addConsole(w: Wanted, devices: readonly DeviceSpec[], consoles: Map<string, string | undefined>): void {
  const { bus, chardev, ...rest } = w.properties
  const odd = Object.keys(rest).find(name => !w.driver.properties.some(p => p.name === name))
  if (odd !== undefined) throw noProperty(w.driver, odd)
  const hosts = devices.filter(d => driverOf(d.driver)?.backend === 'char')
  const host = bus === undefined ? hosts.find(d => !connected.has(d)) ?? hosts[0] : hosts.find(d => `${d.id}.0` === bus || d.id === bus)
  if (!host)
    throw new VmError('board.badConfig', bus === undefined ? 'there is no virtio-serial device before it' : `no bus '${String(bus)}'`, {
      hint: bus === undefined ? '-device virtio-serial-device' : suggest(String(bus), hosts.map(d => `${d.id}.0`)),
    })
  if (connected.has(host)) throw new VmError('board.badConfig', `not implemented: a second port on '${host.id}'`)
  connected.add(host)
  consoles.set(host.id, typeof chardev === 'string' ? chardev : undefined)
}
const connected = new WeakSet<DeviceSpec>()

// ---- names, slots, properties ----

function boardId(w: Wanted, ids: Set<string>): string {
  let id = w.id
  if (id === undefined) for (let n = 0; id === undefined || ids.has(id); n++) id = `${w.driver.name}.${n}`
  else if (ids.has(id)) throw new VmError('board.duplicateId', `the name '${id}' is taken by another device`)
  ids.add(id)
  return id
}

/** Without a bus: the highest free slot, because kernels find the last slot first. */
function slotFor(bus: PropertyValue | undefined, devices: readonly DeviceSpec[]): number {
  const free = Array.from({ length: VIRTIO_SLOTS }, (_, n) => VIRTIO_SLOTS - 1 - n).filter(n => !devices.some(d => d.slot === n))
  if (bus === undefined) {
    if (free.length) return free[0]!
    throw new VmError('board.badConfig', `all ${VIRTIO_SLOTS} virtio-mmio slots are taken`)
  }
  const m = /^virtio-mmio-bus\.(\d+)$/.exec(String(bus)), slot = m ? Number(m[1]) : NaN
  if (!(slot < VIRTIO_SLOTS))
    throw unknown('bus', String(bus), Array.from({ length: VIRTIO_SLOTS }, (_, n) => `virtio-mmio-bus.${n}`))
  if (free.includes(slot)) return slot
  throw new VmError('board.badConfig', `bus '${String(bus)}' is taken by '${devices.find(d => d.slot === slot)!.id}'`)
}

const PCI_SLOTS = 32

/** Without an address: function 0 of the first free slot. Slot 0 is the host bridge's. */
function pciAddress(bus: PropertyValue | undefined, given: { readonly [name: string]: unknown }, id: string, devices: readonly DeviceSpec[]): string {
  if (bus !== undefined && bus !== PCI_BUS) throw unknown('bus', String(bus), [PCI_BUS])
  const at = new Map<number, string>([[0, 'the host bridge']])
  for (const d of devices) if (d.slot === undefined) at.set(parseAddr(String(d.properties['addr']), d.id), `'${d.id}'`)
  const wish = given['addr'] === undefined || given['addr'] === '' ? undefined : String(given['addr'])
  let devfn = wish === undefined ? 0 : parseAddr(wish, id)
  if (wish === undefined) while (at.has(devfn)) devfn += 8
  if (devfn >= 8 * PCI_SLOTS) throw new VmError('board.badConfig', `all ${PCI_SLOTS} PCI slots are taken`)
  const other = at.get(devfn), text = `${(devfn >> 3).toString(16).padStart(2, '0')}.${devfn & 7}`
  if (other !== undefined) throw new VmError('board.badConfig', `PCI address ${text} is taken by ${other}`)
  return text
}

const noProperty = (driver: { name: string; properties: Driver['properties'] }, name: string): VmError =>
  new VmError('device.badProperty', `device '${driver.name}' has no property '${name}'`, {
    hint: suggest(name, driver.properties.map(p => p.name), `-device ${driver.name},help`),
  })

/** Also keeps users from setting what the board hands in. */
function checkNames(driver: Driver, given: { readonly [name: string]: unknown }): void {
  for (const name of Object.keys(given)) if (!driver.properties.some(p => p.name === name)) throw noProperty(driver, name)
}

/** What -global says about a driver; settings of the transport are known by the transport's name as well. */
function globalsOf(config: MachineConfig, driver: Driver): PropertyBag {
  return Object.fromEntries((config.globals ?? []).flatMap(g =>
    g.driver === driver.name || (g.driver === emptySlot.name && driver.device && g.property === 'force-legacy') ? [[g.property, g.value]] : []))
}

function emptySlotProperties(config: MachineConfig): PropertyBag {
  const given: { [name: string]: PropertyValue } = {}
  config.globals?.forEach((g, i) => {
    const where = `globals[${i}]`
    if (g.driver !== emptySlot.name) {
      const driver = find(g.driver, where)
      if (!driver.properties.some(p => p.name === g.property)) {
        const error = noProperty(driver, g.property)
        error.where = where
        throw error
      }
      return
    }
    if (g.property !== 'force-legacy') throw new VmError('device.badProperty', `device '${g.driver}' has no property '${g.property}'`, { where })
    given[g.property] = g.value
  })
  propertiesOf(emptySlot, given, emptySlot.name)
  return given
}
