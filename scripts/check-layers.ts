// Which folder of src may import which. A room is a folder or a file; the longest matching name is a file's room.
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

const SRC = join(import.meta.dirname, '../src')

interface Room {
  readonly may: readonly string[]
  /** Sub-folders are rooms of their own that may use what lies in this folder, but not each other. */
  readonly apart?: boolean
  /** May import packages and Node's modules. */
  readonly host?: boolean
}

const HOST = 'host/host.ts'
const VM_MAY = [
  'base', 'state', 'mem', 'ir', 'isa', 'wasm', 'device', 'devices', 'accel', 'backends', 'machines', HOST,
]

export const ROOMS: Readonly<Record<string, Room>> = {
  base: { may: [] },
  state: { may: ['base'] },
  mem: { may: ['base', 'state'] },
  ir: { may: ['base', 'state'] },
  isa: { may: ['base', 'state', 'mem', 'ir'], apart: true },
  wasm: { may: ['base', 'ir'] },
  device: { may: ['base', 'state', 'mem'] },
  devices: { may: ['base', 'state', 'mem', 'device'] },
  accel: { may: ['base', 'state', 'mem', 'ir', 'isa', 'wasm', 'device', HOST], apart: true },
  'accel/direct': { may: ['accel/jit'] },
  backends: { may: ['base', 'device', HOST] },
  machines: { may: ['base', 'mem', 'device', 'devices', 'accel/accel.ts'] },
  vm: { may: VM_MAY },
  manage: { may: ['base', 'vm', HOST] },
  'manage/cli/main.ts': { may: ['host/node'] },
  host: { may: ['base'] },
  'host/node': { may: ['base'], host: true },
  'host/browser': { may: ['base'], host: true },
  ui: { may: ['vm', 'host/browser'] },
}

const inside = (file: string, room: string): boolean => file === room || file.startsWith(`${room}/`)

/** The rooms that a file lies in, from the outermost. */
const roomsOf = (file: string): string[] => Object.keys(ROOMS).filter((room) => inside(file, room))

/** What is wrong with `file` (a path in src) importing `specifier`; undefined when nothing is. */
export function fault(file: string, specifier: string): string | undefined {
  if (!file.includes('/')) return undefined // an entry point of the package puts everything together
  const rooms = roomsOf(file)
  const test = file.endsWith('.test.ts')
  if (!rooms.length) return `${file}: ${file.split('/')[0]} is not in the table of scripts/check-layers.ts`
  if (!specifier.startsWith('.')) {
    return test || rooms.some((room) => ROOMS[room]?.host) ? undefined
      : `${file}: imports ${specifier}; only host/node and host/browser may`
  }
  const target = posix.join(posix.dirname(file), specifier)
  if (target.startsWith('../')) return test ? undefined : `${file}: imports ${specifier} from outside src`
  if (test && inside(target, 'host/node')) return undefined // tests run on Node
  const refused = `${file}: ${rooms[0]} may not import ${target}`
  if (rooms.some((room) => ROOMS[room]?.may.some((allowed) => inside(target, allowed)))) {
    return crossesApart(target, file) ? refused : undefined
  }
  const home = rooms.find((room) => inside(target, room))
  return home && !crossesApart(target, file) && !leavesHost(file, target) ? undefined : refused
}

/** Whether target lies in a sub-folder of a room whose sub-folders are apart, and file in another of that room. */
function crossesApart(target: string, file: string): boolean {
  for (const [room, { apart }] of Object.entries(ROOMS)) {
    if (!apart || !inside(target, room) || !inside(file, room)) continue
    const folder = (path: string): string => path.slice(room.length + 1).split('/').slice(0, -1)[0] ?? ''
    const own = `${room}/${folder(file)}`
    const allowed = ROOMS[own]?.may.some((each) => inside(target, each))
    if (folder(target) && folder(target) !== folder(file) && !allowed) return true
  }
  return false
}

/** host.ts describes hosts and knows none; the hosts do not know each other. */
const leavesHost = (file: string, target: string): boolean =>
  ['host/node', 'host/browser'].some((host) => inside(target, host) && !inside(file, host))

/** The specifiers that a source imports, re-exports, loads later or starts as a worker. */
export const importsOf = (source: string): string[] =>
  [...source.matchAll(/^\s*(?:import|export)\b[^'"`;]*?from\s*'([^']+)'|^\s*import\s*'([^']+)'|\bimport\(\s*'([^']+)'|new URL\('(\.[^']+\.[jt]s)', import\.meta/gm)]
    .map(([, from, bare, later, worker]) => from ?? bare ?? later ?? worker ?? '')

export function check(): string[] {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  return files.flatMap((file) => importsOf(readFileSync(join(SRC, file), 'utf8')).flatMap((name) => fault(file, name) ?? []))
}

if (import.meta.main) {
  const faults = check()
  for (const line of faults) console.error(line)
  if (faults.length) process.exitCode = 1
}
