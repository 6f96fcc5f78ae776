// What a terminal sends for keys (ECMA-48 and xterm's control sequences, "PC-style function keys"), as the keys of a US keyboard.

/** A key by QEMU's name, with the modifiers that are held while it is pressed. */
export type Stroke = { readonly key: string; readonly with: readonly string[] }

const SHIFTED = ['~!@#$%^&*()_+{}|:"<>?', '`1234567890-=[]\\;\',./'] as const
const NAMES: { readonly [character: string]: string } = {
  '`': 'grave_accent', '-': 'minus', '=': 'equal', '[': 'bracket_left', ']': 'bracket_right', '\\': 'backslash', ';': 'semicolon',
  '\'': 'apostrophe', ',': 'comma', '.': 'dot', '/': 'slash', ' ': 'spc',
}
/** Final bytes after CSI or SS3; numbers before `~`. */
const FINAL: { readonly [final: string]: string } = {
  A: 'up', B: 'down', C: 'right', D: 'left', H: 'home', F: 'end', P: 'f1', Q: 'f2', R: 'f3', S: 'f4', E: 'kp_5',
}
const NUMBERED: { readonly [number: string]: string } = {
  1: 'home', 2: 'insert', 3: 'delete', 4: 'end', 5: 'pgup', 6: 'pgdn', 7: 'home', 8: 'end', 11: 'f1', 12: 'f2', 13: 'f3', 14: 'f4', 15: 'f5',
  17: 'f6', 18: 'f7', 19: 'f8', 20: 'f9', 21: 'f10', 23: 'f11', 24: 'f12',
}
const MODIFIERS = ['shift', 'alt', 'ctrl'] as const
const ESC = '\x1b'

/** Every key in what a terminal sent at once; bytes that stand for none are left out. */
export function strokesOf(bytes: Uint8Array): Stroke[] {
  const text = new TextDecoder().decode(bytes), out: Stroke[] = []
  for (let at = 0; at < text.length;) {
    const sequence = /^\x1b(?:\[\[([A-E])|\[([\d;]*)([A-Za-z~])|O([A-Z]))/.exec(text.slice(at))
    if (sequence) {
      const stroke = ofSequence(sequence)
      if (stroke) out.push(stroke)
      at += sequence[0].length
    } else if (text[at] === ESC && at + 1 < text.length && text[at + 1] !== ESC) {
      const stroke = ofCharacter(text[at + 1]!)
      if (stroke) out.push({ ...stroke, with: ['alt', ...stroke.with] })
      at += 2
    } else {
      const stroke = ofCharacter(text[at]!)
      if (stroke) out.push(stroke)
      at++
    }
  }
  return out
}

function ofSequence([, console, parameters = '', final = '', application]: RegExpExecArray): Stroke | undefined {
  if (console !== undefined) return { key: `f${console.charCodeAt(0) - 0x40}`, with: [] } // Linux's console
  if (application !== undefined) return application in FINAL ? { key: FINAL[application]!, with: [] } : undefined
  if (final === 'Z') return { key: 'tab', with: ['shift'] }
  const [number = '', modifier = '1'] = parameters.split(';')
  const key = final === '~' ? NUMBERED[number] : FINAL[final]
  const bits = Math.max(0, Number(modifier) - 1)
  return key === undefined ? undefined : { key, with: MODIFIERS.filter((_, n) => bits >> n & 1) }
}

function ofCharacter(c: string): Stroke | undefined {
  const code = c.charCodeAt(0)
  switch (code) {
    case 0x00: return { key: 'spc', with: ['ctrl'] }
    case 0x08: case 0x7f: return { key: 'backspace', with: [] }
    case 0x09: return { key: 'tab', with: [] }
    case 0x0a: case 0x0d: return { key: 'ret', with: [] }
    case 0x1b: return { key: 'esc', with: [] }
  }
  if (code < 0x1b) return { key: String.fromCharCode(code + 0x60), with: ['ctrl'] }
  if (code < 0x20) return { key: ['backslash', 'bracket_right', '6', 'minus'][code - 0x1c]!, with: ['ctrl'] }
  if (/[a-z0-9]/.test(c)) return { key: c, with: [] }
  if (/[A-Z]/.test(c)) return { key: c.toLowerCase(), with: ['shift'] }
  const shifted = SHIFTED[0].indexOf(c), plain = shifted < 0 ? c : SHIFTED[1][shifted]!
  const key = NAMES[plain] ?? (shifted < 0 ? undefined : plain)
  return key === undefined ? undefined : { key, with: shifted < 0 ? [] : ['shift'] }
}
