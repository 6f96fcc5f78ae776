// Commands of an ATA disk, and which of them a CD-ROM drive has (ATA/ATAPI-7, volume 1, section 6). Each starts with the status it needs, and ends at
// once, or leaves work for the I/O thread, or waits for the data register.
import {
  abort, addressOf, AFTER, beginTransfer, DEVICE, endTransfer, inRange, interrupt, kindOf, MAX_MULTIPLE, SECTOR, setAddress, setSignature,
  STATUS, takeCount, WORK, type Drive,
} from './ata.ts'
import { identifyDisk } from './ata-identify.ts'
import { identifyPacketDevice, notADisk, packetCommand } from './atapi.ts'

/** True: it is done, and the host is told. */
type Command = (d: Drive, code: number) => boolean

const READY = STATUS.DRDY | STATUS.DSC

const identify: Command = d => {
  identifyDisk(d, d.u.buffer.subarray(0, SECTOR))
  d.u.status = READY
  beginTransfer(d.u, SECTOR, AFTER.NOTHING)
  interrupt(d)
  return false
}

/** Through the data register; a block of sectors for each interrupt. */
const read = (wide: boolean, multiple: boolean): Command => d => {
  if (multiple && !d.u.multiple) return refuse(d)
  takeCount(d.u, wide)
  d.u.block = multiple ? d.u.multiple : 1
  readMore(d)
  return false
}
const write = (wide: boolean, multiple: boolean): Command => d => {
  const { u } = d
  if (multiple && !u.multiple) return refuse(d)
  takeCount(u, wide)
  u.block = multiple ? u.multiple : 1
  u.status = READY
  beginTransfer(u, Math.min(u.count, u.block) * SECTOR, AFTER.WRITE)
  return false
}
/** The bus master decides when it goes on. */
const dma = (wide: boolean, work: number): Command => d => {
  takeCount(d.u, wide)
  d.u.status = READY | STATUS.DRQ
  d.u.work = work
  d.wake()
  return false
}

const flush: Command = d => {
  d.u.status |= STATUS.BSY
  d.u.work = WORK.FLUSH
  d.wake()
  return false
}

function refuse(d: Drive): true {
  abort(d)
  return true
}

const nothing: Command = () => true
const seeks = (command: Command): Command => (d, code) => {
  const done = command(d, code)
  if (done && !d.u.error) d.u.status |= STATUS.DSC
  return done
}

const verify = (wide: boolean): Command => d => {
  takeCount(d.u, wide)
  return true
}

const setMultiple: Command = d => {
  const n = d.u.count & 0xff
  if (n > MAX_MULTIPLE || (n & (n - 1)) !== 0) return refuse(d)
  d.u.multiple = n
  return true
}

const nativeMax = (wide: boolean): Command => d => {
  if (!d.u.sectors) return refuse(d)
  takeCount(d.u, wide)
  setAddress(d.u, d.u.sectors - 1)
  return true
}

const initializeParameters: Command = d => {
  const { u } = d, sectors = u.count & 0xff
  if (sectors === 0) return refuse(d)
  u.heads = (u.select & DEVICE.HEAD) + 1
  u.sectorsPerTrack = sectors
  return true
}

const checkPower: Command = d => {
  d.u.count = 0xff // active or idle
  return true
}

/** Diagnostics passed: a code in the error register that is no error. */
export function diagnose(d: Drive): boolean {
  const kind = kindOf(d)
  setSignature(d.u, kind)
  d.u.error = 0x01
  d.u.status = kind === 'cdrom' ? 0 : READY
  return false
}

const FEATURE = {
  WRITE_CACHE: 0x02, TRANSFER_MODE: 0x03, APM: 0x05, NO_REVERT: 0x66, NO_WRITE_CACHE: 0x82, NO_APM: 0x85,
  NO_LOOK_AHEAD: 0x55, LOOK_AHEAD: 0xaa, REVERT: 0xcc, AAM: 0x42, NO_AAM: 0xc2, AAM_OFF: 0x69, RETRY_67: 0x67,
  MAX_READ_96: 0x96, MAX_READ_9A: 0x9a,
}
const MODE = { PIO_DEFAULT: 0, PIO: 1, SINGLE: 2, MULTI: 4, ULTRA: 8 }

const setFeatures: Command = d => {
  const { u } = d
  switch (u.feature) {
    case FEATURE.WRITE_CACHE:
      u.writeCache = 1
      return true
    case FEATURE.NO_WRITE_CACHE:
      u.writeCache = 0
      return flush(d, 0xe7)
    case FEATURE.TRANSFER_MODE: return transferMode(d)
    case FEATURE.LOOK_AHEAD: case FEATURE.NO_LOOK_AHEAD: case FEATURE.APM: case FEATURE.NO_APM: case FEATURE.REVERT:
    case FEATURE.NO_REVERT: case FEATURE.AAM: case FEATURE.NO_AAM: case FEATURE.AAM_OFF: case FEATURE.RETRY_67:
    case FEATURE.MAX_READ_96: case FEATURE.MAX_READ_9A:
      return true
    default: return refuse(d)
  }
}

function transferMode(d: Drive): boolean {
  const { u } = d, mode = (u.count & 0xff) >> 3, bit = 1 << (u.count & 7)
  const [single, multi, ultra] =
    mode === MODE.PIO_DEFAULT || mode === MODE.PIO ? [0, 0, 0]
    : mode === MODE.SINGLE ? [bit, 0, 0]
    : mode === MODE.MULTI ? [0, bit, 0]
    : mode === MODE.ULTRA ? [0, 0, bit] : [-1, 0, 0]
  if (single < 0) return refuse(d)
  u.singleDma = single
  u.multiDma = multi!
  u.ultraDma = ultra!
  return true
}

const power = [0x94, 0x95, 0x96, 0x97, 0x99, 0xe0, 0xe1, 0xe2, 0xe3, 0xe6]

const diagnostic: Command = d => {
  diagnose(d)
  interrupt(d)
  return false
}

/** Nothing is told but the signature. */
const deviceReset: Command = d => {
  endTransfer(d.u)
  d.u.work = WORK.NONE
  d.u.number++
  setSignature(d.u, kindOf(d))
  d.u.status = 0
  return false
}
export const DEVICE_RESET = 0x08

/** What isn't here is aborted. */
const diskCommands: { readonly [code: number]: Command } = {
  0x00: nothing,
  0x10: seeks(nothing),
  0x20: read(false, false), 0x21: read(false, false), 0x24: read(true, false), 0x29: read(true, true), 0xc4: read(false, true),
  0x30: write(false, false), 0x31: write(false, false), 0x34: write(true, false), 0x39: write(true, true),
  0xc5: write(false, true),
  0x25: dma(true, WORK.READ_DMA), 0xc8: dma(false, WORK.READ_DMA), 0xc9: dma(false, WORK.READ_DMA),
  0x35: dma(true, WORK.WRITE_DMA), 0xca: dma(false, WORK.WRITE_DMA), 0xcb: dma(false, WORK.WRITE_DMA),
  0x27: seeks(nativeMax(true)), 0xf8: seeks(nativeMax(false)),
  0x40: seeks(verify(false)), 0x41: seeks(verify(false)), 0x42: seeks(verify(true)),
  0x70: seeks(nothing), 0x90: diagnostic,
  0x91: seeks(initializeParameters),
  0xc6: seeks(setMultiple),
  0x98: seeks(checkPower), 0xe5: seeks(checkPower),
  0xe7: flush, 0xea: flush,
  0xec: identify, 0xef: seeks(setFeatures),
  ...Object.fromEntries(power.map(code => [code, nothing])),
}
const cdCommands: { readonly [code: number]: Command } = {
  [DEVICE_RESET]: deviceReset, 0x20: notADisk, 0xec: notADisk, 0x90: diagnostic, 0xa0: packetCommand, 0xa1: identifyPacketDevice,
  0xe0: nothing, 0xe1: nothing, 0xe5: seeks(checkPower), 0xe6: nothing, 0xe7: flush, 0xef: seeks(setFeatures),
}

/** Runs a command, and tells the host if it is over. */
export function execute(d: Drive, code: number): void {
  const command = (kindOf(d) === 'cdrom' ? cdCommands : diskCommands)[code]
  if (!command) return fail(d)
  d.u.status = STATUS.DRDY | STATUS.BSY
  d.u.error = 0
  if (!command(d, code)) return
  d.u.status &= ~STATUS.BSY
  interrupt(d)
}

/** The next block of a read, or its end. */
export function readMore(d: Drive): void {
  const { u } = d
  u.status = READY
  u.error = 0
  if (u.count === 0) return endTransfer(u)
  if (!inRange(u, addressOf(u), Math.min(u.count, u.block))) return fail(d)
  u.status |= STATUS.BSY
  u.work = WORK.READ
  d.wake()
}

/** The host has filled the buffer. */
export function writeBuffer(d: Drive): void {
  const { u } = d
  u.status = READY
  if (!inRange(u, addressOf(u), Math.min(u.count, u.block))) return fail(d)
  u.status |= STATUS.BSY
  u.work = WORK.WRITE
  d.wake()
}

/** A transfer ends in an error. */
export function fail(d: Drive): void {
  abort(d)
  interrupt(d)
}

/** `sectors` more have been read or written. */
export function advance({ u }: Drive, sectors: number): void {
  setAddress(u, addressOf(u) + sectors)
  u.count -= sectors
}

/** The buffer was read from the medium. */
export function readDone(d: Drive): void {
  const { u } = d, n = Math.min(u.count, u.block)
  u.status &= ~STATUS.BSY
  advance(d, n)
  beginTransfer(u, n * SECTOR, AFTER.READ_MORE)
  interrupt(d)
}

/** The buffer was written to the medium. */
export function writeDone(d: Drive): void {
  const { u } = d
  u.status &= ~STATUS.BSY
  advance(d, Math.min(u.count, u.block))
  if (u.count === 0) endTransfer(u)
  else beginTransfer(u, Math.min(u.count, u.block) * SECTOR, AFTER.WRITE)
  interrupt(d)
}

export function flushDone(d: Drive): void {
  d.u.status = READY
  interrupt(d)
}
