// Random programs through the evaluator and both tiers: `kinds` makes them, `fuzz` runs them and writes case files.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { records } from '../../src/accel/jit/tier0/print.ts'
import { ALL_PASSES, choosePasses, type PassName, passNames, type Passes } from '../../src/ir/opt/passes.ts'
import { print } from '../../src/ir/print.ts'
import { printModule } from '../../src/wasm/print.ts'
import { codeKind } from './code/kind.ts'
import { type Guest, runAll, type Verdict } from './compare.ts'
import { irProgram } from './ir.ts'
import { CODE, FIELD_BYTES, irRig, layout, type Program, registers } from './ir-machine.ts'
import { minimise } from './minimise.ts'

const MAX_BLOCKS = 1000

/** A way to make cases from seeds. */
export type Kind = {
  readonly name: string
  /** Prepares up to `batch` cases that will be run next. */
  readonly batch?: number
  prepare?(seed: number, count: number): void
  /** Runs case `seed`; undefined if all agree. */
  run(seed: number): Verdict | undefined
  /** A smaller case that differs too, as text, with what differs. */
  report(seed: number): string
}

const fields: Guest['fields'] = [
  ...registers.map(r => ({ name: r.name, at: r.offset, bytes: r.type === 'i' ? 4 : 8 })),
  { name: 'pc', at: layout.offsets.pc, bytes: 8 },
  { name: 'fflags', at: layout.offsets.fflags, bytes: 4 },
  ...Array.from({ length: FIELD_BYTES / 8 }, (_, i) => ({ name: `field ${8 * i}`, at: layout.offsets.field + 8 * i, bytes: 8 })),
]

export function irKind(passes = ALL_PASSES): Kind {
  const rigs = [irRig(true, passes), irRig(false, passes)]
  const guest = (p: Program, shared: boolean): Guest => {
    const r = rigs[shared ? 0 : 1]!
    return { rig: r.rig, entry: CODE, fields, log: r.log, load: () => r.load(p) }
  }
  const run = (p: Program, seed: number) => runAll(guest(p, (seed & 15) !== 0), (seed & 1) === 0, MAX_BLOCKS)
  return {
    name: 'ir',
    run: seed => run(irProgram(seed, layout.offsets.field), seed),
    report(seed) {
      const small = minimise(irProgram(seed, layout.offsets.field), p => run(p, seed) !== undefined)
      const g = guest(small, (seed & 15) !== 0), verdict = runAll(g, (seed & 1) === 0, MAX_BLOCKS)
      const lines = [`${verdict?.tier}: ${verdict?.differences.join('\n  ')}`, '']
      small.registers.forEach((v, i) => { if (v) lines.push(`${registers[i]!.name} = 0x${v.toString(16)}`) })
      small.fields.forEach((v, i) => { if (v) lines.push(`field ${8 * i} = 0x${v.toString(16)}`) })
      lines.push(`fflags = ${small.fflags}, frm = ${small.frm}`, '')
      for (const b of small.blocks) lines.push(print(b, { register: i => registers[i]!.name }))
      return lines.join('\n') + generated(g)
    },
  }
}

/** Records and WebAssembly of a case's code. */
function generated(g: Guest): string {
  const { rig } = g, out: string[] = []
  g.load()
  rig.run()
  for (const b of rig.vcpu.code.cache.blocks) if (b?.valid) out.push(records(rig.views, b, rig.isa.registers))
  rig.compiler.onModule = bytes => out.push(printModule(bytes))
  try {
    rig.compile(g.entry)
  } catch (error) {
    out.push(String(error))
  }
  rig.compiler.onModule = undefined
  rig.forget()
  return out.join('\n')
}

/** Each makes a kind that runs with these passes of the optimiser. */
export const kinds: { readonly [name: string]: (passes?: Passes) => Kind } = { ir: irKind, code: codeKind }

export type FuzzResult = { readonly cases: number; readonly seconds: number; readonly failed: readonly { seed: number; verdict: Verdict }[] }

/** Cases `seed` up to `seed + cases`; `found` hears of those that differ at once. */
export function fuzz(
  kind: Kind, cases: number, seed: number, found: (seed: number, verdict: Verdict) => void = () => {},
): FuzzResult {
  const failed: { seed: number; verdict: Verdict }[] = [], began = performance.now()
  for (let i = 0; i < cases; i++) {
    if (kind.batch !== undefined && i % kind.batch === 0) kind.prepare?.(seed + i, Math.min(kind.batch, cases - i))
    const verdict = kind.run(seed + i)
    if (!verdict) continue
    failed.push({ seed: seed + i, verdict })
    found(seed + i, verdict)
  }
  return { cases, seconds: (performance.now() - began) / 1000, failed }
}

/** The first pass, in their order, with which case `seed` differs; `none` if it does without any, undefined if it does not at
 * all. `on`: the passes that were on when it was found. */
export function bisect(make: (typeof kinds)[string], seed: number, on: readonly PassName[]): PassName | 'none' | undefined {
  for (let n = 0; n <= on.length; n++)
    if (make(choosePasses(on.slice(0, n))).run(seed)) return n === 0 ? 'none' : on[n - 1]!
  return undefined
}

/** All passes; each alone; none. */
export const passSets: readonly Passes[] =
  [passNames, ...passNames.map(p => [p]), []].map(choosePasses)

export function writeCase(kind: Kind, seed: number): string {
  const folder = join(import.meta.dirname, '../../.cache/fuzz'), path = join(folder, `${kind.name}-${seed}.txt`)
  mkdirSync(folder, { recursive: true })
  writeFileSync(path, kind.report(seed))
  return path
}

