// The Bochs VBE extension: sixteen-bit registers behind an index, from which follow mode, panning and the bank at
// A0000 (Bochs' description of its "VBE Display Interface", version 5).
import type { DeviceRam } from '../../device/define.ts'
import { bitsOf, CR, GR, VBE, VBE_ENABLE, VBE_MAX, vbeOn, vbePitch, type Vga } from './vga-state.ts'

const ID_FIRST = 0xb0c0, ID_LAST = 0xb0c5
const BANK_BYTES = 65536

export function readVbe(s: Vga, vram: DeviceRam): number {
  const i = s.vbeIndex
  if (i === VBE.VIDEO_MEMORY_64K) return vram.bytes.length / BANK_BYTES
  if (i > VBE.VIDEO_MEMORY_64K) return 0
  if (s.vbe[VBE.ENABLE]! & VBE_ENABLE.GETCAPS) {
    if (i === VBE.XRES) return VBE_MAX.XRES
    if (i === VBE.YRES) return VBE_MAX.YRES
    if (i === VBE.BPP) return VBE_MAX.BPP
  }
  return s.vbe[i]!
}

export function writeVbe(s: Vga, vram: DeviceRam, value: number): void {
  switch (s.vbeIndex) {
    case VBE.ID:
      if (value >= ID_FIRST && value <= ID_LAST) s.vbe[VBE.ID] = value
      break
    case VBE.XRES: case VBE.YRES: case VBE.BPP: case VBE.VIRT_WIDTH: case VBE.X_OFFSET: case VBE.Y_OFFSET:
      s.vbe[s.vbeIndex] = value
      settleVbe(s, vram)
      break
    case VBE.BANK:
      s.vbe[VBE.BANK] = s.bank = value & (vram.bytes.length / BANK_BYTES - 1)
      break
    case VBE.ENABLE:
      enable(s, vram, value)
  }
}

function enable(s: Vga, vram: DeviceRam, value: number): void {
  if (value & VBE_ENABLE.ON && !vbeOn(s)) {
    s.vbe[VBE.VIRT_WIDTH] = s.vbe[VBE.X_OFFSET] = s.vbe[VBE.Y_OFFSET] = 0
    s.vbe[VBE.ENABLE] = value
    settleVbe(s, vram)
    if (!(value & VBE_ENABLE.KEEP_MEMORY)) {
      vram.bytes.fill(0, 0, s.vbe[VBE.YRES]! * vbePitch(s))
      vram.dirty.markAll()
    }
  } else {
    s.bank = 0
    s.vbe[VBE.ENABLE] = value
  }
  s.dac8bit = value & VBE_ENABLE.DAC_8BIT ? 1 : 0
}

const clamp = (x: number, low: number, high: number) => Math.min(high, Math.max(low, x))

/** Brings the registers into a mode that there is; while the extension is off they are only kept. */
export function settleVbe(s: Vga, vram: DeviceRam): void {
  if (!vbeOn(s)) return
  const r = s.vbe, size = vram.bytes.length
  if (![4, 8, 15, 16, 24, 32].includes(r[VBE.BPP]!)) r[VBE.BPP] = 8
  const bits = bitsOf(r[VBE.BPP]!)
  r[VBE.XRES] = clamp(r[VBE.XRES]! & ~7, 8, VBE_MAX.XRES)
  r[VBE.VIRT_WIDTH] = clamp(Math.min(r[VBE.VIRT_WIDTH]! & ~7, VBE_MAX.XRES), r[VBE.XRES]!, VBE_MAX.XRES)
  const pitch = vbePitch(s), lines = Math.floor(size / pitch)
  r[VBE.YRES] = Math.min(clamp(r[VBE.YRES]!, 1, VBE_MAX.YRES), lines)
  r[VBE.X_OFFSET] = Math.min(r[VBE.X_OFFSET]!, VBE_MAX.XRES)
  r[VBE.Y_OFFSET] = Math.min(r[VBE.Y_OFFSET]!, VBE_MAX.YRES)
  const shown = r[VBE.YRES]! * pitch, left = (r[VBE.X_OFFSET]! * bits) >>> 3
  if (left + r[VBE.Y_OFFSET]! * pitch + shown > size) {
    r[VBE.Y_OFFSET] = 0
    if (left + shown > size) r[VBE.X_OFFSET] = 0
  }
  r[VBE.VIRT_HEIGHT] = lines
  showInRegisters(s)
}

/**
 * Programs that look at VGA registers find a mode that fits; the extension holds on to it while it is on.
 */
export function showInRegisters(s: Vga): void {
  if (!vbeOn(s)) return
  const { cr, gr, vbe } = s, lines = vbe[VBE.YRES]! - 1
  gr[GR.MISC] = (gr[GR.MISC]! & ~0x0c) | 0x05
  gr[GR.MODE] = (gr[GR.MODE]! & ~0x60) | (vbe[VBE.BPP] === 4 ? 0 : 0x40)
  cr[CR.MODE]! |= 0x03
  cr[CR.OFFSET] = vbePitch(s) >> 3
  cr[CR.H_DISPLAY] = (vbe[VBE.XRES]! >> 3) - 1
  cr[CR.V_DISPLAY] = lines
  cr[CR.OVERFLOW] = (cr[CR.OVERFLOW]! & ~0x42) | ((lines >> 7) & 0x02) | ((lines >> 3) & 0x40) | 0x10
  cr[CR.LINE_COMPARE] = 0xff
  cr[CR.MAX_SCAN] = (cr[CR.MAX_SCAN]! & ~0x9f) | 0x40
}
