// The optimiser: passes over one block, each with a switch, so that a miscompile can be bisected. `fold` is done by the
// builder while it builds, `group` by the lowering; the others rewrite the block between. What was tried and did not pay: docs/performance.md.
import type { Block } from '../block.ts'
import { dead } from './dead.ts'
import { Rewriter } from './rewrite.ts'

/** A pass notes in the rewriter what goes; false if nothing does. */
export type Pass = (b: Block, w: Rewriter) => boolean

/** In the order in which they are done. */
const table = {
  /** Operations on constants are computed, constants are followed through registers. */
  fold: undefined,
  /** A register that is written again before anybody can see it is not written. */
  dead,
  /** Accesses through one register are checked together; done while compiled code is made. */
  group: undefined,
} satisfies { readonly [name: string]: Pass | undefined }

export type PassName = keyof typeof table
export const passNames = Object.keys(table) as readonly PassName[]
export type Passes = { readonly [P in PassName]: boolean }

export const choosePasses = (names: readonly PassName[]): Passes =>
  Object.fromEntries(passNames.map(p => [p, names.includes(p)])) as Passes
export const ALL_PASSES = choosePasses(passNames)

/** `all`, `none`, or names with + between them; otherwise the name that is none. */
export function parsePasses(text: string): Passes | { readonly unknown: string } {
  if (text === 'all') return ALL_PASSES
  if (text === 'none') return choosePasses([])
  const names = text.split('+'), unknown = names.find(n => !Object.hasOwn(table, n))
  return unknown === undefined ? choosePasses(names as PassName[]) : { unknown }
}
export const passesText = (passes: Passes): string => passNames.filter(p => passes[p]).join('+') || 'none'

const rewriter = new Rewriter()

/** Rewrites the block in place. */
export function optimise(b: Block, passes: Passes): void {
  for (const name of passNames) {
    const pass = table[name]
    if (!pass || !passes[name]) continue
    rewriter.begin(b)
    if (pass(b, rewriter)) rewriter.apply(b)
  }
}
