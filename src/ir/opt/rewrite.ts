// What a pass does to a block: operations go, and others stand in their place.
import type { Block } from '../block.ts'
import { arity, effects, op, resultType } from '../ops.ts'

/** Operations that go when nobody uses their value. */
const idle = Uint8Array.from(effects, (e, o) => (resultType[o] !== '' && (e === 'none' || e === 'reg' || e === 'state') ? 1 : 0))
const GO = 1

export class Rewriter {
  /** For each operation the one whose value stands for its own: mostly itself. */
  value = new Int32Array(1024)
  private gone = new Uint8Array(1024)

  begin(b: Block): void {
    if (this.value.length < b.n) {
      this.value = new Int32Array(2 * b.n)
      this.gone = new Uint8Array(2 * b.n)
    }
    for (let i = 0; i < b.n; i++) this.value[i] = i
    this.gone.fill(0, 0, b.n)
  }

  /** Operation `i` is not done, and nobody uses its value. */
  remove(i: number): void { this.gone[i] = GO }
  /** The value of `i` is that of `earlier`, which stands for itself. */
  replace(i: number, earlier: number): void {
    this.value[i] = earlier
    this.gone[i] = GO
  }

  /** Moves what stays together, without what nobody uses any more. */
  apply(b: Block): void {
    const { value, gone } = this, { uses } = b
    uses.fill(0, 0, b.n)
    for (let i = b.n - 1; i >= 0; i--) {
      const o = b.op[i]!
      if (gone[i] || (uses[i] === 0 && idle[o])) {
        gone[i] = GO
        continue
      }
      const k = arity[o]!
      if (k > 0) uses[value[b.a[i]!]!]!++
      if (k > 1) uses[value[b.b[i]!]!]!++
      if (k > 2) uses[value[b.c[i]!]!]!++
    }
    let n = 0
    for (let i = 0; i < b.n; i++) {
      if (gone[i]) continue
      const o = b.op[i]!, k = arity[o]!
      // `value` of what has been moved is where it is now; what was replaced stands behind it.
      b.op[n] = o
      b.a[n] = k > 0 ? this.now(b.a[i]!) : b.a[i]!
      b.b[n] = k > 1 ? this.now(b.b[i]!) : b.b[i]!
      b.c[n] = k > 2 ? this.now(b.c[i]!) : b.c[i]!
      b.lo[n] = b.lo[i]!
      b.hi[n] = b.hi[i]!
      uses[n] = uses[i]!
      value[i] = n++
    }
    b.n = n
  }

  private now(v: number): number { return this.gone[v] ? this.value[this.value[v]!]! : this.value[v]! }
}

export const isGet = Uint8Array.from(effects, (e, o) => (e === 'reg' && resultType[o] !== '' ? 1 : 0))
export const isSet = Uint8Array.from(effects, (e, o) => (e === 'reg' && resultType[o] === '' ? 1 : 0))
/** Where the block may be left, so that all registers are seen: an access may fault. */
export const leaves = Uint8Array.from(effects, (e, o) =>
  ((e === 'memory' && o !== op.fence) || e === 'leave' || e === 'end' ? 1 : 0))
