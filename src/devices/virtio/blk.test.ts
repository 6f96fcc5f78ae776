import { test } from 'node:test'
import assert from 'node:assert/strict'
import type { BlockBackend } from '../../device/block.ts'
import { virtioBlk } from './blk.ts'
import { virtioMmio } from './mmio.ts'
import { F } from './ring.ts'
import { start, virtioBench, type Ring } from './testing.ts'

const device = virtioMmio(virtioBlk)
const SECTORS = 64

/** A disk in memory; `later` makes it promise instead of answering at once. */
function disk(later = false) {
  const bytes = new Uint8Array(SECTORS * 512).map((_, i) => i >> 9)
  const log: string[] = []
  let held: (() => void)[] = []
  const answer = (what: () => void): void | Promise<void> => {
    if (!later) return what()
    return new Promise(resolve => held.push(() => { what(); resolve() }))
  }
  const backend: BlockBackend = {
    immediate: !later,
    read: (offset, into) => answer(() => {
      if (offset === 63 * 512) throw new Error('bad sector')
      for (const part of into) {
        part.set(bytes.subarray(offset, offset + part.length))
        offset += part.length
      }
    }),
    write: (offset, from) => answer(() => {
      for (const part of from) {
        bytes.set(part, offset)
        offset += part.length
      }
    }),
    flush: () => answer(() => void log.push('flush')),
    discard: (offset, length) => void log.push(`discard ${offset} ${length}`),
    zero: (offset, length, unmap) => {
      bytes.fill(0, offset, offset + length)
      log.push(`zero ${offset} ${length} ${unmap}`)
    },
    failed: (operation, error) => void log.push(`${operation}: ${(error as Error).message}`),
  }
  return { backend, bytes, log, release() { const all = held; held = []; for (const go of all) go() } }
}

const header = (type: number, sector: number) => [type, 0, 0, 0, 0, 0, 0, 0, sector, 0, 0, 0, 0, 0, 0, 0]
const request = (
  type: number, sector: number, data: readonly { bytes: number; write?: boolean; data?: number[] }[] = [],
) => [{ bytes: 16, data: header(type, sector) }, ...data, { bytes: 1, write: true, data: [0xee] }]
const range = (sector: number, count: number, flags: number) => ({
  bytes: 16,
  data: [sector, 0, 0, 0, 0, 0, 0, 0, count, 0, 0, 0, flags, 0, 0, 0],
})

function setUp(
  options: { later?: boolean; packed?: boolean; properties?: object; want?: (bit: number) => boolean } = {},
) {
  const d = disk(options.later)
  const b = virtioBench(device, {
    'force-legacy': false, media: { sizeBytes: SECTORS * 512, readOnly: false }, serial: 'abc',
    packed: options.packed ?? false,
    ...options.properties,
  })
  b.system.attach('dev', d.backend)
  const [q] = start(b, options.want ?? (() => true), 1)
  return { ...b, disk: d, q: q! }
}
const status = (q: Ring, index: number) => q.part(index)[0]

for (const packed of [false, true])
  for (const indirect of [false, true])
    test(`requests, ${packed ? 'packed' : 'split'}${indirect ? ', indirect' : ''}`, () => {
      const { q, system, disk, lines, regs } = setUp({ packed })
      for (let i = 0; i < 40; i++) { // several times around the ring
        q.add(request(0, i % 60, [{ bytes: 1024, write: true }]), indirect)
        assert.deepEqual(q.used(), [])
        q.kick()
        system.serve()
        assert.deepEqual(q.used().map(d => d.length), [1025])
        assert.equal(status(q, 2), 0)
        assert.deepEqual([q.part(1)[0], q.part(1)[511], q.part(1)[512]], [i % 60, i % 60, i % 60 + 1])
        assert.equal(lines['0.irq'], true)
        regs.set(0x64, 3)
        assert.equal(lines['0.irq'], false)
      }
      q.add(request(1, 7, [{ bytes: 512, data: Array(512).fill(0x5a) }]), indirect)
      q.add(request(4, 0), indirect)
      q.kick()
      system.serve()
      assert.deepEqual(
        q.used().map(d => d.length), [1, 1],
      )
      assert.deepEqual(
        [disk.bytes[7 * 512 - 1], disk.bytes[7 * 512], disk.bytes[8 * 512 - 1], disk.bytes[8 * 512]],
        [6, 0x5a, 0x5a, 8],
      )
      assert.deepEqual(disk.log, ['flush'])
    })

test('identity, discard, zeroes, errors', () => {
  const { q, system, disk } = setUp()
  const ask = (parts: Parameters<Ring['add']>[0]) => {
    q.add(parts)
    q.kick()
    system.serve()
    assert.equal(q.used().length, 1)
    return status(q, parts.length - 1)
  }
  assert.equal(ask(request(8, 0, [{ bytes: 20, write: true }])), 0)
  assert.deepEqual([...q.part(1).subarray(0, 4)], [0x61, 0x62, 0x63, 0])
  assert.equal(ask(request(11, 0, [range(3, 2, 0)])), 0)
  assert.equal(ask(request(11, 0, [range(3, 2, 1)])), 2, 'discard takes no flags')
  assert.equal(ask(request(13, 0, [range(5, 1, 1)])), 0)
  assert.equal(ask(request(13, 0, [range(60, 5, 0)])), 1, 'beyond the end')
  assert.equal(ask(request(0, 62, [{ bytes: 1536, write: true }])), 1, 'beyond the end')
  assert.equal(ask(request(0, 0, [{ bytes: 100, write: true }])), 1, 'no whole sector')
  assert.equal(ask(request(77, 0)), 2, 'unknown')
  assert.equal(ask(request(0, 63, [{ bytes: 512, write: true }])), 1, 'the medium fails')
  assert.deepEqual(disk.log, ['discard 1536 1024', 'zero 2560 512 true', 'read: bad sector'])
})

test('configuration', () => {
  const { regs } = setUp({ properties: { 'num-queues': 3, physical_block_size: 4096 } })
  assert.equal(regs.get(0x100), SECTORS)
  assert.equal(regs.get(0x10c), 254)
  assert.equal(regs.get(0x114), 512)
  assert.equal(regs.get(0x118, 1), 3, 'physical block exponent')
  assert.equal(regs.get(0x122, 2), 3)
  assert.equal(regs.get(0x120, 1), 1)
  regs.set(0x120, 0, 1)
  assert.equal(regs.get(0x120, 1), 0, 'write cache off')
})

test('without a write cache every write is followed by a flush', () => {
  const { q, system, disk, regs } = setUp()
  regs.set(0x120, 0, 1)
  q.add(request(1, 1, [{ bytes: 512 }]))
  q.kick()
  system.serve()
  assert.deepEqual(disk.log, ['flush'])
})

test('a back end that takes its time', async () => {
  const { q, system, disk } = setUp({ later: true })
  q.add(request(0, 9, [{ bytes: 512, write: true }]))
  q.add(request(1, 10, [{ bytes: 512, data: Array(512).fill(3) }]))
  q.kick()
  system.serve()
  assert.deepEqual(q.used(), [])
  disk.release()
  await system.drain()
  assert.equal(q.used().length, 2)
  assert.equal(disk.bytes[10 * 512], 3)
})

test('a reset forgets what is in flight', async () => {
  const { q, system, disk, regs, lines } = setUp({ later: true })
  q.add(request(0, 9, [{ bytes: 512, write: true }]))
  q.kick()
  system.serve()
  regs.set(0x70, 0)
  disk.release()
  await system.drain()
  assert.deepEqual(q.used(), [])
  assert.deepEqual([...q.part(1).subarray(0, 2)], [0, 0], 'guest memory is not touched any more')
  assert.equal(lines['0.irq'], false)
})

test('event indices spare interrupts and notifications', () => {
  const { q, system, regs, lines } = setUp()
  const m = system.memory
  const go = () => {
    q.add(request(0, 1, [{ bytes: 512, write: true }]))
    q.kick()
    system.serve()
    const raised = lines['0.irq']
    regs.set(0x64, 3)
    return raised
  }
  m.write(q.driver + 4 + 2 * q.size, 2, 1) // used_event: after the second
  assert.equal(go(), false)
  assert.equal(m.read(q.device + 4 + 8 * q.size, 2), 1, 'avail_event: notify of the second')
  assert.equal(go(), true)
  assert.equal(go(), false)
})

test('without event indices the driver can switch interrupts off', () => {
  const { q, system, lines } = setUp({ want: bit => bit !== F.EVENT_IDX })
  system.memory.write(q.driver, 2, 1)
  q.add(request(0, 1, [{ bytes: 512, write: true }]))
  q.kick()
  system.serve()
  assert.equal(q.used().length, 1)
  assert.equal(lines['0.irq'], false)
})
