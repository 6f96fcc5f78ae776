// Two harts: two copies of a kernel at the same time against one.
import { UserError } from '../../scripts/guests/run.ts'
import type { Engine } from './engines.ts'
import { type GuestRun, runGuest } from './guest.ts'
import { alternate, type Pair } from './suite.ts'
import { best } from './statistics.ts'

const KERNEL = 'crc', SCALE = 8, HARTS = 2

export interface Scaling {
  readonly kernel: string
  readonly oneMs: Pair<number>
  readonly twoMs: Pair<number>
  /** Time for two copies on two harts to that of one copy: 1 is perfect, 2 is no gain. */
  readonly ratio: Pair<number>
}

function times({ parallel }: GuestRun): { one: number; two: number } {
  const one = parallel.find(({ copies }) => copies === 1), two = parallel.find(({ copies }) => copies === 2)
  if (one?.checksums.length !== 1 || two?.checksums.length !== 2) throw new UserError('a run lacks copies')
  if (new Set([...one.checksums, ...two.checksums]).size > 1) throw new UserError('the copies do not agree')
  return { one: one.ms, two: two.ms }
}

export function scalingOf(runs: Pair<readonly GuestRun[]>): Scaling {
  const copies = runs.flat().flatMap(({ parallel }) => parallel)
  const sums = new Set(copies.flatMap(({ checksums }) => checksums))
  if (sums.size > 1) throw new UserError(`${KERNEL}: the engines do not agree: ${[...sums].join(', ')}`)
  const [ours, peer] = runs.map((side) => side.map(times)) as unknown as Pair<ReturnType<typeof times>[]>
  const oneMs: Pair<number> = [best(ours.map(({ one }) => one)), best(peer.map(({ one }) => one))]
  const twoMs: Pair<number> = [best(ours.map(({ two }) => two)), best(peer.map(({ two }) => two))]
  return { kernel: KERNEL, oneMs, twoMs, ratio: [twoMs[0] / oneMs[0], twoMs[1] / oneMs[1]] }
}

export async function runScaling(
  engines: Pair<Engine>, images: string, repeat: number, timeoutSeconds: number, note: (text: string) => void,
): Promise<Scaling> {
  const words = [`benchpar=${KERNEL}:1:${SCALE}`, `benchpar=${KERNEL}:${HARTS}:${SCALE}`]
  const guest = { images, harts: HARTS, words, timeoutSeconds }
  const runs = await alternate(
    engines, repeat, (engine) => runGuest(engine, guest), (text) => note(`two harts: ${text}`))
  return scalingOf(runs)
}
