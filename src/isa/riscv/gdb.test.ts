import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Mmu } from './cpu.ts'
import { fixture } from './fixture.ts'

test('numbers are those of gdb’s RISC-V port, each once, and each in the XML', () => {
  const { debug } = fixture().cpu, number = (name: string) =>
    debug.registers.find(r => r.name === name)?.number
  assert.deepEqual(['zero', 'fp', 't6', 'pc', 'ft0', 'ft11', 'fflags', 'mstatus', 'time', 'priv'].map(number),
    [0, 8, 31, 32, 33, 64, 66, 65 + 0x300, 65 + 0xc01, 65 + 4096])
  assert.equal(new Set(debug.registers.map(r => r.number)).size, debug.registers.length)
  const text = Object.values(debug.xml).join('')
  for (const r of debug.registers)
    assert.equal(text.split(`name="${r.name}" bitsize="${r.bits}"`).length, 2, r.name)
  for (const [, file] of debug.xml['target.xml']!.matchAll(/href="(.*?)"/g)) assert.ok(debug.xml[file!], file)
  assert.deepEqual(debug.registers.filter(r => r.general).map(r => r.number),
    Array.from({ length: 33 }, (_, i) => i))
})

test('every register reads, and what is written is read back', () => {
  const { cpu, s } = fixture()
  for (const r of cpu.debug.registers) assert.ok(cpu.debug.read(r.number) !== undefined, r.name)
  assert.equal(cpu.debug.read(4160), undefined)
  for (const n of [1, 31, 32, 33, 64, 65 + 0x340]) {
    assert.ok(cpu.debug.write(n, 0x123456789abcdef0n + BigInt(n & ~1)))
    assert.equal(cpu.debug.read(n), 0x123456789abcdef0n + BigInt(n & ~1))
  }
  assert.ok(cpu.debug.write(0, 5n))
  assert.equal(cpu.debug.read(0), 0n)
  assert.equal(cpu.debug.write(65 + 0xf14, 1n), false)
  assert.deepEqual([s.x.get(31), s.pc], [0x123456789abcdef0n + 30n, 0x123456789abcdef0n + 32n])
})

test('writes have their effects', () => {
  const f = fixture()
  f.cpu.debug.write(65 + 0x180, 8n << 60n)
  f.cpu.debug.write(65 + 0x300, (1n << 17n) | (1n << 11n))
  assert.deepEqual(f.tlb.slice(0, 2), [0, Mmu.SUPERVISOR])
  f.cpu.debug.write(65 + 0x300, 0n)
  const PRIV = 65 + 4096
  assert.equal(f.cpu.debug.read(PRIV), 3n)
  assert.ok(f.cpu.debug.write(PRIV, 0n))
  assert.deepEqual([f.cpu.debug.read(PRIV), f.s.mode & 3, f.tlb[1]], [0n, 0, Mmu.USER])
  for (const none of [2n, 4n, 1n << 32n]) assert.equal(f.cpu.debug.write(PRIV, none), false)
})
