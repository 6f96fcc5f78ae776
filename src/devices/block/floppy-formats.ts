// Formats of floppy disks, by the size of the image; and what PC firmware calls the drives that take them.
import { VmError } from '../../base/errors.ts'

/** Kinds of drives, with the numbers that CMOS memory has for them (QEMU's names). */
export const DRIVE_TYPES = { 120: 2, 144: 4, 288: 5 } as const
export type DriveType = keyof typeof DRIVE_TYPES
export type FloppyFormat = {
  readonly tracks: number
  readonly heads: number
  readonly sectors: number
  /** Of the data rate register: 0 500, 1 300, 2 250 kbit/s, 3 1 Mbit/s. */
  readonly rate: number
  readonly drive: DriveType
}

export const SECTOR_BYTES = 512
const format = (drive: DriveType, rate: number, tracks: number, heads: number, sectors: number): FloppyFormat =>
  ({ drive, rate, tracks, heads, sectors })

/** 160K to 2.88M. */
const FORMATS: readonly FloppyFormat[] = [
  format(120, 1, 40, 1, 8), format(120, 1, 40, 1, 9), format(120, 1, 40, 2, 8), format(120, 1, 40, 2, 9),
  format(144, 2, 80, 2, 9), format(144, 2, 80, 2, 10), format(120, 0, 80, 2, 15), format(144, 0, 80, 2, 18), format(144, 0, 80, 2, 20),
  format(144, 0, 80, 2, 21), format(144, 0, 82, 2, 21), format(144, 0, 80, 2, 22), format(144, 0, 80, 2, 24), format(288, 3, 80, 2, 36),
]
export const formatBytes = (f: FloppyFormat): number => f.tracks * f.heads * f.sectors * SECTOR_BYTES

/** The format of an image of that size; throws VmError. */
export function floppyFormat(sizeBytes: number): FloppyFormat {
  const found = FORMATS.find(f => formatBytes(f) === sizeBytes)
  if (found) return found
  const sizes = FORMATS.map(f => `${formatBytes(f) / 1024}K`).join(', ')
  throw new VmError('block.unsupported', `no floppy disk has ${sizeBytes} bytes`, { hint: `there are ${sizes}` })
}
