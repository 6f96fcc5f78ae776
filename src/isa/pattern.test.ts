import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encode, patterns, type Row } from './pattern.ts'

const { insn, table, decoder } = patterns<string[]>()({
  rd: 5, rs: 5, imm: { signed: true }, "rc'": { width: 3, plus: 8 }, "rd'": { width: 3, plus: 8 }, rc: 5,
}, [])
const note = (name: string) => (g: string[]) => { g.push(name) }

const values = (d: ReturnType<typeof decoder>, row: Row<string[]>, word: number, ...names: string[]) => {
  const o = d.extract(d.rows.indexOf(row), word) as { [name: string]: number }
  return names.map(n => o[n])
}

test('scattered, scaled and signed immediates, primed and doubled fields', () => {
  const rows = table(16, {
    a: insn("000 imm[5] rd'/rc' 00 imm[8|3:1] 000", 'rd, imm', note('a')),
  })
  const d = decoder([rows])
  assert.deepEqual(values(d, rows.a, 0b000_0_101_00_1_011_000, 'rd', 'rc', 'imm'), [13, 13, -256 + 6])
  assert.equal(encode(rows.a, { rd: 13, imm: -250 }), 0b000_0_101_00_1_011_000)
  assert.throws(() => encode(rows.a, { rd: 13, imm: 1 }), RangeError)
  assert.throws(() => encode(rows.a, { rd: 7, imm: 0 }), RangeError)
})

test('a special case comes first; excluded values are no instruction', () => {
  const rows = table(16, {
    general: insn('00 rd≠0,3 rs 0000', 'rd, rs', note('general')),
    special: insn('00 rd≠0,3 00000 0000', 'rd', note('special')),
    zero: insn('00 00000 rs 0000', 'rs', note('zero')),
  })
  const d = decoder([rows])
  assert.deepEqual(d.overlaps(), [])
  const name = (word: number) => d.rows[d.find(word)]?.name
  assert.equal(name(0b00_00001_00001_0000), 'general')
  assert.equal(name(0b00_00001_00000_0000), 'special')
  assert.equal(name(0b00_00000_00000_0000), 'zero')
  assert.equal(name(0b00_00011_00000_0000), undefined)
  assert.equal(name(0b01_00001_00000_0000), undefined)
})

test('overlaps that are no special cases are found', () => {
  const rows = table(16, {
    left: insn('00 rd 00000 0000', 'rd', note('left')),
    right: insn('00 00000 rs 0000', 'rs', note('right')),
  })
  assert.deepEqual(decoder([rows]).overlaps(), ['left and right'])
})

test('patterns of the wrong width or with unknown tokens are refused at load', () => {
  assert.throws(() => table(16, { short: insn('00 rd rs', 'rd, rs', note('')) }), /short: 12 bits, not 16/)
  assert.throws(() => table(16, { odd: insn('00 rd rs 00x0' as '00 rd rs 0000', 'rd, rs', note('')) }),
    /odd: '00x0'/)
})

test('the type checker refuses misspelt operands', () => {
  // @ts-expect-error no field ry
  insn('00 rd ry 0000', 'rd', note(''))
  // @ts-expect-error no operand rs
  insn('00 rd 00000 0000', 'rd, rs', note(''))
  // @ts-expect-error no operand rs
  insn('00 rd 00000 0000', 'rd', (g, o) => { g.push(String(o.rs)) })
})
