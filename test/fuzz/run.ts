// Random programs through the evaluator, the interpreter and compiled regions:
//   npm run fuzz -- [--cases N] [--seed S] [--opt PASSES] [--bisect] [KIND...]
// Kinds: `ir` makes blocks of the intermediate representation, `code` makes RISC-V programs, which QEMU runs too where it is
// installed. All kinds if none is named.
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

/** Cases that are made small: it takes a while. */
const MAX_REPORTS = 5

await runMain('fuzz', async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      cases: { type: 'string', default: '2000' }, seed: { type: 'string', default: '1' },
      opt: { type: 'string' }, bisect: { type: 'boolean', default: false },
    },
  })
  const number = (name: 'cases' | 'seed'): number => {
    const n = Number(values[name])
    if (!Number.isSafeInteger(n) || n < 0) throw new UserError(`--${name} takes a whole number, not '${values[name]}'`)
    return n
  }
  for (const name of positionals.length > 0 ? positionals : Object.keys(kinds)) {
    const make = kinds[name]
    if (!make) throw new UserError(`no kind '${name}': there are ${Object.keys(kinds).join(' and ')}`)
    for (const { passes, cases, seed: from } of shares(values.opt, number('cases'), number('seed'))) {
      const kind = make(passes), what = `${name}, opt=${passesText(passes)}`
      let reports = MAX_REPORTS
      const { seconds, failed } = fuzz(kind, cases, from, (seed, verdict) => {
        console.log(`${what}: seed ${seed}: ${verdict.tier}: ${verdict.differences[0]}`)
        if (reports-- > 0) console.log(`  ${writeCase(kind, seed)}`)
        if (values.bisect) console.log(`  ${culprit(bisect(make, seed, passNames.filter(p => passes[p])))}`)
      })
      const rate = Math.round(cases / seconds)
      console.log(`${what}: ${cases} cases from ${from} in ${seconds.toFixed(1)} s (${rate} a second), ${failed.length} differ`)
      if (failed.length > 0) process.exitCode = 1
    }
  }
})

function culprit(pass: ReturnType<typeof bisect>): string {
  if (pass === undefined) return 'does not differ when it runs again'
  return pass === 'none' ? 'differs without any pass' : `the first pass that makes it differ: ${pass}`
}
