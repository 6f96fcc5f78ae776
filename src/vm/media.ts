// Media that are changed while the machine runs: disks of floppy and CD-ROM drives.
import { type BlockNode, openBlock } from '../backends/block/open.ts'
import { driveOptions } from '../backends/block/options.ts'
import { VmError } from '../base/errors.ts'
import { suggest } from '../base/nearest.ts'
import type { System } from '../device/board.ts'
import { type RemovableFacet, removableOf } from '../device/block.ts'
import type { Host } from '../host/host.ts'
import type { BlockInfo, MediaControl } from './control.ts'
import type { UnitsBackend } from './plan/attach.ts'

type Instance = System['instances'][number]
type Slot = {
  readonly instance: Instance
  readonly facet: RemovableFacet
  readonly unit: number
  /** What it is called by the drive that was configured, and by QEMU. */
  readonly names: readonly string[]
  info: BlockInfo
  node: BlockNode | undefined
  /** The medium is not the one that the drive was made with. */
  replaced: boolean
  open: boolean
}

export type Media = MediaControl & {
  /** All drives, as they are now. */
  readonly blocks: readonly BlockInfo[]
  /** The controllers' back ends are there. */
  attached(device: string, backend: object): void
  /** Devices were reset: they know of the medium that they were made with. */
  afterReset(): void
  /** Tells of trays that were moved since. */
  watch(): void
}

/** The drive's own name comes first, if it was given one, then QEMU's, then the device's. */
function namesOf(given: BlockInfo | undefined, name: string): string[] {
  if (!given) return [name]
  const device = given.attachedTo === undefined ? [] : [given.attachedTo]
  return /^drive\d+$/.test(given.device) ? [name, ...device, given.device] : [given.device, ...device, name]
}

export function mediaOf(system: System, host: Host, blocks: readonly BlockInfo[], moved: (name: string, device: string, open: boolean) => void): Media {
  const backends = new Map<string, UnitsBackend>()
  const slots: Slot[] = system.instances.flatMap(instance => {
    const facet = removableOf(instance.device)
    return (facet?.slots(instance.io) ?? []).map(({ unit, name }): Slot => {
      const given = blocks.find(b => b.place?.device === instance.id && b.place.unit === unit)
      return {
        instance, facet: facet!, unit, names: namesOf(given, name),
        info: given ? { ...given, device: namesOf(given, name)[0]! } : { device: name, file: undefined, format: 'raw', readOnly: true, sizeBytes: 0 },
        node: undefined, replaced: false, open: false,
      }
    })
  })
  const status = (s: Slot) => s.facet.status(s.instance.state, s.instance.io, s.unit)
  const find = (name: string): Slot => {
    const found = slots.find(s => s.names.includes(name))
    if (found) return found
    if (blocks.some(b => b.device === name || b.attachedTo === name)) throw new VmError('cli.usage', `Device '${name}' is not removable`)
    throw Object.assign(new VmError('cli.usage', `Device '${name}' not found`, { hint: suggest(name, slots.map(s => s.names[0]!)) }), { qmpClass: 'DeviceNotFound' })
  }
  const told = (s: Slot) => {
    const { open } = status(s)
    if (open === s.open) return
    s.open = open
    moved(s.names[0]!, s.names[1] ?? s.names[0]!, open)
  }

  /** Opens the tray and takes out what is in it. */
  async function takeOut(s: Slot, force: boolean): Promise<void> {
    if (!status(s).open) {
      const opened = s.instance.call((state, io) => s.facet.eject(state, io, s.unit, force))
      if (!opened) throw new VmError('cli.usage',
        `Device '${s.names[0]}' is locked and force was not specified, wait for tray to open and try again`)
    }
    told(s)
    await put(s, undefined)
    s.info = { device: s.names[0]!, file: undefined, format: 'raw', readOnly: true, sizeBytes: 0, ...(s.info.attachedTo !== undefined && { attachedTo: s.info.attachedTo }) }
  }

  async function put(s: Slot, node: BlockNode | undefined): Promise<void> {
    const backend = backends.get(s.instance.id)
    if (!backend) throw new VmError('cli.usage', `'${s.instance.id}' has no back end`)
    const old = backend.units[s.unit]
    backend.units[s.unit] = node
    s.node = node
    s.replaced = true
    await system.drain()
    old?.close()
  }

  return {
    get blocks() {
      const fixed = blocks.filter(b => !b.place)
      return [...slots.map((s): BlockInfo => ({
        ...s.info, reads: s.node?.counts.reads ?? s.info.reads ?? 0, writes: s.node?.counts.writes ?? s.info.writes ?? 0, tray: status(s),
      })), ...fixed]
    },
    attached(device, backend) {
      backends.set(device, backend as UnitsBackend)
      for (const s of slots) if (s.instance.id === device) {
        s.node = (backend as UnitsBackend).units[s.unit]
        s.open = status(s).open
      }
    },
    afterReset() {
      for (const s of slots) if (s.replaced) s.instance.call((state, io) => {
        if (s.node) s.facet.insert(state, io, s.unit, s.node.media)
        else s.facet.eject(state, io, s.unit, true)
      })
      this.watch()
    },
    watch() { for (const s of slots) told(s) },
    async eject(name, force) {
      await takeOut(find(name), force)
    },
    async change(name, file, o) {
      const s = find(name), cdrom = s.facet.readOnly === true
      const readOnly = cdrom || o.readOnly === 'read-only' || (o.readOnly !== 'read-write' && s.info.file !== undefined && s.info.readOnly)
      if (cdrom && o.readOnly === 'read-write') throw new VmError('cli.usage', 'a CD-ROM is read-only')
      const node = openBlock(host, driveOptions({ file, readOnly, ...(o.format !== undefined && { format: o.format }) }))
      try {
        s.facet.check?.(node.media)
        await takeOut(s, o.force)
      } catch (error) {
        node.close()
        throw error
      }
      await put(s, node)
      s.info = { ...s.info, file, format: node.format, readOnly: node.media.readOnly, sizeBytes: node.media.sizeBytes }
      s.instance.call((state, io) => s.facet.insert(state, io, s.unit, node.media))
      told(s)
    },
  }
}
