// ELF executables after the System V ABI, chapters "Object Files" and "Program Loading": what of them goes where in
// physical memory. 64-bit little-endian RISC-V alone; symbols and relocations are not looked at.
import { mistake } from './text.ts'

export type Segment = { readonly pa: number; readonly bytes: Uint8Array }
export type Executable = {
  readonly entry: number
  readonly segments: readonly Segment[]
  /** Addresses that it takes, bss included. */
  readonly start: number
  readonly end: number
}

const EHDR_BYTES = 64, PHDR_BYTES = 56, LOAD = 1
const EXEC = 2, DYN = 3

export const isElf = (bytes: Uint8Array): boolean =>
  bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46

/**
 * The loadable segments at their physical addresses. An executable whose physical addresses start at 0 says where its
 * parts lie relative to one another (Linux is linked so); it goes to `base`.
 */
export function readElf(file: Uint8Array, base: number, limitBytes: number): Executable {
  const bad = (what: string): never => { throw mistake('loader.badImage', `ELF: ${what}`) }
  const v = new DataView(file.buffer, file.byteOffset, file.byteLength)
  if (file.length < EHDR_BYTES) bad('the file ends in its header')
  const type = v.getUint16(16, true)
  if (type !== EXEC && type !== DYN) bad('an object file, not an executable')
  const u64 = (at: number): number => {
    const n = v.getBigUint64(at, true)
    return n < 2n ** 53n ? Number(n) : NaN
  }
  const table = u64(32), size = v.getUint16(54, true), count = v.getUint16(56, true)
  if (size < PHDR_BYTES || !(table + count * size <= file.length)) bad('the file ends in its program headers')

  const entryVa = v.getBigUint64(24, true)
  let entry: number | undefined
  const parts: { pa: number; from: number; fileBytes: number; sizeBytes: number }[] = []
  for (let i = 0; i < count; i++) {
    const at = table + i * size
    const sizeBytes = u64(at + 40)
    if (v.getUint32(at, true) !== LOAD || sizeBytes === 0) continue
    const from = u64(at + 8), va = v.getBigUint64(at + 16, true), pa = u64(at + 24), fileBytes = u64(at + 32)
    if (!(from + fileBytes <= file.length)) bad(`the file ends in segment ${i}: it is truncated`)
    if (!(fileBytes <= sizeBytes)) bad(`segment ${i} has more bytes in the file than in memory`)
    if (!(pa + sizeBytes < 2 ** 53))
      bad(`segment ${i} lies at 0x${v.getBigUint64(at + 24, true).toString(16)}: no physical address`)
    if (sizeBytes > limitBytes)
      throw mistake('loader.tooBig', `ELF: segment ${i} takes ${sizeBytes} bytes, and RAM has ${limitBytes}`)
    if (va <= entryVa && entryVa < va + BigInt(sizeBytes)) entry = pa + Number(entryVa - va)
    parts.push({ pa, from, fileBytes, sizeBytes })
  }
  if (parts.length === 0) bad('nothing to load')
  const lowest = Math.min(...parts.map(p => p.pa)), shift = lowest === 0 ? base : 0
  const segments = parts.map(({ pa, from, fileBytes, sizeBytes }) => {
    const bytes = new Uint8Array(sizeBytes)
    bytes.set(file.subarray(from, from + fileBytes))
    return { pa: pa + shift, bytes }
  })
  return {
    entry: (entry ?? bad('the entry point is in no segment')) + shift,
    segments,
    start: lowest + shift,
    end: Math.max(...parts.map(p => p.pa + p.sizeBytes)) + shift,
  }
}
