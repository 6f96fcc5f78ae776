// Random programs through the evaluator, the interpreter and compiled regions:
//   node test/fuzz/run.ts [--kind ir] [--cases N] [--seed S]
// Case n of a run is seed S + n: `--cases 1 --seed` runs it again. Cases that differ are made small and written to
// .cache/fuzz/.
import { parseArgs } from 'node:util'
import { fuzz, kinds, writeCase } from './fuzz.ts'

const { values } = parseArgs({ options: {
  cases: { type: 'string', default: '5000' }, seed: { type: 'string', default: '1' }, kind: { type: 'string' },
} })
const wanted = values.kind === undefined ? Object.keys(kinds) : [values.kind]
for (const name of wanted) {
  const make = kinds[name]
  if (!make) throw new Error(`no kind '${name}': ${Object.keys(kinds).join(', ')}`)
  const kind = make(), { cases, seconds, failed } = fuzz(kind, Number(values.cases), Number(values.seed))
  console.log(`${name}: ${cases} cases in ${seconds.toFixed(1)} s (${Math.round(cases / seconds)} a second), ${failed.length} differ`)
  for (const { seed, verdict } of failed.slice(0, 5)) {
    console.log(`  seed ${seed}: ${verdict.tier}: ${verdict.differences[0]}`)
    console.log(`    ${writeCase(kind, seed)}`)
  }
  if (failed.length > 0) process.exitCode = 1
}
