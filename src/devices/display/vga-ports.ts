// The VGA's ports 3B0 to 3DF. Colour and monochrome have CRT controller, input status and feature control at
// different addresses; what the miscellaneous output register doesn't select is not there.
import { AR, CR, displayLines, dotsPerCharacter, retraceLine, SR, sequencer, totalLines, vbeOn, type Vga } from './vga-state.ts'
import { showInRegisters } from './vbe.ts'

const SR_MASK = [0x03, 0x3d, 0x0f, 0x3f, 0x0e, 0x00, 0x00, 0xff]
const GR_MASK = [0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff]
const AR_MASK = [...Array<number>(16).fill(0x3f), 0xef, 0xff, 0x3f, 0x0f, 0x0f]
const MSR = { COLOR: 0x01, CLOCK: 0x0c }
const STATUS = { BLANK: 0x01, RETRACE: 0x08 }
const PROTECT = 0x80, LINE_COMPARE_8 = 0x10
const NOT_THERE = 0xff

/** The port as if in colour, or -1 where nothing answers. */
function decode(s: Vga, port: number): number {
  if (port >= 0x3c0 && port <= 0x3cf) return port
  const color = port >= 0x3d0
  if (color !== ((s.msr & MSR.COLOR) !== 0)) return -1
  const low = port & 0x0f
  return low === 4 || low === 5 || low === 0x0a ? 0x3d0 | low : -1
}

export function readPort(s: Vga, port: number, nowNs: number): number {
  switch (decode(s, port)) {
    case -1: return NOT_THERE
    case 0x3c0: return s.arIsData ? 0 : s.arIndex
    case 0x3c1: return s.ar[s.arIndex & 0x1f] ?? 0
    case 0x3c4: return s.srIndex
    case 0x3c5: return s.sr[s.srIndex]!
    case 0x3c6: return s.pelMask
    case 0x3c7: return s.dacState
    case 0x3c8: return s.dacWrite
    case 0x3c9: {
      const value = s.palette[3 * s.dacRead + s.dacPart]!
      if (nextPart(s)) s.dacRead++
      return value
    }
    case 0x3ca: return s.fcr
    case 0x3cc: return s.msr
    case 0x3ce: return s.grIndex
    case 0x3cf: return s.gr[s.grIndex]!
    case 0x3d4: return s.crIndex
    case 0x3d5: return s.cr[s.crIndex]!
    case 0x3da:
      s.arIsData = 0
      return inputStatus(s, nowNs)
    default: return 0 // 3C2: no switch is sensed, no interrupt is pending
  }
}

export function writePort(s: Vga, port: number, value: number): void {
  switch (decode(s, port)) {
    case 0x3c0: return writeAttribute(s, value)
    case 0x3c2: s.msr = value & ~0x10; return
    case 0x3c4: s.srIndex = value & 0x07; return
    case 0x3c5: s.sr[s.srIndex] = value & SR_MASK[s.srIndex]!; return
    case 0x3c6: s.pelMask = value; return
    case 0x3c7: s.dacRead = value; s.dacPart = 0; s.dacState = 3; return
    case 0x3c8: s.dacWrite = value; s.dacPart = 0; s.dacState = 0; return
    case 0x3c9:
      s.dacParts[s.dacPart] = value
      if (nextPart(s)) s.palette.set(s.dacParts, 3 * s.dacWrite++)
      return
    case 0x3ce: s.grIndex = value & 0x0f; return
    case 0x3cf:
      s.gr[s.grIndex] = value & (GR_MASK[s.grIndex] ?? 0)
      return showInRegisters(s)
    case 0x3d4: s.crIndex = value; return
    case 0x3d5: return writeCrtc(s, value)
    case 0x3da: s.fcr = value & 0x10
  }
}

function writeAttribute(s: Vga, value: number): void {
  if (!s.arIsData) s.arIndex = value & 0x3f
  else {
    const index = s.arIndex & 0x1f
    if (index <= AR.COLOR) s.ar[index] = value & AR_MASK[index]!
  }
  s.arIsData ^= 1
}

function writeCrtc(s: Vga, value: number): void {
  if (s.cr[CR.V_SYNC_END]! & PROTECT && s.crIndex <= CR.OVERFLOW) {
    // Of what is protected, the line compare's bit 8 is not.
    if (s.crIndex === CR.OVERFLOW)
      s.cr[CR.OVERFLOW] = (s.cr[CR.OVERFLOW]! & ~LINE_COMPARE_8) | (value & LINE_COMPARE_8)
  } else s.cr[s.crIndex] = value
  showInRegisters(s)
}

/** Red, green, blue in turn; true after blue. */
function nextPart(s: Vga): boolean {
  s.dacPart = (s.dacPart + 1) % 3
  return s.dacPart === 0
}

/** Dots a second, by the clock select bits; the other two select inputs that are not connected. */
const CLOCKS = [25_175_000, 28_322_000, 25_175_000, 28_322_000]

/** Where the beam is, as the guest's clock and the CRT controller's timing say. */
function inputStatus(s: Vga, nowNs: number): number {
  const doubled = sequencer(s, SR.CLOCK) & 8 ? 2 : 1
  const lines = totalLines(s), columns = s.cr[CR.H_TOTAL]! + 5
  const shownLines = displayLines(s), shownColumns = s.cr[CR.H_DISPLAY]! + 1
  const timed = !vbeOn(s) && columns > shownColumns && lines > shownLines && retraceLine(s) >= shownLines
  // Without timing, that of the 720 by 400 text mode.
  const t = timed
    ? { lines, columns, shownLines, shownColumns, start: retraceLine(s), end: s.cr[CR.V_SYNC_END]! & 0x0f }
    : { lines: 449, columns: 100, shownLines: 400, shownColumns: 80, start: 412, end: 14 }
  const clock = CLOCKS[(s.msr & MSR.CLOCK) >> 2]!, dots = timed ? dotsPerCharacter(s) * doubled : 9
  const characters = Math.floor(nowNs * (clock / dots / 1e9)) % (t.lines * t.columns)
  const line = Math.floor(characters / t.columns), column = characters % t.columns
  const duration = ((t.end - t.start) & 0x0f) || 16
  const retrace = line >= t.start && line < t.start + duration
  const blank = line >= t.shownLines || column >= t.shownColumns
  return (blank ? STATUS.BLANK : 0) | (retrace ? STATUS.RETRACE : 0)
}
