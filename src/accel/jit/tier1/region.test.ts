import assert from 'node:assert/strict'
import { test } from 'node:test'
import { riscv64 } from '../../../isa/riscv/riscv64.ts'
import { ALL_PASSES } from '../../../ir/opt/passes.ts'
import { op } from '../../../ir/ops.ts'
import { findRegion } from './region.ts'

const ADDI = 0x00150513, FADD_D = 0x02b57553, RET = 0x00008067 // addi a0, a0, 1; fadd.d fa0, fa0, fa1; ret
const BACK = 0xfe050ee3 // beqz a0, back by one
const limits = { maxBlocks: 200, maxInsns: 2000 }

test('a block ends where the translated one did: behind it the mode may be another', () => {
  const page = new Uint8Array(4096), words = new DataView(page.buffer)
  for (const [i, word] of [ADDI, ADDI, FADD_D, RET].entries()) words.setUint32(4 * i, word, true)
  // Translated without a look at FS, which is off in the word that such blocks are kept under.
  const region = findRegion(riscv64, page, {
    pageLo: 0x80000000, pageHi: 0, mode: 0, host: 0, known: [0], sizes: [8], entered: [0], start: 0,
  }, limits, ALL_PASSES)
  const [only, ...more] = region!.blocks
  assert.equal(more.length, 0)
  assert.equal(only!.block.sizeBytes, 8)
  assert.equal(only!.block.modeUsed, 0)
  assert.equal(only!.block.op[only!.block.n - 1], op.jump)
})

test('a leader inside a translated block cuts it', () => {
  const page = new Uint8Array(4096), words = new DataView(page.buffer)
  for (const [i, word] of [ADDI, ADDI, BACK].entries()) words.setUint32(4 * i, word, true)
  const region = findRegion(riscv64, page, {
    pageLo: 0x80000000, pageHi: 0, mode: 0, host: 0, known: [0, 4], sizes: [12, 8], entered: [0], start: 0,
  }, limits, ALL_PASSES)
  assert.deepEqual(region!.blocks.map(b => [b.offset, b.block.sizeBytes]), [[0, 4], [4, 8]])
})
