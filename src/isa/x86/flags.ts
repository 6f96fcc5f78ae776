// The lazy flags while a block is lifted. An instruction's operands are remembered; a condition on an operation of the same
// block compares them directly. Before anything that could show the flags (an access that may fault, a way out, the end of
// the block) operands and a word that says what was done with them go into registers, as ir/arith-flags.ts has it: nothing is
// computed but where a condition, or an instruction that stores the flags, finds an operation of another block.
import { Arith, ArithFlag } from '../../ir/arith-flags.ts'
import { Builder, type Value } from '../../ir/build.ts'
import { op } from '../../ir/ops.ts'
import { cpuLayout, Reg } from './cpu.ts'

const NONE = -1

/** What set the flags last. `a`, `b` and `r` are operands and result, whose bits beyond the size mean nothing. LOGIC: carry and
 * overflow are 0. COMPARE: of numbers, each an i32; all three flags are set where none holds. EXPLICIT: `a` holds them as EFLAGS
 * does. REGISTERS: what the registers hold, or would hold. */
const Kind = { ADD: 0, SUB: 1, LOGIC: 2, MUL: 3, COMPARE: 4, EXPLICIT: 5, REGISTERS: 6 } as const
type Kind = (typeof Kind)[keyof typeof Kind]
type Operation = {
  readonly kind: Kind
  readonly size: number
  readonly a: Value
  readonly b: Value
  readonly r: Value
  /** Of ADD and SUB: the carry that went in, an i32; of REGISTERS the word. */
  readonly c?: Value
  /** All flags, once they were computed: an i32. */
  bits?: Value
}
/** The registers' values. */
type Remembered = { readonly a: Value; readonly b: Value; readonly word: Value }

/** Conditions as instructions encode them; the lowest bit negates. */
export const Condition = { O: 0, B: 2, E: 4, BE: 6, S: 8, P: 10, L: 12, LE: 14 } as const

export class FlagEmit extends Builder {
  /** What set the flags in this block; carry and overflow (i32: 0 or 1) that were set since by themselves. */
  private operation: Operation | undefined
  private ownCarry: Value | undefined
  private ownOverflow: Value | undefined
  /** The instruction from which on the registers do not hold the flags; NONE: they do. */
  private dirtyFrom = NONE
  /** The operation whose operands are in the registers. */
  private stored: Operation | undefined
  /** Values that are known to be sign- or zero-extended from a size, and what they were made from. */
  private readonly extended = new Map<number, Value>()
  private insns = 0

  override begin(pcLo: number, pcHi: number): void {
    super.begin(pcLo, pcHi)
    this.operation = this.stored = this.ownCarry = this.ownOverflow = undefined
    this.dirtyFrom = NONE
    this.extended.clear()
    this.insns = 0
  }
  override insn(length: number): void {
    super.insn(length)
    this.insns++
  }

  // Values of less than 64 bits.

  /** The low `size` bytes sign-extended. */
  sext(v: Value, size: number): Value {
    if (size === 8) return v
    return this.remembered(v, size, () => (size === 4 ? this.extend32S(v) : size === 2 ? this.extend16S(v) : this.extend8S(v)))
  }
  /** The low `size` bytes zero-extended. */
  zext(v: Value, size: number): Value {
    if (size === 8) return v
    return this.remembered(v, size + 16, () => size === 4 ? this.extendU(this.wrap(v)) : this.and(v, this.imm(2 ** (8 * size) - 1)))
  }
  /** `v` is known to be sign- or zero-extended already. */
  noteExtended(v: Value, size: number, signed: boolean): void { this.extended.set(v * 32 + size + (signed ? 0 : 16), v) }
  private remembered(v: Value, how: number, make: () => Value): Value {
    const key = v * 32 + how
    let r = this.extended.get(key)
    if (r === undefined) {
      r = make()
      this.extended.set(key, r)
      this.extended.set(r * 32 + how, r)
    }
    return r
  }

  // Setting flags.

  private did(kind: Kind, size: number, a: Value, b: Value, r: Value, c?: Value): void {
    this.operation = c === undefined ? { kind, size, a, b, r } : { kind, size, a, b, r, c }
    this.ownCarry = this.ownOverflow = undefined
    this.dirtyFrom = this.insns
  }
  private changed(): void { if (this.dirtyFrom === NONE) this.dirtyFrom = this.insns }

  flagsAdd(size: number, a: Value, b: Value, r: Value, carry?: Value): void { this.did(Kind.ADD, size, a, b, r, carry) }
  flagsSub(size: number, a: Value, b: Value, r: Value, borrow?: Value): void { this.did(Kind.SUB, size, a, b, r, borrow) }
  /** Carry, overflow and auxiliary carry are 0. */
  flagsLogic(size: number, r: Value): void { this.did(Kind.LOGIC, size, r, r, r) }
  /** A signed multiplication of operands that are sign-extended. */
  flagsMul(size: number, a: Value, b: Value, r: Value): void { this.did(Kind.MUL, size, a, b, r) }
  /** INC and DEC: as ADD or SUB, but the carry stays. */
  flagsStep(add: boolean, size: number, a: Value, b: Value, r: Value): void {
    const carry = this.carry()
    this.did(add ? Kind.ADD : Kind.SUB, size, a, b, r)
    this.ownCarry = carry
  }
  /** Zero, parity and carry as comparisons of numbers (i32) leave them, all three where they are unordered; the others are 0. */
  setComparison(less: Value, equal: Value, greater: Value): void { this.did(Kind.COMPARE, 8, less, equal, greater) }
  /** All of them, as EFLAGS has them. */
  setExplicit(bits: Value): void { this.did(Kind.EXPLICIT, 8, bits, bits, bits) }
  /** By themselves: an i32, 0 or 1. */
  setCarry(v: Value): void {
    this.ownCarry = v
    this.changed()
  }
  setOverflow(v: Value): void {
    this.ownOverflow = v
    this.changed()
  }
  /** Leaves the flags as `change` sets them if `condition` (i32) is not 0, else as they were. */
  setIf(condition: Value, change: () => void): void {
    const before = this.forRegisters()
    change()
    const after = this.forRegisters(), pick = (x: Value, y: Value) => this.select(condition, x, y)
    this.did(Kind.REGISTERS, 8, pick(after.a, before.a), pick(after.b, before.b), 0, pick(after.word, before.word))
  }

  // Reading flags.

  private current(): Operation {
    return this.operation ??= this.stored =
      { kind: Kind.REGISTERS, size: 8, a: this.get(Reg.FA), b: this.get(Reg.FB), r: 0, c: this.get(Reg.FX, 'i') }
  }
  /** All of them, as EFLAGS has them, without what was set since: an i32. */
  private allFlags(o: Operation): Value {
    if (o.bits === undefined)
      o.bits = o.kind === Kind.EXPLICIT ? this.wrap(o.a) : this.emit(op.arithflags, o.a, o.b, o.c)
    return o.bits
  }
  private bit(o: Operation, flag: number): Value {
    return this.and(this.shrU(this.allFlags(o), this.i32(31 - Math.clz32(flag))), this.i32(1))
  }
  private static hasOperands(o: Operation): boolean { return o.kind <= Kind.MUL }

  /** The carry, an i32: 0 or 1. */
  carry(): Value {
    if (this.ownCarry !== undefined) return this.ownCarry
    const o = this.current(), { size } = o
    switch (o.kind) {
      case Kind.LOGIC: return this.i32(0)
      case Kind.COMPARE: return this.or(o.a, this.unordered(o))
      case Kind.MUL: return this.left(o)
      case Kind.ADD:
      case Kind.SUB: {
        const a = this.sext(o.a, size), b = this.sext(o.b, size)
        if (o.c === undefined) return o.kind === Kind.SUB ? this.ltU(a, b) : this.ltU(this.sext(o.r, size), a)
        // The carry out of the top bit: where both operands have it, or one of them and the result not.
        const r = this.sext(o.r, size), not = (v: Value) => this.xor(v, this.imm(-1))
        const vector = o.kind === Kind.ADD
          ? this.or(this.and(a, b), this.and(this.or(a, b), not(r)))
          : this.or(this.and(not(a), b), this.and(this.or(not(a), b), r))
        return this.wrap(this.shrU(vector, this.imm(63)))
      }
      default: return this.bit(o, ArithFlag.CF)
    }
  }
  /** A product has left its operands' size: an i32. */
  private left({ size, a, b, r }: Operation): Value {
    return size === 8 ? this.ne(this.emit(op['mulh.ss'], a, b), this.shrS(r, this.imm(63))) : this.ne(this.sext(r, size), r)
  }
  private unordered(o: Operation): Value { return this.eqz(this.or(this.or(o.a, o.b), o.r)) }

  overflow(): Value {
    if (this.ownOverflow !== undefined) return this.ownOverflow
    const o = this.current()
    switch (o.kind) {
      case Kind.LOGIC:
      case Kind.COMPARE: return this.i32(0)
      case Kind.MUL: return this.left(o)
      case Kind.ADD:
      case Kind.SUB: return this.wrap(this.shrU(this.overflowWord(o), this.imm(63)))
      default: return this.bit(o, ArithFlag.OF)
    }
  }
  /** Of ADD and SUB, in bit 63. */
  private overflowWord({ kind, size, a, b, r }: Operation): Value {
    return this.emit(kind === Kind.ADD ? op['overflow.add'] : op['overflow.sub'], this.sext(a, size), this.sext(b, size), this.sext(r, size))
  }
  /** 0 or not. */
  auxiliary(): Value {
    const o = this.current()
    return o.kind === Kind.ADD || o.kind === Kind.SUB ? this.and(this.wrap(this.emit(op.xor3, o.a, o.b, o.r)), this.i32(ArithFlag.AF))
      : FlagEmit.hasOperands(o) || o.kind === Kind.COMPARE ? this.i32(0) : this.and(this.allFlags(o), this.i32(ArithFlag.AF))
  }
  /** A result as a number of 32 or 64 bits that is zero or negative as the result is. */
  private result({ size, r }: Operation): Value { return size === 4 ? this.wrap(r) : this.sext(r, size) }
  private none(size: number): Value { return size === 4 ? this.i32(0) : this.imm(0) }

  private zero(): Value {
    const o = this.current()
    if (FlagEmit.hasOperands(o)) return o.kind === Kind.SUB && o.c === undefined ? this.eq(this.half(o.a, o.size), this.half(o.b, o.size)) : this.eqz(this.result(o))
    return o.kind === Kind.COMPARE ? this.or(o.b, this.unordered(o)) : this.bit(o, ArithFlag.ZF)
  }
  private negative(): Value {
    const o = this.current()
    if (FlagEmit.hasOperands(o)) return this.ltS(this.result(o), this.none(o.size))
    return o.kind === Kind.COMPARE ? this.i32(0) : this.bit(o, ArithFlag.SF)
  }
  private parity(): Value {
    const o = this.current()
    if (FlagEmit.hasOperands(o)) return this.evenOnes(o.r)
    return o.kind === Kind.COMPARE ? this.unordered(o) : this.bit(o, ArithFlag.PF)
  }
  /** Of the low byte: an i32. */
  private evenOnes(v: Value): Value {
    return this.eqz(this.and(this.popcnt(this.and(this.wrap(v), this.i32(0xff))), this.i32(1)))
  }
  private half(v: Value, size: number): Value { return size === 4 ? this.wrap(v) : this.sext(v, size) }

  /** Whether a condition holds, an i32: 0 or 1. */
  condition(code: number): Value {
    const fused = this.fused(code)
    if (fused !== undefined) return fused
    const holds = this.general(code & 14)
    return code & 1 ? this.eqz(holds) : holds
  }
  /** The same at the end of a block: flags go into their registers first, so that the comparison stands directly before the
   * branch. */
  lastCondition(code: number): Value {
    this.syncFlags()
    return this.condition(code)
  }

  /** A condition as one comparison, which knows its opposite. */
  private fused(code: number): Value | undefined {
    const o = this.current(), { kind, size } = o, which = code & 14
    if (FlagEmit.hasOperands(o)) {
      const zero = () => this.none(size)
      switch (code) {
        case Condition.E | 1: return kind === Kind.SUB && o.c === undefined ? this.ne(this.half(o.a, size), this.half(o.b, size)) : this.ne(this.result(o), zero())
        case Condition.S | 1: return this.geS(this.result(o), zero())
      }
      if ((which === Condition.B || which === Condition.BE) && this.ownCarry !== undefined) return undefined
      if ((which === Condition.L || which === Condition.LE) && this.ownOverflow !== undefined) return undefined
    }
    if (kind === Kind.SUB && o.c === undefined) {
      const a = () => this.half(o.a, size), b = () => this.half(o.b, size)
      switch (code) {
        case Condition.B: return this.ltU(a(), b())
        case Condition.B | 1: return this.geU(a(), b())
        case Condition.BE: return this.leU(a(), b())
        case Condition.BE | 1: return this.gtU(a(), b())
        case Condition.L: return this.ltS(a(), b())
        case Condition.L | 1: return this.geS(a(), b())
        case Condition.LE: return this.leS(a(), b())
        case Condition.LE | 1: return this.gtS(a(), b())
      }
    }
    if (kind === Kind.LOGIC) {
      const r = () => this.result(o), zero = () => this.none(size)
      switch (code) {
        case Condition.BE: return this.eqz(r())
        case Condition.BE | 1: return this.ne(r(), zero())
        case Condition.L: return this.ltS(r(), zero())
        case Condition.L | 1: return this.geS(r(), zero())
        case Condition.LE: return this.leS(r(), zero())
        case Condition.LE | 1: return this.gtS(r(), zero())
      }
    }
    if (kind === Kind.COMPARE && this.ownCarry === undefined) {
      switch (code) {
        case Condition.B | 1: return this.or(o.b, o.r)
        case Condition.BE | 1: return o.r
        case Condition.E | 1: return this.or(o.a, o.r)
      }
    }
    return undefined
  }

  private general(code: number): Value {
    const less = () => {
      const o = this.current()
      if (this.ownOverflow !== undefined || (o.kind !== Kind.ADD && o.kind !== Kind.SUB)) return this.xor(this.negative(), this.overflow())
      return this.ltS(this.xor(this.sext(o.r, o.size), this.overflowWord(o)), this.imm(0))
    }
    switch (code) {
      case Condition.O: return this.overflow()
      case Condition.B: return this.carry()
      case Condition.E: return this.zero()
      case Condition.BE: return this.or(this.carry(), this.zero())
      case Condition.S: return this.negative()
      case Condition.P: return this.parity()
      case Condition.L: return less()
      default: return this.or(less(), this.zero())
    }
  }

  /** The arithmetic flags as bits of EFLAGS. */
  flagBits(): Value {
    const { a, b, word } = this.forRegisters()
    return this.extendU(this.emit(op.arithflags, a, b, word))
  }
  /** Zero, sign and parity of a result as bits of EFLAGS. */
  resultBits(size: number, v: Value): Value {
    const r = this.sext(v, size), at = (bit: Value, flag: number) => this.shl(this.extendU(bit), this.imm(31 - Math.clz32(flag)))
    return this.or(this.or(at(this.eqz(r), ArithFlag.ZF), at(this.evenOnes(r), ArithFlag.PF)),
      this.and(this.shrU(r, this.imm(56)), this.imm(ArithFlag.SF)))
  }

  // Where flags show.

  /** What the registers hold when they hold the flags. */
  private forRegisters(): Remembered {
    const o = this.current(), { a, b, c, size } = o, zero = () => this.imm(0), shift = 64 - 8 * size
    switch (o.kind) {
      case Kind.ADD: return { a, b, word: this.word(shift, c) }
      case Kind.SUB: return { a, b, word: this.word(shift | Arith.SUB, c) }
      case Kind.MUL: return { a, b, word: this.word(shift | Arith.MUL) }
      case Kind.LOGIC: return { a, b: zero(), word: this.word(shift) }
      case Kind.EXPLICIT: return { a, b: zero(), word: this.word(Arith.EXPLICIT) }
      case Kind.COMPARE: {
        const none = this.unordered(o), at = (v: Value, bit: number) => this.shl(v, this.i32(bit))
        const bits = this.or(this.or(o.a, this.and(this.sub(this.i32(0), none), this.i32(ArithFlag.ZF | ArithFlag.PF | ArithFlag.CF))), at(o.b, 6))
        return { a: this.extendU(bits), b: zero(), word: this.word(Arith.EXPLICIT) }
      }
      default: return { a, b, word: this.withOwn(c!, true) }
    }
  }
  private word(fixed: number, carryIn?: Value): Value {
    const own = (this.ownCarry === undefined ? 0 : Arith.CARRY) | (this.ownOverflow === undefined ? 0 : Arith.OVERFLOW)
    const w = this.i32(fixed | own)
    return this.withOwn(carryIn === undefined ? w : this.or(w, this.shl(carryIn, this.i32(Arith.CARRY_IN_BIT))), false)
  }
  /** Carry and overflow that were set by themselves; `over`: in place of others, and the bits that announce them. */
  private withOwn(word: Value, over: boolean): Value {
    let w = word
    const put = (v: Value | undefined, announce: number, bit: number) => {
      if (v === undefined) return
      if (over) w = this.or(this.and(w, this.i32(~(1 << bit))), this.i32(announce))
      w = this.or(w, this.shl(v, this.i32(bit)))
    }
    put(this.ownCarry, Arith.CARRY, Arith.CARRY_BIT)
    put(this.ownOverflow, Arith.OVERFLOW, Arith.OVERFLOW_BIT)
    return w
  }

  /** Puts the flags into their registers. What set them is still known to conditions. */
  syncFlags(): void {
    if (this.dirtyFrom === NONE) return
    this.dirtyFrom = NONE
    const o = this.current(), { a, b, word } = this.forRegisters()
    if (this.stored !== o) {
      this.set(Reg.FA, a)
      this.set(Reg.FB, b)
    }
    this.stored = o
    this.set(Reg.FX, word)
  }
  /** An access or a way out in the middle of an instruction: the flags of those before it must be in their registers. */
  private checkFlags(): void {
    if (this.dirtyFrom !== NONE && this.dirtyFrom !== this.insns)
      throw new Error('an instruction that may leave found flags not in their registers')
  }

  override load(memop: number, addr: Value, disp = 0, type: 'i' | 'l' | 'f' | 'd' | 'v' = 'l'): Value {
    this.checkFlags()
    return super.load(memop, addr, disp, type)
  }
  override store(memop: number, addr: Value, v: Value, disp = 0): void {
    this.checkFlags()
    super.store(memop, addr, v, disp)
  }
  override fill(memop: number, addr: Value, v: Value, count: Value): Value {
    this.checkFlags()
    return super.fill(memop, addr, v, count)
  }
  override copy(memop: number, to: Value, from: Value, count: Value): Value {
    this.checkFlags()
    return super.copy(memop, to, from, count)
  }
  override amo(kind: number, memop: number, addr: Value, v: Value): Value {
    this.checkFlags()
    return super.amo(kind, memop, addr, v)
  }
  override cas(memop: number, addr: Value, expected: Value, replacement: Value): Value {
    this.checkFlags()
    return super.cas(memop, addr, expected, replacement)
  }
  override leaveIf(cond: Value, helper: number, arg = 0): void {
    this.checkFlags()
    super.leaveIf(cond, helper, arg)
  }
  override jump(target: Value, kind = 0): void {
    this.syncFlags()
    super.jump(target, kind)
  }
  override branchTo(cond: Value, lo: number, hi: number): void {
    this.syncFlags()
    super.branchTo(cond, lo, hi)
  }
  override system(helper: number, arg = 0): void {
    this.syncFlags()
    super.system(helper, arg)
  }
}

export const eflagsAt = cpuLayout.offsets.eflags
