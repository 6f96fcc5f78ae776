// Writes of registers that nobody sees: the register is written again before it is read and before the block can be left.
// An address that is made by two instructions is such a case, for the builder has folded the second.
import type { Block } from '../block.ts'
import { isGet, isSet } from '../ops.ts'
import { leaves, type Rewriter } from './rewrite.ts'

/** For each register the stretch, between places where the block may be left, in which it is written later. */
const written = new Int32Array(256)
let stretch = 0

export function dead(b: Block, w: Rewriter): boolean {
  let found = false
  stretch++
  for (let i = b.n - 1; i >= 0; i--) {
    const o = b.op[i]!
    if (isSet[o]) {
      const r = b.lo[i]!
      if (written[r] === stretch) {
        w.remove(i)
        found = true
      } else written[r] = stretch
    } else if (isGet[o]) written[b.lo[i]!] = 0
    else if (leaves[o]) stretch++
  }
  return found
}
