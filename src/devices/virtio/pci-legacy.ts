// The registers for legacy drivers (specification 1.2, section 4.1.4.10), in I/O space.
import { guestError } from '../../base/log.ts'
import { address, NO_VECTOR, STATUS, type Queue } from './ring.ts'
import type { PciState, Transport } from './pci.ts'
import { readIsr, vectorFor } from './pci-modern.ts'
import {
  acceptFeatures, enable, notify, offered, placeLegacy, readConfig, setStatus, writeConfig, type AnyKind,
} from './virtio.ts'

const R = {
  DeviceFeatures: 0, DriverFeatures: 4, QueueAddress: 8, QueueSize: 12, QueueSelect: 14, QueueNotify: 16,
  DeviceStatus: 18, ISRStatus: 19, ConfigVector: 20, QueueVector: 22,
}
const PLAIN_HEADER = 20, MSIX_HEADER = 24
const PAGE = 4096

/** Registers and device configuration, as a power of 2. */
export const legacyBytes = (kind: AnyKind): number =>
  2 ** Math.ceil(Math.log2(MSIX_HEADER + kind.configBytes))

/** The vector registers are there while MSI-X is enabled; the device configuration follows. */
const headerBytes = (t: Transport, s: PciState, io: any): number =>
  t.msix(io)?.enabled(s) ? MSIX_HEADER : PLAIN_HEADER

export function readLegacy(t: Transport, s: PciState, io: any, offset: number, size: number): number {
  const header = headerBytes(t, s, io)
  if (offset >= header) return readConfig(t.kind, s, io, offset - header, size)
  const q: Queue | undefined = s.queue[s.queueSelect]
  switch (offset) {
    case R.DeviceFeatures: return offered(t.kind, io.props, false)[0]
    case R.DriverFeatures: return s.accepted[0]!
    case R.QueueAddress: return q ? Math.floor(address(q.desc) / PAGE) : 0
    case R.QueueSize: return q?.size ?? 0
    case R.QueueSelect: return s.queueSelect
    case R.DeviceStatus: return s.status
    case R.ISRStatus: return readIsr(s)
    case R.ConfigVector: return s.configVector
    case R.QueueVector: return q?.vector ?? NO_VECTOR
    default: return 0xffffffff
  }
}

/** Whether the driver has begun to drive the device. */
export function writeLegacy(
  t: Transport, s: PciState, io: any, offset: number, value: number, size: number,
): boolean {
  const header = headerBytes(t, s, io)
  const q: Queue | undefined = s.queue[s.queueSelect]
  if (offset >= header) writeConfig(t.kind, s, io, offset - header, size, value)
  else
    switch (offset) {
      case R.DriverFeatures: acceptFeatures(t.kind, s, io, 0, value, false); break
      case R.QueueAddress:
        if (value === 0) t.reset(s, io)
        else if (q) {
          placeLegacy(s, s.queueSelect, value * PAGE, PAGE)
          enable(t.kind, s, io, s.queueSelect)
        }
        break
      case R.QueueSelect: s.queueSelect = value & 0xffff; break
      case R.QueueNotify: notify(t.kind, s, io, value & 0xffff); break
      case R.DeviceStatus:
        if ((value & 0xff) === 0) t.reset(s, io)
        else setStatus(t.kind, s, io, value & 0xff)
        return s.status === (STATUS.ACKNOWLEDGE | STATUS.DRIVER)
      case R.ConfigVector: s.configVector = vectorFor(t, s, io, s.configVector, value); break
      case R.QueueVector:
        if (q) q.vector = vectorFor(t, s, io, q.vector, value)
        break
      default: guestError(io.id, () => `0x${value.toString(16)} written to legacy register ${offset}`)
    }
  return false
}
