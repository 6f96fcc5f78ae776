// The task file of an ATA device and what it addresses (ATA/ATAPI-7, volume 1, sections 6 and 7). The
// first set of registers is written through to a second one ("previous content") for 48-bit commands.
import type { BlockBackend, Media } from '../../device/block.ts'
import { bytes, f64, flag, transient, u16, u32, u8, type StateOf } from '../../device/define.ts'

export const SECTOR = 512
export const STATUS = { ERR: 0x01, DRQ: 0x08, DSC: 0x10, DF: 0x20, DRDY: 0x40, BSY: 0x80 }
export const ERROR = { ABRT: 0x04, IDNF: 0x10, UNC: 0x40 }
export const DEVICE = { HEAD: 0x0f, DEV: 0x10, LBA: 0x40, OBSOLETE: 0xa0 }
export const CONTROL = { NIEN: 0x02, SRST: 0x04, HOB: 0x80 }
/** Sectors of a block of READ and WRITE MULTIPLE, at most. */
export const MAX_MULTIPLE = 16

/** What happens when the host has moved the buffer's last word. */
export const AFTER = { NOTHING: 0, READ_MORE: 1, WRITE: 2, PACKET: 3, REPLY: 4 }
/** What is wanted of the medium. */
export const WORK = { NONE: 0, READ: 1, WRITE: 2, FLUSH: 3, READ_DMA: 4, WRITE_DMA: 5, READ_PACKET: 6, PACKET_DMA: 7 }

export const unitState = {
  feature: u8(), error: u8(), count: u32(), sector: u8(), cylLow: u8(), cylHigh: u8(), select: u8(), status: u8(),
  hobFeature: u8(), hobCount: u8(), hobSector: u8(), hobCylLow: u8(), hobCylHigh: u8(),
  /** The command counts in 48 bits. */
  wide: flag(),
  /** The translation of cylinder, head and sector that INITIALIZE DEVICE PARAMETERS chose. */
  heads: u8(), sectorsPerTrack: u8(),
  multiple: u8(), writeCache: flag(1),
  /** Modes that SET FEATURES chose, a bit each: words 62, 63 and 88 of IDENTIFY, upper bytes. */
  singleDma: u8(), multiDma: u8(), ultraDma: u8(),
  /** Sectors between two interrupts of a transfer through the data register. */
  block: u8(),
  buffer: bytes(MAX_MULTIPLE * SECTOR), at: u16(), end: u16(), after: u8(),
  /** Taken: it is with the back end. The number tells that it was not called off since. */
  work: u8(), taken: transient(flag()), number: transient(u32()),
  /** Of the medium, 512 bytes each. */
  sectors: f64(),

  // CD-ROM drives: the answer to a packet, of which `left` bytes are to come, from the disc or the buffer.
  operation: u8(), dma: flag(), byteLimit: u16(), left: f64(), fromDisc: flag(), discAt: f64(),
  senseKey: u8(), senseCode: u8(),
  /** Open; kept closed; what is to be told of a new disc, and the event of it. */
  tray: flag(), locked: flag(), changed: u8(), event: u8(),
}
export const channelState = {
  /** The selected unit. */
  unit: u8(), control: u8(), intrq: flag(),
  bmCommand: u8(), bmStatus: u8(), bmAddress: u32(),
}
export type UnitState = StateOf<typeof unitState>
export type ChannelState = StateOf<typeof channelState>

/** A drive that is there; the library hands it in. */
export type DriveSpec = {
  /** A disk when left out. */
  readonly kind?: 'disk' | 'cdrom'
  readonly media: Media
  readonly serial?: string
  readonly model?: string
  readonly firmware?: string
}
/** By number, master and slave of the first channel, then of the second. */
export type IdeBackend = { readonly units: readonly (BlockBackend | undefined)[] }

/** A drive with everything that commands touch. */
export type Drive = {
  readonly u: UnitState
  readonly c: ChannelState
  readonly spec: DriveSpec
  /** The I/O thread shall look for work. */
  wake(): void
}

/** Asks for an interrupt; while nIEN is set it is lost. */
export function interrupt({ c }: Drive): void {
  if (c.control & CONTROL.NIEN) return
  c.intrq = 1
  c.bmStatus |= 0x04
}

export type Geometry = { readonly cylinders: number; readonly heads: number; readonly sectors: number }
/** What old software is told. */
export function geometryOf(totalSectors: number): Geometry {
  const heads = 16, sectors = 63
  return { cylinders: Math.max(2, Math.min(16383, Math.floor(totalSectors / (heads * sectors)))), heads, sectors }
}

/** The sector that the task file addresses: 48 or 28 bits, or cylinder, head, sector. */
export function addressOf(u: UnitState): number {
  if (!(u.select & DEVICE.LBA)) {
    const { heads, sectorsPerTrack: sectors } = u
    return ((u.cylHigh << 8 | u.cylLow) * heads + (u.select & DEVICE.HEAD)) * sectors + u.sector - 1
  }
  const low = u.cylHigh << 16 | u.cylLow << 8 | u.sector
  return u.wide
    ? (u.hobCylHigh << 16 | u.hobCylLow << 8 | u.hobSector) * 2 ** 24 + low
    : (u.select & DEVICE.HEAD) * 2 ** 24 + low
}

export function setAddress(u: UnitState, address: number): void {
  if (!(u.select & DEVICE.LBA)) {
    const { heads, sectorsPerTrack: sectors } = u
    const cylinder = Math.floor(address / (heads * sectors)), rest = address % (heads * sectors)
    u.cylHigh = cylinder >> 8
    u.cylLow = cylinder
    u.select = (u.select & ~DEVICE.HEAD) | (Math.floor(rest / sectors) & DEVICE.HEAD)
    u.sector = (rest % sectors) + 1
    return
  }
  const high = Math.floor(address / 2 ** 24)
  u.sector = address
  u.cylLow = address / 2 ** 8
  u.cylHigh = address / 2 ** 16
  if (u.wide) {
    u.hobSector = high
    u.hobCylLow = high >> 8
    u.hobCylHigh = high >> 16
  } else u.select = (u.select & ~DEVICE.HEAD) | (high & DEVICE.HEAD)
}

/** A count of 0 stands for the most that there is. */
export function takeCount(u: UnitState, wide: boolean): void {
  u.wide = wide ? 1 : 0
  u.count = wide ? (u.hobCount << 8 | (u.count & 0xff)) || 65536 : (u.count & 0xff) || 256
}

export const inRange = (u: UnitState, address: number, count: number): boolean =>
  address >= 0 && address + count <= u.sectors

export type DriveKind = 'disk' | 'cdrom' | 'none'
export const kindOf = (d: Drive | undefined): DriveKind => (d ? (d.spec.kind ?? 'disk') : 'none')
const SIGNATURE = { disk: 0x0000, cdrom: 0xeb14, none: 0xffff }

/** Which kind of device this is (volume 1, section 5.15). */
export function setSignature(u: UnitState, kind: DriveKind): void {
  u.select &= ~DEVICE.HEAD
  u.count = u.sector = 1
  u.cylLow = SIGNATURE[kind]
  u.cylHigh = SIGNATURE[kind] >> 8
}

// ---- the buffer that the data register empties or fills ----

export function beginTransfer(u: UnitState, length: number, after: number): void {
  u.at = 0
  u.end = length
  u.after = after
  if (!(u.status & STATUS.ERR)) u.status |= STATUS.DRQ
}

export function endTransfer(u: UnitState): void {
  u.at = u.end = 0
  u.after = AFTER.NOTHING
  u.status &= ~STATUS.DRQ
}

/** The command ends without having done anything. */
export function abort({ u }: Drive, error = ERROR.ABRT): void {
  endTransfer(u)
  u.status = STATUS.DRDY | STATUS.ERR
  u.error = error
}
