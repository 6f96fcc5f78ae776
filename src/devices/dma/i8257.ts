// Intel 8237A direct-memory-access controller of a PC (data sheet 231466-005) with its page registers; a PC has
// two, the second one moving words. A device asks for transfers with `transfer`, under this device's lock: the
// controller knows addresses, counts and direction.
// Not modelled: memory-to-memory transfers, priorities and bus timing, the cascade (channel 4 does nothing).
import { defineDevice, flag, numberProperty, structs, u16, u32, u8, type Io, type StateOf }
  from '../../device/define.ts'
import { unimplemented } from '../../base/log.ts'

const COMMAND_DISABLE = 0x04, REQUEST = 0x04, MASK = 0x04
const MODE = { WRITE_MEMORY: 0x04, READ_MEMORY: 0x08, AUTO: 0x10, DOWN: 0x20, CHANNEL: 3 }
/** Offsets of the control registers, in words of the controller's width. */
const REG = {
  STATUS: 8, REQUEST: 9, MASK: 10, MODE: 11, CLEAR_FLIP_FLOP: 12, MASTER_CLEAR: 13, CLEAR_MASK: 14, ALL_MASKS: 15,
}
/** The channel of each page register; the others are memory that nothing looks at. */
const PAGE_CHANNEL: { readonly [offset: number]: number } = { 1: 2, 2: 3, 3: 1, 7: 0 }

const channel = {
  baseAddress: u16(), baseCount: u16(), page: u8(), pageHigh: u8(), mode: u8(),
  /** Bytes done of the current block. */
  done: u32(),
}
type Channel = StateOf<typeof channel>
const state = { channel: structs(channel, 4), status: u8(), mask: u8(0x0f), command: u8(), flipFlop: flag() }
type S = StateOf<typeof state>
const properties = { dshift: numberProperty(0, '0: moves bytes, 1: words') }
type IO = Io<typeof properties>

const pages = (upper: 'page' | 'pageHigh') => ({
  sizeBytes: 8,
  valid: { max: 1 },
  read: (s: S, _io: IO, offset: number) => pageOf(s, offset)?.[upper] ?? 0xff,
  write(s: S, _io: IO, offset: number, value: number) {
    const c = pageOf(s, offset)
    if (c) c[upper] = value
  },
})
const pageOf = (s: S, offset: number): Channel | undefined => s.channel[PAGE_CHANNEL[offset] ?? -1]

export const i8257 = defineDevice({
  name: 'i8257',
  version: 1,
  description: '8237A DMA controller',
  properties,
  state,
  regions: {
    bytes: { ...registers(0), sizeBytes: 16 },
    /** The same, at every second port. */
    words: { ...registers(1), sizeBytes: 32 },
    page: pages('page'),
    pageHigh: pages('pageHigh'),
  },
})

function registers(spacing: 0 | 1) {
  return {
    valid: { max: 1 },
    read: (s: S, io: IO, port: number) => readRegister(s, io, port >> spacing),
    write: (s: S, io: IO, port: number, value: number) => writeRegister(s, io, port >> spacing, value),
  }
}

function readRegister(s: S, io: IO, reg: number): number {
  if (reg < REG.STATUS) {
    const c = s.channel[reg >> 1]!, upper = turn(s)
    const units = c.done >> io.props.dshift
    const value = reg & 1 ? c.baseCount - units : c.baseAddress + (c.mode & MODE.DOWN ? -units : units)
    return (value >> (8 * upper)) & 0xff
  }
  if (reg === REG.STATUS) {
    const { status } = s
    s.status &= 0xf0 // the terminal counts were seen
    return status
  }
  return reg === REG.ALL_MASKS ? s.mask : 0
}

/** Which byte of a word is next. */
function turn(s: S): number {
  const upper = s.flipFlop
  s.flipFlop = upper ? 0 : 1
  return upper
}

function writeRegister(s: S, io: IO, reg: number, value: number): void {
  if (reg < REG.STATUS) {
    const c = s.channel[reg >> 1]!, field = reg & 1 ? 'baseCount' : 'baseAddress'
    const upper = turn(s)
    c[field] = upper ? (c[field] & 0xff) | (value << 8) : (c[field] & 0xff00) | value
    c.done = 0
    return
  }
  const bit = 1 << (value & MODE.CHANNEL)
  switch (reg) {
    case REG.STATUS:
      if (value & ~COMMAND_DISABLE) return unimplemented(io.id, () => `command 0x${value.toString(16)}`)
      s.command = value
      return
    case REG.REQUEST:
      s.status = value & REQUEST ? s.status | (bit << 4) : s.status & ~(bit << 4)
      s.status &= ~bit
      return
    case REG.MASK: s.mask = value & MASK ? s.mask | bit : s.mask & ~bit; return
    case REG.MODE: s.channel[value & MODE.CHANNEL]!.mode = value; return
    case REG.CLEAR_FLIP_FLOP: s.flipFlop = 0; return
    case REG.MASTER_CLEAR:
      s.flipFlop = s.status = s.command = 0
      s.mask = 0x0f
      return
    case REG.CLEAR_MASK: s.mask = 0; return
    case REG.ALL_MASKS: s.mask = value & 0x0f
  }
}

export type DmaTransfer = {
  /** Bytes moved: fewer than asked for when the block ends or the channel is masked. */
  readonly moved: number
  /** The block is complete: the device stops. */
  readonly terminal: boolean
}
/**
 * Moves bytes between a device and memory on a channel, as far as the programmed block goes:
 * `io.peers.dma.call(transfer(2, buffer))`. The channel's mode has the direction: `buffer` is what the device
 * has read or is filled with what it shall write.
 */
export const transfer = (n: number, buffer: Uint8Array) => (s: S, io: IO): DmaTransfer => {
  const c = s.channel[n]!, { dshift } = io.props
  if (s.mask & (1 << n) || s.command & COMMAND_DISABLE) return { moved: 0, terminal: false }
  const blockBytes = (c.baseCount + 1) << dshift
  const moved = Math.min(buffer.length, blockBytes - c.done)
  copy(c, io, buffer.subarray(0, moved))
  c.done += moved
  const terminal = c.done >= blockBytes
  if (terminal) {
    s.status |= 1 << n
    if (c.mode & MODE.AUTO) c.done = 0
    else s.mask |= 1 << n
  }
  return { moved, terminal }
}

/** Addresses wrap within the page: 64 KiB, or 128 KiB for words, whose page bit 0 is not there. */
function copy(c: Channel, io: IO, bytes: Uint8Array): void {
  const { dshift } = io.props, span = 0x1_0000 << dshift
  const page = c.pageHigh * 2 ** 24 + ((c.page & ~dshift) << 16), start = c.baseAddress << dshift
  const down = (c.mode & MODE.DOWN) !== 0, step = down ? 1 : bytes.length
  for (let i = 0; i < bytes.length; ) {
    const offset = (((start + (down ? -(c.done + i) : c.done + i)) % span) + span) % span
    const length = Math.min(step, bytes.length - i, span - offset)
    const part = bytes.subarray(i, i + length)
    if (c.mode & MODE.WRITE_MEMORY) io.dma.write(page + offset, part)
    else if (c.mode & MODE.READ_MEMORY) io.dma.read(page + offset, part)
    i += length
  }
}
