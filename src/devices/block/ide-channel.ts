// One channel: the ports of two drives that share them (ATA/ATAPI-7, volume 2, section 7).
import {
  AFTER, CONTROL, DEVICE, endTransfer, kindOf, MAX_MULTIPLE, setSignature, STATUS, WORK, type ChannelState, type Drive, type UnitState,
} from './ata.ts'
import { DEVICE_RESET, diagnose, execute, readMore, writeBuffer } from './ata-commands.ts'
import { executePacket, packetMore } from './atapi.ts'

export type Channel = {
  readonly c: ChannelState
  readonly units: readonly [UnitState, UnitState]
  /** A drive; undefined where there is none. */
  readonly drives: readonly [Drive | undefined, Drive | undefined]
}
const REG = { DATA: 0, ERROR: 1, COUNT: 2, SECTOR: 3, CYL_LOW: 4, CYL_HIGH: 5, DEVICE: 6, STATUS: 7 }
const NO_DATA = 0xff
const BUSY = STATUS.BSY | STATUS.DRQ

const selected = ({ c, units }: Channel): UnitState => units[c.unit]!

export function readTaskFile(ch: Channel, reg: number): number {
  const { c, drives } = ch, u = selected(ch), hob = (c.control & CONTROL.HOB) !== 0
  const anybody = drives[0] !== undefined || drives[1] !== undefined
  if (reg === REG.STATUS) {
    c.intrq = 0
    return statusOf(ch)
  }
  if (reg === REG.DATA) return NO_DATA
  if (!anybody || (reg === REG.ERROR && c.unit === 1 && !drives[1])) return 0
  switch (reg) {
    case REG.ERROR: return hob ? u.hobFeature : u.error
    case REG.COUNT: return (hob ? u.hobCount : u.count) & 0xff
    case REG.SECTOR: return hob ? u.hobSector : u.sector
    case REG.CYL_LOW: return hob ? u.hobCylLow : u.cylLow
    case REG.CYL_HIGH: return hob ? u.hobCylHigh : u.cylHigh
    default: return u.select
  }
}

/** Also the alternate status register: the same, and the interrupt stays. */
export function statusOf(ch: Channel): number {
  const { c, drives } = ch
  return (drives[0] || drives[1]) && (c.unit === 0 || drives[1]) ? selected(ch).status : 0
}

/** Both drives take every register but the command's. */
export function writeTaskFile(ch: Channel, reg: number, value: number): void {
  const { c, units } = ch
  if (reg !== REG.STATUS && selected(ch).status & BUSY) return
  if (reg !== REG.DATA) c.control &= ~CONTROL.HOB
  for (const u of units)
    switch (reg) {
      case REG.ERROR: u.hobFeature = u.feature; u.feature = value; break
      case REG.COUNT: u.hobCount = u.count; u.count = value; break
      case REG.SECTOR: u.hobSector = u.sector; u.sector = value; break
      case REG.CYL_LOW: u.hobCylLow = u.cylLow; u.cylLow = value; break
      case REG.CYL_HIGH: u.hobCylHigh = u.cylHigh; u.cylHigh = value; break
      case REG.DEVICE: u.select = value | DEVICE.OBSOLETE
    }
  if (reg === REG.DEVICE) c.unit = value & DEVICE.DEV ? 1 : 0
  if (reg === REG.STATUS) command(ch, value)
}

function command({ c, drives }: Channel, code: number): void {
  c.intrq = 0
  const d = drives[c.unit]
  if (!d) return
  if (!(d.u.status & BUSY) || (code === DEVICE_RESET && kindOf(d) === 'cdrom')) execute(d, code)
}

export function writeControl(ch: Channel, value: number): void {
  const { c, units, drives } = ch
  if (value & CONTROL.SRST && !(c.control & CONTROL.SRST))
    units.forEach((u, i) => {
      resetUnit(u)
      const d = drives[i]
      if (d) diagnose(d)
      else setSignature(u, 'none')
    })
  c.control = value
}

/** Power-on, but for what SET FEATURES chose. */
export function resetUnit(u: UnitState): void {
  endTransfer(u)
  u.feature = u.error = u.count = u.sector = u.cylLow = u.cylHigh = 0
  u.hobFeature = u.hobCount = u.hobSector = u.hobCylLow = u.hobCylHigh = u.wide = 0
  u.select = DEVICE.OBSOLETE
  u.status = STATUS.DRDY | STATUS.DSC
  u.multiple = MAX_MULTIPLE
  u.senseKey = u.senseCode = u.locked = u.left = 0
  u.work = WORK.NONE
  u.number++
}

/** Two or four bytes of the buffer; what isn't asked for reads as zeros. */
export function readData(ch: Channel, size: number): number {
  const u = selected(ch)
  const odd = u.after === AFTER.REPLY && u.end & 1 // its last word is half full
  if (!(u.status & STATUS.DRQ) || toDevice(u) || u.at + size > u.end + (odd ? 1 : 0)) return 0
  let value = 0
  for (let i = Math.min(size, u.end - u.at) - 1; i >= 0; i--) value = value * 256 + u.buffer[u.at + i]!
  moved(ch, u, size)
  return value
}

export function writeData(ch: Channel, value: number, size: number): void {
  const u = selected(ch)
  if (!(u.status & STATUS.DRQ) || !toDevice(u) || u.at + size > u.end) return
  for (let i = 0; i < size; i++) u.buffer[u.at + i] = value >>> (8 * i)
  moved(ch, u, size)
}

const toDevice = (u: UnitState) => u.after === AFTER.WRITE || u.after === AFTER.PACKET

function moved({ c, drives }: Channel, u: UnitState, size: number): void {
  u.at += size
  if (u.at < u.end) return
  const { after } = u, d = drives[c.unit]
  u.status &= ~STATUS.DRQ
  if (after === AFTER.READ_MORE && d) readMore(d)
  else if (after === AFTER.WRITE && d) writeBuffer(d)
  else if (after === AFTER.PACKET && d) executePacket(d)
  else if (after === AFTER.REPLY && d) packetMore(d)
  else endTransfer(u)
}
