import { test } from 'node:test'
import assert from 'node:assert/strict'
import { viewsOf } from '../state/views.ts'
import { dirtyMapAt, dirtyMapBytes } from './dirty.ts'
import { PhysicalMemory } from './physical.ts'
import { container, place, ram } from './regions.ts'

test('what was marked is taken once, in every thread', () => {
  const views = viewsOf(new SharedArrayBuffer(64)), bytes = 40 * 4096
  assert.equal(dirtyMapBytes(bytes), 8)
  const one = dirtyMapAt(views, 8, bytes), other = dirtyMapAt(views, 8, bytes)
  one.markDirty(4095, 2)
  one.markDirty(39 * 4096, 4096)
  one.markDirty(0, 0)
  const taken = other.takeDirty()
  assert.deepEqual([taken.has(0, 1), taken.has(4096, 4096), taken.has(8192, 30 * 4096)], [true, true, false])
  assert.deepEqual([taken.has(31 * 4096, 8 * 4096), taken.has(38 * 4096, 4097)], [false, true])
  assert.equal(one.takeDirty().any, false)
  one.markDirty(40 * 4096, 4096) // beyond its end
  assert.equal(one.takeDirty().any, false)
  assert.deepEqual([views.i32[0], views.i32[1], views.i32[4]], [0, 0, 0], 'nothing else was written')
  one.markAll()
  assert.equal(one.takeDirty().has(39 * 4096, 4096), true)
})

test('writes through physical memory are noted, however they come', () => {
  const views = viewsOf(new SharedArrayBuffer(1 << 20)), root = container('root', 2 ** 32)
  const map = dirtyMapAt(views, 0, 0x8000)
  place(root, 0xe000_0000, ram('fb', 0x10000, 0x8000, map))
  place(root, 0, ram('ram', 0x20000, 0x8000))
  const m = new PhysicalMemory({ views, root })
  const pages = () => {
    const taken = map.takeDirty()
    return Array.from({ length: 8 }, (_, i) => i).filter(i => taken.has(i * 4096, 4096))
  }
  m.write(0xe000_1ffe, 4, 1)
  assert.deepEqual(pages(), [1, 2])
  m.writeBytes(0xe000_3000, new Uint8Array(4097))
  assert.deepEqual(pages(), [3, 4])
  m.write(0x1000, 4, 1)
  m.read(0xe000_0000, 4)
  assert.deepEqual(pages(), [])
  m.written(0xe000_7ff0, 64)
  assert.deepEqual(pages(), [7])
})
