// What a CD-ROM drive answers to the commands that ask about it and its disc: INQUIRY (SPC-2), the others after
// MMC-3 and SFF-8020i. Numbers have their upper byte first.
import type { Drive, UnitState } from './ata.ts'
import { putText } from './ata-identify.ts'

export const CD_SECTOR = 2048
/** ATA counts 512 bytes. */
const RATIO = CD_SECTOR / 512
/** Beyond 80 minutes a disc is a DVD. */
const CD_MAX_SECTORS = 80 * 60 * 75
const PROFILE = { CD_ROM: 0x0008, DVD_ROM: 0x0010 }
const VENDOR = 'TYPEVSR', MODEL = 'DVD-ROM', VERSION = '2.5+'

export const sectorsOf = (u: UnitState): number => Math.floor(u.sectors / RATIO)
/** A disc that is in, and the tray closed. */
export const isReady = (u: UnitState): boolean => u.sectors > 0 && u.tray === 0

const be16 = (n: number) => [(n >> 8) & 0xff, n & 0xff]
const be32 = (n: number) => [...be16(n >>> 16), ...be16(n)]
const text = (s: string, length: number) => [...s.padEnd(length).slice(0, length)].map(c => c.charCodeAt(0))
/** Minutes, seconds and 75ths of one; the first two seconds of a disc have no address. */
function msf(sector: number): number[] {
  const n = sector + 150
  return [Math.floor(n / 75 / 60), Math.floor(n / 75) % 60, n % 75]
}

export function identifyPacket({ u, spec }: Drive, into: Uint8Array): void {
  into.fill(0)
  const view = new DataView(into.buffer, into.byteOffset, into.length)
  const words = {
    0: 0x85c0, // removable CD-ROM, DRQ within 50 µs, packets of 12 bytes
    20: 3, 21: 512, 22: 4, 48: 1, 49: 0x0300, 53: 0x0007, // LBA, DMA; words 54 on, 64 on and 88 hold
    62: u.singleDma << 8 | 0x07, 63: u.multiDma << 8 | 0x07, 64: 0x03, 65: 180, 66: 180, 67: 300, 68: 180,
    71: 30, 72: 30, 80: 0x1e, 88: u.ultraDma << 8 | 0x3f,
  }
  for (const [word, value] of Object.entries(words)) view.setUint16(2 * Number(word), value, true)
  putText(view, 10, 10, spec.serial ?? '')
  putText(view, 23, 4, spec.firmware ?? VERSION)
  putText(view, 27, 20, spec.model ?? `TYPEVISOR ${MODEL}`)
}

const CD_ROM_TYPE = 0x05, REMOVABLE = 0x80
export const inquiry = ({ spec }: Drive): number[] => [
  CD_ROM_TYPE, REMOVABLE, 0x00, 0x21, 36 - 5, 0, 0, 0,
  ...text(VENDOR, 8), ...text(MODEL, 16), ...text(spec.firmware ?? VERSION, 4),
]

export const sense = (u: UnitState): number[] =>
  [0xf0, 0, u.senseKey, 0, 0, 0, 0, 10, 0, 0, 0, 0, u.senseCode, 0, 0, 0, 0, 0]

export const capacity = (u: UnitState): number[] => [...be32(sectorsOf(u) - 1), ...be32(CD_SECTOR)]

const DATA_TRACK = 0x14, LEAD_OUT = 0xaa
/** Undefined: no such track or format. */
export function toc(u: UnitState, format: number, inMsf: boolean, startTrack: number): number[] | undefined {
  const address = (sector: number) => (inMsf ? [0, ...msf(sector)] : be32(sector))
  const list = (entries: number[]) => [...be16(entries.length + 2), 1, 1, ...entries]
  switch (format) {
    case 0: {
      if (startTrack > 1 && startTrack !== LEAD_OUT) return undefined
      const first = startTrack <= 1 ? [0, DATA_TRACK, 1, 0, ...address(0)] : []
      return list([...first, 0, 0x16, LEAD_OUT, 0, ...address(sectorsOf(u))])
    }
    case 1: return list([0, 0, 0, 0, 0, 0, 0, 0])
    case 2: return rawToc(u, inMsf)
    default: return undefined
  }
}

/** The lead-in's entries: first and last track, lead-out, the track. */
function rawToc(u: UnitState, inMsf: boolean): number[] {
  const address = (sector: number) => (inMsf ? [0, ...msf(sector)] : be32(sector))
  const entry = (point: number, what: number[]) => [1, DATA_TRACK, 0, point, 0, 0, 0, ...what]
  const entries = [
    ...entry(0xa0, [0, 1, 0, 0]), ...entry(0xa1, [0, 1, 0, 0]), ...entry(0xa2, address(sectorsOf(u))),
    ...entry(1, address(0)),
  ]
  return [...be16(entries.length + 2), 1, 1, ...entries]
}

const PAGE = { ERROR_RECOVERY: 0x01, AUDIO: 0x0e, CAPABILITIES: 0x2a, ALL: 0x3f }
const LOCKABLE = 0x29, LOCKED = 0x02
const pages: { readonly [page: number]: (u: UnitState) => number[] } = {
  [PAGE.ERROR_RECOVERY]: () => [0x01, 6, 0, 5, 0, 0, 0, 0],
  [PAGE.AUDIO]: () => [PAGE.AUDIO, 14, ...Array<number>(14).fill(0)], // all ports are mute
  // Reads CD-R and CD-RW, DVD; audio; lock and eject; 4 times as fast as a first CD drive.
  [PAGE.CAPABILITIES]: u => [
    0x2a, 20, 0x3b, 0, 0x71, 0x60, LOCKABLE | (u.locked ? LOCKED : 0), 0, ...be16(704), ...be16(2), ...be16(512), ...be16(704),
    0, 0, 0, 0, 0, 0,
  ],
}
const HEADER = [0x70, 0, 0, 0, 0, 0]
/** With the header of MODE SENSE (10). Undefined: no such page. */
export function modePage(u: UnitState, page: number): number[] | undefined {
  const found = page === PAGE.ALL ? Object.values(pages) : pages[page] ? [pages[page]] : undefined
  if (!found) return undefined
  const body = [...HEADER, ...found.flatMap(make => make(u))]
  return [...be16(body.length), ...body]
}

/** Features from a number on: the profile list, number 0, is all there is. */
export function configuration(u: UnitState, from: number): number[] {
  const profile = !isReady(u) ? 0 : sectorsOf(u) > CD_MAX_SECTORS ? PROFILE.DVD_ROM : PROFILE.CD_ROM
  const one = (p: number) => [...be16(p), profile === p ? 1 : 0, 0]
  const features = from > 0 ? [] : [0, 0, 0x03, 8, ...one(PROFILE.DVD_ROM), ...one(PROFILE.CD_ROM)]
  return [...be32(4 + features.length), 0, 0, ...be16(profile), ...features]
}

export const EVENT = { NONE: 0, EJECT_REQUEST: 1, NEW_MEDIA: 2 }
const MEDIA_CLASS = 4, MEDIA_BIT = 1 << MEDIA_CLASS, NO_EVENT = 0x80
/** The event is told once. */
export function eventStatus(u: UnitState, classes: number): number[] {
  if (!(classes & MEDIA_BIT)) return [0, 0, NO_EVENT, MEDIA_BIT]
  const { event } = u
  u.event = EVENT.NONE
  return [0, 4, MEDIA_CLASS, MEDIA_BIT, event, u.tray ? 1 : isReady(u) ? 2 : 0, 0, 0]
}

/** A finished disc of one session with one track. */
export const discInformation = (): number[] =>
  [...be16(32), 0x0e, 1, 1, 1, 1, 0x20, ...Array<number>(26).fill(0)]

/** No changer, idle. */
export const mechanismStatus = (): number[] => [0, 0, 0, 0, 0, 1, 0, 0]
