import { test } from 'node:test'
import assert from 'node:assert/strict'
import { virtioMmio } from './mmio.ts'
import { pop, push, signal } from './queue.ts'
import { gather, MAX_CHAIN, scatter, type Core, type CoreIo } from './ring.ts'
import { virtioRng } from './rng.ts'
import { RAM, start, virtioBench } from './testing.ts'

function setUp(packed: boolean, want: (bit: number) => boolean = () => true) {
  const b = virtioBench(virtioMmio(virtioRng), { 'force-legacy': false, packed })
  const [q] = start(b, want, 1)
  const { state, io } = b.system.instance('dev')
  return { ...b, q: q!, s: state as Core, io: io as CoreIo }
}

for (const packed of [false, true]) {
  const format = packed ? 'packed' : 'split'

  test(`a buffer that comes while the device asks for a notification is not overlooked (${format})`, () => {
    const { q, s, io } = setUp(packed)
    let late = true
    // The device looks up its area between seeing an empty ring and asking: a vCPU may be as fast as that.
    const dma = {
      ...io.dma,
      runAt(pa: number) {
        if (pa === q.device && late) {
          late = false
          q.add([{ bytes: 4, write: true }])
        }
        return io.dma.runAt(pa)
      },
    }
    const chain = pop(s, { ...io, dma }, 0)
    assert.equal(late, false)
    assert.equal(chain?.writableBytes, 4)
  })

  test(`buffers come back in any order (${format})`, () => {
    const { q, s, io } = setUp(packed)
    const ids = [3, 1, 2].map(n => q.add(Array.from({ length: n }, () => ({ bytes: 8, write: true }))))
    const chains = ids.map(() => pop(s, io, 0)!)
    assert.deepEqual(chains.map(c => c.id), ids)
    for (const i of [1, 2, 0]) push(s, io, 0, chains[i]!, i)
    signal(s, io, 0)
    assert.deepEqual(q.used(), [1, 2, 0].map(i => ({ id: ids[i], length: i })))
  })

  test(`bytes are gathered from and scattered over descriptors (${format})`, () => {
    const { q, s, io } = setUp(packed)
    q.add([
      { bytes: 3, data: [1, 2, 3] },
      { bytes: 2, data: [4, 5] },
      { bytes: 2, write: true },
      { bytes: 5, write: true },
    ])
    const chain = pop(s, io, 0)!
    assert.deepEqual([...gather(io.dma, chain, 1, 100)], [2, 3, 4, 5])
    assert.deepEqual([...gather(io.dma, chain, 9, 1)], [])
    assert.equal(scatter(io.dma, chain, 1, Uint8Array.of(7, 8, 9)), 3)
    assert.deepEqual([...q.part(2), ...q.part(3)], [0, 7, 8, 9, 0, 0, 0])
    assert.equal(scatter(io.dma, chain, 5, new Uint8Array(10)), 2, 'no further than the room')
  })

  test(`a chain may be as long as the limit, through a table (${format})`, () => {
    const { q, s, io, system } = setUp(packed)
    const table = RAM + 0x4_0000
    const long = (entries: number) => {
      for (let i = 0; i < entries; i++) {
        const at = table + 16 * i
        system.memory.writeWide(at, RAM, 0)
        system.memory.write(at + 8, 4, 1)
        system.memory.write(at + 12, 2, packed ? 0 : i < entries - 1 ? 1 : 0)
        system.memory.write(at + 14, 2, packed ? 0 : i + 1)
      }
      q.add([{ bytes: 16 * entries, at: table }])
      // What was added is a plain buffer: the flag makes it a table.
      const index = entries === MAX_CHAIN ? 0 : 1
      const at = q.desc + 16 * index + (packed ? 14 : 12)
      system.memory.write(at, 2, system.memory.read(at, 2) | 4)
      return pop(s, io, 0)
    }
    assert.equal(long(MAX_CHAIN)?.readableBytes, MAX_CHAIN)
    assert.equal(long(MAX_CHAIN + 1), undefined)
    assert.equal(s.broken, 1)
  })
}
