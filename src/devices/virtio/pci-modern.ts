// The registers for modern drivers (specification 1.2, sections 4.1.4.3 to 4.1.4.6).
import { guestError } from '../../base/log.ts'
import { NO_VECTOR, type Queue } from './ring.ts'
import type { PciState, Transport } from './pci.ts'
import { acceptFeatures, enable, notify, offered, readConfig, setStatus, writeConfig } from './virtio.ts'

/** Parts of the region. */
export const MODERN = { COMMON: 0, ISR: 0x1000, DEVICE: 0x2000, NOTIFY: 0x3000, PART: 0x1000, BYTES: 0x4000 }
const R = {
  device_feature_select: 0, device_feature: 4, driver_feature_select: 8, driver_feature: 12,
  config_msix_vector: 16, num_queues: 18, device_status: 20, config_generation: 21, queue_select: 22,
  queue_size: 24, queue_msix_vector: 26, queue_enable: 28, queue_notify_off: 30, queue_desc: 32,
  queue_driver: 40, queue_device: 48,
}
const MULTIPLIER = 4

export function readModern(t: Transport, s: PciState, io: any, offset: number, size: number): number {
  const part = offset - (offset % MODERN.PART), at = offset - part
  switch (part) {
    case MODERN.COMMON: return readCommon(t, s, io, at)
    case MODERN.ISR: return readIsr(s, at)
    case MODERN.DEVICE: return readConfig(t.kind, s, io, at, size)
    default: return 0
  }
}

/** Reading acknowledges. */
export function readIsr(s: PciState, at = 0): number {
  if (at !== 0) return 0
  const { isr } = s
  s.isr = 0
  return isr
}

function readCommon(t: Transport, s: PciState, io: any, at: number): number {
  const q: Queue | undefined = s.queue[s.queueSelect]
  switch (at) {
    case R.device_feature_select: return s.offeredSelect
    case R.device_feature: return offered(t.kind, io.props, true)[s.offeredSelect] ?? 0
    case R.driver_feature_select: return s.acceptedSelect
    case R.driver_feature: return s.acceptedSelect < 2 ? s.accepted[s.acceptedSelect]! : 0
    case R.config_msix_vector: return s.configVector
    case R.num_queues: return s.queue.length
    case R.device_status: return s.status
    case R.config_generation: return s.generation
    case R.queue_select: return s.queueSelect
    case R.queue_size: return q?.size ?? 0
    case R.queue_msix_vector: return q?.vector ?? NO_VECTOR
    case R.queue_enable: return q?.ready ?? 0
    case R.queue_notify_off: return s.queueSelect
  }
  if (q && at >= R.queue_desc && at < R.queue_device + 8 && at % 4 === 0)
    return addressWord(q, at).words[addressWord(q, at).high]!
  return 0
}

function addressWord(q: Queue, at: number): { words: Queue['desc']; high: 0 | 1 } {
  const words = at < R.queue_driver ? q.desc : at < R.queue_device ? q.driver : q.device
  return { words, high: at % 8 === 4 ? 1 : 0 }
}

export function writeModern(
  t: Transport, s: PciState, io: any, offset: number, value: number, size: number,
): void {
  const part = offset - (offset % MODERN.PART), at = offset - part
  switch (part) {
    case MODERN.COMMON: return writeCommon(t, s, io, at, value)
    case MODERN.DEVICE: return writeConfig(t.kind, s, io, at, size, value)
    case MODERN.NOTIFY: return notify(t.kind, s, io, Math.floor(at / MULTIPLIER))
  }
}

function writeCommon(t: Transport, s: PciState, io: any, at: number, value: number): void {
  const q: Queue | undefined = s.queue[s.queueSelect]
  switch (at) {
    case R.device_feature_select: s.offeredSelect = value; return
    case R.driver_feature_select: s.acceptedSelect = value; return
    case R.driver_feature: return acceptFeatures(t.kind, s, io, s.acceptedSelect, value, true)
    case R.config_msix_vector: s.configVector = vectorFor(t, s, io, s.configVector, value); return
    case R.device_status:
      if ((value & 0xff) === 0) return t.reset(s, io)
      return setStatus(t.kind, s, io, value & 0xff)
    case R.queue_select: s.queueSelect = value & 0xffff; return
    case R.queue_size: return setSize(t, s, io, q, value & 0xffff)
    case R.queue_msix_vector:
      if (q) q.vector = vectorFor(t, s, io, q.vector, value)
      return
    case R.queue_enable:
      if ((value & 0xffff) === 1) enable(t.kind, s, io, s.queueSelect)
      else guestError(io.id, `queue_enable written with ${value}`)
      return
  }
  if (q && at >= R.queue_desc && at < R.queue_device + 8 && at % 4 === 0) {
    const { words, high } = addressWord(q, at)
    words[high] = value
    return
  }
  guestError(
    io.id, () => `0x${value.toString(16)} written to 0x${at.toString(16)} of the common configuration`,
  )
}

/** A vector that doesn't exist reads back as none. What waited for the old one is dropped. */
export function vectorFor(t: Transport, s: PciState, io: any, old: number, value: number): number {
  const messages = t.msix(io)
  messages?.clear(s, old)
  return messages && (value & 0xffff) < messages.vectors ? value & 0xffff : NO_VECTOR
}

function setSize(t: Transport, s: PciState, io: any, q: Queue | undefined, value: number): void {
  if (!q) return
  const most = t.kind.queues(io.props)[s.queueSelect]!
  if (q.ready || value > most) return guestError(io.id, `queue ${s.queueSelect}: size ${value} written`)
  q.size = value
}
