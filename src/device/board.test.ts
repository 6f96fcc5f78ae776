import { test } from 'node:test'
import assert from 'node:assert/strict'
import type { Board } from './board.ts'
import {
  defineDevice,
  flag,
  flagProperty,
  input,
  inputs,
  numberProperty,
  output,
  outputs,
  ring,
  sizeProperty,
  timer,
  timers,
  u32,
} from './define.ts'
import { cpuWire, wire } from './irq.ts'
import { mtree, qtree } from './qtree.ts'
import { restoreSystem, saveSystem } from './snapshot.ts'
import { bench } from './testing.ts'

const egg = defineDevice({
  name: 'egg-timer',
  version: 3,
  description: 'rings once',
  properties: {
    'tick-ns': numberProperty(1_000_000, 'length of a tick'),
    loud: flagProperty(false, 'rings on both lines'),
    room: sizeProperty(4096, 'nothing'),
  },
  state: { count: u32(), rang: flag() },
  pins: { irq: output(), spare: outputs(2) },
  timers: { alarm: timer(), laps: timers(2) },
  regions: { mmio: { sizeBytes: 8, valid: { min: 4, max: 4 } } },
  read: (s, _io, offset) => (offset === 0 ? s.count : s.rang),
  write(s, io, offset, value) {
    if (offset === 4) return void (s.rang = 0)
    s.count = value
    io.timer.alarm.arm(io.clock.nowNs() + value * io.props['tick-ns'])
    io.timer.laps[1]!.arm(io.clock.nowNs() + 1)
  },
  expire(s, io, name, index) {
    if (name === 'laps') return io.spare[index]!.set(1)
    s.rang = 1
  },
  update(s, io) {
    io.irq.set(s.rang)
    if (io.props.loud) io.spare[0]!.set(s.rang)
  },
})

/** Counts how its inputs change, and passes the first on. */
const gate = defineDevice({
  name: 'gate',
  version: 1,
  state: { changes: u32(), high: flag() },
  pins: { in: inputs(2), enable: input(), out: output() },
  regions: {},
  input(s, _io, pin, index, level) {
    s.changes++
    if (pin === 'in' && index === 1) s.high = level ? 1 : 0
  },
  update(s, io) { io.out.set(s.high) },
})

const echo = defineDevice({
  name: 'echo',
  version: 1,
  state: { back: ring(2), received: u32() },
  chr: true,
  regions: { mmio: { sizeBytes: 4 } },
  canReceive: s => s.back.length < 2,
  receive(s, io, byte) {
    s.received++
    s.back.push(byte)
    flush(s, io)
  },
  writable: flush,
  read: s => s.back.shift() ?? 0,
  write(_s, io, _offset, value) { for (let i = 0; i < value; i++) io.chr.put(i) },
})
function flush(
  s: { back: { peek(): number | undefined; shift(): unknown } },
  io: { chr: { put(b: number): boolean } },
): void {
  for (let b; (b = s.back.peek()) !== undefined && io.chr.put(b); ) s.back.shift()
}

const EGG = 0x1000_0000, ECHO = 0x2000_0000
const board: Board = {
  name: 'kitchen',
  memory: [{ kind: 'ram', name: 'ram', at: 0x8000_0000, sizeBytes: 1 << 16, hostOffset: 0 }],
  devices: [
    { device: egg, id: 'a', at: { mmio: EGG }, wires: { irq: wire('gate', 'in', 1) } },
    {
      device: egg,
      id: 'b',
      at: { mmio: EGG + 0x1000 },
      properties: { loud: 'on', room: '1M' },
      wires: { irq: wire('gate', 'in', 1), spare: [cpuWire(1, 'nmi')] },
    },
    { device: gate, id: 'gate', wires: { out: cpuWire(0, 'irq') } },
    { device: echo, id: 'echo', at: { mmio: ECHO } },
  ],
}

test('timers fire in order of deadline, and lines are wired-or', () => {
  const b = bench(board), m = b.system.memory
  m.write(EGG, 4, 5)
  m.write(EGG + 0x1000, 4, 3)
  assert.equal(b.system.timers.nextDeadline(), 1)
  b.advance(3_000_000)
  assert.deepEqual(
    [m.read(EGG + 4, 4), m.read(EGG + 0x1004, 4), b.lines['0.irq'], b.lines['1.nmi']],
    [0, 1, true, true],
  )
  b.advance(2_000_000)
  assert.equal(b.system.instance('gate').state.changes, 1, 'a second driver is no change')
  m.write(EGG + 0x1004, 4, 0)
  assert.equal(b.lines['0.irq'], true)
  m.write(EGG + 4, 4, 0)
  assert.deepEqual([b.lines['0.irq'], b.system.instance('gate').state.changes], [false, 2])
  assert.equal(b.system.timers.nextDeadline(), Infinity)
})

test('arming a timer earlier than the I/O thread sleeps rings its bell, later does not', () => {
  let rings = 0
  const b = bench(board, { doorbell: () => rings++ }), m = b.system.memory
  m.write(EGG, 4, 10)
  assert.equal(b.system.timers.prepareSleep(), 1)
  rings = 0
  m.write(EGG + 0x1000, 4, 20)
  assert.equal(rings, 0)
  b.advance(1)
  b.system.timers.prepareSleep()
  m.write(EGG + 0x1000, 4, 20)
  assert.equal(rings, 1)
})

test('a device that arms itself in the past does not hold the thread', () => {
  const loop = defineDevice({
    name: 'loop', version: 1, state: { n: u32() }, timers: { t: timer() }, regions: {},
    reset(_s, io) { io.timer.t.arm(0) },
    expire(s, io) {
      s.n++
      io.timer.t.arm(0)
    },
  })
  const b = bench({ name: 'x', memory: [], devices: [{ device: loop, id: 'loop' }] })
  b.advance(1)
  const n = b.system.instance('loop').state.n
  assert.ok(n >= 1 && n < 100, `${n}`)
})

test('character rings: flow control both ways', () => {
  const b = bench(board), chr = b.system.chr('echo'), dev = b.system.instance('echo')
  chr.give(Uint8Array.of(1))
  b.system.pollChars()
  assert.deepEqual([...chr.take()], [], 'nobody listens: swallowed')
  chr.connect(true)
  b.system.memory.write(ECHO, 4, 65_536) // as much as the ring holds
  assert.equal(chr.give(new Uint8Array(5000).fill(7)), 4096)
  b.system.pollChars()
  assert.equal(dev.state.back.length, 2, 'the host is slow: the device holds what it can')
  assert.equal(chr.waiting, 4094)
  assert.equal(chr.take().length, 65_536)
  b.system.pollChars()
  assert.equal(chr.waiting, 0, 'it resumed and took the rest')
  assert.deepEqual([chr.take().length, dev.state.back.length], [4096, 0])
})

test('DMA reaches RAM only', () => {
  const b = bench(board), { dma } = b.system.instance('a').io
  dma.store(0x8000_0001, 4, 0x11223344)
  assert.deepEqual([dma.load(0x8000_0001, 4), dma.load(0x8000_0002, 2)], [0x11223344, 0x2233])
  assert.equal(dma.write(EGG, new Uint8Array(4)), false)
  dma.store(EGG, 4, 1)
  assert.deepEqual([dma.load(EGG, 4), b.system.instance('a').state.count], [0, 0])
  dma.store(0x8000_fffe, 4, 0xffffffff) // half of it lies past the end
  assert.equal(dma.load(0x8000_fffe, 4), 0xffff)
})

test('user errors have codes', () => {
  const build = (devices: Board['devices']) => () => bench({ name: 'x', memory: [], devices })
  const a = { device: egg, id: 'a', at: { mmio: EGG } }
  assert.throws(build([a, a]), { code: 'board.duplicateId' })
  assert.throws(build([{ ...a, wires: { irq: wire('none', 'in') } }]), { code: 'board.wiring' })
  assert.throws(build([{ ...a, wires: { spare: [undefined, undefined, cpuWire(0, 'x')] } }]), {
    code: 'board.wiring',
  })
  assert.throws(build([{ ...a, properties: { colour: 1 } }]), { code: 'device.badProperty' })
  assert.throws(build([{ ...a, properties: { room: 'much' } }]), { code: 'device.badProperty' })
  assert.throws(build([{ ...a, at: { rom: 0 } }]), { code: 'board.badConfig' })
  assert.throws(build([{ ...a, at: { mmio: { space: 'moon', at: 0 } } }]), { code: 'board.badConfig' })
  assert.throws(
    build([
      { device: gate, id: 'g', wires: { out: wire('h', 'in') } },
      { device: gate, id: 'h', wires: { out: wire('g', 'in') } },
    ]),
    { code: 'board.wiring' },
  )
  assert.throws(() => bench(board).system.instance('nobody'), { code: 'board.unknownDevice' })
})

test('snapshots of another machine are refused by what differs', () => {
  const b = bench(board)
  b.system.memory.write(EGG, 4, 5)
  const saved = saveSystem(b.system), before = JSON.stringify(saved)
  const change = (f: (s: any) => void) => {
    const other = JSON.parse(before)
    f(other)
    return () => restoreSystem(b.system, other)
  }
  assert.throws(change(s => { s.board = 'pc' }), /machine 'pc'/)
  assert.throws(change(s => { delete s.devices.a }), /no device 'a'/)
  assert.throws(change(s => { s.devices.z = s.devices.a }), /'z' besides/)
  assert.throws(change(s => { s.devices.a.version = 2 }), /version 2; this is version 3/)
  assert.throws(change(s => { s.devices.a.device = 'gate' }), { code: 'snapshot.mismatch' })
  assert.throws(change(s => { s.devices.a.timers.bell = 5 }), /unknown timers 'bell'/)
  assert.throws(change(s => { s.devices.a.inputs = null }), { code: 'snapshot.malformed' })
  assert.throws(change(s => { s.clockNs = 'now' }), { code: 'snapshot.malformed' })
  assert.equal(JSON.stringify(saveSystem(b.system)), before)
})

test('info qtree and info mtree show what there is', () => {
  const b = bench(board)
  b.system.memory.write(EGG, 4, 5)
  const text = qtree(b.system)
  for (const line of [
    '  dev: egg-timer, id "a"',
    '    tick-ns = 1000000',
    '    count = 0x5',
    '    region mmio: 0x10000000',
    '    room = 1048576',
  ])
    assert.ok(text.split('\n').includes(line), `${line} is not in\n${text}`)
  assert.match(mtree(b.system.memory.ranges), /0000000080000000-000000008000ffff ram: ram/)
})

test('memory of a device is RAM wherever its window lies', () => {
  const card = defineDevice({
    name: 'card', version: 1, state: {}, properties: { kib: numberProperty(8, 'size of its memory') },
    regions: { fb: { sizeBytes: (p: { kib: number }) => p.kib * 1024, ram: true }, regs: { sizeBytes: 16 } },
    read: (_s, io, offset) => io.ram.fb.bytes[offset]!,
    write(_s, io, offset, value) {
      if (offset === 0) io.window.fb.moveTo(value)
      else io.window.fb.disable()
    },
  })
  const board: Board = {
    name: 'fb', devices: [
      { device: card, id: 'c', at: { regs: 0x1000, fb: { space: 'pci', movable: true } } },
    ],
    memory: [{ kind: 'space', name: 'pci', sizeBytes: 2 ** 32,
      views: [{ at: 0x8000_0000, offset: 0x8000_0000, sizeBytes: 0x4000_0000 }] }],
  }
  const { system } = bench(board), m = system.memory, { bytes, dirty, hostOffset } = system.ramSlots[0]!
  assert.deepEqual([bytes.length, hostOffset % 4096], [8192, 0])
  assert.equal(m.ramAt(0x9000_0000), -1)
  m.write(0x1000, 4, 0x9000_0000)
  assert.equal(m.ramAt(0x9000_0004), hostOffset + 4)
  m.write(0x9000_0008, 4, 0x12345678)
  assert.equal(m.read(0x1008, 1), 0x78)
  assert.deepEqual([dirty.takeDirty().has(0, 1), dirty.takeDirty().any], [true, false])
  m.write(0x1000, 4, 0xa000_0000)
  assert.deepEqual([m.ramAt(0x9000_0000), m.read(0xa000_0008, 4)], [-1, 0x12345678])
  system.reset()
  assert.equal(m.ramAt(0xa000_0000), -1)
  assert.equal(bytes[8], 0x78, 'a reset leaves it')
})
