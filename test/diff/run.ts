// Compares our instructions, floating point, privileged behaviour and devices with other implementations:
//   npm run diff -- [NAME...] [--cases N] [--seed S] [--only TEXT] [--list]
// NAME is a suite (`insn`) or a part of one (`insn/jit`). Exit status 1 if something differs without an explanation.
import { parseArgs } from 'node:util'
import { runMain, UserError } from '../../scripts/guests/run.ts'
import { suite as float } from './float/suite.ts'
import { suite as insn } from './insn/suite.ts'
import { suite as priv } from './priv/suite.ts'
import { suite as qtest } from './qtest/suite.ts'
import type { DiffOptions, Suite } from './suite.ts'
import { suite as x86 } from './x86/suite.ts'
import { suite as x86sys } from './x86sys/suite.ts'

export const SUITES: readonly Suite[] = [insn, x86, float, qtest, priv, x86sys]
export type Part = { readonly suite: Suite; readonly part: string; readonly name: string }

export const partsOf = (suite: Suite): Part[] => suite.parts.map(part => ({ suite, part, name: `${suite.name}/${part}` }))
const everything = SUITES.flatMap(partsOf)

/** `priv` is a suite, `priv/csr` its parts csr-evaluator and csr-machine, `insn/jit` one part. */
const meant = (p: Part, name: string) => p.suite.name === name || p.name === name || p.name.startsWith(`${name}-`)

function choose(names: readonly string[]): readonly Part[] {
  const unknown = names.filter(n => !everything.some(p => meant(p, n)))
  if (unknown.length) throw new UserError(`no suite or part ${unknown.join(', ')}; --list names them`)
  return everything.filter(p => names.length === 0 || names.some(n => meant(p, n)))
}

function list(): void {
  for (const s of SUITES) {
    console.log(`${s.name}: ${s.compares}${s.only ? `; --only picks ${s.only}` : ''}`)
    console.log(`  ${s.parts.map(p => `${s.name}/${p}`).join(' ')}`)
  }
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new UserError(`--${name} takes a number, not '${text}'`)
  return Number(text)
}

const line = (name: string, ...cells: readonly (string | number)[]) =>
  [name.padEnd(26), ...cells.map(c => `${c}`.padStart(11))].join(' ')

export type Totals = { readonly ran: number; readonly differences: number }

/** Runs the parts and prints a line for each, then the reasons of what is explained. */
export async function runParts(
  parts: readonly Part[], options: Omit<DiffOptions, 'cases'> & { readonly cases?: number }, print: (line: string) => void,
): Promise<Totals> {
  const reasons = new Map<string, string[]>()
  let ran = 0, differences = 0
  print(line(`seed ${options.seed}`, 'cases', 'differ', 'explained', 'seconds'))
  for (const { suite, part, name } of parts) {
    if (options.only !== undefined && suite.only === undefined) continue
    const reason = suite.missing(part)
    if (reason) {
      print(`${name.padEnd(26)} skipped: ${reason}`)
      continue
    }
    const began = performance.now(), found = await suite.run(part, { ...options, cases: options.cases ?? suite.cases ?? 0 })
    const known = [...found.explained.values()].reduce((a, b) => a + b, 0)
    print(line(name, found.cases, found.differences, known, ((performance.now() - began) / 1000).toFixed(1)))
    for (const text of found.examples) print(text.replace(/^/gm, '    '))
    for (const why of found.explained.keys()) reasons.set(why, [...reasons.get(why) ?? [], name])
    ran++
    differences += found.differences
  }
  if (reasons.size > 0) print('\nExplained:')
  for (const [why, names] of reasons) print(`  ${why} (${names.join(', ')})`)
  print(`\n${ran} of ${parts.length} parts ran, ${differences} unexplained differences`)
  return { ran, differences }
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      cases: { type: 'string' }, seed: { type: 'string', default: '1' }, only: { type: 'string' },
      list: { type: 'boolean', default: false },
    },
  })
  if (values.list) return list()
  const { ran, differences } = await runParts(choose(positionals), {
    seed: wholeNumber('seed', values.seed), only: values.only,
    ...values.cases !== undefined && { cases: wholeNumber('cases', values.cases) },
  }, console.log)
  if (ran === 0) throw new UserError('nothing was compared')
  if (differences > 0) process.exitCode = 1
}

if (import.meta.main) await runMain('diff', main)
