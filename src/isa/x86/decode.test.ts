import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Builder } from '../../ir/build.ts'
import { op, opNames } from '../../ir/ops.ts'
import { verify } from '../../ir/verify.ts'
import { Mode, registers, System, Vector } from './cpu.ts'
import { Decoded } from './decode.ts'
import { encode, type Parts } from './encode.ts'
import { lift } from './lift.ts'
import { Context, type Row } from './row.ts'
import { decoder, rows } from './tables.ts'

const codeOf = (bytes: ArrayLike<number>) => ({ u8: (at: number) => bytes[at] ?? -1, u16: () => -1 })
const decode = (bytes: ArrayLike<number>, bits: number, real = false) => decoder.decode(codeOf(bytes), 0, bits, real)

/** Every form of a row: in each code size, as register and as memory. */
function* forms(r: Row): Generator<{ bits: number; bytes: Uint8Array }> {
  const only = r.mask & Context.MODE64 ? [r.match & Context.MODE64 ? 64 : 32] : [16, 32, 64]
  const kinds = r.mask & Context.REGISTER ? [(r.match & Context.REGISTER) === 0] : [false, true]
  for (const codeBits of only)
    for (const inMemory of r.modrm ? kinds : [false])
      for (const data16 of [false, true]) {
        const memory = codeBits === 16 ? { base: -1, index: -1, shift: 0, disp: 4, pair: 7 } : { base: 3, index: 6, shift: 2, disp: 4 }
        const parts: Parts = { codeBits, data16: data16 && (r.mask & Context.DATA16) === 0, wide: (r.match & Context.W) !== 0, reg: 5, rm: 2,
          ...(inMemory && { memory }) }
        yield { bits: codeBits, bytes: encode(r, parts) }
      }
}

test('an encoded row is decoded to itself, with its length', () => {
  for (const r of rows)
    for (const { bits, bytes } of forms(r)) {
      const text = `${r.pattern}: ${r.syntax}, ${bits}-bit ${Buffer.from(bytes).toString('hex')}`
      assert.equal(decode(bytes, bits), Decoded.OK, text)
      assert.equal(decoder.insn.length, bytes.length, text)
      // Rows with the same name may be one instruction: SHL /4 and /6.
      assert.equal(decoder.insn.row!.opcode, r.opcode, text)
      assert.equal(decoder.insn.row!.names[0], r.names[0], text)
    }
})

test('every form lifts to a valid block', () => {
  const types = registers.map(r => r.type), g = new Builder()
  for (const r of rows)
    for (const { bits, bytes } of forms(r))
      for (const more of [Mode.PROTECTED, Mode.PROTECTED | Mode.FLAT_CS | Mode.FLAT_DS | Mode.FLAT_ES | Mode.FLAT_SS | Mode.STACK32]) {
        const code = bits === 64 ? Mode.CODE64 | Mode.PROTECTED : bits === 32 ? Mode.CODE32 | more : Mode.CODE16 | more
        // An addition before it, so that there are flags to keep.
        const add = [0x01, 0xd8], block = [...add, ...bytes, 0x01, 0xd8, 0xf4]
        g.begin(0x1000, 0)
        lift(g, codeOf(block), code, { maxInsns: 8 })
        assert.equal(verify(g.block, types), undefined, `${r.pattern}: ${r.syntax}, ${bits}-bit, mode ${code.toString(16)}`)
      }
})

test('prefixes: the last of a kind counts, REX only directly before the opcode', () => {
  assert.equal(decode([0x48, 0x66, 0x01, 0xd8], 64), Decoded.OK)
  assert.equal(decoder.insn.operandSize, 2)
  assert.equal(decode([0x66, 0x48, 0x01, 0xd8], 64), Decoded.OK)
  assert.equal(decoder.insn.operandSize, 8)
  assert.equal(decode([0x2e, 0x64, 0x8b, 0x03], 64), Decoded.OK)
  assert.equal(decoder.insn.override, 4)
  assert.equal(decode([0x2e, 0x8b, 0x03], 64), Decoded.OK)
  assert.equal(decoder.insn.override, -1)
})

test('what is undefined, too long, or not all there', () => {
  assert.equal(decode([0xf0, 0x01, 0xd8], 64), Decoded.UNDEFINED) // LOCK with a register
  assert.equal(decode([0xf0, 0x8b, 0x03], 64), Decoded.UNDEFINED) // LOCK with an instruction that has none
  assert.equal(decode([0xf0, 0x01, 0x03], 64), Decoded.OK)
  assert.equal(decode([0x06], 64), Decoded.UNDEFINED)
  assert.equal(decode([0x0f, 0x00, 0xc0], 16, true), Decoded.UNDEFINED) // SLDT in real mode
  assert.equal(decode([...Array(14).fill(0x66), 0x90], 64), Decoded.OK)
  assert.equal(decode([...Array(15).fill(0x66), 0x90], 64), Decoded.TOO_LONG)
  assert.equal(decode([0x48, 0x81, 0x03, 1, 2, 3], 64), Decoded.NO_BYTES)
  assert.equal(decode([0xc4, 0xe2, 0x78, 0xf2, 0xc1], 32), Decoded.OK) // ANDN
  assert.equal(decode([0xc4, 0xe2, 0x78, 0xf2, 0xc1], 16, true), Decoded.UNDEFINED) // no VEX there: LES with a register
})

const lifted = (bytes: number[], mode: number) => {
  const g = new Builder()
  g.begin(0x1000, 0)
  lift(g, codeOf(bytes), mode, { maxInsns: 8 })
  return g.block
}
const LONG = Mode.CODE64 | Mode.PROTECTED

test('a fault of the encoding is a fault of the instruction', () => {
  const bad = lifted([0x06], LONG), long = lifted([...Array(15).fill(0x66), 0x90], LONG)
  assert.deepEqual([bad.op[bad.n - 1], bad.lo[bad.n - 1], bad.hi[bad.n - 1]], [op.system, System.FAULT, Vector.UD])
  assert.deepEqual([long.lo[long.n - 1], long.hi[long.n - 1]], [System.FAULT, Vector.GP])
})

test('flags that are set again, and comparisons before a branch, leave nothing behind', () => {
  const names = (bytes: number[]) => {
    const b = lifted(bytes, LONG)
    return Array.from({ length: b.n }, (_, i) => opNames[b.op[i]!]!)
  }
  // add, add, cmp, jl: one set of flags, and a comparison directly before the branch.
  const list = names([0x48, 0x01, 0xd8, 0x48, 0x01, 0xd8, 0x48, 0x39, 0xd8, 0x7c, 0x02])
  assert.equal(list.filter(n => n === 'set.i').length, 1)
  assert.deepEqual(list.slice(-2), ['i64.lt_s', 'branch'])
})

test('a repeated string instruction is a block that jumps to itself, and code before it goes round it', () => {
  const before = lifted([0x90, 0xf3, 0xa4, 0xcc], LONG), alone = lifted([0xf3, 0xa4, 0xcc], LONG)
  assert.deepEqual([before.sizeBytes, before.op[before.n - 1], before.lo[before.n - 1]], [1, op.branch, 0x1003])
  assert.deepEqual([alone.sizeBytes, alone.op[alone.n - 1], alone.lo[alone.n - 1]], [2, op.branch, 0x1000])
})
