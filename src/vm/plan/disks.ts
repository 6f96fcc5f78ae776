// Drives: images, opened here so that mistakes show before the guest runs.
import { type BlockNode, openBlock } from '../../backends/block/open.ts'
import { blockdevOptions, driveOptions } from '../../backends/block/options.ts'
import { blaming } from '../../base/errors.ts'
import { suggest } from '../../base/nearest.ts'
import type { Host } from '../../host/host.ts'
import type { MachineConfig, PropertyBag } from '../config.ts'
import type { BlockInfo } from '../control.ts'
import { driveId } from './wanted.ts'
import { mistake } from './text.ts'

export type Drive = {
  readonly id: string
  /** Undefined: a drive that nothing is in. */
  readonly node: BlockNode | undefined
  /** From `-drive serial=`, which is the device's to show. */
  readonly serial: string | undefined
  readonly info: BlockInfo & { attachedTo?: string; place?: BlockInfo['place'] }
  /** Its medium may be changed: the unit of that controller. */
  place(device: string, unit: number): void
}
export type DriveWithMedium = Drive & { readonly node: BlockNode }
export type Drives = {
  readonly all: readonly Drive[]
  /** Gives a drive to the only device that may have it. */
  take(id: unknown, device: string): Drive
  /** From now on somebody else closes it. */
  handOver(drive: Drive): BlockNode | undefined
  /** Throws VmError if nothing is in it. */
  withMedium(drive: Drive): DriveWithMedium
  /** Closes those that were not handed over. */
  close(): void
}

export async function openDrives(config: MachineConfig, host: Host): Promise<Drives> {
  const byId = new Map<string, Drive>(), ours = new Set<Drive>()
  const close = () => {
    for (const d of ours) d.node?.close()
    ours.clear()
  }
  try {
    for (const i of (config.drives ?? []).keys())
      await blaming(`drives[${i}]`, () => {
        const id = driveId(config, i)
        if (byId.has(id)) throw mistake('cli.usage', `the name '${id}' is taken by another drive`)
        checkIndex(config, i)
        const drive = openDrive(config, i, id, host)
        byId.set(id, drive)
        ours.add(drive)
      })
  } catch (error) {
    close()
    throw error
  }
  return {
    all: [...byId.values()],
    close,
    take(id, device) {
      if (id === undefined || id === '')
        throw mistake('device.badProperty', 'drive=ID is needed', '-drive if=none,id=ID,file=FILE')
      const drive = byId.get(String(id))
      if (!drive) throw mistake('cli.usage', `no drive '${String(id)}'`, suggest(String(id), [...byId.keys()]))
      if (drive.info.attachedTo !== undefined)
        throw mistake('cli.usage', `drive '${drive.id}' has a user already`, drive.info.attachedTo)
      drive.info.attachedTo = device
      return drive
    },
    withMedium(drive) {
      if (!drive.node) throw mistake('block.unsupported', `drive '${drive.id}' has no medium, and the device needs one`, 'file=IMAGE')
      return drive as DriveWithMedium
    },
    handOver(drive) {
      ours.delete(drive)
      return drive.node
    },
  }
}

/** Two drives of one interface have different numbers. */
function checkIndex({ drives = [] }: MachineConfig, i: number): void {
  const { kind, interface: on = '', index } = drives[i]!
  if (kind !== 'drive' || index === undefined) return
  if (drives.slice(0, i).some(d => d.kind === 'drive' && (d.interface ?? '') === on && d.index === index))
    throw mistake('cli.usage', `there is a drive with index=${index} already`)
}

function openDrive(config: MachineConfig, i: number, id: string, host: Host): Drive {
  const d = config.drives![i]!
  const { serial, ...properties } = (d.properties ?? {}) as PropertyBag & { serial?: unknown }
  const empty = d.kind === 'drive' && d.file === undefined && !Object.keys(properties).some(name => name === 'file')
  if (empty) return driveOf(id, undefined, undefined, serial)
  const asked = d.kind === 'blockdev'
    ? { ...blockdevOptions(properties), ...(d.readOnly !== undefined && { readOnly: d.readOnly }) }
    : driveOptions({ ...d, properties, snapshot: d.snapshot ?? config.snapshot ?? false })
  // What nobody writes needs no temporary storage, and stays read-only.
  const options = asked.readOnly ? { ...asked, snapshot: false } : asked
  const node = openBlock(host, options)
  return driveOf(id, node, typeof options.file === 'string' ? options.file : '(memory)', serial)
}

function driveOf(id: string, node: BlockNode | undefined, file: string | undefined, serial: unknown): Drive {
  return {
    id, node,
    serial: serial === undefined ? undefined : String(serial),
    info: {
      device: id, file, format: node?.format ?? 'raw',
      readOnly: node?.media.readOnly ?? true, sizeBytes: node?.media.sizeBytes ?? 0,
      get reads() { return node?.counts.reads ?? 0 },
      get writes() { return node?.counts.writes ?? 0 },
    },
    place(device, unit) { this.info.place = { device, unit } },
  }
}
