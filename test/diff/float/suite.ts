// Soft-float against other implementations: QEMU's RISC-V, the C library's binary128, the host processor.
import { UserError } from '../../../scripts/guests/run.ts'
import type { Suite } from '../suite.ts'
import { describe, diff, missing, operationsOf } from './oracle.ts'
import type { Target } from './target.ts'
import { targets } from './targets.ts'

/** With no fewer cases than this all combinations of special values come first, which are millions. */
const THOROUGH = 1_000_000

const target = (name: string): Target => targets.find(t => t.name === name)!

export const suite: Suite = {
  name: 'float',
  compares: 'soft-float operations with processors and C libraries, results and flags; '
    + `all combinations of special values too with --cases ${THOROUGH} and more`,
  parts: targets.map(t => t.name),
  cases: 50_000,
  only: 'operations by a part of their name',
  missing: part => missing(target(part)),
  async run(part, { cases: count, seed, only }) {
    const chosen = target(part)
    if (only !== undefined && operationsOf(chosen, only).length === 0)
      throw new UserError(`float/${part} has no operation named like '${only}'`)
    const found = diff(chosen, { count, seed, special: count >= THOROUGH, ...only !== undefined && { only } })
    return {
      cases: found.cases, differences: found.differing, examples: found.differences.map(describe), explained: new Map(),
    }
  },
}
