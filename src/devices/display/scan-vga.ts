// What a VGA shows: text, graphics or nothing.
import { BLACK, type Phase, type Scan, type TextScreen } from '../../device/display.ts'
import { scanGraphics } from './scan-graphics.ts'
import { scanText, textScreen } from './scan-text.ts'
import { AR, GR, type Vga } from './vga-state.ts'

const SCREEN_ON = 0x20, GRAPHICS = 0x01
/** What a display shows that was never set up. */
const BLANK = { width: 640, height: 480 }

/** What the adapter scans out now. */
export function scanOf(s: Vga, vram: Uint8Array, phase: Phase): Scan {
  if (s.arIndex & SCREEN_ON) {
    const key = keyOf(s)
    const scan = s.gr[GR.MISC]! & GRAPHICS ? scanGraphics(s, vram, key) : scanText(s, vram, phase, key)
    if (scan) return scan
  }
  return { kind: 'blank', ...BLANK, key: 'blank', line: (_y, out) => void out.fill(BLACK), range: () => [0, 0] }
}

/** Registers that pixels depend on. What never changes them (indices, latches) would only cost drawing. */
const keyOf = (s: Vga): string =>
  [s.sr, s.gr.subarray(GR.MODE, GR.MISC + 1), s.cr.subarray(0, 0x19), s.ar.subarray(0, AR.COLOR + 1), s.palette,
    Array.from(s.vbe), [s.pelMask, s.dac8bit, s.bigEndian]].map(part => Array.from(part).join()).join(';')

/** The characters of a text mode that is shown. */
export const textOf = (s: Vga, vram: Uint8Array): TextScreen | undefined =>
  s.arIndex & SCREEN_ON && !(s.gr[GR.MISC]! & GRAPHICS) ? textScreen(s, vram) : undefined
