import { test } from 'node:test'
import assert from 'node:assert/strict'
import { strokesOf } from './keys.ts'

const keys = (text: string) => strokesOf(new TextEncoder().encode(text)).map(s => [...s.with, s.key].join('-')).join(' ')

test('characters of a US keyboard', () => {
  assert.equal(keys('aZ09 '), 'a shift-z 0 9 spc')
  assert.equal(keys('`~-_=+[{]}\\|;:\'",<.>/?'), 'grave_accent shift-grave_accent minus shift-minus equal shift-equal bracket_left shift-bracket_left '
    + 'bracket_right shift-bracket_right backslash shift-backslash semicolon shift-semicolon apostrophe shift-apostrophe comma shift-comma '
    + 'dot shift-dot slash shift-slash')
  assert.equal(keys('!@#$%^&*()'), 'shift-1 shift-2 shift-3 shift-4 shift-5 shift-6 shift-7 shift-8 shift-9 shift-0')
  assert.equal(keys('äa€'), 'a', 'what is on no key is left out')
})

test('control characters', () => {
  assert.equal(keys('\r\n\t\b\x7f\x1b'), 'ret ret tab backspace backspace esc')
  assert.equal(keys('\x03\x1a\x00\x1c\x1f'), 'ctrl-c ctrl-z ctrl-spc ctrl-backslash ctrl-minus')
})

test('sequences: cursor and function keys, modifiers, alt', () => {
  assert.equal(keys('\x1b[A\x1bOB\x1b[H\x1b[4~\x1b[5~\x1b[3~'), 'up down home end pgup delete')
  assert.equal(keys('\x1bOP\x1b[15~\x1b[24~\x1b[[C'), 'f1 f5 f12 f3')
  assert.equal(keys('\x1b[1;5C\x1b[3;4~\x1b[Z'), 'ctrl-right shift-alt-delete shift-tab')
  assert.equal(keys('\x1bx\x1bX\x1b\x1b'), 'alt-x alt-shift-x esc esc')
  assert.equal(keys('\x1b[99~a'), 'a')
})
