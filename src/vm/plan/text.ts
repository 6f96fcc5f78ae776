// Texts for the user.
import { VmError, type VmErrorCode } from '../../base/errors.ts'

/** 536870912 → `512 MiB`, 1332811 → `1.3 MiB`. */
export function formatSize(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB']
  let i = 0, n = bytes
  for (; i < units.length - 1 && n >= 1024; i++) n /= 1024
  return `${Number.isInteger(n) ? n : n.toFixed(1)} ${units[i]}`
}

/** Says which part of the configuration is meant, if nobody did. */
export function blame(where: string, error: VmError): VmError {
  error.where ??= where
  return error
}

/** A mistake of the user: what is wrong, and what to do. */
export const mistake = (code: VmErrorCode, message: string, hint?: string): VmError =>
  new VmError(code, message, hint === undefined ? {} : { hint })
