// Packed virtqueues (specification 1.2, section 2.8): one ring of descriptors that driver and device both
// write, each with a wrap counter; the driver's and the device's event suppression structures.
import {
  accepted, address, extend, F, fail, hostRun, newChain, type Chain, type Core, type CoreIo, type Queue,
} from './ring.ts'

const DESC = { NEXT: 1, WRITE: 2, INDIRECT: 4, AVAIL: 0x80, USED: 0x8000 }
const EVENT = { ENABLE: 0, DISABLE: 1, DESC: 2 }
const TABLE_ENTRIES = 0x8000

function ringArea(s: Core, io: CoreIo, q: Queue): number {
  const at = hostRun(io.dma, address(q.desc), 16 * q.size)
  if (at < 0 || at & 15) fail(s, io, 'the descriptor ring is not in RAM')
  return s.broken ? -1 : at
}

/** An event suppression structure: off_wrap, flags. */
function eventArea(s: Core, io: CoreIo, words: Queue['driver']): number {
  const at = hostRun(io.dma, address(words), 4)
  if (at < 0 || at & 3) fail(s, io, 'an event suppression structure is not in RAM')
  return s.broken ? -1 : at
}

export function popPacked(s: Core, io: CoreIo, q: Queue): Chain | undefined {
  const ring = ringArea(s, io, q)
  if (ring < 0) return undefined
  if (!available(io, q, ring)) {
    if (!accepted(s, F.EVENT_IDX) || !askForNotification(s, io, q)) return undefined
    if (!available(io, q, ring)) return undefined // the driver may have gone on before it could see that
  }
  const chain = walk(s, io, q, ring)
  if (!chain) return undefined
  const next = q.next + chain.entries
  if (next >= q.size) q.nextWrap ^= 1
  q.next = next % q.size
  return chain
}

function available(io: CoreIo, q: Queue, ring: number): boolean {
  const flags = Atomics.load(io.dma.views.u16, (ring + 16 * q.next + 14) >>> 1)
  return (
    ((flags & DESC.AVAIL) !== 0) === (q.nextWrap === 1) && ((flags & DESC.USED) !== 0) !== (q.nextWrap === 1)
  )
}

function askForNotification(s: Core, io: CoreIo, q: Queue): boolean {
  const event = eventArea(s, io, q.device)
  if (event < 0) return false
  const { u16 } = io.dma.views
  Atomics.store(u16, event >>> 1, q.next | (q.nextWrap << 15))
  Atomics.store(u16, (event + 2) >>> 1, EVENT.DESC)
  io.dma.written(address(q.device), 4)
  return true
}

function walk(s: Core, io: CoreIo, q: Queue, ring: number): Chain | undefined {
  const { data } = io.dma.views
  let at = q.next, entries = 0
  const parts: { pa: number; length: number; writable: boolean }[] = []
  for (; ;) {
    if (entries++ >= q.size) return fail(s, io, 'a descriptor chain without end')
    const d = ring + 16 * at
    const pa = data.getUint32(d + 4, true) * 2 ** 32 + data.getUint32(d, true)
    const length = data.getUint32(d + 8, true), flags = data.getUint16(d + 14, true)
    if (flags & DESC.INDIRECT) {
      if (entries > 1 || flags & DESC.NEXT || !accepted(s, F.INDIRECT_DESC))
        return fail(s, io, 'an indirect descriptor where none may be')
      return indirect(s, io, data.getUint16(d + 12, true), pa, length)
    }
    parts.push({ pa, length, writable: (flags & DESC.WRITE) !== 0 })
    if (!(flags & DESC.NEXT)) {
      const chain = newChain(data.getUint16(d + 12, true)) // the last one carries the buffer's id
      chain.entries = entries
      for (const p of parts) {
        const wrong = extend(chain, io.dma, p.pa, p.length, p.writable)
        if (wrong) return fail(s, io, wrong)
      }
      return chain
    }
    at = (at + 1) % q.size
  }
}

function indirect(s: Core, io: CoreIo, id: number, pa: number, length: number): Chain | undefined {
  if (length === 0 || length % 16 || length / 16 > TABLE_ENTRIES)
    return fail(s, io, `an indirect table of ${length} bytes`)
  const table = hostRun(io.dma, pa, length)
  if (table < 0) return fail(s, io, `an indirect table at 0x${pa.toString(16)}, which is not RAM`)
  const { data } = io.dma.views, chain = newChain(id)
  for (let d = table; d < table + length; d += 16) {
    const part = data.getUint32(d + 4, true) * 2 ** 32 + data.getUint32(d, true)
    const wrong = extend(
      chain, io.dma, part, data.getUint32(d + 8, true), (data.getUint16(d + 14, true) & DESC.WRITE) !== 0,
    )
    if (wrong) return fail(s, io, wrong)
  }
  return chain
}

export function pushPacked(s: Core, io: CoreIo, q: Queue, chain: Chain, bytes: number): void {
  const ring = ringArea(s, io, q)
  if (ring < 0) return
  const { data, u16 } = io.dma.views
  const d = ring + 16 * q.used
  data.setUint32(d + 8, bytes, true)
  data.setUint16(d + 12, chain.id, true)
  const flags = (q.usedWrap ? DESC.AVAIL | DESC.USED : 0) | (bytes > 0 ? DESC.WRITE : 0)
  Atomics.store(u16, (d + 14) >>> 1, flags) // publishes the entry and what the buffer holds
  io.dma.written(address(q.desc) + 16 * q.used + 8, 8)
  const used = q.used + chain.entries
  if (used >= q.size) q.usedWrap ^= 1
  q.used = used % q.size
  q.unsignalled = Math.min(q.unsignalled + chain.entries, 0xffff)
}

export function wantsSignalPacked(s: Core, io: CoreIo, q: Queue): boolean {
  const event = eventArea(s, io, q.driver)
  if (event < 0) return false
  const { u16 } = io.dma.views
  const flags = Atomics.load(u16, (event + 2) >>> 1)
  if (flags !== EVENT.DESC || !accepted(s, F.EVENT_IDX)) return flags !== EVENT.DISABLE
  const at = Atomics.load(u16, event >>> 1)
  const lap = at >>> 15 === q.usedWrap ? 0 : q.size
  const ago = q.used + lap - (at & 0x7fff)
  return ago >= 1 && ago <= q.unsignalled
}
