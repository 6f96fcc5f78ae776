// The body of one WebAssembly function, written instruction by instruction straight into bytes. Local indices
// are final when they are handed out, in whatever order types come; labels are resolved to depths as branches
// are written.
//
//   const sum = m.function(m.type([I32, I32], [I32]), { export: 'sum' })
//   sum.get(0).get(1).op(I32_ADD)
//
// Types are not checked here: `WebAssembly.validate` does that, and print.ts shows where.

import {
  BLOCK, BR, BR_IF, BR_TABLE, CALL, CALL_INDIRECT, DATA_DROP, DROP, ELSE, END, F32_CONST, F64_CONST,
  GLOBAL_GET, GLOBAL_SET, I32_CONST, I64_CONST, IF, LOCAL_GET, LOCAL_SET, LOCAL_TEE, LOOP, MEMORY_COPY,
  MEMORY_FILL, MEMORY_GROW, MEMORY_INIT, MEMORY_SIZE, REF_FUNC, REF_NULL, RETURN, RETURN_CALL,
  RETURN_CALL_INDIRECT, SELECT, TABLE_GET, TABLE_SET, UNREACHABLE,
} from './opcodes.ts'
import { ATOMIC_FENCE } from './atomics.ts'
import { I8X16_SHUFFLE, V128_CONST } from './simd.ts'
import { Bytes } from './bytes.ts'
import {
  naturalAlign, type LaneOp, type MemLaneOp, type MemOp, type Opcode, type PlainOp, type ValType,
} from './table.ts'

/** Indices into a module's spaces. */
export type TypeIndex = number & { readonly brand: 'type' }
export type FuncIndex = number & { readonly brand: 'func' }
export type TableIndex = number & { readonly brand: 'table' }
export type GlobalIndex = number & { readonly brand: 'global' }
export type DataIndex = number & { readonly brand: 'data' }
export type Callee = FuncIndex | Code

/** A branch target: nesting depth in the low bits, above them a serial number that tells stale labels. */
export type Label = number & { readonly brand: 'label' }
const DEPTH_BITS = 14
const MAX_DEPTH = (1 << DEPTH_BITS) - 1
const MAX_SERIAL = 0xffff
const BODY = 0 as Label

/** The type of a block that takes and leaves nothing. */
export const VOID = -64 as ValType

export class Code extends Bytes {
  readonly index: FuncIndex
  readonly type: TypeIndex
  readonly params: number
  /** Branching here returns. */
  readonly body = BODY
  private readonly types: ValType[]
  /** Declarations of locals: count and type, in turn. */
  private readonly runs: number[] = []
  private readonly labels: Label[] = [BODY]
  private serial = 0
  /** Branches that mostly go one way: where each stands in the instructions, and whether its condition mostly holds. */
  readonly hints: { readonly at: number; readonly likely: boolean }[] = []
  /** Temporaries that are free, by the negated type. */
  private readonly pool: number[][] = []

  constructor(index: FuncIndex, type: TypeIndex, params: readonly ValType[]) {
    super()
    this.index = index
    this.type = type
    this.params = params.length
    this.types = params.slice()
  }

  // Locals

  /** Declares a local variable, zero on entry. Parameters come first, from 0. */
  local(type: ValType): number {
    const { runs } = this
    if (runs.length && runs[runs.length - 1] === type) runs[runs.length - 2]++
    else runs.push(1, type)
    return this.types.push(type) - 1
  }

  /** A local to use for a while; its value is undefined. Give it back with `free`. */
  temp(type: ValType): number {
    return this.pool[-type]?.pop() ?? this.local(type)
  }

  free(local: number): this {
    const free = this.pool[-this.types[local]] ??= []
    if (free.includes(local)) throw new Error(`local ${local} freed twice`)
    free.push(local)
    return this
  }

  localType(local: number): ValType {
    return this.types[local]
  }

  get(local: number): this {
    return this.indexed(LOCAL_GET, local)
  }

  set(local: number): this {
    return this.indexed(LOCAL_SET, local)
  }

  tee(local: number): this {
    return this.indexed(LOCAL_TEE, local)
  }

  globalGet(global: GlobalIndex): this {
    return this.indexed(GLOBAL_GET, global)
  }

  globalSet(global: GlobalIndex): this {
    return this.indexed(GLOBAL_SET, global)
  }

  // Constants

  i32c(value: number): this {
    this.u8(I32_CONST)
    this.s32(value)
    return this
  }

  /** A 64-bit constant as two 32-bit halves. */
  i64c(lo: number, hi: number): this {
    this.u8(I64_CONST)
    this.s64(lo, hi)
    return this
  }

  /** A 64-bit constant within the safe integers. */
  i64n(value: number): this {
    if (!Number.isSafeInteger(value)) throw new RangeError(`not a safe integer: ${value}`)
    return this.i64c(value, Math.floor(value / 0x1_0000_0000))
  }

  f32c(value: number): this {
    this.u8(F32_CONST)
    this.f32(value)
    return this
  }

  f64c(value: number): this {
    this.u8(F64_CONST)
    this.f64(value)
    return this
  }

  /** Floating-point constants by their bits, where a NaN's payload matters. */
  f32bits(bits: number): this {
    this.u8(F32_CONST)
    this.word(bits)
    return this
  }

  f64bits(lo: number, hi: number): this {
    this.u8(F64_CONST)
    this.word(lo)
    this.word(hi)
    return this
  }

  /** A vector constant, least significant word first. */
  v128c(w0: number, w1: number, w2: number, w3: number): this {
    this.opcode(V128_CONST)
    this.word(w0)
    this.word(w1)
    this.word(w2)
    this.word(w3)
    return this
  }

  // Instructions

  op(code: PlainOp): this {
    this.opcode(code)
    return this
  }

  /**
   * A memory access at the address on the stack plus `offset`; `align` is a logarithm, the natural one by
   * default.
   */
  mem(code: MemOp, offset = 0, align = naturalAlign[code]): this {
    this.opcode(code)
    this.data[this.length++] = align
    this.u53(offset)
    return this
  }

  load(code: MemOp, offset?: number, align?: number): this {
    return this.mem(code, offset, align)
  }

  store(code: MemOp, offset?: number, align?: number): this {
    return this.mem(code, offset, align)
  }

  lane(code: LaneOp, lane: number): this {
    this.opcode(code)
    this.data[this.length++] = lane
    return this
  }

  memLane(code: MemLaneOp, lane: number, offset = 0, align = naturalAlign[code]): this {
    this.opcode(code)
    this.data[this.length++] = align
    this.u53(offset)
    this.u8(lane)
    return this
  }

  /** The sixteen lanes to take: 0..15 from the first operand, 16..31 from the second. */
  shuffle(lanes: ArrayLike<number>): this {
    if (lanes.length !== 16) throw new RangeError('a shuffle has 16 lanes')
    this.opcode(I8X16_SHUFFLE)
    for (let i = 0; i < 16; i++) this.data[this.length++] = lanes[i]
    return this
  }

  /** The condition of the `if` or `brIf` that follows mostly holds. */
  likely(): this { return this.hint(true) }
  /** It mostly does not. */
  unlikely(): this { return this.hint(false) }
  private hint(likely: boolean): this {
    this.hints.push({ at: this.length, likely })
    return this
  }

  drop(): this {
    return this.op(DROP)
  }

  select(): this {
    return this.op(SELECT)
  }

  unreachable(): this {
    return this.op(UNREACHABLE)
  }

  memorySize(): this {
    return this.indexed(MEMORY_SIZE, 0)
  }

  memoryGrow(): this {
    return this.indexed(MEMORY_GROW, 0)
  }

  memoryFill(): this {
    return this.indexed(MEMORY_FILL, 0)
  }

  memoryCopy(): this {
    this.indexed(MEMORY_COPY, 0)
    this.u8(0)
    return this
  }

  memoryInit(data: DataIndex): this {
    this.indexed(MEMORY_INIT, data)
    this.u8(0)
    return this
  }

  dataDrop(data: DataIndex): this {
    return this.indexed(DATA_DROP, data)
  }

  fence(): this {
    return this.indexed(ATOMIC_FENCE, 0)
  }

  tableGet(table: TableIndex): this {
    return this.indexed(TABLE_GET, table)
  }

  tableSet(table: TableIndex): this {
    return this.indexed(TABLE_SET, table)
  }

  /** The function must also stand in an element segment, an export or a global. */
  refFunc(callee: Callee): this {
    return this.indexed(REF_FUNC, indexOf(callee))
  }

  refNull(type: ValType): this {
    return this.indexed(REF_NULL, type & 0x7f)
  }

  // Control

  block(type: ValType | TypeIndex = VOID): Label {
    return this.open(BLOCK, type)
  }

  loop(type: ValType | TypeIndex = VOID): Label {
    return this.open(LOOP, type)
  }

  if(type: ValType | TypeIndex = VOID): Label {
    return this.open(IF, type)
  }

  else(): this {
    this.u8(ELSE)
    return this
  }

  end(): this {
    if (this.labels.length === 1) throw new Error('end without block')
    this.labels.pop()
    this.u8(END)
    return this
  }

  br(label: Label): this {
    return this.indexed(BR, this.depthOf(label))
  }

  brIf(label: Label): this {
    return this.indexed(BR_IF, this.depthOf(label))
  }

  brTable(labels: readonly Label[], otherwise: Label): this {
    this.u8(BR_TABLE)
    this.u32(labels.length)
    for (let i = 0; i < labels.length; i++) this.u32(this.depthOf(labels[i]))
    this.u32(this.depthOf(otherwise))
    return this
  }

  call(callee: Callee): this {
    return this.indexed(CALL, indexOf(callee))
  }

  callIndirect(type: TypeIndex, table: TableIndex): this {
    this.indexed(CALL_INDIRECT, type)
    this.u32(table)
    return this
  }

  returnCall(callee: Callee): this {
    return this.indexed(RETURN_CALL, indexOf(callee))
  }

  returnCallIndirect(type: TypeIndex, table: TableIndex): this {
    this.indexed(RETURN_CALL_INDIRECT, type)
    this.u32(table)
    return this
  }

  return(): this {
    return this.op(RETURN)
  }

  /** Blocks that are open now. */
  get depth(): number {
    return this.labels.length - 1
  }

  // For the module builder

  /** The declarations of locals, as they stand in front of the instructions. */
  writeLocals(out: Bytes): void {
    out.u32(this.runs.length >> 1)
    for (let i = 0; i < this.runs.length; i += 2) {
      out.u32(this.runs[i])
      out.u8(this.runs[i + 1] & 0x7f)
    }
  }

  /** Closes the function. */
  finish(): void {
    if (this.depth) throw new Error(`function ${this.index}: ${this.depth} blocks open`)
    this.u8(END)
  }

  private opcode(code: Opcode): void {
    this.room()
    const data = this.data
    if (code < 0x100) {
      data[this.length++] = code
    } else if (code < 0x200 || code >= 0x400) {
      data[this.length++] = code < 0x200 ? 0xfc : 0xfe
      data[this.length++] = code & 0xff
    } else {
      const sub = code - 0x200
      data[this.length++] = 0xfd
      if (sub < 0x80) {
        data[this.length++] = sub
      } else {
        data[this.length++] = sub & 0x7f | 0x80
        data[this.length++] = sub >> 7
      }
    }
  }

  private indexed(code: Opcode, index: number): this {
    this.opcode(code)
    if (index >>> 0 < 0x80) this.data[this.length++] = index
    else this.u32(index)
    return this
  }

  private open(code: Opcode, type: ValType | TypeIndex): Label {
    this.u8(code)
    this.s32(type)
    const depth = this.labels.length
    if (depth > MAX_DEPTH) throw new RangeError(`blocks nested deeper than ${MAX_DEPTH}`)
    this.serial = this.serial % MAX_SERIAL + 1
    const label = (this.serial << DEPTH_BITS | depth) as Label
    this.labels.push(label)
    return label
  }

  private depthOf(label: Label): number {
    const depth = label & MAX_DEPTH
    if (this.labels[depth] !== label) throw new Error('branch to a block that is not open')
    return this.labels.length - 1 - depth
  }
}

function indexOf(callee: Callee): FuncIndex {
  return typeof callee === 'number' ? callee : callee.index
}
