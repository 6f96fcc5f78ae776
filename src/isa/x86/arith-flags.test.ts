import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Arith, arithFlags } from '../../ir/arith-flags.ts'
import { arithmeticFlags } from './arith-flags.ts'
import { type Core, W } from './core.ts'
import { cpuLayout } from './cpu.ts'

test('processor code computes the flags of remembered operations as the oracle does', () => {
  const buffer = new ArrayBuffer(cpuLayout.sizeBytes), i32 = new Int32Array(buffer), u64 = new BigUint64Array(buffer)
  const s = { get fa() { return u64[W.fa >> 1]! }, get fb() { return u64[W.fb >> 1]! } }
  const core = { i32, w: 0, s } as Core
  const numbers = [0n, 1n, 2n, 0xfn, 0x10n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0x8000n, 0xffffn, 0x7fffffffn, 0x80000000n, 0xffffffffn,
    0x100000000n, 0x7fffffffffffffffn, 0x8000000000000000n, 0xffffffffffffffffn, 0x123456789abcdef0n]
  for (const what of [0, Arith.SUB, Arith.MUL, Arith.EXPLICIT])
    for (const shift of [0, 32, 48, 56])
      for (const own of [0, Arith.CARRY, Arith.CARRY | 1 << Arith.CARRY_BIT, Arith.OVERFLOW, Arith.OVERFLOW | 1 << Arith.OVERFLOW_BIT,
        1 << Arith.CARRY_IN_BIT])
        for (const a of numbers)
          for (const b of numbers) {
            const word = what | shift | own
            u64[W.fa >> 1] = a
            u64[W.fb >> 1] = b
            i32[W.fx] = word
            assert.equal(arithmeticFlags(core), Number(arithFlags(a, b, BigInt(word))), `${a.toString(16)} ${b.toString(16)} ${word.toString(16)}`)
          }
})
