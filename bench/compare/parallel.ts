// Two harts: two copies of a kernel at the same time against one.
import { UserError } from '../../scripts/guests/run.ts'
import type { Engine } from './engines.ts'
import { type GuestRun, runGuest } from './guest.ts'
import { alternate, type Pair } from './suite.ts'
import { best } from './statistics.ts'

const KERNEL = 'crc', SCALE = 8, HARTS = 2
/** Copies, in turns: the first turn also translates, on either hart. The better of each counts. */
const COPIES = [1, 2, 1, 2]

export interface Scaling {
  readonly kernel: string
  readonly oneMs: Pair<number>
  readonly twoMs: Pair<number>
  /** Time for two copies on two harts to that of one copy: 1 is perfect, 2 is no gain. */
  readonly ratio: Pair<number>
  /** In the whole run; much of it means that the ratios are those of a busy machine. */
  readonly waitedMs: Pair<number>
}

function times({ parallel }: GuestRun): { one: number; two: number } {
  if (`${parallel.map(({ copies }) => copies)}` !== `${COPIES}`) throw new UserError('a run lacks copies')
  const lost = parallel.some(({ copies, checksums }) => checksums.length !== copies)
  if (lost) throw new UserError('a copy is lost')
  const of = (wanted: number) => best(parallel.filter(({ copies }) => copies === wanted).map(({ ms }) => ms))
  return { one: of(1), two: of(2) }
}

export function scalingOf(runs: Pair<readonly GuestRun[]>): Scaling {
  const copies = runs.flat().flatMap(({ parallel }) => parallel)
  const sums = new Set(copies.flatMap(({ checksums }) => checksums))
  if (sums.size > 1) throw new UserError(`${KERNEL}: the engines do not agree: ${[...sums].join(', ')}`)
  const [ours, peer] = runs.map((side) => side.map(times)) as unknown as Pair<ReturnType<typeof times>[]>
  const oneMs: Pair<number> = [best(ours.map(({ one }) => one)), best(peer.map(({ one }) => one))]
  const twoMs: Pair<number> = [best(ours.map(({ two }) => two)), best(peer.map(({ two }) => two))]
  const waited = (side: 0 | 1) => best(runs[side].map(({ waitedMs }) => waitedMs))
  return {
    kernel: KERNEL, oneMs, twoMs, ratio: [twoMs[0] / oneMs[0], twoMs[1] / oneMs[1]],
    waitedMs: [waited(0), waited(1)],
  }
}

export async function runScaling(
  engines: Pair<Engine>, images: string, repeat: number, timeoutSeconds: number, note: (text: string) => void,
): Promise<Scaling> {
  const words = COPIES.map((copies) => `benchpar=${KERNEL}:${copies}:${SCALE}`)
  const guest = { images, harts: HARTS, words, timeoutSeconds }
  const runs = await alternate(
    engines, repeat, (engine) => runGuest(engine, guest), (text) => note(`two harts: ${text}`))
  return scalingOf(runs)
}
