// System management tables (DMTF DSP0134, version 2.8): firmware, the system, its board and case, processors and memory. Firmware
// adds its own entry where there is none, puts the tables into memory and fills the address in. What `-smbios` gives takes the
// place of the built-in texts, or of whole structures.
import { bytesOf } from './acpi/aml.ts'
import { PC, ramSplit, type PcOptions } from './pc.ts'

export const SMBIOS_TYPE = {
  FIRMWARE: 0, SYSTEM: 1, BOARD: 2, CASE: 3, PROCESSOR: 4, STRINGS: 11, MEMORY_ARRAY: 16, MEMORY_DEVICE: 17, MEMORY_RANGE: 19, BOOT: 32, END: 127,
} as const
const TYPE = SMBIOS_TYPE
const HANDLE = { FIRMWARE: 0, SYSTEM: 0x100, BOARD: 0x200, CASE: 0x300, PROCESSOR: 0x400, STRINGS: 0xe00, MEMORY_ARRAY: 0x1000,
  MEMORY_DEVICE: 0x1100, MEMORY_RANGE: 0x1300, BOOT: 0x2000, END: 0x7f00 }
const UNKNOWN = 2, OTHER = 1, SAFE = 3, WAKE_BY_SWITCH = 6, NO_HANDLE = 0xffff, KIB = 1024
const MAKER = 'Typevisor', PRODUCT = 'Standard PC (i440FX + PIIX, 1996)'

/** Values by QEMU's names; numbers and lists where those are. */
export type SmbiosFields = { readonly [name: string]: string | number | boolean | readonly string[] }
export type SmbiosOptions = {
  /** By type. */
  readonly fields?: { readonly [type: number]: SmbiosFields }
  /** Whole structures, with the strings that follow them, in place of those of the same type. */
  readonly structures?: readonly Uint8Array[]
  readonly uuid?: Uint8Array
}

const ascii = (s: string) => [...new TextEncoder().encode(s)]
const word = (v: number) => bytesOf(v, 2), dword = (v: number) => bytesOf(v, 4)

/** A formatted part, whose texts are numbers of the strings that follow it, ended by a zero each and one more. */
function structure(type: number, handle: number, make: (text: (s: string | undefined) => number) => readonly number[]): number[] {
  const strings: string[] = []
  const body = make(s => (s ? strings.push(s) : 0))
  const tail = strings.length ? [...strings.flatMap(s => [...ascii(s), 0]), 0] : [0, 0]
  return [type, 4 + body.length, ...bytesOf(handle, 2), ...body, ...tail]
}

export function smbios(o: Pick<PcOptions, 'cpus' | 'ramBytes' | 'smbios' | 'topology'>): { readonly [file: string]: Uint8Array } {
  const { fields = {}, structures = [], uuid } = o.smbios ?? {}
  const given = new Set(structures.map(s => s[0]!)), unlessGiven = (type: number, made: number[][]) => (given.has(type) ? [] : made)
  const list = [
    ...structures.map(s => [...s]),
    ...unlessGiven(TYPE.FIRMWARE, firmware(fields[TYPE.FIRMWARE])),
    ...unlessGiven(TYPE.SYSTEM, [system(fields[TYPE.SYSTEM] ?? {}, uuid)]),
    ...unlessGiven(TYPE.BOARD, board(fields[TYPE.BOARD])),
    ...unlessGiven(TYPE.CASE, [chassis(fields[TYPE.CASE] ?? {})]),
    ...unlessGiven(TYPE.PROCESSOR, processors(o, fields[TYPE.PROCESSOR] ?? {})),
    ...unlessGiven(TYPE.STRINGS, oemStrings(fields[TYPE.STRINGS])),
    ...memory(o, fields[TYPE.MEMORY_DEVICE] ?? {}, unlessGiven),
    ...unlessGiven(TYPE.BOOT, [structure(TYPE.BOOT, HANDLE.BOOT, () => bytesOf(0, 7))]),
    structure(TYPE.END, HANDLE.END, () => []),
  ]
  return {
    'etc/smbios/smbios-tables': Uint8Array.from(list.flat()),
    'etc/smbios/smbios-anchor': anchor(list),
  }
}

const textIn = (fields: SmbiosFields, name: string, otherwise?: string): string | undefined =>
  fields[name] === undefined ? otherwise : String(fields[name])
const numberIn = (fields: SmbiosFields, name: string, otherwise: number): number => (fields[name] === undefined ? otherwise : Number(fields[name]))

const NO_CHARACTERISTICS = 0x08, TARGETED_CONTENT = 0x04, UEFI = 0x08, VIRTUAL = 0x10
function firmware(f: SmbiosFields | undefined): number[][] {
  if (!f) return []
  const [major = '0', minor = '0'] = String(f['release'] ?? '0.0').split('.')
  return [structure(TYPE.FIRMWARE, HANDLE.FIRMWARE, text => [
    text(textIn(f, 'vendor')), text(textIn(f, 'version')), ...word(0xe800), text(textIn(f, 'date')), 0, ...bytesOf(NO_CHARACTERISTICS, 8),
    0, TARGETED_CONTENT | VIRTUAL | (f['uefi'] === true ? UEFI : 0), Number(major), Number(minor), 0xff, 0xff,
  ])]
}

const system = (f: SmbiosFields, uuid: Uint8Array | undefined): number[] => structure(TYPE.SYSTEM, HANDLE.SYSTEM, text => [
  text(textIn(f, 'manufacturer', MAKER)), text(textIn(f, 'product', PRODUCT)), text(textIn(f, 'version')), text(textIn(f, 'serial')),
  ...swapped(f['uuid'] === undefined ? uuid ?? new Uint8Array(16) : uuidBytes(String(f['uuid']))), WAKE_BY_SWITCH,
  text(textIn(f, 'sku')), text(textIn(f, 'family')),
])
const uuidBytes = (text: string): Uint8Array => Uint8Array.from(text.replaceAll('-', '').match(/../g) ?? [], byte => parseInt(byte, 16))
/** Section 7.2.1: the first three fields are little-endian. */
const swapped = (u: Uint8Array): number[] => [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].map(i => u[i]!)

const HOSTING = 0x01, MOTHERBOARD = 0x0a
const board = (f: SmbiosFields | undefined): number[][] => (f ? [structure(TYPE.BOARD, HANDLE.BOARD, text => [
  text(textIn(f, 'manufacturer', MAKER)), text(textIn(f, 'product', PRODUCT)), text(textIn(f, 'version')), text(textIn(f, 'serial')),
  text(textIn(f, 'asset')), HOSTING, text(textIn(f, 'location')), ...word(HANDLE.CASE), MOTHERBOARD, 0,
])] : [])

const chassis = (f: SmbiosFields): number[] => structure(TYPE.CASE, HANDLE.CASE, text => [
  text(textIn(f, 'manufacturer', MAKER)), OTHER, text(textIn(f, 'version')), text(textIn(f, 'serial')), text(textIn(f, 'asset')),
  SAFE, SAFE, SAFE, UNKNOWN, ...dword(0), 0, 0, 0, 0, text(textIn(f, 'sku')),
])

/** One for each socket. */
function processors(o: Pick<PcOptions, 'cpus' | 'topology'>, f: SmbiosFields): number[][] {
  const { cores = 1, threads = 1 } = o.topology ?? {}, sockets = Math.ceil(o.cpus / (cores * threads))
  return Array.from({ length: sockets }, (_, n) => structure(TYPE.PROCESSOR, HANDLE.PROCESSOR + n, text => [
    text(`${textIn(f, 'sock_pfx', 'CPU')} ${n}`), 3, OTHER, text(textIn(f, 'manufacturer', MAKER)),
    ...bytesOf(numberIn(f, 'processor-id', 0), 8), text(textIn(f, 'version')), 0, ...word(0),
    ...word(numberIn(f, 'max-speed', 0)), ...word(numberIn(f, 'current-speed', 0)), 0x41, OTHER,
    ...word(NO_HANDLE), ...word(NO_HANDLE), ...word(NO_HANDLE), text(textIn(f, 'serial')), text(textIn(f, 'asset')), text(textIn(f, 'part')),
    cores, cores, cores * threads, ...word(UNKNOWN), ...word(OTHER),
  ]))
}

const oemStrings = (f: SmbiosFields | undefined): number[][] => (f
  ? [structure(TYPE.STRINGS, HANDLE.STRINGS, text => [(f['value'] as readonly string[]).map(s => text(s)).length])] : [])

function memory(
  o: Pick<PcOptions, 'ramBytes'>, f: SmbiosFields, unlessGiven: (type: number, made: number[][]) => number[][],
): number[][] {
  const { below4G, above4G } = ramSplit(o.ramBytes), mib = o.ramBytes / (KIB * KIB)
  const range = (n: number, at: number, size: number) => structure(TYPE.MEMORY_RANGE, HANDLE.MEMORY_RANGE + n, () => [
    ...dword(at / KIB), ...dword((at + size) / KIB - 1), ...word(HANDLE.MEMORY_ARRAY), 1, ...bytesOf(0, 16),
  ])
  return [
    ...unlessGiven(TYPE.MEMORY_ARRAY, [structure(TYPE.MEMORY_ARRAY, HANDLE.MEMORY_ARRAY, () => [
      OTHER, 3, 6, ...dword(Math.min(o.ramBytes / KIB, 0x7fffffff)), ...word(0xfffe), ...word(1), ...bytesOf(0, 8),
    ])]),
    ...unlessGiven(TYPE.MEMORY_DEVICE, [structure(TYPE.MEMORY_DEVICE, HANDLE.MEMORY_DEVICE, text => [
      ...word(HANDLE.MEMORY_ARRAY), ...word(0xfffe), ...word(NO_HANDLE), ...word(NO_HANDLE), ...word(Math.min(mib, 0x7fff)), 9, 0,
      text(`${textIn(f, 'loc_pfx', 'DIMM')} 0`), text(textIn(f, 'bank')), 7, ...word(2), ...word(numberIn(f, 'speed', 0)),
      text(textIn(f, 'manufacturer', MAKER)), text(textIn(f, 'serial')), text(textIn(f, 'asset')), text(textIn(f, 'part')), 0,
      ...dword(mib > 0x7fff ? mib : 0), ...word(numberIn(f, 'speed', 0)), ...word(0), ...word(0), ...word(0),
    ])]),
    ...unlessGiven(TYPE.MEMORY_RANGE, [range(0, 0, below4G), ...(above4G ? [range(1, PC.TOP, above4G)] : [])]),
  ]
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
