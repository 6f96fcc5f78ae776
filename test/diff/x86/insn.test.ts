import assert from 'node:assert/strict'
import { test } from 'node:test'
import { engine, engineNames } from './engines.ts'
import { rows, sequences } from './generate.ts'
import { type Case, isAmd, unavailable } from './machine.ts'
import { compare, describe } from './compare.ts'

const skip = unavailable() ?? (isAmd ? false : 'the processor underneath is not AMD’s (npm run diff shows what differs)')

for (const [i, name] of engineNames.entries())
  test(`every row does in ${name} what it does on the processor underneath`, { skip }, async () => {
    const summary = await compare(engine(name), (name === 'jit' ? 4 : 8) * rows.length, 20 + i)
    assert.deepEqual([...summary.differences].map(([row, d]) => `${row}: ${describe(d.case, d.expected, d.actual)}`), [])
  })

for (const [i, name] of engineNames.entries())
  test(`sequences of instructions do in ${name} what they do on the processor underneath`, { skip }, async () => {
    const summary = await compare(engine(name), (name === 'jit' ? 2 : 6) * rows.length, 40 + i, rows, sequences)
    assert.deepEqual([...summary.differences].map(([row, d]) => `${row}: ${describe(d.case, d.expected, d.actual)}`), [])
  })

test('a wrong engine is found out', { skip }, async () => {
  const right = engine('eval'), wrong = {
    name: 'wrong',
    run(c: Case) {
      const r = right.run(c)
      return c.row.syntax === 'sub Ev, Gv' ? { ...r, flags: r.flags ^ 1 } : r
    },
  }
  const summary = await compare(wrong, 4 * rows.length, 6)
  assert.deepEqual([...summary.differences.keys()], ['29 /r: sub Ev, Gv'])
})
