// Scan codes of the 101-key keyboard (IBM PS/2 Hardware Interface Technical Reference, "Keyboard"). Set 1 is
// what the controller makes of set 2, so it is not listed.

/** What the keyboard controller makes of set 2's codes below 80h. */
const TRANSLATED = [
  0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59,
  0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b,
  0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
  0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f,
  0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61,
  0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
  0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f,
  0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
]
export const BREAK = 0xf0
const EXTENDED = 0xe0

export function translate(code: number): number {
  if (code < 0x80) return TRANSLATED[code]!
  return code === 0x83 ? 0x41 : code === 0x84 ? 0x54 : code
}

/** Key (QEMU's name), code in set 2 (`e0` in front: extended), code in set 3 where it is another. */
const KEYS = `
esc 76 08, f1 05 07, f2 06 0f, f3 04 17, f4 0c 1f, f5 03 27, f6 0b 2f, f7 83 37, f8 0a 3f, f9 01 47, f10 09 4f,
f11 78 56, f12 07 5e, scroll_lock 7e 5f, grave_accent 0e, 1 16, 2 1e, 3 26, 4 25, 5 2e, 6 36, 7 3d, 8 3e, 9 46,
0 45, minus 4e, equal 55, backspace 66, tab 0d, q 15, w 1d, e 24, r 2d, t 2c, y 35, u 3c, i 43, o 44, p 4d,
bracket_left 54, bracket_right 5b, backslash 5d 5c, caps_lock 58 14, a 1c, s 1b, d 23, f 2b, g 34, h 33, j 3b,
k 42, l 4b, semicolon 4c, apostrophe 52, ret 5a, shift 12, less 61 13, z 1a, x 22, c 21, v 2a, b 32, n 31, m 3a,
comma 41, dot 49, slash 4a, shift_r 59, ctrl 14 11, alt 11 19, spc 29, alt_r e011 39, ctrl_r e014 58,
meta_l e01f 8b, meta_r e027 8c, compose e02f 8d, num_lock 77 76, kp_divide e04a 77, kp_multiply 7c 7e,
kp_subtract 7b 84, kp_add 79 7c, kp_enter e05a 79, kp_decimal 71, kp_0 70, kp_1 69, kp_2 72, kp_3 7a, kp_4 6b,
kp_5 73, kp_6 74, kp_7 6c, kp_8 75, kp_9 7d, insert e070 67, home e06c 6e, pgup e07d 6f, delete e071 64,
end e069 65, pgdn e07a 6d, up e075 63, left e06b 61, down e072 60, right e074 6a`

type Key = { readonly extended: boolean; readonly set2: number; readonly set3: number }
const keys: ReadonlyMap<string, Key> = new Map(KEYS.trim().split(/,\s*/).map(entry => {
  const [name, set2, set3] = entry.split(' ') as [string, string, string?], code = parseInt(set2.slice(-2), 16)
  return [name, { extended: set2.startsWith('e0'), set2: code, set3: set3 ? parseInt(set3, 16) : code }]
}))
export const keyNames: readonly string[] = [...keys.keys(), 'print', 'pause']

/** Keys that send more than one code. */
const PAUSE = { make: [0xe1, 0x14, 0x77, 0xe1, BREAK, 0x14, BREAK, 0x77], set3: 0x62 }
const PRINT = {
  make: [EXTENDED, 0x12, EXTENDED, 0x7c], break: [EXTENDED, BREAK, 0x7c, EXTENDED, BREAK, 0x12], set3: 0x57,
}

/** The bytes that the key sends in a set; empty: nothing; undefined: there is no such key. */
export function scanCodes(name: string, down: boolean, set: number): readonly number[] | undefined {
  const special = name === 'pause' ? PAUSE : name === 'print' ? PRINT : undefined, key = keys.get(name)
  if (set === 3) {
    const code = special?.set3 ?? key?.set3
    return code === undefined ? undefined : down ? [code] : [BREAK, code]
  }
  const set2 = special ? (down ? special.make : name === 'print' ? PRINT.break : [])
    : key && [...(key.extended ? [EXTENDED] : []), ...(down ? [] : [BREAK]), key.set2]
  return set === 1 && set2 ? toSet1(set2) : set2
}

/** The key whose scan code in set 1 is `number`; 80h is added where it follows E0h. */
export const keyOfNumber = (number: number): string | undefined =>
  keyNames.find(name => name !== 'pause' && setOne(name) === number)
function setOne(name: string): number {
  const codes = name === 'print' ? [EXTENDED, toSet1(PRINT.make).at(-1)!] : scanCodes(name, true, 1)!
  return codes.length === 2 ? codes[1]! | 0x80 : codes[0]!
}

/** Bytes of set 2 as the controller hands them on. */
export function toSet1(bytes: readonly number[]): number[] {
  const out: number[] = []
  let released = 0
  for (const b of bytes) {
    if (b !== BREAK) out.push(translate(b) | released)
    released = b === BREAK ? 0x80 : 0
  }
  return out
}
