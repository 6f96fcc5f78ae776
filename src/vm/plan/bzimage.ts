// Linux kernels for x86: the setup header of a bzImage, what goes where in memory, and the parameters that the kernel is
// handed. Linux Documentation/arch/x86/boot.rst and zero-page.rst; the 32-bit boot protocol.
import { type DirectTables, e820Entries, type MemoryImage } from '../../machines/pc-direct.ts'
import { formatSize, mistake } from './text.ts'

/** Byte offsets in the file and in the parameters alike. */
const HEADER = {
  SCREEN: 0, RSDP: 0x70, ALT_MEMORY: 0x1e0, E820_COUNT: 0x1e8, E820: 0x2d0,
  SETUP_SECTORS: 0x1f1, SYSTEM_SIZE: 0x1f4, VIDEO_MODE: 0x1fa, BOOT_FLAG: 0x1fe, JUMP: 0x200, MAGIC: 0x202, VERSION: 0x206, LOADER: 0x210,
  LOAD_FLAGS: 0x211, RAMDISK: 0x218, RAMDISK_SIZE: 0x21c, COMMAND_LINE: 0x228, RAMDISK_MAX: 0x22c, ALIGNMENT: 0x230,
  RELOCATABLE: 0x234, XLOADFLAGS: 0x236, COMMAND_LINE_SIZE: 0x238, PREFERRED: 0x258, INIT_SIZE: 0x260,
} as const
const MAGIC = 0x53726448, BOOT_FLAG = 0xaa55, SECTOR = 512, NO_TYPE = 0xff, LOADED_HIGH = 1, NORMAL_MODE = 0xffff
const OLDEST = 0x202, WITH_RSDP = 0x20e
const X64 = 1
const PARAMETERS = 0x1_0000, PARAMETER_BYTES = 4096, GDT = 0x1_1000, LINE = 0x2_0000, HIGH = 0x10_0000, MIB = 2 ** 20, PAGE = 4096
/** Where the older ones end; the protocol says what newer ones take. */
const OLD_LINE = 255, OLD_RAMDISK_MAX = 0x37ff_ffff
/** Flat code and data, at the selectors that the protocol names. */
const DESCRIPTORS = [0n, 0n, 0x00cf9b000000ffffn, 0x00cf93000000ffffn]
export const DIRECT = { GDT, GDT_BYTES: 8 * DESCRIPTORS.length, CODE: 0x10, DATA: 0x18 } as const

export function directGdt(): Uint8Array {
  const gdt = new Uint8Array(DIRECT.GDT_BYTES)
  DESCRIPTORS.forEach((d, i) => view(gdt).setBigUint64(8 * i, d, true))
  return gdt
}

export type DirectStart = {
  readonly images: readonly MemoryImage[]
  readonly entry: number
  /** Address of the parameters, for rSI. */
  readonly parameters: number
}

/** Whether the file has a setup header. */
export const isBzImage = (file: Uint8Array): boolean =>
  file.length > 0x250 && view(file).getUint32(HEADER.MAGIC, true) === MAGIC && view(file).getUint16(HEADER.BOOT_FLAG, true) === BOOT_FLAG
const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export type Parts = { readonly kernel: Uint8Array; readonly initrd?: Uint8Array; readonly line: string; readonly long: boolean }

/** Throws VmError for a kernel that cannot start so; `blame` names the part that is at fault. */
export function planBzImage(p: Parts, tables: DirectTables, blame: <T>(where: string, part: () => T) => T): DirectStart {
  const { kernel } = p, v = view(kernel)
  const k = blame('kernel', () => header(kernel, v, p.long, tables.lowEnd))
  const line = blame('append', () => commandLine(p.line, k.lineBytes))
  const initrd = p.initrd && blame('initrd', () => ramdisk(p.initrd!, k.ramdiskMax, k.end, tables.lowEnd))
  const parameters = new Uint8Array(PARAMETER_BYTES), z = view(parameters), u8 = kernel[HEADER.JUMP + 1]!
  parameters.set(kernel.subarray(HEADER.SETUP_SECTORS, HEADER.MAGIC + u8), HEADER.SETUP_SECTORS)
  z.setUint16(HEADER.VIDEO_MODE, NORMAL_MODE, true)
  z.setUint8(HEADER.LOADER, NO_TYPE)
  z.setUint8(HEADER.LOAD_FLAGS, kernel[HEADER.LOAD_FLAGS]! | LOADED_HIGH)
  z.setUint32(HEADER.COMMAND_LINE, LINE, true)
  if (initrd) {
    z.setUint32(HEADER.RAMDISK, initrd.pa, true)
    z.setUint32(HEADER.RAMDISK_SIZE, initrd.bytes.length, true)
  }
  z.setUint32(HEADER.ALT_MEMORY, (tables.lowEnd - MIB) / 1024, true)
  if (k.version >= WITH_RSDP) z.setBigUint64(HEADER.RSDP, BigInt(tables.rsdp), true)
  z.setUint8(HEADER.E820_COUNT, tables.memoryMap.length)
  parameters.set(e820Entries(tables.memoryMap), HEADER.E820)
  return {
    entry: k.at, parameters: PARAMETERS,
    images: [
      { name: 'kernel', pa: k.at, bytes: kernel.subarray(k.setupBytes) }, { name: 'parameters', pa: PARAMETERS, bytes: parameters },
      { name: 'gdt', pa: GDT, bytes: directGdt() }, { name: 'command line', pa: LINE, bytes: line }, ...(initrd ? [initrd] : []),
      ...tables.images,
    ],
  }
}

type Header = {
  readonly version: number; readonly at: number; readonly end: number; readonly setupBytes: number; readonly lineBytes: number
  readonly ramdiskMax: number
}
function header(kernel: Uint8Array, v: DataView, long: boolean, lowEnd: number): Header {
  const bad = (text: string, hint?: string): never => { throw mistake('loader.badImage', text, hint) }
  const version = v.getUint16(HEADER.VERSION, true), text = `${version >> 8}.${(version & 0xff).toString().padStart(2, '0')}`
  if (version < OLDEST) bad(`not implemented: boot protocol ${text}`, 'kernels from 2.4 on have 2.02 or later')
  if (!(kernel[HEADER.LOAD_FLAGS]! & LOADED_HIGH)) bad('not implemented: a zImage, which is loaded below 1 MiB', 'a bzImage')
  const setupBytes = ((kernel[HEADER.SETUP_SECTORS]! || 4) + 1) * SECTOR, needed = setupBytes + 16 * v.getUint32(HEADER.SYSTEM_SIZE, true)
  // The size counts 16 bytes each, and rounds up.
  if (kernel.length < needed - 15) bad(`it is truncated: ${kernel.length} of ${needed} bytes`)
  if (version >= 0x20c && !long && v.getUint16(HEADER.XLOADFLAGS, true) & X64) bad('it is for 64-bit processors', 'typevisor-system-x86_64')
  const relocatable = version >= 0x205 && kernel[HEADER.RELOCATABLE]! !== 0
  const align = relocatable ? Math.max(PAGE, v.getUint32(HEADER.ALIGNMENT, true)) : PAGE
  const preferred = version >= 0x20a ? Number(v.getBigUint64(HEADER.PREFERRED, true)) : HIGH
  const size = Math.max(kernel.length - setupBytes, version >= 0x20a ? v.getUint32(HEADER.INIT_SIZE, true) : 0)
  let at = version >= 0x20a ? preferred : HIGH
  if (at + size > lowEnd && relocatable) at = Math.ceil(HIGH / align) * align
  if (at + size > lowEnd)
    throw mistake('loader.tooBig', `it takes ${formatSize(size)} from 0x${at.toString(16)} on, and RAM ends at 0x${lowEnd.toString(16)}`, 'more RAM: -m SIZE')
  return {
    version, at, end: at + size, setupBytes,
    lineBytes: version >= 0x206 ? v.getUint32(HEADER.COMMAND_LINE_SIZE, true) : OLD_LINE,
    ramdiskMax: version >= 0x203 ? v.getUint32(HEADER.RAMDISK_MAX, true) : OLD_RAMDISK_MAX,
  }
}

function commandLine(line: string, most: number): Uint8Array {
  const bytes = new TextEncoder().encode(`${line}\0`)
  if (bytes.length - 1 > most) throw mistake('loader.badImage', `${bytes.length - 1} bytes, and this kernel takes ${most}`)
  return bytes
}

/** As high as the kernel can have it. */
function ramdisk(bytes: Uint8Array, max: number, from: number, lowEnd: number): MemoryImage {
  const end = Math.min(lowEnd, max + 1), pa = Math.floor((end - bytes.length) / PAGE) * PAGE
  if (pa < from)
    throw mistake('loader.tooBig', `its ${formatSize(bytes.length)} do not fit between 0x${from.toString(16)} and 0x${end.toString(16)}`, 'more RAM: -m SIZE')
  return { name: 'initrd', pa, bytes }
}
