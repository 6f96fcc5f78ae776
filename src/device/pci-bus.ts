// Puts PCI devices on a bus: addresses in order, base addresses as windows of the bus's two spaces, interrupt
// pins turned by slot onto the four lines of the bus (PCI Local Bus Specification 3.0, section 2.2.6).
import { VmError } from '../base/errors.ts'
import type { BoardDevice, Placement } from './board.ts'
import type { AnyDevice, Peer } from './define.ts'
import type { Wire } from './irq.ts'
import { parseAddr, type PciFacet } from './pci.ts'
import { propertiesOf } from './properties.ts'

export type PciBusOptions = {
  /** Id of the host bridge. */
  readonly bus: string
  /** Names of the address spaces. */
  readonly memory: string
  readonly io: string
  /** Where INTA to INTD lead. */
  readonly intx: readonly [Wire, Wire, Wire, Wire]
  /** Slots below are left alone unless asked for. */
  readonly firstSlot?: number
}
export type PciPlugged = {
  readonly device: AnyDevice
  readonly id: string
  readonly properties?: BoardDevice['properties']
  /** Besides its base addresses and its interrupt. */
  readonly at?: BoardDevice['at']
  readonly wires?: BoardDevice['wires']
}

export const facetOf = (device: AnyDevice): PciFacet | undefined => device.facets?.pci

/** Board entries for devices on one bus, each with its `addr`. */
export function plugPci(options: PciBusOptions, devices: readonly PciPlugged[]): BoardDevice[] {
  const taken = new Map<number, string>()
  return devices.map(({ device, id, properties = {}, ...own }) => {
    const facet = facetOf(device)
    if (!facet) throw new VmError('board.badConfig', `'${device.name}' is no PCI device`)
    const devfn = claim(taken, id, properties.addr as string | undefined, options.firstSlot ?? 0)
    const addr = `${(devfn >> 3).toString(16).padStart(2, '0')}.${devfn & 7}`
    const withAddr = { ...properties, addr }
    const { bars = {}, interruptPin } = facet.identity(propertiesOf(device, withAddr, id))
    const at: { [region: string]: Placement } = { ...own.at }
    for (const [region, bar] of Object.entries(bars))
      at[region] = { space: bar.space === 'io' ? options.io : options.memory, movable: true }
    const wires: BoardDevice['wires'] = interruptPin
      ? { intx: options.intx[((devfn >> 3) + interruptPin - 1) & 3]!, ...own.wires }
      : { ...own.wires }
    return { device, id, properties: withAddr, bus: options.bus, at, wires }
  })
}

function claim(taken: Map<number, string>, id: string, addr: string | undefined, firstSlot: number): number {
  let devfn = addr ? parseAddr(addr, id) : firstSlot * 8
  if (!addr) while (devfn < 256 && taken.has(devfn)) devfn += 8
  const other = taken.get(devfn)
  if (other !== undefined)
    throw new VmError('board.badConfig', `${id}: PCI address ${addr} is taken by '${other}'`)
  if (devfn >= 256) throw new VmError('board.badConfig', `${id}: no free slot on the PCI bus`)
  taken.set(devfn, id)
  return devfn
}

/** A bus's devices by slot and function. */
export function byAddress(children: readonly Peer[]): ReadonlyMap<number, Peer> {
  let map = maps.get(children)
  if (!map) maps.set(children, (map = new Map(children.map(c => [parseAddr(c.props.addr, c.id), c]))))
  return map
}
const maps = new WeakMap<readonly Peer[], Map<number, Peer>>()

/** Configuration accesses, as host bridges make them; nobody there reads as all ones. */
export function readConfig(children: readonly Peer[], devfn: number, offset: number, size: number): number {
  const child = byAddress(children).get(devfn)
  return child ? child.call((s, io) => facetOf(child.device)!.read(s, io, offset, size)) : 0xffffffff
}
export function writeConfig(
  children: readonly Peer[], devfn: number, offset: number, value: number, size: number,
): void {
  const child = byAddress(children).get(devfn)
  child?.call((s, io) => facetOf(child.device)!.write(s, io, offset, value, size))
}
