// A CD-ROM drive on an ATA channel: the commands of its task file (ATA/ATAPI-7, volume 1, section 6), and packets
// after MMC-3 and SFF-8020i. Answers go through the data register in pieces of at most the byte count that the host
// wrote, or to the bus master.
// Not implemented: audio, DVD structures, READ CD but for the user data of a sector, overlapped commands.
import { unimplemented } from '../../base/log.ts'
import {
  abort, AFTER, beginTransfer, endTransfer, interrupt, SECTOR, setSignature, STATUS, WORK, type Drive, type UnitState,
} from './ata.ts'
import {
  capacity, CD_SECTOR, configuration, discInformation, EVENT, eventStatus, identifyPacket, inquiry, isReady, mechanismStatus,
  modePage, sectorsOf, sense, toc,
} from './atapi-replies.ts'

const READY = STATUS.DRDY | STATUS.DSC
/** The interrupt reason, in the count register. */
const REASON = { COMMAND: 1, TO_HOST: 2 }
const PACKET_BYTES = 12, DMA = 0x01, REQUEST_SENSE = 0x03
export const SENSE = { NONE: 0, NOT_READY: 2, MEDIUM_ERROR: 3, ILLEGAL_REQUEST: 5, UNIT_ATTENTION: 6 }
const CODE = {
  UNRECOVERED: 0x11, BAD_OPCODE: 0x20, BEYOND_END: 0x21, BAD_FIELD: 0x24, MAY_HAVE_CHANGED: 0x28, NO_SAVING: 0x39,
  NO_MEDIUM: 0x3a, REMOVAL_PREVENTED: 0x53,
}

// ---- the task file ----

export function packetCommand(d: Drive): false {
  const { u } = d
  u.dma = u.feature & DMA ? 1 : 0
  u.byteLimit = u.cylHigh << 8 | u.cylLow
  u.count = REASON.COMMAND
  u.status = READY
  beginTransfer(u, PACKET_BYTES, AFTER.PACKET)
  return false
}

export function identifyPacketDevice(d: Drive): false {
  identifyPacket(d, d.u.buffer.subarray(0, SECTOR))
  d.u.status = READY
  beginTransfer(d.u, SECTOR, AFTER.NOTHING)
  interrupt(d)
  return false
}

/** A disk's commands find out that this is none. */
export function notADisk(d: Drive): true {
  setSignature(d.u, 'cdrom')
  abort(d)
  return true
}

// ---- packets ----

type Reply = number[] | undefined
type Packet = {
  /** What it does without a disc is to fail. */
  readonly needsDisc?: true
  /** Doesn't tell that the disc was changed, and leaves that to be told. */
  readonly quiet?: true
  run(d: Drive, p: Uint8Array): void
}
const be16 = (p: Uint8Array, at: number) => p[at]! << 8 | p[at + 1]!
const be32 = (p: Uint8Array, at: number) => be16(p, at) * 65536 + be16(p, at + 2)

/** Answers with at most the allocation length. */
const answers = (lengthOf: (p: Uint8Array) => number, make: (u: UnitState, p: Uint8Array, d: Drive) => Reply) =>
  (d: Drive, p: Uint8Array) => {
    const reply = make(d.u, p, d)
    if (!reply) return failPacket(d, SENSE.ILLEGAL_REQUEST, CODE.BAD_FIELD)
    const bytes = reply.slice(0, lengthOf(p))
    d.u.buffer.set(bytes)
    d.u.fromDisc = 0
    d.u.at = 0
    begin(d, bytes.length)
  }
const byte4 = (p: Uint8Array) => p[4]!, word7 = (p: Uint8Array) => be16(p, 7), word8 = (p: Uint8Array) => be16(p, 8)
const completes = { run: (d: Drive) => packetDone(d) }

function read(d: Drive, sector: number, sectors: number): void {
  const { u } = d
  if (sectors === 0) return packetDone(d)
  if (sector + sectors > sectorsOf(u)) return failPacket(d, SENSE.ILLEGAL_REQUEST, CODE.BEYOND_END)
  u.fromDisc = 1
  u.discAt = sector * CD_SECTOR
  begin(d, sectors * CD_SECTOR)
}

const USER_DATA = 0x10, ALL_PARTS = 0xf8
function readCd(d: Drive, p: Uint8Array): void {
  const sectors = p[6]! * 65536 + be16(p, 7), parts = p[9]! & ALL_PARTS
  if (sectors === 0 || parts === 0) return packetDone(d)
  if (parts === USER_DATA) return read(d, be32(p, 2), sectors)
  unimplemented('ide', () => `READ CD of parts ${parts.toString(16)} of a sector`)
  failPacket(d, SENSE.ILLEGAL_REQUEST, CODE.BAD_FIELD)
}

function modeSense(d: Drive, p: Uint8Array): void {
  const control = p[2]! >> 6
  if (control === 3) return failPacket(d, SENSE.ILLEGAL_REQUEST, CODE.NO_SAVING)
  answers(word7, u => (control === 0 ? modePage(u, p[2]! & 0x3f) : undefined))(d, p)
}

const LOAD_EJECT = 2, START = 1
function startStop(d: Drive, p: Uint8Array): void {
  const { u } = d
  if (p[4]! >> 4 === 0 && p[4]! & LOAD_EJECT) {
    if (!(p[4]! & START) && u.locked && !u.tray) return failPacket(d, SENSE.NOT_READY, CODE.REMOVAL_PREVENTED)
    u.tray = p[4]! & START ? 0 : 1
    d.wake() // somebody may want to know
  }
  packetDone(d)
}

/** Bits 7 and 6 of the last byte are SFF-8020i's place for what is in byte 2 since. */
const tocFormat = (p: Uint8Array) => p[2]! & 0x0f || p[9]! >> 6

const packets: { readonly [operation: number]: Packet } = {
  0x00: { needsDisc: true, ...completes }, // TEST UNIT READY
  [REQUEST_SENSE]: { quiet: true, run: answers(byte4, takeSense) },
  0x12: { quiet: true, run: answers(byte4, (_u, p, d) => (p[1]! & 1 ? undefined : inquiry(d))) }, // INQUIRY
  0x1b: { run: startStop }, // START STOP UNIT
  0x1e: { // PREVENT ALLOW MEDIUM REMOVAL
    run(d, p) {
      d.u.locked = p[4]! & 1
      packetDone(d)
    },
  },
  0x25: { needsDisc: true, run: answers(() => 8, u => capacity(u)) }, // READ CAPACITY
  0x28: { needsDisc: true, run: (d, p) => read(d, be32(p, 2), be16(p, 7)) }, // READ (10)
  0x2b: { // SEEK (10)
    needsDisc: true,
    run: (d, p) =>
      be32(p, 2) < sectorsOf(d.u) ? packetDone(d) : failPacket(d, SENSE.ILLEGAL_REQUEST, CODE.BEYOND_END),
  },
  0x43: { needsDisc: true, run: answers(word7, (u, p) => toc(u, tocFormat(p), (p[1]! & 2) !== 0, p[6]!)) }, // READ TOC/PMA/ATIP
  0x46: { quiet: true, run: answers(word7, (u, p) => configuration(u, be16(p, 2))) }, // GET CONFIGURATION
  0x4a: { quiet: true, run: answers(word7, (u, p) => (p[1]! & 1 ? eventStatus(u, p[4]!) : undefined)) }, // GET EVENT STATUS
  0x51: { needsDisc: true, run: answers(word7, discInformation) }, // READ DISC INFORMATION
  0x5a: { run: modeSense }, // MODE SENSE (10)
  0xa8: { needsDisc: true, run: (d, p) => read(d, be32(p, 2), be32(p, 6)) }, // READ (12)
  0xbb: completes, // SET CD SPEED
  0xbd: { run: answers(word8, mechanismStatus) }, // MECHANISM STATUS
  0xbe: { needsDisc: true, run: readCd }, // READ CD
}

/** The host has written the packet. */
export function executePacket(d: Drive): void {
  const { u } = d, p = u.buffer.slice(0, PACKET_BYTES), command = packets[p[0]!]
  endTransfer(u)
  u.operation = p[0]!
  if (p[0] !== REQUEST_SENSE) setSense(u, SENSE.NONE, 0)
  if (!command) return failPacket(d, SENSE.ILLEGAL_REQUEST, CODE.BAD_OPCODE)
  if (u.changed && isReady(u) && !command.quiet) return tellChange(d)
  if (command.needsDisc && !isReady(u)) return failPacket(d, SENSE.NOT_READY, CODE.NO_MEDIUM)
  command.run(d, p)
}

/** A new disc is no disc first, then one that may be another: systems notice either. */
function tellChange(d: Drive): void {
  const { u } = d
  u.changed--
  if (u.changed) failPacket(d, SENSE.NOT_READY, CODE.NO_MEDIUM)
  else failPacket(d, SENSE.UNIT_ATTENTION, CODE.MAY_HAVE_CHANGED)
}

function takeSense(u: UnitState): number[] {
  const told = sense(u)
  setSense(u, SENSE.NONE, 0)
  return told
}
function setSense(u: UnitState, key: number, code: number): void {
  u.senseKey = key
  u.senseCode = code
}

// ---- answers ----

/** `length` bytes for the host. */
function begin(d: Drive, length: number): void {
  const { u } = d
  u.left = length
  if (length === 0) return packetDone(d)
  if (u.dma) {
    u.status = READY | STATUS.DRQ | (u.fromDisc ? STATUS.BSY : 0)
    u.work = WORK.PACKET_DMA
    return d.wake()
  }
  if (u.byteLimit === 0) {
    abort(d)
    return interrupt(d)
  }
  packetMore(d)
}

/** The next piece, or the end. */
export function packetMore(d: Drive): void {
  const { u } = d
  if (u.left === 0) return packetDone(d)
  if (!u.fromDisc) return offer(d, u.at)
  u.status = READY | STATUS.BSY
  u.work = WORK.READ_PACKET
  d.wake()
}

/** Of the next piece, which may not be odd unless it is the last. */
export const pieceBytes = (u: UnitState): number =>
  u.left <= u.byteLimit && u.left <= u.buffer.length ? u.left : Math.min(u.byteLimit & ~1 || 1, u.buffer.length)

/** A piece lies in the buffer. */
export function offer(d: Drive, at: number): void {
  const { u } = d, length = pieceBytes(u)
  u.status = READY
  u.error = 0
  u.count = (u.count & ~7) | REASON.TO_HOST
  u.cylLow = length
  u.cylHigh = length >> 8
  u.left -= length
  u.discAt += length
  beginTransfer(u, at + length, AFTER.REPLY)
  u.at = at
  interrupt(d)
}

export function packetDone(d: Drive): void {
  const { u } = d
  endTransfer(u)
  u.left = 0
  u.error = 0
  u.status = READY
  u.count = (u.count & ~7) | REASON.TO_HOST | REASON.COMMAND
  interrupt(d)
}

function failPacket(d: Drive, key: number, code: number): void {
  const { u } = d
  endTransfer(u)
  setSense(u, key, code)
  u.left = 0
  u.error = key << 4
  u.status = STATUS.DRDY | STATUS.ERR
  u.count = (u.count & ~7) | REASON.TO_HOST | REASON.COMMAND
  interrupt(d)
}
export const discFailed = (d: Drive): void => failPacket(d, SENSE.MEDIUM_ERROR, CODE.UNRECOVERED)

// ---- the tray, from outside ----

/** Another disc, or none (0 bytes); the tray closes. */
export function changeDisc(u: UnitState, sizeBytes: number): void {
  u.sectors = Math.floor(sizeBytes / SECTOR)
  u.tray = 0
  u.changed = sizeBytes > 0 ? 2 : 0
  u.event = sizeBytes > 0 ? EVENT.NEW_MEDIA : EVENT.NONE
}

/** Somebody pressed the button: false when the system has locked the tray, and is asked instead. */
export function pressEject(u: UnitState): boolean {
  if (u.locked) u.event = EVENT.EJECT_REQUEST
  else u.tray = 1
  return !u.locked
}
