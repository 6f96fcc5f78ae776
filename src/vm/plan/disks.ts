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
  readonly node: BlockNode
  /** From `-drive serial=`, which is the device's to show. */
  readonly serial: string | undefined
  readonly info: BlockInfo & { attachedTo?: string }
}
export type Drives = {
  readonly all: readonly Drive[]
  /** Gives a drive to the only device that may have it. */
  take(id: unknown, device: string): Drive
  /** From now on somebody else closes it. */
  handOver(drive: Drive): BlockNode
  /** Closes those that were not handed over. */
  close(): void
}

export async function openDrives(config: MachineConfig, host: Host): Promise<Drives> {
  const byId = new Map<string, Drive>(), ours = new Set<Drive>()
  const close = () => {
    for (const d of ours) d.node.close()
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
  const asked = d.kind === 'blockdev'
    ? { ...blockdevOptions(properties), ...(d.readOnly !== undefined && { readOnly: d.readOnly }) }
    : driveOptions({ ...d, properties, snapshot: d.snapshot ?? config.snapshot ?? false })
  // What nobody writes needs no temporary storage, and stays read-only.
  const options = asked.readOnly ? { ...asked, snapshot: false } : asked
  const node = openBlock(host, options)
  return {
    id, node,
    serial: serial === undefined ? undefined : String(serial),
    info: {
      device: id, file: typeof options.file === 'string' ? options.file : '(memory)', format: node.format,
      readOnly: node.media.readOnly, sizeBytes: node.media.sizeBytes,
      get reads() { return node.counts.reads },
      get writes() { return node.counts.writes },
    },
  }
}
