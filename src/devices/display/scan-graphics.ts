// Graphics modes: the shift register's three ways to make pixels of planes (a bit of each plane; two bits of two
// planes, as the CGA has them; a byte), and the linear formats of the VBE extension.
// Not modelled: blanking and overscan, byte panning.
import { palette16, palette256 } from './palette.ts'
import { rgb, type Scan } from '../../device/display.ts'
import {
  AR, CR, displayLines, GR, lineCompare, SR, sequencer, startAddress, VBE, vbeOn, vbePitch, vbeStart, type Vga,
} from './vga-state.ts'

const HALF_CLOCK = 0x08, DOUBLE_SCAN = 0x80
/** Of the CRT controller's mode register: row scan bits 0 and 1 do not replace address bits 13 and 14. */
const PLAIN_13 = 0x01, PLAIN_14 = 0x02, BYTE_MODE = 0x40
const PAN_SPLIT = 0x20

/** Draws `count` pixels of memory from byte `at` on. */
type Draw = (at: number, out: Uint32Array, count: number) => void
type Format = {
  readonly draw: Draw
  /** Of memory, for so many pixels of a line. */
  bytes(pixels: number): number
  /** Pixels on the screen for each dot that panning shifts. */
  readonly panStep: number
  readonly panMask: number
}

export function scanGraphics(s: Vga, vram: Uint8Array, key: string): Scan {
  const on = vbeOn(s), shift = (s.gr[GR.MODE]! >> 5) & 3
  const format = formatOf(s, vram, on, shift)
  const doubled = shift < 2 && (sequencer(s, SR.CLOCK) & HALF_CLOCK) !== 0
  const width = on ? s.vbe[VBE.XRES]! : (s.cr[CR.H_DISPLAY]! + 1) * (doubled ? 16 : 8)
  const height = on ? s.vbe[VBE.YRES]! : displayLines(s)
  const { starts, split } = linesOf(s, height, on, vram.length - 1)
  const pan = on ? 0 : (s.ar[AR.PAN]! & format.panMask) * format.panStep
  const keepsPan = !(s.ar[AR.MODE]! & PAN_SPLIT)
  const scratch = new Uint32Array(width + 32), length = format.bytes(width + (pan ? 16 : 0))
  return {
    kind: 'graphics', width, height, key,
    line(y, out) {
      if (!pan || (!keepsPan && y > split)) return format.draw(starts[y]!, out, width)
      format.draw(starts[y]!, scratch, width + 16)
      out.set(scratch.subarray(pan, pan + width))
    },
    range: y => (starts[y]! + length > vram.length ? [0, vram.length] : [starts[y]!, length]), // it wraps around
  }
}

/**
 * Where each scan line begins in memory. A row of CR 9 + 1 scan lines (twice that with double scanning) has one
 * address; the row scan counter may take the place of address bits.
 */
function linesOf(s: Vga, height: number, on: boolean, mask: number): { starts: Int32Array; split: number } {
  const starts = new Int32Array(height), mode = s.cr[CR.MODE]!
  const pitch = on ? vbePitch(s) : s.cr[CR.OFFSET]! << 3
  const split = on ? Infinity : lineCompare(s)
  const double = s.cr[CR.MAX_SCAN]! & DOUBLE_SCAN ? 1 : 0, lastScan = s.cr[CR.MAX_SCAN]! & 0x1f
  const bit13 = 1 << (mode & BYTE_MODE ? 15 : 14), bit14 = 1 << (mode & BYTE_MODE ? 16 : 15)
  let at = on ? vbeStart(s) : 4 * startAddress(s)
  for (let y = 0, line = 0; y < height; y++) {
    const scan = line >> double
    let start = at
    if (!(mode & PLAIN_13)) start = scan & 1 ? start | bit13 : start & ~bit13
    if (!(mode & PLAIN_14)) start = scan & 2 ? start | bit14 : start & ~bit14
    starts[y] = start & mask
    if (++line > (lastScan << double | double)) {
      line = 0
      at += pitch
    }
    if (y === split) line = at = 0
  }
  return { starts, split }
}

function formatOf(s: Vga, vram: Uint8Array, on: boolean, shift: number): Format {
  const mask = vram.length - 1, dots = sequencer(s, SR.CLOCK) & HALF_CLOCK ? 2 : 1
  if (shift < 2) {
    const planes = s.ar[AR.PLANES]! & 0x0f, colors = palette16(s)
    const draw = shift === 0 ? planar(vram, colors, planes, dots) : pairs(vram, colors, planes, dots)
    return { draw, bytes: n => Math.ceil(n / dots / 8) * 4, panStep: dots, panMask: 7 }
  }
  if (!on) {
    const colors = palette256(s)
    return {
      bytes: n => Math.ceil(n / 2), panStep: 1, panMask: 6,
      draw(at, out, count) {
        for (let x = 0; x < count; x++) out[x] = colors[vram[(at + (x >> 1)) & mask]!]!
      },
    }
  }
  const bpp = s.vbe[VBE.BPP]!
  const plain = (draw: Draw): Format =>
    ({ draw, bytes: n => Math.ceil((n * (bpp === 15 ? 16 : bpp)) / 8), panStep: 0, panMask: 0 })
  if (bpp === 8) {
    const colors = palette256(s)
    return plain((at, out, count) => {
      for (let x = 0; x < count; x++) out[x] = colors[vram[(at + x) & mask]!]!
    })
  }
  const first = s.bigEndian ? 1 : 0
  if (bpp < 24) {
    const color = bpp === 15 ? color555 : color565
    return plain((at, out, count) => {
      for (let x = 0; x < count; x++, at += 2)
        out[x] = color(vram[(at + first) & mask]! | vram[(at + 1 - first) & mask]! << 8)
    })
  }
  const step = bpp >> 3, blue = s.bigEndian ? step - 1 : 0, direction = s.bigEndian ? -1 : 1
  return plain((at, out, count) => {
    for (let x = 0; x < count; x++, at += step) {
      const b = at + blue
      out[x] = rgb(vram[(b + 2 * direction) & mask]!, vram[(b + direction) & mask]!, vram[b & mask]!)
    }
  })
}

const five = (v: number) => (v << 3) | (v >> 2)
const color555 = (v: number) => rgb(five((v >> 10) & 31), five((v >> 5) & 31), five(v & 31))
const color565 = (v: number) => {
  const green = (v >> 5) & 63
  return rgb(five(v >> 11), (green << 2) | (green >> 4), five(v & 31))
}

/** A bit of each plane makes a colour. */
function planar(vram: Uint8Array, colors: Uint32Array, planes: number, dots: number): Draw {
  const mask = vram.length - 1, on = [0, 1, 2, 3].map(i => (planes >> i) & 1)
  return (at, out, count) => {
    for (let x = 0; x < count; at += 4) {
      const p0 = on[0] ? vram[at & mask]! : 0, p1 = on[1] ? vram[(at + 1) & mask]! : 0
      const p2 = on[2] ? vram[(at + 2) & mask]! : 0, p3 = on[3] ? vram[(at + 3) & mask]! : 0
      for (let bit = 7; bit >= 0 && x < count; bit--) {
        const index = ((p0 >> bit) & 1) | ((p1 >> bit) & 1) << 1 | ((p2 >> bit) & 1) << 2 | ((p3 >> bit) & 1) << 3
        for (let i = 0; i < dots && x < count; i++) out[x++] = colors[index]!
      }
    }
  }
}

/** Two bits each of planes 0 and 2, then of 1 and 3. */
function pairs(vram: Uint8Array, colors: Uint32Array, planes: number, dots: number): Draw {
  const mask = vram.length - 1
  return (at, out, count) => {
    for (let x = 0; x < count; at += 4)
      for (let half = 0; half < 2; half++) {
        const low = planes & (1 << half) ? vram[(at + half) & mask]! : 0
        const high = planes & (4 << half) ? vram[(at + half + 2) & mask]! : 0
        for (let bit = 6; bit >= 0 && x < count; bit -= 2) {
          const index = ((low >> bit) & 3) | ((high >> bit) & 3) << 2
          for (let i = 0; i < dots && x < count; i++) out[x++] = colors[index]!
        }
      }
  }
}
