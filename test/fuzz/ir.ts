// Random programs of IR: every row, values that outlive what they were read from, all kinds of accesses and ends.
import { generator } from '../../src/base/random.ts'
import { Block } from '../../src/ir/block.ts'
import { Builder, type Value } from '../../src/ir/build.ts'
import { AmoKind, arity, effects, FpEnv, type IntegerOp, JumpKind, MemOp, op, type OpName, opNames, resultType, rows, type Type } from '../../src/ir/ops.ts'
import { verify } from '../../src/ir/verify.ts'
import { CODE, COUNTER, DATA, DATA_PAGES, FIELD_BYTES, POINTERS, type Program, types } from './ir-machine.ts'

const pureRows = opNames.filter(n => effects[op[n]] === 'none' && arity[op[n]]! > 0)
const floatRows = opNames.filter(n => effects[op[n]] === 'float')
const divisions = new Set<string>((['div_s', 'div_u', 'rem_s', 'rem_u'] satisfies IntegerOp[]).flatMap(n => [`i32.${n}`, `i64.${n}`]))
/** What the counter's end and other ends call. */
const END = 99

const interesting = [0n, 1n, 2n, 7n, 31n, 32n, 63n, 64n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0x8000n, 0x7fffffffn, 0x80000000n,
  0xffffffffn, 0x100000000n, 0x7fffffffffffffffn, 0x8000000000000000n, 0xffffffffffffffffn, 0xffffffff80000000n]
const floats = [0, -0, 1, -1, 1.5, 0.1, 3, 2 ** 31, 2 ** 53, 2 ** 63, 2 ** 64, -(2 ** 63), 2 ** -1022, 2 ** -1074, 2 ** -149, 2 ** -126, 2 ** 127,
  2 ** 128, Number.MAX_VALUE, Infinity, -Infinity, NaN, 1 + 2 ** -52, 1 + 2 ** -23]
const view = new DataView(new ArrayBuffer(8))
const bits64 = (v: number) => (view.setFloat64(0, v), view.getBigUint64(0))
const bits32 = (v: number) => (view.setFloat32(0, v), BigInt(view.getUint32(0)))

export class Random {
  readonly next: () => number
  constructor(seed: number) { this.next = generator(seed) }
  below(n: number): number { return Math.floor(this.next() * n) }
  chance(p: number): boolean { return this.next() < p }
  pick<T>(list: readonly T[]): T { return list[this.below(list.length)]! }
  u64(): bigint { return (BigInt(this.below(2 ** 32)) << 32n) | BigInt(this.below(2 ** 32)) }
  integer(): bigint {
    return this.chance(0.5) ? this.pick(interesting) : this.chance(0.3) ? this.u64() >> BigInt(this.below(64)) : this.u64()
  }
  double(): bigint {
    if (this.chance(0.4)) return bits64(this.pick(floats))
    if (this.chance(0.3)) return 0xffffffff00000000n | (this.chance(0.5) ? bits32(this.pick(floats)) : this.u64() & 0xffffffffn)
    if (this.chance(0.2)) return this.u64()
    return (BigInt(1023 + this.below(40) - 20) << 52n) | (this.u64() & 0x800fffffffffffffn) & (-1n << BigInt(this.below(52)))
  }
}

/** Addresses within the data, often at the end of a page, mostly aligned. */
function address(r: Random): bigint {
  const page = DATA + BigInt(4096 * (r.chance(0.75) ? r.pick([0, 1, 4, 7]) : r.below(DATA_PAGES)))
  const offset = r.chance(0.3) ? 4096 - r.pick([1, 2, 4, 7, 8]) : r.below(512) * 8
  return page + BigInt(offset + (r.chance(0.2) ? r.below(8) : 0))
}

const kindOfEnd = ['jump', 'branch', 'branch', 'branch', 'jumpto', 'jumpto', 'system'] as const

class BlockMaker {
  private readonly r: Random
  private readonly g: Builder
  private readonly starts: readonly bigint[]
  private readonly inexact: boolean
  private readonly values: { [T in Type]: Value[] } = { i: [], l: [], f: [], d: [], v: [] }

  constructor(r: Random, starts: readonly bigint[], inexact: boolean) {
    this.r = r
    this.starts = starts
    this.inexact = inexact
    this.g = new Builder(new Block(), r.chance(0.5))
  }

  private keep(v: Value): Value {
    this.values[this.g.typeOf(v)].push(v)
    return v
  }

  private fresh(t: Type): Value {
    const { g, r } = this
    const reg = r.pick(types.flatMap((type, i) => (type === t && i !== COUNTER ? [i] : [])))
    switch (t) {
      case 'l': return r.chance(0.7) ? g.get(reg) : g.big(r.integer())
      case 'i': return r.chance(0.7) ? g.get(reg, 'i') : g.i32(Number(r.integer() & 0xffffffffn))
      case 'd': return g.get(reg, 'd')
      case 'v':
        return r.chance(0.2) ? g.v128(...[0, 1, 2, 3].map(() => Number(r.integer() & 0xffffffffn)) as [number, number, number, number])
          : g.row('v.make', this.value('l'), this.value('l'))
      case 'f': return r.chance(0.5) ? g.emit(op['nanunbox'], this.value('d')) : g.emit(op['f32.reinterpret_i32'], this.value('i'))
    }
  }

  /** Any value of a type, old ones too. */
  private value(t: Type): Value {
    const known = this.values[t]
    if (known.length > 0 && this.r.chance(0.6)) return this.r.chance(0.5) ? known.at(-1)! : this.r.pick(known)
    return this.keep(this.fresh(t))
  }

  private pure(): void {
    const { g, r } = this, name = r.pick(pureRows), sig = rows[op[name]]!.sig, k = arity[op[name]]!
    const v = Array.from({ length: k }, (_, i) => this.value(sig[i] as Type))
    if (name === 'divw.u') {
      // A divisor greater than the high half.
      v[2] = g.or(v[2]!, g.big(1n << 63n))
      v[0] = g.shrU(v[0]!, g.imm(1))
    } else if (divisions.has(name)) {
      const one = sig[0] === 'i' ? g.i32(1) : g.imm(1)
      v[0] = g.shrU(v[0]!, one)
      v[1] = g.or(v[1]!, one)
    }
    this.keep(g.emit(op[name], v[0], v[1] ?? 0, v[2] ?? 0))
  }

  private float(): void {
    const { g, r } = this, name = r.pick(floatRows), sig = rows[op[name]]!.sig, k = arity[op[name]]!
    const v = Array.from({ length: k }, (_, i) => this.value(sig[i] as Type))
    const rm = r.chance(0.5) ? FpEnv.RNE : r.pick([FpEnv.RTZ, FpEnv.RDN, FpEnv.RUP, FpEnv.RMM, FpEnv.DYN])
    const env = rm | (this.inexact && r.chance(0.8) ? FpEnv.INEXACT_SET : 0)
    this.keep(g.fp(name as `f${string}`, env, v[0]!, v[1], v[2]))
  }

  private address(): Value {
    const { g, r } = this
    if (r.chance(0.6)) return g.get(r.below(POINTERS))
    if (r.chance(0.5)) return g.big(address(r))
    if (r.chance(0.1)) return this.value('l')
    return g.add(g.big(DATA), g.and(this.value('l'), g.imm(r.chance(0.8) ? 0x1ff8 : 0x1fff)))
  }

  private memory(): void {
    const { g, r } = this, kind = r.below(10), disp = r.chance(0.5) ? 0 : r.below(64) - 32
    const aligned = (r.chance(0.2) ? MemOp.ALIGNED : 0) | (r.chance(0.1) ? MemOp.STACK : 0), update = r.chance(0.2) ? MemOp.UPDATE : 0
    if (kind < 4) {
      const t = r.pick<Type>(['l', 'l', 'i', 'd', 'f'])
      const size = t === 'd' ? 3 : t === 'f' ? 2 : r.below(t === 'i' ? 3 : 4)
      const signed = t === 'd' || t === 'f' || r.chance(0.5) ? 0 : MemOp.SIGNED
      this.keep(g.load(size | signed | aligned | update, this.address(), disp, t))
    } else if (kind < 8) {
      const t = r.pick<Type>(['l', 'l', 'i', 'd', 'f'])
      const size = t === 'd' ? 3 : t === 'f' ? 2 : r.below(t === 'i' ? 3 : 4)
      g.store(size | aligned, this.address(), this.value(t), disp)
    } else if (r.chance(0.2)) {
      // Of one element: of more it is left open how many are done.
      const one = g.imm(1)
      this.keep(r.chance(0.5) ? g.fill(r.below(4), this.address(), this.value('l'), one) : g.copy(r.below(4), this.address(), this.address(), one))
    } else {
      const size = r.below(4) | (r.chance(0.4) ? MemOp.SIGNED : 0) | (r.chance(0.6) ? MemOp.ALIGNED : 0)
      const at = r.chance(0.9) ? g.and(this.address(), g.imm(-8)) : this.address()
      if (r.chance(0.3)) {
        // Mostly it compares with what is there.
        const found = r.chance(0.6) ? g.load(size & 3, at) : this.value('l')
        this.keep(g.cas(size, at, found, this.value('l')))
      } else this.keep(g.amo(r.pick(Object.values(AmoKind)), size, at, this.value('l')))
    }
  }

  private write(): void {
    const { g, r } = this
    if (r.chance(0.25)) {
      const kind = r.pick(['l', 'i', '8'] as const), offset = kind === 'l' ? 8 * r.below(8) : 4 * r.below(FIELD_BYTES / 4)
      return g.setField(this.fieldAt + offset, this.value(kind === 'l' ? 'l' : 'i'), kind)
    }
    const reg = r.below(COUNTER)
    // The pointers stay pointers, mostly.
    if (reg < POINTERS && r.chance(0.7)) return g.set(reg, g.add(g.get(reg), g.imm(8 * r.below(4))))
    g.set(reg, this.value(types[reg]!))
  }
  fieldAt = 0

  private operation(written: boolean): boolean {
    const { g, r } = this, kind = r.below(20)
    if (kind < 6) this.pure()
    else if (kind < 8) this.float()
    else if (kind < 12 && !written) this.memory()
    else if (kind === 12) {
      const t = r.pick(['l', 'i', '8'] as const), offset = t === 'l' ? 8 * r.below(8) : 4 * r.below(FIELD_BYTES / 4)
      this.keep(g.field(this.fieldAt + offset, t))
    } else if (kind === 13 && r.chance(0.3)) this.keep(g.call(r.below(3), this.value('l'), this.value('l')))
    else if (kind === 14 && !written && r.chance(0.2)) g.leaveIf(this.value('i'), r.below(8), r.below(1000))
    else if (kind === 15 && !written && r.chance(0.2)) g.fence()
    else {
      this.write()
      return true
    }
    return written
  }

  make(start: bigint, lengths: readonly number[], next: bigint | undefined): Block {
    const { g, r } = this
    g.begin(Number(BigInt.asUintN(32, start)), Number(BigInt.asIntN(32, start >> 32n)))
    for (const [i, length] of lengths.entries()) {
      g.insn(length)
      let written = false
      if (i === 0) {
        const left = g.get(COUNTER)
        g.leaveIf(g.eqz(left), END)
        g.set(COUNTER, g.sub(left, g.imm(1)))
        continue
      }
      for (let n = r.below(5); n > 0; n--) written = this.operation(written)
      if (i === lengths.length - 1) this.end(start, next)
    }
    const wrong = verify(g.block, types)
    if (wrong) throw new Error(`the generator made a wrong block: ${wrong}`)
    return g.block.copy()
  }

  private end(_start: bigint, next: bigint | undefined): void {
    const { g, r } = this, kind = r.pick(kindOfEnd), target = () => g.big(r.chance(0.02) ? r.u64() & ~1n : r.pick(this.starts))
    if (kind === 'system') g.system(r.below(8), r.below(1000))
    else if (kind === 'jump') {
      const t = target()
      g.jump(t, r.pick(Object.values(JumpKind)))
    } else if (kind === 'jumpto' || next === undefined) {
      const a = target(), b = target()
      g.jump(g.select(this.value('i'), a, b), r.pick(Object.values(JumpKind)))
    } else {
      const { block } = g, last = start(block), to = r.pick(this.starts)
      g.branch(r.chance(0.4) ? this.value('i') : this.comparison(), Number(to - last))
    }
  }

  private comparison(): Value {
    const { g, r } = this, t = r.pick<Type>(['l', 'i'])
    const a = this.value(t), b = r.chance(0.4) ? (t === 'l' ? g.imm(r.below(3) - 1) : g.i32(r.below(3) - 1)) : this.value(t)
    const name: OpName = `${t === 'l' ? 'i64' : 'i32'}.${r.pick(['eq', 'ne', 'lt_s', 'lt_u', 'ge_s', 'gt_u', 'le_s', 'le_u', 'gt_s', 'ge_u'] as const)}`
    return r.chance(0.1) ? g.eqz(a) : g.emit(op[name], a, b)
  }
}

/** Address of a block's last instruction. */
function start(b: Block): bigint {
  for (let i = b.n - 1; ; i--)
    if (opNames[b.op[i]!] === 'insn')
      return ((BigInt(b.pcHi >>> 0) << 32n) | BigInt(b.pcLo)) + BigInt(b.lo[i]!)
}

export function irProgram(seed: number, fieldAt: number): Program {
  const r = new Random(seed), count = r.chance(0.4) ? 1 : 2 + r.below(7), inexact = r.chance(0.5)
  const lengths = Array.from({ length: count }, () => Array.from({ length: 2 + r.below(10) }, () => r.pick([2, 4, 4])))
  const starts: bigint[] = []
  let at = CODE
  for (const l of lengths) {
    starts.push(at)
    at += BigInt(l.reduce((a, b) => a + b, 0))
    // Now and then the code goes on in the next page.
    if (r.chance(0.05) && at < CODE + 4096n) at = CODE + 4096n
  }
  const blocks = lengths.map((l, i) => {
    const end = starts[i]! + BigInt(l.reduce((a, b) => a + b, 0)), maker = new BlockMaker(r, starts, inexact)
    maker.fieldAt = fieldAt
    return maker.make(starts[i]!, l, starts[i + 1] === end ? end : undefined)
  })
  const values = types.map((t, i) =>
    i === COUNTER ? BigInt(1 + r.below(12)) : i < POINTERS ? address(r)
    : t === 'd' ? r.double() : t === 'i' ? r.integer() & 0xffffffffn : r.integer())
  return {
    blocks, registers: values, fields: Array.from({ length: FIELD_BYTES / 8 }, () => r.integer()),
    fflags: inexact ? 1 | r.below(32) : r.below(16) * 2, frm: r.below(5),
  }
}

/** Rows whose value has this type, for the minimiser. */
export const zeroOf = (t: Type | ''): OpName | undefined => (t === 'l' ? 'i64.const' : t === 'i' ? 'i32.const' : undefined)
export const typeOfRow = (row: number): Type | '' => resultType[row]!
