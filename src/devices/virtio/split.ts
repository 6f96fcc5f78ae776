// Split virtqueues (specification 1.2, section 2.7): descriptor table, available ring (driver area), used
// ring (device area).
import {
  accepted, address, extend, F, fail, hostRun, newChain, type Chain, type Core, type CoreIo, type Queue,
} from './ring.ts'

const DESC = { NEXT: 1, WRITE: 2, INDIRECT: 4 }
const NO_INTERRUPT = 1
const TABLE_ENTRIES = 0x8000

/** The available ring: flags, idx, ring[size], used_event. */
function driverArea(s: Core, io: CoreIo, q: Queue): number {
  const at = hostRun(io.dma, address(q.driver), 6 + 2 * q.size)
  if (at < 0 || at & 1) fail(s, io, 'the available ring is not in RAM')
  return s.broken ? -1 : at
}

/** The used ring: flags, idx, ring[size] of id and length, avail_event. */
function deviceArea(s: Core, io: CoreIo, q: Queue): number {
  const at = hostRun(io.dma, address(q.device), 6 + 8 * q.size)
  if (at < 0 || at & 3) fail(s, io, 'the used ring is not in RAM')
  return s.broken ? -1 : at
}

export function popSplit(s: Core, io: CoreIo, q: Queue): Chain | undefined {
  const avail = driverArea(s, io, q)
  if (avail < 0) return undefined
  const { u16 } = io.dma.views
  let waiting = (Atomics.load(u16, (avail + 2) >>> 1) - q.next) & 0xffff
  if (waiting === 0) {
    if (!accepted(s, F.EVENT_IDX) || !askForNotification(s, io, q)) return undefined
    // The driver may have gone on before it could see that it has to notify.
    waiting = (Atomics.load(u16, (avail + 2) >>> 1) - q.next) & 0xffff
    if (waiting === 0) return undefined
  }
  if (waiting > q.size)
    return fail(s, io, `the available index runs ${waiting} ahead in a queue of ${q.size}`)
  const head = u16[(avail + 4 + 2 * (q.next % q.size)) >>> 1]!
  if (head >= q.size) return fail(s, io, `descriptor ${head} in a queue of ${q.size}`)
  const chain = walk(s, io, q, head)
  if (chain) q.next = (q.next + 1) & 0xffff
  return chain
}

/** avail_event: the driver notifies when its index passes this. */
function askForNotification(s: Core, io: CoreIo, q: Queue): boolean {
  const used = deviceArea(s, io, q)
  if (used < 0) return false
  Atomics.store(io.dma.views.u16, (used + 4 + 8 * q.size) >>> 1, q.next)
  io.dma.written(address(q.device) + 4 + 8 * q.size, 2)
  return true
}

function walk(s: Core, io: CoreIo, q: Queue, head: number): Chain | undefined {
  const { data } = io.dma.views
  let table = hostRun(io.dma, address(q.desc), 16 * q.size)
  if (table < 0) return fail(s, io, 'the descriptor table is not in RAM')
  const chain = newChain(head)
  let entries: number = q.size, indirect = false
  for (let i = head, seen = 0; ;) {
    if (seen++ >= entries) return fail(s, io, 'a descriptor chain without end')
    const d = table + 16 * i
    const pa = data.getUint32(d + 4, true) * 2 ** 32 + data.getUint32(d, true)
    const length = data.getUint32(d + 8, true), flags = data.getUint16(d + 12, true)
    if (flags & DESC.INDIRECT) {
      if (indirect || !accepted(s, F.INDIRECT_DESC))
        return fail(s, io, 'an indirect descriptor where none may be')
      if (length === 0 || length % 16 || length / 16 > TABLE_ENTRIES)
        return fail(s, io, `an indirect table of ${length} bytes`)
      table = hostRun(io.dma, pa, length)
      if (table < 0) return fail(s, io, `an indirect table at 0x${pa.toString(16)}, which is not RAM`)
      indirect = true
      entries = length / 16
      i = seen = 0
      continue
    }
    const wrong = extend(chain, io.dma, pa, length, (flags & DESC.WRITE) !== 0)
    if (wrong) return fail(s, io, wrong)
    if (!(flags & DESC.NEXT)) return chain
    i = data.getUint16(d + 14, true)
    if (i >= entries) return fail(s, io, `descriptor ${i} in a table of ${entries}`)
  }
}

export function pushSplit(s: Core, io: CoreIo, q: Queue, chain: Chain, bytes: number): void {
  const used = deviceArea(s, io, q)
  if (used < 0) return
  const { data, u16 } = io.dma.views
  const entry = 4 + 8 * (q.used % q.size)
  data.setUint32(used + entry, chain.id, true)
  data.setUint32(used + entry + 4, bytes, true)
  q.used = (q.used + 1) & 0xffff
  q.unsignalled = Math.min(q.unsignalled + 1, 0xffff)
  Atomics.store(u16, (used + 2) >>> 1, q.used) // publishes the entry and what the buffer holds
  const pa = address(q.device)
  io.dma.written(pa + entry, 8)
  io.dma.written(pa + 2, 2)
}

export function wantsSignalSplit(s: Core, io: CoreIo, q: Queue): boolean {
  const avail = driverArea(s, io, q)
  if (avail < 0) return false
  const { u16 } = io.dma.views
  if (accepted(s, F.NOTIFY_ON_EMPTY) && Atomics.load(u16, (avail + 2) >>> 1) === q.next) return true
  if (!accepted(s, F.EVENT_IDX)) return (Atomics.load(u16, avail >>> 1) & NO_INTERRUPT) === 0
  // used_event: interrupt when the entry with this index was used.
  const event = Atomics.load(u16, (avail + 4 + 2 * q.size) >>> 1)
  const ago = (q.used - event) & 0xffff
  return ago >= 1 && ago <= q.unsignalled
}
