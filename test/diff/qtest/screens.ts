// Pictures of a list of modes against QEMU's `screendump`: the same registers and memory on both sides, every
// pixel equal. Modes are those of the VGA BIOS, by IBM's register tables, and of the VBE extension.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { drawOnce, type Frame } from '../../../src/device/display.ts'
import { vga } from '../../../src/devices/display/vga.ts'
import { ours, type Ours } from './ours.ts'
import { machines } from './machines.ts'
import { openQemu, type Qemu } from './qemu.ts'
import { portIn, portOut, random, type Timeless } from './script.ts'
import { mapVga, vbeOut, VRAM, withVga } from './pc/vga.ts'

type Registers = {
  readonly msr: number
  /** Hexadecimal bytes of SR 0 to 4, CR 0 to 18, GR 0 to 8, AR 0 to 14. */
  readonly sr: string
  readonly cr: string
  readonly gr: string
  readonly ar: string
}
type Screen = {
  readonly name: string
  readonly ops: readonly Timeless[]
  /** So many operations at the end are QEMU's alone: the sides must differ. */
  readonly skipOurs?: number
  /** Bits of a pixel that are compared, and why not all. */
  readonly mask?: { readonly bits: number; readonly reason: string }
}

const COLORS = '00 01 02 03 04 05 14 07 38 39 3a 3b 3c 3d 3e 3f', PLAIN = '00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f'
const EGA = '00 01 02 03 04 05 06 07 10 11 12 13 14 15 16 17', CGA = '00 13 15 17 02 04 06 07 10 11 12 13 14 15 16 17'
const WHITE = `00 ${'17 '.repeat(15).trim()}`
const PLANAR = '00 00 00 00 00 00 05 0f ff'

const text80: Registers = {
  msr: 0x67, sr: '03 00 03 00 02', gr: '00 00 00 00 00 10 0e 00 ff', ar: `${COLORS} 04 00 0f 08 00`,
  cr: '5f 4f 50 82 55 81 bf 1f 00 4f 0d 0e 00 00 00 5c 9c 0e 8f 28 1f 96 b9 a3 ff',
}
const text40: Registers = {
  ...text80, sr: '03 08 03 00 02', cr: '2d 27 28 90 2b a0 bf 1f 00 4f 0d 0e 00 00 00 2a 9c 0e 8f 14 1f 96 b9 a3 ff',
}
const cga4: Registers = {
  msr: 0x63, sr: '03 09 03 00 02', gr: '00 00 00 00 00 30 0f 00 ff', ar: `${CGA} 01 00 03 00 00`,
  cr: '2d 27 28 90 2b 80 bf 1f 00 c1 00 00 00 00 00 00 9c 0e 8f 14 00 96 b9 a2 ff',
}
const cga2: Registers = {
  msr: 0x63, sr: '03 01 01 00 06', gr: '00 00 00 00 00 00 0d 00 ff', ar: `${WHITE} 01 00 01 00 00`,
  cr: '5f 4f 50 82 54 80 bf 1f 00 c1 00 00 00 00 00 00 9c 0e 8f 28 00 96 b9 c2 ff',
}
const ega200: Registers = {
  msr: 0x63, sr: '03 09 0f 00 06', gr: PLANAR, ar: `${EGA} 01 00 0f 00 00`,
  cr: '2d 27 28 90 2b 80 bf 1f 00 c0 00 00 00 00 00 00 9c 0e 8f 14 00 96 b9 e3 ff',
}
const ega350: Registers = {
  msr: 0xa3, sr: '03 01 0f 00 06', gr: PLANAR, ar: `${COLORS} 01 00 0f 00 00`,
  cr: '5f 4f 50 82 54 80 bf 1f 00 40 00 00 00 00 00 00 83 05 5d 28 0f 63 ba e3 ff',
}
const vga480: Registers = {
  msr: 0xe3, sr: '03 01 0f 00 06', gr: PLANAR, ar: `${COLORS} 01 00 0f 00 00`,
  cr: '5f 4f 50 82 54 80 0b 3e 00 40 00 00 00 00 00 00 ea 0c df 28 00 e7 04 e3 ff',
}
const mode13: Registers = {
  msr: 0x63, sr: '03 01 0f 00 0e', gr: '00 00 00 00 00 40 05 0f ff', ar: `${PLAIN} 41 00 0f 00 00`,
  cr: '5f 4f 50 82 54 80 bf 1f 00 41 00 00 00 00 00 00 9c 0e 8f 28 40 96 b9 a3 ff',
}
const modeX: Registers = {
  ...mode13, msr: 0xe3, sr: '03 01 0f 00 06',
  cr: '5f 4f 50 82 54 80 0d 3e 00 41 00 00 00 00 00 00 ea 0c df 28 00 e7 06 e3 ff',
}

const bytesOf = (hex: string) => hex.split(' ').map(b => parseInt(b, 16))
/** Replaces bytes of a table. */
const but = (hex: string, changes: { readonly [index: number]: number }): string =>
  bytesOf(hex).map((b, i) => (changes[i] ?? b).toString(16).padStart(2, '0')).join(' ')

function load(r: Registers): Timeless[] {
  const indexed = (port: number, values: string) =>
    bytesOf(values).flatMap((value, i) => [portOut(port, i | value << 8, 2)])
  return [
    ...vbeOut(4, 0), portOut(0x3c2, r.msr), ...indexed(0x3c4, r.sr),
    portOut(0x3d4, 0x11, 2), // unprotects the first eight
    ...indexed(0x3d4, r.cr), ...indexed(0x3ce, r.gr), portIn(0x3da),
    ...bytesOf(r.ar).flatMap((value, i) => [portOut(0x3c0, i), portOut(0x3c0, value)]),
    portOut(0x3c0, 0x20),
  ]
}
const classic = (name: string, r: Registers): Screen => ({ name, ops: load(r) })

type VbeMode = { bpp: number; x: number; y: number; virtual?: number; left?: number; top?: number; dac8?: boolean }
const vbe = (m: VbeMode): Screen => ({
  ...(m.bpp === 15 && { mask: { bits: 0xf8f8f8, reason: 'QEMU widens five bits with zeros here, and not with 16 bits a pixel' } }),
  name: `VBE ${m.x}x${m.y}x${m.bpp}${m.virtual ? ` of ${m.virtual}` : ''}${m.dac8 ? ', 8-bit DAC' : ''}`,
  ops: [
    portIn(0x3da), portOut(0x3c0, 0x20), ...vbeOut(4, 0), ...vbeOut(1, m.x), ...vbeOut(2, m.y), ...vbeOut(3, m.bpp),
    ...vbeOut(4, m.dac8 ? 0xe1 : 0xc1), ...(m.virtual ? vbeOut(6, m.virtual) : []),
    ...vbeOut(8, m.left ?? 0), ...vbeOut(9, m.top ?? 0),
  ],
})

export const screens: readonly Screen[] = [
  classic('text 80x25, 9 dots', text80),
  classic('text 80x25, 8 dots', { ...text80, sr: '03 01 03 00 02' }),
  classic('text 80x50', { ...text80, cr: but(text80.cr, { 9: 0x47, 0x0a: 6, 0x0b: 7 }) }),
  classic('text 40x25', text40),
  classic('text, two fonts', { ...text80, sr: '03 00 03 26 02' }),
  classic('text, cursor off, start 1234', { ...text80, cr: but(text80.cr, { 0x0a: 0x2d, 0x0c: 4, 0x0d: 0xd2 }) }),
  classic('text, split at line 160', { ...text80, cr: but(text80.cr, { 0x0c: 8, 7: 0x0f, 9: 0x0f, 0x18: 160 }) }),
  classic('text, no line graphics', { ...text80, ar: `${COLORS} 00 00 0f 08 00` }),
  classic('text, colour select', { ...text80, ar: `${COLORS} 84 00 0f 08 05` }),
  classic('CGA 320x200x4', cga4),
  classic('CGA 640x200x2', cga2),
  classic('EGA 320x200x16', ega200),
  classic('EGA 640x350x16', ega350),
  classic('EGA 640x350, two planes', { ...ega350, ar: `${COLORS} 01 00 05 00 0c` }),
  classic('VGA 640x480x16', vga480),
  classic('VGA 640x480x16, start, wide', { ...vga480, cr: but(vga480.cr, { 0x0c: 0x12, 0x0d: 0x34, 0x13: 0x35 }) }),
  classic('VGA 640x480x16, split', { ...vga480, cr: but(vga480.cr, { 7: 0x2e, 9: 0x40, 0x0c: 0x20, 0x18: 0x40 }) }),
  classic('VGA 320x200x256', mode13),
  classic('VGA 320x200x256, single scan', { ...mode13, cr: but(mode13.cr, { 9: 0x40 }) }),
  classic('VGA 320x200x256, double scan', { ...mode13, cr: but(mode13.cr, { 9: 0xc0 }) }),
  classic('VGA 320x240x256, planes', modeX),
  classic('VGA 320x240x256, planes, split', { ...modeX, cr: but(modeX.cr, { 7: 0x2e, 9: 1, 0x0c: 0x11, 0x18: 0x7f }) }),
  ...[4, 8, 15, 16, 24, 32].map(bpp => vbe({ bpp, x: 640, y: 480 })),
  vbe({ bpp: 8, x: 800, y: 600, dac8: true }),
  vbe({ bpp: 8, x: 800, y: 600, virtual: 1024, left: 40, top: 33 }),
  vbe({ bpp: 16, x: 1024, y: 768, virtual: 1280, left: 64, top: 12 }),
  vbe({ bpp: 32, x: 1280, y: 1024, virtual: 1600, left: 100, top: 70 }),
  vbe({ bpp: 24, x: 1152, y: 864 }),
  vbe({ bpp: 32, x: 2560, y: 1600 }),
]

const VRAM_MIB = 16, CHUNK = 1 << 18, FILLED = 2 << 20

export type Compared = { readonly name: string; readonly width: number; readonly height: number; readonly difference?: string }

/** Every screen in turn, on one pair of machines. */
export async function compareScreens(wanted: readonly Screen[], seed: number): Promise<Compared[]> {
  const dir = mkdtempSync(join(tmpdir(), 'screens-')), dump = join(dir, 'screen.ppm')
  const setup = withVga(VRAM_MIB), on = ours(machines.pc, setup.ours), qemu = await openQemu(machines.pc, setup.qemu)
  try {
    await mapVga(on, qemu)
    await both(on, qemu, contents(seed))
    const out: Compared[] = []
    for (const screen of wanted) {
      await both(on, qemu, screen.ops, screen.skipOurs)
      await qemu.qmp('screendump', { filename: dump })
      const mine = picture(on), difference = differenceOf(mine, readFileSync(dump), screen.mask?.bits ?? 0xffffff)
      out.push({ name: screen.name, width: mine.width, height: mine.height, ...(difference && { difference }) })
    }
    return out
  } finally {
    qemu.close()
    rmSync(dir, { recursive: true, force: true })
  }
}

async function both(on: Ours, qemu: Qemu, ops: readonly Timeless[], skipOurs = 0): Promise<void> {
  for (const [i, o] of ops.entries()) {
    await qemu.apply(o)
    if (i < ops.length - skipOurs) on.apply(o)
  }
}

/** Random video memory and palette. */
function contents(seed: number): Timeless[] {
  const r = random(seed), ops: Timeless[] = []
  for (let at = 0; at < FILLED; at += CHUNK)
    ops.push({ op: 'fill', at: VRAM + at, bytes: Uint8Array.from({ length: CHUNK }, () => r.word() >>> 5) })
  for (let i = 0; i < 768; i++) {
    if (i % 3 === 0) ops.push(portOut(0x3c8, i / 3))
    ops.push(portOut(0x3c9, r.below(256)))
  }
  return ops
}

const picture = (on: Ours): Frame =>
  on.system.instance('vga').call((s, io) =>
    drawOnce(vga.facets!.display!.scan(s, io, { cursor: true, blink: true })))

function differenceOf(frame: Frame, ppm: Uint8Array, mask: number): string | undefined {
  const head = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(Buffer.from(ppm.subarray(0, 64)).toString('latin1'))!
  const width = Number(head[1]), height = Number(head[2])
  if (width !== frame.width || height !== frame.height)
    return `ours is ${frame.width}x${frame.height}, QEMU's ${width}x${height}`
  let wrong = 0, first = ''
  for (let i = 0, at = head[0].length; i < width * height; i++, at += 3) {
    const theirs = ppm[at]! | ppm[at + 1]! << 8 | ppm[at + 2]! << 16
    if (!((frame.pixels[i]! ^ theirs) & mask)) continue
    if (wrong++ === 0)
      first = `first at ${i % width},${Math.floor(i / width)}: ${(frame.pixels[i]! & 0xffffff).toString(16)} not ${theirs.toString(16)}`
  }
  return wrong ? `${wrong} of ${width * height} pixels differ, ${first}` : undefined
}
