// Console device (Virtual I/O Device specification 1.2, section 5.3) with one port, the console.
// Not modelled: VIRTIO_CONSOLE_F_MULTIPORT (further ports, port names, hot-plug of ports).
import { flag, flagProperty, numberProperty, ring, u32 } from '../../device/define.ts'
import { backTo, mark, pop, push, signal } from './queue.ts'
import { fail, gather, scatter } from './ring.ts'
import { defineVirtio, type VirtioIo, type VirtioState } from './virtio.ts'

const FEATURE = { SIZE: 0, EMERG_WRITE: 2 }
const RX = 0, TX = 1, EMERG_WR = 8
/**
 * Bytes that are copied at once, and buffers that one notification sends: a driver that goes on adding must
 * not hold the thread.
 */
const CHUNK = 4096, BUFFERS = 65536

const properties = {
  columns: numberProperty(0, 'width of the terminal; 0: unknown'),
  rows: numberProperty(0, 'height of the terminal'),
  'emergency-write': flagProperty(true, 'offer output through the configuration space'),
}
const state = {
  /** Input that waits for a buffer, so that many bytes share one. */
  input: ring(256),
  /** Bytes of the first buffer in the transmit queue that the host has taken already. */
  sent: u32(),
  /** The host was too slow: output goes on when it has room. */
  blocked: flag(),
}
type S = VirtioState<typeof state>
type IO = VirtioIo<typeof properties>

export const virtioConsole = defineVirtio({
  name: 'serial',
  id: 3,
  version: 1,
  description: 'virtio console',
  properties,
  state,
  chr: true,
  pci: { class: 0x078000, transitionalId: 0x1003, vectors: () => 1 },
  queues: () => [128, 128],
  features: p => [
    ...(p.columns ? [FEATURE.SIZE] : []), ...(p['emergency-write'] ? [FEATURE.EMERG_WRITE] : []),
  ],
  configBytes: 12,

  config(_s, { props }, to) {
    to.setUint16(0, props.columns, true)
    to.setUint16(2, props.rows, true)
    to.setUint32(4, 1, true) // max_nr_ports
  },
  setConfig(_s, io, offset, _size, value) {
    if (offset === EMERG_WR && io.props['emergency-write']) io.chr.put(value & 0xff)
  },

  reset(s) {
    s.input.clear()
    s.sent = s.blocked = 0
  },
  notified(s, io, queue) { if (queue === TX) transmit(s, io) },
  canReceive: s => s.queue[RX]!.ready === 1 && s.input.length < s.input.capacity,
  receive(s, _io, byte) { s.input.push(byte) },
  settle(s, io) {
    if (s.input.length) deliver(s, io)
    if (s.blocked) transmit(s, io)
  },
})

/** Sends what the driver has queued, as far as the host takes it. */
function transmit(s: S, io: IO): void {
  s.blocked = 0
  for (let n = 0; n < BUFFERS; n++) {
    const before = mark(s, TX)
    const chain = pop(s, io, TX)
    if (!chain) break
    if (chain.writableBytes) return void fail(s, io, 'a buffer to write in the transmit queue')
    while (s.sent < chain.readableBytes) {
      const bytes = gather(io.dma, chain, s.sent, CHUNK)
      const taken = bytes.findIndex(byte => !io.chr.put(byte))
      if (taken >= 0) {
        s.sent += taken
        s.blocked = 1
        backTo(s, TX, before)
        return signal(s, io, TX)
      }
      s.sent += bytes.length
    }
    s.sent = 0
    push(s, io, TX, chain, 0)
  }
  signal(s, io, TX)
}

function deliver(s: S, io: IO): void {
  while (s.input.length) {
    const chain = pop(s, io, RX)
    if (!chain) break
    const bytes = new Uint8Array(Math.min(chain.writableBytes, s.input.length))
    for (let i = 0; i < bytes.length; i++) bytes[i] = s.input.shift()!
    push(s, io, RX, chain, scatter(io.dma, chain, 0, bytes))
  }
  signal(s, io, RX)
}
