import { test } from 'node:test'
import assert from 'node:assert/strict'
import { defineDevice, input, u8 } from '../../device/define.ts'
import { bench } from '../../device/testing.ts'
import { cpuWire, wire } from '../../device/irq.ts'
import { plugPci } from '../../device/pci-bus.ts'
import { i440fxPcihost } from './i440fx.ts'
import { piix4Pm, PM_HZ, pressPowerButton } from './piix4-pm.ts'

const io = (at: number) => ({ space: 'io', at }), line = cpuWire(0, 'int'), PM = 0x600

const pulses = defineDevice({
  name: 'pulses', version: 1, state: { pulses: u8() }, pins: { in: input() }, regions: {},
  input(s, _io, _pin, _index, level) { if (level) s.pulses++ },
})

function on() {
  const b = bench({
    name: 'test',
    memory: [{ kind: 'space', name: 'io', sizeBytes: 0x1_0000, aborts: true, views: [] }],
    devices: [
      { device: i440fxPcihost, id: 'pci', at: { address: io(0xcf8), data: io(0xcfc) } },
      ...plugPci({ bus: 'pci', memory: 'io', io: 'io', intx: [line, line, line, line] }, [{
        device: piix4Pm, id: 'pm', properties: { addr: '01.3' },
        at: { pm: { space: 'io', movable: true }, gpe: io(0xafe0), apm: io(0xb2) },
        wires: { sci: cpuWire(0, 'sci'), smi: wire('smi', 'in') },
      }]),
      { device: pulses, id: 'smi' },
    ],
  })
  const config = (register: number, value: number) => {
    b.system.io.write(0xcf8, 4, 0x8000_0b00 + register)
    b.system.io.write(0xcfc, 4, value)
  }
  config(0x40, PM)
  config(0x80, 1)
  return { ...b, io: b.system.io, config, get sci() { return b.lines['0.sci'] } }
}

test('the timer counts at its rate and interrupts when its top bit changes', () => {
  const p = on()
  p.advance(1e9)
  assert.equal(p.io.read(PM + 8, 4), PM_HZ)
  p.io.write(PM + 2, 2, 1)
  assert.equal(p.sci, false)
  p.advance(1.4e9)
  assert.equal(p.sci, true)
  assert.equal(p.io.read(PM, 2), 1)
  p.io.write(PM, 2, 1)
  assert.equal(p.sci, false)
  p.advance(2.4e9)
  assert.equal(p.sci, true)
})

test('the ports move with their base address and go away with their enable bit', () => {
  const p = on()
  p.config(0x40, 0x1000)
  assert.equal(p.io.read(PM + 4, 2), 0xffff)
  assert.equal(p.io.read(0x1004, 2), 0)
  p.config(0x80, 0)
  assert.equal(p.io.read(0x1004, 2), 0xffff)
})

test('the power button and general-purpose events interrupt when enabled', () => {
  const p = on()
  p.system.instance('pm').call(pressPowerButton)
  assert.equal(p.sci, false)
  p.io.write(PM + 2, 2, 0x100)
  assert.equal(p.sci, true)
  p.io.write(PM, 2, 0x100)
  assert.equal(p.sci, false)
  p.system.instance('pm').driveInput(2, true)
  p.io.write(0xafe2, 1, 4)
  assert.equal(p.sci, true)
  p.io.write(0xafe0, 1, 4)
  assert.equal(p.sci, false)
})

test('soft off ends the run, other sleep types do not', () => {
  const p = on()
  p.io.write(PM + 4, 2, 0x2000 | (1 << 10))
  assert.equal(p.requests.length, 0)
  p.io.write(PM + 4, 2, 0x2000)
  assert.deepEqual(p.requests.map(r => r.kind), ['shutdown'])
})

test('the command port switches ACPI on, and interrupts the processor when firmware wants it', () => {
  const p = on()
  p.io.write(0xb2, 1, 0xf1)
  assert.equal(p.io.read(PM + 4, 2), 1)
  assert.equal(p.system.instance('smi').state.pulses, 0)
  p.config(0x58, 0x0200_0000)
  p.io.write(0xb2, 1, 0xf0)
  assert.equal(p.system.instance('smi').state.pulses, 1)
  assert.equal(p.io.read(PM + 4, 2), 0)
})
