// What both ring formats share: the state of queues and of the device core, the form of a buffer, and the
// checks that every address from the guest goes through. What the guest writes is never trusted: nonsense
// stops the device (DEVICE_NEEDS_RESET) instead of harming the host.
import { guestError } from '../../base/log.ts'
import { array, flag, u16, u32, u8, type StateOf } from '../../device/define.ts'
import type { Dma } from '../../device/dma.ts'

export const NO_VECTOR = 0xffff
/** Descriptors that a chain may have, whatever the size of its queue. */
export const MAX_CHAIN = 1024

/** One queue. Addresses are guest physical, low and high word. */
export const queueState = {
  size: u16(), ready: flag(), vector: u16(NO_VECTOR),
  desc: array(u32(), 2), driver: array(u32(), 2), device: array(u32(), 2),
  // Where the device is: for a split ring free-running indices, for a packed one positions with their wrap
  // counters.
  next: u16(), nextWrap: flag(1), used: u16(), usedWrap: flag(1),
  /** Used entries since the driver was last (not) interrupted. */
  unsignalled: u16(),
  /** An interrupt is due; the transport's `update` sends it. */
  signal: flag(),
}
export type Queue = StateOf<typeof queueState>

/** State that every virtio device has. */
export const coreState = {
  status: u8(), isr: u8(), generation: u8(),
  /** The driver broke the rules / the transport may not reach memory (PCI: not a bus master). */
  broken: flag(), disabled: flag(),
  /** Some queue's `signal` or `configChanged` is set. */
  signalled: flag(), configChanged: flag(),
  offeredSelect: u32(), acceptedSelect: u32(), accepted: array(u32(), 2), queueSelect: u32(),
}
export type Core = StateOf<typeof coreState> & { readonly queue: readonly Queue[] }
export type CoreIo = { readonly id: string; readonly dma: Dma; wake(): void; cancel(): void }

export const STATUS = {
  ACKNOWLEDGE: 1, DRIVER: 2, DRIVER_OK: 4, FEATURES_OK: 8, NEEDS_RESET: 0x40, FAILED: 0x80,
}
export const ISR = { QUEUE: 1, CONFIG: 2 }
/** Feature bits that concern no particular device. */
export const F = {
  NOTIFY_ON_EMPTY: 24, ANY_LAYOUT: 27, INDIRECT_DESC: 28, EVENT_IDX: 29, VERSION_1: 32, RING_PACKED: 34,
}
export const accepted = (s: Core, bit: number): boolean => ((s.accepted[bit >>> 5]! >>> (bit & 31)) & 1) === 1

/** A run of guest memory: guest physical address, host byte offset, length. */
export type Segment = { readonly pa: number; readonly at: number; readonly length: number }
/** A buffer that the driver made available: bytes for the device, then room for its answer. */
export type Chain = {
  /** What identifies it to the driver. */
  readonly id: number
  /** Ring entries that it takes. */
  entries: number
  readonly readable: Segment[]
  readonly writable: Segment[]
  readableBytes: number
  writableBytes: number
}

/** Tells the driver that the device configuration changed. */
export function configChanged(s: Core): void {
  s.generation = (s.generation + 1) & 0xff
  if (!(s.status & STATUS.DRIVER_OK)) return
  s.isr |= ISR.CONFIG
  s.configChanged = 1
  s.signalled = 1
}

/** The driver broke the rules: no queue is touched until it resets the device. */
export function fail(s: Core, io: CoreIo, what: string): undefined {
  guestError(io.id, `${what}; the device stops until it is reset`)
  s.broken = 1
  if (!accepted(s, F.VERSION_1)) return
  s.status |= STATUS.NEEDS_RESET
  configChanged(s)
}

// ---- bytes of a chain ----

export const address = (words: { readonly [i: number]: number }): number => words[1]! * 2 ** 32 + words[0]!

/** Host byte offset of `bytes` of guest RAM that lie in a row, or -1. */
export function hostRun(dma: Dma, pa: number, bytes: number): number {
  const at = dma.ramAt(pa)
  return at >= 0 && dma.runAt(pa) >= bytes ? at : -1
}

export const newChain = (id: number): Chain =>
  ({ id, entries: 1, readable: [], writable: [], readableBytes: 0, writableBytes: 0 })

/** Appends a descriptor's memory; what is wrong with it, or undefined. */
export function extend(
  chain: Chain, dma: Dma, pa: number, length: number, writable: boolean,
): string | undefined {
  const list = writable ? chain.writable : chain.readable
  if (!writable && chain.writable.length) return 'a descriptor to read after one to write'
  if (chain.readable.length + chain.writable.length >= MAX_CHAIN)
    return `a chain of more than ${MAX_CHAIN} descriptors`
  for (let done = 0; done < length; ) {
    const at = dma.ramAt(pa + done)
    if (at < 0) return `a buffer at 0x${(pa + done).toString(16)}, which is not RAM`
    const run = Math.min(length - done, dma.runAt(pa + done))
    list.push({ pa: pa + done, at, length: run })
    done += run
  }
  if (writable) chain.writableBytes += length
  else chain.readableBytes += length
  return undefined
}

/** The parts of `segments` from byte `from` on, at most `length` of them, as views of guest memory. */
export function views(dma: Dma, segments: readonly Segment[], from: number, length: number): Uint8Array[] {
  const out: Uint8Array[] = []
  for (const { at, length: n } of segments) {
    if (length <= 0) break
    if (from >= n) {
      from -= n
      continue
    }
    const take = Math.min(n - from, length)
    out.push(dma.views.u8.subarray(at + from, at + from + take))
    length -= take
    from = 0
  }
  return out
}

/** Copies what the driver gave, from byte `from` on. */
export function gather(dma: Dma, chain: Chain, from: number, length: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, Math.min(length, chain.readableBytes - from)))
  let at = 0
  for (const part of views(dma, chain.readable, from, bytes.length)) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** Copies into the driver's room at byte `from`; the number of bytes that fitted. */
export function scatter(dma: Dma, chain: Chain, from: number, bytes: Uint8Array): number {
  let done = 0
  for (const part of views(dma, chain.writable, from, bytes.length)) {
    part.set(bytes.subarray(done, done + part.length))
    done += part.length
  }
  written(dma, chain, from, done)
  return done
}

/** To be called after writing to `views` of a chain's room. */
export function written(dma: Dma, chain: Chain, from: number, length: number): void {
  for (const { pa, length: n } of chain.writable) {
    if (length <= 0) return
    if (from < n) {
      const took = Math.min(n - from, length)
      dma.written(pa + from, took)
      length -= took
      from = 0
    } else from -= n
  }
}
