// Snapshots are files: `savevm NAME` writes NAME.tvsnap into the current directory; a name with a slash or a
// dot is a path.
import { VmError } from '../../base/errors.ts'
import type { Host } from '../../host/host.ts'
import { type MachineControl, SNAPSHOT_MAGIC } from '../../vm/control.ts'
import { command } from './command.ts'

const EXTENSION = '.tvsnap'

export const snapshotPath = (name: string): string => (/[/.]/.test(name) ? name : `${name}${EXTENSION}`)

export async function listSnapshots(host: Host): Promise<string[]> {
  const names = await host.files.list('.')
  return names.filter(n => n.endsWith(EXTENSION)).map(n => n.slice(0, -EXTENSION.length)).sort()
}

/** Nothing but a snapshot is replaced or deleted: the name may be a slip, and the file a disk. */
async function mustBeSnapshot(host: Host, path: string): Promise<void> {
  const start = new TextDecoder('latin1').decode(await host.files.readStart(path, SNAPSHOT_MAGIC.length))
  if (start !== SNAPSHOT_MAGIC)
    throw new VmError('file.denied', `${path}: there is a file of that name, and it is no snapshot`,
      { hint: 'another name, or delete it yourself' })
}

export async function saveSnapshot(machine: MachineControl, host: Host, name: string): Promise<void> {
  await mustBeSnapshot(host, snapshotPath(name)).catch((error: unknown) => {
    if (!(error instanceof VmError && error.code === 'file.notFound')) throw error
  })
  const ran = machine.state === 'running'
  await machine.pause()
  try {
    await host.files.writeChunks(snapshotPath(name), machine.snapshot())
  } finally {
    if (ran) await machine.resume()
  }
}

/** If restoring fails, the machine stays stopped: part of its state may be the snapshot's. */
export async function loadSnapshot(machine: MachineControl, host: Host, name: string): Promise<void> {
  await host.files.readStart(snapshotPath(name), 1)
  const ran = machine.state === 'running'
  await machine.pause()
  await machine.restore(host.files.readChunks(snapshotPath(name)))
  if (ran) await machine.resume()
}

const name = { name: { type: 'word', help: 'name, or path of a file' } } as const

export const snapshotCommands = [
  command({
    hmp: ['savevm'], help: 'saves the machine to a file', args: name,
    run: ({ machine, host }, { name }) => saveSnapshot(machine, host, name),
  }),
  command({
    hmp: ['loadvm'], help: 'continues from what savevm saved', args: name,
    run: ({ machine, host }, { name }) => loadSnapshot(machine, host, name),
  }),
  command({
    hmp: ['delvm'], help: 'deletes a snapshot', args: name,
    async run({ host }, { name }) {
      await mustBeSnapshot(host, snapshotPath(name))
      await host.files.remove(snapshotPath(name))
    },
  }),
]
