// Block device (Virtual I/O Device specification 1.2, section 5.2).
// Not modelled: secure erase, zoned devices, lifetime metrics, SCSI pass-through, change of size while
// running.
import { dataProperty, flag, flagProperty, numberProperty, textProperty } from '../../device/define.ts'
import type { BlockBackend, Media } from '../../device/block.ts'
import type { Job } from '../../device/work.ts'
import { VmError } from '../../base/errors.ts'
import { requestOf, SECTOR, type Request } from './blk-request.ts'
import { backTo, mark, pop, push, signal } from './queue.ts'
import { accepted, fail } from './ring.ts'
import { defineVirtio, type VirtioIo, type VirtioState } from './virtio.ts'

const FEATURE = {
  SEG_MAX: 2, GEOMETRY: 4, RO: 5, BLK_SIZE: 6, FLUSH: 9, TOPOLOGY: 10, CONFIG_WCE: 11, MQ: 12, DISCARD: 13,
  WRITE_ZEROES: 14,
}
const CONFIG = { WCE: 32, BYTES: 60 }
/** Requests that one job carries when the back end answers at once. */
const BATCH = 32

const properties = {
  drive: textProperty('', 'node name of the back end'),
  media: dataProperty<Media>({ sizeBytes: 0, readOnly: true }, 'what the back end holds'),
  serial: textProperty('', 'serial number, at most 20 characters'),
  'num-queues': numberProperty(1, 'request queues'),
  'queue-size': numberProperty(256, 'entries of each queue'),
  logical_block_size: numberProperty(512, 'bytes of a block as the guest addresses it'),
  physical_block_size: numberProperty(512, 'bytes of a block on the medium'),
  min_io_size: numberProperty(0, 'preferred least transfer in bytes'),
  opt_io_size: numberProperty(0, 'best transfer in bytes'),
  'write-cache': flagProperty(true, 'writes may stay in a cache until the guest flushes'),
  'config-wce': flagProperty(true, 'the guest may switch the write cache'),
  discard: flagProperty(true, 'offer discarding'),
  'write-zeroes': flagProperty(true, 'offer writing zeros'),
  'max-discard-sectors': numberProperty(0x3fffff, 'sectors that one request discards'),
  'max-write-zeroes-sectors': numberProperty(0x3fffff, 'sectors that one request zeroes'),
}
const state = { writeCache: flag(1) }
type S = VirtioState<typeof state>
type IO = VirtioIo<typeof properties>

export const virtioBlk = defineVirtio({
  name: 'blk',
  id: 2,
  version: 1,
  description: 'virtio block device',
  properties,
  state,
  pci: { class: 0x010000, transitionalId: 0x1001, vectors: p => p['num-queues'] },
  queues: p => Array<number>(p['num-queues']).fill(p['queue-size']),
  configBytes: CONFIG.BYTES,

  check(p) {
    const bad = (text: string) => { throw new VmError('device.badProperty', `virtio-blk: ${text}`) }
    const powerOf2 = (n: number) => n > 0 && (n & (n - 1)) === 0
    if (p['num-queues'] < 1 || p['num-queues'] > 64) bad('num-queues must be 1 to 64')
    if (!powerOf2(p['queue-size']) || p['queue-size'] < 4 || p['queue-size'] > 1024)
      bad('queue-size must be a power of 2, 4 to 1024')
    for (const name of ['logical_block_size', 'physical_block_size'] as const)
      if (!powerOf2(p[name]) || p[name] < 512 || p[name] > 2 ** 21)
        bad(`${name} must be a power of 2, 512 to 2M`)
    if (p.physical_block_size < p.logical_block_size)
      bad('physical_block_size must not be less than logical_block_size')
    if (p.serial.length > 20) bad('serial has more than 20 characters')
  },

  features: p => [
    FEATURE.SEG_MAX, FEATURE.GEOMETRY, FEATURE.BLK_SIZE, FEATURE.FLUSH, FEATURE.TOPOLOGY,
    ...(p['config-wce'] ? [FEATURE.CONFIG_WCE] : []),
    ...(p['num-queues'] > 1 ? [FEATURE.MQ] : []),
    ...(p.media.readOnly ? [FEATURE.RO] : []),
    ...(p.discard ? [FEATURE.DISCARD] : []),
    ...(p['write-zeroes'] ? [FEATURE.WRITE_ZEROES] : []),
  ],

  config(s, { props: p }, to) {
    const sectors = sectorsOf(p.media)
    to.setUint32(0, sectors >>> 0, true)
    to.setUint32(4, Math.floor(sectors / 2 ** 32), true)
    to.setUint32(12, p['queue-size'] - 2, true) // seg_max: besides the header and the status
    to.setUint16(16, Math.max(2, Math.min(16383, Math.floor(sectors / (16 * 63)))), true)
    to.setUint8(18, 16)
    to.setUint8(19, 63)
    to.setUint32(20, p.logical_block_size, true)
    to.setUint8(24, Math.log2(p.physical_block_size / p.logical_block_size))
    to.setUint16(26, p.min_io_size / p.logical_block_size, true)
    to.setUint32(28, p.opt_io_size / p.logical_block_size, true)
    to.setUint8(CONFIG.WCE, s.writeCache)
    to.setUint16(34, p['num-queues'], true)
    if (p.discard) {
      to.setUint32(36, p['max-discard-sectors'], true)
      to.setUint32(40, 1, true) // max_discard_seg
      to.setUint32(44, p.logical_block_size / SECTOR, true)
    }
    if (p['write-zeroes']) {
      to.setUint32(48, p['max-write-zeroes-sectors'], true)
      to.setUint32(52, 1, true) // max_write_zeroes_seg
      to.setUint8(56, 1) // write_zeroes_may_unmap
    }
  },

  setConfig(s, io, offset, size, value) {
    if (offset <= CONFIG.WCE && CONFIG.WCE < offset + size && io.props['config-wce'])
      s.writeCache = (value >>> (8 * (CONFIG.WCE - offset))) & 1
  },

  reset(s, { props }) { s.writeCache = (props.media.writeCache ?? props['write-cache']) ? 1 : 0 },

  /** Takes requests as they come; one that may take long (anything but reading and writing) goes alone. */
  service(s, io, disk: BlockBackend): Job | undefined {
    const batch: Request[] = []
    const limit = disk.immediate ? BATCH : 1
    for (let queue = 0; queue < s.queue.length; queue++)
      while (batch.length < limit) {
        const before = mark(s, queue)
        const chain = pop(s, io, queue)
        if (!chain) break
        const request = requestOf(io, queue, chain, disk, sectorsOf(io.props.media), !writeThrough(s))
        if (!request) return fail(s, io, 'a request without header or status byte'), undefined
        if (!request.quick && batch.length) {
          backTo(s, queue, before)
          return jobOf(batch)
        }
        batch.push(request)
        if (!request.quick) return jobOf(batch)
      }
    return batch.length ? jobOf(batch) : undefined
  },
})

const sectorsOf = (media: Media): number => Math.floor(media.sizeBytes / SECTOR)

/**
 * A driver that can't flush, or has switched the cache off, relies on every write being safe when it is
 * reported.
 */
const writeThrough = (s: S): boolean =>
  !s.writeCache || (!accepted(s, FEATURE.FLUSH) && !accepted(s, FEATURE.CONFIG_WCE))

function jobOf(batch: readonly Request[]): Job {
  return {
    run() {
      const later: Promise<void>[] = []
      for (const request of batch) {
        const flight = request.perform()
        if (flight) later.push(flight)
      }
      if (later.length) return Promise.all(later).then(() => {})
    },
    finish(s: S, io: IO) {
      const queues = new Set<number>()
      for (const request of batch) {
        push(s, io, request.queue, request.chain, request.conclude())
        queues.add(request.queue)
      }
      for (const queue of queues) signal(s, io, queue)
    },
  }
}
