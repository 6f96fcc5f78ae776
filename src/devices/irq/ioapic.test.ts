import { test } from 'node:test'
import assert from 'node:assert/strict'
import { defineDevice, u32 } from '../../device/define.ts'
import { bench } from '../../device/testing.ts'
import { endOfInterrupt, ioapic, MESSAGE_BASE } from './ioapic.ts'

const AT = 0xfec0_0000
const local = defineDevice({
  name: 'local', version: 1, state: { at: u32(), data: u32(), count: u32() }, regions: {},
  message(s, _io, offset, data) {
    s.at = offset
    s.data = data
    s.count++
  },
})

function on() {
  const { system } = bench({
    name: 'test', memory: [],
    devices: [{ device: ioapic, id: 'ioapic', at: { mmio: AT } }, { device: local, id: 'local' }],
    messages: [{ at: MESSAGE_BASE, sizeBytes: 0x10_0000, to: 'local' }],
  })
  const chip = system.instance('ioapic')
  const register = (n: number, value?: number) => {
    system.memory.write(AT, 4, n)
    if (value !== undefined) system.memory.write(AT + 0x10, 4, value)
    return system.memory.read(AT + 0x10, 4)
  }
  return {
    register, got: system.instance('local').state,
    entry(n: number, low: number, high = 0) {
      register(0x11 + 2 * n, high)
      register(0x10 + 2 * n, low)
    },
    line: (n: number, level: boolean) => chip.driveInput(n, level),
    end: (vector: number) => chip.call(endOfInterrupt(vector)),
    memory: system.memory,
  }
}

test('an edge sends one message; at a masked pin it is lost', () => {
  const c = on()
  c.line(4, true)
  c.line(4, false)
  c.entry(4, 0x31, 0x0300_0000)
  assert.equal(c.got.count, 0)
  c.line(4, true)
  assert.deepEqual([c.got.count, c.got.at, c.got.data], [1, 3 << 12, 0x31])
  c.line(4, false)
  c.line(4, true)
  assert.equal(c.got.count, 2)
})

test('a level is delivered again only after the end of the interrupt', () => {
  const c = on()
  c.entry(11, 0x8841, 0xff00_0000)
  c.line(11, true)
  assert.deepEqual([c.got.count, c.got.at, c.got.data & 0x80ff], [1, (0xff << 12) | 4, 0x8041])
  assert.equal(c.register(0x10 + 22) & 0x4000, 0x4000, 'remote IRR')
  c.line(11, false)
  c.line(11, true)
  assert.equal(c.got.count, 1)
  c.end(0x40)
  assert.equal(c.got.count, 1, 'another vector\'s')
  c.end(0x41)
  assert.equal(c.got.count, 2)
  c.line(11, false)
  c.memory.write(AT + 0x40, 4, 0x41)
  assert.equal(c.got.count, 2)
  assert.equal(c.register(0x10 + 22) & 0x4000, 0)
})

test('a masked level waits', () => {
  const c = on()
  c.entry(11, 0x1_8041)
  c.line(11, true)
  assert.equal(c.got.count, 0)
  c.entry(11, 0x8041)
  assert.equal(c.got.count, 1)
})
