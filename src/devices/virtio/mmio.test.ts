import { test } from 'node:test'
import assert from 'node:assert/strict'
import { virtioMmio, virtioMmioEmpty } from './mmio.ts'
import { virtioRng } from './rng.ts'
import { RAM, virtioBench } from './testing.ts'

test('a legacy driver sets the page size, resets the device, and uses its queue', () => {
  const b = virtioBench(virtioMmio(virtioRng)), { get, set } = b.regs, m = b.system.memory
  b.system.attach('dev', { fill: (into: Uint8Array) => void into.fill(0x55) })
  assert.equal(get(4), 1)
  set(0x28, 4096)
  set(0x70, 0)
  set(0x70, 3)
  set(0x30, 0)
  assert.equal(get(0x40), 0)
  set(0x38, 8)
  set(0x3c, 4096)
  const queue = RAM + 0x1000, used = queue + 4096
  set(0x40, queue / 4096)
  assert.equal(get(0x40), queue / 4096)
  m.writeWide(queue, RAM + 0x4000, 0)
  m.write(queue + 8, 4, 5)
  m.write(queue + 12, 2, 2)
  m.write(queue + 16 * 8 + 2, 2, 1)
  set(0x50, 0)
  b.system.serve()
  assert.equal(m.read(used + 2, 2), 1, 'used index')
  assert.equal(m.read(used + 8, 4), 5)
  assert.equal(m.read(RAM + 0x4000, 1), 0x55)
  assert.equal(b.lines['0.irq'], true)
  set(0x40, 0)
  assert.equal(b.lines['0.irq'], false, 'a queue address of 0 resets the device')
  assert.equal(get(0x70), 0)
})

test('a slot without a device says so', () => {
  const { get, set } = virtioBench(virtioMmioEmpty).regs
  set(0x70, 1)
  assert.deepEqual([get(0), get(8), get(0x70), get(0x100)], [0x74726976, 0, 0, 0])
})
