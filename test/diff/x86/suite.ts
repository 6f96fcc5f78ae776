// Every instruction row, alone and behind others, in the evaluator, as records of the interpreter and as compiled regions,
// against the processor underneath; and what saves the registers of x87 and SSE.
import { UserError } from '../../../scripts/guests/run.ts'
import type { Suite } from '../suite.ts'
import { compare, describe } from './compare.ts'
import { engine, type EngineName, engineNames } from './engines.ts'
import { cases, rows, sequences } from './generate.ts'
import { unavailable } from './machine.ts'
import { compareXstate, missing as missingXstate } from './xstate.ts'

const SEQUENCES = '-sequences', XSTATE = 'xstate'

export const suite: Suite = {
  name: 'x86',
  compares: 'single instructions and short sequences of 16, 32 and 64 bits, user mode, with the processor underneath',
  parts: [...engineNames.flatMap(name => [name, `${name}${SEQUENCES}`]), XSTATE],
  cases: 20_000,
  only: 'an instruction by its name, or by its row (add Ev, Gv)',
  missing: part => unavailable() ?? (part === XSTATE ? missingXstate() : undefined),
  async run(part, { cases: count, seed, only }) {
    if (part === XSTATE) return compareXstate(count, seed)
    const wanted = only === undefined ? rows : rows.filter(r => r.syntax === only || r.names.includes(only))
    if (wanted.length === 0) throw new UserError(`no instruction '${only}'`)
    const name = part.replace(SEQUENCES, '') as EngineName, source = part.endsWith(SEQUENCES) ? sequences : cases
    const found = await compare(engine(name), count, seed, wanted, source)
    let differences = 0
    const examples: string[] = []
    for (const [row, { count: times, case: c, expected, actual }] of found.differences) {
      differences += times
      examples.push(`${row}: ${times} differences, the first:\n${describe(c, expected, actual)}`)
    }
    return { cases: found.cases, differences, examples, explained: found.explained }
  },
}
