// Random programs. Every row of the tables can appear; loops are bounded, and what a program writes over its code is again
// code that comes to an end.
import { anyOperand, encode } from '../../../src/isa/pattern.ts'
import { decode16, decode32 } from '../../../src/isa/riscv/decode.ts'
import { Random } from '../ir.ts'
import { type AnyRow, insn, type Insn, type OperandValues, rowOf } from '../../asm.ts'
import { WINDOW } from './image.ts'
import { CODE, CODE_PAGES, DATA, FRAMES, PAGE, POOL, reserved, STACK, TABLE_PAGES, TABLES, X } from './layout.ts'
import type { Fn, Mapped, Node, Program } from './program.ts'

const V = 1, R = 2, W = 4, EXEC = 8, U = 16, G = 32, A = 64, D = 128

// Rows by what they need of their surroundings.
const control = /^(c\.)?(j|jal|jalr|jr|beq|bne|blt|bge|bltu|bgeu|beqz|bnez)$/
const special = /^(ecall|ebreak|c\.ebreak|sret|mret|wfi|sfence\.vma|fence\.i|pause|csrr..?|c\.addi16sp)$/
const memory = /^(c\.)?f?([ls][bhwd]u?)$/, onStack = /^c\..*sp$|^c\.addi4spn$/, atomic = /^(amo|lr|sc)/
/** QEMU 7.2 counts wrongly where the word is 0; other tests have the row. */
const wrongInReference = new Set(['ctzw'])
const usual = [...decode32.rows, ...decode16.rows]
  .filter(r => !control.test(r.name) && !special.test(r.name) && !wrongInReference.has(r.name))
const plain = usual.filter(r => !memory.test(r.name) && !onStack.test(r.name) && !atomic.test(r.name))
const float = plain.filter(r => r.name.startsWith('f') && !r.name.startsWith('fence'))
const integer = plain.filter(r => !float.includes(r))
const accesses = usual.filter(r => memory.test(r.name)), stack = usual.filter(r => onStack.test(r.name))
const amos = usual.filter(r => atomic.test(r.name)), integer4 = integer.filter(r => r.bytes === 4)

/** Names of operands that are floating-point registers, from the syntax. */
const isFloat = (row: AnyRow, name: string) =>
  row.parts.some(p => typeof p !== 'string' && p.operand === name && p.kind === 'f')

class Maker {
  readonly r: Random
  sites = 0
  /** Instructions that will be executed, roughly. */
  budget = 4000
  private readonly supervisor: boolean
  private readonly dataPages: readonly number[]
  constructor(r: Random, supervisor: boolean, dataPages: readonly number[]) {
    this.r = r
    this.supervisor = supervisor
    this.dataPages = dataPages
  }

  /** A row with operands that leave the reserved registers alone. */
  operands(row: AnyRow, fixed: OperandValues = {}): OperandValues {
    const { r } = this
    for (;;) {
      const o: { [name: string]: number } = {}
      for (const p of row.operands) {
        o[p.name] = anyOperand(p, r.next)
        if (p.name === 'rd' && !isFloat(row, 'rd') && o.rd !== 0 && r.chance(0.7))
          o.rd = p.bits === 3 ? 8 + r.below(8) : r.pick([10, 11, 12, 13, 14, 15])
        if (p.name === 'rm') o.rm = r.chance(0.6) ? 7 : r.chance(0.97) ? r.below(5) : 5 + r.below(2)
      }
      Object.assign(o, fixed)
      if (!isFloat(row, 'rd') && o.rd !== undefined && o.rd !== 0 && reserved.has(o.rd)) continue
      if (row.operands.some(p => p.not.includes(o[p.name]!))) continue
      return o
    }
  }

  make(row: AnyRow, fixed: OperandValues = {}): Insn {
    return { word: encode(row, this.operands(row, fixed)), bytes: row.bytes }
  }

  access(): Insn {
    const { r } = this, row = r.pick(accesses)
    const size = /b/.test(row.name) ? 1 : /h/.test(row.name) ? 2 : /w/.test(row.name) ? 4 : 8
    const imm = row.operands.find(p => p.name === 'imm')
    const fixed: { [name: string]: number } = { rs1: r.chance(0.5) ? X.p : X.q }
    if (imm) {
      const v = r.chance(0.5) ? r.below(64) * 8 - 256 : r.below(4096) - 2048
      fixed.imm = r.chance(0.75) ? v & -size : v
    }
    return this.make(row, fixed)
  }

  csr(): Insn {
    const { r } = this, row = rowOf(r.pick(['csrrw', 'csrrs', 'csrrc', 'csrrwi', 'csrrsi', 'csrrci']))
    const float = r.chance(0.95) || !this.supervisor
    return this.make(row, { csr: float ? 1 + r.below(3) : r.pick([0x140, 0x141, 0x142, 0x143]) })
  }

  illegal(): Insn {
    return this.r.pick([
      { word: 0, bytes: 2 }, { word: 0x0000_0000, bytes: 4 }, { word: 0xffff_ffff, bytes: 4 }, insn('mret'),
        insn('ecall'), insn('ebreak'), insn('c.ebreak'),
      insn('csrrw', { rd: 10, csr: 0x300, rs1: 0 }), insn('csrrs', { rd: 10, csr: 0x7c0, rs1: 0 }),
    ])
  }

  straight(floats: number): Node {
    const { r } = this, insns: Insn[] = []
    for (let n = 1 + r.below(6); n > 0; n--) {
      const k = r.next()
      insns.push(
        k < floats ? this.make(r.pick(float))
        : k < floats + 0.25 ? this.access()
        : k < floats + 0.3 ? this.make(r.pick(stack))
        : k < floats + 0.33 ? this.csr()
        : k < floats + 0.335 ? this.illegal()
        : k < floats + 0.35 ? insn('fence.i', { rd: 0, rs1: 0, imm: 0 })
        : this.make(r.pick(integer)))
    }
    return { kind: 'insns', insns }
  }

  atomic(): Node {
    const { r } = this, wide = r.chance(0.5), suffix = wide ? '.d' : '.w', insns: Insn[] = []
    const rows = amos.filter(x => x.name.endsWith(suffix)), at = { rs1: X.address }
    // A misaligned SC raises an exception here also without a reservation, in QEMU 7.2 not.
    const odd = r.chance(0.04), displacement = (r.below(256) - 128) * (wide ? 8 : 4) + (odd ? 1 + r.below(3) : 0)
    if (!odd && r.chance(0.5)) {
      insns.push(this.make(rowOf(`lr${suffix}`), at))
      if (r.chance(0.2)) insns.push(this.access())
      if (r.chance(0.3)) insns.push(this.make(r.pick(integer)))
      insns.push(this.make(rowOf(`sc${suffix}`), at))
    } else {
      const allowed = rows.filter(x => !odd || !x.name.startsWith('sc'))
      for (let n = 1 + r.below(3); n > 0; n--) insns.push(this.make(r.pick(allowed), at))
    }
    return { kind: 'atomic', register: r.chance(0.5) ? X.p : X.q, displacement, insns }
  }

  site(): Node { return { kind: 'site', id: this.sites++, insn: this.make(this.r.pick(integer4)) } }

  patch(): Node {
    const { r } = this
    const word = r.chance(0.85) ? this.make(r.pick(integer4)).word : r.chance(0.5) ? 0
      : insn('addi', { rd: 10, rs1: 10, imm: r.below(100) }).word
    return {
      kind: 'patch', id: r.below(this.sites + 2), via: r.chance(0.5) ? 'alias' : 'code',
      store: r.pick(['sw', 'sw', 'sh', 'sb']), word,
      turns: r.chance(0.5),
    }
  }

  branch(): { branch: string; operands: OperandValues } {
    const { r } = this
    if (r.chance(0.25)) return { branch: r.pick(['c.beqz', 'c.bnez']), operands: { rs1: 8 + r.below(8) } }
    const rs1 = r.below(32), rs2 = r.chance(0.2) ? 0 : r.chance(0.1) ? rs1 : r.below(32)
    return { branch: r.pick(['beq', 'bne', 'blt', 'bge', 'bltu', 'bgeu']), operands: { rs1, rs2 } }
  }

  /** A sequence executed `times` times, in loops `depth` deep. */
  body(length: number, times: number, depth: number, callable: readonly number[], floats: number, nested = 0): Node[] {
    const { r } = this, out: Node[] = []
    for (let i = 0; i < length; i++) {
      const k = r.next()
      this.budget -= 6 * times
      if (k < 0.5 || this.budget < 0) out.push(this.straight(floats))
      else if (k < 0.6) out.push({ kind: 'if', ...this.branch(), body: this.short(callable, floats) })
      else if (k < 0.7 && depth < 2 && nested < 3) {
        const count = Math.max(1, Math.min(r.pick([1, 2, 3, 5, 20, 100, 400]), Math.floor(this.budget / (times * 40))))
        const inner = this.body(1 + r.below(5), times * count, depth + 1, callable, floats, nested + 1)
        out.push({ kind: 'loop', count, depth, body: inner })
      } else if (k < 0.78 && callable.length > 0 && times * 60 < this.budget) {
        this.budget -= times * 60
        out.push({ kind: 'call', fn: r.pick(callable), via: r.pick(['jal', 'jalr', 'c.jalr', 'alias']) })
      } else if (k < 0.84) out.push(this.atomic())
      else if (k < 0.89) out.push(this.site())
      else if (k < 0.94) out.push(this.patch())
      else if (k < 0.955) out.push({ kind: 'astray', place: r.below(8) })
      else if (k < 0.985) out.push({ kind: 'point', register: r.chance(0.5) ? X.p : X.q, place: r.below(8) })
      else if (this.supervisor) {
        const a = r.pick(this.dataPages), b = r.pick(this.dataPages)
        out.push({ kind: 'swap', a, b, fence: r.pick(['all', 'address', 'space']) })
      }
    }
    return out
  }

  /** What a compressed branch can skip. */
  private short(callable: readonly number[], floats: number): Node[] {
    const k = this.r.next()
    if (k < 0.2 && callable.length > 0 && this.budget > 2000) {
      this.budget -= 200
      return [{ kind: 'call', fn: this.r.pick(callable), via: 'jal' }]
    }
    return k < 0.3 ? [this.patch()] : k < 0.4 ? [this.site()] : [this.straight(floats)]
  }
}

// Around carries of the low half, and at the ends. None over the harness: QEMU 7.2 takes supervisor code for machine code at the
// same address while MPRV is set.
const windows = [0x4000_0000n, 0xffff_e000n, 0x1_7fff_e000n, 0x10_0000_0000n, 0xffff_ffc0_0000_0000n,
  0xffff_fff0_ffff_d000n, 0x1f_ffff_b000n]

export function generate(seed: number): Program {
  const r = new Random(seed), supervisor = r.chance(0.5), user = supervisor ? 0 : U
  const [at1, at2, at3] = shuffled(r, windows) as [bigint, bigint, bigint]
  const code = at1, alias = at2, data = at3 & ~0xfffn
  const global = r.chance(0.3) ? G : 0, ad = () => A | (r.chance(0.7) ? D : 0)
  const writable = r.chance(0.5) ? W : 0
  const pages: Mapped[] = []
  const map = (va: bigint, page: number, flags: number) =>
    void pages.push({ va: BigInt.asUintN(64, va), page, flags: V | user | flags })
  for (let i = 0; i < CODE_PAGES; i++) map(code + BigInt(i * PAGE), CODE + i, R | EXEC | writable | A | D | global)
  for (let i = 0; i < CODE_PAGES; i++) map(alias + BigInt(i * PAGE), CODE + i, R | W | EXEC | A | D)
  const dataPages: number[] = []
  const layout = [
    [DATA, R | W], [DATA + 1, R | W], [DATA + 2, R], undefined, [DATA + 3, R | W], [DATA, R | W], undefined, [DATA + 1, R | W],
  ] as const
  layout.forEach((entry, i) => {
    if (!entry) return
    dataPages.push(pages.length)
    // QEMU 7.2 marks a page as accessed when it refuses an atomic operation there: those to be read only are marked already.
    map(data + BigInt(i * PAGE), entry[0], entry[1] | (r.chance(0.8) || !(entry[1] & W) ? ad() : 0) | global)
  })
  const own = (at: bigint, page: number, flags: number) => map(data + at * BigInt(PAGE), page, flags | A | D)
  own(WINDOW.pool, POOL, R)
  own(WINDOW.stack, STACK, R | W)
  own(WINDOW.frames, FRAMES, R | W)
  if (supervisor) for (let i = 0; i < TABLE_PAGES; i++) own(WINDOW.tables + BigInt(i), TABLES + i, R | W)

  const edge = (page: number) => data + BigInt(page * PAGE)
  const places = Array.from({ length: 8 }, () => BigInt.asUintN(64, r.chance(0.6)
    ? edge(r.pick([1, 1, 2, 3, 5, 6])) + BigInt(r.pick([0, -8, 8, 16, -64]))
    : edge(r.pick([0, 1, 4, 5, 7])) + BigInt(8 * r.below(512))))
  const nowhere = Array.from({ length: 8 }, () => BigInt.asUintN(64, r.pick([
    0n, edge(0), edge(3), data + WINDOW.pool * 4096n, code - 4096n, code - 2n, 0x8000_0000n, 0x4000_0000_0000n,
      r.u64() | (1n << 62n), edge(1) + 1n])))

  const m = new Maker(r, supervisor, dataPages), count = 1 + r.below(5), functions: Fn[] = []
  const floats = r.pick([0, 0.1, 0.3, 0.5])
  for (let i = count - 1; i >= 0; i--) {
    const callable = Array.from({ length: count - 1 - i }, (_, k) => i + 1 + k)
    const start = r.chance(0.6) ? (PAGE - 2 * r.below(80)) % PAGE : undefined
    const length = i === 0 ? 8 + r.below(25) : 1 + r.below(6), depth = i === 0 ? 0 : r.below(2)
    functions.unshift({ start, body: m.body(length, i === 0 ? 1 : 20, depth, callable, floats) })
  }
  return {
    supervisor, fs: r.chance(0.9) ? 1 + r.below(3) : 0, asid: r.pick([0, 1, 77]),
    code, alias, data, pages, places, nowhere, functions,
    x: Array.from({ length: 32 }, () => r.integer()),
    f: Array.from({ length: 32 }, () => r.double()),
    fcsr: r.chance(0.5) ? r.below(32) : r.below(5) << 5 | r.below(32),
    memorySeed: seed,
  }
}

function shuffled<T>(r: Random, list: readonly T[]): T[] {
  return list.map(v => [r.next(), v] as const).sort((a, b) => a[0] - b[0]).map(p => p[1])
}
