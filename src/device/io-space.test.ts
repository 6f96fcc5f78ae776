import { test } from 'node:test'
import assert from 'node:assert/strict'
import type { Board } from './board.ts'
import { bytes, defineDevice, input, output, u32, u8 } from './define.ts'
import { cpuWire, fork, wire } from './irq.ts'
import { bench } from './testing.ts'

/** Eight byte-wide registers, then a word that takes whole words only. */
const latches = defineDevice({
  name: 'latches', version: 1, state: { latch: bytes(8), wide: u8() },
  regions: {
    bytes: { sizeBytes: 8, valid: { max: 1 } },
    words: {
      sizeBytes: 2, valid: { min: 2, max: 2 }, read: s => s.wide, write: (s, _io, _o, v) => { s.wide = v },
    },
  },
  read: (s, _io, offset) => s.latch[offset]!,
  write: (s, _io, offset, value) => { s.latch[offset] = value },
})
const board: Board = {
  name: 'ports',
  memory: [{ kind: 'space', name: 'io', sizeBytes: 0x1_0000, aborts: true, views: [] }],
  devices: [{
    device: latches, id: 'l', at: { bytes: { space: 'io', at: 0x20 }, words: { space: 'io', at: 0x30 } },
  }],
}

test('ports: nothing reads as ones, and wide accesses are made in bytes', () => {
  const { io, memory } = bench(board).system
  for (const size of [1, 2, 4]) assert.equal(io.read(0x80, size), 2 ** (8 * size) - 1)
  io.write(0x20, 4, 0x44332211)
  io.write(0x25, 2, 0x6655)
  assert.equal(io.read(0x20, 4), 0x44332211)
  assert.equal(io.read(0x21, 4), 0x443322, 'unaligned')
  assert.equal(io.read(0x25, 2), 0x6655)
  assert.equal(io.read(0x26, 4), 0xffff0066, 'half of it is nothing')
  assert.equal(io.read(0xffff, 2), 0xffff, 'past the last port')
  io.write(0x1e, 4, 0xaabbccdd)
  assert.equal(io.read(0x20, 2), 0xaabb)
  assert.equal(memory.read(0x20, 1), 0, 'ports are not memory')
})

test('ports: an access too narrow for the device is refused, not widened', () => {
  const { io } = bench(board).system
  io.write(0x30, 2, 0x12)
  assert.equal(io.read(0x30, 2), 0x12)
  assert.equal(io.read(0x30, 1), 0xff)
  assert.equal(io.read(0x30, 4), 0xffff0012)
})

test('ports: who answers at the first address takes a wide access, though a byte inside is another\'s', () => {
  const { io } = bench({
    ...board,
    devices: [
      { device: longs, id: 'a', at: { port: { space: 'io', at: 0xcf8 } } },
      { device: latches, id: 'l', at: { bytes: { space: 'io', at: 0xcf9, priority: 1 } } },
    ],
  }).system
  io.write(0xcf8, 4, 0x80001234)
  assert.equal(io.read(0xcf8, 4), 0x80001234)
  assert.equal(io.read(0xcf9, 1), 0)
})
const longs = defineDevice({
  name: 'longs', version: 1, state: { value: u32() }, regions: { port: { sizeBytes: 4 } },
  read: s => s.value,
  write: (s, _io, _offset, value) => { s.value = value },
})

const source = defineDevice({
  name: 'source', version: 1, state: { level: u8() }, pins: { irq: output() },
  regions: { port: { sizeBytes: 1 } },
  read: (s, io) => s.level + (io.peers.other?.call(other => other.seen) ?? 0),
  write: (s, _io, _o, v) => { s.level = v },
  update: (s, io) => io.irq.set(s.level),
})
const sink = defineDevice({
  name: 'sink', version: 1, state: { seen: u8() }, pins: { in: input() }, regions: {},
  input: (s, _io, _pin, _i, level) => { s.seen = level ? 1 : 0 },
})

test('a forked wire drives all its ends; a peer is called by name', () => {
  const b = bench({
    ...board,
    devices: [
      {
        device: source, id: 'a', at: { port: { space: 'io', at: 0x60 } }, peers: { other: 'b' },
        wires: { irq: fork(wire('b', 'in'), cpuWire(0, 'intr')) },
      },
      { device: sink, id: 'b' },
    ],
  })
  b.system.io.write(0x60, 1, 1)
  assert.equal(b.lines['0.intr'], true)
  assert.equal(b.system.io.read(0x60, 1), 2)
  assert.throws(
    () => bench({ ...board, devices: [{ device: source, id: 'a', peers: { other: 'nobody' } }] }),
    /there is no device 'nobody'/,
  )
})

const shutter = defineDevice({
  name: 'shutter', version: 1, state: { mode: u8() },
  regions: { port: { sizeBytes: 1 }, ram: { sizeBytes: 16, memory: true }, rom: { sizeBytes: 16, memory: true } },
  read: s => s.mode,
  write(s, io, _offset, mode) {
    s.mode = mode
    if (mode === 1) io.window.rom.moveTo(0x100)
    else io.window.rom.disable()
    if (mode === 2) io.window.ram.moveTo(0x100)
    else io.window.ram.disable()
  },
})

test('a device switches a view of memory in and out', () => {
  const view = (rom: boolean) =>
    ({ space: 'system', movable: true, shows: { memory: 'ram', offset: 0x40, rom } }) as const
  const entry = { device: shutter, id: 's', at: { port: { space: 'io', at: 1 }, ram: view(false), rom: view(true) } }
  const memory = [
    ...board.memory, { kind: 'ram', name: 'ram', at: 0x1000, sizeBytes: 0x100, hostOffset: 0 } as const,
  ]
  const { system } = bench({ name: 'shutter', memory, devices: [entry] })
  system.memory.write(0x1042, 1, 0x77)
  assert.equal(system.memory.mapped(0x102, 1), false)
  system.io.write(1, 1, 1)
  system.memory.write(0x102, 1, 0x88)
  assert.equal(system.memory.read(0x102, 1), 0x77, 'as ROM')
  system.io.write(1, 1, 2)
  system.memory.write(0x102, 1, 0x88)
  assert.equal(system.memory.read(0x1042, 1), 0x88)
  assert.throws(
    () => bench({ name: 'bad', memory: board.memory, devices: [entry] }),
    /does not say which memory it shows/,
  )
})
