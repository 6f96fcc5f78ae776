// npm run replay -- CASE: the machine of a case, with the same options and in the state of its snapshot. It stands still,
// prints its registers and waits for gdb; gdb's `continue`, or `cont` on the monitor, lets it run.
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { nodeHost } from '../src/host/node/host.ts'
import { run } from '../src/manage/cli/run.ts'
import * as assembly from '../src/vm/machine.ts'
import { gdbHint, gdbOption, readCase, registers } from './debug/case.ts'
import { runMain, UserError } from './guests/run.ts'

const note = (line: string) => nodeHost.process!.writeError(line)

await runMain('replay', async () => {
  const [given, ...more] = process.argv.slice(2)
  if (given === undefined) throw new UserError('which case? npm run replay -- FOLDER')
  const path = resolve(given), { options, program, folder, cause } = await readCase(path)
  const snapshot = join(path, 'snapshot.tvsnap')
  if (!existsSync(snapshot)) throw new UserError(`${given} has no snapshot: the machine could not be stopped`)
  if (existsSync(folder)) process.chdir(folder)
  const scratch = await mkdtemp(join(tmpdir(), 'typevisor-replay-')), socket = join(scratch, 'gdb')
  note(`${cause}\ngdb: ${gdbHint(socket)}`)
  const status = await run([...options, ...more, '-S', '-loadvm', snapshot, '-gdb', gdbOption(socket)], program, {
    host: nodeHost, assembly, nowMs: () => Date.now(),
    attend: machine => ({ ready: async () => note(await registers(machine as assembly.Machine)) }),
  })
  await rm(scratch, { recursive: true })
  nodeHost.process!.exit(status)
})
