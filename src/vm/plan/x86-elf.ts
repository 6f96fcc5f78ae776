// ELF kernels for x86, of 32 and 64 bits (System V ABI, "Program Loading"; i386 and AMD64 supplements): segments at their physical
// addresses, and the address at which Xen's PVH starts one (xen/include/public/elfnote.h, XEN_ELFNOTE_PHYS32_ENTRY).
import type { MemoryImage } from '../../machines/pc-direct.ts'
import { formatSize, mistake } from './text.ts'

export type X86Executable = {
  readonly segments: readonly MemoryImage[]
  readonly entry: number
  readonly end: number
  /** Undefined: it has no such note. */
  readonly pvhEntry: number | undefined
  readonly long: boolean
}

const LOAD = 1, NOTE = 4, PHYS32_ENTRY = 18, CLASS64 = 2
/** Below this firmware's data and the start's own lie. */
const LOWEST = 0x1000

export function readX86Elf(file: Uint8Array, lowEnd: number): X86Executable {
  const bad = (what: string): never => { throw mistake('loader.badImage', `ELF: ${what}`) }
  const v = new DataView(file.buffer, file.byteOffset, file.byteLength), long = file[4] === CLASS64
  if (file.length < (long ? 64 : 52)) bad('the file ends in its header')
  if (v.getUint16(16, true) !== 2) bad('not an executable')
  const word = (at: number) => (long ? Number(v.getBigUint64(at, true)) : v.getUint32(at, true))
  const entry = word(24), table = word(long ? 32 : 28), size = v.getUint16(long ? 54 : 42, true), count = v.getUint16(long ? 56 : 44, true)
  if (size < (long ? 56 : 32) || !(table + count * size <= file.length)) bad('the file ends in its program headers')
  const segments: MemoryImage[] = []
  let pvhEntry: number | undefined
  for (let i = 0; i < count; i++) {
    const at = table + i * size, type = v.getUint32(at, true), field = (n: number) => word(at + (long ? 8 * n : 4 * n))
    // 64 bits: type and flags, offset, virtual, physical, bytes in the file, in memory. 32: type, offset, virtual, physical, ...
    const [offset, , pa, fileBytes, bytes] = [1, 2, 3, 4, 5].map(field) as [number, number, number, number, number]
    if (type !== LOAD && type !== NOTE) continue
    if (!(offset + fileBytes <= file.length)) bad(`the file ends in segment ${i}: it is truncated`)
    if (type === NOTE) {
      pvhEntry ??= pvhNote(v, offset, fileBytes)
      continue
    }
    if (bytes === 0) continue
    if (fileBytes > bytes) bad(`segment ${i} has more bytes in the file than in memory`)
    if (pa < LOWEST || pa + bytes > lowEnd || (pa < 0x10_0000 && pa + bytes > 0xa_0000))
      throw mistake('loader.tooBig', `ELF: segment ${i} takes ${formatSize(bytes)} at 0x${pa.toString(16)}, where there is no RAM for it`,
        `RAM ends at 0x${lowEnd.toString(16)}: -m SIZE`)
    const part = new Uint8Array(bytes)
    part.set(file.subarray(offset, offset + fileBytes))
    segments.push({ name: `kernel ${segments.length}`, pa, bytes: part })
  }
  if (segments.length === 0) bad('nothing to load')
  return { segments, entry, pvhEntry, long, end: Math.max(...segments.map(s => s.pa + s.bytes.length)) }
}

/** Notes: sizes of name and description, a type, then both, each filled up to four bytes. */
function pvhNote(v: DataView, start: number, length: number): number | undefined {
  const up = (n: number) => (n + 3) & ~3
  for (let at = start; at + 12 <= start + length;) {
    const nameBytes = v.getUint32(at, true), bytes = v.getUint32(at + 4, true), type = v.getUint32(at + 8, true), name = at + 12
    const description = name + up(nameBytes)
    if (description + bytes > start + length) return undefined
    const isXen = nameBytes === 4 && v.getUint32(name, false) === 0x58656e00
    if (isXen && type === PHYS32_ENTRY && bytes >= 4) return v.getUint32(description, true)
    at = description + up(bytes)
  }
  return undefined
}
