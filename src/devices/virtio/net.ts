// Network device (Virtual I/O Device specification 1.2, section 5.1).
// Not modelled: checksum and segmentation offloads, several queue pairs, VLAN filter, announcements.
import { bytes, flag, textProperty, u16, u8 } from '../../device/define.ts'
import { MAX_FRAME, type NetBackend } from '../../device/net.ts'
import { VmError } from '../../base/errors.ts'
import { control } from './net-control.ts'
import { admits, MAC_TABLE, type Filter } from './net-filter.ts'
import { backTo, mark, pop, push, signal, working } from './queue.ts'
import { accepted, configChanged, F, fail, gather, scatter, type Chain } from './ring.ts'
import { defineVirtio, type VirtioIo, type VirtioState } from './virtio.ts'

const FEATURE = {
  MAC: 5, MRG_RXBUF: 15, STATUS: 16, CTRL_VQ: 17, CTRL_RX: 18, CTRL_RX_EXTRA: 20, CTRL_MAC_ADDR: 23,
}
const RX = 0, TX = 1, CTRL = 2
const LINK_UP = 1
const SHORT_HEADER = 10, HEADER = 12, ETHERNET = 14
/** Frames that one turn sends before other devices have theirs. */
const FRAMES = 256

const properties = {
  netdev: textProperty('', 'id of the back end'),
  mac: textProperty('52:54:00:12:34:56', 'hardware address'),
}
const state = {
  mac: bytes(6), link: u16(LINK_UP),
  // What the control queue sets. A driver that doesn't know it gets everything.
  promisc: flag(1), allmulti: flag(), alluni: flag(), nomulti: flag(), nouni: flag(), nobcast: flag(),
  /** Addresses to accept: unicast ones, then multicast ones. An overflow means all of that kind. */
  table: bytes(6 * MAC_TABLE), unicasts: u8(), multicasts: u8(), unicastOverflow: flag(),
  multicastOverflow: flag(),
}
type S = VirtioState<typeof state> & Filter
type IO = VirtioIo<typeof properties>

export const virtioNet = defineVirtio({
  name: 'net',
  id: 1,
  version: 1,
  description: 'virtio network card',
  properties,
  state,
  pci: { class: 0x020000, transitionalId: 0x1000, vectors: () => 3 },
  queues: () => [256, 256, 64],
  features: () => Object.values(FEATURE),
  configBytes: 8,
  check(p) { parseMac(p.mac) },

  config(s, _io, to) {
    s.mac.forEach((byte, i) => to.setUint8(i, byte))
    to.setUint16(6, s.link, true)
  },
  /** A legacy driver sets its address here. */
  setConfig(s, _io, offset, size, value) {
    if (accepted(s, F.VERSION_1)) return
    for (let i = 0; i < size && offset + i < 6; i++) s.mac[offset + i] = value >>> (8 * i)
  },

  reset(s, io) {
    s.promisc = 1
    s.allmulti = s.alluni = s.nomulti = s.nouni = s.nobcast = 0
    s.unicasts = s.multicasts = s.unicastOverflow = s.multicastOverflow = 0
    s.mac.set(parseMac(io.props.mac))
  },

  notified(s, io, queue) {
    if (queue === CTRL) control(s, io, CTRL)
    else io.wake()
  },

  service(s, io, net: NetBackend) {
    for (let n = 0; ; n++) {
      if (n === FRAMES) {
        io.wake()
        break
      }
      const chain = pop(s, io, TX)
      if (!chain) break
      const header = headerBytes(s)
      if (chain.readableBytes < header || chain.writableBytes)
        return fail(s, io, 'a frame without header'), undefined
      const length = chain.readableBytes - header
      if (length >= ETHERNET && length <= MAX_FRAME && s.link & LINK_UP)
        net.send(gather(io.dma, chain, header, length))
      push(s, io, TX, chain, 0)
    }
    signal(s, io, TX)
    return undefined
  },

  /** A frame from the network; false if the driver has given too few buffers. */
  accept(s, io, frame: Uint8Array) {
    if (!working(s) || !s.queue[RX]!.ready || !(s.link & LINK_UP)) return true // lost
    if (frame.length > MAX_FRAME || !admits(s, frame)) return true
    const done = deliver(s, io, frame)
    signal(s, io, RX)
    return done
  },
})

const headerBytes = (s: S): number =>
  accepted(s, F.VERSION_1) || accepted(s, FEATURE.MRG_RXBUF) ? HEADER : SHORT_HEADER

/** Writes header and frame to one buffer, or to as many as it takes if the driver merges them. */
function deliver(s: S, io: IO, frame: Uint8Array): boolean {
  const header = headerBytes(s), total = header + frame.length
  const mergeable = accepted(s, FEATURE.MRG_RXBUF)
  const before = mark(s, RX), chains: Chain[] = []
  for (let room = 0; room < total;) {
    const chain = pop(s, io, RX)
    if (!chain) {
      backTo(s, RX, before)
      return s.broken === 1
    }
    if (chain.readableBytes || chain.writableBytes < header)
      return fail(s, io, 'a receive buffer without room'), true
    chains.push(chain)
    room += chain.writableBytes
    if (!mergeable && room < total) { // too long for this driver: the frame is lost
      backTo(s, RX, before)
      return true
    }
  }
  const packet = new Uint8Array(total)
  packet.set(frame, header)
  if (header === HEADER) new DataView(packet.buffer).setUint16(10, chains.length, true) // num_buffers
  let at = 0
  for (const chain of chains) {
    const n = scatter(io.dma, chain, 0, packet.subarray(at, at + chain.writableBytes))
    push(s, io, RX, chain, n)
    at += n
  }
  return true
}

/** Plugs or unplugs the cable. */
export function setLink(s: S, up: boolean): void {
  const link = up ? LINK_UP : 0
  if (s.link === link) return
  s.link = link
  if (accepted(s, FEATURE.STATUS)) configChanged(s)
}

function parseMac(text: string): Uint8Array {
  const bytes = text.split(/[:-]/).map(part => (/^[0-9a-f]{1,2}$/i.test(part) ? parseInt(part, 16) : NaN))
  if (bytes.length !== 6 || bytes.some(Number.isNaN) || bytes[0]! & 1)
    throw new VmError('device.badProperty', `'${text}' is not the hardware address of one card`, {
      hint: 'six bytes, such as 52:54:00:12:34:56',
    })
  return Uint8Array.from(bytes)
}
