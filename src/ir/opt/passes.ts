// The optimiser: passes over one block, each with a switch, so that a miscompile can be bisected. `fold` is done by the
// builder while it builds; the others rewrite the block afterwards.
import type { Block } from '../block.ts'
import { copy } from './copy.ts'
import { cse } from './cse.ts'
import { dead } from './dead.ts'
import { Rewriter } from './rewrite.ts'

/** A pass notes in the rewriter what goes and what stands in its place; false if there is nothing. */
export type Pass = (b: Block, w: Rewriter) => boolean

type Row = {
  readonly help: string
  readonly run?: Pass
  /** Done for the interpreter too: it takes less time than it saves there. */
  readonly interpreter: boolean
}

/** In the order in which they are done. */
const table = {
  fold: { help: 'operations on constants are computed, constants are followed through registers', interpreter: true },
  copy: { help: 'a register that is read again is the value that it had or was given', run: copy, interpreter: false },
  cse: { help: 'the same operation on the same values is done once', run: cse, interpreter: false },
  dead: { help: 'a register that is written again before anybody can see it is not written', run: dead, interpreter: true },
} satisfies { readonly [name: string]: Row }

export type PassName = keyof typeof table
export const passNames = Object.keys(table) as readonly PassName[]
export type Passes = { readonly [P in PassName]: boolean }

export const choosePasses = (names: readonly PassName[]): Passes =>
  Object.fromEntries(passNames.map(p => [p, names.includes(p)])) as Passes
export const ALL_PASSES = choosePasses(passNames), NO_PASSES = choosePasses([])

/** `all`, `none`, or names with + between them; otherwise the name that is none. */
export function parsePasses(text: string): Passes | { readonly unknown: string } {
  if (text === 'all') return ALL_PASSES
  if (text === 'none') return NO_PASSES
  const names = text.split('+'), unknown = names.find(n => !Object.hasOwn(table, n))
  return unknown === undefined ? choosePasses(names as PassName[]) : { unknown }
}
export const passesText = (passes: Passes): string => passNames.filter(p => passes[p]).join('+') || 'none'

const rewriter = new Rewriter()

/** Rewrites the block in place. */
export function optimise(b: Block, passes: Passes, forInterpreter: boolean): void {
  for (const name of passNames) {
    const { run, interpreter }: Row = table[name]
    if (!run || !passes[name] || (forInterpreter && !interpreter)) continue
    rewriter.begin(b)
    if (run(b, rewriter)) rewriter.apply(b)
  }
}
