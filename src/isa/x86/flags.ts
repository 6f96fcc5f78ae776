// The lazy flags while a block is lifted. What an instruction leaves in the flags is only remembered; it is computed where
// an instruction reads it, and put into its registers before anything that could show it: an access that may fault, a way
// out, the end of the block. A flag that is set again before that costs nothing, and a condition on a comparison of the same
// block compares directly.
import { Builder, type Value } from '../../ir/build.ts'
import { op } from '../../ir/ops.ts'
import { cpuLayout, Flag, Reg } from './cpu.ts'

/** What an operation leaves in the flags. */
const Kind = { ADD: 0, SUB: 1, ADC: 2, SBB: 3, LOGIC: 4, VALUE: 5 } as const
type Kind = (typeof Kind)[keyof typeof Kind]

/** The last operation that set a flag: operands and result, whose bits beyond the size mean nothing. VALUE: the flag's
 * register itself is `r`. */
type Source = { readonly kind: Kind; readonly size: number; readonly a: Value; readonly b: Value; readonly r: Value; readonly insn: number }

const FLAGS = [Reg.ZR, Reg.PS, Reg.OF, Reg.AF, Reg.CF]
const slotOf = (register: number): number => register - Reg.ZR
const NO_FLAG = -1, ZR = 0, PS = 1, OF = 2, AF = 3, CF = 4

/** Conditions as instructions encode them; the lowest bit negates. */
export const Condition = { O: 0, B: 2, E: 4, BE: 6, S: 8, P: 10, L: 12, LE: 14 } as const

export class FlagEmit extends Builder {
  /** For each flag what set it in this block, and whether its register does not hold it yet. */
  private readonly sources: (Source | undefined)[] = []
  private readonly dirty: boolean[] = []
  /** Values that are known to be sign- or zero-extended from a size, and what they were made from. */
  private readonly extended = new Map<number, Value>()
  private insns = 0

  override begin(pcLo: number, pcHi: number): void {
    super.begin(pcLo, pcHi)
    this.sources.length = this.dirty.length = 0
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

  private from(kind: Kind, size: number, a: Value, b: Value, r: Value): Source {
    return { kind, size, a, b, r, insn: this.insns }
  }
  private setAll(s: Source, but = NO_FLAG): void {
    for (let i = 0; i < FLAGS.length; i++)
      if (i !== but) {
        this.sources[i] = s
        this.dirty[i] = true
      }
  }

  flagsAdd(size: number, a: Value, b: Value, r: Value): void { this.setAll(this.from(Kind.ADD, size, a, b, r)) }
  flagsSub(size: number, a: Value, b: Value, r: Value): void { this.setAll(this.from(Kind.SUB, size, a, b, r)) }
  flagsAdc(size: number, a: Value, b: Value, r: Value): void { this.setAll(this.from(Kind.ADC, size, a, b, r)) }
  flagsSbb(size: number, a: Value, b: Value, r: Value): void { this.setAll(this.from(Kind.SBB, size, a, b, r)) }
  /** Carry, overflow and auxiliary carry are 0. */
  flagsLogic(size: number, r: Value): void { this.setAll(this.from(Kind.LOGIC, size, r, r, r)) }
  /** INC and DEC: as ADD or SUB, but the carry stays. */
  flagsStep(add: boolean, size: number, a: Value, b: Value, r: Value): void {
    this.setAll(this.from(add ? Kind.ADD : Kind.SUB, size, a, b, r), CF)
  }
  /** A flag's register: see cpu.ts. CF is an i32, the others are 64 bits wide. */
  setFlag(register: number, v: Value): void {
    const slot = slotOf(register)
    this.sources[slot] = this.from(Kind.VALUE, 8, v, v, v)
    this.dirty[slot] = true
  }
  /** Zero, sign and parity from a result. */
  setResultFlags(size: number, r: Value): void {
    const s = this.sext(r, size)
    this.setFlag(Reg.ZR, s)
    this.setFlag(Reg.PS, s)
  }
  /** Zero, parity and carry as comparisons of numbers leave them, all three where they are unordered; the others are 0. */
  setComparison(less: Value, equal: Value, greater: Value): void {
    const unordered = this.eqz(this.or(this.or(less, equal), greater))
    this.setFlag(Reg.ZR, this.extendU(this.eqz(this.or(equal, unordered))))
    this.setFlag(Reg.PS, this.extendU(this.eqz(unordered)))
    this.setFlag(Reg.OF, this.imm(0))
    this.setFlag(Reg.AF, this.imm(0))
    this.setFlag(Reg.CF, this.or(less, unordered))
  }
  /** The overflow flag from a condition (i32). */
  setOverflow(v: Value): void { this.setFlag(Reg.OF, this.shl(this.extendU(v), this.imm(63))) }

  // Reading flags.

  private computed(slot: number): Value {
    const s = this.sources[slot]
    if (s === undefined || !this.dirty[slot]) return this.get(FLAGS[slot]!, slot === CF ? 'i' : 'l')
    const { kind, size } = s
    if (kind === Kind.VALUE) return s.r
    if (slot === ZR || slot === PS) return this.sext(s.r, size)
    if (kind === Kind.LOGIC) return slot === CF ? this.i32(0) : this.imm(0)
    if (slot === AF) return this.emit(op.xor3, s.a, s.b, s.r)
    const a = this.sext(s.a, size), b = this.sext(s.b, size)
    if (slot === CF && kind === Kind.SUB) return this.ltU(a, b)
    const r = this.sext(s.r, size)
    if (slot === OF) return this.emit(kind === Kind.ADD || kind === Kind.ADC ? op['overflow.add'] : op['overflow.sub'], a, b, r)
    if (kind === Kind.ADD) return this.ltU(r, a)
    // The carry out of the top bit: where both operands have it, or one of them and the result not.
    const not = (v: Value) => this.xor(v, this.imm(-1))
    const vector = kind === Kind.ADC
      ? this.or(this.and(a, b), this.and(this.or(a, b), not(r)))
      : this.or(this.and(not(a), b), this.and(this.or(not(a), b), r))
    return this.wrap(this.shrU(vector, this.imm(63)))
  }

  /** The carry, an i32: 0 or 1. */
  carry(): Value { return this.computed(CF) }
  zeroWord(): Value { return this.computed(ZR) }
  signWord(): Value { return this.computed(PS) }
  overflowWord(): Value { return this.computed(OF) }
  auxiliaryWord(): Value { return this.computed(AF) }

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

  /** A condition on the operands of the operation that set all its flags. */
  private fused(code: number): Value | undefined {
    const s = this.sources[ZR]
    if (s === undefined || s !== this.sources[PS] || s !== this.sources[OF] || s !== this.sources[CF])
      return this.ofResult(code)
    const { kind, size } = s
    const half = (v: Value) => (size === 4 ? this.wrap(v) : this.sext(v, size))
    const zero = () => (size === 4 ? this.i32(0) : this.imm(0))
    if (kind === Kind.SUB) {
      switch (code) {
        case Condition.B: return this.ltU(half(s.a), half(s.b))
        case Condition.B | 1: return this.geU(half(s.a), half(s.b))
        case Condition.E: return this.eq(half(s.a), half(s.b))
        case Condition.E | 1: return this.ne(half(s.a), half(s.b))
        case Condition.BE: return this.leU(half(s.a), half(s.b))
        case Condition.BE | 1: return this.gtU(half(s.a), half(s.b))
        case Condition.L: return this.ltS(half(s.a), half(s.b))
        case Condition.L | 1: return this.geS(half(s.a), half(s.b))
        case Condition.LE: return this.leS(half(s.a), half(s.b))
        case Condition.LE | 1: return this.gtS(half(s.a), half(s.b))
      }
    }
    if (kind === Kind.LOGIC) {
      switch (code) {
        case Condition.O:
        case Condition.B: return this.i32(0)
        case Condition.O | 1:
        case Condition.B | 1: return this.i32(1)
        case Condition.BE: return this.eqz(half(s.r))
        case Condition.BE | 1: return this.ne(half(s.r), zero())
        case Condition.L: return this.ltS(half(s.r), zero())
        case Condition.L | 1: return this.geS(half(s.r), zero())
        case Condition.LE: return this.leS(half(s.r), zero())
        case Condition.LE | 1: return this.gtS(half(s.r), zero())
      }
    }
    return this.ofResult(code)
  }
  /** Zero and sign are set by one operation more often than the others (INC leaves the carry). */
  private ofResult(code: number): Value | undefined {
    const which = code & 14
    if (which !== Condition.E && which !== Condition.S) return undefined
    const s = this.sources[which === Condition.E ? ZR : PS]
    if (s === undefined || s.kind === Kind.VALUE) return undefined
    const r = s.size === 4 ? this.wrap(s.r) : this.sext(s.r, s.size), zero = s.size === 4 ? this.i32(0) : this.imm(0)
    switch (code) {
      case Condition.E: return this.eqz(r)
      case Condition.E | 1: return this.ne(r, zero)
      case Condition.S: return this.ltS(r, zero)
      case Condition.S | 1: return this.geS(r, zero)
    }
    return undefined
  }

  private general(code: number): Value {
    const zero = this.imm(0)
    const less = () => this.ltS(this.xor(this.signWord(), this.overflowWord()), zero)
    switch (code) {
      case Condition.O: return this.ltS(this.overflowWord(), zero)
      case Condition.B: return this.carry()
      case Condition.E: return this.eqz(this.zeroWord())
      case Condition.BE: return this.or(this.carry(), this.eqz(this.zeroWord()))
      case Condition.S: return this.ltS(this.signWord(), zero)
      case Condition.P: return this.parity()
      case Condition.L: return less()
      default: return this.or(less(), this.eqz(this.zeroWord()))
    }
  }
  private parity(): Value {
    const ones = this.popcnt(this.and(this.wrap(this.signWord()), this.i32(0xff)))
    return this.eqz(this.and(ones, this.i32(1)))
  }

  /** The arithmetic flags as bits of EFLAGS; without OF the byte that LAHF stores. */
  flagBits(overflow: boolean): Value {
    const at = (bit: Value, shift: number) => this.shl(this.extendU(bit), this.imm(shift))
    let v = this.extendU(this.carry())
    v = this.or(v, at(this.parity(), 2))
    v = this.or(v, this.and(this.auxiliaryWord(), this.imm(Flag.AF)))
    v = this.or(v, at(this.general(Condition.E), 6))
    v = this.or(v, this.and(this.shrU(this.signWord(), this.imm(56)), this.imm(Flag.SF)))
    if (overflow) v = this.or(v, this.and(this.shrU(this.overflowWord(), this.imm(52)), this.imm(Flag.OF)))
    return v
  }
  /** Sets the flags that LAHF stores from their bits. */
  setFlagBits(v: Value): void {
    this.setFlag(Reg.CF, this.and(this.wrap(v), this.i32(1)))
    this.setFlag(Reg.AF, v)
    this.setFlag(Reg.ZR, this.xor(this.and(v, this.imm(Flag.ZF)), this.imm(Flag.ZF)))
    // The sign in bit 63, and in the low byte a single one where the parity is odd.
    const odd = this.and(this.xor(this.shrU(v, this.imm(2)), this.imm(1)), this.imm(1))
    this.setFlag(Reg.PS, this.or(this.and(this.shl(v, this.imm(56)), this.i64(0, 0x80000000)), odd))
  }

  // Where flags show.

  /** Puts all flags into their registers. What set them is still known to conditions. */
  syncFlags(): void {
    for (let slot = 0; slot < FLAGS.length; slot++) {
      if (!this.dirty[slot]) continue
      const v = this.computed(slot)
      this.dirty[slot] = false
      this.set(FLAGS[slot]!, v)
    }
  }
  /** An access or a way out in the middle of an instruction: the flags of those before it must be in their registers. */
  private checkFlags(): void {
    for (let slot = 0; slot < FLAGS.length; slot++)
      if (this.dirty[slot] && this.sources[slot]!.insn !== this.insns)
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
