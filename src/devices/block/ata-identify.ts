// The answer to IDENTIFY DEVICE (ATA/ATAPI-7, volume 1, section 6.16): 256 words.
import { geometryOf, MAX_MULTIPLE, SECTOR, type Drive } from './ata.ts'

const VERSION = '2.5+'

/** Strings are padded with spaces, two characters a word, the first one in the upper byte. */
export function putText(to: DataView, word: number, words: number, text: string): void {
  for (let i = 0; i < 2 * words; i++) to.setUint8(2 * word + (i ^ 1), i < text.length ? text.charCodeAt(i) : 0x20)
}

export function identifyDisk({ u, spec }: Drive, into: Uint8Array): void {
  into.fill(0)
  const view = new DataView(into.buffer, into.byteOffset, into.length)
  const put = (words: { readonly [word: number]: number }) => {
    for (const [word, value] of Object.entries(words)) view.setUint16(2 * Number(word), value, true)
  }
  const { cylinders, heads, sectors } = geometryOf(u.sectors)
  const current = Math.min(65535, Math.floor(u.sectors / (u.heads * u.sectorsPerTrack)))
  const now = u.heads === heads && u.sectorsPerTrack === sectors ? cylinders : current
  const old = now * u.heads * u.sectorsPerTrack
  const low28 = Math.min(u.sectors, 0x0fffffff)
  put({
    0: 0x0040, 1: cylinders, 3: heads, 4: SECTOR * sectors, 5: SECTOR, 6: sectors,
    20: 3, 21: 512, 22: 4, // buffer: kind, sectors; ECC bytes
    47: 0x8000 | MAX_MULTIPLE, 48: 1, // double word I/O
    49: 0x0b00, 51: 0x0200, 52: 0x0200, // IORDY, LBA, DMA; PIO and DMA cycle mode 2
    53: 0x0007, 54: now, 55: u.heads, 56: u.sectorsPerTrack, 57: old, 58: old >>> 16,
    59: u.multiple ? 0x100 | u.multiple : 0, 60: low28, 61: low28 >>> 16,
    62: u.singleDma << 8 | 0x07, 63: u.multiDma << 8 | 0x07, 64: 0x03, 65: 120, 66: 120, 67: 120, 68: 120,
    80: 0xf0, 81: 0x16, // ATA-4 to ATA-7; ATA/ATAPI-6
    // Commands: NOP, write cache; FLUSH CACHE, its EXT, 48-bit addresses. Then which of them are on.
    82: 0x4020, 83: 0x7400, 84: 0x4000, 85: 0x4000 | u.writeCache << 5, 86: 0x3400, 87: 0x4000,
    88: u.ultraDma << 8 | 0x3f, 93: 0x6001, 106: 0x6000,
  })
  for (let word = 0, rest = u.sectors; word < 4; word++, rest = Math.floor(rest / 65536)) put({ [100 + word]: rest % 65536 })
  putText(view, 10, 10, spec.serial ?? '')
  putText(view, 23, 4, spec.firmware ?? VERSION)
  putText(view, 27, 20, spec.model ?? 'TYPEVISOR HARDDISK')
}
