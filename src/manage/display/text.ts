// A text screen on a terminal: characters of code page 437 as Unicode, colours as the guest's palette has them,
// by ECMA-48 control sequences (cursor position, select graphic rendition with direct colour).
import type { Picture, TextScreen } from '../../vm/control.ts'

const CODE_PAGE_437 = [...(
  ' ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼' + String.fromCharCode(...Array.from({ length: 95 }, (_, i) => 32 + i)) + '⌂' +
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»' +
  '░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀' + 'αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0'
)]

const CSI = '\x1b['
const HIDE_CURSOR = `${CSI}?25l`, SHOW_CURSOR = `${CSI}?25h`, CLEAR = `${CSI}0m${CSI}2J`
const BLINK = 5

/** What to send to a terminal that shows `before` (nothing, if that is left out) so that it shows `now`. */
export function terminalUpdate(now: TextScreen, before?: TextScreen): string {
  const old = before && sameShape(now, before) ? before : undefined
  const cells: string[] = []
  let style = '', next = -1
  for (let i = 0; i < now.characters.length; i++) {
    if (old && old.characters[i] === now.characters[i] && old.attributes[i] === now.attributes[i]) continue
    const wanted = styleOf(now, now.attributes[i]!), column = i % now.columns
    if (i !== next || column === 0) cells.push(position(Math.floor(i / now.columns), column))
    if (wanted !== style) cells.push((style = wanted))
    cells.push(CODE_PAGE_437[now.characters[i]!]!)
    next = i + 1
  }
  const moved = !old || cells.length > 0 || old.cursor?.row !== now.cursor?.row || old.cursor?.column !== now.cursor?.column
  if (!moved) return ''
  const cursor = now.cursor ? position(now.cursor.row, now.cursor.column) + SHOW_CURSOR : ''
  return [HIDE_CURSOR, old ? '' : CLEAR, ...cells, `${CSI}0m`, cursor].join('')
}

/** For a terminal, while there are no characters. */
export const graphicsNotice = ({ width, height }: Pick<Picture, 'width' | 'height'>): string =>
  `${HIDE_CURSOR}${CLEAR}${position(0, 0)}${width} x ${height} graphics mode`

/** Leaves the terminal to whoever writes below the screen. */
export const leaveScreen = (rows: number): string => `${CSI}0m${position(rows, 0)}${SHOW_CURSOR}\r\n`

const sameShape = (a: TextScreen, b: TextScreen): boolean =>
  a.columns === b.columns && a.rows === b.rows && a.blinks === b.blinks && a.colors.every((c, i) => c === b.colors[i])

const position = (row: number, column: number): string => `${CSI}${row + 1};${column + 1}H`

function styleOf(screen: TextScreen, attribute: number): string {
  const back = screen.blinks ? (attribute >> 4) & 7 : attribute >> 4
  const blink = screen.blinks && attribute & 0x80 ? `;${BLINK}` : ''
  return `${CSI}0${blink};38;2;${channels(screen.colors[attribute & 15]!)};48;2;${channels(screen.colors[back]!)}m`
}

const channels = (color: number): string => `${color & 0xff};${(color >>> 8) & 0xff};${(color >>> 16) & 0xff}`
