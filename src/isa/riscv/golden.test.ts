// What every row lifts to, as text beside its table: once in the supervisor with floating point dirty and rounding to
// nearest, and where that differs in other modes.
import { test } from 'node:test'
import { golden } from '../../../test/golden/golden.ts'
import { Builder } from '../../ir/build.ts'
import { print } from '../../ir/print.ts'
import { encode, type Operand, type Row } from '../pattern.ts'
import { rv64a } from './a.insn.ts'
import { rv64c } from './c.insn.ts'
import { Mode, registers } from './cpu.ts'
import { rv64d } from './d.insn.ts'
import { decode16, decode32 } from './decode.ts'
import { disassemble } from './disassemble.ts'
import type { Emit } from './emit.ts'
import { rv64f } from './f.insn.ts'
import { lift } from './lift.ts'
import { rv64m } from './m.insn.ts'
import { privilegedTable } from './privileged.insn.ts'
import { rv32i } from './rv32i.insn.ts'
import { rv64i } from './rv64i.insn.ts'
import { zba, zbb, zbs } from './zb.insn.ts'
import { zicsr, zifencei } from './zicsr.insn.ts'

type Rows = { readonly [name: string]: Row<Emit> }
const files: { readonly [file: string]: readonly Rows[] } = {
  rv32i: [rv32i], rv64i: [rv64i], m: [rv64m], a: [rv64a], f: [rv64f], d: [rv64d], c: [rv64c],
  zb: [zba, zbb, zbs], zicsr: [zicsr, zifencei], privileged: [privilegedTable],
}

const USER = 0, SUPERVISOR = 1, MACHINE = 3, CLEAN = 1 << Mode.FS_SHIFT, DIRTY = 2 << Mode.FS_SHIFT
const USUAL = SUPERVISOR | DIRTY | Mode.NEAREST
const modes: { readonly [name: string]: number } = {
  user: USER | DIRTY | Mode.NEAREST,
  'user, counters': USER | DIRTY | Mode.NEAREST | Mode.TIME | Mode.CYCLE | Mode.INSTRET,
  'supervisor, trapped': USUAL | Mode.TVM | Mode.TW | Mode.TSR,
  machine: MACHINE | DIRTY | Mode.NEAREST,
  'no floating point': SUPERVISOR | Mode.NEAREST,
  'floating point clean': SUPERVISOR | CLEAN | Mode.NEAREST,
  'another rounding': SUPERVISOR | DIRTY,
  'inexact already': USUAL | Mode.INEXACT,
}

const PC = 0x80000000, SSCRATCH = 0x140, DYN = 7
const fixed: { readonly [operand: string]: number } = {
  rd: 10, rs1: 11, rs2: 12, rs3: 13, csr: SSCRATCH, rm: DYN, aq: 1, rl: 0, pred: 3, succ: 3,
}

/** The least positive value with a bit set, of those that the row admits. */
function value(o: Operand): number {
  if (fixed[o.name] !== undefined) return fixed[o.name]!
  const bits = o.pieces.flatMap(p => Array.from({ length: p.width }, (_, i) => p.to + i)).sort((a, b) => a - b)
  const [low, next = low] = bits as [number, number?]
  return (1 << next!) | (bits.length > 2 ? 1 << low : 0)
}

function text(row: Row<Emit>): string {
  const word = encode(row as Row<never>, Object.fromEntries(row.operands.map(o => [o.name, value(o)])))
  const decoder = row.bytes === 2 ? decode16 : decode32
  if (decoder.rows[decoder.find(word)] !== row) throw new Error(`${row.name}: these operands are another instruction`)
  const body = (mode: number): string => {
    const g = new Builder()
    g.begin(PC, 0)
    lift(g, { u8: () => -1, u16: at => (at === 0 ? word & 0xffff : at === 2 && row.bytes === 4 ? word >>> 16 : -1) }, mode, { maxInsns: 1 })
    return print(g.block, { register: i => registers[i]!.name }).split('\n').slice(2).join('\n')
  }
  const usual = body(USUAL), different = new Map<string, string[]>()
  for (const [name, mode] of Object.entries(modes)) {
    const other = body(mode)
    if (other !== usual) different.set(other, [...different.get(other) ?? [], name])
  }
  const others = [...different].map(([body, names]) => `  in other modes (${names.join('; ')}):\n${body}`)
  return `${disassemble(word, BigInt(PC))}\n${usual}${others.join('')}`
}

for (const [file, tables] of Object.entries(files))
  test(`what the rows of ${file}.insn.ts lift to`, () => {
    const rows = tables.flatMap(t => Object.values(t))
    golden(new URL(`./${file}.golden.txt`, import.meta.url), rows.map(text).join('\n'))
  })
