// The control queue of a network device (specification 1.2, section 5.1.6.5): receive modes and hardware
// addresses.
import { MAC_TABLE, type Filter } from './net-filter.ts'
import { pop, push, signal } from './queue.ts'
import { gather, scatter, type Core, type CoreIo } from './ring.ts'

const CLASS = { RX: 0, MAC: 1 }
const RX_MODES = ['promisc', 'allmulti', 'alluni', 'nomulti', 'nouni', 'nobcast'] as const
const MAC = { TABLE_SET: 0, ADDR_SET: 1 }
const OK = 0, ERR = 1
/** More than two full tables and the header: what lies behind is refused. */
const MAX_COMMAND = 65536
/** Commands that one notification carries out: a driver that goes on adding must not hold the thread. */
const COMMANDS = 1024

export function control(s: Core & Filter, io: CoreIo, queue: number): void {
  for (let n = 0, chain; n < COMMANDS && (chain = pop(s, io, queue)); n++) {
    const command = gather(io.dma, chain, 0, MAX_COMMAND)
    const ack = obey(s, command) ? OK : ERR
    push(
      s, io, queue, chain, scatter(io.dma, chain, Math.max(0, chain.writableBytes - 1), Uint8Array.of(ack)),
    )
  }
  signal(s, io, queue)
}

function obey(s: Filter, command: Uint8Array): boolean {
  const [cls, what] = command, data = command.subarray(2)
  if (cls === CLASS.RX) {
    const mode = RX_MODES[what!]
    if (mode === undefined || data.length < 1) return false
    s[mode] = data[0]! ? 1 : 0
    return true
  }
  if (cls !== CLASS.MAC) return false
  if (what === MAC.ADDR_SET) {
    if (data.length !== 6) return false
    s.mac.set(data)
    return true
  }
  return what === MAC.TABLE_SET && setTable(s, data)
}

/** Two lists, unicast and multicast: each a 32-bit count and that many addresses. */
function setTable(s: Filter, data: Uint8Array): boolean {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const unicasts = listAt(view, 0)
  const multicasts = unicasts && listAt(view, 4 + unicasts.length)
  if (!unicasts || !multicasts) return false
  s.unicastOverflow = unicasts.length > 6 * MAC_TABLE ? 1 : 0
  const kept = s.unicastOverflow ? 0 : unicasts.length
  s.multicastOverflow = kept + multicasts.length > 6 * MAC_TABLE ? 1 : 0
  s.unicasts = kept / 6
  s.multicasts = s.multicastOverflow ? 0 : multicasts.length / 6
  s.table.set(unicasts.subarray(0, kept), 0)
  s.table.set(multicasts.subarray(0, 6 * s.multicasts), kept)
  return true
}

function listAt(view: DataView, at: number): Uint8Array | undefined {
  if (at + 4 > view.byteLength) return undefined
  const bytes = 6 * view.getUint32(at, true)
  if (at + 4 + bytes > view.byteLength) return undefined
  return new Uint8Array(view.buffer, view.byteOffset + at + 4, bytes)
}
