// The registers of a standard VGA with the Bochs VBE extension, by the names of IBM's "Personal System/2 Display
// Adapter" manual (sequencer SR, graphics controller GR, CRT controller CR, attribute controller AR), and what
// they mean together. Everything here is a function of the state.
import { array, bytes, flag, u16, u32, u8, type StateOf } from '../../device/define.ts'

export const SR = { RESET: 0, CLOCK: 1, MAP_MASK: 2, FONT: 3, MEMORY: 4 }
export const GR = {
  SET_RESET: 0, ENABLE_SET_RESET: 1, COMPARE: 2, ROTATE: 3, READ_MAP: 4, MODE: 5, MISC: 6, DONT_CARE: 7, BIT_MASK: 8,
}
export const CR = {
  H_TOTAL: 0x00, H_DISPLAY: 0x01, V_TOTAL: 0x06, OVERFLOW: 0x07, PRESET_ROW: 0x08, MAX_SCAN: 0x09, CURSOR_START: 0x0a,
  CURSOR_END: 0x0b, START_HIGH: 0x0c, START_LOW: 0x0d, CURSOR_HIGH: 0x0e, CURSOR_LOW: 0x0f, V_SYNC_START: 0x10,
  V_SYNC_END: 0x11, V_DISPLAY: 0x12, OFFSET: 0x13, MODE: 0x17, LINE_COMPARE: 0x18,
}
export const AR = { MODE: 0x10, OVERSCAN: 0x11, PLANES: 0x12, PAN: 0x13, COLOR: 0x14 }
export const VBE = {
  ID: 0, XRES: 1, YRES: 2, BPP: 3, ENABLE: 4, BANK: 5, VIRT_WIDTH: 6, VIRT_HEIGHT: 7, X_OFFSET: 8, Y_OFFSET: 9,
  VIDEO_MEMORY_64K: 10,
}
export const VBE_ENABLE = { ON: 0x01, GETCAPS: 0x02, DAC_8BIT: 0x20, KEEP_MEMORY: 0x80 }
export const VBE_MAX = { XRES: 16000, YRES: 12000, BPP: 32 }
const VBE_ID5 = 0xb0c5

export const vgaState = {
  msr: u8(), fcr: u8(),
  srIndex: u8(), sr: bytes(8), grIndex: u8(), gr: bytes(16), crIndex: u8(), cr: bytes(256),
  arIndex: u8(), arIsData: flag(), ar: bytes(21),
  /** Four planes of a byte, plane 0 lowest. */
  latch: u32(),
  dacState: u8(), dacRead: u8(), dacWrite: u8(), dacPart: u8(), dacParts: bytes(3), palette: bytes(768), pelMask: u8(0xff),
  vbeIndex: u16(), vbe: array(u16(), VBE.VIDEO_MEMORY_64K),
  /** In units of 64 KiB, of the window at A0000. */
  bank: u16(), dac8bit: flag(), bigEndian: flag(),
}
export type Vga = StateOf<typeof vgaState>

export function resetVga(s: Vga): void {
  s.vbe[VBE.ID] = VBE_ID5
}

export const vbeOn = (s: Vga): boolean => (s.vbe[VBE.ENABLE]! & VBE_ENABLE.ON) !== 0

/**
 * A sequencer register as it acts: modes of the extension with 8 bits a pixel and more are chained, whatever the
 * register says.
 */
export function sequencer(s: Vga, index: number): number {
  if (!vbeOn(s) || s.vbe[VBE.BPP] === 4) return s.sr[index]!
  return index === SR.MEMORY ? 0x08 : index === SR.MAP_MASK ? 0x0f : 0
}

export const bitsOf = (bpp: number): number => (bpp === 15 ? 16 : bpp)
/** Bytes from one line to the next, of the extension. */
export const vbePitch = (s: Vga): number => (s.vbe[VBE.VIRT_WIDTH]! * bitsOf(s.vbe[VBE.BPP]!)) >>> 3
/** Byte of video memory that is shown first, of the extension. */
export const vbeStart = (s: Vga): number =>
  (((s.vbe[VBE.X_OFFSET]! * bitsOf(s.vbe[VBE.BPP]!)) >>> 3) + s.vbe[VBE.Y_OFFSET]! * vbePitch(s)) & ~3

/** Ten bits, of which two lie in the overflow register. */
const overflowed = (s: Vga, low: number, bit8: number, bit9: number): number => {
  const o = s.cr[CR.OVERFLOW]!
  return s.cr[low]! | ((o >> bit8) & 1) << 8 | ((o >> bit9) & 1) << 9
}
/** In scan lines. */
export const displayLines = (s: Vga): number => overflowed(s, CR.V_DISPLAY, 1, 6) + 1
export const totalLines = (s: Vga): number => overflowed(s, CR.V_TOTAL, 0, 5) + 2
export const retraceLine = (s: Vga): number => overflowed(s, CR.V_SYNC_START, 2, 7)
export const lineCompare = (s: Vga): number =>
  s.cr[CR.LINE_COMPARE]! | (s.cr[CR.OVERFLOW]! & 0x10) << 4 | (s.cr[CR.MAX_SCAN]! & 0x40) << 3
/** Of the first character or of the first four planes' byte that is shown. */
export const startAddress = (s: Vga): number => s.cr[CR.START_HIGH]! << 8 | s.cr[CR.START_LOW]!
/** Dots of a character without doubling: 8 or 9. */
export const dotsPerCharacter = (s: Vga): number => (sequencer(s, SR.CLOCK) & 1 ? 8 : 9)
