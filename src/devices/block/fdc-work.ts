// What the floppy controller wants of its media, done on the I/O thread: a sector at a time. DMA gives the end of a transfer (the
// terminal count). A sector that is under way stays in the state until it is done: what a snapshot finds is begun anew.
import type { BlockBackend } from '../../device/block.ts'
import type { Job } from '../../device/work.ts'
import { type DmaTransfer, transfer } from '../dma/i8257.ts'
import { ask, finish, nextSector, offer, offsetOf, sectorIsThere, ST0, ST1, tracksOf, WORK } from './fdc-commands.ts'
import type { FdcIo, FdcState } from './fdc.ts'
import { SECTOR_BYTES } from './floppy-formats.ts'

const CHANNEL = 2, NON_DMA = 1, RETRY_NS = 1e6

const byHost = (s: FdcState) => (s.headTimes & NON_DMA) !== 0

/** The next piece of work; undefined while there is none, or the DMA channel is masked. */
export function jobOf(s: FdcState, io: FdcIo, disk: BlockBackend | undefined): Job | undefined {
  if (s.work === WORK.NONE || s.held || (byHost(s) && s.bufferAt < s.bufferEnd)) return undefined
  if (!disk) {
    finish(s, ST0.ABNORMAL, ST1.NO_MARK)
    return undefined
  }
  switch (s.work) {
    case WORK.READ: case WORK.VERIFY: return readSector(s, io, disk)
    case WORK.WRITE: return s.fetched || fetch(s, io, SECTOR_BYTES) ? writeSector(s, io, disk) : undefined
    default: return s.fetched || fetch(s, io, 4 * s.left) ? formatSectors(s, io, disk) : undefined
  }
}

const move = (io: FdcIo, part: Uint8Array): DmaTransfer => io.peers['dma']!.call(transfer(CHANNEL, part))

/** The channel is masked: once more, later. */
function hold(s: FdcState, io: FdcIo): void {
  s.held = 1
  io.timer.retry.arm(io.clock.nowNs() + RETRY_NS)
}

/** Takes what is to be written from the host, or comes back later. */
function fetch(s: FdcState, io: FdcIo, length: number): boolean {
  const part = new Uint8Array(Math.min(length, s.buffer.length)), { moved, terminal } = move(io, part)
  if (moved === 0) {
    hold(s, io)
    return false
  }
  s.buffer.fill(0) // a sector of which less came is filled up
  s.buffer.set(part.subarray(0, moved))
  s.fetched = 1
  s.ended = terminal ? 1 : 0
  return true
}

function readSector(s: FdcState, io: FdcIo, disk: BlockBackend): Job {
  const into = new Uint8Array(SECTOR_BYTES), at = offsetOf(s)
  return attempt(s, disk, 'read', () => disk.read(at, [into]), () => {
    if (s.work === WORK.READ && byHost(s)) {
      s.buffer.set(into)
      return offer(s)
    }
    if (s.work === WORK.VERIFY) return goOn(s, io, false)
    const { moved, terminal } = move(io, into)
    if (moved > 0) goOn(s, io, terminal)
    else hold(s, io)
  })
}

function writeSector(s: FdcState, io: FdcIo, disk: BlockBackend): Job {
  const from = s.buffer.slice(0, SECTOR_BYTES), at = offsetOf(s)
  return attempt(s, disk, 'write', () => disk.write(at, [from]), () => {
    s.fetched = 0
    goOn(s, io, s.ended !== 0)
    if (s.work === WORK.WRITE && byHost(s)) ask(s, SECTOR_BYTES)
  })
}

/** After a sector: the next, or the result. */
function goOn(s: FdcState, io: FdcIo, terminal: boolean): void {
  const more = nextSector(s)
  if (terminal) return finish(s, 0)
  if (s.work === WORK.VERIFY && !more) return finish(s, 0)
  if (!more) return finish(s, ST0.ABNORMAL, ST1.END_OF_TRACK)
  if (!sectorIsThere(s)) return finish(s, ST0.ABNORMAL, ST1.NO_DATA)
  io.wake()
}

/** Fills the sectors that the host names. */
function formatSectors(s: FdcState, _io: FdcIo, disk: BlockBackend): Job {
  const { sectors } = tracksOf(s), filler = new Uint8Array(SECTOR_BYTES).fill(s.bytes[5]!), track = s.cylinder, head = s.head
  const named = Array.from({ length: Math.min(s.left, s.buffer.length / 4) }, (_, i) => [...s.buffer.subarray(4 * i, 4 * i + 4)])
  const offsets = named.flatMap(([c, h, r, n]) => {
    if (c !== track || h !== head || r! < 1 || r! > sectors || n !== 2) return []
    s.sector = r!
    return [offsetOf(s)]
  })
  return attempt(s, disk, 'write', () => {
    const flights = offsets.flatMap(at => disk.write(at, [filler]) ?? [])
    return flights.length ? Promise.all(flights).then(() => {}) : undefined
  }, () => finish(s, 0))
}

/** Talks to the back end, then tells the guest, unless the work was called off meanwhile. */
function attempt(s: FdcState, disk: BlockBackend, what: string, act: () => void | Promise<void>, then: () => void): Job {
  let error: unknown, failed = false
  const failure = (e: unknown) => {
    failed = true
    error = e
  }
  s.taken = 1
  const number = ++s.number
  return {
    run() {
      try {
        return act()?.catch(failure)
      } catch (e) {
        failure(e)
      }
    },
    finish() {
      s.taken = 0
      if (s.number !== number) return
      if (!failed) return then()
      disk.failed(what, error)
      finish(s, ST0.ABNORMAL, ST1.DATA_ERROR)
    },
  }
}
