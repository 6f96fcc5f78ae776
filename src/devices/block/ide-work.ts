// What drives want of their media, done on the I/O thread. A piece of work stays in the state until it is done:
// what a snapshot finds is begun anew.
import type { BlockBackend } from '../../device/block.ts'
import type { Dma } from '../../device/dma.ts'
import type { Job } from '../../device/work.ts'
import {
  addressOf, inRange, interrupt, SECTOR, STATUS, WORK, type ChannelState, type Drive,
} from './ata.ts'
import { advance, fail, flushDone, readDone, writeDone } from './ata-commands.ts'
import { discFailed, offer, packetDone, pieceBytes } from './atapi.ts'
import { gather, readTable, scatter } from './ide-dma.ts'

export const BM = { START: 0x01, TO_MEMORY: 0x08, ACTIVE: 0x01, ERROR: 0x02, INTERRUPT: 0x04 }
const READY = STATUS.DRDY | STATUS.DSC

/** The next piece of a drive's work; undefined while it has none or waits for the bus master. */
export function jobOf(d: Drive, disk: BlockBackend, dma: Dma): Job | undefined {
  const { u, c } = d
  switch (u.work) {
    case WORK.READ: {
      const into = u.buffer.slice(0, Math.min(u.count, u.block) * SECTOR), at = addressOf(u) * SECTOR
      return attempt(d, disk, 'read', () => disk.read(at, [into]), () => {
        u.buffer.set(into)
        readDone(d)
      })
    }
    case WORK.WRITE: {
      const from = u.buffer.slice(0, Math.min(u.count, u.block) * SECTOR), at = addressOf(u) * SECTOR
      return attempt(d, disk, 'write', () => written(d, disk, at, from), () => writeDone(d))
    }
    case WORK.FLUSH: return attempt(d, disk, 'flush', () => disk.flush(), () => flushDone(d))
    case WORK.READ_DMA: case WORK.WRITE_DMA:
      return c.bmStatus & BM.ACTIVE ? transfer(d, disk, dma) : undefined
    case WORK.READ_PACKET: {
      const into = new Uint8Array(pieceBytes(u))
      return attempt(d, disk, 'read', () => disk.read(u.discAt, [into]), () => {
        u.buffer.set(into)
        offer(d, 0)
      })
    }
    case WORK.PACKET_DMA: return c.bmStatus & BM.ACTIVE ? transferPacket(d, disk, dma) : undefined
    default: return undefined
  }
}

/** Without a write cache a write is safe when it is reported. */
function written(d: Drive, disk: BlockBackend, at: number, from: Uint8Array): void | Promise<void> {
  const flight = disk.write(at, [from])
  if (d.u.writeCache) return flight
  return flight ? flight.then(() => disk.flush()) : disk.flush()
}

function transfer(d: Drive, disk: BlockBackend, dma: Dma): Job | undefined {
  const { u, c } = d, { regions, bytes } = readTable(dma, c.bmAddress)
  const sectors = u.count, length = sectors * SECTOR, at = addressOf(u), toMemory = u.work === WORK.READ_DMA
  // A table too short for the transfer: neither active nor an interrupt. Nothing is transferred.
  if (bytes < length) return immediate(d, () => idle(c, u, false))
  if (!inRange(u, at, sectors)) return immediate(d, () => dmaFailed(d))
  const data = new Uint8Array(length)
  if (!toMemory) gather(dma, regions, data)
  const done = () => {
    if (toMemory) scatter(dma, regions, data)
    advance(d, sectors)
    idle(c, u, bytes - length >= SECTOR)
    interrupt(d)
  }
  return toMemory
    ? attempt(d, disk, 'read', () => disk.read(at * SECTOR, [data]), done)
    : attempt(d, disk, 'write', () => written(d, disk, at * SECTOR, data), done)
}

/** The answer to a packet, all of it. */
function transferPacket(d: Drive, disk: BlockBackend, dma: Dma): Job {
  const { u, c } = d, { regions, bytes } = readTable(dma, c.bmAddress), data = new Uint8Array(u.left)
  if (bytes < data.length) return immediate(d, () => idle(c, u, false))
  const done = () => {
    scatter(dma, regions, u.fromDisc ? data : u.buffer.subarray(0, data.length))
    idle(c, u, bytes > data.length)
    packetDone(d)
  }
  return u.fromDisc ? attempt(d, disk, 'read', () => disk.read(u.discAt, [data]), done) : immediate(d, done)
}

/** `more`: the table describes memory for another sector. */
function idle(c: ChannelState, u: Drive['u'], more: boolean): void {
  u.status = READY
  if (!more) c.bmStatus &= ~BM.ACTIVE
}

function dmaFailed(d: Drive): void {
  d.c.bmStatus &= ~BM.ACTIVE
  fail(d)
}

const immediate = (d: Drive, then: () => void): Job => attempt(d, undefined, '', () => {}, then)

/** Talks to the back end, then tells the guest, unless the work was called off meanwhile. */
function attempt(
  d: Drive, disk: BlockBackend | undefined, what: string, act: () => void | Promise<void>, then: () => void,
): Job {
  const { u } = d
  let error: unknown, failed = false
  const failure = (e: unknown) => {
    failed = true
    error = e
  }
  u.taken = 1
  const number = ++u.number
  return {
    run() {
      try {
        return act()?.catch(failure)
      } catch (e) {
        failure(e)
      }
    },
    finish() {
      const { work } = u, packet = work === WORK.READ_PACKET || work === WORK.PACKET_DMA
      const dma = work === WORK.READ_DMA || work === WORK.WRITE_DMA || work === WORK.PACKET_DMA
      u.taken = 0
      if (u.number !== number) return
      u.work = WORK.NONE
      if (!failed) return then()
      disk!.failed(what, error)
      if (dma) d.c.bmStatus &= ~BM.ACTIVE
      if (packet) discFailed(d)
      else fail(d)
    },
  }
}
