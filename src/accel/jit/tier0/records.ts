// The interpreter's instruction set: compact records in shared memory, one for each IR operation that computes, made from
// the table of IR operations. A record is 16 bytes:
//
//   0  u16 operation      2  u16 destination      4  u16 operand a      6  u16 operand b      8  i32 imm      12  i32 aux
//
// Destination and operands are slots: byte offsets in the processor's state, of a register or an intermediate value. Each
// slot is eight bytes; a 32-bit value uses the low half.
import { arity, AmoKind, effects, MemOp, type OpName, opNames, resultType, rows } from '../../../ir/ops.ts'

export const Record = { OP: 0, DST: 2, A: 4, B: 6, IMM: 8, AUX: 12, BYTES: 16 } as const

/** A row of the interpreter's table: its name, and what its handler is made from. */
export type RecordOp =
  /** A pure IR row on slots; with `immediate` the last operand is imm, sign-extended. The third operand's slot is imm. */
  | { readonly kind: 'pure'; readonly row: number; readonly immediate: boolean }
  /** A comparison and a branch to the record at imm; with `immediate` the comparison's last operand is aux. */
  | { readonly kind: 'branch'; readonly row: number; readonly immediate: boolean }
  /** Memory: address in slot a plus imm; a store's value in slot b. aux describes the access for the slow path. */
  | { readonly kind: 'memory'; readonly row: number; readonly memop: number }
  /** Address in slot a, operand in slot b (and the new value's slot in imm). */
  | { readonly kind: 'atomic'; readonly row: number; readonly memop: number; readonly amo: number }
  /** A floating-point row: the host's arithmetic where that is exact; row and environment in imm, third slot in aux. */
  | { readonly kind: 'float'; readonly row: number; readonly env: number }
  | { readonly kind: 'control'; readonly name: ControlName }

/** enter: a block begins; imm = calls left until it counts as hot, aux = block number. entry: a block that has been
 * compiled; imm = its code number. stale: one that was dropped; leaves, to be looked up again. goto: to the pc in imm and
 * aux. link: to the record at imm. jumpto: to the pc in slot a; imm = JumpKind, aux = the lower half of the last target.
 * branch: to the record at imm if slot a (i32) is not 0. move, const: of 64 bits; movewide: of 128. field, setfield: aux = width in bits,
 * imm = byte offset. */
export type ControlName = 'enter' | 'entry' | 'stale' | 'goto' | 'link' | 'jumpto' | 'branch' | 'move' | 'const' | 'system' | 'leaveif'
  | 'call' | 'float' | 'fence' | 'field8' | 'setfield8' | 'move32' | 'movewide'

const controls: ControlName[] = ['enter', 'entry', 'stale', 'goto', 'link', 'jumpto', 'branch', 'move', 'const', 'system', 'leaveif',
  'call', 'float', 'fence', 'field8', 'setfield8', 'move32', 'movewide']

export const recordOps: RecordOp[] = controls.map(name => ({ kind: 'control', name }))
/** Numbers of the control records, by name. */
export const control = Object.fromEntries(controls.map((name, i) => [name, i])) as { [N in ControlName]: number }

const add = (r: RecordOp): number => recordOps.push(r) - 1
const NO = -1

/** Record operation of a pure row, on slots and with an immediate last operand; -1 if there is none. */
export const pureRecord = new Int16Array(rows.length).fill(NO)
export const pureImmediate = new Int16Array(rows.length).fill(NO)
/** Record operation of a comparison row fused with a branch. */
export const branchRecord = new Int16Array(rows.length).fill(NO)
export const branchImmediate = new Int16Array(rows.length).fill(NO)
/** Record operation of a float row whose environment is nearest-even with the inexact flag set, by row. */
export const floatRecord = new Int16Array(rows.length).fill(NO)

rows.forEach((r, row) => {
  if (effects[row] === 'none' && arity[row]! > 0) {
    pureRecord[row] = add({ kind: 'pure', row, immediate: false })
    const integer = /^i(32|64)\./.test(opNames[row]!)
    if (integer && arity[row] === 2) pureImmediate[row] = add({ kind: 'pure', row, immediate: true })
    if (integer && r.sig.endsWith('>i') && arity[row]! <= 2 && r.sig[0] !== 'f') {
      if (arity[row] === 2) branchImmediate[row] = add({ kind: 'branch', row, immediate: true })
      branchRecord[row] = add({ kind: 'branch', row, immediate: false })
    }
  }
  if (effects[row] === 'float') floatRecord[row] = add({ kind: 'float', row, env: 8 })
})

/** Record operations of memory rows by memop (without hints for faults). */
export const memoryRecord = new Map<number, number>()
export const memoryKey = (row: number, memop: number, amo = 0): number => {
  // Sign extension means nothing where the access fills the value.
  const full = resultType[row] === 'l' || resultType[row] === 'v' ? 3 : 2
  const signed = memop & MemOp.SIGNED && (memop & MemOp.SIZE) < full && resultType[row] !== ''
  // Atomics take the slow path with every misaligned address.
  const atomic = opNames[row] === 'amo' || opNames[row] === 'cas', kept = MemOp.SIZE | (atomic ? 0 : MemOp.ALIGNED | MemOp.UPDATE)
  return (row << 16) | (amo << 8) | (memop & kept) | (signed ? MemOp.SIGNED : 0)
}

const memory = (name: OpName, memops: readonly number[], hints: readonly number[]) => {
  const row = opNames.indexOf(name)
  for (const hint of hints)
    for (const memop of memops) memoryRecord.set(memoryKey(row, memop | hint), add({ kind: 'memory', row, memop: memop | hint }))
}
const LOADS = [0, MemOp.ALIGNED, MemOp.UPDATE, MemOp.UPDATE | MemOp.ALIGNED], STORES = [0, MemOp.ALIGNED]
memory('load.l', [0, 1, 2, 3, 4, 5, 6], LOADS)
memory('load.i', [0, 1, 2, 4, 5], LOADS)
memory('load.d', [3], LOADS)
memory('load.f', [2], LOADS)
memory('load.v', [3], LOADS)
memory('store.l', [0, 1, 2, 3], STORES)
memory('store.i', [0, 1, 2], STORES)
memory('store.d', [3], STORES)
memory('store.f', [2], STORES)
memory('store.v', [3], STORES)
for (const memop of [0, 1, 2, 3, 4, 5, 6]) {
  for (const amo of Object.values(AmoKind)) {
    const row = opNames.indexOf('amo')
    memoryRecord.set(memoryKey(row, memop, amo), add({ kind: 'atomic', row, memop, amo }))
  }
  const row = opNames.indexOf('cas')
  memoryRecord.set(memoryKey(row, memop), add({ kind: 'atomic', row, memop, amo: 0 }))
}

/** Record operations that branch to the record at imm. */
export const branches: ReadonlySet<number> = new Set(recordOps.flatMap((r, i) =>
  r.kind === 'branch' || (r.kind === 'control' && r.name === 'branch') ? [i] : []))

/** Where a record that may leave the block says which instruction it belongs to, as an offset from the block's start: a
 * 16-bit field that its operation has no other use for; 0 if it never leaves. */
export const insnField = Uint8Array.from(recordOps, r =>
  r.kind === 'memory' ? (resultType[r.row] ? Record.B : Record.DST)
  : r.kind === 'atomic' ? Record.IMM + 2
  : r.kind === 'control' && (r.name === 'system' || r.name === 'leaveif') ? Record.DST : 0)

type Words = { readonly u16: Uint16Array }
export function noteInstruction({ u16 }: Words, record: number, offset: number): void {
  u16[(record + insnField[u16[record >>> 1]!]!) >>> 1] = offset
}
export const instructionOf = ({ u16 }: Words, record: number): number => u16[(record + insnField[u16[record >>> 1]!]!) >>> 1]!
