// Random programs through the evaluator, the interpreter and compiled regions:
//   npm run fuzz -- [--kind ir] [--cases N] [--seed S] [--opt PASSES] [--bisect]
// Case n of a run is seed S + n: `--cases 1 --seed` runs it again. Cases that differ are made small and written to
// .cache/fuzz/. Half of the cases run with all passes of the optimiser, the others with each alone or none, unless --opt
// says which (all, none, fold+dead). --bisect tells the first pass that makes a case differ.
import { parseArgs } from 'node:util'
import { runMain, UserError } from '../../scripts/guests/run.ts'
import { parsePasses, passesText, passNames, type Passes } from '../../src/ir/opt/passes.ts'
import { bisect, fuzz, kinds, passSets, writeCase } from './fuzz.ts'

type Share = { readonly passes: Passes; readonly cases: number; readonly seed: number }

/** Which cases run with which passes. */
function shares(opt: string | undefined, cases: number, seed: number): readonly Share[] {
  if (opt !== undefined) {
    const passes = parsePasses(opt)
    if ('unknown' in passes) throw new UserError(`--opt: no pass '${passes.unknown}'; all, none, or some of ${passNames.join('+')}`)
    return [{ passes, cases, seed }]
  }
  const [all, ...others] = passSets, each = Math.floor(cases / 2 / others.length), first = cases - each * others.length
  return [{ passes: all!, cases: first, seed }, ...others.map((passes, i) => ({ passes, cases: each, seed: seed + first + i * each }))]
    .filter(share => share.cases > 0)
}

await runMain('fuzz', async () => {
  const { values } = parseArgs({ options: {
    cases: { type: 'string', default: '5000' }, seed: { type: 'string', default: '1' }, kind: { type: 'string' },
    opt: { type: 'string' }, bisect: { type: 'boolean', default: false },
  } })
  for (const name of values.kind === undefined ? Object.keys(kinds) : [values.kind]) {
    const make = kinds[name]
    if (!make) throw new UserError(`no kind '${name}': ${Object.keys(kinds).join(', ')}`)
    for (const { passes, cases, seed: from } of shares(values.opt, Number(values.cases), Number(values.seed))) {
      const kind = make(passes), { seconds, failed } = fuzz(kind, cases, from), text = passesText(passes)
      console.log(`${name}, opt=${text}: ${cases} cases from ${from} in ${seconds.toFixed(1)} s (${Math.round(cases / seconds)} a second), ${failed.length} differ`)
      for (const { seed, verdict } of failed.slice(0, 5)) {
        console.log(`  seed ${seed}: ${verdict.tier}: ${verdict.differences[0]}`)
        console.log(`    ${writeCase(kind, seed)}`)
        if (values.bisect) console.log(`    ${culprit(bisect(make, seed, passNames.filter(p => passes[p])))}`)
      }
      if (failed.length > 0) process.exitCode = 1
    }
  }
})

function culprit(pass: ReturnType<typeof bisect>): string {
  if (pass === undefined) return 'does not differ when it runs again'
  return pass === 'none' ? 'differs without any pass' : `the first pass that makes it differ: ${pass}`
}
