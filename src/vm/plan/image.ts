// Kernels and firmware as files: Linux's Image (Documentation/arch/riscv/boot-image-header.rst), ELF, compressed ones,
// and anything else as raw bytes.
// Not implemented: uImage; EFI zboot images that are compressed by something other than gzip.
import { VmError } from '../../base/errors.ts'
import { detectImage } from '../detect.ts'
import { type Executable, isElf, readElf } from './elf.ts'
import { mistake } from './text.ts'

export type Image = Executable & { readonly format: 'raw' | 'elf' | 'linux-image' }

export type Placement = {
  /** Where a raw file goes, and an ELF that leaves it open. */
  readonly base: number
  /** Where a Linux Image goes whose header asks for an offset from the start of RAM; left out: to `base` as well. */
  readonly ramStart?: number
  /** Nothing larger than this is made. */
  readonly limitBytes: number
}

const bad = (text: string, hint?: string): never => { throw mistake('loader.badImage', text, hint) }
const textAt = (bytes: Uint8Array, at: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(at, at + length))
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Header of a Linux Image: byte offsets. */
const TEXT_OFFSET = 8, IMAGE_SIZE = 16, FLAGS = 24, PE_OFFSET = 0x3c, HEADER_BYTES = 64
const BIG_ENDIAN = 1n
const UIMAGE = 0x27051956
const ALIGN = 2 << 20

export async function readImage(file: Uint8Array, where: Placement): Promise<Image> {
  const bytes = await unpack(file, where.limitBytes)
  if (bytes.length === 0) bad('the file is empty')
  const kind = detectImage(bytes)
  if (kind && kind.arch !== 'riscv64') bad(`it is for ${kind.machine}, not for 64-bit RISC-V`)
  if (isElf(bytes)) return { format: 'elf', ...readElf(bytes, where.base, where.limitBytes) }
  if (kind) return linuxImage(bytes, where)
  if (textAt(bytes, 0x202, 4) === 'HdrS') bad('it is for x86, not for 64-bit RISC-V')
  if (textAt(bytes, 0, 2) === 'MZ') bad('an EFI program, and not a Linux Image for 64-bit RISC-V')
  if (bytes.length >= HEADER_BYTES && viewOf(bytes).getUint32(0) === UIMAGE)
    bad('not implemented: uImage', 'use what it was made from')
  return raw('raw', where.base, bytes, bytes.length)
}

const raw = (format: Image['format'], base: number, bytes: Uint8Array, sizeBytes: number): Image =>
  ({ format, entry: base, segments: [{ pa: base, bytes }], start: base, end: base + sizeBytes })

function linuxImage(bytes: Uint8Array, { base, ramStart }: Placement): Image {
  const v = viewOf(bytes)
  if (v.getBigUint64(FLAGS, true) & BIG_ENDIAN) bad('a big-endian kernel')
  const needed = peLength(bytes)
  if (needed !== undefined && bytes.length < needed) bad(`it is truncated: ${bytes.length} of ${needed} bytes`)
  const sizeBytes = Math.max(Number(v.getBigUint64(IMAGE_SIZE, true)), bytes.length)
  const offset = Number(v.getBigUint64(TEXT_OFFSET, true))
  const fits = ramStart !== undefined && offset > 0 && offset % ALIGN === 0 && offset < 2 ** 32
  return raw('linux-image', fits ? ramStart + offset : base, bytes, sizeBytes)
}

/** The length of a file that is also an EFI program, from its section table (PE format specification, section 4). */
function peLength(bytes: Uint8Array): number | undefined {
  const v = viewOf(bytes)
  if (textAt(bytes, 0, 2) !== 'MZ') return undefined
  const pe = v.getUint32(PE_OFFSET, true), sections = pe + 24
  if (pe < HEADER_BYTES || sections > bytes.length || textAt(bytes, pe, 4) !== 'PE\0\0') return undefined
  const table = sections + v.getUint16(pe + 20, true), count = v.getUint16(pe + 6, true)
  if (table + 40 * count > bytes.length) return undefined
  const ends = Array.from({ length: count }, (_, i) =>
    v.getUint32(table + 40 * i + 16, true) + v.getUint32(table + 40 * i + 20, true))
  return Math.max(0, ...ends)
}

/** What is inside a gzip file, or an EFI zboot image (zboot-header.S in Linux's libstub); other files as they are. */
async function unpack(file: Uint8Array, limitBytes: number): Promise<Uint8Array> {
  if (file[0] === 0x1f && file[1] === 0x8b) return gunzip(file, limitBytes)
  if (file.length < HEADER_BYTES || textAt(file, 0, 2) !== 'MZ' || textAt(file, 4, 4) !== 'zimg') return file
  const method = textAt(file, 24, 8).replace(/\0.*$/s, '')
  if (method !== 'gzip') bad(`not implemented: an EFI image compressed by ${method}`)
  const v = viewOf(file), at = v.getUint32(8, true), length = v.getUint32(12, true)
  if (at + length > file.length) bad('it is truncated')
  return gunzip(file.subarray(at, at + length), limitBytes)
}

async function gunzip(packed: Uint8Array, limitBytes: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let total = 0
  try {
    const stream = new Blob([packed as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream('gzip'))
    for await (const part of stream as unknown as AsyncIterable<Uint8Array>) {
      total += part.length
      if (total > limitBytes) break
      parts.push(part)
    }
  } catch (cause) {
    throw new VmError('loader.badImage', 'its compressed data are damaged or truncated', { cause })
  }
  if (total > limitBytes) throw mistake('loader.tooBig', `unpacked it is larger than RAM (${limitBytes} bytes)`)
  const out = new Uint8Array(total)
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}
