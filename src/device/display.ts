// What a display shows, a scan line at a time, and a picture that follows it: drawn anew where memory is dirty or
// registers changed, with the rectangles that differ. A device that has a display offers the facet `display`; a
// scan is made under its lock from registers and memory as they are now, and is good for one picture.
import type { DirtyPages } from '../mem/dirty.ts'

/** What a device that has a display gives for it. */
export type DisplayFacet = {
  /** The region that holds what is shown: its dirty map says what to draw anew. */
  readonly memory: string
  scan(s: any, io: any, phase: Phase): Scan
  /** Characters; undefined while it shows none. */
  text(s: any, io: any): TextScreen | undefined
}

/** A pixel is red in the low byte, then green, blue, and 255. */
export const rgb = (red: number, green: number, blue: number): number =>
  (red | green << 8 | blue << 16 | 0xff000000) >>> 0
export const BLACK = rgb(0, 0, 0)

export type Scan = {
  readonly kind: 'text' | 'graphics' | 'blank'
  readonly width: number
  readonly height: number
  /** All of the state that pixels depend on besides memory: the same key and clean memory, the same picture. */
  readonly key: string
  /** Draws scan line `y`, `width` pixels. */
  line(y: number, out: Uint32Array): void
  /** Bytes of memory that line `y` shows: offset, length. Absent: any change may change any line. */
  range?(y: number): readonly [number, number]
}

/** What blinks and is to be seen now. */
export type Phase = { readonly cursor: boolean; readonly blink: boolean }

/** A text screen in characters. */
export type TextScreen = {
  readonly columns: number
  readonly rows: number
  /** Code page 437 characters and attributes, by row. */
  readonly characters: Uint8Array
  readonly attributes: Uint8Array
  /** Where the cursor is; absent while it is off or elsewhere. */
  readonly cursor?: { readonly column: number; readonly row: number }
  /** Sixteen colours as pixels. */
  readonly colors: Uint32Array
  /** Bit 7 of an attribute blinks; otherwise it is a bright background. */
  readonly blinks: boolean
}

export type Rectangle = { readonly x: number; readonly y: number; readonly width: number; readonly height: number }
/** By row, pixels as `rgb` makes them. */
export type Picture = { readonly width: number; readonly height: number; readonly pixels: Uint32Array }
export type Frame = { -readonly [N in keyof Picture]: Picture[N] } & {
  /** Of the scan that was drawn last. */
  key: string
}
export const newFrame = (): Frame => ({ width: 0, height: 0, pixels: new Uint32Array(0), key: '' })

/** Brings the frame up to date; the rectangles that changed, from top to bottom. */
export function updateFrame(frame: Frame, scan: Scan, dirty: DirtyPages): Rectangle[] {
  const { width, height } = scan, known = frame.key === scan.key
  const resized = frame.width !== width || frame.height !== height
  if (resized) Object.assign(frame, { width, height, pixels: new Uint32Array(width * height) })
  frame.key = scan.key
  const changed: Rectangle[] = [], line = new Uint32Array(width)
  let top = -1, left = width, right = 0
  const finish = (bottom: number) => {
    if (top >= 0) changed.push({ x: left, y: top, width: right - left, height: bottom - top })
    top = -1
    left = width
    right = 0
  }
  for (let y = 0; y < height; y++) {
    const range = scan.range?.(y)
    if (known && !resized && (range ? !dirty.has(range[0], range[1]) : !dirty.any)) {
      finish(y)
      continue
    }
    scan.line(y, line)
    const row = frame.pixels.subarray(y * width, (y + 1) * width)
    let from = 0, to = width
    if (!resized) {
      while (from < to && line[from] === row[from]) from++
      while (to > from && line[to - 1] === row[to - 1]) to--
    }
    if (from === to) {
      finish(y)
      continue
    }
    row.set(line)
    if (top < 0) top = y
    left = Math.min(left, from)
    right = Math.max(right, to)
  }
  finish(height)
  return changed
}

/** The whole picture as it is now, and nothing kept. */
export function drawOnce(scan: Scan): Frame {
  const { width, height, key } = scan, pixels = new Uint32Array(width * height)
  for (let y = 0; y < height; y++) scan.line(y, pixels.subarray(y * width, (y + 1) * width))
  return { width, height, pixels, key }
}
