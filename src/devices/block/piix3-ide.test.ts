import { test } from 'node:test'
import assert from 'node:assert/strict'
import type { BlockBackend } from '../../device/block.ts'
import { cpuWire } from '../../device/irq.ts'
import { bench } from '../../device/testing.ts'
import { changeDisc, pressEject } from './atapi.ts'
import { piix3Ide } from './piix3-ide.ts'

const PORTS = 2 ** 40, SECTORS = 4096, RAM = 0x10_0000
const io = (at: number) => ({ space: 'io', at })

/** A disk on the first channel; `later` makes it promise. Sector 99 is bad. */
function machine(options: { later?: boolean; writeCache?: boolean; kind?: 'cdrom' } = {}) {
  const { later = false, writeCache = true, kind } = options
  const bytes = new Uint8Array(SECTORS * 512).map((_, i) => i >> 9), log: string[] = []
  let held: (() => void)[] = []
  const answer = (what: () => void): void | Promise<void> => {
    if (!later) return what()
    return new Promise((resolve, reject) => held.push(() => {
      try {
        what()
        resolve()
      } catch (e) {
        reject(e)
      }
    }))
  }
  const each = (parts: readonly Uint8Array[], offset: number, use: (part: Uint8Array, at: number) => void) => {
    if (offset <= 99 * 512 && 99 * 512 < offset + parts.reduce((n, p) => n + p.length, 0)) throw new Error('bad sector')
    for (const part of parts) {
      use(part, offset)
      offset += part.length
    }
  }
  const disk: BlockBackend = {
    immediate: !later,
    read: (offset, into) =>
      answer(() => each(into, offset, (part, at) => part.set(bytes.subarray(at, at + part.length)))),
    write: (offset, from) => answer(() => each(from, offset, (part, at) => bytes.set(part, at))),
    flush: () => answer(() => void log.push('flush')),
    discard() {}, zero() {},
    failed: (what, error) => void log.push(`${what}: ${(error as Error).message}`),
  }
  const b = bench({
    name: 'ide', floating: 0xff,
    memory: [
      { kind: 'ram', name: 'ram', at: RAM, sizeBytes: 1 << 20, hostOffset: 0 },
      { kind: 'space', name: 'io', sizeBytes: 65536, views: [{ at: PORTS, offset: 0, sizeBytes: 65536 }] },
    ],
    devices: [{
      device: piix3Ide, id: 'ide',
      properties: { drives: [{ ...(kind && { kind }), media: { sizeBytes: SECTORS * 512, readOnly: false, writeCache }, model: 'ONE' }] },
      at: { primary: io(0x1f0), secondary: io(0x170), primaryControl: io(0x3f6), secondaryControl: io(0x376), bm: io(0xc000) },
      wires: { irq: [cpuWire(0, 'irq14'), cpuWire(0, 'irq15')] },
    }],
  })
  b.system.attach('ide', { units: [disk] })
  const out = (port: number, value: number, size = 1) => b.system.memory.write(PORTS + port, size, value)
  const read = (port: number, size = 1) => b.system.memory.read(PORTS + port, size)
  return {
    ...b, bytes, log, out, in: read,
    release() {
      const all = held
      held = []
      for (const go of all) go()
    },
    command(code: number, lba: number, count: number) {
      out(0x1f6, 0xe0)
      ;[count, lba & 0xff, lba >> 8, 0].forEach((v, i) => out(0x1f2 + i, v))
      out(0x1f7, code)
      b.system.serve()
    },
    table(...entries: [pa: number, length: number][]) {
      entries.forEach(([pa, length], i) => {
        b.system.memory.write(RAM + 8 * i, 4, pa)
        b.system.memory.write(RAM + 8 * i + 4, 4, length | (i === entries.length - 1 ? 0x8000_0000 : 0))
      })
      out(0xc004, RAM, 4)
    },
    dma(direction: number) {
      out(0xc000, 1 | direction)
      b.system.serve()
    },
    /** A packet; the answer in bytes, or the error register. */
    packet(...bytes: number[]): number[] | number {
      out(0x1f1, 0)
      out(0x1f4, 0)
      out(0x1f5, 8)
      out(0x1f7, 0xa0)
      for (let i = 0; i < 12; i += 2) out(0x1f0, (bytes[i] ?? 0) | (bytes[i + 1] ?? 0) << 8, 2)
      const answer: number[] = []
      for (b.system.serve(); read(0x3f6) & 8; b.system.serve())
        for (let left = read(0x1f4) | read(0x1f5) << 8; left > 0; left -= 2) {
          const word = read(0x1f0, 2)
          answer.push(...[word & 0xff, word >> 8].slice(0, left))
        }
      return read(0x3f6) & 1 ? read(0x1f1) : answer
    },
    irq: () => b.lines['0.irq14'] ?? false,
  }
}

test('reads and writes through the data register', () => {
  const m = machine()
  m.command(0x20, 7, 2)
  for (const sector of [7, 8]) {
    assert.deepEqual([m.irq(), m.in(0x1f7)], [true, 0x58])
    assert.equal(m.irq(), false, 'reading the status acknowledges')
    for (let i = 0; i < 128; i++) assert.equal(m.in(0x1f0, 4), 0x01010101 * sector)
    m.system.serve()
  }
  assert.deepEqual([m.in(0x1f7), m.in(0x1f2), m.in(0x1f3)], [0x50, 0, 9])
  m.command(0x30, 20, 1)
  assert.equal(m.irq(), false)
  for (let i = 0; i < 256; i++) m.out(0x1f0, 0xabcd, 2)
  m.system.serve()
  assert.deepEqual([m.irq(), m.in(0x1f7)], [true, 0x50])
  assert.deepEqual([...m.bytes.subarray(20 * 512 - 1, 20 * 512 + 2)], [19, 0xcd, 0xab])
  assert.equal(m.bytes[21 * 512], 21)
})

test('bus master transfers, into scattered memory', () => {
  const m = machine()
  m.table([RAM + 0x1002, 600], [RAM + 0x4000, 424])
  m.command(0xc8, 30, 2)
  assert.deepEqual([m.in(0x1f7), m.irq()], [0x58, false], 'waits for the bus master')
  m.dma(8)
  assert.deepEqual([m.in(0xc002), m.irq(), m.in(0x1f7)], [4, true, 0x50])
  const at = (pa: number) => m.system.memory.read(pa, 1)
  assert.deepEqual([0x1001, 0x1002, 0x1201, 0x1202, 0x1259, 0x125a, 0x4000, 0x41a7, 0x41a8].map(o => at(RAM + o)),
    [0, 30, 30, 31, 31, 0, 31, 31, 0])
  m.out(0xc000, 0)
  m.out(0xc002, 4)
  m.table([RAM + 0x1002, 4096])
  m.command(0xca, 50, 1)
  m.dma(0)
  assert.deepEqual([m.in(0xc002) & 5, m.bytes[50 * 512], m.bytes[51 * 512 - 1]], [5, 30, 30], 'memory is left over')
})

test('what is beyond the end, and what the medium refuses', () => {
  const m = machine()
  m.command(0x20, 4096, 1)
  assert.deepEqual([m.in(0x1f7), m.in(0x1f1)], [0x41, 4])
  m.command(0x20, 99, 1)
  assert.deepEqual([m.in(0x1f7), m.in(0x1f1)], [0x41, 4])
  m.table([RAM + 0x1000, 1024])
  m.command(0xc8, 98, 2)
  m.dma(8)
  assert.deepEqual([m.in(0x1f7), m.in(0xc002) & 1], [0x41, 0])
  assert.deepEqual(m.log, ['read: bad sector', 'read: bad sector'])
  m.command(0xb0, 0, 1)
  assert.equal(m.in(0x1f7), 0x41, 'no SMART')
})

test('a back end that takes its time; a reset calls its work off', async () => {
  const m = machine({ later: true })
  m.command(0x20, 5, 1)
  assert.equal(m.in(0x3f6), 0xd0)
  m.release()
  await m.system.drain()
  assert.deepEqual([m.in(0x3f6), m.in(0x1f0, 2)], [0x58, 0x0505])
  m.out(0x3f6, 6)
  m.out(0x3f6, 0)
  m.command(0x20, 6, 1)
  m.out(0x3f6, 4)
  m.out(0x3f6, 0)
  m.command(0x20, 8, 1)
  m.release() // of what was called off
  await new Promise(setImmediate)
  assert.deepEqual([m.in(0x3f6), m.irq(), m.in(0x1f0, 2)], [0xd0, false, 0])
  m.system.serve()
  m.release()
  await m.system.drain()
  assert.deepEqual([m.in(0x3f6), m.in(0x1f0, 2)], [0x58, 0x0808])
})

test('without a write cache every write is followed by a flush', () => {
  const m = machine({ writeCache: false })
  m.command(0x30, 20, 1)
  for (let i = 0; i < 256; i++) m.out(0x1f0, 0, 2)
  m.system.serve()
  assert.deepEqual([m.log, m.irq()], [['flush'], true])
})

const SENSE = [0x03, 0, 0, 0, 18], EVENTS = [0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8]

test('a disc is read; what is odd is padded, what is bad is told', () => {
  const m = machine({ kind: 'cdrom' })
  assert.deepEqual([m.packet(0x12, 0, 0, 0, 5), m.irq()], [[5, 0x80, 0, 0x21, 31], true])
  const sectors = m.packet(0x28, 0, 0, 0, 0, 2, 0, 0, 2) as number[]
  assert.equal(sectors.length, 4096)
  assert.deepEqual([0, 512, 2048, 4095].map(at => sectors[at]), [8, 9, 12, 15])
  assert.equal(m.packet(0x28, 0, 0, 0, 0, 24, 0, 0, 1), 0x30)
  assert.deepEqual([2, 12].map(i => (m.packet(...SENSE) as number[])[i]), [3, 0], 'told once')
  assert.deepEqual(m.log, ['read: bad sector'])
})

test('the tray: locked, opened, another disc', () => {
  const m = machine({ kind: 'cdrom' }), unit = (use: (u: any) => unknown) => m.system.instance('ide').call(s => use(s.unit[0]))
  const sense = () => {
    const told = m.packet(...SENSE) as number[]
    return [told[2], told[12]]
  }
  const event = () => (m.packet(...EVENTS) as number[]).slice(4, 6)
  assert.deepEqual(event(), [0, 2])
  m.packet(0x1e, 0, 0, 0, 1)
  assert.equal(unit(pressEject), false)
  assert.deepEqual([event(), event()], [[1, 2], [0, 2]], 'the request is told once')
  assert.equal(m.packet(0x1b, 0, 0, 0, 2), 0x20)
  assert.deepEqual(sense(), [2, 0x53])
  m.packet(0x1e, 0, 0, 0, 0)
  assert.equal(unit(pressEject), true)
  assert.equal(m.packet(0), 0x20)
  assert.deepEqual([sense(), event()], [[2, 0x3a], [0, 1]])
  unit(u => changeDisc(u, 1 << 20))
  assert.deepEqual(event(), [2, 2])
  assert.deepEqual([m.packet(0), sense()], [0x20, [2, 0x3a]])
  assert.deepEqual([m.packet(0), sense()], [0x60, [6, 0x28]])
  assert.deepEqual(m.packet(0), [])
  assert.deepEqual(m.packet(0x25), [0, 0, 1, 0xff, 0, 0, 8, 0])
  unit(u => changeDisc(u, 0))
  assert.deepEqual([m.packet(0x25), sense()], [0x20, [2, 0x3a]])
})
