import { test } from 'node:test'
import assert from 'node:assert/strict'
import { bench } from '../../device/testing.ts'
import { cpuWire } from '../../device/irq.ts'
import { plugPci, type PciPlugged } from '../../device/pci-bus.ts'
import { gpexPcihost, gpexRoot } from '../pci/gpex.ts'
import { virtioBlk } from './blk.ts'
import { virtioPci } from './pci.ts'
import { virtioRng } from './rng.ts'
import { RAM, RAM_BYTES, start } from './testing.ts'

const ECAM = 0x3000_0000, MMIO = 0x4000_0000, PIO = 0x300_0000
const blk = virtioPci(virtioBlk), rng = virtioPci(virtioRng)

function setUp(
  devices: readonly PciPlugged[] = [
    { device: blk, id: 'blk', properties: { media: { sizeBytes: 1 << 20, readOnly: false } } },
  ],
) {
  const lines = [0, 1, 2, 3].map(i => cpuWire(0, `int${i}`)) as [any, any, any, any]
  const b = bench({
    name: 'pci',
    memory: [
      { kind: 'ram', name: 'ram', at: RAM, sizeBytes: RAM_BYTES, hostOffset: 0 },
      {
        kind: 'space',
        name: 'pci-memory',
        sizeBytes: 2 ** 53,
        views: [
          { at: MMIO, offset: MMIO, sizeBytes: 0x4000_0000 },
          { at: 2 ** 34, offset: 2 ** 34, sizeBytes: 2 ** 34 },
        ],
      },
      {
        kind: 'space',
        name: 'pci-io',
        sizeBytes: 0x1_0000,
        views: [{ at: PIO, offset: 0, sizeBytes: 0x1_0000 }],
      },
    ],
    devices: [
      { device: gpexPcihost, id: 'pcie.0', at: { ecam: ECAM } },
      ...plugPci({ bus: 'pcie.0', memory: 'pci-memory', io: 'pci-io', intx: lines }, [
        { device: gpexRoot, id: 'root' }, ...devices,
      ]),
    ],
  })
  const m = b.system.memory
  const cfg = (slot: number, reg: number) => ECAM + slot * 0x8000 + reg
  return {
    ...b, m,
    get: (slot: number, reg: number, size = 4) => m.read(cfg(slot, reg), size),
    set: (slot: number, reg: number, value: number, size = 4) => m.write(cfg(slot, reg), size, value),
  }
}
/** Regions of slot 1 placed and switched on. */
function placed(devices?: readonly PciPlugged[]) {
  const b = setUp(devices)
  b.set(1, 0x10, 0x1000)
  b.set(1, 0x14, MMIO)
  b.set(1, 0x20, 0)
  b.set(1, 0x24, 4)
  b.set(1, 0x04, 7, 2)
  return { ...b, io: PIO + 0x1000, msix: MMIO, modern: 2 ** 34 }
}

test('identity, sizing, capabilities', () => {
  const { get, set } = setUp()
  assert.equal(get(0, 0), 0x0008_1b36)
  assert.equal(get(1, 0), 0x1001_1af4)
  assert.equal(get(2, 0), 0xffff_ffff, 'nobody there')
  assert.equal(get(1, 0x100), 0xffff_ffff, 'no extended configuration space')
  assert.equal(get(1, 8), 0x0100_0000)
  const sizes = [0x10, 0x14, 0x18, 0x20, 0x24].map(reg => {
    set(1, reg, 0xffff_ffff)
    return get(1, reg)
  })
  assert.deepEqual(sizes, [0xffff_ff81, 0xffff_f000, 0, 0xffff_c00c, 0xffff_ffff])
  const found: number[][] = []
  for (let at = get(1, 0x34, 1); at; at = get(1, at + 1, 1))
    found.push([at, get(1, at, 1), get(1, at + 3, 1)])
  assert.deepEqual(found, [
    [0x98, 0x11, 0], [0x84, 9, 5], [0x70, 9, 2], [0x60, 9, 4], [0x50, 9, 3], [0x40, 9, 1],
  ])
})

test('regions follow base addresses and the command register', () => {
  const { set, m, modern, io } = placed()
  assert.equal(m.read(modern + 18, 2), 1, 'num_queues')
  assert.equal(m.read(io + 12, 2), 256, 'legacy queue size')
  set(1, 0x20, 0x10_0000)
  assert.equal(m.read(modern + 0x10_0000 + 18, 2), 1)
  assert.equal(m.mapped(modern + 18, 2), false)
  set(1, 0x04, 1, 2)
  assert.equal(m.mapped(modern + 0x10_0000, 4), false)
  assert.equal(m.mapped(io, 4), true)
})

test('explicit addresses, functions, and conflicts', () => {
  const rngAt = (id: string, addr?: string, more = {}) => ({
    device: rng,
    id,
    properties: { ...(addr && { addr }), ...more },
  })
  const { get } = setUp([rngAt('a', '05.0', { multifunction: true }), rngAt('b', '5.1'), rngAt('c')])
  assert.equal(get(5, 0), 0x1005_1af4)
  assert.equal(get(5, 0x0e, 1), 0x80)
  assert.equal(get(5, 0x1000), 0x1005_1af4, 'function 1')
  assert.equal(get(1, 0), 0x1005_1af4)
  assert.throws(() => setUp([rngAt('a', '1'), rngAt('b', '01.0')]), { code: 'board.badConfig' })
  assert.throws(() => setUp([rngAt('a', '40')]), { code: 'device.badProperty' })
  assert.throws(() => setUp(Array.from({ length: 32 }, (_, i) => rngAt(`r${i}`))), {
    code: 'board.badConfig',
  })
})

/** The driver of testing.ts speaks to the modern region as if it were the MMIO transport. */
function driven(b: ReturnType<typeof placed>) {
  let queue = 0
  const common: { [mmio: number]: [number, number] } = {
    0x14: [0, 4], 0x10: [4, 4], 0x24: [8, 4], 0x20: [12, 4], 0x70: [20, 1], 0x30: [22, 2], 0x38: [24, 2],
    0x44: [28, 2],
    0x80: [32, 4], 0x84: [36, 4], 0x90: [40, 4], 0x94: [44, 4], 0xa0: [48, 4], 0xa4: [52, 4],
  }
  return {
    ...b,
    regs: {
      get: (offset: number) => b.m.read(b.modern + common[offset]![0], common[offset]![1]),
      set(offset: number, value: number) {
        if (offset === 0x30) queue = value
        void queue
        if (offset === 0x50) b.m.write(b.modern + 0x3000 + 4 * value, 2, value)
        else b.m.write(b.modern + common[offset]![0], common[offset]![1], value)
      },
    },
  }
}
const entropy = { fill: (into: Uint8Array) => void into.fill(0x33) }
const line = (b: ReturnType<typeof placed>) => b.lines['0.int1'] ?? false // slot 1, INTA

test('a queue works through the modern region, with INTx', () => {
  const b = driven(placed([{ device: rng, id: 'rng' }]))
  b.system.attach('rng', entropy)
  const [q] = start(b, () => true, 1, 8)
  q!.add([{ bytes: 8, write: true }])
  q!.kick()
  b.system.serve()
  assert.equal(q!.used().length, 1)
  assert.equal(line(b), true)
  assert.equal(b.get(1, 6, 2) & 8, 8, 'interrupt status')
  b.set(1, 4, 0x407, 2)
  assert.equal(line(b), false, 'switched off')
  b.set(1, 4, 0x7, 2)
  assert.equal(line(b), true)
  assert.equal(b.m.read(b.modern + 0x1000, 1), 1, 'ISR')
  assert.equal(line(b), false)
})

test('no bus master, no access to memory', () => {
  const b = driven(placed([{ device: rng, id: 'rng' }]))
  b.system.attach('rng', entropy)
  const [q] = start(b, () => true, 1, 8)
  b.set(1, 4, 3, 2)
  q!.add([{ bytes: 8, write: true }])
  q!.kick()
  b.system.serve()
  assert.equal(q!.used().length, 0)
  b.set(1, 4, 7, 2)
  b.system.serve()
  assert.equal(q!.used().length, 1)
})

test('MSI-X: messages, masks, pending bits', () => {
  const b = driven(placed([{ device: rng, id: 'rng' }]))
  b.system.attach('rng', entropy)
  const [q] = start(b, () => true, 1, 8)
  const mailbox = RAM + 0x100, entry = b.msix + 16
  const round = () => {
    q!.add([{ bytes: 8, write: true }])
    q!.kick()
    b.system.serve()
    assert.equal(q!.used().length, 1)
    const got = b.m.read(mailbox, 4)
    b.m.write(mailbox, 4, 0)
    return got
  }
  b.m.write(entry, 4, mailbox)
  b.m.write(entry + 8, 4, 0x1234)
  b.m.write(b.modern + 22, 2, 0)
  b.m.write(b.modern + 26, 2, 9)
  assert.equal(b.m.read(b.modern + 26, 2), 0xffff, 'there are two vectors')
  b.m.write(b.modern + 26, 2, 1)
  assert.equal(round(), 0)
  assert.equal(line(b), true, 'not enabled yet')
  b.set(1, 0x9a, 0x8000, 2)
  assert.equal(line(b), false)
  assert.equal(round(), 0, 'masked from reset')
  assert.equal(b.m.read(b.msix + 0x800, 4), 2)
  b.m.write(entry + 12, 4, 0)
  assert.equal(b.m.read(mailbox, 4), 0x1234, 'sent when unmasked')
  assert.equal(b.m.read(b.msix + 0x800, 4), 0)
  b.m.write(mailbox, 4, 0)
  assert.equal(round(), 0x1234)
  b.set(1, 0x9a, 0xc000, 2)
  assert.equal(round(), 0, 'function mask')
  b.set(1, 0x9a, 0x8000, 2)
  assert.equal(b.m.read(mailbox, 4), 0x1234)
})

test('the configuration window reaches the region', () => {
  const { set, get } = setUp()
  set(1, 0x88, 4, 1)
  set(1, 0x8c, 18)
  set(1, 0x90, 2)
  assert.equal(get(1, 0x94, 2), 1, 'num_queues')
  set(1, 0x8c, 20)
  set(1, 0x90, 1)
  set(1, 0x94, 3, 1)
  assert.equal(get(1, 0x94, 1), 3, 'device_status')
})

test('the legacy region', () => {
  const b = placed([{ device: rng, id: 'rng', properties: { 'disable-modern': true } }])
  b.system.attach('rng', entropy)
  b.set(1, 4, 3, 2)
  b.m.write(b.io + 18, 1, 3)
  assert.equal(b.get(1, 4, 2), 7, 'the driver relies on it being a bus master')
  const queue = RAM + 0x1000, size = b.m.read(b.io + 12, 2)
  b.m.write(b.io + 8, 4, queue / 4096)
  assert.equal(size, 8)
  b.m.writeWide(queue, RAM + 0x4000, 0)
  b.m.write(queue + 8, 4, 5)
  b.m.write(queue + 12, 2, 2)
  b.m.write(queue + 16 * size + 2, 2, 1)
  b.m.write(b.io + 16, 2, 0)
  b.system.serve()
  assert.equal(b.m.read(queue + 4096 + 2, 2), 1, 'used index')
  assert.equal(b.m.read(queue + 4096 + 8, 4), 5)
  assert.equal(line(b), true)
  assert.equal(b.m.read(b.io + 19, 1), 1)
  assert.equal(line(b), false)
})
