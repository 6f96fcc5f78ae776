// Builds blocks of IR. Lifting functions call these methods; a value is the number of the operation that made it. The
// builder picks the 32- or 64-bit row by the operands' types, folds constants, and follows constants through registers
// within the block, so that `auipc` and `jalr` together become a direct jump.
import { Block } from './block.ts'
import { arity, effects, type IntegerOp, op, type OpName, opNames, resultType, rows, type Type } from './ops.ts'

export type Value = number

const V_CONST = op['v.const']
const OP_I32 = op['i32.const'], OP_I64 = op['i64.const']
// What the hot paths ask of the table, as bytes. Lifting is called for every cold instruction.
const isEnd = Uint8Array.from(effects, e => (e === 'end' ? 1 : 0))
const folds = Uint8Array.from(rows, r => (r.effect === 'none' && r.eval && /^[il]+>[il]$/.test(r.sig) ? 1 : 0))
/** From a row of 32-bit integers to the 64-bit row of the same name. */
const WIDE = op['i64.add'] - op['i32.add']
const I32 = Object.fromEntries(opNames.filter(n => op[n] >= op['i32.add'] && op[n] < op['i64.add'])
  .map(n => [n.slice(4), op[n]])) as Record<IntegerOp, number>
const { add: ADD, sub: SUB, mul: MUL, div_s: DIV_S, div_u: DIV_U, rem_s: REM_S, rem_u: REM_U, and: AND, or: OR, xor: XOR,
  shl: SHL, shr_s: SHR_S, shr_u: SHR_U, rotl: ROTL, rotr: ROTR, clz: CLZ, ctz: CTZ, popcnt: POPCNT, extend8_s: EXTEND8,
  extend16_s: EXTEND16, eqz: EQZ, eq: EQ, ne: NE, lt_s: LT_S, lt_u: LT_U, gt_s: GT_S, gt_u: GT_U, le_s: LE_S, le_u: LE_U,
  ge_s: GE_S, ge_u: GE_U, select: SELECT } = I32
const EXTEND32 = op['i64.extend32_s'], WRAP = op['i32.wrap_i64'], EXTEND_S = op['i64.extend_i32_s'],
  EXTEND_U = op['i64.extend_i32_u']
const GET_L = op['get.l'], GET_I = op['get.i'], GET_D = op['get.d'], GET_V = op['get.v']
const LOAD_L = op['load.l'], LOAD_I = op['load.i'], LOAD_D = op['load.d'], LOAD_F = op['load.f'], LOAD_V = op['load.v']
/** For an operation's value: whether it is a constant, whether it is an i64, and which rows take it. */
const constant = Uint8Array.from(rows, (_, i) => (i === OP_I32 || i === OP_I64 ? 1 : 0))
const wide = Uint8Array.from(resultType, t => (t === 'l' ? 1 : 0))
const setter = Uint16Array.from(resultType, t => (t === '' || t === 'f' ? 0 : op[`set.${t}`]))
const storer = Uint16Array.from(resultType, t => (t === '' ? 0 : op[`store.${t}`]))

export class Builder {
  readonly block: Block
  /** Switch for bisecting miscompiles: fold constants and follow them through registers. */
  readonly fold: boolean
  private readonly known = new Int32Array(256).fill(-1)
  private insnOffset = 0

  constructor(block = new Block(), fold = true) {
    this.block = block
    this.fold = fold
  }

  begin(pcLo: number, pcHi: number): void {
    this.block.clear(pcLo, pcHi)
    this.known.fill(-1)
    this.insnOffset = 0
  }

  /** An instruction of `length` bytes begins at the block's current end. */
  insn(length: number): void {
    this.insnOffset = this.block.sizeBytes
    this.block.push(op.insn, 0, 0, 0, this.insnOffset, length)
    this.block.sizeBytes += length
    this.block.insns++
  }

  // Constants.
  i32(n: number): Value { return this.block.push(OP_I32, 0, 0, 0, n | 0, 0) }
  i64(lo: number, hi: number): Value { return this.block.push(OP_I64, 0, 0, 0, lo | 0, hi | 0) }
  /** A 64-bit constant, sign-extended from a number of at most 32 bits. */
  imm(n: number): Value { return this.i64(n, n < 0 ? -1 : 0) }
  big(x: bigint): Value { return this.i64(Number(BigInt.asIntN(32, x)), Number(BigInt.asIntN(32, x >> 32n))) }
  /** The address of the current instruction plus `offset`, as a 64-bit constant. */
  pc(offset = 0): Value {
    const { lo, hi } = this.pcPair(offset)
    return this.i64(lo, hi)
  }
  pcPair(offset: number): { lo: number; hi: number } {
    const sum = this.block.pcLo + this.insnOffset + offset // within 2^53: exact
    return { lo: sum | 0, hi: (this.block.pcHi + Math.floor(sum / 0x100000000)) | 0 }
  }

  isConst(v: Value): boolean { return constant[this.block.op[v]!] === 1 }
  typeOf(v: Value): Type { return this.block.typeOf(v) as Type }
  private bits(v: Value): bigint {
    const lo = BigInt(this.block.lo[v]! >>> 0)
    return this.block.op[v] === OP_I32 ? lo : (BigInt(this.block.hi[v]! >>> 0) << 32n) | lo
  }

  /** Any row by number; constants are folded. */
  emit(row: number, a = 0, b = 0, c = 0, lo = 0, hi = 0): Value {
    if (folds[row] && this.fold) {
      const k = arity[row]!
      if (this.isConst(a) && (k < 2 || this.isConst(b)) && (k < 3 || this.isConst(c))) return this.folded(row, a, b, c)
    }
    return this.block.push(row, a, b, c, lo, hi)
  }
  private folded(row: number, a: Value, b: Value, c: Value): Value {
    const k = arity[row]!
    const r = rows[row]!.eval!(this.bits(a), k > 1 ? this.bits(b) : 0n, k > 2 ? this.bits(c) : 0n)
    return resultType[row] === 'i' ? this.i32(Number(BigInt.asIntN(32, r))) : this.big(r)
  }
  // The 32- or 64-bit row, by the operand's type.
  private unary(row32: number, a: Value): Value {
    const made = this.block.op[a]!, row = wide[made] ? row32 + WIDE : row32
    return this.fold && constant[made] ? this.folded(row, a, 0, 0) : this.block.push(row, a, 0, 0, 0, 0)
  }
  private binary(row32: number, a: Value, b: Value): Value {
    const made = this.block.op, row = wide[made[a]!] ? row32 + WIDE : row32
    if (constant[made[b]!] && constant[made[a]!] && this.fold) return this.folded(row, a, b, 0)
    return this.block.push(row, a, b, 0, 0, 0)
  }

  add(a: Value, b: Value): Value {
    const made = this.block.op
    if (constant[made[b]!] && this.fold) {
      if (this.block.lo[b] === 0 && this.block.hi[b] === 0) return a
      if (made[a] === OP_I64) return this.sum(a, b)
    }
    return this.binary(ADD, a, b)
  }
  /** Of two 64-bit constants: addresses are made this way all the time. */
  private sum(a: Value, b: Value): Value {
    const { lo, hi } = this.block, low = (lo[a]! >>> 0) + (lo[b]! >>> 0)
    return this.i64(low, hi[a]! + hi[b]! + (low > 0xffffffff ? 1 : 0))
  }
  sub(a: Value, b: Value): Value { return this.binary(SUB, a, b) }
  mul(a: Value, b: Value): Value { return this.binary(MUL, a, b) }
  divS(a: Value, b: Value): Value { return this.binary(DIV_S, a, b) }
  divU(a: Value, b: Value): Value { return this.binary(DIV_U, a, b) }
  remS(a: Value, b: Value): Value { return this.binary(REM_S, a, b) }
  remU(a: Value, b: Value): Value { return this.binary(REM_U, a, b) }
  and(a: Value, b: Value): Value { return this.binary(AND, a, b) }
  or(a: Value, b: Value): Value { return this.binary(OR, a, b) }
  xor(a: Value, b: Value): Value { return this.binary(XOR, a, b) }
  /** Shift and rotate counts are of the operand's type, taken modulo its width. */
  shl(a: Value, b: Value): Value { return this.binary(SHL, a, b) }
  shrS(a: Value, b: Value): Value { return this.binary(SHR_S, a, b) }
  shrU(a: Value, b: Value): Value { return this.binary(SHR_U, a, b) }
  rotl(a: Value, b: Value): Value { return this.binary(ROTL, a, b) }
  rotr(a: Value, b: Value): Value { return this.binary(ROTR, a, b) }
  clz(a: Value): Value { return this.unary(CLZ, a) }
  ctz(a: Value): Value { return this.unary(CTZ, a) }
  popcnt(a: Value): Value { return this.unary(POPCNT, a) }
  extend8S(a: Value): Value { return this.unary(EXTEND8, a) }
  extend16S(a: Value): Value { return this.unary(EXTEND16, a) }
  extend32S(a: Value): Value { return this.emit(EXTEND32, a) }
  /** Comparisons give an i32: 0 or 1. */
  eqz(a: Value): Value { return this.unary(EQZ, a) }
  eq(a: Value, b: Value): Value { return this.binary(EQ, a, b) }
  ne(a: Value, b: Value): Value { return this.binary(NE, a, b) }
  ltS(a: Value, b: Value): Value { return this.binary(LT_S, a, b) }
  ltU(a: Value, b: Value): Value { return this.binary(LT_U, a, b) }
  gtS(a: Value, b: Value): Value { return this.binary(GT_S, a, b) }
  gtU(a: Value, b: Value): Value { return this.binary(GT_U, a, b) }
  leS(a: Value, b: Value): Value { return this.binary(LE_S, a, b) }
  leU(a: Value, b: Value): Value { return this.binary(LE_U, a, b) }
  geS(a: Value, b: Value): Value { return this.binary(GE_S, a, b) }
  geU(a: Value, b: Value): Value { return this.binary(GE_U, a, b) }
  /** `cond` (i32) ? a : b; a and b are i32 or i64. */
  select(cond: Value, a: Value, b: Value): Value { return this.emit(wide[this.block.op[a]!] ? SELECT + WIDE : SELECT, cond, a, b) }
  wrap(a: Value): Value { return this.emit(WRAP, a) }
  extendS(a: Value): Value { return this.emit(EXTEND_S, a) }
  extendU(a: Value): Value { return this.emit(EXTEND_U, a) }
  isZero(v: Value): boolean { return this.fold && this.isConst(v) && this.block.lo[v] === 0 && this.block.hi[v] === 0 }

  // Guest registers, by index into the ISA's register file.
  get(reg: number, type: 'i' | 'l' | 'd' | 'v' = 'l'): Value {
    const k = this.known[reg]!
    if (k >= 0) return k
    return this.block.push(type === 'l' ? GET_L : type === 'd' ? GET_D : type === 'v' ? GET_V : GET_I, 0, 0, 0, reg, 0)
  }
  set(reg: number, v: Value): void {
    const made = this.block.op[v]!
    this.block.push(setter[made]!, v, 0, 0, reg, 0)
    this.known[reg] = constant[made] && this.fold ? v : -1
  }

  // Fields of the processor's state, by byte offset.
  field(offset: number, type: 'l' | 'i' | '8' = 'l'): Value {
    return this.block.push(type === 'l' ? op['field.l'] : type === 'i' ? op['field.i'] : op.field8, 0, 0, 0, offset, 0)
  }
  setField(offset: number, v: Value, type: 'l' | 'i' | '8' = 'l'): void {
    this.block.push(type === 'l' ? op['setfield.l'] : type === 'i' ? op['setfield.i'] : op.setfield8, v, 0, 0, offset, 0)
  }

  /** Guest memory at `addr` + `disp`; `memop` is a MemOp, `type` the result's. */
  load(memop: number, addr: Value, disp = 0, type: Type = 'l'): Value {
    return this.block.push(type === 'l' ? LOAD_L : type === 'i' ? LOAD_I : type === 'd' ? LOAD_D : type === 'v' ? LOAD_V : LOAD_F, addr, 0, 0, memop, disp)
  }
  store(memop: number, addr: Value, v: Value, disp = 0): void {
    this.block.push(storer[this.block.op[v]!]!, addr, v, 0, memop, disp)
  }
  /** Atomic read-modify-write (an AmoKind); the old value, sign-extended if `memop` says so. */
  amo(kind: number, memop: number, addr: Value, v: Value): Value {
    return this.block.push(op.amo, addr, v, 0, memop | (kind << 8), 0)
  }
  cas(memop: number, addr: Value, expected: Value, replacement: Value): Value {
    return this.block.push(op.cas, addr, expected, replacement, memop, 0)
  }
  /** Strings (see ops.ts): how many elements were done. */
  fill(memop: number, addr: Value, v: Value, count: Value): Value { return this.block.push(op.fill, addr, v, count, memop, 0) }
  copy(memop: number, to: Value, from: Value, count: Value): Value { return this.block.push(op.copy, to, from, count, memop, 0) }
  fence(): void { this.block.push(op.fence, 0, 0, 0, 0, 0) }

  /** Calls runtime helper `helper` with two 64-bit arguments; no fault, registers untouched. */
  call(helper: number, a: Value = this.imm(0), b: Value = this.imm(0)): Value {
    return this.block.push(op.call, a, b, 0, helper, 0)
  }
  leaveIf(cond: Value, helper: number, arg = 0): void { this.block.push(op.leaveif, cond, 0, 0, helper, arg) }

  // Ends.
  /** To the constant address `target` (a value made by `pc` or `i64`), or indirectly. */
  jump(target: Value, kind = 0): void {
    if (this.block.op[target] === OP_I64) this.block.push(op.jump, 0, 0, kind, this.block.lo[target]!, this.block.hi[target]!)
    else this.block.push(op.jumpto, target, 0, 0, kind, 0)
  }
  /** To the current instruction's address plus `offset` if `cond` (i32) is not 0, else to the next instruction. */
  branch(cond: Value, offset: number): void {
    const { lo, hi } = this.pcPair(offset)
    this.branchTo(cond, lo, hi)
  }
  /** To an address if `cond` is not 0, else to the next instruction. */
  branchTo(cond: Value, lo: number, hi: number): void { this.block.push(op.branch, cond, 0, 0, lo, hi) }
  system(helper: number, arg = 0): void { this.block.push(op.system, 0, 0, 0, helper, arg) }
  /** True once the block has its end. */
  get ended(): boolean { return this.block.n > 0 && isEnd[this.block.op[this.block.n - 1]!] === 1 }

  /** A vector constant of four words, lowest first. */
  v128(w0: number, w1: number, w2: number, w3: number): Value {
    return this.block.push(V_CONST, w2 | 0, w3 | 0, 0, w0 | 0, w1 | 0)
  }
  /** A pure row by name. */
  row(name: OpName, a: Value, b = 0, c = 0): Value {
    const row = op[name]
    if (row === undefined) throw new Error(`no operation ${name}`)
    return this.emit(row, a, b, c)
  }

  /** A floating-point row by name, e.g. `fp('fadd.d', env, a, b)`. */
  fp(name: `f${string}`, env: number, a: Value, b = 0, c = 0): Value {
    const row = (op as Record<string, number>)[name]
    if (row === undefined || effects[row] !== 'float') throw new Error(`no floating-point operation ${name}`)
    return this.block.push(row, a, b, c, env, 0)
  }
}

