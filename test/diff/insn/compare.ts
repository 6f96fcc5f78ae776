// An engine against QEMU: finds the first difference of each row, and makes it as small as possible.
import { Builder } from '../../../src/ir/build.ts'
import { print } from '../../../src/ir/print.ts'
import { Mode, registers } from '../../../src/isa/riscv/cpu.ts'
import { disassemble } from '../../../src/isa/riscv/disassemble.ts'
import { lift } from '../../../src/isa/riscv/lift.ts'
import { count } from '../suite.ts'
import { cases, rows } from './generate.ts'
import { type Case, codeFrom, differences, type Engine, reference, type Result, runner, START } from './machine.ts'

/** Where the reference is wrong, by row. */
const referenceFaults: { readonly [row: string]: { readonly reason: string; applies(c: Case): boolean } } = {
  ctzw: {
    reason: 'QEMU 7.2 counts on into the upper word where the lower is 0. Unprivileged manual, CTZW: the number of 0s '
      + 'before the least-significant 1 of the word; "if the least-significant word is 0, the output is 32"',
    applies: c => BigInt.asUintN(32, c.x[(c.code[0]! | (c.code[1]! << 16)) >>> 15 & 31]!) === 0n,
  },
}

const BATCH = 4096

export type Summary = {
  cases: number
  /** How often the reference was wrong, by the reason. */
  referenceFaults: Map<string, number>
  differences: Map<string, { count: number; case: Case; expected: Result }>
}

/** Runs as many cases as are wanted, the reference and the engine at the same time. */
export async function compare(
  engine: Engine, wanted: number, seed: number, only = rows, source: Iterator<Case> = cases(seed, only),
): Promise<Summary> {
  const binary = runner(), found: Summary['differences'] = new Map()
  const faults: Summary['referenceFaults'] = new Map()
  const take = (n: number) => Array.from({ length: n }, () => source.next().value as Case)
  let batch = take(Math.min(BATCH, wanted)), results = reference(binary, batch), done = 0
  while (batch.length > 0) {
    const current = batch, actual = current.map(c => engine.run(c)), expected = await results
    done += current.length
    batch = take(Math.min(BATCH, wanted - done))
    if (batch.length > 0) results = reference(binary, batch)
    for (const [i, c] of current.entries()) {
      if (differences(expected[i]!, actual[i]!).length === 0) continue
      const fault = referenceFaults[c.name]
      if (fault?.applies(c)) {
        count(faults, `${c.name}: ${fault.reason}`)
        continue
      }
      const first = found.get(c.name)
      if (first) first.count++
      else found.set(c.name, { count: 1, case: c, expected: expected[i]! })
    }
  }
  return { cases: done, referenceFaults: faults, differences: found }
}

/** A case of a summary as text, made small. */
export async function example(engine: Engine, c: Case): Promise<string> {
  const small = await minimise(engine, c), [expected] = await reference(runner(), [small])
  return describe(small, expected!, engine.run(small))
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
