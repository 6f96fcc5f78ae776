import { test } from 'node:test'
import assert from 'node:assert/strict'
import { virtioMmio } from './mmio.ts'
import { virtioNet } from './net.ts'
import { start, virtioBench } from './testing.ts'

const device = virtioMmio(virtioNet)
const MRG_RXBUF = 15

function setUp(want: (bit: number) => boolean = () => true, packed = false) {
  const sent: Uint8Array[] = []
  let offer: (frame: Uint8Array) => boolean = () => false
  let ready = 0
  const b = virtioBench(device, { 'force-legacy': false, packed, mac: '52:54:00:00:00:07' })
  b.system.attach('dev', {
    connect(to: typeof offer) { offer = to },
    ready() { ready++ },
    send: (frame: Uint8Array) => void sent.push(frame),
  })
  const [rx, tx, ctrl] = start(b, want, 3)
  return {
    ...b,
    sent,
    rx: rx!,
    tx: tx!,
    ctrl: ctrl!,
    offer: (f: Uint8Array) => offer(f),
    readies: () => ready,
  }
}
const frameTo = (mac: readonly number[], length = 60) =>
  Uint8Array.from({ length }, (_, i) => mac[i] ?? i & 0xff)
const ME = [0x52, 0x54, 0, 0, 0, 7]

for (const packed of [false, true])
  test(`frames go out without their header (${packed ? 'packed' : 'split'})`, () => {
    const { tx, system, sent } = setUp(() => true, packed)
    const frame = [...frameTo(ME)]
    tx.add([
      { bytes: 12 + 20, data: [...Array(12).fill(0), ...frame.slice(0, 20)] },
      { bytes: 40, data: frame.slice(20) },
    ])
    tx.kick()
    system.serve()
    assert.deepEqual(sent.map(f => [...f]), [frame])
    assert.equal(tx.used().length, 1)
  })

for (const packed of [false, true])
  test(`frames come in, over several buffers where needed (${packed ? 'packed' : 'split'})`, () => {
    const { rx, offer, lines } = setUp(() => true, packed)
    assert.equal(offer(frameTo(ME)), false, 'no buffer')
    for (let i = 0; i < 3; i++) rx.add([{ bytes: 64, write: true }])
    assert.equal(offer(frameTo(ME, 100)), true)
    assert.deepEqual(rx.used().map(d => d.length), [64, 48])
    assert.equal(lines['0.irq'], true)
    assert.equal(offer(frameTo(ME, 100)), false, 'one buffer is too few')
    rx.add([{ bytes: 64, write: true }])
    assert.equal(offer(frameTo(ME, 100)), true)
    assert.deepEqual(rx.used().map(d => d.length), [64, 48])
    assert.equal(rx.part(0)[0], 52, 'the rest of the frame')
  })

test('the header counts buffers; without merging a frame that is too long is lost', () => {
  const a = setUp()
  a.rx.add([{ bytes: 80, write: true }])
  a.offer(frameTo(ME))
  assert.deepEqual([...a.rx.part(0).subarray(0, 14)], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0x52, 0x54])
  const b = setUp(bit => bit !== MRG_RXBUF)
  b.rx.add([{ bytes: 64, write: true }])
  assert.equal(b.offer(frameTo(ME)), true)
  assert.deepEqual(b.rx.used(), [])
})

test('the control queue sets what is received', () => {
  const { rx, ctrl, offer } = setUp()
  const command = (cls: number, what: number, data: number[]) => {
    ctrl.add([{ bytes: 2 + data.length, data: [cls, what, ...data] }, { bytes: 1, write: true, data: [9] }])
    ctrl.kick()
    assert.equal(ctrl.used().length, 1)
    return ctrl.part(1)[0]
  }
  for (let i = 0; i < 10; i++) rx.add([{ bytes: 1600, write: true }])
  const receives = (mac: readonly number[]) => {
    offer(frameTo(mac))
    return rx.used().length === 1
  }
  const other = [0x52, 0x54, 0, 0, 0, 8], group = [0x33, 0x33, 0, 0, 0, 1]
  assert.equal(receives(other), true, 'promiscuous until told otherwise')
  assert.equal(command(0, 0, [0]), 0)
  assert.deepEqual(
    [receives(other), receives(group), receives(ME), receives(Array(6).fill(0xff))],
    [false, false, true, true],
  )
  assert.equal(command(1, 0, [1, 0, 0, 0, ...other, 1, 0, 0, 0, ...group]), 0)
  assert.deepEqual(
    [receives(other), receives(group), receives([0x33, 0x33, 0, 0, 0, 2])], [true, true, false],
  )
  assert.equal(command(1, 1, other), 0)
  assert.deepEqual([receives(ME), receives(other)], [false, true])
  assert.equal(command(0, 9, [1]), 1)
  assert.equal(command(1, 0, [255, 255, 255, 255]), 1)
  assert.equal(command(77, 0, [0]), 1)
})

test('a back end learns when there is room again', () => {
  const { rx, system, readies } = setUp()
  system.serve()
  const before = readies()
  rx.add([{ bytes: 64, write: true }])
  rx.kick()
  system.serve()
  assert.equal(readies(), before + 1)
})

test('a hardware address must be one', () => {
  for (const mac of ['52:54', '01:00:00:00:00:01', 'x:54:00:00:00:01'])
    assert.throws(() => virtioBench(device, { mac }), { code: 'device.badProperty' })
})
