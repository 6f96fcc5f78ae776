// One request to a block device (specification 1.2, section 5.2.6): header, data, status byte. However the
// driver divides them among descriptors, the header is the first 16 bytes to read, the status the last byte
// to write.
import type { BlockBackend } from '../../device/block.ts'
import type { Dma } from '../../device/dma.ts'
import { gather, scatter, views, written, type Chain } from './ring.ts'

export const SECTOR = 512
const HEADER = 16, RANGE = 16, ID_BYTES = 20
const T = { IN: 0, OUT: 1, FLUSH: 4, GET_ID: 8, DISCARD: 11, WRITE_ZEROES: 13 }
const NAME: { readonly [type: number]: string } = {
  [T.IN]: 'read',
  [T.OUT]: 'write',
  [T.FLUSH]: 'flush',
  [T.DISCARD]: 'discard',
  [T.WRITE_ZEROES]: 'write zeroes',
}
const STATUS = { OK: 0, IOERR: 1, UNSUPP: 2 }
const UNMAP = 1

export type Request = {
  readonly queue: number
  readonly chain: Chain
  /** It is over in no time: a read or a write by a back end that answers at once. */
  readonly quick: boolean
  /** Outside the lock. */
  perform(): void | Promise<void>
  /** Under the lock: writes the status; the number of bytes written in all. */
  conclude(): number
}

type IO = {
  readonly dma: Dma
  readonly props: { serial: string; 'max-discard-sectors': number; 'max-write-zeroes-sectors': number }
}

/** What a chain asks for; undefined if it is no request at all. */
export function requestOf(
  io: IO, queue: number, chain: Chain, disk: BlockBackend, sectors: number, cached: boolean,
): Request | undefined {
  if (chain.readableBytes < HEADER || chain.writableBytes < 1) return undefined
  const header = new DataView(gather(io.dma, chain, 0, HEADER).buffer)
  const type = header.getUint32(0, true)
  const sector = header.getUint32(12, true) * 2 ** 32 + header.getUint32(8, true)
  const room = chain.writableBytes - 1, given = chain.readableBytes - HEADER
  let status = STATUS.OK, bytes = 0
  /** What an unhurried back end has read, until it may go to guest memory. */
  let bounce: Uint8Array | undefined

  const inside = (from: number, count: number) => from + count <= sectors
  const then = (what: void | Promise<void>, next: () => void | Promise<void>) =>
    what ? what.then(next) : next()

  function read(): void | Promise<void> {
    if (room % SECTOR || !inside(sector, room / SECTOR)) return refuse()
    bytes = room
    if (disk.immediate) return disk.read(sector * SECTOR, views(io.dma, chain.writable, 0, room))
    bounce = new Uint8Array(room)
    return disk.read(sector * SECTOR, [bounce])
  }
  function write(): void | Promise<void> {
    if (given % SECTOR || !inside(sector, given / SECTOR)) return refuse()
    const parts = disk.immediate
      ? views(io.dma, chain.readable, HEADER, given)
      : [gather(io.dma, chain, HEADER, given)]
    return then(disk.write(sector * SECTOR, parts), () => (cached ? undefined : disk.flush()))
  }
  /** Discard and write zeroes: one range of sectors. */
  function range(zeroes: boolean): void | Promise<void> {
    if (given !== RANGE) return refuse(given < RANGE ? STATUS.IOERR : STATUS.UNSUPP)
    const view = new DataView(gather(io.dma, chain, HEADER, RANGE).buffer)
    const from = view.getUint32(4, true) * 2 ** 32 + view.getUint32(0, true), count = view.getUint32(8, true)
    const flags = view.getUint32(12, true)
    if (flags & ~UNMAP || (!zeroes && flags)) return refuse(STATUS.UNSUPP)
    const most = zeroes ? io.props['max-write-zeroes-sectors'] : io.props['max-discard-sectors']
    if (count > most || !inside(from, count)) return refuse()
    return zeroes
      ? disk.zero(from * SECTOR, count * SECTOR, (flags & UNMAP) !== 0)
      : disk.discard(from * SECTOR, count * SECTOR)
  }
  function refuse(with_ = STATUS.IOERR): void {
    status = with_
    bytes = 0
  }
  function start(): void | Promise<void> {
    switch (type) {
      case T.IN: return read()
      case T.OUT: return write()
      case T.FLUSH: return disk.flush()
      case T.DISCARD: return range(false)
      case T.WRITE_ZEROES: return range(true)
      case T.GET_ID: {
        bounce = new Uint8Array(Math.min(room, ID_BYTES))
        bounce.set(new TextEncoder().encode(io.props.serial).subarray(0, bounce.length))
        bytes = bounce.length
        return
      }
      default: return refuse(STATUS.UNSUPP)
    }
  }
  function failed(error: unknown): void {
    refuse()
    disk.failed(NAME[type] ?? `request ${type}`, error)
  }

  return {
    queue, chain,
    quick: disk.immediate && (type === T.IN || (type === T.OUT && cached) || type === T.GET_ID),
    perform() {
      try {
        return start()?.catch(failed)
      } catch (error) {
        failed(error)
      }
    },
    conclude() {
      if (bounce && status === STATUS.OK) scatter(io.dma, chain, 0, bounce)
      else written(io.dma, chain, 0, bytes)
      scatter(io.dma, chain, room, Uint8Array.of(status))
      return bytes + 1
    },
  }
}
