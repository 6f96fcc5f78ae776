import { test } from 'node:test'
import assert from 'node:assert/strict'
import { virtioConsole } from './console.ts'
import { virtioMmio } from './mmio.ts'
import { virtioRng } from './rng.ts'
import { start, virtioBench } from './testing.ts'

function setUp(properties = {}) {
  const b = virtioBench(virtioMmio(virtioConsole), { 'force-legacy': false, ...properties })
  const chr = b.system.chr('dev')
  chr.connect(true)
  const [rx, tx] = start(b, () => true, 2)
  return { ...b, chr, rx: rx!, tx: tx! }
}
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const codes = (s: string) => [...new TextEncoder().encode(s)]

test('output goes to the host, and waits while it is slow', () => {
  const { tx, chr, system } = setUp()
  tx.add([{ bytes: 5, data: codes('hello') }])
  tx.kick()
  assert.equal(text(chr.take()), 'hello')
  assert.equal(tx.used().length, 1)
  for (let i = 0; i < 4; i++) tx.add([{ bytes: 20000, data: codes(`${i}`.repeat(20000)) }])
  tx.kick()
  assert.equal(tx.used().length, 3, 'the fourth does not fit into the ring')
  let all = ''
  for (let i = 0; i < 4; i++) {
    all += text(chr.take())
    system.pollChars()
  }
  assert.ok(all === [0, 1, 2, 3].map(i => `${i}`.repeat(20000)).join(''), 'everything, once and in order')
  assert.equal(tx.used().length, 1)
})

test('input comes in one buffer, and waits for one', () => {
  const { rx, chr, system, lines } = setUp()
  chr.give(Uint8Array.from(codes('abc')))
  system.pollChars()
  assert.equal(lines['0.irq'], false)
  rx.add([{ bytes: 16, write: true }])
  rx.kick()
  assert.deepEqual(rx.used().map(d => d.length), [3])
  assert.equal(text(rx.part(0).subarray(0, 3)), 'abc')
  assert.equal(lines['0.irq'], true)
})

test('more input than the device holds arrives completely', () => {
  const { rx, chr, system } = setUp()
  assert.equal(chr.give(new Uint8Array(1000).fill(0x61)), 1000)
  let total = 0
  for (let i = 0; i < 20 && total < 1000; i++) {
    rx.add([{ bytes: 100, write: true }])
    rx.kick()
    system.pollChars()
    for (const d of rx.used()) total += d.length
  }
  assert.equal(total, 1000)
})

test('size and emergency output', () => {
  const { regs, chr } = setUp({ columns: 132, rows: 43 })
  assert.deepEqual([regs.get(0x100, 2), regs.get(0x102, 2)], [132, 43])
  regs.set(0x108, 0x21)
  assert.equal(text(chr.take()), '!')
})

test('entropy', () => {
  const b = virtioBench(virtioMmio(virtioRng), { 'force-legacy': false })
  b.system.attach('dev', { fill: (into: Uint8Array) => void into.fill(0x77) })
  const [q] = start(b, () => true, 1, 8)
  q!.add([{ bytes: 24, write: true }])
  q!.kick()
  b.system.serve()
  assert.deepEqual(q!.used(), [{ id: 0, length: 24 }])
  assert.deepEqual([...q!.part(0)], Array(24).fill(0x77))
})
