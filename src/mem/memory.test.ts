import { test } from 'node:test'
import assert from 'node:assert/strict'
import { viewsOf } from '../state/views.ts'
import { PhysicalMemory } from './physical.ts'
import {
  alias,
  container,
  defaultRules,
  flatten,
  mmio,
  place,
  ram,
  rom,
  type AccessRules,
  type MmioOps,
} from './regions.ts'
import { windowsAt, windowsBytes } from './windows.ts'

const silent: MmioOps = { rules: defaultRules, read: () => 0, write: () => {} }

/** Bytes that count up; every access is written down. */
function recorder(
  rules: Partial<{ valid: Partial<AccessRules['valid']>; impl: Partial<AccessRules['impl']> }> = {},
) {
  const log: string[] = []
  const ops: MmioOps = {
    rules: {
      valid: { ...defaultRules.valid, ...rules.valid },
      impl: { ...defaultRules.impl, ...rules.impl },
    },
    read(offset, size) {
      log.push(`r${size}@${offset}`)
      let value = 0
      for (let i = 0; i < Math.min(size, 4); i++) value |= ((offset + i) & 0xff) << (8 * i)
      return value >>> 0
    },
    write(offset, value, size) { log.push(`w${size}@${offset}=${value.toString(16)}`) },
  }
  return { ops, log }
}

const flat = (root: ReturnType<typeof container>) =>
  flatten(root).map(
    r => `${r.start.toString(16)}-${r.end.toString(16)} ${r.region.name}+${r.offset.toString(16)}`,
  )

test('priorities, holes, aliases and nesting flatten as drawn', () => {
  const root = container('root', 0x10000), bus = container('bus', 0x1000)
  place(root, 0, ram('ram', 0, 0x8000))
  place(root, 0x2000, mmio('over', 0x100, silent), 1)
  place(root, 0x7f00, mmio('under', 0x200, silent), -1)
  place(bus, 0x10, mmio('d', 0x20, silent))
  place(root, 0x9000, bus)
  place(root, 0xa000, alias('half', bus, 0x20, 0x100))
  assert.deepEqual(flat(root), [
    '0-2000 ram+0',
    '2000-2100 over+0',
    '2100-8000 ram+2100',
    '8000-8100 under+100',
    '9010-9030 d+0',
    'a000-a010 d+10',
  ])
})

test('flattening random trees agrees with asking byte by byte', () => {
  let x = 12345
  const below = (n: number) => ((x = (Math.imul(x, 1103515245) + 12345) >>> 0) >>> 8) % n
  for (let round = 0; round < 60; round++) {
    const root = container('root', 256), inner = container('inner', 100)
    const leaves = Array.from({ length: 6 }, (_, i) => mmio(`m${i}`, 1 + below(60), silent))
    const spots = leaves.map((leaf, i) => ({
      leaf,
      at: below(200),
      priority: below(4),
      into: i % 3 === 2 ? inner : root,
      order: i,
    }))
    for (const s of spots) place(s.into, s.at, s.leaf, s.priority)
    const innerAt = below(150), innerPriority = below(4)
    place(root, innerAt, inner, innerPriority)
    const ranges = flatten(root)
    for (let i = 1; i < ranges.length; i++) assert.ok(ranges[i - 1]!.end <= ranges[i]!.start)
    const pick = (list: typeof spots, pa: number) =>
      list
        .filter(s => pa >= s.at && pa < s.at + s.leaf.sizeBytes)
        .sort((a, b) => b.priority - a.priority || b.order - a.order)[0]
    for (let pa = 0; pa < 256; pa++) {
      const outer = pick(
        spots.filter(s => s.into === root),
        pa,
      )
      const nested =
        pa >= innerAt && pa < innerAt + 100
          ? pick(
              spots.filter(s => s.into === inner),
              pa - innerAt,
            )
          : undefined
      const wins = nested && (!outer || innerPriority >= outer.priority) ? nested : outer
      const found = ranges.find(r => pa >= r.start && pa < r.end)
      assert.equal(found?.region.name, wins?.leaf.name, `round ${round}, address ${pa}`)
    }
  }
})

function memory(rules?: Parameters<typeof recorder>[0]) {
  const root = container('root', 2 ** 53), dev = recorder(rules)
  place(root, 0x8000_0000, ram('ram', 0x1000, 0x1000))
  place(root, 0x8000_1000, rom('rom', 0x2000, 0x1000))
  place(root, 0x9000_0000, mmio('dev', 0x100, dev.ops))
  return { m: new PhysicalMemory({ views: viewsOf(new SharedArrayBuffer(0x4000)), root }), ...dev }
}

test('RAM and ROM: addresses, all sizes, across their border', () => {
  const { m } = memory(),
    pair = new Uint32Array(2)
  assert.deepEqual(
    [m.ramAt(0x8000_0010), m.ramAt(0x8000_1000), m.ramAt(0x7fff_ffff), m.readableAt(0x8000_1004)],
    [0x1010, -1, -1, 0x2004],
  )
  assert.deepEqual(
    [m.isRom(0x8000_1000), m.isRom(0x8000_0000), m.runAt(0x8000_0ff0), m.runAt(0)],
    [true, false, 16, 0],
  )
  m.writeWide(0x8000_0003, 0x89abcdef, 0x01234567)
  m.readWide(0x8000_0003, pair)
  assert.deepEqual([...pair], [0x89abcdef, 0x01234567])
  assert.deepEqual(
    [m.read(0x8000_0004, 1), m.read(0x8000_0004, 2), m.read(0x8000_0004, 4)],
    [0xcd, 0xabcd, 0x6789abcd],
  )
  m.writeBytes(0x8000_1000, Uint8Array.of(0xaa, 0xbb), true)
  m.write(0x8000_0ffe, 4, 0x11223344) // the ROM half stays
  assert.equal(m.read(0x8000_0ffe, 4), 0xbbaa3344)
})

test('nothing there: reads float, writes vanish, blocks say so', () => {
  const { m } = memory(), bytes = new Uint8Array(8).fill(1)
  assert.deepEqual([m.read(0x100, 4), m.mapped(0x100, 1), m.mapped(0x8000_1ffc, 8)], [0, false, false])
  m.write(2 ** 52, 4, 5)
  assert.equal(m.readBytes(0x8000_1ffc, bytes), false)
  assert.deepEqual([...bytes], [0, 0, 0, 0, 0, 0, 0, 0])
  assert.equal(m.writeBytes(0x9000_0000, bytes), false, 'no block access to devices')
  assert.equal(m.writeBytes(0x8000_1000, bytes), false, 'nor to ROM')
  const pc = new PhysicalMemory({ views: m.views, root: container('empty', 2 ** 53), floating: 0xff })
  assert.deepEqual([pc.read(0, 1), pc.read(0, 2), pc.read(0, 4)], [0xff, 0xffff, 0xffffffff])
})

test('device accesses are passed, split, widened or refused by size', () => {
  const D = 0x9000_0000, pair = new Uint32Array(2)
  const plain = memory()
  assert.deepEqual(
    [plain.m.read(D + 3, 1), plain.m.read(D + 4, 2), plain.m.read(D + 8, 4)],
    [3, 0x0504, 0x0b0a0908],
  )
  plain.m.readWide(D + 8, pair)
  plain.m.writeWide(D, 1, 2)
  assert.deepEqual(plain.log, ['r1@3', 'r2@4', 'r4@8', 'r4@8', 'r4@12', 'w4@0=1', 'w4@4=2'])
  assert.deepEqual([...pair], [0x0b0a0908, 0x0f0e0d0c])
  assert.deepEqual(
    [plain.m.read(D + 2, 4), plain.m.mapped(D + 2, 4), plain.m.mapped(D + 4, 4)],
    [0, false, true],
    'not aligned',
  )

  const narrow = memory({ impl: { max: 1 } })
  assert.equal(narrow.m.read(D + 4, 4), 0x07060504)
  narrow.m.write(D, 2, 0xaabb)
  assert.deepEqual(narrow.log, ['r1@4', 'r1@5', 'r1@6', 'r1@7', 'w1@0=bb', 'w1@1=aa'])

  const words = memory({ valid: { min: 4, max: 4 } })
  assert.deepEqual([words.m.read(D, 1), words.m.read(D, 2), words.m.mapped(D, 8)], [0, 0, false])
  words.m.writeWide(D, 1, 2)
  assert.deepEqual(words.log, [])

  const wide = memory({ impl: { min: 4, max: 4 } })
  assert.equal(wide.m.read(D + 4, 1), 4)
  assert.deepEqual(wide.log, ['r4@4'])

  const whole = memory({ impl: { max: 8 } })
  whole.m.readWide(D, pair)
  assert.deepEqual([whole.log, [...pair]], [['r8@0'], [0x03020100, 0]])
})

test('writes to RAM are reported, those of loaders too', () => {
  const { m } = memory(), seen: string[] = []
  m.onWritten = (pa, n) => seen.push(`${pa.toString(16)}+${n}`)
  m.write(0x8000_0000, 2, 1)
  m.writeWide(0x8000_0008, 1, 2)
  m.writeBytes(0x8000_0ff0, new Uint8Array(32), true)
  m.read(0x8000_0000, 4)
  assert.deepEqual(seen, ['80000000+2', '80000008+4', '8000000c+4', '80000ff0+16', '80001000+16'])
})

test('windows move for every thread that shares them', () => {
  const buffer = new SharedArrayBuffer(0x4000)
  const thread = () => {
    const views = viewsOf(buffer), windows = windowsAt(views, 0x3000, 2), root = container('root', 2 ** 53)
    const bars = [0, 1].map(i => {
      const d = recorder()
      place(root, windows.window(i).at, mmio(`bar${i}`, 0x10, d.ops), i)
      return d
    })
    return { windows, bars, m: new PhysicalMemory({ views, root, generation: windows }) }
  }
  assert.ok(windowsBytes(2) < 0x1000)
  const a = thread(), b = thread()
  a.windows.window(0).moveTo(0x5000)
  assert.deepEqual([a.m.read(0x5004, 1), b.m.read(0x5004, 1), b.m.read(0x6004, 1)], [4, 4, 0])
  b.windows.window(0).moveTo(0x6000)
  assert.deepEqual([a.m.read(0x5004, 1), a.m.read(0x6004, 1)], [0, 4])
  a.windows.window(1).moveTo(0x6000)
  b.m.read(0x6000, 1)
  assert.deepEqual([b.bars[0]!.log.length, b.bars[1]!.log.length], [1, 1], 'the later one covers the earlier')
  b.windows.window(1).disable()
  assert.equal(a.m.read(0x6008, 1), 8)
  assert.equal(a.bars[0]!.log.at(-1), 'r1@8')
  a.windows.reset()
  assert.equal(b.m.mapped(0x6000, 1), false)
})
