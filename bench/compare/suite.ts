// The guest benchmark on both engines, in turns, and the figures that come of it.
import { UserError } from '../../scripts/guests/run.ts'
import { SHELL_PARTS, type ShellPart } from './console.ts'
import type { Contest, Engine } from './engines.ts'
import { BOOT, type Judged, judgedOf, KERNELS, type Length, SCALE } from './expectations.ts'
import { type GuestRun, runGuest, type Work } from './guest.ts'
import type { Memory } from './processes.ts'
import { best, geometricMean } from './statistics.ts'

export type Pair<T> = readonly [ours: T, peer: T]
type Runs = Pair<readonly GuestRun[]>

export interface Compared {
  readonly name: string
  readonly ms: Pair<number>
  readonly ratio: number
  /** Processor time of all threads, and of the busiest. */
  readonly cpuMs?: Pair<number>
  readonly threadMs?: Pair<number>
  /** How long that was kept waiting by others. */
  readonly threadWaitedMs?: Pair<number>
}

export interface Mean extends Judged {
  readonly ratio: number
  /** The same of the busiest threads' processor time. */
  readonly threadRatio: number
}

export interface Comparison {
  readonly length: Length
  readonly repeat: number
  readonly kernels: readonly Compared[]
  readonly shell: readonly Compared[]
  readonly means: readonly Mean[]
  /** For how much of the time that it wanted one the busiest thread had a processor. */
  readonly share: Pair<number>
  /** Other programs took so much that times alone prove nothing. */
  readonly disturbed: boolean
  /** Guest's uptime at the first user program, and time from the command. */
  readonly uptime: Compared
  readonly booted: Compared
  /** The whole run, and how long its threads were kept from running. */
  readonly total: Compared
  readonly waitedMs: Pair<number>
  readonly memory?: Pair<Memory>
}

/** All runs, in the order in which they were made: ours, peer, ours, peer. */
export async function alternate<T>(
  engines: Pair<Engine>, repeat: number,
  measure: (engine: Engine) => Promise<T>, note?: (text: string) => void,
): Promise<Pair<T[]>> {
  const results: Pair<T[]> = [[], []]
  for (let round = 1; round <= repeat; round++) {
    for (const [side, engine] of engines.entries()) {
      const started = performance.now()
      results[side]!.push(await measure(engine))
      note?.(`${engine.name} ${round}/${repeat}: ${((performance.now() - started) / 1000).toFixed(1)} s`)
    }
  }
  return results
}

/** Checks that every run did all kernels and computed the same. */
export function checkWork(runs: Runs, names: readonly string[]): void {
  const all = runs.flat()
  for (const name of names) {
    if (all.some(({ kernels }) => !kernels[name])) throw new UserError(`a run did not do ${name}`)
    const sums = new Set(all.map(({ kernels }) => kernels[name]!.checksum))
    if (sums.size > 1) throw new UserError(`${name}: the engines do not agree: ${[...sums].join(', ')}`)
  }
}

type Figure = (run: GuestRun) => number

type More = Partial<Record<'cpuMs' | 'threadMs' | 'threadWaitedMs', Figure>>

function compare(name: string, runs: Runs, ms: Figure, more: More = {}): Compared {
  const of = (figure: Figure): Pair<number> => [best(runs[0].map(figure)), best(runs[1].map(figure))]
  const times = of(ms)
  return {
    name, ms: times, ratio: times[0] / times[1],
    ...Object.fromEntries(Object.entries(more).map(([key, figure]) => [key, of(figure)])),
  }
}

/** The judged figures whose kernels were all measured. */
export function meansOf(kernels: readonly Compared[], contest: Contest, length: Length): Mean[] {
  const byName = new Map(kernels.map((each) => [each.name, each]))
  return judgedOf(contest, length).filter(({ of }) => of.every((name) => byName.has(name))).map((judged) => {
    const all = judged.of.map((name) => byName.get(name)!)
    const sum = judged.how === 'mean' ? geometricMean : (values: readonly number[]) => Math.max(...values)
    // A short kernel may begin and end between two looks at the threads.
    const ofThreads = all.map(threadRatio).filter((each) => each > 0 && each < Infinity)
    return { ...judged, ratio: sum(all.map(({ ratio }) => ratio)), threadRatio: sum(ofThreads) }
  })
}

const threadRatio = ({ threadMs: [ours, peer] = [NaN, NaN] }: Compared): number => ours / peer

const SHARE_EXPECTED = 0.9

function shareOf(kernels: readonly Compared[]): Pair<number> {
  const of = (side: 0 | 1): number => {
    const sum = (times: 'threadMs' | 'threadWaitedMs') =>
      kernels.reduce((all, each) => all + each[times]![side], 0)
    const ran = sum('threadMs')
    return ran / (ran + sum('threadWaitedMs'))
  }
  return [of(0), of(1)]
}

export function compareRuns(runs: Runs, contest: Contest, length: Length, names: readonly string[]): Comparison {
  checkWork(runs, names)
  const kernels = names.map((name) => {
    const figure = (key: Exclude<keyof Work, 'checksum'>): Figure => (run) => run.kernels[name]![key]
    const more = {
      cpuMs: figure('cpuMs'), threadMs: figure('threadMs'), threadWaitedMs: figure('threadWaitedMs'),
    }
    return compare(name, runs, figure('ms'), more)
  })
  const shell = (part: ShellPart) => compare(part, runs, (run) => run.shellMs![part])
  const [ours, peer] = runs.map((side) => side.at(-1)!) as unknown as Pair<GuestRun>
  const share = shareOf(kernels), means = meansOf(kernels, contest, length)
  return {
    length, repeat: runs[0].length, kernels, means, share, disturbed: Math.min(...share) < SHARE_EXPECTED,
    shell: runs.flat().every(({ shellMs }) => shellMs) ? SHELL_PARTS.map(shell) : [],
    uptime: compare(BOOT.what, runs, (run) => run.uptimeMs, { threadMs: (run) => run.bootedThreadMs }),
    booted: compare('command to first user program', runs, (run) => run.bootedMs),
    total: compare('whole run', runs, (run) => run.wallMs, { cpuMs: (run) => run.cpuMs }),
    waitedMs: [best(runs[0].map((run) => run.waitedMs)), best(runs[1].map((run) => run.waitedMs))],
    ...(ours.memory && peer.memory && { memory: [ours.memory, peer.memory] }),
  }
}

export interface SuiteOptions {
  readonly contest: Contest
  readonly images: string
  readonly length: Length
  readonly repeat: number
  /** All kernels and the shell benchmark, unless given. */
  readonly only?: readonly string[]
  readonly timeoutSeconds: number
  note(text: string): void
}

export const words = (length: Length, only?: readonly string[]): string[] =>
  [`bench=${SCALE[length]}`, ...(only ? [`benchonly=${only.join(',')}`] : [])]

export async function runSuite(engines: Pair<Engine>, options: SuiteOptions): Promise<Comparison> {
  const { images, length, only, timeoutSeconds } = options
  const guest = { images, harts: 1, words: words(length, only), timeoutSeconds }
  const note = (text: string) => options.note(`${length}: ${text}`)
  const runs = await alternate(engines, options.repeat, (engine) => runGuest(engine, guest), note)
  return compareRuns(runs, options.contest, length, KERNELS.filter((name) => only?.includes(name) ?? true))
}
