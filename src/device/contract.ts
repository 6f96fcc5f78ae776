// What holds for every device, whatever it is. Each check takes a stage (a board with the device on it and
// the addresses to poke at) and a seed, and throws with the seed and the operation when a promise is broken.
import { assert } from '../base/errors.ts'
import type { Board } from './board.ts'
import { restoreSystem, saveSystem } from './snapshot.ts'
import { bench, type Bench } from './testing.ts'

export type Stage = {
  readonly board: Board
  /** The device under test. */
  readonly id: string
  readonly targets: readonly { readonly at: number; readonly sizeBytes: number }[]
  /** RAM that DMA may hit. */
  readonly ram: { readonly at: number; readonly sizeBytes: number }
}

type Op =
  | {
      readonly op: 'read' | 'write'
      readonly at: number
      readonly size: number
      readonly lo: number
      readonly hi: number
    }
  | { readonly op: 'input'; readonly slot: number; readonly level: boolean }
  | { readonly op: 'time'; readonly ns: number }
  | { readonly op: 'chr'; readonly byte: number }
  | { readonly op: 'ram'; readonly at: number; readonly value: number }

const STATE_BYTES = 1 << 23

/**
 * A generator of operations; the same seed, the same ones. Register-like addresses and telling values come up
 * often.
 */
function* operations(stage: Stage, inputs: number, seed: number, count: number): Generator<Op> {
  let x = Math.imul(seed, 0x9e3779b1) >>> 0 || 1
  const word = () => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return (x >>>= 0)
  }
  const below = (n: number) => Math.floor((word() / 2 ** 32) * n)
  const value = () =>
    [0, 1, 0xffffffff, below(16), below(256), 1 << below(32), stage.ram.at + below(4096) * 8, word()][
      below(8)
    ]! >>> 0
  const levels = new Map<number, boolean>()
  for (let i = 0; i < count; i++) {
    const kind = below(20)
    if (kind === 0) yield { op: 'time', ns: below(4) ? below(2_000_000) : below(2 ** 31) }
    else if (kind === 1 && inputs > 0) {
      const slot = below(inputs), level = !levels.get(slot)
      levels.set(slot, level)
      yield { op: 'input', slot, level }
    } else if (kind === 2) yield { op: 'chr', byte: below(256) }
    else if (kind === 3) yield { op: 'ram', at: stage.ram.at + below(4096) * 4, value: value() }
    else if (stage.targets.length > 0) {
      const target = stage.targets[below(stage.targets.length)]!, size = [1, 2, 4, 4, 4, 8][below(6)]!
      const span = below(3) ? Math.min(target.sizeBytes, 256) : target.sizeBytes
      const offset = below(8) ? below(span) - (below(span) % size) : below(target.sizeBytes)
      const aligned = below(8) ? offset - (offset % size) : offset
      yield {
        op: below(2) ? 'read' : 'write',
        at: target.at + Math.max(0, aligned),
        size,
        lo: value(),
        hi: value(),
      }
    }
  }
}

function apply(b: Bench, stage: Stage, o: Op): unknown {
  const m = b.system.memory, device = b.system.instance(stage.id)
  switch (o.op) {
    case 'read': {
      if (o.size < 8) return checked(m.read(o.at, o.size), o.size)
      const pair = new Uint32Array(2)
      m.readWide(o.at, pair)
      return [...pair]
    }
    case 'write':
      return o.size < 8 ? m.write(o.at, o.size, o.lo) : m.writeWide(o.at, o.lo, o.hi)
    case 'input':
      return device.driveInput(o.slot, o.level)
    case 'time':
      return b.advance(o.ns)
    case 'chr':
      if (!device.device.chr) return
      b.system.chr(stage.id).give(Uint8Array.of(o.byte))
      device.pollChar()
      return [...b.system.chr(stage.id).take()]
    case 'ram':
      return m.write(o.at, 4, o.value)
  }
}

function checked(value: number, size: number): number {
  assert(
    Number.isInteger(value) && value >= 0 && value < 2 ** (8 * size),
    `a ${size}-byte read gave ${value}`,
  )
  return value
}

function fresh(stage: Stage): Bench {
  const b = bench(stage.board, { buffer: new ArrayBuffer(STATE_BYTES), sizeBytes: STATE_BYTES })
  for (const c of charsOf(b)) c.connect(true)
  return b
}

const charsOf = (b: Bench) => b.system.instances.flatMap(i => (i.device.chr ? [b.system.chr(i.id)] : []))

/** Bytes between host and device are not the guest's state: as if the peer had gone and come back. */
function hangUp(b: Bench): void {
  for (const c of charsOf(b)) {
    c.take()
    c.discard()
  }
  b.system.pollChars()
}
const inputsOf = (b: Bench, stage: Stage) => b.system.instance(stage.id).plan.inputs.length
const saved = (b: Bench) => JSON.stringify(saveSystem(b.system))

function run(stage: Stage, seed: number, count: number, each: (o: Op, i: number) => void): void {
  const inputs = inputsOf(fresh(stage), stage)
  let i = 0
  for (const o of operations(stage, inputs, seed, count)) {
    try {
      each(o, i++)
    } catch (cause) {
      throw new Error(
        `${stage.id}, seed ${seed}, operation ${i}: ${JSON.stringify(o)}: ${(cause as Error).message}`,
        { cause },
      )
    }
  }
}

function same(a: unknown, b: unknown, what: string): void {
  const x = JSON.stringify(a), y = JSON.stringify(b)
  if (x !== y) throw new Error(`${what}: ${x} but ${y}`)
}

/** Random accesses of every size and offset give numbers, and neither throw nor hang. */
export function accessesNeverThrow(stage: Stage, seed: number, count: number): void {
  const b = fresh(stage)
  run(stage, seed, count, o => void apply(b, stage, o))
}

/** After anything, a reset is as good as a new machine. */
export function resetForgets(stage: Stage, seed: number, count: number): void {
  const b = fresh(stage), newborn = saved(b)
  run(stage, seed, count, o => void apply(b, stage, o))
  hangUp(b)
  b.clock.set(0)
  b.system.reset()
  same(saved(b), newborn, 'after a reset')
}

/** A snapshot, through JSON, taken at any point continues as its original does. */
export function snapshotContinues(stage: Stage, seed: number, count: number): void {
  const a = fresh(stage)
  const every = Math.max(1, Math.floor(count / 7))
  let twin: Bench | undefined
  run(stage, seed, count, (o, i) => {
    if (i % every === 0) {
      if (twin) same(saved(twin), saved(a), 'the twin\'s state')
      hangUp(a)
      twin = fresh(stage)
      twin.system.views.u8.set(a.system.views.u8.subarray(0, STATE_BYTES / 2)) // RAM
      twin.system.ramSlots.forEach((r, k) => r.bytes.set(a.system.ramSlots[k]!.bytes))
      restoreSystem(twin.system, JSON.parse(saved(a)))
      same(saved(twin), saved(a), 'what was restored')
      same(sorted(twin.lines), sorted(a.lines), 'processor lines after restoring')
    }
    same(apply(twin!, stage, o), apply(a, stage, o), 'the restored one answers')
    same(sorted(twin!.lines), sorted(a.lines), 'its lines')
  })
}

const sorted = (lines: { [line: string]: boolean }) =>
  Object.entries(lines).filter(([, level]) => level).map(([name]) => name).sort()

/** Two bindings of one state, used in turn, are one device. */
export function bindingsAgree(stage: Stage, seed: number, count: number): void {
  const buffer = new SharedArrayBuffer(STATE_BYTES)
  const single = fresh(stage)
  const one = bench(stage.board, { buffer, sizeBytes: STATE_BYTES })
  const other = bench(stage.board, { buffer, sizeBytes: STATE_BYTES, reset: false, clock: one.clock })
  for (const c of charsOf(one)) c.connect(true)
  run(stage, seed, count, (o, i) => {
    same(apply(i % 2 ? one : other, stage, o), apply(single, stage, o), 'one of two bindings answers')
  })
  same(saved(one), saved(single), 'the state of two bindings')
  same(saved(other), saved(one), 'the other binding\'s state')
}

/** Outputs are a function of the state: deriving them again changes nothing. */
export function updateIsIdempotent(stage: Stage, seed: number, count: number): void {
  const b = fresh(stage)
  run(stage, seed, count, o => {
    apply(b, stage, o)
    const before = saved(b), lines = sorted(b.lines)
    b.system.refresh()
    same(saved(b), before, 'after another update')
    same(sorted(b.lines), lines, 'lines after another update')
  })
}

export const contract: { readonly [promise: string]: (stage: Stage, seed: number, count: number) => void } = {
  'random accesses never throw': accessesNeverThrow,
  'reset forgets everything': resetForgets,
  'a snapshot continues identically': snapshotContinues,
  'two bindings are one device': bindingsAgree,
  'update is idempotent': updateIsIdempotent,
}
