// System management tables (DMTF DSP0134, version 2.8): the system, its case, processors and memory. Firmware
// adds its own entry, puts the tables into memory and fills the address in.
import { bytesOf } from './acpi/aml.ts'
import { PC, ramSplit, type PcOptions } from './pc.ts'

const TYPE = {
  SYSTEM: 1, CASE: 3, PROCESSOR: 4, MEMORY_ARRAY: 16, MEMORY_DEVICE: 17, MEMORY_RANGE: 19, BOOT: 32, END: 127,
}
const HANDLE = { SYSTEM: 0x100, CASE: 0x300, PROCESSOR: 0x400, MEMORY_ARRAY: 0x1000, MEMORY_DEVICE: 0x1100,
  MEMORY_RANGE: 0x1300, BOOT: 0x2000, END: 0x7f00 }
const UNKNOWN = 2, OTHER = 1, SAFE = 3, WAKE_BY_SWITCH = 6, NO_HANDLE = 0xffff, KIB = 1024
const MAKER = 'Typevisor', PRODUCT = 'Standard PC (i440FX + PIIX, 1996)'

const ascii = (s: string) => [...s].map(c => c.charCodeAt(0))
/** Formatted part, then its strings, each and all of them ended by a zero. */
function structure(type: number, handle: number, body: readonly number[], ...strings: readonly string[]): number[] {
  const tail = strings.length ? [...strings.flatMap(s => [...ascii(s), 0]), 0] : [0, 0]
  return [type, 4 + body.length, ...bytesOf(handle, 2), ...body, ...tail]
}

export function smbios(o: PcOptions): { readonly [file: string]: Uint8Array } {
  const { below4G, above4G } = ramSplit(o.ramBytes)
  const word = (v: number) => bytesOf(v, 2), dword = (v: number) => bytesOf(v, 4)
  const range = (n: number, at: number, size: number) => structure(TYPE.MEMORY_RANGE, HANDLE.MEMORY_RANGE + n, [
    ...dword(at / KIB), ...dword((at + size) / KIB - 1), ...word(HANDLE.MEMORY_ARRAY), 1, ...bytesOf(0, 16),
  ])
  const list = [
    structure(TYPE.SYSTEM, HANDLE.SYSTEM, [1, 2, 0, 0, ...bytesOf(0, 16), WAKE_BY_SWITCH, 0, 0], MAKER, PRODUCT),
    structure(TYPE.CASE, HANDLE.CASE, [
      1, OTHER, 0, 0, 0, SAFE, SAFE, SAFE, UNKNOWN, ...dword(0), 0, 0, 0, 0, 0,
    ], MAKER),
    ...Array.from({ length: o.cpus }, (_, n) => structure(TYPE.PROCESSOR, HANDLE.PROCESSOR + n, [
      1, 3, OTHER, 2, ...bytesOf(0, 8), 0, 0, ...word(0), ...word(0), ...word(0), 0x41, OTHER,
      ...word(NO_HANDLE), ...word(NO_HANDLE), ...word(NO_HANDLE), 0, 0, 0, 1, 1, 1, ...word(UNKNOWN), ...word(OTHER),
    ], `CPU ${n}`, MAKER)),
    structure(TYPE.MEMORY_ARRAY, HANDLE.MEMORY_ARRAY, [
      OTHER, 3, 6, ...dword(Math.min(o.ramBytes / KIB, 0x7fffffff)), ...word(0xfffe), ...word(1), ...bytesOf(0, 8),
    ]),
    structure(TYPE.MEMORY_DEVICE, HANDLE.MEMORY_DEVICE, [
      ...word(HANDLE.MEMORY_ARRAY), ...word(0xfffe), ...word(NO_HANDLE), ...word(NO_HANDLE),
      ...word(Math.min(o.ramBytes / (KIB * KIB), 0x7fff)), 9, 0, 1, 0, 7, ...word(2), ...word(0), 2, 0, 0, 0, 0,
      ...dword(o.ramBytes / (KIB * KIB) > 0x7fff ? o.ramBytes / (KIB * KIB) : 0), ...word(0),
    ], 'DIMM 0', MAKER),
    range(0, 0, below4G), ...(above4G ? [range(1, PC.TOP, above4G)] : []),
    structure(TYPE.BOOT, HANDLE.BOOT, bytesOf(0, 7)),
    structure(TYPE.END, HANDLE.END, []),
  ]
  return {
    'etc/smbios/smbios-tables': Uint8Array.from(list.flat()),
    'etc/smbios/smbios-anchor': anchor(list),
  }
}

const ENTRY_BYTES = 0x1f, INTERMEDIATE = 0x10

function anchor(list: readonly (readonly number[])[]): Uint8Array {
  const length = list.reduce((n, s) => n + s.length, 0), largest = Math.max(...list.map(s => s.length))
  const bytes = Uint8Array.from([
    ...ascii('_SM_'), 0, ENTRY_BYTES, 2, 8, ...bytesOf(largest, 2), 0, ...bytesOf(0, 5),
    ...ascii('_DMI_'), 0, ...bytesOf(length, 2), ...bytesOf(0, 4), ...bytesOf(list.length, 2), 0x28,
  ])
  const sum = (from: number) => bytes.subarray(from).reduce((total, b) => total + b, 0)
  bytes[INTERMEDIATE + 5] = -sum(INTERMEDIATE)
  bytes[4] = -sum(0)
  return bytes
}
