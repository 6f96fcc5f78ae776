// Accesses that are checked together: those of one block through the same value of a register, as a function's prologue
// saves registers on its stack. If all bytes between the first and the last of them lie in one page, one look into the
// software TLB is enough for all. Mappings change only where a block ends.
import type { Block } from '../../../ir/block.ts'
import { isGet, isSet, MemOp, opNames, resultType, rows, type Type } from '../../../ir/ops.ts'
import { accessBytes } from '../access.ts'

export type Group = {
  readonly register: number
  /** Its pages must be writable: stores, and loads that stores follow. */
  readonly write: boolean
  /** Displacements from the register: of the first byte, and behind the last. */
  first: number
  end: number
  members: number
  /** Local of the host address of the first byte, 0 while the access goes to the slow path; -1 before it is known. */
  host: number
}

/** Further apart than this they would too often lie in different pages. */
const MAX_SPAN = 1024

const plain = Uint8Array.from(opNames, name => (/^(load|store)\./.test(name) ? 1 : 0))

/** Of a load's result, or what a store stores. */
export const typeOf = (row: number): Type => (resultType[row] || rows[row]!.sig[1]) as Type

/** For each operation the group that it belongs to. */
export function findGroups(b: Block): (Group | undefined)[] {
  const groups: (Group | undefined)[] = [], open = new Map<number, Group>()
  /** For the value of a register: that it is still the register's. */
  const current = new Map<number, number>()
  for (let i = 0; i < b.n; i++) {
    const o = b.op[i]!
    if (isGet[o]) current.set(i, b.lo[i]!)
    else if (isSet[o]) {
      const r = b.lo[i]!
      for (const [v, register] of current) if (register === r) current.delete(v)
      open.delete(2 * r)
      open.delete(2 * r + 1)
    } else if (plain[o] && !(b.lo[i]! & MemOp.ALIGNED)) {
      const register = current.get(b.a[i]!)
      if (register === undefined) continue
      const first = b.hi[i]!, end = first + accessBytes(typeOf(o), b.lo[i]!)
      const write = !resultType[o] || (b.lo[i]! & MemOp.UPDATE) !== 0, key = 2 * register + Number(write)
      let g = open.get(key)
      if (!g || Math.max(g.end, end) - Math.min(g.first, first) > MAX_SPAN)
        open.set(key, (g = { register, write, first, end, members: 0, host: -1 }))
      g.first = Math.min(g.first, first)
      g.end = Math.max(g.end, end)
      g.members++
      groups[i] = g
    }
  }
  return groups
}
