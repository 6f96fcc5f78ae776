// The MMIO transport (Virtual I/O Device specification 1.2, section 4.2): version 2, and version 1 for legacy
// drivers, which `force-legacy` chooses and boards have by default.
// Not modelled: shared memory regions (there are none), QueueReset.
import {
  array, defineDevice, flagProperty, output, u32, type AnyDevice, type Io, type StateOf,
} from '../../device/define.ts'
import { guestError } from '../../base/log.ts'
import { address, type Core, type Queue } from './ring.ts'
import {
  acceptFeatures, commonProperties, enable, notify, offered, passed, placeLegacy, readConfig, resetDevice,
  setStatus, stateOf,
  writeConfig, type AnyKind,
} from './virtio.ts'

const R = {
  MagicValue: 0x00, Version: 0x04, DeviceID: 0x08, VendorID: 0x0c, DeviceFeatures: 0x10,
  DeviceFeaturesSel: 0x14, DriverFeatures: 0x20, DriverFeaturesSel: 0x24, GuestPageSize: 0x28, QueueSel: 0x30,
  QueueNumMax: 0x34, QueueNum: 0x38, QueueAlign: 0x3c, QueuePFN: 0x40, QueueReady: 0x44, QueueNotify: 0x50,
  InterruptStatus: 0x60, InterruptACK: 0x64, Status: 0x70, QueueDescLow: 0x80, QueueDescHigh: 0x84,
  QueueDriverLow: 0x90, QueueDriverHigh: 0x94, QueueDeviceLow: 0xa0, QueueDeviceHigh: 0xa4, SHMSel: 0xac,
  SHMLenLow: 0xb0, SHMBaseHigh: 0xbc, ConfigGeneration: 0xfc, Config: 0x100,
}
const MAGIC = 0x74726976 // "virt"
const VENDOR = 0x554d4551
/** Of any queue: the driver chooses. */
const QUEUE_MAX = 1024

const pins = { irq: output() }
const properties = { 'force-legacy': flagProperty(true, 'version 1 of the interface') }
const state = (queues: number) => ({
  guestPageSize: u32(), queueAlign: array(u32(), Math.max(1, queues)),
})
type S = Core & StateOf<ReturnType<typeof state>>
type IO = Io<typeof properties & typeof commonProperties, typeof pins>

/** A transport with a device of this kind behind it. */
export function virtioMmio(kind: AnyKind): AnyDevice {
  return defineDevice({
    name: kind.id === 0 ? 'virtio-mmio' : `virtio-${kind.name}-device`,
    version: kind.version,
    description: kind.description,
    properties: { ...properties, ...commonProperties, ...kind.properties },
    state: (p: any) => ({ ...stateOf(kind, p), ...state(kind.queues(p).length) }),
    pins,
    regions: { mmio: { sizeBytes: 0x200 } },
    ...(kind.check && { check: kind.check }),
    ...passed(kind),
    read: (s: any, io: any, offset, size) => read(kind, s, io, offset, size),
    write: (s: any, io: any, offset, value, size) => write(kind, s, io, offset, value, size),
    reset(s: any, io: any) {
      s.offeredSelect = s.acceptedSelect = s.guestPageSize = 0
      reset(kind, s, io)
    },
    update(s: any, io: any) {
      kind.settle?.(s, io)
      if (s.signalled) {
        s.signalled = s.configChanged = 0
        for (const q of s.queue) q.signal = 0
      }
      io.irq.set(s.isr !== 0)
    },
  })
}

/** The transport with nothing behind it, as boards have several. */
export const virtioMmioEmpty = virtioMmio({
  name: '', id: 0, version: 1, description: 'virtio MMIO transport without a device',
  properties: {}, state: {}, queues: () => [], features: () => [], configBytes: 0,
  pci: { class: 0, transitionalId: 0, vectors: () => 0 },
})

/** The driver's reset; selectors and the page size stay, which it sets before. */
function reset(kind: AnyKind, s: S, io: IO): void {
  resetDevice(kind, s, io)
  s.queueAlign.fill(0)
}

function readEmpty(offset: number, version: number): number {
  return { [R.MagicValue]: MAGIC, [R.Version]: version, [R.VendorID]: VENDOR }[offset] ?? 0
}

function read(kind: AnyKind, s: S, io: IO, offset: number, size: number): number {
  const legacy = io.props['force-legacy']
  const version = legacy ? 1 : 2
  if (kind.id === 0) return readEmpty(offset, version)
  if (offset >= R.Config) return readConfig(kind, s, io, offset - R.Config, size)
  if (size !== 4) return guestError(io.id, `${size}-byte read of register 0x${offset.toString(16)}`), 0
  const q: Queue | undefined = s.queue[s.queueSelect]
  switch (offset) {
    case R.MagicValue: return MAGIC
    case R.Version: return version
    case R.DeviceID: return kind.id
    case R.VendorID: return VENDOR
    case R.DeviceFeatures: return offered(kind, io.props, !legacy)[s.offeredSelect] ?? 0
    case R.QueueNumMax: return q ? QUEUE_MAX : 0
    case R.InterruptStatus: return s.isr
    case R.Status: return s.status
  }
  if (legacy && offset === R.QueuePFN && q) return Math.floor(address(q.desc) / Math.max(1, s.guestPageSize))
  if (!legacy) {
    if (offset === R.QueueReady) return q?.ready ?? 0
    if (offset === R.ConfigGeneration) return s.generation
    if (offset >= R.SHMLenLow && offset <= R.SHMBaseHigh) return 0xffffffff // no such region
  }
  guestError(io.id, `read of register 0x${offset.toString(16)}, which can't be read`)
  return 0
}

function write(kind: AnyKind, s: S, io: IO, offset: number, value: number, size: number): void {
  const legacy = io.props['force-legacy']
  if (kind.id === 0) return
  if (offset >= R.Config) return writeConfig(kind, s, io, offset - R.Config, size, value)
  if (size !== 4) return guestError(io.id, `${size}-byte write of register 0x${offset.toString(16)}`)
  const q: Queue | undefined = s.queue[s.queueSelect]
  switch (offset) {
    case R.DeviceFeaturesSel: s.offeredSelect = value; return
    case R.DriverFeaturesSel: s.acceptedSelect = value; return
    case R.DriverFeatures: return acceptFeatures(kind, s, io, s.acceptedSelect, value, !legacy)
    case R.QueueSel: s.queueSelect = value; return
    case R.QueueNum: return setSize(s, io, q, value)
    case R.QueueNotify: return notify(kind, s, io, value)
    case R.InterruptACK: s.isr &= ~value; return
    case R.Status:
      if ((value & 0xff) === 0) return reset(kind, s, io)
      return setStatus(kind, s, io, value & 0xff)
  }
  if (legacy) writeLegacy(kind, s, io, q, offset, value)
  else writeModern(kind, s, io, q, offset, value)
}

function setSize(s: S, io: IO, q: Queue | undefined, value: number): void {
  if (!q) return
  if (q.ready || value > QUEUE_MAX) return guestError(io.id, `queue ${s.queueSelect}: size ${value} written`)
  q.size = value
}

function writeLegacy(kind: AnyKind, s: S, io: IO, q: Queue | undefined, offset: number, value: number): void {
  const bad = () => guestError(io.id, `0x${value.toString(16)} written to register 0x${offset.toString(16)}`)
  const powerOf2 = value > 0 && (value & (value - 1)) === 0
  switch (offset) {
    case R.GuestPageSize:
      if (!powerOf2) return bad()
      s.guestPageSize = value
      return
    case R.QueueAlign:
      if (!powerOf2) return bad()
      if (q) s.queueAlign[s.queueSelect] = value
      return
    case R.QueuePFN:
      if (value === 0) return reset(kind, s, io)
      if (!q) return
      placeLegacy(s, s.queueSelect, value * Math.max(1, s.guestPageSize), s.queueAlign[s.queueSelect] || 4096)
      return enable(kind, s, io, s.queueSelect)
    default: bad()
  }
}

function writeModern(kind: AnyKind, s: S, io: IO, q: Queue | undefined, offset: number, value: number): void {
  const set = (words: Queue['desc'] | undefined, high: number) => { if (words) words[high] = value }
  switch (offset) {
    case R.QueueReady:
      if (!q) return
      if (value & 1) enable(kind, s, io, s.queueSelect)
      else q.ready = 0
      return
    case R.QueueDescLow: return set(q?.desc, 0)
    case R.QueueDescHigh: return set(q?.desc, 1)
    case R.QueueDriverLow: return set(q?.driver, 0)
    case R.QueueDriverHigh: return set(q?.driver, 1)
    case R.QueueDeviceLow: return set(q?.device, 0)
    case R.QueueDeviceHigh: return set(q?.device, 1)
    case R.SHMSel: return
    default: guestError(io.id, `0x${value.toString(16)} written to register 0x${offset.toString(16)}`)
  }
}
