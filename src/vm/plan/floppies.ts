// Floppy drives: which one is A, which is B, and what kind each is.
import type { FloppyDrive } from '../../devices/block/fdc.ts'
import { DRIVE_TYPES, type DriveType, floppyFormat } from '../../devices/block/floppy-formats.ts'
import type { Media } from '../../device/block.ts'
import type { PropertyValue } from '../config.ts'
import { mistake } from './text.ts'

/** Of a drive that nothing is in. */
export const EMPTY_DRIVE: DriveType = 288
const UNITS = 2, BUS = 'floppy-bus.0'

/** The unit: as `unit` says, or the first free one. */
export function floppyUnit(bus: PropertyValue | undefined, unit: PropertyValue | undefined, taken: readonly unknown[]): number {
  if (bus !== undefined && bus !== BUS) throw mistake('board.badConfig', `no bus '${String(bus)}'`, BUS)
  const wanted = unit === undefined ? [0, 1].find(n => taken[n] === undefined) : Number(unit)
  if (wanted === undefined) throw mistake('board.badConfig', 'there are two floppy drives already')
  if (!Number.isInteger(wanted) || wanted < 0 || wanted >= UNITS)
    throw mistake('board.badConfig', `there is no floppy drive ${String(unit)}`, '0 (A) and 1 (B)')
  if (taken[wanted] !== undefined) throw mistake('board.badConfig', `there is a floppy drive ${wanted} already`)
  return wanted
}

export function floppyDrive(type: PropertyValue | undefined, media: Media | undefined): FloppyDrive {
  const needed = media && floppyFormat(media.sizeBytes).drive
  if (type === undefined || type === 'auto') return { type: needed ?? EMPTY_DRIVE, ...(media && { media }) }
  const asked = Number(type)
  if (!(asked in DRIVE_TYPES)) throw mistake('device.badProperty', `drive-type=${String(type)} is not ${Object.keys(DRIVE_TYPES).join(', ')} or auto`)
  return { type: asked as DriveType, ...(media && { media }) }
}
