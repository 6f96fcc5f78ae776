// What the lifting functions of x86 write with: operands of the current instruction, registers of all widths, memory through
// segments, the stack, jumps.
//
// Values are 64 bits wide. Where an operand is narrower, bits beyond its size mean nothing until `sext` or `zext`.
import type { Value } from '../../ir/build.ts'
import { AmoKind, JumpKind, MemOp } from '../../ir/ops.ts'
import { cpuLayout, Mode, Reg, Seg, segmentField, System, SystemArg, type SystemName, Vector } from './cpu.ts'
import { type Insn, NONE, RIP } from './decode.ts'
import { FlagEmit } from './flags.ts'
import type { Operand } from './operand.ts'

const LOG2 = [0, 0, 1, 1, 2, 2, 2, 2, 3]
/** MemOp of an access of so many bytes. */
export const accessOf = (bytes: number): number => LOG2[bytes]!

/** A place in memory: a linear address, a displacement to be added, what MemOp says besides the size. */
export type Place = { readonly at: Value; readonly disp: number; readonly hint: number }

/** Displacements that seldom make an address wrap. */
const NEAR = 0x8000

export class Emit extends FlagEmit {
  /** The mode word of the translation, and the current instruction. */
  mode = 0
  i!: Insn
  /** What a POP adds to rSP before the address of its operand is computed. */
  popped = 0
  /** What bit tests add to the address of their operand. */
  displaced: Value | undefined
  private place: Place | undefined

  startInsn(i: Insn): void {
    this.i = i
    this.place = undefined
    this.popped = 0
    this.displaced = undefined
    this.insn(i.length)
  }

  // What the mode says.

  get long(): boolean { return this.i.codeBits === 64 }
  /** Bytes of the stack pointer. */
  get stackSize(): number { return this.long ? 8 : this.mode & Mode.STACK32 ? 4 : 2 }
  private isFlat(segment: number): boolean {
    return (segment === Seg.DS && (this.mode & Mode.FLAT_DS) !== 0) || (segment === Seg.SS && (this.mode & Mode.FLAT_SS) !== 0)
      || (segment === Seg.ES && (this.mode & Mode.FLAT_ES) !== 0)
  }
  /** Neither jumps nor the instruction pointer need CS. */
  private get flatCode(): boolean { return this.long || (this.mode & Mode.FLAT_CS) !== 0 }

  // Faults and what is left to the processor code.

  /** Under Mode.STEP the processor code is asked before each instruction. */
  beforeStep(): void {
    const at = cpuLayout.offsets.stepChecked
    this.leaveIf(this.eqz(this.extendU(this.field(at, 'i'))), System.STEP)
    this.setField(at, this.i32(0), 'i')
  }
  fault(vector: number): void { this.system(System.FAULT, vector) }
  undefined(): void { this.fault(Vector.UD) }
  faultIf(condition: Value, vector: number): void { this.leaveIf(condition, System.FAULT, vector) }
  /** Leaves the whole instruction to the processor code; see SystemArg. */
  helper(name: SystemName): void {
    const { i } = this, o = cpuLayout.offsets.args
    if (i.memory) {
      const offset = this.offset()
      this.setField(o, this.linear(i.segment, offset))
      this.setField(o + 8, offset)
    }
    this.setField(o + 16, i.row!.operands.some(p => p.kind === 'A') ? this.i64(i.immLo, i.imm2) : this.i64(i.immLo, i.immHi))
    this.system(System[name], i.length | (LOG2[i.operandSize]! << SystemArg.OPERAND_SHIFT) | (LOG2[i.addressSize]! << SystemArg.ADDRESS_SHIFT)
      | (i.reg << SystemArg.REG_SHIFT) | (i.rm << SystemArg.RM_SHIFT) | (i.memory ? SystemArg.MEMORY : 0)
      | ((i.override === NONE && !i.memory ? Seg.DS : i.segment) << SystemArg.SEGMENT_SHIFT) | (i.rep << SystemArg.REP_SHIFT)
      | (i.opcode << SystemArg.OPCODE_SHIFT))
  }

  // Registers.

  /** Outside 64-bit code the upper halves of registers are 0 (updateMode). */
  override get(register: number, type: 'i' | 'l' | 'd' | 'v' = 'l'): Value {
    const v = super.get(register, type)
    if (register < 16 && (this.mode & Mode.CODE) !== Mode.CODE64) this.noteExtended(v, 4, false)
    return v
  }
  /** The low `size` bytes of a register; the rest means nothing. Without REX, 4-7 of one byte are AH-BH. */
  register(n: number, size: number): Value {
    return this.isHigh(n, size) ? this.shrU(this.get(n - 4), this.imm(8)) : this.get(n)
  }
  setRegister(n: number, size: number, v: Value): void {
    if (size === 8) return this.set(n, v)
    if (size === 4) return this.set(n, this.zext(v, 4))
    if (this.isHigh(n, size)) {
      const kept = this.and(this.get(n - 4), this.imm(~0xff00))
      return this.set(n - 4, this.or(kept, this.shl(this.zext(v, 1), this.imm(8))))
    }
    const kept = this.and(this.get(n), this.imm(size === 1 ? ~0xff : ~0xffff))
    this.set(n, this.or(kept, this.zext(v, size)))
  }
  private isHigh(n: number, size: number): boolean { return size === 1 && n >= 4 && n < 8 && this.i.rex === 0 }

  segmentSelector(segment: number): Value { return this.extendU(this.field(segmentField(segment, 'selector'), 'i')) }

  // Addresses.

  /** The offset in its segment of the ModRM operand, of the address size. */
  offset(): Value {
    const { i } = this, { base, disp } = this.parts()
    return this.zext(disp ? this.add(base, this.imm(disp)) : base, i.addressSize)
  }
  private parts(): { base: Value; disp: number } {
    const { i } = this
    let v = this.displaced
    if (i.base === RIP) {
      const { lo, hi } = this.pcPair(i.length), next = this.i64(lo, hi)
      return { base: v === undefined ? next : this.add(next, v), disp: i.disp }
    }
    if (i.index !== NONE) {
      const index = i.shift ? this.shl(this.get(i.index), this.imm(i.shift)) : this.get(i.index)
      v = v === undefined ? index : this.add(v, index)
    }
    if (i.base !== NONE) v = v === undefined ? this.get(i.base) : this.add(this.get(i.base), v)
    const disp = i.base === Reg.SP ? i.disp + this.popped : i.disp
    return v === undefined ? { base: this.imm(disp), disp: 0 } : { base: v, disp }
  }
  /** The linear address of an offset that was checked. */
  linear(segment: number, offset: Value): Value {
    if (this.long) return segment === Seg.FS || segment === Seg.GS ? this.add(offset, this.field(segmentField(segment, 'base'))) : offset
    return this.isFlat(segment) ? offset : this.zext(this.add(offset, this.field(segmentField(segment, 'base'))), 4)
  }
  /** Leaves if `bytes` at an offset are not all in the segment, or may not be accessed so. */
  checkSegment(segment: number, offset: Value, bytes: number, write: boolean): void {
    if (this.long || this.isFlat(segment)) return
    const end = this.field(segmentField(segment, write ? 'writeEnd' : 'readEnd'))
    let bad = this.gtU(this.add(offset, this.imm(bytes)), end)
    if ((this.mode & Mode.PROTECTED) && !(this.mode & Mode.VM86))
      bad = this.or(bad, this.ltU(offset, this.field(segmentField(segment, 'first'))))
    this.leaveIf(bad, System.SEGMENT, segment)
  }
  private inSegment(segment: number, offset: Value, bytes: number, write: boolean): Place {
    this.checkSegment(segment, offset, bytes, write)
    return { at: this.linear(segment, offset), disp: 0, hint: this.hintOf(segment) }
  }
  private hintOf(segment: number): number { return segment === Seg.SS ? MemOp.STACK : 0 }
  /** Offsets of 32 bits are linear addresses. */
  private staysIn(segment: number): boolean { return this.i.addressSize === 4 && !this.long && this.isFlat(segment) }
  /** A displacement that is left to the access, which wraps beyond 4 GiB but on the slow path (Isa.narrow): so it should be
   * small. Accesses through one register are then checked together. */
  private near(at: Value, disp: number, segment: number): Place { return { at, disp, hint: this.hintOf(segment) } }
  /** The memory operand: of ModRM, or at an offset in the instruction. Found once for each instruction. */
  memory(o: Operand, bytes: number, write: boolean): Place {
    if (this.place) return this.place
    const { i } = this
    if (o.kind === 'O') {
      const segment = i.override === NONE ? Seg.DS : i.override
      this.place = this.inSegment(segment, this.i64(i.immLo, i.immHi), bytes, write)
    } else if (i.addressSize === 8) {
      const { base, disp } = this.parts(), hint = i.segment === Seg.SS ? MemOp.STACK : 0
      this.place = { at: this.linear(i.segment, base), disp, hint }
    } else if (this.staysIn(i.segment)) {
      const { base, disp } = this.parts(), near = disp >= -NEAR && disp < NEAR
      this.place = near ? this.near(this.zext(base, 4), disp, i.segment) : { at: this.offset(), disp: 0, hint: this.hintOf(i.segment) }
    } else this.place = this.inSegment(i.segment, this.offset(), bytes, write)
    return this.place
  }
  /** A place `bytes` further, in a memory operand of several parts. */
  beyond(p: Place, bytes: number): Place { return { ...p, disp: p.disp + bytes } }

  loadAt(p: Place, bytes: number, signed = false, hint = 0): Value {
    const v = this.load(this.accessAt(p, bytes) | hint | (signed ? MemOp.SIGNED : 0), p.at, p.disp)
    this.noteExtended(v, bytes, signed)
    return v
  }
  storeAt(p: Place, bytes: number, v: Value): void { this.store(this.accessAt(p, bytes), p.at, v, p.disp) }
  /** MemOp of an access there. */
  accessAt(p: Place, bytes: number): number { return accessOf(bytes) | p.hint | (this.mode & Mode.ALIGN && bytes > 1 ? MemOp.ALIGNED : 0) }
  /** Where atomic operations take place: they know no displacement. */
  atomicAddress(p: Place): Value { return p.disp ? this.add(p.at, this.imm(p.disp)) : p.at }

  // String instructions: rSI and rDI by the address size.

  /** Their addresses are not checked and do not wrap within a page, and iterations are not looked at one by one. */
  get stringsAreFlat(): boolean {
    const { i } = this, source = i.override === NONE ? Seg.DS : i.override
    if (this.mode & (Mode.STEP | Mode.ALIGN)) return false
    return this.long ? i.addressSize === 8 : i.addressSize === 4 && this.isFlat(Seg.ES) && this.isFlat(source)
  }

  stringPlace(n: number, bytes: number, write: boolean): Place {
    const { i } = this, segment = n === Reg.DI ? Seg.ES : i.override === NONE ? Seg.DS : i.override
    const offset = this.zext(this.get(n), i.addressSize)
    return this.inSegment(segment, offset, bytes, write)
  }

  // Operands of the current instruction.

  operand(k: number): Operand { return this.i.row!.operands[k]! }
  size(k: number): number { return this.i.sizeOf(this.operand(k)) }
  private isMemory(o: Operand): boolean {
    return o.kind === 'M' || o.kind === 'O' || (this.i.memory && (o.kind === 'E' || o.kind === 'W' || o.kind === 'Q'))
  }
  private registerOf(o: Operand): number {
    switch (o.kind) {
      case 'E': case 'R': return this.i.rm
      case 'G': return this.i.reg
      case 'B': return this.i.vvvv
      case 'Z': return this.i.opcodeRegister
      case 'fixed': return o.register
      default: throw new Error(`${this.i.row!.syntax}: operand ${o.text} is no register`)
    }
  }

  /** Operand `k`; one in memory is extended as `signed` says. */
  read(k: number, signed = false): Value {
    const o = this.operand(k), size = this.i.sizeOf(o)
    if (o.kind === 'I') return this.i64(this.i.immLo, this.i.immHi)
    if (o.kind === 'one') return this.imm(1)
    if (this.isMemory(o)) return this.loadAt(this.memory(o, size, false), size, signed)
    return this.register(this.registerOf(o), size)
  }
  write(k: number, v: Value): void {
    const o = this.operand(k), size = this.i.sizeOf(o)
    if (this.isMemory(o)) this.storeAt(this.memory(o, size, true), size, v)
    else this.setRegister(this.registerOf(o), size, v)
  }
  /** Operand 0 becomes `next` of itself. In memory with LOCK this is one atomic operation: `atomic` if it is one of
   * AmoKind, else a compare and swap, tried again where another processor came in between. `next` may remember flags, but
   * write no register. */
  modify(next: (old: Value) => Value, atomic?: { readonly kind: number; readonly operand: Value }): void {
    const o = this.operand(0), size = this.i.sizeOf(o)
    if (!this.isMemory(o)) {
      const n = this.registerOf(o)
      return this.setRegister(n, size, next(this.register(n, size)))
    }
    const p = this.memory(o, size, true)
    if (!this.i.lock) return this.storeAt(p, size, next(this.loadAt(p, size, true, MemOp.UPDATE)))
    if (atomic) {
      next(this.atomic(atomic.kind, p, size, atomic.operand))
      return
    }
    const old = this.loadAt(p, size, true, MemOp.UPDATE), seen = this.compareSwap(p, size, old, next(old))
    this.leaveIf(this.ne(seen, old), System.RETRY)
  }
  /** The old values, sign-extended. */
  atomic(kind: number, p: Place, size: number, v: Value): Value {
    const old = this.amo(kind, this.accessAt(p, size) | MemOp.SIGNED, this.atomicAddress(p), v)
    this.noteExtended(old, size, true)
    return old
  }
  compareSwap(p: Place, size: number, expected: Value, v: Value): Value {
    const old = this.cas(this.accessAt(p, size) | MemOp.SIGNED, this.atomicAddress(p), expected, v)
    this.noteExtended(old, size, true)
    return old
  }
  /** Exchanges operand 0 in memory with a value: always atomic. */
  exchange(v: Value): Value {
    const o = this.operand(0), size = this.i.sizeOf(o)
    return this.atomic(AmoKind.SWAP, this.memory(o, size, true), size, v)
  }
  get firstInMemory(): boolean { return this.isMemory(this.operand(0)) }

  // The stack. Registers are written after the last access.

  stackPointer(): Value { return this.get(Reg.SP) }
  setStackPointer(v: Value): void { this.setRegister(Reg.SP, this.stackSize, v) }
  /** `bytes` on the stack, `delta` away from a stack pointer. */
  stackPlace(pointer: Value, delta: number, bytes: number, write: boolean): Place {
    if (this.long) return { at: pointer, disp: delta, hint: MemOp.STACK }
    if (this.stackSize === 4 && this.isFlat(Seg.SS)) return this.near(this.zext(pointer, 4), delta, Seg.SS)
    const offset = this.zext(delta ? this.add(pointer, this.imm(delta)) : pointer, this.stackSize)
    return this.inSegment(Seg.SS, offset, bytes, write)
  }
  push(v: Value, bytes: number): void {
    const sp = this.stackPointer()
    this.storeAt(this.stackPlace(sp, -bytes, bytes, true), bytes, v)
    this.setStackPointer(this.add(sp, this.imm(-bytes)))
  }
  /** What is on top of the stack; the stack pointer is not moved. */
  top(bytes: number): Value { return this.loadAt(this.stackPlace(this.stackPointer(), 0, bytes, false), bytes) }
  moveStack(bytes: number): void { this.setStackPointer(this.add(this.stackPointer(), this.imm(bytes))) }

  // The instruction pointer.

  private codeBase(): Value { return this.field(segmentField(Seg.CS, 'base')) }
  /** The instruction pointer behind this instruction. */
  nextIp(): Value {
    const pc = this.pc(this.i.length)
    return this.flatCode ? pc : this.sub(pc, this.codeBase())
  }
  private get ipMask(): number { return this.i.operandSize === 2 ? 0xffff : 0xffffffff }

  /** To the next instruction plus the immediate. */
  jumpRelative(): void {
    const t = this.relativeTarget() ?? this.checkedTarget(undefined)
    this.jump(this.i64(t.lo, t.hi), JumpKind.PLAIN)
  }
  /** The same if `condition` (i32) is not 0, else to the next instruction. `before` writes registers. */
  branchRelative(condition: Value, before: () => void = () => {}): void {
    const t = this.relativeTarget() ?? this.checkedTarget(condition)
    before()
    this.branchTo(condition, t.lo, t.hi)
  }
  /** Jcc. */
  branchIf(condition: number): void {
    const t = this.relativeTarget()
    if (t) this.branchTo(this.lastCondition(condition), t.lo, t.hi)
    else this.branchRelative(this.lastCondition(condition))
  }
  /** Leaves if the target wraps or is beyond the limit of CS (and the jump is taken). */
  private checkedTarget(condition: Value | undefined): { lo: number; hi: number } {
    const { i } = this, { lo } = this.pcPair(i.length + i.immLo), ip = this.sub(this.i64(lo, 0), this.codeBase())
    const limit = this.extendU(this.field(segmentField(Seg.CS, 'limit'), 'i'))
    const bad = this.or(this.gtU(ip, limit), this.gtU(ip, this.imm(this.ipMask)))
    this.leaveIf(condition === undefined ? bad : this.and(condition, bad), i.operandSize === 2 ? System.BRANCH16 : System.BRANCH32,
      i.length + i.immLo)
    return { lo, hi: 0 }
  }
  private relativeTarget(): { lo: number; hi: number } | undefined {
    if (!this.flatCode) return undefined
    const { lo, hi } = this.pcPair(this.i.length + this.i.immLo)
    return this.long ? { lo, hi } : { lo: lo & this.ipMask, hi: 0 }
  }
  /** To an instruction pointer of the operand size. */
  jumpIp(ip: Value, kind: number): void {
    if (this.long) return this.jump(this.i.operandSize === 2 ? this.zext(ip, 2) : ip, kind)
    const target = this.codeTarget(ip)
    this.jump(target, kind)
  }
  /** The linear address of an instruction pointer outside 64-bit code; leaves if it is beyond the limit of CS. */
  codeTarget(ip: Value): Value {
    const v = this.zext(ip, this.i.operandSize === 2 ? 2 : 4)
    if (this.flatCode) return v
    if (this.mode & Mode.PROTECTED && !(this.mode & Mode.VM86))
      this.faultIf(this.gtU(v, this.extendU(this.field(segmentField(Seg.CS, 'limit'), 'i'))), Vector.GP)
    return this.zext(this.add(v, this.codeBase()), 4)
  }
  /** CALL: pushes the address behind it. */
  callTo(ip: Value | undefined): void {
    const { operandSize } = this.i
    // The target is checked before anything is written.
    const direct = ip === undefined ? this.relativeTarget() : undefined
    const to = direct ? this.i64(direct.lo, direct.hi)
      : this.long ? ip! : this.codeTarget(ip ?? this.add(this.nextIp(), this.imm(this.i.immLo)))
    this.push(this.nextIp(), operandSize)
    this.jump(to, JumpKind.CALL)
  }
}
