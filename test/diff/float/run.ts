// Compares soft-float with other implementations:
//   node test/diff/float/run.ts [--cases N] [--seed S] [--target riscv] [--only fadd] [--no-special]

import { parseArgs } from 'node:util'
import { describe, diff, missing } from './oracle.ts'
import { targets } from './targets.ts'

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '200000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 32) },
    target: { type: 'string' },
    only: { type: 'string' },
    special: { type: 'boolean', default: true },
  },
  allowNegative: true,
})
const wanted = targets.filter(t => !values.target || t.name === values.target)
if (!wanted.length) throw new Error(`no target '${values.target}': ${targets.map(t => t.name).join(', ')}`)

for (const target of wanted) {
  const reason = missing(target)
  if (reason) {
    console.log(`${target.name}: skipped, ${reason}`)
    continue
  }
  const seed = Number(values.seed)
  const { cases, differing, differences } = diff(target, {
    count: Number(values.cases), seed, special: values.special, ...values.only && { only: values.only },
  })
  for (const d of differences) console.log(describe(d))
  console.log(`${target.name}: ${cases} cases, ${differing} differences (seed ${seed})`)
  if (differing) process.exitCode = 1
}
