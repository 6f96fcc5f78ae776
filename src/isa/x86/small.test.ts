import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cr4 } from './core.ts'
import { Flag, SystemArg } from './cpu.ts'
import { type Fixture, fixture, fixtures } from './fixture.ts'

const WIDE = 3 << SystemArg.OPERAND_SHIFT, DWORD = 2 << SystemArg.OPERAND_SHIFT, PLACE = 0x8000

function place(f: Fixture, words: readonly number[]): void {
  words.forEach((word, i) => f.write32(PLACE + 4 * i, word))
  f.s.args.set(0, BigInt(PLACE))
  f.s.args.set(1, BigInt(PLACE))
}
const pair = (f: Fixture, n: number): readonly number[] => [f.read32(PLACE + 8 * n), f.read32(PLACE + 8 * n + 4)]

test('a locked CMPXCHG16B exchanges what is equal, and takes what is not', () => {
  for (const f of fixtures(2)) { // the second processor finds the lock in the first one's state
    place(f, [1, 2, 3, 4])
    f.s.gpr.set(0, 0x200000001n)
    f.s.gpr.set(2, 0x400000003n)
    f.s.gpr.set(3, 0x600000005n)
    f.s.gpr.set(1, 0x800000007n)
    assert.equal(f.system('CMPXCHG16B', WIDE | SystemArg.MEMORY), true)
    assert.deepEqual([pair(f, 0), pair(f, 1)], [[5, 6], [7, 8]])
    assert.equal(f.system('CMPXCHG16B', WIDE | SystemArg.MEMORY), true, 'the lock is free again')
    assert.deepEqual([pair(f, 0), pair(f, 1), f.s.gpr.get(0), f.s.gpr.get(2)], [[5, 6], [7, 8], 0x600000005n, 0x800000007n])
    f.s.args.set(0, BigInt(PLACE + 8))
    assert.equal(f.system('CMPXCHG16B', WIDE | SystemArg.MEMORY), false, 'it must be aligned')
  }
})

test('random numbers set the carry alone', () => {
  const f = fixture()
  f.s.gpr.set(3, 0xffffffffffffffffn)
  assert.equal(f.system('RDRAND', DWORD | (3 << SystemArg.RM_SHIFT)), true)
  assert.equal(f.s.gpr.get(3) >> 32n, 0n)
  assert.deepEqual([f.s.fa, f.s.fx & 0xff], [BigInt(Flag.CF), f.s.fx & 0xff])
  const old = fixture('pentium3')
  assert.equal(old.system('RDSEED', DWORD), false)
})

test('XSAVE is there when the system says so, FXSAVE when the model has it', () => {
  const f = fixture()
  place(f, [])
  assert.equal(f.system('XSAVE', DWORD | SystemArg.MEMORY), false)
  f.s.cr4 = BigInt(Cr4.OSXSAVE)
  f.cpu.refresh()
  assert.equal(f.system('XSAVE', DWORD | SystemArg.MEMORY), true)
  f.s.cr0 |= 8n // TS
  assert.equal(f.system('XRSTOR', DWORD | SystemArg.MEMORY), false)
  const old = fixture('pentium')
  place(old, [])
  assert.equal(old.system('FXSAVE', DWORD | SystemArg.MEMORY), false)
})
