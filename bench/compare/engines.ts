// The two programs that are compared, and what ran them.
import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { run, UserError } from '../../scripts/guests/run.ts'

export const ROOT = join(import.meta.dirname, '../..')

export interface Engine {
  readonly name: string
  /** Program and first arguments; those that are the same for both follow. */
  readonly command: readonly string[]
}

/** A guest's architecture: the emulator's name for it, and the machine that it runs on. */
const SYSTEMS = {
  riscv64: { system: 'riscv64', machine: ['-M', 'virt'] },
  amd64: { system: 'x86_64', machine: ['-M', 'pc', '-nic', 'none'] },
  i386: { system: 'i386', machine: ['-M', 'pc', '-nic', 'none'] },
} as const
export type Arch = keyof typeof SYSTEMS
export const ARCHES = Object.keys(SYSTEMS) as readonly Arch[]
/** What is compared: an architecture with QEMU's recompiler, or a PC of 32 bits with v86. */
export type Contest = Arch | 'v86'

/** One thread, one processor, 32 bits. */
const V86: Engine = { name: 'v86', command: [process.execPath, join(import.meta.dirname, 'v86.ts')] }

function enginesOf(contest: Contest): readonly [Engine, Engine] {
  if (contest === 'v86') return [enginesOf('i386')[0], V86]
  const { system, machine } = SYSTEMS[contest]
  return [
    { name: 'typevisor', command: [process.execPath, join(ROOT, `bin/typevisor-system-${system}.js`), ...machine] },
    { name: 'tcg', command: [`qemu-system-${system}`, ...machine, '-accel', 'tcg'] },
  ]
}

/** `NAME=COMMAND LINE` */
function parseEngine(text: string): Engine {
  const [, name, command] = /^([\w-]+)=(\S.*)$/.exec(text) ?? []
  if (!name || !command) throw new UserError(`--engine takes NAME=COMMAND, not ${text}`)
  return { name, command: command.trim().split(/\s+/) }
}

/** The engine measured, then the one it is measured against. */
export function chooseEngines(given: readonly string[], contest: Contest): readonly [Engine, Engine] {
  const known = enginesOf(contest), [ours = known[0], peer = known[1], ...more] = given.map(parseEngine)
  if (more.length) throw new UserError('two engines are compared, no more')
  if (ours.name === peer.name) throw new UserError(`both engines are named ${ours.name}`)
  return [ours, peer]
}

export interface Setting {
  readonly date: string
  readonly machine: string
  /** Processes that wanted a processor in the minute before: more than 0.2 or so disturb. */
  readonly load: number
  readonly commit: string
  readonly versions: readonly string[]
}

async function version({ command: [program = '', ...args] }: Engine): Promise<string> {
  return (await run(program, [...args, '--version'])).split('\n')[0]!.trim()
}

export async function describeSetting(engines: readonly Engine[]): Promise<Setting> {
  const processors = cpus()
  const dirty = (await run('git', ['-C', ROOT, 'status', '--porcelain', '--', 'src'])).trim() !== ''
  const commit = (await run('git', ['-C', ROOT, 'rev-parse', '--short', 'HEAD'])).trim()
  const versions: string[] = []
  for (const engine of engines) versions.push(`${engine.name}: ${await version(engine)}`)
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: `${processors.length} × ${processors[0]?.model.trim() ?? process.arch}`,
    load: loadavg()[0]!,
    commit: commit + (dirty ? ' with changes' : ''),
    versions: [...versions, `Node ${process.versions.node}, V8 ${process.versions.v8}`],
  }
}
