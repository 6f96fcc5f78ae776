// Runs a script on both sides in step, and reports the first difference with the shortest script that shows
// it.
import { count } from '../suite.ts'
import { ours, type Ours } from './ours.ts'
import { openQemu, type Outcome, type Qemu } from './qemu.ts'
import { machineOf, type Machine } from './machines.ts'
import { opText, random, type Op, type Timeless } from './script.ts'
import { avoided, type Target } from './targets.ts'

export type Difference = { readonly ours: string; readonly qemu: string }
export type Report = {
  readonly operations: number
  /** Operations left out, and values not compared, by the reason. */
  readonly explained: ReadonlyMap<string, number>
} & (
  | { readonly same: true }
  | {
      readonly same: false
      readonly script: readonly Op[]
      readonly difference: Difference
      readonly text: string
    }
)

export async function compare(
  target: Target,
  options: { accesses: number; seed: number; shrink?: boolean },
): Promise<Report> {
  const r = random(options.seed)
  let left = options.accesses
  const source = (on: Ours) => (left > 0 ? target.next(r, on) : undefined)
  const first = await run(target, on => {
    const ops = source(on)
    left -= ops?.length ?? 0
    return ops
  })
  const seen = { operations: first.script.length, explained: first.explained }
  if (!first.difference) return { ...seen, same: true }
  const short = options.shrink === false ? first : await shrink(target, first)
  return { ...seen, same: false, script: short.script, difference: short.difference!, text: reportText(short) }
}

type Passing = Extract<Op, { op: 'step' | 'run' }>
type Run = { script: Op[]; explained: Map<string, number>; difference?: Difference }

/**
 * Applies what `source` supplies until it ends or the sides differ; the script ends with the operation that
 * differed.
 */
async function run(target: Target, source: (on: Ours) => readonly Op[] | undefined): Promise<Run> {
  const machine = machineOf(target), script: Op[] = [], explained = new Map<string, number>()
  const on = ours(machine, target.ours), qemu = await openQemu(machine, target.qemu)
  try {
    await target.prepare?.(on, qemu)
    for (let ops; (ops = source(on));)
      for (const o of ops) {
        const reason = avoided(target, o, on)
        if (reason) {
          count(explained, reason)
          continue
        }
        script.push(o)
        const difference =
          o.op === 'step' || o.op === 'run' ? await passTime(machine, on, qemu, o)
            : await both(target, on, qemu, o, explained)
        if (difference) return { script, explained, difference }
      }
    return { script, explained }
  } finally {
    qemu.close()
  }
}

async function both(
  target: Target, on: Ours, qemu: Qemu, o: Timeless, explained: Map<string, number>,
): Promise<Difference | undefined> {
  const masks = target.explained.map(e => ({ reason: e.reason, bits: e.mask?.(o, on) ?? 0 })).filter(m => m.bits)
  const bits = ~masks.reduce((sum, m) => sum | m.bits, 0)
  let theirs = await qemu.apply(o), mine = on.apply(o)
  const ignored = target.explained.find(e => e.ignoreValue?.(o))
  if (mine.value !== theirs.value) for (const e of ignored ? [ignored] : masks) count(explained, e.reason)
  const kept = (value: string) => (masks.length ? `0x${((Number(value) & bits) >>> 0).toString(16)}` : value)
  const values = ignored ? ['', ''] : [kept(mine.value), kept(theirs.value)]
  if (target.quiesce) {
    await target.quiesce(o, on, qemu)
    theirs = { ...theirs, high: (await qemu.apply(NOTHING)).high }
  }
  for (const more of target.settle?.(o, on) ?? []) {
    theirs = await qemu.apply(more)
    mine = on.apply(more)
  }
  const a = outcomeText(values[0]!, mine), b = outcomeText(values[1]!, theirs)
  return a === b ? undefined : { ours: a, qemu: b }
}

/** Tells the pins and nothing else. */
const NOTHING: Timeless = { op: 'dump', at: 0, bytes: 1 }

const outcomeText = (value: string, { high }: Outcome) =>
  `${value}${high.length ? ` high: ${high.join(' ')}` : ''}`

/**
 * Steps QEMU and sets our clock to its clock, which a device of the machine shows. QEMU runs a
 * timer some instructions late; a difference counts only if it is there after a few more.
 */
async function passTime(machine: Machine, on: Ours, qemu: Qemu, o: Passing): Promise<Difference | undefined> {
  let difference: Difference | undefined
  for (let patience = 0; patience < 4; patience++) {
    if (patience > 0) await qemu.step(2)
    else if (o.op === 'step') await qemu.step(o.count)
    else await qemu.run(o.ms)
    const answers: Outcome[] = []
    for (const o of machine.time) answers.push(await qemu.apply(o))
    const now = machine.nowNs(answers.map(a => a.value), on)
    if (now < on.clock.nowNs()) return { ours: `at ${on.clock.nowNs()} ns`, qemu: `at ${now} ns` }
    on.clock.set(now)
    on.system.runTimers()
    const last = machine.time.map(o => on.apply(o)).at(-1)!
    const a = last.high.join(' '), b = answers.at(-1)!.high.join(' ')
    if (a === b) return undefined
    difference = { ours: `high: ${a}`, qemu: `high: ${b}` }
  }
  return difference
}

/** Delta debugging: drops ever smaller runs of operations as long as something still differs. */
async function shrink(target: Target, start: Run): Promise<Run> {
  let best = start, budget = 200
  const replay = (script: readonly Op[]) => {
    let given = false
    return run(target, () => (given ? undefined : ((given = true), script)))
  }
  for (
    let size = Math.ceil(best.script.length / 2);
    size >= 1 && budget > 0;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  )
    for (let at = 0; at < best.script.length - 1 && budget-- > 0; ) {
      const shorter = await replay(best.script.filter((_, i) => i < at || i >= at + size))
      if (shorter.difference && shorter.script.length < best.script.length) best = shorter
      else at += size
    }
  return best
}

const reportText = (f: Run) =>
  [
    ...f.script.map(opText),
    `  ours: ${f.difference!.ours || 'nothing'}`,
    `  qemu: ${f.difference!.qemu || 'nothing'}`,
  ].join('\n')
