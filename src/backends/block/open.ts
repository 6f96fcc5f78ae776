// From options to a disk: the file, its format, temporary writes over it. All on the I/O thread.
import type { BlockBackend, Media } from '../../device/block.ts'
import type { Host, ImageFile } from '../../host/host.ts'
import { VmError } from '../../base/errors.ts'
import type { BlockLayer } from './layer.ts'
import { memoryImage } from './memory-image.ts'
import type { BlockOptions } from './options.ts'
import { overlayLayer } from './overlay.ts'
import { rawLayer } from './raw.ts'

export type BlockNode = BlockBackend & {
  readonly format: string
  /** What the device has to know: its property `media`. */
  readonly media: Media
  /** Requests so far. */
  readonly counts: {
    reads: number
    writes: number
    readBytes: number
    writtenBytes: number
    flushes: number
    failures: number
  }
  close(): void
}

export type BlockListener = { failed?(operation: string, error: unknown): void }

/** Formats that can be told from raw by their first bytes. */
const MAGIC: readonly (readonly [format: string, bytes: string])[] = [
  ['qcow2', 'QFI\xfb'], ['vmdk', 'KDMV'], ['vmdk', '# Disk DescriptorFile'], ['vhdx', 'vhdxfile'],
  ['vpc', 'conectix'],
  ['qed', 'QED\0'], ['luks', 'LUKS\xba\xbe'],
]

export function openBlock(
  host: Pick<Host, 'images'>, options: BlockOptions, listener: BlockListener = {},
): BlockNode {
  const { snapshot = false } = options
  const readOnly = options.readOnly ?? false
  const file = openFile(host, options, !readOnly && !snapshot)
  let top: BlockLayer, format: string
  try {
    format = options.format ?? probe(file)
    top = layerOf(file, format, options, readOnly || snapshot)
    if (snapshot) top = overlayLayer(top, host.images?.temporary() ?? memoryImage())
  } catch (error) {
    file.close()
    throw error
  }
  return nodeOf(top, format, options, listener)
}

function openFile(
  host: Pick<Host, 'images'>, { file, locking = true }: BlockOptions, writable: boolean,
): ImageFile {
  if (typeof file !== 'string') return memoryImage(file)
  if (!host.images) throw new VmError('host.unsupported', `${file}: this host has no disk images by path`)
  return host.images.open(file, { writable, lock: locking })
}

function probe(file: ImageFile): string {
  const start = new Uint8Array(64)
  file.read(0, [start])
  const text = String.fromCharCode(...start)
  return MAGIC.find(([, bytes]) => text.startsWith(bytes))?.[0] ?? 'raw'
}

function layerOf(
  file: ImageFile, format: string, { offset, size, unmap }: BlockOptions, readOnly: boolean,
): BlockLayer {
  if (format === 'raw')
    return rawLayer(file, {
      readOnly,
      ...(unmap !== undefined && { unmap }),
      ...(offset !== undefined && { offset }),
      ...(size !== undefined && { size }),
    })
  throw new VmError('block.unsupported', `not implemented: image format ${format}`, {
    hint: 'convert the image: qemu-img convert -O raw IMAGE NEW',
  })
}

/** What the device sees of a disk: counted, and flushed as the options say. */
function nodeOf(
  layer: BlockLayer, format: string, options: BlockOptions, listener: BlockListener,
): BlockNode {
  const counts = { reads: 0, writes: 0, readBytes: 0, writtenBytes: 0, flushes: 0, failures: 0 }
  const bytesOf = (parts: readonly Uint8Array[]) => parts.reduce((n, part) => n + part.length, 0)
  return {
    format, counts,
    immediate: layer.immediate,
    media: { sizeBytes: layer.sizeBytes, readOnly: layer.readOnly, writeCache: !options.writeThrough },
    read(offset, into) {
      counts.reads++
      counts.readBytes += bytesOf(into)
      return layer.read(offset, into)
    },
    write(offset, from) {
      counts.writes++
      counts.writtenBytes += bytesOf(from)
      return layer.write(offset, from)
    },
    flush() {
      counts.flushes++
      if (!options.noFlush) return layer.flush()
    },
    discard: (offset, length) => layer.discard(offset, length),
    zero: (offset, length, unmap) => layer.zero(offset, length, unmap),
    failed(operation, error) {
      counts.failures++
      listener.failed?.(operation, error)
    },
    close: () => layer.close(),
  }
}
