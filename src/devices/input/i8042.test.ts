import { test } from 'node:test'
import assert from 'node:assert/strict'
import { inputOf, type PointerMotion } from '../../device/input.ts'
import { bench } from '../../device/testing.ts'
import { cpuWire, wire } from '../../device/irq.ts'
import { i8259 } from '../irq/i8259.ts'
import { i8042 } from './i8042.ts'
import { keyNames, scanCodes, toSet1, translate } from './scancodes.ts'

const io = (at: number) => ({ space: 'io', at })
const board = {
  name: 'test',
  memory: [{ kind: 'space', name: 'io', sizeBytes: 0x1_0000, aborts: true, views: [] }],
  devices: [{
    device: i8042, id: 'kbc', at: { data: io(0x60), command: io(0x64) },
    wires: { kbd: cpuWire(0, 'irq1'), aux: cpuWire(0, 'irq12'), a20: cpuWire(0, 'a20') },
  }],
} as const

function on() {
  const b = bench(board), kbc = b.system.instance('kbc'), input = inputOf(kbc.device)!
  const read = (port: number) => b.system.io.read(port, 1)
  const command = (value: number, ...data: number[]) => {
    b.system.io.write(0x64, 1, value)
    for (const v of data) b.system.io.write(0x60, 1, v)
  }
  return {
    lines: b.lines, requests: b.requests, command,
    keyboard: (...values: number[]) => { for (const v of values) b.system.io.write(0x60, 1, v) },
    mouse: (...values: number[]) => { for (const v of values) command(0xd4, v) },
    key: (name: string, down: boolean) => kbc.call((s, io) => input.key!(s, io, name, down)),
    move: (m: Partial<PointerMotion>) =>
      kbc.call((s, io) => input.move!(s, io, { dx: 0, dy: 0, dz: 0, buttons: 0, ...m })),
    /** All bytes that wait, in hexadecimal. */
    bytes() {
      const found: string[] = []
      while (read(0x64) & 1) found.push(read(0x60).toString(16).padStart(2, '0'))
      return found.join(' ')
    },
  }
}

test('keys are translated to set 1 when the command byte says so', () => {
  const k = on()
  k.command(0x60, 0x43)
  k.key('a', true)
  assert.equal(k.lines['0.irq1'], true)
  k.key('a', false)
  k.key('right', true)
  k.key('right', false)
  assert.equal(k.bytes(), '1e 9e e0 4d e0 cd')
  assert.equal(k.lines['0.irq1'], false)
  k.key('pause', true)
  assert.equal(k.bytes(), 'e1 1d 45 e1 9d c5')
  k.key('print', true)
  k.key('print', false)
  assert.equal(k.bytes(), 'e0 2a e0 37 e0 b7 e0 aa')
  assert.equal(k.key('no such key', true), false)
})

test('sets 2, 3 and 1 without translation', () => {
  const k = on()
  k.command(0x60, 0x03)
  const both = (name: string) => {
    k.key(name, true)
    k.key(name, false)
    return k.bytes()
  }
  assert.equal(both('ctrl_r'), 'e0 14 e0 f0 14')
  k.keyboard(0xf0, 3)
  assert.equal(k.bytes(), 'fa')
  assert.equal(both('ctrl_r'), '58 f0 58')
  k.keyboard(0xf0, 1)
  k.bytes()
  assert.equal(both('ctrl_r'), 'e0 1d e0 9d')
})

test('every key has codes in every set, no two the same', () => {
  for (const set of [1, 2, 3]) {
    const codes = keyNames.map(n => scanCodes(n, true, set)!.join())
    assert.equal(new Set(codes).size, codes.length, `set ${set}`)
  }
  assert.deepEqual(toSet1([0xe0, 0xf0, 0x71]), [0xe0, 0xd3])
  assert.equal(translate(0xfa), 0xfa)
})

test('keyboard commands, and a closed port that keeps its bytes', () => {
  const k = on()
  k.keyboard(0xff)
  assert.equal(k.bytes(), 'fa aa')
  k.keyboard(0xf2)
  assert.equal(k.bytes(), 'fa ab 83')
  k.command(0xad)
  k.key('a', true)
  assert.equal(k.bytes(), '')
  k.command(0xae)
  assert.equal(k.bytes(), '1c')
  k.keyboard(0xf5)
  k.bytes()
  k.key('a', true)
  assert.equal(k.bytes(), '', 'scanning is off')
})

test('mouse packets: motion, buttons, overflow to more packets, the wheel', () => {
  const k = on()
  k.command(0x60, 0x03)
  k.move({ dx: 5 })
  assert.equal(k.bytes(), '', 'reporting is off')
  k.mouse(0xf6, 0xf4)
  assert.equal(k.bytes(), 'fa fa')
  k.move({ dx: 3, dy: 2, buttons: 1 })
  assert.equal(k.lines['0.irq12'], true)
  assert.equal(k.bytes(), '29 03 fe')
  k.move({ dx: -200, buttons: 1 })
  assert.equal(k.bytes(), '19 81 00 19 b7 00')
  k.mouse(0xf3, 200, 0xf3, 100, 0xf3, 80, 0xf2)
  assert.equal(k.bytes(), 'fa fa fa fa fa fa fa 03')
  k.move({ dz: 1 })
  assert.equal(k.bytes(), '08 00 00 ff')
})

test('a full queue loses no motion: the next packet has it', () => {
  const k = on()
  k.mouse(0xf4)
  k.bytes()
  for (let i = 0; i < 10; i++) k.move({ dx: 10 })
  const bytes = k.bytes().split(' ').map(b => parseInt(b, 16))
  assert.equal(bytes.filter((_, i) => i % 3 === 1).reduce((a, b) => a + b, 0), 100)
})

test('the output port has gate A20 and the reset line', () => {
  const k = on()
  assert.equal(k.lines['0.a20'], true)
  k.command(0xd1, 0xdd)
  assert.equal(k.lines['0.a20'], false)
  k.command(0xfe)
  assert.deepEqual(k.requests.map(r => r.kind), ['reset'])
})

test('each byte is an edge of its own, for controllers that look for those', () => {
  const b = bench({
    ...board,
    devices: [
      { device: i8259, id: 'pic', at: { master: io(0x20), slave: io(0xa0), elcr: io(0x4d0) } },
      { device: i8042, id: 'kbc', at: { data: io(0x60), command: io(0x64) }, wires: { kbd: wire('pic', 'ir', 1), aux: wire('pic', 'ir', 12) } },
    ],
  })
  const kbc = b.system.instance('kbc'), { counts } = b.system.instance('pic').state
  kbc.call((s, i) => {
    for (const down of [true, false]) inputOf(kbc.device)!.key!(s, i, 'a', down)
  })
  assert.equal(counts[1], 1)
  b.system.io.read(0x60, 1)
  assert.equal(counts[1], 2)
})
