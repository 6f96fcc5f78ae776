// Every row: no overlaps, encode and decode are inverse, the IR verifies in every mode.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generator } from '../../base/random.ts'
import { Builder } from '../../ir/build.ts'
import { print } from '../../ir/print.ts'
import { verify } from '../../ir/verify.ts'
import { anyOperand, encode } from '../pattern.ts'
import { Mode, registers } from './cpu.ts'
import { decode16, decode32 } from './decode.ts'
import { disassemble } from './disassemble.ts'
import { lift } from './lift.ts'

const types = registers.map(r => r.type)
const decoders = [decode16, decode32]
const rows = decoders.flatMap(d => d.rows.map(row => ({ d, row })))

/** Code from halfwords. */
const code = (halves: readonly number[]) => ({
  u8: (at: number) => (at >> 1 < halves.length ? (halves[at >> 1]! >> (8 * (at & 1))) & 0xff : -1),
  u16: (at: number) => halves[at >> 1] ?? -1,
})
const halvesOf = (word: number) => ((word & 3) === 3 ? [word & 0xffff, word >>> 16] : [word & 0xffff])
const dirty = 2 << Mode.FS_SHIFT

const usual = { pc: 0x80000000, mode: dirty, maxInsns: 64, fold: true }
function lifted(words: readonly number[], options: Partial<typeof usual> = {}): string {
  const { pc, mode, maxInsns, fold } = { ...usual, ...options }
  const g = new Builder(undefined, fold)
  g.begin(pc, 0)
  lift(g, code(words.flatMap(halvesOf)), mode, { maxInsns })
  assert.equal(g.block.n === 0 ? undefined : verify(g.block, types), undefined, print(g.block))
  return print(g.block, { register: i => registers[i]!.name })
}
/** The lines of a block without its head. */
const body = (text: string) => text.trim().split('\n').slice(1).map(l => l.trim())

test('rows do not overlap, and their names differ', () => {
  for (const d of decoders) assert.deepEqual(d.overlaps(), [])
  assert.equal(new Set(rows.map(({ row }) => row.name)).size, rows.length)
})

test('encode and decode are inverse', () => {
  const random = generator(2)
  for (const { d, row } of rows) {
    for (let k = 0; k < 50; k++) {
      const operands = Object.fromEntries(row.operands.map(o => [o.name, anyOperand(o, random)]))
      const word = encode(row, operands), index = d.find(word), found = d.rows[index]
      if (found === row) {
        const out: { readonly [name: string]: number } = d.extract(index, word)
        for (const o of row.operands) {
          for (const name of [o.name, ...o.also]) {
            assert.equal(out[name], operands[o.name], `${row.name} ${name}`)
          }
        }
        assert.equal(encode(row, out), word, row.name)
      } else {
        // A special case of this row that the operands hit by chance.
        const special = found && (found.mask & row.mask) === row.mask && found.mask !== row.mask
        assert.ok(special, `${row.name}: ${found?.name}`)
      }
    }
  }
})

test('every row lifts to IR that verifies, in every mode, folded or not', () => {
  const random = generator(3)
  for (const { row } of rows) {
    for (let k = 0; k < 24; k++) {
      const word = encode(row, Object.fromEntries(row.operands.map(o => [o.name, anyOperand(o, random)])))
      const mode = Math.floor(random() * 0x1000) & ~(3 << Mode.FS_SHIFT) | (k % 3 << Mode.FS_SHIFT)
      for (const fold of [true, false]) lifted([word], { mode, fold })
    }
  }
})

test('random words lift, in blocks, to IR that verifies', () => {
  const random = generator(4)
  for (let k = 0; k < 3000; k++) lifted(Array.from({ length: 16 }, () => (random() * 0x100000000) | 0))
})

test('a block ends at the limit and where bytes cannot be read', () => {
  const nop = 0x00000013
  assert.match(lifted([nop, nop, nop], { maxInsns: 2 }), /8 bytes, 2 instructions[^]*jump 0x80000008\n$/)
  assert.match(lifted([nop, nop]), /8 bytes, 2 instructions[^]*jump 0x80000008\n$/)
  const g = new Builder()
  g.begin(0x1000, 0)
  lift(g, code([0x0013]), 0, { maxInsns: 8 }) // the second half is missing
  assert.equal(g.block.n, 0)
})

test('auipc and jalr together are a direct jump, with the kind that the link register says', () => {
  // auipc ra, 0x1; jalr ra, 16(ra); and a return.
  assert.equal(body(lifted([0x00001097, 0x010080e7])).at(-1), 'jump 0x80001010 call')
  assert.match(body(lifted([0x00008067])).at(-1)!, /^jumpto return %/)
  assert.match(body(lifted([0x000300e7])).at(-1)!, /^jumpto call %/)
})

test('illegal instructions carry their bits', () => {
  assert.equal(body(lifted([0])).at(-1), 'system #0 0x0')
  assert.equal(body(lifted([0xffffffff | 0])).at(-1), 'system #0 0xffffffff')
  assert.equal(body(lifted([0x30200073])).at(-1), 'system #0 0x30200073', 'mret in user mode')
})

test('floating point leaves to be marked dirty before it changes anything', () => {
  const fadd = 0x02b57553 // fadd.d fa0, fa0, fa1, dyn
  const off = 0, clean = 1 << Mode.FS_SHIFT
  assert.deepEqual(body(lifted([fadd], { mode: off })).slice(1), ['system #0 0x2b57553'])
  assert.deepEqual(body(lifted([fadd], { mode: clean | Mode.NEAREST })).slice(1), ['system #9 0x2b57553'])
  assert.match(lifted([fadd], { mode: dirty | Mode.NEAREST }), /fadd.d rne %/)
  assert.match(lifted([fadd], { mode: dirty | Mode.NEAREST | Mode.INEXACT }), /fadd.d rne nx %/)
  assert.match(lifted([fadd], { mode: dirty }), /leaveif #0 0x2b57553 %[^]*fadd.d dyn %/)
})

test('an instruction is named in the text of its block', () => {
  assert.equal(disassemble(0x02b57553, 0n), 'fadd.d fa0,fa0,fa1')
  assert.equal(disassemble(0x100022f3, 0n), 'csrrs t0,sstatus,zero')
})
