// For tests of plans: a host whose files lie in memory, and small kernels.
import { memoryImage } from '../../backends/block/memory-image.ts'
import { VmError } from '../../base/errors.ts'
import type { Host } from '../../host/host.ts'

export type Files = { readonly [path: string]: Uint8Array }

export function memoryHost(files: Files): Host {
  const find = (path: string): Uint8Array => {
    if (!Object.hasOwn(files, path)) throw new VmError('file.notFound', `${path}: no such file`)
    return files[path]!
  }
  const refuse = () => { throw new VmError('file.denied', 'these files are only read') }
  return {
    name: 'node',
    nowNs: () => 0,
    files: {
      read: async path => find(path),
      readStart: async (path, length) => find(path).slice(0, length),
      async *readChunks(path) { yield find(path) },
      list: async () => Object.keys(files),
      writeChunks: refuse, remove: refuse, open: refuse,
    },
    images: { open: path => memoryImage(find(path)), temporary: () => memoryImage() },
  }
}

/** A Linux Image: header, then what it is as an EFI program, then bytes. */
export function linuxImage(o: {
  fileBytes?: number; sizeBytes?: number; textOffset?: number; bigEndian?: boolean; magic?: string; peBytes?: number
} = {}): Uint8Array {
  const bytes = new Uint8Array(o.fileBytes ?? 4096), v = new DataView(bytes.buffer)
  const text = (at: number, s: string) => [...s].forEach((c, i) => v.setUint8(at + i, c.charCodeAt(0)))
  v.setBigUint64(8, BigInt(o.textOffset ?? 0x20_0000), true)
  v.setBigUint64(16, BigInt(o.sizeBytes ?? bytes.length), true)
  v.setBigUint64(24, o.bigEndian ? 1n : 0n, true)
  text(0x38, o.magic ?? 'RSC\x05')
  if (o.peBytes !== undefined) { // one section up to the end of the file
    text(0, 'MZ')
    v.setUint32(0x3c, 0x40, true)
    text(0x40, 'PE\0\0')
    v.setUint16(0x46, 1, true)
    v.setUint32(0x58 + 16, o.peBytes - 512, true)
    v.setUint32(0x58 + 20, 512, true)
  }
  return bytes
}

export type ElfSegment = {
  readonly va: bigint; readonly pa: number; readonly bytes: Uint8Array; readonly sizeBytes?: number
}

export function elf(o: {
  entry: bigint; segments: readonly ElfSegment[]; machine?: number; bits?: 32 | 64; type?: number
}): Uint8Array {
  const table = 64, start = table + 56 * o.segments.length
  const out = new Uint8Array(start + o.segments.reduce((n, s) => n + s.bytes.length, 0)), v = new DataView(out.buffer)
  out.set([0x7f, 0x45, 0x4c, 0x46, o.bits === 32 ? 1 : 2, 1, 1])
  v.setUint16(16, o.type ?? 2, true)
  v.setUint16(18, o.machine ?? 243, true)
  v.setBigUint64(24, o.entry, true)
  v.setBigUint64(32, BigInt(table), true)
  v.setUint16(54, 56, true)
  v.setUint16(56, o.segments.length, true)
  let from = start
  o.segments.forEach((s, i) => {
    const at = table + 56 * i
    v.setUint32(at, 1, true)
    v.setBigUint64(at + 8, BigInt(from), true)
    v.setBigUint64(at + 16, s.va, true)
    v.setBigUint64(at + 24, BigInt(s.pa), true)
    v.setBigUint64(at + 32, BigInt(s.bytes.length), true)
    v.setBigUint64(at + 40, BigInt(s.sizeBytes ?? s.bytes.length), true)
    out.set(s.bytes, from)
    from += s.bytes.length
  })
  return out
}
