// The device core (Virtual I/O Device specification 1.2, sections 2.1 to 2.5 and 3.1): status, features,
// configuration, reset. A kind of device (blk, net, …) is a VirtioKind; a transport (mmio.ts, pci.ts) makes
// devices of kinds.
import {
  flagProperty, structs, type Io, type Properties, type PropertyValues, type StateOf,
} from '../../device/define.ts'
import type { Job } from '../../device/work.ts'
import type { Schema } from '../../state/schema.ts'
import { assert } from '../../base/errors.ts'
import { guestError } from '../../base/log.ts'
import { emitTrace } from '../../base/trace.ts'
import { working } from './queue.ts'
import { accepted, coreState, F, fail, queueState, STATUS, type Core } from './ring.ts'
import { virtioTraces } from './trace.ts'

export const commonProperties = {
  indirect_desc: flagProperty(true, 'offer indirect descriptors'),
  event_idx: flagProperty(true, 'offer notification suppression by event index'),
  packed: flagProperty(false, 'offer packed virtqueues'),
  notify_on_empty: flagProperty(true, 'offer legacy drivers an interrupt when a queue runs empty'),
  any_layout: flagProperty(true, 'tell legacy drivers that buffers may be divided in any way'),
}
type Common = typeof commonProperties

export type VirtioState<S extends Schema> = StateOf<S> & Core
export type VirtioIo<P> = Io<P & Common>

/** What a kind of device is, whatever its transport. */
export type VirtioKind<S extends Schema, P extends Properties> = {
  /** `blk` makes `virtio-blk-device` and `virtio-blk-pci`. */
  readonly name: string
  /** Device type (section 5). */
  readonly id: number
  readonly version: number
  readonly description: string
  readonly properties: P
  readonly state: S
  /** Largest size of each queue. */
  queues(p: PropertyValues<P>): readonly number[]
  /** Feature bits of this kind. */
  features(p: PropertyValues<P>): readonly number[]
  readonly configBytes: number
  /** Fills in the device configuration; it is zero before. */
  config?(s: VirtioState<S>, io: VirtioIo<P>, to: DataView): void
  setConfig?(s: VirtioState<S>, io: VirtioIo<P>, offset: number, size: number, value: number): void
  check?(p: PropertyValues<P>): void
  /** Device reset, by the driver or of the machine. */
  reset?(s: VirtioState<S>, io: VirtioIo<P>): void
  /**
   * The driver made buffers available in a queue; without this function `service` is called on the I/O
   * thread.
   */
  notified?(s: VirtioState<S>, io: VirtioIo<P>, queue: number): void
  /** Before outputs are derived, after each access. */
  settle?(s: VirtioState<S>, io: VirtioIo<P>): void
  readonly chr?: boolean
  canReceive?(s: VirtioState<S>, io: VirtioIo<P>): boolean
  receive?(s: VirtioState<S>, io: VirtioIo<P>, byte: number): void
  writable?(s: VirtioState<S>, io: VirtioIo<P>): void
  service?(s: VirtioState<S>, io: VirtioIo<P>, backend: any): Job | undefined
  accept?(s: VirtioState<S>, io: VirtioIo<P>, item: any): boolean
  /**
   * As a PCI function: class code (24 bits), the transitional device id, interrupt vectors besides the
   * configuration's.
   */
  readonly pci: {
    readonly class: number
    readonly transitionalId: number
    vectors(p: PropertyValues<P>): number
  }
}
export type AnyKind = VirtioKind<any, any>

export const defineVirtio = <const S extends Schema, const P extends Properties>(
  kind: VirtioKind<S, P>,
): VirtioKind<S, P> => kind

/** State of the core with a kind's own. */
export function stateOf(kind: AnyKind, p: any) {
  const core = { ...coreState, queue: structs(queueState, kind.queues(p).length) }
  for (const name of Object.keys(kind.state))
    assert(!(name in core), `virtio-${kind.name}: field ${name} is the core's`)
  return { ...(kind.state as {}), ...core }
}

/** Parts of a device's declaration that come from its kind unchanged. */
export const passed = (kind: AnyKind) => ({
  chr: kind.chr ?? false,
  ...(kind.canReceive && { canReceive: kind.canReceive }),
  ...(kind.receive && { receive: kind.receive }),
  ...(kind.writable && { writable: kind.writable }),
  ...(kind.service && { service: kind.service }),
  ...(kind.accept && { accept: kind.accept }),
})

/** Offered feature bits, low and high word. */
export function offered(kind: AnyKind, props: any, modern: boolean): readonly [number, number] {
  const words: [number, number] = [0, 0]
  const offer = (bit: number) => { words[bit >>> 5 as 0 | 1] |= 1 << (bit & 31) }
  kind.features(props).forEach(offer)
  if (props.indirect_desc) offer(F.INDIRECT_DESC)
  if (props.event_idx) offer(F.EVENT_IDX)
  if (modern) {
    offer(F.VERSION_1)
    if (props.packed) offer(F.RING_PACKED)
  } else {
    if (props.notify_on_empty) offer(F.NOTIFY_ON_EMPTY)
    if (props.any_layout) offer(F.ANY_LAYOUT)
  }
  return [words[0] >>> 0, words[1] >>> 0]
}

/** The driver's choice, one word of it. */
export function acceptFeatures(
  kind: AnyKind, s: Core, io: any, word: number, value: number, modern: boolean,
): void {
  if (word > 1) return
  if (s.status & STATUS.FEATURES_OK) return guestError(io.id, 'features written after FEATURES_OK')
  s.accepted[word] = value & offered(kind, io.props, modern)[word]!
}

export function resetDevice(kind: AnyKind, s: any, io: any): void {
  io.cancel()
  s.status = s.isr = s.broken = s.signalled = s.configChanged = s.queueSelect = 0
  s.accepted.fill(0)
  kind.queues(io.props).forEach((size, i) => resetQueue(s, i, size))
  kind.reset?.(s, io)
}

function resetQueue(s: Core, i: number, size: number): void {
  const q = s.queue[i]!
  q.size = size
  q.ready = q.next = q.used = q.unsignalled = q.signal = 0
  q.nextWrap = q.usedWrap = 1
  q.vector = queueState.vector.reset
  for (const words of [q.desc, q.driver, q.device]) words.fill(0)
}

export function setStatus(kind: AnyKind, s: Core, io: any, value: number): void {
  if (value === 0) return resetDevice(kind, s, io)
  if (virtioTraces.virtio_set_status.enabled) emitTrace(virtioTraces.virtio_set_status, io.id, value)
  const rising = value & ~s.status
  s.status = value | (s.status & STATUS.NEEDS_RESET)
  if (rising & STATUS.DRIVER_OK) notifyAll(kind, s, io)
}

/** Buffers that were made available before the device could look. */
export function notifyAll(kind: AnyKind, s: Core, io: any): void {
  for (let i = 0; i < s.queue.length; i++) notify(kind, s, io, i)
}

export function notify(kind: AnyKind, s: Core, io: any, queue: number): void {
  if (virtioTraces.virtio_queue_notify.enabled) emitTrace(virtioTraces.virtio_queue_notify, io.id, queue)
  if (!s.queue[queue]?.ready || !working(s)) return
  if (kind.notified) kind.notified(s as any, io, queue)
  else io.wake()
}

/** Whether a queue may have that many entries. */
const fits = (s: Core, size: number): boolean =>
  size > 0 && size <= 0x8000 && (accepted(s, F.RING_PACKED) || (size & (size - 1)) === 0)

/** Puts a queue to work, whose size and addresses the driver has set. */
export function enable(kind: AnyKind, s: Core, io: any, queue: number): void {
  const q = s.queue[queue]
  if (!q) return
  if (!fits(s, q.size)) return fail(s, io, `a queue of ${q.size} entries`)
  q.ready = 1
  q.next = q.used = q.unsignalled = 0
  q.nextWrap = q.usedWrap = 1
  if (accepted(s, F.VERSION_1)) notify(kind, s, io, queue)
}

/** Device configuration, little-endian; all ones outside. */
export function readConfig(kind: AnyKind, s: any, io: any, offset: number, size: number): number {
  const length = kind.configBytes
  if (offset + size > length) return 0xffffffff >>> (32 - 8 * size)
  const view = new DataView(new ArrayBuffer(length))
  kind.config?.(s, io, view)
  return size === 4
    ? view.getUint32(offset, true)
    : size === 2
      ? view.getUint16(offset, true)
      : view.getUint8(offset)
}

export function writeConfig(
  kind: AnyKind, s: any, io: any, offset: number, size: number, value: number,
): void {
  if (offset + size <= kind.configBytes) kind.setConfig?.(s, io, offset, size, value)
}

/**
 * Where a legacy driver's queue lies: table, available ring, and the used ring on the next boundary (section
 * 2.7.2).
 */
export function placeLegacy(s: Core, queue: number, pa: number, align: number): void {
  const q = s.queue[queue]!
  const driver = pa + 16 * q.size
  const device = Math.ceil((driver + 6 + 2 * q.size) / align) * align
  const put = (words: { [i: number]: number }, at: number) => {
    words[0] = at >>> 0
    words[1] = Math.floor(at / 2 ** 32)
  }
  put(q.desc, pa)
  put(q.driver, driver)
  put(q.device, device)
}
