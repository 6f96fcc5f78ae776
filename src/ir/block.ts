// A block of IR: one basic block of guest code in SSA form, as parallel arrays (an operation is an index). Blocks are
// made and thrown away by the thousand, so a block is reused: `clear` and fill again.
import { arity, type OpName, opNames, resultType } from './ops.ts'

export class Block {
  /** Virtual address of the first instruction: low half unsigned, high half signed. */
  pcLo = 0
  pcHi = 0
  /** Bytes and instructions of guest code. */
  sizeBytes = 0
  insns = 0
  /** Bits of the mode word that the block's code depends on, as far as the lifter keeps account (see Isa.sharedMode). */
  modeUsed = 0
  n = 0
  op: Uint16Array
  a: Int32Array
  b: Int32Array
  c: Int32Array
  lo: Int32Array
  hi: Int32Array
  /** How often each operation's value is used. */
  uses: Int32Array

  constructor(capacity = 1024) {
    this.op = new Uint16Array(capacity)
    this.a = new Int32Array(capacity)
    this.b = new Int32Array(capacity)
    this.c = new Int32Array(capacity)
    this.lo = new Int32Array(capacity)
    this.hi = new Int32Array(capacity)
    this.uses = new Int32Array(capacity)
  }

  clear(pcLo: number, pcHi: number): void {
    this.pcLo = pcLo >>> 0
    this.pcHi = pcHi | 0
    this.sizeBytes = 0
    this.insns = 0
    this.modeUsed = 0
    this.n = 0
  }

  push(op: number, a: number, b: number, c: number, lo: number, hi: number): number {
    const i = this.n++
    if (i === this.op.length) this.grow()
    this.op[i] = op
    this.a[i] = a
    this.b[i] = b
    this.c[i] = c
    this.lo[i] = lo
    this.hi[i] = hi
    this.uses[i] = 0
    const k = arity[op]!
    if (k > 0) this.uses[a]!++
    if (k > 1) this.uses[b]!++
    if (k > 2) this.uses[c]!++
    return i
  }

  private grow(): void {
    const bigger = new Block(this.op.length * 2)
    for (const k of ['op', 'a', 'b', 'c', 'lo', 'hi', 'uses'] as const) bigger[k].set(this[k])
    for (const k of ['a', 'b', 'c', 'lo', 'hi', 'uses'] as const) this[k] = bigger[k]
    this.op = bigger.op
  }

  nameOf(i: number): OpName {
    return opNames[this.op[i]!]!
  }
  typeOf(i: number): string {
    return resultType[this.op[i]!]!
  }
  /** An independent copy with its arrays trimmed, to be kept. */
  copy(): Block {
    const b = new Block(0)
    b.pcLo = this.pcLo
    b.pcHi = this.pcHi
    b.sizeBytes = this.sizeBytes
    b.insns = this.insns
    b.n = this.n
    for (const k of ['a', 'b', 'c', 'lo', 'hi', 'uses'] as const) b[k] = this[k].slice(0, this.n)
    b.op = this.op.slice(0, this.n)
    return b
  }
}
