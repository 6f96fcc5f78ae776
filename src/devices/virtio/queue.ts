// Virtqueues (Virtual I/O Device specification 1.2, sections 2.6 to 2.8), whichever ring format was
// negotiated.
//
//   while ((chain = pop(s, io, 0))) { … push(s, io, 0, chain, bytesWritten) }
//   signal(s, io, 0)
//
// vCPUs change rings while devices read them, so indices and flags that publish something go through Atomics.
import { emitTrace } from '../../base/trace.ts'
import { popPacked, pushPacked, wantsSignalPacked } from './packed.ts'
import { accepted, F, ISR, STATUS, type Chain, type Core, type CoreIo } from './ring.ts'
import { popSplit, pushSplit, wantsSignalSplit } from './split.ts'
import { virtioTraces } from './trace.ts'

/**
 * Whether the driver lets the device work on its queues. A legacy driver may use them before it says
 * DRIVER_OK.
 */
export const working = (s: Core): boolean =>
  !s.broken && !s.disabled && (!accepted(s, F.VERSION_1) || (s.status & STATUS.DRIVER_OK) !== 0)

/**
 * The next buffer, or undefined: none there, or the device stopped. In the first case the driver will notify
 * of the next.
 */
export function pop(s: Core, io: CoreIo, index: number): Chain | undefined {
  const q = s.queue[index]
  if (!q?.ready || !working(s)) return undefined
  return accepted(s, F.RING_PACKED) ? popPacked(s, io, q) : popSplit(s, io, q)
}

/** Gives a buffer back; `bytes` were written to it. */
export function push(s: Core, io: CoreIo, index: number, chain: Chain, bytes: number): void {
  const q = s.queue[index]
  if (!q?.ready || s.broken) return
  if (accepted(s, F.RING_PACKED)) pushPacked(s, io, q, chain, bytes)
  else pushSplit(s, io, q, chain, bytes)
}

/** After pushing: interrupts the driver, unless it doesn't want that now. */
export function signal(s: Core, io: CoreIo, index: number): void {
  const q = s.queue[index]!
  if (!q.unsignalled || s.broken) return
  const wanted = accepted(s, F.RING_PACKED) ? wantsSignalPacked(s, io, q) : wantsSignalSplit(s, io, q)
  q.unsignalled = 0
  if (!wanted) return
  if (virtioTraces.virtio_notify.enabled) emitTrace(virtioTraces.virtio_notify, io.id, index)
  q.signal = 1
  s.signalled = 1
  s.isr |= ISR.QUEUE
}

/** The place in a queue, to come back to it when a buffer turns out to be of no use yet. */
export type Mark = { readonly next: number; readonly wrap: number }
export const mark = (s: Core, index: number): Mark => ({
  next: s.queue[index]!.next,
  wrap: s.queue[index]!.nextWrap,
})
export function backTo(s: Core, index: number, m: Mark): void {
  s.queue[index]!.next = m.next
  s.queue[index]!.nextWrap = m.wrap
}
