import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Delivery, Reg, sendMessage } from './apic.ts'
import { Flag, Line } from './cpu.ts'
import { type Fixture, fixtures } from './fixture.ts'
import { setLine } from './lines.ts'

const read = (f: Fixture, reg: number): number => f.cpu.local!.read(reg * 16, 4)
const write = (f: Fixture, reg: number, value: number): void => f.cpu.local!.write(reg * 16, 4, value)
/** A real-mode interrupt table and stack; interrupts on. */
function ready(f: Fixture): void {
  for (let v = 0; v < 256; v++) f.write32(4 * v, (0x1000 << 16) | v)
  f.s.gpr.set(4, 0x8000n)
  f.s.eflags |= Flag.IF
  write(f, Reg.SVR, 0x1ff)
}
const taken = (f: Fixture): number => (f.cpu.interrupt() ? Number(f.s.pc & 0xffffn) : -1)

test('the other processors wait for INIT and a start-up message', () => {
  const [a, b] = fixtures(2) as [Fixture, Fixture]
  assert.equal(b.s.halted, 1)
  assert.equal(b.cpu.wakes(), false)
  write(a, Reg.ICR2, 1 << 24)
  write(a, Reg.ICR, 0x4500)
  assert.deepEqual(a.take(), ['kick 1'])
  b.cpu.interrupt()
  assert.equal(b.s.waitsForSipi, 1)
  write(a, Reg.ICR, 0x4608)
  assert.equal(b.cpu.wakes(), true)
  b.cpu.interrupt()
  assert.deepEqual([b.s.halted, b.s.pc, b.s.seg[1]!.selector], [0, 0x8000n, 0x800])
})

test('priorities: a higher class interrupts, a lower one waits for the end', () => {
  const [f] = fixtures(1) as [Fixture]
  ready(f)
  write(f, Reg.ICR, 0x40041)
  assert.equal(taken(f), 0x41)
  f.s.eflags |= Flag.IF
  write(f, Reg.ICR, 0x40045)
  write(f, Reg.ICR, 0x40031)
  assert.equal(taken(f), -1)
  write(f, Reg.ICR, 0x40052)
  assert.equal(taken(f), 0x52)
  f.s.eflags |= Flag.IF
  write(f, Reg.EOI, 0)
  write(f, Reg.EOI, 0)
  assert.equal(taken(f), 0x45)
  write(f, Reg.TPR, 0x30)
  f.s.eflags |= Flag.IF
  write(f, Reg.EOI, 0)
  assert.equal(taken(f), -1)
})

test('destinations: logical flat and clusters, lowest priority, broadcast', () => {
  const all = fixtures(4), a = { states: all[0]!.states, kick() {}, i32: all[0]!.views.i32 }
  all.forEach((f, i) => {
    write(f, Reg.SVR, 0x1ff)
    write(f, Reg.LDR, (1 << i) << 24)
    write(f, Reg.TPR, 0x40 - 16 * i)
  })
  const send = (destination: number, logical: boolean, mode: number = Delivery.FIXED) =>
    sendMessage(a, { destination, logical, mode, vector: 0x99, level: true })
  const got = () => all.map(f => {
    const on = read(f, Reg.IRR + 4) !== 0
    f.s.apicIrr.fill(0)
    return on ? 1 : 0
  }).join('')
  send(5, true)
  assert.equal(got(), '1010')
  send(0xff, false)
  assert.equal(got(), '1111')
  send(0xff, true, Delivery.LOWEST)
  assert.equal(got(), '0001')
  all.forEach((f, i) => {
    write(f, Reg.DFR, 0x0fffffff)
    write(f, Reg.LDR, ((i >> 1 << 4) | (1 << (i & 1))) << 24)
  })
  send(0x12, true)
  assert.equal(got(), '0001')
})
test('level-triggered interrupts are announced to the I/O APIC at their end', () => {
  const [f] = fixtures(1) as [Fixture]
  ready(f)
  sendMessage({ states: f.states, kick() {}, i32: f.views.i32 }, { destination: 0, logical: false, mode: Delivery.FIXED, vector: 0x61, level: true })
  assert.equal(taken(f), 0x61)
  f.take()
  write(f, Reg.EOI, 0)
  assert.deepEqual(f.take(), ['eoi 61'])
})

test('the timer: once, then again and again', () => {
  const [f] = fixtures(1) as [Fixture]
  ready(f)
  write(f, Reg.DIVIDE, 0) // by 2
  write(f, Reg.LVT, 0x30)
  write(f, Reg.INITIAL, 100)
  assert.equal(f.armed, 200)
  f.now = 100
  assert.equal(read(f, Reg.CURRENT), 50)
  f.now = 200
  assert.equal(taken(f), 0x30)
  assert.equal(f.armed, Infinity)
  write(f, Reg.EOI, 0)
  write(f, Reg.LVT, 0x20030)
  write(f, Reg.INITIAL, 100)
  f.now = 650
  f.s.eflags |= Flag.IF
  assert.equal(taken(f), 0x30)
  assert.equal(f.armed, 800)
})

test('lines: the controller comes through LINT0, an NMI once, A20', () => {
  const [f] = fixtures(1) as [Fixture]
  ready(f)
  setLine(f.views, f.states[0]!, 'intr', true)
  assert.equal(taken(f), -1, 'LINT0 is masked')
  write(f, Reg.LVT + 3, 0x700)
  assert.equal(taken(f), 0x70)
  setLine(f.views, f.states[0]!, 'intr', false)
  setLine(f.views, f.states[0]!, 'nmi', true)
  assert.equal(taken(f), 2)
  setLine(f.views, f.states[0]!, 'nmi', true)
  assert.equal(taken(f), -1, 'until IRET')
  setLine(f.views, f.states[0]!, 'a20', false)
  f.cpu.interrupt()
  assert.equal(f.cpu.probe(0x123456, 0), 0x023456)
  assert.equal(f.s.lines & Line.A20M, Line.A20M)
})
