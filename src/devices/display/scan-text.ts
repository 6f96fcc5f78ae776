// Text modes: characters in plane 0, attributes in plane 1, two of eight fonts in plane 2 (32 bytes a character).
// Cells are 8 or 9 dots wide, or 16 where the dot clock is halved.
// Not modelled: underlines of monochrome text, preset row scan, cursor skew.
import { palette16 } from './palette.ts'
import type { Phase, Scan, TextScreen } from '../../device/display.ts'
import { AR, CR, displayLines, dotsPerCharacter, lineCompare, SR, sequencer, startAddress, type Vga } from './vga-state.ts'

const MODE = { LINE_GRAPHICS: 0x04, BLINK: 0x08, PAN_SPLIT: 0x20 }
const HALF_CLOCK = 0x08, CURSOR_OFF = 0x20
/** Rows and columns that make a text screen; anything else is a mode being set. */
const MOST_CELLS = 160 * 100
const FONT_BYTES = 8192, GLYPH_BYTES = 32

type Geometry = {
  readonly columns: number; readonly rows: number; readonly cellWidth: number; readonly cellHeight: number
  /** Address of the first character of each row. */
  readonly starts: readonly number[]
}

export function textGeometry(s: Vga): Geometry | undefined {
  const cellHeight = (s.cr[CR.MAX_SCAN]! & 0x1f) + 1
  const cellWidth = sequencer(s, SR.CLOCK) & HALF_CLOCK ? 16 : dotsPerCharacter(s)
  const columns = s.cr[CR.H_DISPLAY]! + 1, rows = Math.floor(displayLines(s) / cellHeight)
  if (columns * rows <= 1 || columns * rows > MOST_CELLS) return undefined
  const split = lineCompare(s), starts: number[] = []
  let at = startAddress(s)
  for (let row = 0, line = 0; row < rows; row++, line += cellHeight) {
    starts.push(at)
    at = line < split && line + cellHeight >= split ? 0 : at + 2 * s.cr[CR.OFFSET]!
  }
  return { columns, rows, cellWidth, cellHeight, starts }
}

const cursorAddress = (s: Vga): number => s.cr[CR.CURSOR_HIGH]! << 8 | s.cr[CR.CURSOR_LOW]!

export function scanText(s: Vga, vram: Uint8Array, phase: Phase, key: string): Scan | undefined {
  const g = textGeometry(s)
  if (!g) return undefined
  const { cellWidth, cellHeight, columns } = g, mask = vram.length - 1
  const colors = palette16(s), fonts = fontsOf(s), mode = s.ar[AR.MODE]!
  const cursor = cursorAddress(s)
  const cursorShown = phase.cursor && !(s.cr[CR.CURSOR_START]! & CURSOR_OFF)
  const cursorFrom = s.cr[CR.CURSOR_START]! & 0x1f, cursorTo = s.cr[CR.CURSOR_END]! & 0x1f
  const width = columns * cellWidth, pan = panOf(s, cellWidth), scratch = new Uint32Array(width + 2 * cellWidth)
  const split = lineCompare(s)

  function drawRow(start: number, scanLine: number, out: Uint32Array, count: number): void {
    for (let column = 0, x = 0; column < count; column++, x += cellWidth) {
      const at = (4 * (start + column)) & mask
      const character = vram[at]!, attribute = vram[at + 1]!
      const blinks = (mode & MODE.BLINK) !== 0
      let front = colors[attribute & 0x0f]!
      const back = colors[blinks ? (attribute >> 4) & 7 : attribute >> 4]!
      if (blinks && attribute & 0x80 && !phase.blink) front = back
      if (cursorShown && start + column === cursor && scanLine >= cursorFrom && scanLine <= cursorTo) {
        out.fill(colors[attribute & 0x0f]!, x, x + cellWidth)
        continue
      }
      const font = fonts[(attribute >> 3) & 1]!
      const dots = vram[(4 * (font + GLYPH_BYTES * character + scanLine) + 2) & mask]!
      if (cellWidth === 16) {
        for (let i = 0; i < 16; i++) out[x + i] = dots & (0x80 >> (i >> 1)) ? front : back
        continue
      }
      for (let i = 0; i < 8; i++) out[x + i] = dots & (0x80 >> i) ? front : back
      if (cellWidth === 9) {
        const joins = mode & MODE.LINE_GRAPHICS && character >= 0xb0 && character <= 0xdf
        out[x + 8] = joins && dots & 1 ? front : back
      }
    }
  }

  return {
    kind: 'text', width, height: g.rows * cellHeight,
    key: `${key} ${phase.cursor} ${phase.blink}`,
    line(y, out) {
      const row = Math.floor(y / cellHeight), scanLine = y - row * cellHeight
      const shift = mode & MODE.PAN_SPLIT && y > split ? 0 : pan
      if (!shift) return drawRow(g.starts[row]!, scanLine, out, columns)
      drawRow(g.starts[row]!, scanLine, scratch, columns + 1)
      out.set(scratch.subarray(shift, shift + width))
    },
  }
}

/** Dots that a line is shifted to the left. */
function panOf(s: Vga, cellWidth: number): number {
  const pan = s.ar[AR.PAN]!
  if (cellWidth === 9) return pan >= 8 ? 0 : pan + 1
  return (pan & 7) * (cellWidth >> 3)
}

/** Addresses in plane 2 of the fonts that attributes without and with bit 3 select. */
function fontsOf(s: Vga): readonly [number, number] {
  const v = sequencer(s, SR.FONT)
  const place = (low: number, high: number) => ((low << 1) | high) * FONT_BYTES
  return [place(v & 3, (v >> 4) & 1), place((v >> 2) & 3, (v >> 5) & 1)]
}

/** The characters themselves. */
export function textScreen(s: Vga, vram: Uint8Array): TextScreen | undefined {
  const g = textGeometry(s)
  if (!g) return undefined
  const cells = g.columns * g.rows, characters = new Uint8Array(cells), attributes = new Uint8Array(cells)
  const mask = vram.length - 1, cursor = cursorAddress(s)
  let at: { column: number; row: number } | undefined
  for (let row = 0, i = 0; row < g.rows; row++)
    for (let column = 0; column < g.columns; column++, i++) {
      const from = (4 * (g.starts[row]! + column)) & mask
      characters[i] = vram[from]!
      attributes[i] = vram[from + 1]!
      if (g.starts[row]! + column === cursor) at = { column, row }
    }
  return {
    columns: g.columns, rows: g.rows, characters, attributes, colors: palette16(s),
    blinks: (s.ar[AR.MODE]! & MODE.BLINK) !== 0,
    ...(at && !(s.cr[CR.CURSOR_START]! & CURSOR_OFF) && { cursor: at }),
  }
}
