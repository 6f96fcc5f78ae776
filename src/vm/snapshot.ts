// All guest-visible state of a machine as a stream, and back. What hosts own stays out: contents of disks,
// bytes on their way through character back ends, connections.
//
//   magic (8 bytes), version (u32), then a gzip stream of records; all numbers little-endian
//   record: tag u8, area u8, count u16, value u32
//     STATE  value bytes of JSON: the machine's shape, its processors, its devices, all by field name
//     PAGES  count pages of memory `area` from page number `value` on; pages that are not mentioned are zero
//     END    nothing follows
import { VmError } from '../base/errors.ts'
import { checkSystem, restoreSystem, type SavedSystem, saveSystem } from '../device/snapshot.ts'
import { ExitRequest } from '../isa/isa.ts'
import { type Layout, layoutOf } from '../state/layout.ts'
import { checkState, restoreState, type SavedState, saveState } from '../state/snapshot.ts'
import { SNAPSHOT_MAGIC } from './control.ts'
import type { Machine } from './machine.ts'

const VERSION = 1, HEAD_BYTES = 12, RECORD_BYTES = 8
const Tag = { STATE: 0x53, PAGES: 0x4d, END: 0x45 } as const
const PAGE = 4096, PAGES_PER_RECORD = 64
/** No machine's registers take more; a damaged length must not take the host's memory. */
const STATE_LIMIT = 256 << 20

type Area = {
  readonly name: string; readonly at?: number; readonly sizeBytes: number; readonly hostOffset: number
}
type Fact = { readonly [name: string]: string | number }
type Saved = {
  readonly machine: Fact; readonly processors: readonly SavedState[]; readonly system: SavedSystem
}

const malformed = (what: string, cause?: unknown): VmError =>
  new VmError('snapshot.malformed', `not a whole snapshot: ${what}`, { cause })

/** RAM and ROM of the board, then memory of devices, which the guest moves about. */
const areasOf = ({ bound: { system } }: Machine): Area[] => [
  ...system.board.memory.flatMap(a => (a.kind === 'space' ? [] : [a])),
  ...system.ramSlots.map(r =>
    ({ name: `${r.id}.${r.region}`, sizeBytes: r.bytes.length, hostOffset: r.hostOffset })),
]
const processorLayout = (m: Machine): Layout => layoutOf(m.bound.arch.isa.state)

/** What must be the same here and there, in the order in which differences are told. */
const shapeOf = (m: Machine): Fact => ({
  architecture: m.info.arch,
  'machine type': m.info.machine,
  'processor model': m.info.cpuModel,
  processors: m.cpuObjects.length,
  ...Object.fromEntries(areasOf(m).flatMap(a =>
    [...(a.at === undefined ? [] : [[`address of ${a.name}`, a.at]]), [`bytes of ${a.name}`, a.sizeBytes]])),
})

// Saving.

export async function* snapshotMachine(m: Machine): AsyncIterable<Uint8Array> {
  if (m.state === 'running') throw new Error('internal error: snapshot of a running machine')
  await m.bound.system.drain()
  m.bound.system.runTimers() // those that the stop forestalled: lines are as the time that is saved has them
  const head = new Uint8Array(HEAD_BYTES)
  head.set(new TextEncoder().encode(SNAPSHOT_MAGIC))
  new DataView(head.buffer).setUint32(8, VERSION, true)
  yield head
  const records = recordsOf(m)
  const packed = streamOf(records).pipeThrough(new CompressionStream('gzip')).getReader()
  try {
    for (let next = await packed.read(); !next.done; next = await packed.read()) yield next.value
  } finally {
    await packed.cancel()
  }
}

function* recordsOf(m: Machine): Iterable<Uint8Array<ArrayBuffer>> {
  const { views } = m.bound, layout = processorLayout(m)
  const saved: Saved = {
    machine: shapeOf(m),
    processors: m.bound.cpus.map(c => saveState(layout, views, c.state)),
    system: saveSystem(m.bound.system),
  }
  const text = new TextEncoder().encode(JSON.stringify(saved))
  yield record(Tag.STATE, 0, 0, text.length)
  yield text
  for (const [index, area] of areasOf(m).entries())
    for (const run of usedRuns(views.i32, area)) {
      const from = area.hostOffset + run.page * PAGE
      yield record(Tag.PAGES, index, run.count, run.page)
      // A copy: streams take no shared memory.
      yield new Uint8Array(views.u8.subarray(from, from + run.count * PAGE))
    }
  yield record(Tag.END, 0, 0, 0)
}

function record(tag: number, area: number, count: number, value: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(RECORD_BYTES), v = new DataView(bytes.buffer)
  v.setUint8(0, tag)
  v.setUint8(1, area)
  v.setUint16(2, count, true)
  v.setUint32(4, value, true)
  return bytes
}

/** Runs of pages that are not zero. */
function* usedRuns(words: Int32Array, area: Area): Iterable<{ page: number; count: number }> {
  const pages = area.sizeBytes / PAGE
  for (let page = 0, count = 0; page <= pages; page++) {
    const used = page < pages && !isZero(words, area.hostOffset + page * PAGE)
    if (used) count++
    if (count > 0 && (!used || count === PAGES_PER_RECORD)) {
      yield { page: page + (used ? 1 : 0) - count, count }
      count = 0
    }
  }
}

function isZero(words: Int32Array, at: number): boolean {
  for (let w = at >>> 2, end = w + PAGE / 4; w < end; w++) if (words[w] !== 0) return false
  return true
}

/** A stream that makes its next chunk when somebody wants it. */
function streamOf(
  chunks: Iterable<Uint8Array<ArrayBuffer>> | AsyncIterable<Uint8Array<ArrayBuffer>>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const from = Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]()
  return new ReadableStream({
    async pull(to) {
      const next = await from.next()
      if (next.done) to.close()
      else to.enqueue(next.value)
    },
    async cancel() {
      await from.return?.()
    },
  }, { highWaterMark: 0 })
}

// Restoring.

/** Checks before it writes; but memory is written as it comes, so that a snapshot which turns out damaged
 * leaves some of its memory behind. Registers and devices are then as they were. */
export async function restoreMachine(m: Machine, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  if (m.state === 'running') throw new Error('internal error: a running machine cannot be restored')
  await m.bound.system.drain()
  const input = await openSnapshot(chunks)
  try {
    const saved = await readState(m, input)
    await readMemory(m, input)
    apply(m, saved)
  } finally {
    await input.close()
  }
}

type Input = {
  /** Exactly so many bytes. */
  take(length: number): Promise<Uint8Array>
  /** Throws unless everything was taken. */
  end(): Promise<void>
  close(): Promise<void>
}

async function openSnapshot(chunks: AsyncIterable<Uint8Array>): Promise<Input> {
  const from = chunks[Symbol.asyncIterator]()
  let first: Uint8Array = new Uint8Array()
  while (first.length < HEAD_BYTES) {
    const next = await from.next()
    if (next.done) throw malformed('it is shorter than its header')
    first = joined([first, next.value])
  }
  if (String.fromCharCode(...first.subarray(0, 8)) !== SNAPSHOT_MAGIC) throw malformed('it does not begin like one')
  const version = new DataView(first.buffer, first.byteOffset).getUint32(8, true)
  if (version !== VERSION)
    throw new VmError('snapshot.mismatch',
      `the snapshot has format ${version}; this program reads ${VERSION}`)
  async function* rest() {
    yield new Uint8Array(first.subarray(HEAD_BYTES))
    for (let next = await from.next(); !next.done; next = await from.next()) yield new Uint8Array(next.value)
  }
  return inputOf(streamOf(rest()).pipeThrough(new DecompressionStream('gzip')).getReader())
}

function inputOf(reader: ReadableStreamDefaultReader<Uint8Array>): Input {
  let have = new Uint8Array(), at = 0
  const more = async (): Promise<boolean> => {
    try {
      const { done, value } = await reader.read()
      if (done) return false
      have = new Uint8Array(value)
      at = 0
      return true
    } catch (cause) {
      throw cause instanceof VmError ? cause : malformed('its compressed data are damaged or cut off', cause)
    }
  }
  return {
    async take(length) {
      const parts: Uint8Array[] = []
      for (let left = length; left > 0;) {
        if (at === have.length && !await more()) throw malformed('it ends too early')
        const part = have.subarray(at, at + left)
        at += part.length
        left -= part.length
        parts.push(part)
      }
      return parts.length === 1 ? parts[0]! : joined(parts)
    },
    async end() {
      while (at === have.length) if (!await more()) return
      throw malformed('more follows its end')
    },
    async close() {
      await reader.cancel().catch(() => {}) // of a stream that failed: it was told by `take`
    },
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

type Record = { readonly tag: number; readonly area: number; readonly count: number; readonly value: number }

async function readRecord(input: Input): Promise<Record> {
  const bytes = await input.take(RECORD_BYTES), v = new DataView(bytes.buffer, bytes.byteOffset)
  return { tag: v.getUint8(0), area: v.getUint8(1), count: v.getUint16(2, true), value: v.getUint32(4, true) }
}

const isObject = (x: unknown): x is { readonly [name: string]: unknown } =>
  typeof x === 'object' && x !== null && !Array.isArray(x)

async function readState(m: Machine, input: Input): Promise<Saved> {
  const { tag, value } = await readRecord(input)
  if (tag !== Tag.STATE || value > STATE_LIMIT)
    throw malformed('it does not begin with the state of the machine')
  const text = new TextDecoder().decode(await input.take(value))
  let saved: unknown
  try {
    saved = JSON.parse(text)
  } catch (cause) {
    throw malformed('the state of the machine cannot be read', cause)
  }
  if (!isObject(saved) || !isObject(saved.machine) || !Array.isArray(saved.processors) ||
    !isObject(saved.system) || !isObject(saved.system.devices))
    throw malformed('a part of the state of the machine is missing')
  compare(shapeOf(m), saved.machine)
  if (saved.processors.length !== m.cpuObjects.length)
    throw malformed('its processors are not as many as it says')
  const fitting = saved as unknown as Saved
  fitting.processors.forEach((p, i) => checkState(processorLayout(m), p, `cpu${i}`))
  checkSystem(m.bound.system, fitting.system)
  return fitting
}

function compare(here: Fact, there: { readonly [name: string]: unknown }): void {
  for (const name of new Set([...Object.keys(here), ...Object.keys(there)]))
    if (here[name] !== there[name])
      throw new VmError('snapshot.mismatch',
        `${name}: ${show(there[name])} in the snapshot, ${show(here[name])} in this machine`,
        { hint: 'start the machine with the options that it was saved with' })
}
const show = (x: unknown): string => (x === undefined ? 'none' : String(x))

async function readMemory(m: Machine, input: Input): Promise<void> {
  const { views } = m.bound, areas = areasOf(m)
  let index = 0, page = 0 // all before is done
  /** Zeroes pages up to there. Pages that are zero are not written: the host may never have given them. */
  const clearTo = (area: number, end: number) => {
    while (index < area || (index === area && page < end)) {
      const { hostOffset, sizeBytes } = areas[index]!, to = index === area ? end : sizeBytes / PAGE
      for (; page < to; page++) {
        const at = hostOffset + page * PAGE
        if (!isZero(views.i32, at)) views.u8.fill(0, at, at + PAGE)
      }
      if (index === area) return
      index++
      page = 0
    }
  }
  for (;;) {
    const r = await readRecord(input)
    if (r.tag === Tag.END) break
    const area = areas[r.area]
    if (r.tag !== Tag.PAGES || !area || (r.value + r.count) * PAGE > area.sizeBytes || r.count === 0)
      throw malformed('pages of memory that there are not')
    if (r.area < index || (r.area === index && r.value < page)) throw malformed('pages out of order')
    const bytes = await input.take(r.count * PAGE)
    clearTo(r.area, r.value)
    views.u8.set(bytes, area.hostOffset + r.value * PAGE)
    page = r.value + r.count
  }
  await input.end()
  clearTo(areas.length - 1, areas.at(-1)!.sizeBytes / PAGE)
}

function apply(m: Machine, saved: Saved): void {
  const { bound } = m
  m.cpuObjects.forEach((cpu, i) => {
    cpu.reset() // transient fields too
    bound.setDeadline(i, Infinity)
    restoreState(processorLayout(m), bound.views, bound.cpus[i]!.state, saved.processors[i]!, `cpu${i}`)
  })
  restoreSystem(bound.system, saved.system)
  for (const { dirty } of bound.system.ramSlots) dirty.markAll()
  bound.cpus.forEach((_, cpu) => bound.poke(cpu, ExitRequest.INTERRUPT))
}
