import { test } from 'node:test'
import assert from 'node:assert/strict'
import { drawOnce, newFrame, rgb, updateFrame, type DisplayFacet } from '../../device/display.ts'
import { portBench } from './testing.ts'
import { vga } from './vga.ts'

const facet: DisplayFacet = vga.facets!.display
const SHOWN = { cursor: true, blink: true }

function card() {
  const b = portBench(vga, { vgamem_mb: 1 }), { out, system } = b
  const indexed = (port: number, values: { readonly [index: number]: number }) => {
    for (const [index, value] of Object.entries(values)) out(port, Number(index) | value << 8, 2)
  }
  const attribute = (index: number, value: number) => {
    b.in(0x3da)
    out(0x3c0, index)
    out(0x3c0, value)
    out(0x3c0, 0x20)
  }
  const instance = system.instance('dut')
  const scan = (phase = SHOWN) => instance.call((s, io) => facet.scan(s, io, phase))
  const vram = system.ramSlots[0]!
  /** Grey of that brightness as colour `index`. */
  const grey = (index: number, six: number) => {
    out(0x3c8, index)
    for (let i = 0; i < 3; i++) out(0x3c9, six)
    return rgb(...([six, six, six].map(v => v << 2 | (v & 1) * 3) as [number, number, number]))
  }
  return { ...b, indexed, attribute, instance, scan, vram, grey }
}

/** 16 by 4 characters of 8 by 4 dots. */
function text() {
  const c = card()
  c.out(0x3c2, 0x63)
  c.indexed(0x3c4, { 1: 1, 2: 3, 4: 2 })
  c.indexed(0x3d4, { 0: 20, 1: 15, 6: 20, 9: 3, 0x0a: 0x20, 0x10: 17, 0x11: 2, 0x12: 15, 0x13: 8, 0x18: 0xff, 7: 0x10 })
  c.indexed(0x3ce, { 5: 0x10, 6: 0x0e })
  for (let i = 0; i < 16; i++) c.attribute(i, i)
  const put = (column: number, row: number, character: number, attribute: number) =>
    c.memory.write(0xb8000 + 2 * (16 * row + column), 2, character | attribute << 8)
  // The font: character 1 is a full block, character 2 its left dot.
  for (let line = 0; line < 4; line++) {
    c.vram.bytes[4 * (32 + line) + 2] = 0xff
    c.vram.bytes[4 * (64 + line) + 2] = 0x80
  }
  return { ...c, put, black: c.grey(0, 0), white: c.grey(7, 63), dim: c.grey(8, 20) }
}

test('text: glyphs, colours, cursor, blinking', () => {
  const t = text()
  t.put(1, 0, 1, 0x70)
  t.put(0, 1, 2, 0x87)
  const row = (y: number, phase = SHOWN) => {
    const f = drawOnce(t.scan(phase))
    return [...f.pixels.subarray(y * f.width, y * f.width + 16)]
  }
  const { black: b, white: w, dim: d } = t
  const times = (n: number, v: number) => Array<number>(n).fill(v)
  assert.deepEqual([t.scan().width, t.scan().height], [128, 16])
  assert.deepEqual(row(0), [...times(8, b), ...times(8, b)], 'black on white, no dot of it white')
  t.put(1, 0, 0, 0x70)
  assert.deepEqual(row(0), [...times(8, b), ...times(8, w)])
  assert.deepEqual(row(4), [w, ...times(7, d), ...times(8, b)], 'a bright background')
  t.attribute(0x10, 8)
  assert.deepEqual(row(4), [w, ...times(7, b), ...times(8, b)], 'blinking, lit')
  assert.deepEqual(row(4, { cursor: true, blink: false }), times(16, b), 'blinking, dark')
  t.indexed(0x3d4, { 0x0a: 2, 0x0b: 3, 0x0e: 0, 0x0f: 1 })
  assert.deepEqual(row(2), [...times(8, b), ...times(8, b)], 'a cursor in the foreground colour')
  assert.deepEqual(row(1), [...times(8, b), ...times(8, w)], 'above the cursor')
  assert.deepEqual(row(2, { cursor: false, blink: true }), [...times(8, b), ...times(8, w)])
  const screen = t.instance.call((s, io) => facet.text(s, io))!
  assert.deepEqual([screen.columns, screen.rows, screen.cursor, screen.blinks], [16, 4, { column: 1, row: 0 }, true])
  assert.deepEqual([screen.characters[16], screen.attributes[16]], [2, 0x87])
})

test('text is shifted by dots, up to the split where the mode says so', () => {
  const t = text()
  for (let row = 0; row < 4; row++) t.put(1, row, 0, 0x70)
  t.attribute(0x13, 3)
  const whites = (y: number) => {
    const f = drawOnce(t.scan()), line = f.pixels.subarray(y * f.width, (y + 1) * f.width)
    return [line.indexOf(t.white), line.lastIndexOf(t.white)]
  }
  assert.deepEqual([whites(0), whites(12)], [[5, 12], [5, 12]])
  t.indexed(0x3d4, { 7: 0, 9: 3, 0x18: 8 }) // from line 8 on, memory from 0
  t.attribute(0x10, 0x20)
  assert.deepEqual([whites(0), whites(12)], [[5, 12], [8, 15]])
})

test('graphics are shifted by dots', () => {
  const t = card()
  t.out(0x3c2, 0x63)
  t.indexed(0x3c4, { 1: 1, 2: 15, 4: 6 })
  t.indexed(0x3d4, { 1: 3, 9: 0, 0x12: 7, 0x13: 4, 0x17: 0xe3, 0x18: 0xff, 7: 0x10 })
  t.indexed(0x3ce, { 5: 0, 6: 5, 8: 0xff })
  for (let i = 0; i < 16; i++) t.attribute(i, i)
  t.attribute(0x12, 15)
  const white = t.grey(15, 63)
  t.memory.write(0xa0001, 1, 0x81)
  const line = () => drawOnce(t.scan()).pixels.subarray(0, 32)
  assert.deepEqual([line().indexOf(white), line().lastIndexOf(white)], [8, 15])
  t.attribute(0x13, 5)
  assert.deepEqual([line().indexOf(white), line().lastIndexOf(white)], [3, 10])
})

test('a frame is drawn where memory is dirty, and tells what changed', () => {
  const t = card()
  t.out(0x1ce, 1, 2)
  for (const [index, value] of [[1, 64], [2, 400], [3, 32], [4, 0x41]] as const) {
    t.out(0x1ce, index, 2)
    t.out(0x1d0, value, 2)
  }
  t.out(0x3c0, 0x20)
  const frame = newFrame(), { bytes, dirty } = t.vram
  const update = () => updateFrame(frame, t.scan(), dirty.takeDirty())
  assert.deepEqual(update(), [{ x: 0, y: 0, width: 64, height: 400 }])
  assert.deepEqual(update(), [])
  const set = (x: number, y: number) => {
    bytes[4 * (64 * y + x)]! ^= 0xff
    dirty.markDirty(4 * (64 * y + x), 4)
  }
  set(3, 10)
  set(9, 11)
  set(60, 300)
  assert.deepEqual(update(), [{ x: 3, y: 10, width: 7, height: 2 }, { x: 60, y: 300, width: 1, height: 1 }])
  assert.equal(frame.pixels[64 * 300 + 60], rgb(0, 0, 255))
  bytes[0] = 0xff // nobody said so
  assert.deepEqual(update(), [])
  t.out(0x1ce, 9, 2)
  t.out(0x1d0, 10, 2) // panned by ten lines
  assert.deepEqual(update().slice(-2), [290, 300].map(y => ({ x: 60, y, width: 1, height: 1 })))
  assert.deepEqual(drawOnce(t.scan()).pixels, frame.pixels)
})

test('input status follows the guest\'s clock', () => {
  const t = text(), seen = new Set<number>()
  let retraces = 0, was = 0
  for (let us = 0; us < 100_000; us += 5) {
    t.clock.set(us * 1000)
    const now = t.in(0x3da)
    seen.add(now)
    if (now & 8 && !was) retraces++
    was = now & 8
  }
  assert.deepEqual([...seen].sort(), [0, 1, 9])
  // 22 lines of 25 characters of 8 dots at 25.175 MHz
  assert.ok(Math.abs(retraces - 0.1 / (22 * 25 * 8 / 25_175_000)) < 2, `${retraces} retraces`)
})

test('a memory size that is no power of 2 is refused', () => {
  assert.throws(() => portBench(vga, { vgamem_mb: 3 }), /vgamem_mb is 3, not a power of 2 from 1 to 256/)
})
