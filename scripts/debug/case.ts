// A case: a folder with everything about a machine at the moment when something went wrong.
import { mkdir, open, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { nodeHost } from '../../src/host/node/host.ts'
import { saveSnapshot } from '../../src/manage/commands/snapshot.ts'
import { versionText } from '../../src/manage/management.ts'
import { registerLines } from '../../src/manage/monitor/scope.ts'
import { codeAt } from '../../src/vm/code-at.ts'
import type { Machine } from '../../src/vm/machine.ts'
import { UserError } from '../guests/run.ts'

export const PROGRAM = 'typevisor-system-riscv64'
const TAIL_BYTES = 1 << 20
/** How long processors may take to stand still, and log lines to reach their file. */
const PATIENCE_MS = 5000, FLUSH_MS = 200

export type CaseFile = {
  readonly program: string
  /** The machine's options, without those of the debugger, and where their paths begin. */
  readonly options: readonly string[]
  readonly folder: string
  readonly cause: string
  readonly stack?: string
  readonly state: string
  readonly version: string
  readonly node: string
  readonly date: string
}
export type Cause = { readonly text: string; readonly error?: unknown }
export type Written = { readonly path: string; readonly parts: readonly string[]; readonly missing: readonly string[] }

const sleep = (ms: number) => new Promise<'late'>(resolve => setTimeout(resolve, ms, 'late'))

export async function registers(machine: Machine): Promise<string> {
  const parts = machine.cpus.map(async ({ index, state }) => `CPU#${index} (${state})\n${await registerLines({ machine, cpu: index })}`)
  return (await Promise.all(parts)).join('\n')
}

async function tail(path: string): Promise<Uint8Array> {
  const { size } = await stat(path), file = await open(path)
  try {
    const from = Math.max(0, size - TAIL_BYTES), bytes = new Uint8Array(size - from)
    await file.read(bytes, 0, bytes.length, from)
    return bytes
  } finally {
    await file.close()
  }
}

/** Writes what can be had: a machine in which something failed may not give everything, and says what it does not. */
export async function writeCase(
  path: string, machine: Machine, options: readonly string[], cause: Cause, trace: string,
): Promise<Written> {
  await mkdir(path, { recursive: true })
  const parts: string[] = [], missing: string[] = [], { state } = machine
  const part = async (name: string, make: () => Promise<string | Uint8Array | undefined>): Promise<void> => {
    try {
      const content = await make()
      if (content !== undefined) await writeFile(join(path, name), content)
      parts.push(name)
    } catch (error) {
      missing.push(`${name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  const stack = cause.error instanceof Error ? cause.error.stack : undefined
  const file: CaseFile = {
    program: PROGRAM, options, folder: process.cwd(), cause: cause.text, ...stack !== undefined && { stack }, state,
    version: versionText, node: process.version, date: new Date().toISOString(),
  }
  await part('case.json', async () => `${JSON.stringify(file, undefined, 2)}\n`)
  const still = await Promise.race([machine.pause(), sleep(PATIENCE_MS)]) !== 'late'
  if (!still) missing.push('processors that stand still: what follows is of a machine that may be running')
  await part('registers.txt', () => registers(machine))
  for (const { index } of machine.cpus) await part(`code-cpu${index}.txt`, async () => codeAt(machine, index))
  await part('snapshot.tvsnap', async () => {
    if (!still) throw new Error('the machine does not stand still')
    await saveSnapshot(machine, nodeHost, join(path, 'snapshot.tvsnap'))
    return undefined
  })
  await sleep(FLUSH_MS)
  await part('trace.txt', () => tail(trace))
  return { path, parts, missing }
}

export async function readCase(path: string): Promise<CaseFile> {
  try {
    return JSON.parse(await readFile(join(path, 'case.json'), 'utf8')) as CaseFile
  } catch (cause) {
    throw new UserError(`${path} is no case: ${(cause as Error).message}`, { cause })
  }
}

/** Where gdb finds the machine that waits at a socket. */
export const gdbHint = (socket: string): string =>
  `gdb-multiarch -ex 'set architecture riscv:rv64' -ex 'target remote ${socket}'`
/** A place for gdb at a socket in `folder`, as the option wants it. */
export const gdbOption = (socket: string): string => `unix:${socket},server=on,wait=off`
