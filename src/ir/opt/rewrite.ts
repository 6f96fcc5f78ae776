// What a pass does to a block: operations go, and with them what nobody uses any more.
import type { Block } from '../block.ts'
import { arity, effects, op, resultType } from '../ops.ts'

/** Operations that go when nobody uses their value. */
const idle = Uint8Array.from(effects, (e, o) => (resultType[o] !== '' && (e === 'none' || e === 'reg' || e === 'state') ? 1 : 0))

export class Rewriter {
  private gone = new Uint8Array(1024)
  /** Where each operation has moved. */
  private place = new Int32Array(1024)

  begin(b: Block): void {
    if (this.gone.length < b.n) {
      this.gone = new Uint8Array(2 * b.n)
      this.place = new Int32Array(2 * b.n)
    }
    this.gone.fill(0, 0, b.n)
  }

  /** Operation `i` is not done; it makes no value. */
  remove(i: number): void { this.gone[i] = 1 }

  apply(b: Block): void {
    const { gone, place } = this, { uses } = b
    uses.fill(0, 0, b.n)
    for (let i = b.n - 1; i >= 0; i--) {
      const o = b.op[i]!, k = arity[o]!
      if (uses[i] === 0 && idle[o]) gone[i] = 1
      if (gone[i]) continue
      if (k > 0) uses[b.a[i]!]!++
      if (k > 1) uses[b.b[i]!]!++
      if (k > 2) uses[b.c[i]!]!++
    }
    let n = 0
    for (let i = 0; i < b.n; i++) {
      if (gone[i]) continue
      const o = b.op[i]!, k = arity[o]!
      b.op[n] = o
      b.a[n] = k > 0 ? place[b.a[i]!]! : b.a[i]!
      b.b[n] = k > 1 ? place[b.b[i]!]! : b.b[i]!
      b.c[n] = k > 2 ? place[b.c[i]!]! : b.c[i]!
      b.lo[n] = b.lo[i]!
      b.hi[n] = b.hi[i]!
      uses[n] = uses[i]!
      place[i] = n++
    }
    b.n = n
  }
}

/** Where the block may be left, so that all registers are seen: an access may fault. */
export const leaves = Uint8Array.from(effects, (e, o) =>
  ((e === 'memory' && o !== op.fence) || e === 'leave' || e === 'end' ? 1 : 0))
