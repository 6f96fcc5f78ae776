// Commands of the 82077AA (data sheet, section 5): a row for each, with the number of bytes after the first. What needs the medium is
// noted in the state for fdc-work.ts, sector by sector.
import { unimplemented } from '../../base/log.ts'
import type { FdcIo, FdcState } from './fdc.ts'
import { SECTOR_BYTES } from './floppy-formats.ts'

/** EXECUTION: the medium is at work, with DMA; TO_HOST and FROM_HOST: the processor moves the data. */
export const PHASE = { COMMAND: 0, EXECUTION: 1, TO_HOST: 2, FROM_HOST: 3, RESULT: 4 }
export const WORK = { NONE: 0, READ: 1, WRITE: 2, FORMAT: 3, VERIFY: 4 }
export const ST0 = { ABNORMAL: 0x40, INVALID: 0x80, POLLED: 0xc0, SEEK_END: 0x20, EQUIPMENT: 0x10, HEAD_SHIFT: 2 }
export const ST1 = { NO_MARK: 0x01, READ_ONLY: 0x02, NO_DATA: 0x04, DATA_ERROR: 0x20, END_OF_TRACK: 0x80 }
export const ST2 = { WRONG_TRACK: 0x10, DELETED: 0x40 }
const ST3 = { READ_ONLY: 0x40, READY: 0x20, TRACK0: 0x10, TWO_SIDED: 0x08 }
const MULTI_TRACK = 0x80, HEAD = 4, SELECT = 3, ENHANCED = 0x90, IMPLIED_SEEK = 0x40, NON_DMA = 1, LOCK = 0x80
const SIZE_512 = 2, RESULT_BYTES = 7, MAX_STEPS = 80

type Command = { readonly mask: number; readonly code: number; readonly more: number; run(s: FdcState, io: FdcIo): void }
const row = (mask: number, code: number, more: number, run: Command['run']): Command => ({ mask, code, more, run })

const commands: readonly Command[] = [
  row(0x1f, 0x06, 8, (s, io) => transfer(s, io, WORK.READ)), // READ DATA
  row(0x1f, 0x0c, 8, (s, io) => transfer(s, io, WORK.READ)), // READ DELETED DATA
  row(0x9f, 0x02, 8, readTrack), // READ TRACK
  row(0x3f, 0x05, 8, (s, io) => transfer(s, io, WORK.WRITE)), // WRITE DATA
  row(0x3f, 0x09, 8, (s, io) => transfer(s, io, WORK.WRITE)), // WRITE DELETED DATA
  row(0x1f, 0x16, 8, (s, io) => transfer(s, io, WORK.VERIFY)), // VERIFY
  row(0xbf, 0x0a, 1, readId), // READ ID
  row(0xbf, 0x0d, 5, formatTrack), // FORMAT TRACK
  row(0xff, 0x07, 1, s => seek(s, 0, true)), // RECALIBRATE
  row(0xff, 0x0f, 2, s => seek(s, s.bytes[2]!, false)), // SEEK
  row(0xbf, 0x8f, 2, relativeSeek), // RELATIVE SEEK
  row(0xff, 0x08, 0, senseInterrupt), // SENSE INTERRUPT STATUS
  row(0xff, 0x04, 1, senseDrive), // SENSE DRIVE STATUS
  row(0xff, 0x03, 2, s => { // SPECIFY
    s.stepRate = s.bytes[1]!
    s.headTimes = s.bytes[2]!
    begin(s)
  }),
  row(0xff, 0x13, 3, s => { // CONFIGURE
    s.config = s.bytes[2]!
    s.precompTrack = s.bytes[3]!
    begin(s)
  }),
  row(0xff, 0x12, 1, s => { // PERPENDICULAR MODE
    const given = s.bytes[1]!
    if (given & 0x80) s.drive.forEach((d, n) => { d.perpendicular = given >> (2 + n) & 1 })
    begin(s)
  }),
  row(0x7f, 0x14, 0, s => { // LOCK
    s.locked = s.bytes[0]! & LOCK ? 1 : 0
    result(s, s.locked << 4)
  }),
  row(0xff, 0x10, 0, s => result(s, ENHANCED)), // VERSION
  row(0xff, 0x0e, 0, dumpRegisters), // DUMPREG
  row(0x1f, 0x11, 8, scan), row(0x1f, 0x19, 8, scan), row(0x1f, 0x1d, 8, scan),
]

/** The next byte starts a command. */
export function begin(s: FdcState): void {
  s.phase = PHASE.COMMAND
  s.at = s.length = 0
}

export function command(s: FdcState, io: FdcIo, byte: number): void {
  s.bytes[s.at++] = byte
  const found = commands.find(c => (s.bytes[0]! & c.mask) === c.code)
  if (!found) return invalid(s)
  if (s.at > found.more) found.run(s, io)
}

const invalid = (s: FdcState): void => result(s, ST0.INVALID)

function scan(s: FdcState, io: FdcIo): void {
  unimplemented(io.id, () => `scan command 0x${s.bytes[0]!.toString(16)}`)
  invalid(s)
}

/** Bytes for the host. */
function result(s: FdcState, ...bytes: readonly number[]): void {
  s.bytes.set(bytes)
  s.length = bytes.length
  s.at = 0
  s.phase = PHASE.RESULT
}
export function readResult(s: FdcState): number {
  const byte = s.bytes[s.at++]!
  if (s.at < s.length) return byte
  if (s.length === RESULT_BYTES) s.irq = 0
  begin(s)
  return byte
}

const driveOf = (s: FdcState) => s.drive[s.bytes[1]! & SELECT]!
const selection = (s: FdcState) => s.bytes[1]! & (HEAD | SELECT)

// Heads.

function step(s: FdcState, unit: number, track: number): void {
  const d = s.drive[unit]!
  if (d.track !== track && d.tracks) d.changed = 0
  d.track = track
}

function seek(s: FdcState, track: number, recalibrate: boolean): void {
  const unit = s.bytes[1]! & SELECT, d = s.drive[unit]!
  // 80 steps lead to track 0 from everywhere but beyond.
  step(s, unit, recalibrate ? Math.max(0, d.track - MAX_STEPS) : track)
  s.st0 = ST0.SEEK_END | unit
  s.irq = 1
  begin(s)
}

function relativeSeek(s: FdcState): void {
  const up = (s.bytes[0]! & 0x40) !== 0, by = s.bytes[2]!, { track } = driveOf(s)
  seek(s, up ? Math.min(0xff, track + by) : Math.max(0, track - by), false)
}

// Status.

function senseInterrupt(s: FdcState): void {
  if (s.polled) {
    const unit = 4 - s.polled--
    s.irq = 0
    return result(s, ST0.POLLED | unit, s.drive[unit]!.track)
  }
  if (!s.irq) return invalid(s)
  s.irq = 0
  result(s, s.st0, s.drive[s.st0 & SELECT]!.track)
}

function senseDrive(s: FdcState): void {
  const d = driveOf(s)
  result(s, (d.readOnly ? ST3.READ_ONLY : 0) | ST3.READY | (d.track === 0 ? ST3.TRACK0 : 0) | ST3.TWO_SIDED | selection(s))
}

function dumpRegisters(s: FdcState): void {
  const perpendicular = s.drive.reduce((bits, d, n) => bits | d.perpendicular << (2 + n), 0)
  result(s, s.drive[0]!.track, s.drive[1]!.track, s.drive[2]!.track, s.drive[3]!.track, s.stepRate, s.headTimes, s.lastSector,
    (s.locked ? 0x80 : 0) | perpendicular, s.config, s.precompTrack)
}

// The medium.

/** The end of a command of this kind: where it stopped, and an interrupt. */
export function finish(s: FdcState, st0: number, st1 = 0, st2 = 0): void {
  s.work = 0
  result(s, st0 | (s.bytes[1]! & SELECT) | (s.usedHead & 1) << ST0.HEAD_SHIFT, st1, st2, s.cylinder, s.head, s.sector, SIZE_512)
  s.irq = 1
}

/** Whether there is a medium that the heads can read at this rate. */
function readable(s: FdcState): boolean {
  const d = driveOf(s)
  return d.tracks > 0 && d.rate === s.rate && d.track < d.tracks && (s.bytes[1]! & HEAD) >> ST0.HEAD_SHIFT < d.heads
}

function transfer(s: FdcState, io: FdcIo, work: number): void {
  const [, , c, h, r, n, last] = s.bytes as unknown as readonly number[], unit = s.bytes[1]! & SELECT
  s.cylinder = c!
  s.head = h!
  s.usedHead = (s.bytes[1]! & HEAD) >> ST0.HEAD_SHIFT
  s.sector = r!
  s.lastSector = last!
  if (s.config & IMPLIED_SEEK) step(s, unit, c!)
  const d = driveOf(s)
  if (!readable(s)) return finish(s, ST0.ABNORMAL, ST1.NO_MARK)
  if (work === WORK.WRITE && d.readOnly) return finish(s, ST0.ABNORMAL, ST1.READ_ONLY)
  if (c !== d.track) return finish(s, ST0.ABNORMAL, ST1.NO_DATA, ST2.WRONG_TRACK)
  if (n !== SIZE_512 || h !== (s.bytes[1]! & HEAD) >> ST0.HEAD_SHIFT || !there(s)) return finish(s, ST0.ABNORMAL, ST1.NO_DATA)
  start(s, io, work)
}
const there = (s: FdcState): boolean => s.sector >= 1 && s.sector <= driveOf(s).sectors

/** All sectors of a track in the order in which they lie there. */
function readTrack(s: FdcState, io: FdcIo): void {
  s.bytes[4] = 1
  transfer(s, io, WORK.READ)
}

function start(s: FdcState, io: FdcIo, work: number): void {
  s.work = work
  s.fetched = s.ended = s.bufferAt = s.bufferEnd = 0
  s.phase = PHASE.EXECUTION
  const byHost = (s.headTimes & NON_DMA) !== 0
  if (byHost && (work === WORK.WRITE || work === WORK.FORMAT)) return ask(s, work === WORK.FORMAT ? 4 * s.left : SECTOR_BYTES)
  io.wake()
}

/** Goes on with the sector after this one; false if it was the last, whose successor's address the result then tells. */
export function nextSector(s: FdcState): boolean {
  s.usedHead = s.head
  const last = s.sector >= s.lastSector, multi = (s.bytes[0]! & MULTI_TRACK) !== 0
  if (!last) {
    s.sector++
    return true
  }
  s.sector = 1
  if (multi && s.head === 0) {
    s.head = 1
    return driveOf(s).heads > 1
  }
  if (multi) s.head = 0
  s.cylinder++
  return false
}

/** The byte offset of the sector in the image. */
export function offsetOf(s: FdcState): number {
  const d = driveOf(s)
  return ((s.cylinder * d.heads + s.head) * d.sectors + s.sector - 1) * SECTOR_BYTES
}
export const sectorIsThere = there
export const tracksOf = (s: FdcState) => driveOf(s)

/** Which sector comes by: the first one. */
function readId(s: FdcState): void {
  const d = driveOf(s)
  s.cylinder = d.track
  s.head = s.usedHead = (s.bytes[1]! & HEAD) >> ST0.HEAD_SHIFT
  s.sector = 1
  if (readable(s)) finish(s, 0)
  else finish(s, ST0.ABNORMAL, ST1.NO_MARK)
}

function formatTrack(s: FdcState, io: FdcIo): void {
  const d = driveOf(s)
  s.cylinder = d.track
  s.head = s.usedHead = (s.bytes[1]! & HEAD) >> ST0.HEAD_SHIFT
  s.sector = 1
  s.lastSector = s.left = s.bytes[3]!
  if (!readable(s) || s.bytes[2] !== SIZE_512) return finish(s, ST0.ABNORMAL, ST1.NO_MARK)
  if (d.readOnly) return finish(s, ST0.ABNORMAL, ST1.READ_ONLY)
  if (s.left === 0) return finish(s, 0)
  start(s, io, WORK.FORMAT)
}

// Data that the processor moves.

/** Has the processor write so many bytes. */
export function ask(s: FdcState, length: number): void {
  s.bufferAt = 0
  s.bufferEnd = length
  s.phase = PHASE.FROM_HOST
  s.irq = 1
}
export function offer(s: FdcState): void {
  s.bufferAt = 0
  s.bufferEnd = SECTOR_BYTES
  s.phase = PHASE.TO_HOST
  s.irq = 1
}

export function takeData(s: FdcState, io: FdcIo): number {
  const byte = s.buffer[s.bufferAt++]!
  if (s.bufferAt === s.bufferEnd) {
    s.irq = 0
    s.phase = PHASE.EXECUTION
    // Without DMA nobody gives a terminal count: the last sector ends the command.
    if (nextSector(s)) io.wake()
    else finish(s, ST0.ABNORMAL, ST1.END_OF_TRACK)
  }
  return byte
}

export function giveData(s: FdcState, io: FdcIo, byte: number): void {
  s.buffer[s.bufferAt++] = byte
  if (s.bufferAt < s.bufferEnd) return
  s.irq = 0
  s.phase = PHASE.EXECUTION
  s.fetched = 1
  io.wake()
}
