// SSE4.2: comparisons of strings of up to 16 bytes or 8 words. The lanes of both operands are compared with each other as the
// immediate says, then the result is negated or not, and becomes an index or a mask. Intel SDM volume 1, 12.10.4; volume 2, 4.1.
import type { Value } from '../../ir/build.ts'
import type { OpName } from '../../ir/ops.ts'
import { Flag, Reg } from './cpu.ts'
import type { Emit } from './emit.ts'
import { type Lift, row, type Row } from './row.ts'
import { low, permute, setXmm, source, sse, xmm, zero } from './vector.ts'

/** The immediate: words for bytes, signed, how lanes are compared, negated, only where the second operand has lanes; the last index
 * or whole lanes. */
const Imm = { WORDS: 1, SIGNED: 2, HOW: 0xc, NEGATE: 0x10, VALID_ONLY: 0x20, OTHER_OUTPUT: 0x40 } as const
const How = { ANY: 0, RANGES: 4, EACH: 8 } as const

const iota = (g: Emit, words: boolean): Value =>
  words ? g.v128(0x00010000, 0x00030002, 0x00050004, 0x00070006) : g.v128(0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c)

/** The operands as they are compared: `a` and `b` with their lengths (i32) and lanes that are part of the string. */
class Strings {
  readonly size: 1 | 2
  readonly n: number
  private readonly g: Emit
  private readonly imm: number
  private readonly shape: 'i8x16' | 'i16x8'
  readonly ones: Value
  readonly a: Value
  readonly b: Value
  readonly lengthA: Value
  readonly lengthB: Value
  readonly validA: Value
  readonly validB: Value

  constructor(g: Emit, explicit: boolean) {
    this.g = g
    this.imm = g.i.immLo
    const words = (this.imm & Imm.WORDS) !== 0
    this.size = words ? 2 : 1
    this.n = 16 / this.size
    this.shape = words ? 'i16x8' : 'i8x16'
    this.ones = g.v128(-1, -1, -1, -1)
    this.b = source(g, 1, false)
    this.a = xmm(g, g.i.reg)
    this.lengthA = explicit ? this.given(Reg.AX) : this.upToZero(this.a)
    this.lengthB = explicit ? this.given(Reg.DX) : this.upToZero(this.b)
    this.validA = this.below(this.lengthA)
    this.validB = this.below(this.lengthB)
  }
  private lanes(name: string, a: Value, b: Value): Value { return this.g.row(`${this.shape}.${name}` as OpName, a, b) }
  private and(a: Value, b: Value): Value { return this.g.row('v128.and', a, b) }
  private or(a: Value, b: Value): Value { return this.g.row('v128.or', a, b) }

  /** The top bits of the lanes, an i32. */
  bits(v: Value): Value {
    const { g } = this
    return g.row('i8x16.bitmask', this.size === 1 ? v : g.row('i8x16.narrow_i16x8_s', v, zero(g)))
  }
  private upToZero(v: Value): Value {
    const { g } = this
    return g.ctz(g.or(this.bits(this.lanes('eq', v, zero(g))), g.i32(1 << this.n)))
  }
  /** The absolute value of a register, at most all lanes. */
  private given(register: number): Value {
    const { g, n } = this, v = g.sext(g.get(register), g.i.operandSize === 8 ? 8 : 4), sign = g.shrS(v, g.imm(63)), size = g.sub(g.xor(v, sign), sign)
    return g.wrap(g.select(g.gtU(size, g.imm(n)), g.imm(n), size))
  }
  private below(length: Value): Value {
    const { g } = this, all = g.mul(g.extendU(length), this.size === 1 ? g.i64(0x01010101, 0x01010101) : g.i64(0x00010001, 0x00010001))
    return this.lanes('gt_s', g.row('v.make', all, all), iota(g, this.size === 2))
  }
  private pick(v: Value, lane: (i: number) => number, other = v): Value {
    return permute(this.g, v, other, this.size, Array.from({ length: this.n }, (_, i) => lane(i)))
  }

  compare(): Value {
    switch (this.imm & Imm.HOW) {
      case How.ANY: return this.any()
      case How.RANGES: return this.ranges()
      case How.EACH: return this.or(this.and(this.and(this.lanes('eq', this.a, this.b), this.validA), this.validB),
        this.g.row('v128.andnot', this.ones, this.or(this.validA, this.validB)))
      default: return this.ordered()
    }
  }
  /** `a`, lanes that are no part of it being others that are (every `period` lanes the same); and whether there is one. */
  private filled(period: 1 | 2): { v: Value; none: Value } {
    const { g } = this, length = period === 1 ? this.lengthA : g.and(this.lengthA, g.i32(~1)), valid = period === 1 ? this.validA : this.below(length)
    const v = this.or(this.and(this.a, valid), g.row('v128.andnot', this.pick(this.a, i => i % period), valid))
    return { v, none: g.eqz(length) }
  }
  private unless(none: Value, v: Value): Value { return this.g.row('v.select', none, zero(this.g), this.and(v, this.validB)) }
  /** Lanes of `b` that are among those of `a`. */
  private any(): Value {
    const { v, none } = this.filled(1)
    let found = this.lanes('eq', this.pick(v, () => 0), this.b)
    for (let j = 1; j < this.n; j++) found = this.or(found, this.lanes('eq', this.pick(v, () => j), this.b))
    return this.unless(none, found)
  }
  /** Lanes of `b` that lie in one of the ranges that pairs of `a` are. */
  private ranges(): Value {
    const { v, none } = this.filled(2), sign = this.imm & Imm.SIGNED ? 's' : 'u'
    let found: Value | undefined
    for (let j = 0; j < this.n; j += 2) {
      const above = this.lanes('eq', this.lanes(`max_${sign}`, this.pick(v, () => j), this.b), this.b)
      const inside = this.and(above, this.lanes('eq', this.lanes(`min_${sign}`, this.pick(v, () => j + 1), this.b), this.b))
      found = found === undefined ? inside : this.or(found, inside)
    }
    return this.unless(none, found!)
  }
  /** Places of `b` where `a` begins, as far as `b` goes. */
  private ordered(): Value {
    const { g, n } = this, beyondA = g.row('v128.andnot', this.ones, this.validA)
    let found = this.ones
    for (let j = 0; j < n; j++) {
      const same = this.or(this.and(this.lanes('eq', this.pick(this.a, () => j), this.b), this.validB), this.pick(beyondA, () => j))
      found = this.and(found, this.pick(same, i => Math.min(i + j, n), this.ones))
    }
    return found
  }
  /** Negated as the immediate says. */
  result(): Value {
    const v = this.compare()
    return this.imm & Imm.NEGATE ? this.g.row('v128.xor', v, this.imm & Imm.VALID_ONLY ? this.validB : this.ones) : v
  }
}

const strings = (explicit: boolean, output: 'index' | 'mask'): Lift => sse(g => {
  const s = new Strings(g, explicit), v = s.result(), found = s.bits(v), other = (g.i.immLo & Imm.OTHER_OUTPUT) !== 0, all = g.i32(s.n)
  const flag = (bit: Value, at: number) => g.shl(bit, g.i32(Math.log2(at)))
  const flags = g.or(g.or(g.ne(found, g.i32(0)), flag(g.ltU(s.lengthB, all), Flag.ZF)),
    g.or(flag(g.ltU(s.lengthA, all), Flag.SF), flag(g.and(found, g.i32(1)), Flag.OF)))
  g.setExplicit(g.extendU(flags))
  if (output === 'mask') return setXmm(g, 0, other ? v : low(g, g.extendU(found)))
  const index = other ? g.select(g.eqz(found), all, g.sub(g.i32(31), g.clz(found))) : g.ctz(g.or(found, g.i32(1 << s.n)))
  g.set(Reg.CX, g.extendU(index))
})

export const sse4Strings: readonly Row[] = [
  row('66 0F 3A 60 /r ib', 'pcmpestrm Vx, Wx, Ib', strings(true, 'mask')),
  row('66 0F 3A 61 /r ib', 'pcmpestri Vx, Wx, Ib', strings(true, 'index')),
  row('66 0F 3A 62 /r ib', 'pcmpistrm Vx, Wx, Ib', strings(false, 'mask')),
  row('66 0F 3A 63 /r ib', 'pcmpistri Vx, Wx, Ib', strings(false, 'index')),
]
