// From colour numbers to pixels: the attribute controller's palette and the DAC.
import { rgb } from '../../device/display.ts'
import { AR, vbeOn, type Vga } from './vga-state.ts'

const COLOR_SELECT_54 = 0x80

/** Six bits of the DAC as eight: the lowest bit fills up. */
const eight = (six: number): number => ((six & 0x3f) << 2) | (six & 1) * 3

function dac(s: Vga, index: number, wide: boolean): number {
  const at = 3 * (index & s.pelMask), p = s.palette
  return wide ? rgb(p[at]!, p[at + 1]!, p[at + 2]!) : rgb(eight(p[at]!), eight(p[at + 1]!), eight(p[at + 2]!))
}

/** Colours of text and planar modes. */
export function palette16(s: Vga): Uint32Array {
  const select = s.ar[AR.COLOR]!
  return Uint32Array.from({ length: 16 }, (_, i) => {
    const color = s.ar[i]!
    const index = s.ar[AR.MODE]! & COLOR_SELECT_54
      ? (select & 0x0f) << 4 | (color & 0x0f)
      : (select & 0x0c) << 4 | (color & 0x3f)
    return dac(s, index, false)
  })
}

/** Colours of modes with a byte a pixel. */
export function palette256(s: Vga): Uint32Array {
  const wide = vbeOn(s) && s.dac8bit === 1
  return Uint32Array.from({ length: 256 }, (_, i) => dac(s, i, wide))
}
