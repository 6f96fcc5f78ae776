// Every instruction row against QEMU:
// `node test/diff/insn/run.ts [--cases N] [--seed S] [--row NAME] [--engine eval|interp|jit]`.
// All three engines if none is named.
// Prints the first difference of each row, made as small as possible.
import { parseArgs } from 'node:util'
import { Builder } from '../../../src/ir/build.ts'
import { print } from '../../../src/ir/print.ts'
import { Mode, registers } from '../../../src/isa/riscv/cpu.ts'
import { disassemble } from '../../../src/isa/riscv/disassemble.ts'
import { lift } from '../../../src/isa/riscv/lift.ts'
import { evalEngine } from './eval.ts'
import { cases, rows } from './generate.ts'
import {
  type Case, codeFrom, differences, type Engine, reference, type Result, runner, START, unavailable,
} from './machine.ts'
import { tierEngine } from './tiers.ts'

/** Where the reference is wrong, by row. */
const referenceFaults: { readonly [row: string]: { readonly reason: string; applies(c: Case): boolean } } = {
  ctzw: {
    reason: 'QEMU 7.2 counts on into the upper word where the lower is 0. Unprivileged manual, CTZW: the number of 0s '
      + 'before the least-significant 1 of the word; "if the least-significant word is 0, the output is 32"',
    applies: c => BigInt.asUintN(32, c.x[(c.code[0]! | (c.code[1]! << 16)) >>> 15 & 31]!) === 0n,
  },
}

const engines: { readonly [name: string]: () => Engine } = {
  eval: evalEngine, interp: () => tierEngine('interp'), jit: () => tierEngine('jit'),
}
const BATCH = 4096

export type Summary = {
  cases: number
  seconds: number
  referenceFaults: Map<string, number>
  differences: Map<string, { count: number; case: Case; expected: Result }>
}

/** Runs `count` cases, the reference and the engine at the same time. */
export async function compare(
  engine: Engine, count: number, seed: number, only = rows, source: Iterator<Case> = cases(seed, only),
): Promise<Summary> {
  const binary = runner(), found: Summary['differences'] = new Map()
  const faults: Summary['referenceFaults'] = new Map()
  const began = performance.now()
  const take = (n: number) => Array.from({ length: n }, () => source.next().value as Case)
  let batch = take(Math.min(BATCH, count)), results = reference(binary, batch), done = 0
  while (batch.length > 0) {
    const current = batch, actual = current.map(c => engine.run(c)), expected = await results
    done += current.length
    batch = take(Math.min(BATCH, count - done))
    if (batch.length > 0) results = reference(binary, batch)
    for (const [i, c] of current.entries()) {
      if (differences(expected[i]!, actual[i]!).length === 0) continue
      if (referenceFaults[c.name]?.applies(c)) {
        faults.set(c.name, (faults.get(c.name) ?? 0) + 1)
        continue
      }
      const first = found.get(c.name)
      if (first) first.count++
      else found.set(c.name, { count: 1, case: c, expected: expected[i]! })
    }
  }
  return { cases: done, referenceFaults: faults, differences: found,
    seconds: (performance.now() - began) / 1000 }
}

/** Zeroes what is not needed for the two to differ. */
async function minimise(engine: Engine, c: Case): Promise<Case> {
  const binary = runner()
  const candidates = function* (): Generator<(k: Case) => Case> {
    yield k => ({ ...k, fcsr: 0 })
    yield k => ({ ...k, memory: new Uint8Array(k.memory.length) })
    for (let i = 1; i < 32; i++) yield k => ({ ...k, x: k.x.with(i, 0n) })
    for (let i = 0; i < 32; i++) yield k => ({ ...k, f: k.f.with(i, 0n) })
  }
  for (const change of candidates()) {
    const smaller = change(c), [expected] = await reference(binary, [smaller])
    if (differences(expected!, engine.run(smaller)).length > 0) c = smaller
  }
  return c
}

function describe(c: Case, expected: Result, actual: Result): string {
  const lines = [`${c.name}:`]
  for (let i = 0; i < c.code.length;) {
    const low = c.code[i]!, long = (low & 3) === 3, word = long ? low | (c.code[i + 1]! << 16) : low
    const text = disassemble(word, START + BigInt(2 * i)) ?? 'illegal'
    lines.push(`  ${(word >>> 0).toString(16).padStart(long ? 8 : 4, '0')}  ${text}`)
    i += long ? 2 : 1
  }
  const hex = (v: bigint) => `0x${v.toString(16)}`
  for (const [i, v] of [...c.x].entries()) if (v) lines.push(`  ${registers[i]!.name} (x${i}) = ${hex(v)}`)
  for (const [i, v] of [...c.f].entries()) if (v) lines.push(`  ${registers[32 + i]!.name} (f${i}) = ${hex(v)}`)
  if (c.fcsr) lines.push(`  fcsr = ${hex(BigInt(c.fcsr))}`)
  if (c.memory.some(b => b)) lines.push(`  memory = ${Buffer.from(c.memory).toString('hex')}`)
  lines.push(...differences(expected, actual).map(d => `  ! ${d}`))
  const g = new Builder()
  const mode = (2 << Mode.FS_SHIFT) | (c.fcsr >> 5 === 0 ? Mode.NEAREST : 0) | (c.fcsr & 1 ? Mode.INEXACT : 0)
  g.begin(Number(START), 0)
  lift(g, codeFrom(c, START), mode, { maxInsns: 16 })
  return `${lines.join('\n')}\n${print(g.block, { register: i => registers[i]!.name })}`
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: {
    cases: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' },
    row: { type: 'string' }, engine: { type: 'string' },
  } })
  const why = unavailable()
  if (why) throw new Error(why)
  const only = values.row ? rows.filter(r => r.name === values.row) : rows
  if (only.length === 0) throw new Error(`no row '${values.row}'`)
  for (const name of values.engine ? [values.engine] : Object.keys(engines)) {
    const make = engines[name]
    if (!make) throw new Error(`no engine '${name}': ${Object.keys(engines).join(', ')}`)
    if (!await report(make(), Number(values.cases), Number(values.seed), only)) process.exitCode = 1
  }
}

/** Runs one engine and prints what differs; true if nothing does. */
async function report(engine: Engine, count: number, seed: number, only: typeof rows): Promise<boolean> {
  const summary = await compare(engine, count, seed, only)
  console.log(`${engine.name}: ${summary.cases} cases of ${only.length} rows in ${summary.seconds.toFixed(1)} s `
    + `(${Math.round(summary.cases / summary.seconds)} a second), ${summary.differences.size} rows differ`)
  for (const [name, count] of summary.referenceFaults) {
    console.log(`${name}: ${count} differences where the reference is wrong: ${referenceFaults[name]!.reason}`)
  }
  for (const [name, { count, case: c }] of summary.differences) {
    const small = await minimise(engine, c), [expected] = await reference(runner(), [small])
    console.log(`\n${name}: ${count} differences, the first:\n${describe(small, expected!, engine.run(small))}`)
  }
  return summary.differences.size === 0
}

if (import.meta.main) await main()
