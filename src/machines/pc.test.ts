import { test } from 'node:test'
import assert from 'node:assert/strict'
import { defineDevice, flag } from '../device/define.ts'
import { pciFunction } from '../device/pci.ts'
import { bench } from '../device/testing.ts'
import { acknowledgeInterrupt } from '../devices/irq/i8259.ts'
import { IRQ, isaIrq, PC, pcBoard, port, ramSplit, type PcOptions } from './pc.ts'

const MIB = 1 << 20, BIOS_BYTES = 0x2_0000
const options: PcOptions = {
  cpus: 1, ramBytes: 2 * MIB, ramHostOffset: 0, bios: { hostOffset: 2 * MIB, sizeBytes: BIOS_BYTES },
}
const on = (more: Partial<PcOptions> = {}) => {
  const b = bench(pcBoard({ ...options, ...more }), { sizeBytes: 8 * MIB }), { memory, io } = b.system
  memory.writeBytes(PC.TOP - BIOS_BYTES, Uint8Array.from({ length: BIOS_BYTES }, (_, i) => i * 7), true)
  return {
    ...b, memory, io,
    out: (at: number, ...values: number[]) => { for (const v of values) io.write(at, 1, v) },
    config(devfn: number, register: number, value?: number) {
      io.write(0xcf8, 4, 0x8000_0000 + devfn * 256 + (register & 0xfc))
      if (value === undefined) return io.read(0xcfc + (register & 3), 1)
      io.write(0xcfc + (register & 3), 1, value)
      return value
    },
  }
}

test('firmware is at the top of 4 GiB and below 1 MiB, RAM goes on at 4 GiB', () => {
  const { memory } = on()
  for (const at of [0xffff_fff0, 0xe_0000, 0xf_fff0])
    assert.equal(memory.read(at, 1), ((at & (BIOS_BYTES - 1)) * 7) & 0xff)
  memory.write(0xf_0000, 1, 0)
  assert.equal(memory.read(0xf_0001, 1), 7)
  assert.equal(memory.read(0xc_0000, 4), 0xffffffff, 'no card has a ROM')
  assert.equal(memory.read(0x8000_0000, 4), 0xffffffff)
  assert.deepEqual(ramSplit(0xdfff_f000), { below4G: 0xdfff_f000, above4G: 0 })
  assert.deepEqual(ramSplit(2 ** 32), { below4G: 0xc000_0000, above4G: 0x4000_0000 })
})

test('shadow RAM: opened, filled from the ROM, closed again', () => {
  const { memory, config } = on()
  config(0, 0x59, 0x30)
  assert.equal(memory.read(0xf_0001, 1), 0)
  memory.write(0xf_0001, 1, 0x55)
  config(0, 0x59, 0x10)
  memory.write(0xf_0001, 1, 0x66)
  assert.equal(memory.read(0xf_0001, 1), 0x55, 'read-only')
  config(0, 0x59, 0x00)
  assert.equal(memory.read(0xf_0001, 1), 7)
  assert.equal(memory.read(0xffff_0001, 1), 7)
})

test('system management RAM opens over the display, until it is locked', () => {
  const { memory, config, lines } = on()
  config(0, 0x72, 0x4a)
  memory.write(0xa_0000, 1, 0x12)
  assert.equal(memory.read(0xa_0000, 1), 0x12)
  assert.equal(lines['0.smram'], true)
  config(0, 0x72, 0x5a)
  assert.equal(memory.read(0xa_0000, 1), 0xff)
  config(0, 0x72, 0x4a)
  assert.equal(memory.read(0xa_0000, 1), 0xff, 'locked')
})

const nic = pciFunction(() => ({ vendor: 0x1234, device: 1, class: 0x020000, interruptPin: 1 }))
const card = defineDevice({
  name: 'card', version: 1, properties: nic.properties, state: { ...nic.state, raised: flag() }, pins: nic.pins,
  regions: {}, facets: { pci: nic.facet },
  reset(s, io) { nic.reset(s, io as any) },
  update(s, io) { nic.setInterrupt(s, io as any, s.raised === 1) },
})
test('a PCI interrupt goes through its line\'s route to both controllers', () => {
  const m = on({ pci: [{ device: card, id: 'net', properties: { addr: '03.0' } }] })
  const raise = (level: boolean) => m.system.instance('net').call(s => { s.raised = level ? 1 : 0 })
  m.out(0x20, 0x11)
  m.out(0x21, 0x08, 4, 1, 0)
  m.out(0xa0, 0x11)
  m.out(0xa1, 0x70, 2, 1, 0)
  m.out(0x4d1, 0x0c)
  m.memory.write(PC.IOAPIC, 4, 0x10 + 2 * 11)
  m.memory.write(PC.IOAPIC + 0x10, 4, 0x8041)
  m.config(1 << 3, 0x62, 11) // slot 3, INTA: line C
  raise(true)
  assert.equal(m.lines['0.intr'], true)
  assert.equal(m.system.instance('pic').call(acknowledgeInterrupt), 0x73)
  assert.deepEqual(m.messages.map(message => message.data & 0xff), [0x41])
  m.config(1 << 3, 0x62, 0x80)
  assert.equal(m.lines['0.intr'], false, 'no route')
})

test('the timer is at pin 2 of the I/O APIC, the clock at 8', () => {
  const m = on()
  m.memory.write(PC.IOAPIC, 4, 0x14)
  m.memory.write(PC.IOAPIC + 0x10, 4, 0x30)
  m.out(0x43, 0x30)
  m.out(0x40, 2, 0)
  m.advance(10_000)
  assert.deepEqual(m.messages, [{ offset: 0, data: 0x30 }])
})

test('a reset can be asked for in four ways, power-off in one', () => {
  const m = on()
  m.out(0x64, 0xfe)
  m.out(0x92, 1)
  m.out(0xcf9, 6)
  m.out(0x64, 0xd1)
  m.out(0x60, 0xfe)
  assert.deepEqual(m.requests.map(r => r.kind), ['reset', 'reset', 'reset', 'reset'])
  m.config(0x0b, 0x40, 0)
  m.config(0x0b, 0x41, PC.PM_IO >> 8)
  m.config(0x0b, 0x80, 1)
  m.io.write(PC.PM_IO + 4, 2, 0x2000)
  assert.equal(m.requests.at(-1)!.kind, 'shutdown')
})

test('address line 20 is open when the keyboard controller or port 92h says so', () => {
  const m = on()
  assert.equal(m.lines['0.a20'], true)
  m.out(0x64, 0xdd)
  assert.equal(m.lines['0.a20'], false)
  m.out(0x92, 2)
  assert.equal(m.lines['0.a20'], true)
})

test('what cannot be built is refused', () => {
  const refused = (more: Partial<PcOptions>, message: RegExp) =>
    assert.throws(() => pcBoard({ ...options, ...more }), message)
  refused({ cpus: 0 }, /1 to 255 processors, not 0/)
  refused({ ramBytes: 1000 }, /1 MiB to 512 GiB of RAM, not 1000 bytes/)
  refused({ bios: { hostOffset: 0, sizeBytes: 1000 } }, /multiple of 64 KiB.*not 1000/)
  refused({ serials: 5 }, /at most 4 serial ports, not 5/)
})

test('other devices are placed and wired with the board\'s helpers', () => {
  const lamp = defineDevice({
    name: 'lamp', version: 1, state: { lit: flag() }, regions: { port: { sizeBytes: 1 } },
    read: s => s.lit, write: (s, _io, _offset, v) => { s.lit = v & 1 },
  })
  const m = on({ isa: [{ device: lamp, id: 'lamp', at: { port: port(0x300) } }] })
  m.out(0x300, 1)
  assert.equal(m.io.read(0x300, 1), 1)
  assert.deepEqual(isaIrq(IRQ.TIMER), {
    fork: [{ to: 'pic', pin: 'ir', index: 0 }, { to: 'ioapic', pin: 'in', index: 2 }],
  })
})
