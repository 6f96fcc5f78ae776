import assert from 'node:assert/strict'
import { test } from 'node:test'
import { riscv64 } from '../../../isa/riscv/riscv64.ts'
import { ALL_PASSES } from '../../../ir/opt/passes.ts'
import { op } from '../../../ir/ops.ts'
import { entryTables } from './compile.ts'
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

test('a call into another page comes back by the table of entries; what that page has is no entry from outside', () => {
  const memory = new Uint8Array(8192), words = new DataView(memory.buffer)
  const CALL = 0x000010ef // jal ra, +4096
  for (const [i, word] of [CALL, ADDI, RET].entries()) words.setUint32(4 * i, word, true)
  for (const [i, word] of [ADDI, RET].entries()) words.setUint32(4096 + 4 * i, word, true)
  const region = findRegion(riscv64, memory, {
    pageLo: 0x80000000, pageHi: 0, mode: 0, host: 0, others: [{ pageLo: 0x80001000, host: 4096 }],
    known: [0, 4, 4096], entered: [0], start: 0,
  }, limits, ALL_PASSES)!
  assert.deepEqual(region.blocks.map(b => [b.offset, b.taken]), [[0, 4096], [4, -1], [4096, -1]])
  assert.deepEqual([region.entries, region.own, region.calls], [[0, 4], 2, true])
  assert.deepEqual(entryTables(region, 1).map(t => [t.first, ...t.bytes]), [[0, 1, 0, 2]])
})

test('an indirect call stays inside where it has led to', () => {
  const memory = new Uint8Array(8192), words = new DataView(memory.buffer)
  const CALL = 0x000300e7 // jalr ra, 0(t1)
  for (const [i, word] of [CALL, RET].entries()) words.setUint32(4 * i, word, true)
  for (const [i, word] of [ADDI, RET].entries()) words.setUint32(4096 + 8 + 4 * i, word, true)
  const region = findRegion(riscv64, memory, {
    pageLo: 0x80000000, pageHi: 0, mode: 0, host: 0, others: [{ pageLo: 0x90000000, host: 4096 }],
    known: [0, 4, 4104], entered: [0], led: [4104], start: 0,
  }, limits, ALL_PASSES)!
  assert.deepEqual([region.entries, region.own, region.leads], [[0, 4, 4104], 2, true])
  assert.deepEqual(entryTables(region, 1).map(t => [t.first, t.at, ...t.bytes]), [[0, 0, 1, 0, 2], [4104, 3, 3]])
})
