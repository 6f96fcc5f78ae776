// Common subexpressions: a pure operation whose like has been done, on the same values, is its value.
import type { Block } from '../block.ts'
import { arity, effects } from '../ops.ts'
import type { Rewriter } from './rewrite.ts'

const pure = Uint8Array.from(effects, e => (e === 'none' ? 1 : 0))
/** By hash the last operation that had it. A block's entries are those that are operations before the one in question. */
const SIZE = 512, seen = new Int32Array(SIZE)

export function cse(b: Block, w: Rewriter): boolean {
  const { value } = w
  let found = false
  seen.fill(-1)
  for (let i = 0; i < b.n; i++) {
    const o = b.op[i]!
    if (!pure[o]) continue
    const k = arity[o]!, x = k > 0 ? value[b.a[i]!]! : 0, y = k > 1 ? value[b.b[i]!]! : 0, z = k > 2 ? value[b.c[i]!]! : 0
    const lo = b.lo[i]!, hi = b.hi[i]!
    const h = (Math.imul(o + 31 * x + 961 * y + 29791 * z, 0x9e3779b1) ^ Math.imul(lo ^ (hi << 7), 0x85ebca6b)) >>> 23
    const e = seen[h]!
    if (e >= 0 && b.op[e] === o && b.lo[e] === lo && b.hi[e] === hi && (k < 1 || value[b.a[e]!] === x)
      && (k < 2 || value[b.b[e]!] === y) && (k < 3 || value[b.c[e]!] === z)) {
      w.replace(i, e)
      found = true
    } else seen[h] = i
  }
  return found
}
