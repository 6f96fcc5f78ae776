// Where our processor time goes: V8's sampling profiler in every thread, summed up by kind of code.
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '../../scripts/guests/run.ts'
import { type Engine, ROOT } from './engines.ts'
import { type GuestOptions, runGuest } from './guest.ts'
import { table } from './tables.ts'

const FOLDER = join(ROOT, '.cache/prof')
const TOP_FILES = 12, TOP_FUNCTIONS = 25

interface CallFrame { readonly functionName: string; readonly url: string }

/** The part of V8's profile that is read here. Times in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** What kind of code a frame is. */
export function categoryOf({ functionName, url }: CallFrame): string {
  if (functionName.startsWith('riscv64:')) return 'guest code'
  if (functionName === '(garbage collector)') return 'GC'
  if (functionName === '(idle)') return 'idle'
  if (functionName === '(program)') return 'native code (compiling, system calls)'
  if (url.startsWith('wasm:')) return functionName === 'run' ? 'interpreter' : 'other WebAssembly'
  if (url.endsWith('.ts')) return 'TypeScript'
  return 'Node'
}

/** What a frame is called in the list of functions: those of ours with their file in the project. */
export function frameName(frame: CallFrame): string {
  return `${frame.functionName || '(anonymous)'} ${fileOf(frame) ?? ''}`.trimEnd()
}
const fileOf = ({ url }: CallFrame): string | undefined => /\/(src\/.*)/.exec(url)?.[1]

export interface Times {
  /** Milliseconds by category, by file of ours, and by function with its category in front. */
  readonly categories: Map<string, number>
  readonly files: Map<string, number>
  readonly functions: Map<string, number>
}

const add = (map: Map<string, number>, key: string, value: number): void =>
  void map.set(key, (map.get(key) ?? 0) + value)

export function timesOf({ nodes, samples, timeDeltas }: CpuProfile): Times {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const times: Times = { categories: new Map(), files: new Map(), functions: new Map() }
  for (const [index, id] of samples.entries()) {
    const frame = frames.get(id)
    if (!frame) throw new Error(`the profile has no node ${id}`)
    // A delta is the time before its sample: what ran then is what the sample before saw.
    const ms = Math.max(0, timeDeltas[index + 1] ?? 0) / 1000
    const file = fileOf(frame)
    if (file) add(times.files, file, ms)
    add(times.categories, categoryOf(frame), ms)
    add(times.functions, `${categoryOf(frame)}: ${frameName(frame)}`, ms)
  }
  return times
}

/** `node --cpu-prof` numbers threads in the files' names: CPU.DATE.TIME.PID.THREAD.SEQUENCE. */
const threadOf = (file: string): string => `thread ${file.split('.')[4]}`

export function summarize(threads: readonly (readonly [name: string, times: Times])[]): string {
  const categories = [...new Set(threads.flatMap(([, times]) => [...times.categories.keys()]))]
  const rows = categories.map((name) =>
    ({ name, each: threads.map(([, times]) => times.categories.get(name) ?? 0) }))
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
  rows.sort((a, b) => Number(a.name === 'idle') - Number(b.name === 'idle') || sum(b.each) - sum(a.each))
  const busy = sum(rows.filter(({ name }) => name !== 'idle').flatMap(({ each }) => each))
  const share = (value: number) => `${(100 * value / busy).toFixed(1)}%`

  const top = (what: 'files' | 'functions', count: number): string[][] => {
    const all = new Map<string, number>()
    for (const [, times] of threads) for (const [name, ms] of times[what]) add(all, name, ms)
    const most = [...all].filter(([name]) => !name.startsWith('idle: ')).toSorted(([, a], [, b]) => b - a)
    return most.slice(0, count).map(([name, ms]) => [name, ms.toFixed(0), share(ms)])
  }
  const byCategory = rows.map(({ name, each }) =>
    [name, ...each.map((ms) => ms.toFixed(0)), sum(each).toFixed(0), name === 'idle' ? '' : share(sum(each))])
  return [
    table(['ms', ...threads.map(([name]) => name), 'all', 'of busy'], byCategory),
    table(['file', 'ms', 'of busy'], top('files', TOP_FILES)),
    table(['function', 'ms', 'of busy'], top('functions', TOP_FUNCTIONS)),
  ].join('\n\n')
}

export async function profile(engine: Engine, guest: GuestOptions): Promise<string> {
  const [node = '', ...program] = engine.command
  if (node !== process.execPath) throw new UserError('--profile is for engines that Node runs')
  await rm(FOLDER, { recursive: true, force: true })
  await mkdir(FOLDER, { recursive: true })
  const command = [node, '--cpu-prof', `--cpu-prof-dir=${FOLDER}`, ...program]
  const run = await runGuest({ name: engine.name, command }, guest)
  const files = (await readdir(FOLDER)).filter((file) => file.endsWith('.cpuprofile')).toSorted()
  if (!files.length) throw new UserError(`no profiles in ${FOLDER}`)
  const threads = await Promise.all(files.map(async (file) =>
    [threadOf(file), timesOf(JSON.parse(await readFile(join(FOLDER, file), 'utf8')))] as const))
  const kernels = Object.entries(run.kernels).map(([name, { ms }]) => `${name} ${ms.toFixed(0)} ms`)
  return `${kernels.join(', ')}\n\n${summarize(threads)}\n\n${FOLDER}: open in Chrome’s developer tools`
}
