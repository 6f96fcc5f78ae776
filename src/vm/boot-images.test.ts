import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bootImages } from './boot-images.ts'
import type { MachinePlan } from './plan/plan.ts'

const planOf = (bytes: () => Uint8Array): MachinePlan => {
  const read = () => ({ boot: { kind: 'reset', entry: 0 }, images: [{ name: 'kernel', pa: 0x1000, bytes: bytes() }] })
  return { ...read(), readBoot: async () => read() } as unknown as MachinePlan
}

test('images are read once for the start, and again for each reset', async () => {
  let reads = 0
  const images = bootImages({ kernel: 'Image' }, planOf(() => new Uint8Array(16).fill(++reads)))
  assert.deepEqual(images.extents, [{ name: 'kernel', pa: 0x1000, sizeBytes: 16 }])
  const loaded: number[] = []
  let last: Uint8Array | undefined
  for (let i = 0; i < 3; i++) await images.load(({ bytes }) => { loaded.push((last = bytes)[0]!) })
  assert.deepEqual(loaded, [1, 2, 3])
  assert.equal(last!.length, 0) // its memory was given back
})

test('what the user handed in is left alone', async () => {
  const kernel = new Uint8Array(16).fill(7), images = bootImages({ kernel }, planOf(() => kernel))
  await images.load(() => {})
  assert.equal(kernel[15], 7)
})

test('a file that has changed its size stops the reset', async () => {
  let size = 16
  const images = bootImages({ kernel: 'Image' }, planOf(() => new Uint8Array(size)))
  await images.load(() => {})
  size = 12
  await assert.rejects(images.load(() => {}), /have changed/)
})
