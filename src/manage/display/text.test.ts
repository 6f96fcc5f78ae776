import { test } from 'node:test'
import assert from 'node:assert/strict'
import type { TextScreen } from '../../vm/control.ts'
import { graphicsNotice, terminalUpdate } from './text.ts'

const colors = Uint32Array.from({ length: 16 }, (_, i) => (0xff000000 | i * 0x010203) >>> 0)
/** Three columns, rows separated by a bar. */
function screen(text: string, more: Partial<TextScreen> = {}): TextScreen {
  const rows = text.split('|'), characters = Uint8Array.from(rows.join(''), c => c.charCodeAt(0))
  return {
    columns: 3, rows: rows.length, characters, attributes: new Uint8Array(characters.length).fill(7), colors,
    blinks: false, ...more,
  }
}
const GREY = '\x1b[0;38;2;21;14;7;48;2;0;0;0m'

test('a whole screen, then what changed', () => {
  const first = screen('a\xdbb|c\x01 ', { cursor: { column: 2, row: 1 } })
  assert.equal(terminalUpdate(first),
    `\x1b[?25l\x1b[0m\x1b[2J\x1b[1;1H${GREY}a█b\x1b[2;1Hc☺ \x1b[0m\x1b[2;3H\x1b[?25h`)
  assert.equal(terminalUpdate(first, first), '')
  const second = screen('a\xdbX|cYZ')
  assert.equal(terminalUpdate(second, first), `\x1b[?25l\x1b[1;3H${GREY}X\x1b[2;2HYZ\x1b[0m`)
  const moved = screen('a\xdbb|c\x01 ', { cursor: { column: 0, row: 0 } })
  assert.equal(terminalUpdate(moved, first), '\x1b[?25l\x1b[0m\x1b[1;1H\x1b[?25h', 'only the cursor')
  assert.match(terminalUpdate(screen('abc'), first), /\[2J/, 'another shape')
})

test('attributes: foreground, background, blinking', () => {
  const attributes = Uint8Array.of(0x1f, 0x9f, 0x9f)
  assert.equal(terminalUpdate(screen('abc', { attributes })).slice(20),
    '\x1b[0;38;2;45;30;15;48;2;3;2;1ma\x1b[0;38;2;45;30;15;48;2;27;18;9mbc\x1b[0m')
  assert.equal(terminalUpdate(screen('abc', { attributes, blinks: true })).slice(20),
    '\x1b[0;38;2;45;30;15;48;2;3;2;1ma\x1b[0;5;38;2;45;30;15;48;2;3;2;1mbc\x1b[0m')
})

test('every character has one place', () => {
  const characters = Uint8Array.from({ length: 255 }, (_, i) => i + 1)
  const all: TextScreen = { ...screen(''), rows: 1, characters, attributes: characters.map(() => 7) }
  const shown = terminalUpdate({ ...all, columns: 255 }).slice(20 + GREY.length).replace(/\x1b\[0m$/, '')
  assert.equal([...shown].length, 255)
  assert.equal([...shown].slice(64, 91).join(''), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ[')
})

test('graphics say what they are', () => {
  assert.match(graphicsNotice({ width: 640, height: 480 }), /640 x 480 graphics mode$/)
})
