// Every instruction row, in the evaluator, as records of the interpreter and as compiled regions, against QEMU.
import { UserError } from '../../../scripts/guests/run.ts'
import type { Suite } from '../suite.ts'
import { compare, example } from './compare.ts'
import { evalEngine } from './eval.ts'
import { rows } from './generate.ts'
import { type Engine, unavailable } from './machine.ts'
import { tierEngine } from './tiers.ts'

const engines: { readonly [name: string]: () => Engine } = {
  eval: evalEngine, interp: () => tierEngine('interp'), jit: () => tierEngine('jit'),
}

export const suite: Suite = {
  name: 'insn',
  compares: 'single instructions with random operands and registers, user mode, with qemu-riscv64',
  parts: Object.keys(engines),
  cases: 20_000,
  only: 'an instruction by its name',
  missing: () => unavailable(),
  async run(part, { cases, seed, only }) {
    const wanted = only === undefined ? rows : rows.filter(r => r.name === only)
    if (wanted.length === 0) throw new UserError(`no instruction '${only}'`)
    const engine = engines[part]!(), found = await compare(engine, cases, seed, wanted)
    let differences = 0
    const examples: string[] = []
    for (const [name, { count, case: c }] of found.differences) {
      differences += count
      examples.push(`${name}: ${count} differences, the first:\n${await example(engine, c)}`)
    }
    return { cases: found.cases, differences, examples, explained: found.referenceFaults }
  },
}
