import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cr0, Cr4, Efer } from './core.ts'
import { SystemArg } from './cpu.ts'
import { type Fixture, fixture } from './fixture.ts'

/** MOV CRn, RAX. */
const write = (f: Fixture, cr: number, value: number): boolean => {
  f.s.gpr.set(0, BigInt(value >>> 0))
  return f.system('MOV_TO_CR', 3 | (2 << SystemArg.OPERAND_SHIFT) | (cr << SystemArg.REG_SHIFT))
}
const wrmsr = (f: Fixture, number: number, lo: number, hi = 0): boolean => {
  f.s.gpr.set(1, BigInt(number))
  f.s.gpr.set(0, BigInt(lo >>> 0))
  f.s.gpr.set(2, BigInt(hi >>> 0))
  return f.system('WRMSR')
}

test('CR0 refuses what makes no sense, and keeps ET', () => {
  const f = fixture()
  assert.equal(write(f, 0, Cr0.PG | Cr0.ET), false, 'paging without protection')
  assert.equal(write(f, 0, Cr0.NW), false, 'NW without CD')
  assert.equal(f.s.cr0, 0x60000010n)
  assert.equal(write(f, 0, Cr0.PE), true)
  assert.equal(f.s.cr0, 0x11n)
})

test('CR4 holds what the model has', () => {
  const f = fixture('486')
  assert.equal(write(f, 4, Cr4.PSE), true)
  assert.equal(write(f, 4, Cr4.PAE), false)
  assert.equal(write(fixture(), 4, Cr4.PCIDE), false, 'only in long mode')
})

test('long mode begins with paging, and ends with it', () => {
  const f = fixture()
  assert.equal(wrmsr(f, 0xc0000080, Efer.LME), true)
  assert.equal(write(f, 0, Cr0.PE | Cr0.PG), false, 'without PAE')
  assert.equal(write(f, 4, Cr4.PAE), true)
  assert.equal(write(f, 0, Cr0.PE | Cr0.PG), true)
  assert.equal(f.s.efer, BigInt(Efer.LME | Efer.LMA))
  assert.equal(wrmsr(f, 0xc0000080, 0), false, 'LME does not change under paging')
  assert.equal(write(f, 4, 0), false, 'PAE stays')
  assert.equal(write(f, 0, Cr0.PE), true)
  assert.equal(f.s.efer, BigInt(Efer.LME))
})

test('a load of CR3 drops the address space', () => {
  const f = fixture()
  f.take()
  write(f, 3, 0x5000)
  assert.deepEqual(f.take(), ['flush 0'])
})

test('registers that are checked', () => {
  const f = fixture()
  assert.equal(wrmsr(f, 0x277, 0x02020202, 0), false, 'a reserved memory type')
  assert.equal(wrmsr(f, 0xc0000082, 0, 0x8000), false, 'an address that is not canonical')
  assert.equal(wrmsr(f, 0x1234, 0), false, 'no such register')
  assert.equal(wrmsr(f, 0x200, 6, 0), true)
  assert.equal(wrmsr(f, 0x1b, 0xfee00400), false, 'x2APIC without the APIC')
})
