// A register that is read after it was read or written in the block has a known value: no need to read it.
import type { Block } from '../block.ts'
import { isGet, isSet, type Rewriter } from './rewrite.ts'

/** The operation whose value each register holds, -1 while that is not known. */
const known = new Int32Array(256)

export function copy(b: Block, w: Rewriter): boolean {
  let found = false
  known.fill(-1)
  for (let i = 0; i < b.n; i++) {
    const o = b.op[i]!
    if (isSet[o]) known[b.lo[i]!] = w.value[b.a[i]!]!
    else if (isGet[o]) {
      const r = b.lo[i]!, v = known[r]!
      if (v < 0) known[r] = i
      else {
        w.replace(i, v)
        found = true
      }
    }
  }
  return found
}
