import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { partsOf, runParts, SUITES } from './run.ts'
import type { Suite } from './suite.ts'

const suite: Suite = {
  name: 'sample',
  compares: '',
  parts: ['same', 'other', 'absent'],
  cases: 7,
  missing: part => (part === 'absent' ? 'no such processor' : undefined),
  run: async (part, { cases }) => ({
    cases, explained: new Map([['the manual says so', 2]]),
    ...part === 'same' ? { differences: 0, examples: [] } : { differences: 3, examples: ['first\nsecond'] },
  }),
}

test('a table of cases and differences, examples below their line, reasons once', async () => {
  const lines: string[] = []
  const totals = await runParts(partsOf(suite), { seed: 5, only: undefined }, line => lines.push(line))
  assert.deepEqual(totals, { ran: 2, differences: 3 })
  const text = lines.join('\n').replaceAll(/ +/g, ' ')
  assert.match(text, /^seed 5 cases differ explained seconds\nsample\/same 7 0 2 [\d.]+\nsample\/other 7 3 2 [\d.]+\n first\n second\n/)
  assert.match(text, /sample\/absent skipped: no such processor/)
  assert.match(text, /the manual says so \(sample\/same, sample\/other\)\n\n2 of 3 parts ran, 3 unexplained differences$/)
})

test('suites have different names, and parts with names that can be typed', () => {
  const names = SUITES.flatMap(partsOf).map(p => p.name)
  assert.equal(new Set(names).size, names.length)
  for (const name of names) assert.match(name, /^[a-z\d]+\/[a-z\d-]+$/)
})

test('what it is asked for must exist', () => {
  for (const [args, message] of [[['nothing'], /^diff: no suite or part nothing; --list names them\n$/],
    [['insn', '--cases', 'many'], /^diff: --cases takes a number, not 'many'\n$/]] as const) {
    const { status, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, 'run.ts'), ...args], { encoding: 'utf8' })
    assert.equal(status, 1)
    assert.match(stderr, message)
  }
})
