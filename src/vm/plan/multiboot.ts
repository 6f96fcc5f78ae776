// Kernels of the Multiboot Specification, version 0.6.96, and of Xen's PVH (xen/include/public/arch-x86/hvm/start_info.h): what goes
// where in memory, and what each is told. Both begin in 32-bit protected mode without paging.
// Not implemented: the graphics mode, drives, symbols and APM table that Multiboot can tell of.
import { bytesOf } from '../../machines/acpi/aml.ts'
import type { DirectTables, MemoryImage } from '../../machines/pc-direct.ts'
import { DIRECT, directGdt } from './bzimage.ts'
import { formatSize, mistake } from './text.ts'
import { readX86Elf, type X86Executable } from './x86-elf.ts'

export type Module = { readonly bytes: Uint8Array; readonly line: string }
export type ElfParts = { readonly kernel: Uint8Array; readonly modules: readonly Module[]; readonly name: string; readonly line: string; readonly long: boolean }
export type ElfStart = {
  readonly images: readonly MemoryImage[]
  readonly entry: number
  readonly registers: { readonly [name in 'ax' | 'bx']?: number }
}

const MAGIC = 0x1badb002, LOADED = 0x2badb002, SEARCH_BYTES = 8192
const HEADER = { PAGE_ALIGNED: 1, MEMORY: 2, VIDEO: 4, KNOWN: 0x1_0007, ADDRESSES: 0x1_0000 }
const INFO = { MEMORY: 1, LINE: 4, MODULES: 8, MAP: 0x40, LOADER: 0x200 }
/** Both structures and what they point to begin here; texts there. */
const STRUCTURE = 0x1_0000, TEXTS = 0x2_0000, PAGE = 4096, KIB = 1024, LOW_KIB = 639
const LOADER_NAME = 'Typevisor'

const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Where the header is in the file; undefined: there is none. */
export function multibootHeader(file: Uint8Array): number | undefined {
  const v = view(file)
  for (let at = 0; at + 12 <= Math.min(file.length, SEARCH_BYTES); at += 4)
    if (v.getUint32(at, true) === MAGIC && (v.getUint32(at, true) + v.getUint32(at + 4, true) + v.getUint32(at + 8, true)) >>> 0 === 0) return at
  return undefined
}

type Placed = Pick<X86Executable, 'segments' | 'entry' | 'end'>

export function planMultiboot(p: ElfParts, header: number, tables: DirectTables, blame: <T>(where: string, part: () => T) => T): ElfStart {
  const kernel = blame('kernel', () => place(p.kernel, header, tables.lowEnd))
  const modules = blame('initrd', () => placeModules(p.modules, kernel.end, tables.lowEnd))
  const texts = textPool()
  const map = tables.memoryMap.flatMap(({ at, sizeBytes, type }) => [...bytesOf(20, 4), ...bytesOf(at, 8), ...bytesOf(sizeBytes, 8), ...bytesOf(type, 4)])
  const list = modules.flatMap(({ pa, bytes, line }) => [pa, pa + bytes.length, texts.put(line), 0].flatMap(n => bytesOf(n, 4)))
  const info = new Uint8Array(PAGE), v = view(info), MODULES_AT = 0x100, mapAt = MODULES_AT + list.length
  if (mapAt + map.length > PAGE) throw mistake('loader.tooBig', `${modules.length} modules are too many`)
  v.setUint32(0, INFO.MEMORY | INFO.LINE | INFO.MAP | INFO.LOADER | (modules.length ? INFO.MODULES : 0), true)
  v.setUint32(4, LOW_KIB, true)
  v.setUint32(8, tables.lowEnd / KIB - KIB, true)
  v.setUint32(16, texts.put([p.name, p.line].filter(Boolean).join(' ')), true)
  v.setUint32(20, modules.length, true)
  v.setUint32(24, STRUCTURE + MODULES_AT, true)
  v.setUint32(44, map.length, true)
  v.setUint32(48, STRUCTURE + mapAt, true)
  v.setUint32(64, texts.put(LOADER_NAME), true)
  info.set(list, MODULES_AT)
  info.set(map, mapAt)
  return start(kernel, kernel.entry, { ax: LOADED, bx: STRUCTURE }, info, texts.bytes(), modules, tables)
}

/** By the addresses in the header, or as ELF has them. */
function place(file: Uint8Array, at: number, lowEnd: number): Placed {
  const v = view(file), flags = v.getUint32(at + 4, true), bad = (text: string): never => { throw mistake('loader.badImage', `multiboot: ${text}`) }
  if (flags & 0xffff & ~HEADER.KNOWN) bad(`not implemented: feature 0x${(flags & 0xffff & ~HEADER.KNOWN).toString(16)}`)
  if (flags & HEADER.VIDEO) bad('not implemented: a graphics mode')
  if (!(flags & HEADER.ADDRESSES)) {
    if (file[0] !== 0x7f) bad('neither addresses nor an ELF header')
    const elf = readX86Elf(file, lowEnd)
    if (elf.long) bad('a 64-bit executable, and the kernel begins in 32-bit mode')
    return elf
  }
  if (at + 32 > file.length) bad('the file ends in its header')
  const [headerAt, load, loadEnd, bssEnd, entry] = [12, 16, 20, 24, 28].map(o => v.getUint32(at + o, true)) as [number, number, number, number, number]
  const from = at - (headerAt - load), length = loadEnd ? loadEnd - load : file.length - from
  if (load > headerAt || from < 0 || length < 0 || from + length > file.length) bad('its addresses do not fit the file')
  const bytes = new Uint8Array(Math.max(length, bssEnd ? bssEnd - load : 0))
  if (load < 0x1_0000 || load + bytes.length > lowEnd)
    throw mistake('loader.tooBig', `multiboot: ${formatSize(bytes.length)} at 0x${load.toString(16)}, where there is no RAM for it`, 'more RAM: -m SIZE')
  bytes.set(file.subarray(from, from + length))
  return { segments: [{ name: 'kernel', pa: load, bytes }], entry, end: load + bytes.length }
}

const INFO_MAGIC = 0x336ec578, VERSION = 1, INFO_BYTES = 56, MODULE_BYTES = 32

export function planPvh(p: ElfParts, kernel: X86Executable & { readonly pvhEntry: number }, tables: DirectTables, blame: <T>(where: string, part: () => T) => T): ElfStart {
  const modules = blame('initrd', () => placeModules(p.modules, kernel.end, tables.lowEnd)), texts = textPool()
  const list = modules.flatMap(({ pa, bytes, line }) => [pa, bytes.length, line ? texts.put(line) : 0, 0].flatMap(n => bytesOf(n, 8)))
  const mapAt = INFO_BYTES + list.length
  const map = tables.memoryMap.flatMap(({ at, sizeBytes, type }) => [...bytesOf(at, 8), ...bytesOf(sizeBytes, 8), ...bytesOf(type, 4), ...bytesOf(0, 4)])
  const info = Uint8Array.from([
    ...bytesOf(INFO_MAGIC, 4), ...bytesOf(VERSION, 4), ...bytesOf(0, 4), ...bytesOf(modules.length, 4),
    ...bytesOf(list.length ? STRUCTURE + INFO_BYTES : 0, 8), ...bytesOf(texts.put(p.line), 8), ...bytesOf(tables.rsdp, 8),
    ...bytesOf(STRUCTURE + mapAt, 8), ...bytesOf(tables.memoryMap.length, 4), ...bytesOf(0, 4), ...list, ...map,
  ])
  if (list.length !== MODULE_BYTES * modules.length || info.length > PAGE) throw mistake('loader.tooBig', `${modules.length} modules are too many`)
  return start(kernel, kernel.pvhEntry, { bx: STRUCTURE }, info, texts.bytes(), modules, tables)
}

function start(
  kernel: Placed, entry: number, registers: ElfStart['registers'], info: Uint8Array, texts: Uint8Array,
  modules: readonly (MemoryImage & { readonly line: string })[], tables: DirectTables,
): ElfStart {
  const own: MemoryImage[] = [
    { name: 'start info', pa: STRUCTURE, bytes: info }, { name: 'gdt', pa: DIRECT.GDT, bytes: directGdt() }, { name: 'texts', pa: TEXTS, bytes: texts },
  ]
  const clash = kernel.segments.find(s => own.some(o => s.pa < o.pa + o.bytes.length && o.pa < s.pa + s.bytes.length))
  if (clash) throw mistake('loader.badImage', `not implemented: a kernel at 0x${clash.pa.toString(16)}`, 'from 1 MiB on there is room')
  return { entry, registers, images: [...kernel.segments, ...own, ...modules.map(({ name, pa, bytes }) => ({ name, pa, bytes })), ...tables.images] }
}

/** Behind the kernel, each from a page on. */
function placeModules(modules: readonly Module[], from: number, lowEnd: number): (MemoryImage & { readonly line: string })[] {
  let at = Math.max(from, 0x10_0000)
  return modules.map(({ bytes, line }, n) => {
    const pa = Math.ceil(at / PAGE) * PAGE
    at = pa + bytes.length
    if (at > lowEnd) throw mistake('loader.tooBig', `its ${formatSize(bytes.length)} do not fit between 0x${pa.toString(16)} and 0x${lowEnd.toString(16)}`, 'more RAM: -m SIZE')
    return { name: `module ${n}`, pa, bytes, line }
  })
}

function textPool() {
  const bytes: number[] = []
  return {
    put(text: string): number {
      const at = TEXTS + bytes.length
      bytes.push(...new TextEncoder().encode(text), 0)
      return at
    },
    bytes: () => Uint8Array.from(bytes),
  }
}
