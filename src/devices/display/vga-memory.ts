// The window A0000 to BFFFF onto video memory: a byte of each of four planes lies side by side in it (planes are
// the low two bits of the address), so that chained modes and the linear frame buffer see the same bytes. Of the
// graphics controller: write modes 0 to 3, read modes 0 and 1, latches.
import type { DeviceRam } from '../../device/define.ts'
import { GR, SR, sequencer, type Vga } from './vga-state.ts'

const CHAIN_4 = 0x08, ODD_EVEN = 0x10, COMPARE_READ = 0x08
/** Start and length of the window by the memory map select bits. */
const MAPS = [[0, 0x20000], [0, 0x10000], [0x10000, 0x8000], [0x18000, 0x8000]] as const
const BANK_BYTES = 65536

/** Offset behind the window, or -1 where the adapter doesn't answer. */
function select(s: Vga, offset: number): number {
  const map = (s.gr[GR.MISC]! >> 2) & 3, [start, length] = MAPS[map]!, at = offset - start
  if (at < 0 || at >= length) return -1
  return map === 1 ? at + s.bank * BANK_BYTES : at
}

/** A bit of each plane, or of a plane mask, as a byte of ones in each plane. */
const spread = (mask: number): number =>
  (mask & 1 ? 0xff : 0) | (mask & 2 ? 0xff00 : 0) | (mask & 4 ? 0xff0000 : 0) | (mask & 8 ? 0xff000000 : 0)
const everyPlane = (byte: number): number => Math.imul(byte, 0x01010101)

function load(bytes: Uint8Array, at: number): number {
  return bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24
}
function store(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value
  bytes[at + 1] = value >> 8
  bytes[at + 2] = value >> 16
  bytes[at + 3] = value >> 24
}

export function readWindow(s: Vga, vram: DeviceRam, offset: number): number {
  const at = select(s, offset), { bytes } = vram
  if (at < 0) return 0xff
  if (sequencer(s, SR.MEMORY) & CHAIN_4) return bytes[at]!
  if (s.gr[GR.MODE]! & ODD_EVEN) return bytes[oddEven(s, at)] ?? 0xff
  if (4 * at >= bytes.length) return 0xff
  const latch = load(bytes, 4 * at)
  s.latch = latch
  if (!(s.gr[GR.MODE]! & COMPARE_READ)) return (latch >>> (8 * s.gr[GR.READ_MAP]!)) & 0xff
  const differs = (latch ^ spread(s.gr[GR.COMPARE]!)) & spread(s.gr[GR.DONT_CARE]!)
  return ~(differs | differs >> 8 | differs >> 16 | differs >> 24) & 0xff
}

export function writeWindow(s: Vga, vram: DeviceRam, offset: number, value: number): void {
  const at = select(s, offset), { bytes, dirty } = vram
  if (at < 0) return
  const planes = sequencer(s, SR.MAP_MASK), chained = (sequencer(s, SR.MEMORY) & CHAIN_4) !== 0
  if (chained || s.gr[GR.MODE]! & ODD_EVEN) {
    const to = chained ? at : oddEven(s, at)
    if (!(planes & (1 << (to & 3))) || to >= bytes.length) return
    bytes[to] = value
    return dirty.markDirty(to, 1)
  }
  if (4 * at >= bytes.length) return
  const mask = spread(planes)
  store(bytes, 4 * at, (load(bytes, 4 * at) & ~mask) | (processed(s, value) & mask))
  dirty.markDirty(4 * at, 4)
}

/** Even addresses go to planes 0 and 2, odd ones to 1 and 3. */
const oddEven = (s: Vga, at: number): number => ((at & ~1) << 1) | (s.gr[GR.READ_MAP]! & 2) | (at & 1)

/** What the graphics controller makes of a byte: a byte for each plane. */
function processed(s: Vga, value: number): number {
  const { gr } = s, rotation = gr[GR.ROTATE]! & 7
  const rotated = ((value >> rotation) | (value << (8 - rotation))) & 0xff
  const setReset = spread(gr[GR.SET_RESET]!)
  switch (gr[GR.MODE]! & 3) {
    case 0: {
      const set = spread(gr[GR.ENABLE_SET_RESET]!)
      return combined(s, (everyPlane(rotated) & ~set) | (setReset & set), gr[GR.BIT_MASK]!)
    }
    case 1: return s.latch
    case 2: return combined(s, spread(value), gr[GR.BIT_MASK]!)
    default: return combined(s, setReset, gr[GR.BIT_MASK]! & rotated)
  }
}

function combined(s: Vga, value: number, bitMask: number): number {
  const { latch } = s, mask = everyPlane(bitMask)
  const result = [value, value & latch, value | latch, value ^ latch][s.gr[GR.ROTATE]! >> 3]!
  return (result & mask) | (latch & ~mask)
}
