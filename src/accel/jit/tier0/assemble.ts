// From a block of IR to interpreter records. Values that are registers stay where they are; a computation that a `set`
// follows writes the register itself; small constants become immediates.
import type { Block } from '../../../ir/block.ts'
import { arity, effects, FpEnv, isGet, isSet, type OpName, op, opNames, resultType } from '../../../ir/ops.ts'
import { type RegisterSpec, vcpuCore } from '../../../isa/isa.ts'
import { AccessKind } from '../code.ts'
import {
  branchImmediate, branchRecord, control, floatRecord, insnField, memoryKey, memoryRecord, noteInstruction, pureImmediate, pureRecord,
  Record,
} from './records.ts'

const OP = op

const TEMPS = vcpuCore.temps.count, WIDE_TEMPS = vcpuCore.wideTemps.count / 2
/** Rows whose value is a vector. */
const wide = Uint8Array.from(resultType, t => (t === 'v' ? 1 : 0))

/** Byte offsets in the processor's state. */
export type TempPlaces = { readonly temps: number; readonly wideTemps: number; readonly zero: number }

export type AssembleTarget = {
  readonly u16: Uint16Array
  readonly i32: Int32Array
}

/** More intermediate values than there are slots were live at once: the caller retries with fewer instructions. */
export class TooManyValues extends Error {}

export class Assembler {
  private readonly target: AssembleTarget
  private readonly registers: readonly RegisterSpec[]
  private readonly places: TempPlaces
  /** Slot of each value, 0 if it has none (yet). */
  private slots = new Int32Array(1024)
  private lastUse = new Int32Array(1024)
  /** 1: a register read that must be copied, because the register changes before the last use. */
  private copies = new Uint8Array(1024)
  private free: number[] = []
  private freeWide: number[] = []
  private at = 0
  private insn = 0
  constructor(target: AssembleTarget, registers: readonly RegisterSpec[], places: TempPlaces) {
    this.target = target
    this.registers = registers
    this.places = places
  }

  /** The most bytes that the records of a block can take. */
  static bound(b: Block): number {
    return (b.n * 3 + 8) * Record.BYTES
  }

  /** Writes the block's records at byte address `at`; the address behind them comes back. */
  assemble(b: Block, at: number, blockNumber: number, heat: number): number {
    if (this.slots.length < b.n) {
      this.slots = new Int32Array(b.n * 2)
      this.lastUse = new Int32Array(b.n * 2)
      this.copies = new Uint8Array(b.n * 2)
    }
    this.at = at
    this.insn = 0
    this.free = []
    this.freeWide = []
    for (let i = TEMPS - 1; i >= 0; i--) this.free.push(this.places.temps + 8 * i)
    for (let i = WIDE_TEMPS - 1; i >= 0; i--) this.freeWide.push(this.places.wideTemps + 16 * i)
    this.analyse(b)
    this.record(control.enter, 0, 0, 0, heat, blockNumber)
    for (let i = 0; i < b.n; i++) i = this.operation(b, i)
    return this.at
  }

  /** Finds last uses, and register reads that outlive a write of their register. */
  private analyse(b: Block): void {
    const { lastUse, copies, slots } = this
    for (let i = 0; i < b.n; i++) {
      lastUse[i] = -1
      copies[i] = 0
      slots[i] = 0
      const k = arity[b.op[i]!]!
      if (k > 0) lastUse[b.a[i]!] = i
      if (k > 1) lastUse[b.b[i]!] = i
      if (k > 2) lastUse[b.c[i]!] = i
    }
    const open: number[] = []
    for (let i = 0; i < b.n; i++) {
      if (isGet[b.op[i]!]) open.push(i)
      else if (isSet[b.op[i]!])
        for (let j = open.length - 1; j >= 0; j--) {
          const g = open[j]!
          if (lastUse[g]! <= i) {
            open.splice(j, 1)
          } else if (b.lo[g] === b.lo[i]) {
            copies[g] = 1
            open.splice(j, 1)
          }
        }
    }
  }

  private record(operation: number, dst: number, a: number, b: number, imm: number, aux: number): void {
    const { u16, i32 } = this.target, h = this.at >>> 1, w = this.at >>> 2
    u16[h] = operation
    u16[h + 1] = dst
    u16[h + 2] = a
    u16[h + 3] = b
    i32[w + 2] = imm
    i32[w + 3] = aux
    this.at += Record.BYTES
    if (insnField[operation]) noteInstruction(this.target, this.at - Record.BYTES, this.insn)
  }

  /** A place for the value of operation `i`. */
  private temp(b: Block, i: number): number {
    const t = (wide[b.op[i]!] ? this.freeWide : this.free).pop()
    if (t === undefined) throw new TooManyValues()
    return t
  }

  private isConst(b: Block, v: number): boolean {
    return b.op[v] === OP['i64.const'] || b.op[v] === OP['i32.const'] || b.op[v] === OP['v.const']
  }
  /** True if the constant is its low half sign-extended. */
  private isSmall(b: Block, v: number): boolean {
    return b.op[v] === OP['i32.const'] || (b.op[v] === OP['i64.const'] && b.hi[v] === b.lo[v]! >> 31)
  }

  /** The slot that holds a value; constants are put into one. */
  private slot(b: Block, v: number): number {
    if (this.slots[v]) return this.slots[v]!
    if (this.isConst(b, v)) {
      const vector = b.op[v] === OP['v.const']
      if (!vector && b.lo[v] === 0 && b.hi[v] === 0) return this.places.zero
      const t = (this.slots[v] = this.temp(b, v))
      this.record(control.const, t, 0, 0, b.lo[v]!, b.hi[v]!)
      if (vector) this.record(control.const, t + 8, 0, 0, b.a[v]!, b.b[v]!)
      return t
    }
    throw new Error(`value ${v} (${opNames[b.op[v]!]}) has no slot`)
  }

  /** Gives back the slots of operands whose last use is operation `i`. */
  private release(b: Block, i: number): void {
    const k = arity[b.op[i]!]!
    for (let n = 0; n < k; n++) {
      const v = n === 0 ? b.a[i]! : n === 1 ? b.b[i]! : b.c[i]!, s = this.slots[v]!
      if (this.lastUse[v] !== i || !this.giveBack(s)) continue
      this.slots[v] = 0
    }
  }

  /** False if it is no place for intermediate values. */
  private giveBack(slot: number): boolean {
    const { temps, wideTemps } = this.places
    if (slot >= temps && slot < temps + 8 * TEMPS) this.free.push(slot)
    else if (slot >= wideTemps && slot < wideTemps + 16 * WIDE_TEMPS) this.freeWide.push(slot)
    else return false
    return true
  }

  /** Where operation `i` leaves its result, and the index of the last operation it stands for: if the next one is its only
   * use and sets a register, the register. */
  private result(b: Block, i: number): { dst: number; last: number } {
    const next = i + 1
    if (next < b.n && isSet[b.op[next]!] && b.a[next] === i && this.lastUse[i] === next)
      return { dst: this.registers[b.lo[next]!]!.offset, last: next }
    const t = this.temp(b, i)
    this.slots[i] = t
    return { dst: t, last: i }
  }

  /** A value nobody uses still needs a place if its operation cannot be dropped. */
  private finish(i: number, last: number, dst: number): number {
    if (last === i && this.lastUse[i] === -1) this.giveBack(dst)
    return last
  }

  private operation(b: Block, i: number): number {
    const o = b.op[i]!
    switch (effects[o]) {
      case 'mark':
        this.insn = b.lo[i]!
        return i
      case 'none':
        return this.isConst(b, i) ? i : this.pure(b, i)
      case 'reg':
        return this.register(b, i)
      case 'memory':
        return this.memory(b, i)
      case 'state':
        return this.field(b, i)
      case 'float': {
        const k = arity[o]!, a = this.slot(b, b.a[i]!), c = k > 1 ? this.slot(b, b.b[i]!) : 0, d = k > 2 ? this.slot(b, b.c[i]!) : 0
        this.release(b, i)
        const { dst, last } = this.result(b, i)
        const fast = b.lo[i] === (FpEnv.RNE | FpEnv.INEXACT_SET)
        this.record(fast ? floatRecord[o]! : control.float, dst, a, c, (o << 8) | b.lo[i]!, d)
        return this.finish(i, last, dst)
      }
      case 'call': {
        const a = this.slot(b, b.a[i]!), c = this.slot(b, b.b[i]!)
        this.release(b, i)
        const { dst, last } = this.result(b, i)
        this.record(control.call, dst, a, c, b.lo[i]!, 0)
        return this.finish(i, last, dst)
      }
      case 'leave':
        this.record(control.leaveif, 0, this.slot(b, b.a[i]!), 0, b.lo[i]!, b.hi[i]!)
        this.release(b, i)
        return i
      case 'end':
        this.end(b, i)
        return i
    }
    throw new Error(`no records for ${opNames[o]}`)
  }

  private pure(b: Block, i: number): number {
    if (this.lastUse[i] === -1) return i
    const o = b.op[i]!, k = arity[o]!
    const fused = this.fusedBranch(b, i)
    if (fused >= 0) return fused
    if (k === 2 && pureImmediate[o]! >= 0 && this.isSmall(b, b.b[i]!)) {
      const a = this.slot(b, b.a[i]!), imm = b.lo[b.b[i]!]!
      this.release(b, i)
      const { dst, last } = this.result(b, i)
      this.record(pureImmediate[o]!, dst, a, 0, imm, 0)
      return last
    }
    const a = this.slot(b, b.a[i]!), c = k > 1 ? this.slot(b, b.b[i]!) : 0, d = k > 2 ? this.slot(b, b.c[i]!) : 0
    this.release(b, i)
    const { dst, last } = this.result(b, i)
    this.record(pureRecord[o]!, dst, a, c, d, 0)
    return last
  }

  /** A comparison whose only use is the branch that follows becomes one record; -1 if it is not such a one. */
  private fusedBranch(b: Block, i: number): number {
    const o = b.op[i]!, next = i + 1
    if (branchRecord[o]! < 0 || next >= b.n || b.op[next] !== OP.branch || b.a[next] !== i || this.lastUse[i] !== next) return -1
    const immediate = arity[o] === 2 && this.isSmall(b, b.b[i]!)
    const a = this.slot(b, b.a[i]!), c = arity[o] === 2 && !immediate ? this.slot(b, b.b[i]!) : 0
    this.branch(b, next, immediate ? branchImmediate[o]! : branchRecord[o]!, a, c, immediate ? b.lo[b.b[i]!]! : 0)
    return next
  }

  /** The branch, then a goto for falling through and one for the target. */
  private branch(b: Block, i: number, operation: number, a: number, c: number, aux: number): void {
    this.record(operation, 0, a, c, this.at + 2 * Record.BYTES, aux)
    const sum = b.pcLo + b.sizeBytes
    this.record(control.goto, 0, 0, 0, sum | 0, (b.pcHi + Math.floor(sum / 0x100000000)) | 0)
    this.record(control.goto, 0, 0, 0, b.lo[i]!, b.hi[i]!)
  }

  private register(b: Block, i: number): number {
    const offset = this.registers[b.lo[i]!]!.offset
    if (isGet[b.op[i]!]) {
      if (this.lastUse[i] === -1) return i
      if (!this.copies[i]) {
        this.slots[i] = offset
        return i
      }
      const t = (this.slots[i] = this.temp(b, i))
      this.record(wide[b.op[i]!] ? control.movewide : control.move, t, offset, 0, 0, 0)
      return i
    }
    const v = b.a[i]!
    if (this.isConst(b, v)) {
      this.record(control.const, offset, 0, 0, b.lo[v]!, b.hi[v]!)
      if (wide[b.op[v]!]) this.record(control.const, offset + 8, 0, 0, b.a[v]!, b.b[v]!)
    } else if (this.slots[v] !== offset)
      this.record(wide[b.op[v]!] ? control.movewide : control.move, offset, this.slot(b, v), 0, 0, 0)
    this.release(b, i)
    return i
  }

  private memory(b: Block, i: number): number {
    const o = b.op[i]!, name = opNames[o] as OpName, memop = b.lo[i]! & 0xff
    if (o === OP.fence) {
      this.record(control.fence, 0, 0, 0, 0, 0)
      return i
    }
    if (o === OP.amo || o === OP.cas) {
      const amo = b.lo[i]! >> 8, key = memoryRecord.get(memoryKey(o, memop, amo))!
      const a = this.slot(b, b.a[i]!), v = this.slot(b, b.b[i]!), w = o === OP.cas ? this.slot(b, b.c[i]!) : 0
      this.release(b, i)
      const { dst, last } = this.result(b, i)
      this.record(key, dst, a, v, w, memop | (amo << 8) | (o === OP.cas ? AccessKind.CAS : AccessKind.AMO))
      return this.finish(i, last, dst)
    }
    if (o === OP.fill || o === OP.copy) return this.element(b, i, memop)
    const key = memoryRecord.get(memoryKey(o, memop))
    if (key === undefined) throw new Error(`no record for ${name} with access ${memop}`)
    const a = this.slot(b, b.a[i]!)
    if (name.startsWith('store')) {
      const v = this.slot(b, b.b[i]!)
      this.record(key, 0, a, v, b.hi[i]!, memop | AccessKind.STORE | (o === OP['store.v'] ? AccessKind.WIDE : 0))
      this.release(b, i)
      return i
    }
    this.release(b, i)
    const { dst, last } = this.result(b, i)
    this.record(key, dst, a, 0, b.hi[i]!, memop | AccessKind.LOAD | (o === OP['load.v'] ? AccessKind.WIDE : 0))
    return this.finish(i, last, dst)
  }

  /** Of a string: one element at a time. */
  private element(b: Block, i: number, memop: number): number {
    const load = memoryRecord.get(memoryKey(OP['load.l'], memop))!, store = memoryRecord.get(memoryKey(OP['store.l'], memop))!
    const to = this.slot(b, b.a[i]!), from = this.slot(b, b.b[i]!)
    let v = from
    if (b.op[i] === OP.copy) {
      v = this.temp(b, i)
      this.record(load, v, from, 0, 0, memop | AccessKind.LOAD)
    }
    this.record(store, 0, to, v, 0, memop | AccessKind.STORE)
    if (v !== from) this.giveBack(v)
    this.release(b, i)
    const { dst, last } = this.result(b, i)
    this.record(control.const, dst, 0, 0, 1, 0)
    return this.finish(i, last, dst)
  }

  private field(b: Block, i: number): number {
    const o = b.op[i]!, offset = b.lo[i]!
    if (o === OP['field.l'] || o === OP['field.i'] || o === OP.field8) {
      if (this.lastUse[i] === -1) return i
      const { dst, last } = this.result(b, i)
      this.record(o === OP['field.l'] ? control.move : o === OP['field.i'] ? control.move32 : control.field8, dst, offset, 0, 0, 0)
      return last
    }
    const v = this.slot(b, b.a[i]!)
    this.record(o === OP['setfield.l'] ? control.move : o === OP['setfield.i'] ? control.move32 : control.setfield8, offset, v, 0, 0, 0)
    this.release(b, i)
    return i
  }

  private end(b: Block, i: number): void {
    const o = b.op[i]!
    if (o === OP.jump) this.record(control.goto, 0, 0, 0, b.lo[i]!, b.hi[i]!)
    else if (o === OP.jumpto) this.record(control.jumpto, 0, this.slot(b, b.a[i]!), 0, b.lo[i]!, 0)
    else if (o === OP.system) this.record(control.system, 0, 0, 0, b.lo[i]!, b.hi[i]!)
    else this.branch(b, i, control.branch, this.slot(b, b.a[i]!), 0, 0)
  }
}

