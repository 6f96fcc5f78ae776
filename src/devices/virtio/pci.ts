// The PCI transport (Virtual I/O Device specification 1.2, section 4.1): modern registers in a memory region
// that capabilities describe, the legacy interface in an I/O region (transitional devices), MSI-X.
// Not modelled: shared memory regions, notification data, queue reset.
import {
  defineDevice, flagProperty, numberProperty, textProperty, u16, type AnyDevice, type StateOf,
} from '../../device/define.ts'
import { MAX_VECTORS, msix, msixCapability, msixState, MSIX_BYTES, type Msix } from '../../device/msix.ts'
import {
  COMMAND, isMaster, load, pciFunction, REG, store, type Bar, type Capability, type PciIdentity,
} from '../../device/pci.ts'
import { VmError } from '../../base/errors.ts'
import { legacyBytes, readLegacy, writeLegacy } from './pci-legacy.ts'
import { MODERN, readModern, writeModern } from './pci-modern.ts'
import { NO_VECTOR, type Core } from './ring.ts'
import { commonProperties, notifyAll, passed, resetDevice, stateOf, type AnyKind } from './virtio.ts'

const VENDOR = 0x1af4, MODERN_ID = 0x1040, SUBSYSTEM = 0x1100
const VENDOR_CAPABILITY = 0x09
const CFG = { COMMON: 1, NOTIFY: 2, ISR: 3, DEVICE: 4, PCI: 5 }
const BAR = { LEGACY: 0, MSIX: 1, MODERN: 4 }
/** Places in the capability list. */
const PCI_CFG = 4, MSIX = 5
const UNSPECIFIED = 0xffff_ffff
/** Of the notification area: one word for each queue. */
export const NOTIFY_MULTIPLIER = 4

const ownProperties = {
  'disable-legacy': textProperty('auto', 'leave out the legacy interface: on, off, auto (as off)'),
  'disable-modern': flagProperty(false, 'leave out the modern interface'),
  vectors: numberProperty(UNSPECIFIED, 'MSI-X vectors; 0 leaves MSI-X out'),
}
const ownState = { configVector: u16(NO_VECTOR) }

export type PciState = Core &
  StateOf<typeof ownState> & {
    readonly config: Uint8Array
    readonly msixTable: Uint8Array
    readonly msixPending: Uint8Array
    msixWaiting: number
  }
/** What the two register interfaces need of the transport. */
export type Transport = {
  readonly kind: AnyKind
  msix(io: any): Msix | undefined
  reset(s: PciState, io: any): void
}

const vectorsOf = (kind: AnyKind, p: any): number =>
  p.vectors === UNSPECIFIED ? Math.min(MAX_VECTORS, kind.pci.vectors(p) + 1) : p.vectors
const hasLegacy = (p: any): boolean => p['disable-legacy'] !== 'on' && p['disable-legacy'] !== true
const hasModern = (p: any): boolean => !p['disable-modern']

const u32le = (value: number) => [0, 8, 16, 24].map(shift => (value >>> shift) & 0xff)
/** A capability that says where a structure lies in the modern region. */
const structure = (
  type: number, offset: number, length: number, more: readonly number[] = [],
  writable: readonly number[] = [],
): Capability => {
  const body = [type, BAR.MODERN, 0, 0, 0, ...u32le(offset), ...u32le(length), ...more]
  return { id: VENDOR_CAPABILITY, bytes: [3 + body.length, ...body], writable }
}
const CAPABILITIES: readonly Capability[] = [
  structure(CFG.COMMON, MODERN.COMMON, MODERN.PART),
  structure(CFG.ISR, MODERN.ISR, MODERN.PART),
  structure(CFG.DEVICE, MODERN.DEVICE, MODERN.PART),
  structure(CFG.NOTIFY, MODERN.NOTIFY, MODERN.PART, u32le(NOTIFY_MULTIPLIER)),
  // A window onto the regions for firmware: bar, offset, length and data are the driver's.
  {
    id: VENDOR_CAPABILITY,
    bytes: [20, CFG.PCI, ...Array(16).fill(0)],
    writable: [0, 0, 0xff, 0, 0, 0, ...Array(12).fill(0xff)],
  },
]

function identityOf(kind: AnyKind, p: any): PciIdentity {
  const legacy = hasLegacy(p), modern = hasModern(p), vectors = vectorsOf(kind, p)
  const bars: { [region: string]: Bar } = {
    ...(legacy && { legacy: { index: BAR.LEGACY, space: 'io', sizeBytes: legacyBytes(kind) } }),
    ...(vectors && { msix: { index: BAR.MSIX, space: 'memory', sizeBytes: MSIX_BYTES } }),
    ...(modern && {
      modern: { index: BAR.MODERN, space: 'memory', sizeBytes: MODERN.BYTES, wide: true, prefetchable: true },
    }),
  }
  return {
    vendor: VENDOR, device: legacy ? kind.pci.transitionalId : MODERN_ID + kind.id, revision: legacy ? 0 : 1,
    subsystemVendor: VENDOR, subsystem: legacy ? kind.id : SUBSYSTEM,
    class: kind.pci.class, interruptPin: 1, bars,
    capabilities: [...(modern ? CAPABILITIES : []), ...(vectors ? [msixCapability(vectors, BAR.MSIX)] : [])],
  }
}

/** A PCI function of this kind. */
export function virtioPci(kind: AnyKind): AnyDevice {
  const transport: Transport = {
    kind,
    msix(io) {
      const known = msixes.get(io.props)
      if (known !== undefined) return known ?? undefined
      const vectors = vectorsOf(kind, io.props)
      const made = vectors ? msix(vectors, pci.capabilityAt(io, hasModern(io.props) ? MSIX : 0)) : undefined
      msixes.set(io.props, made ?? null)
      return made
    },
    reset(s, io) {
      resetDevice(kind, s, io)
      s.configVector = NO_VECTOR
    },
  }
  const msixes = new WeakMap<object, Msix | null>()
  const pci = pciFunction(p => identityOf(kind, p), {
    beforeRead(s: PciState, io, offset, size) {
      if (hasModern(io.props)) window(transport, s, io, pci.capabilityAt(io, PCI_CFG), offset, size, false)
    },
    afterWrite(s: PciState, io, offset, size) {
      if (offset < REG.COMMAND + 2 && offset + size > REG.COMMAND) followMaster(kind, s, io)
      if (hasModern(io.props)) window(transport, s, io, pci.capabilityAt(io, PCI_CFG), offset, size, true)
    },
  })

  return defineDevice({
    name: `virtio-${kind.name}-pci`,
    version: kind.version,
    description: kind.description,
    properties: { ...pci.properties, ...ownProperties, ...commonProperties, ...kind.properties },
    state: (p: any) => ({ ...stateOf(kind, p), ...ownState, ...pci.state, ...msixState(vectorsOf(kind, p)) }),
    pins: pci.pins,
    facets: { pci: pci.facet },
    ...passed(kind),
    check(p: any) {
      kind.check?.(p)
      if (!hasLegacy(p) && !hasModern(p))
        throw new VmError('device.badProperty', 'neither a legacy nor a modern interface is left')
      if (vectorsOf(kind, p) > MAX_VECTORS)
        throw new VmError('device.badProperty', `vectors: at most ${MAX_VECTORS}`)
    },
    regions: {
      legacy: {
        sizeBytes: legacyBytes(kind),
        read: (s: any, io, offset, size) => readLegacy(transport, s, io, offset, size),
        write(s: any, io, offset, value, size) {
          // Drivers of that time rely on the device being a bus master without being told.
          if (writeLegacy(transport, s, io, offset, value, size)) becomeMaster(kind, s, io)
        },
      },
      msix: {
        sizeBytes: MSIX_BYTES, valid: { min: 4 },
        read: (s: any, io, offset, size) => transport.msix(io)!.read(s, offset, size),
        write: (s: any, io, offset, value, size) => transport.msix(io)!.write(s, offset, value, size),
      },
      modern: {
        sizeBytes: MODERN.BYTES,
        read: (s: any, io, offset, size) => readModern(transport, s, io, offset, size),
        write: (s: any, io, offset, value, size) => writeModern(transport, s, io, offset, value, size),
      },
    },
    reset(s: any, io: any) {
      pci.reset(s, io)
      transport.msix(io)?.reset(s)
      s.offeredSelect = s.acceptedSelect = 0
      s.disabled = 1
      transport.reset(s, io)
    },
    update(s: any, io: any) {
      kind.settle?.(s, io)
      const messages = transport.msix(io)
      const byMessage = messages?.enabled(s) ?? false
      if (s.signalled) {
        if (s.configChanged && byMessage) messages!.send(s, io, s.configVector)
        for (const q of s.queue) {
          if (q.signal && byMessage) messages!.send(s, io, q.vector)
          q.signal = 0
        }
        s.signalled = s.configChanged = 0
      }
      messages?.flush(s, io)
      pci.setInterrupt(s, io, !byMessage && s.isr !== 0)
    },
  })
}

/**
 * A device that is no bus master leaves its queues alone; when it becomes one it looks what has been waiting.
 */
function followMaster(kind: AnyKind, s: PciState, io: any): void {
  const off = isMaster(s) ? 0 : 1
  if (s.disabled === off) return
  s.disabled = off
  if (!off) notifyAll(kind, s, io)
}

function becomeMaster(kind: AnyKind, s: PciState, io: any): void {
  s.config[REG.COMMAND]! |= COMMAND.MASTER
  followMaster(kind, s, io)
}

/**
 * VIRTIO_PCI_CAP_PCI_CFG: an access to its data is one to the region, at the offset and of the length given
 * before it.
 */
function window(
  t: Transport, s: PciState, io: any, at: number, offset: number, size: number, write: boolean,
): void {
  const data = at + 16
  if (offset >= data + 4 || offset + size <= data) return
  const bar = s.config[at + 4], from = load(s.config, at + 8, 4), length = load(s.config, at + 12, 4)
  if (bar !== BAR.MODERN || ![1, 2, 4].includes(length) || from % length || from + length > MODERN.BYTES)
    return
  if (write) writeModern(t, s, io, from, load(s.config, data, length), length)
  else store(s.config, data, length, readModern(t, s, io, from, length))
}
