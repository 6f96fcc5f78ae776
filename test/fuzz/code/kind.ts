// Random guest code: QEMU (where it is installed) and the evaluator say what is right, the others must do the same.
import type { Passes } from '../../../src/ir/opt/passes.ts'
import { disassemble } from '../../../src/isa/riscv/disassemble.ts'
import { lengthOf } from '../../../src/isa/riscv/decode.ts'
import type { Verdict } from '../compare.ts'
import type { Kind } from '../fuzz.ts'
import { differences } from './compare.ts'
import { generate } from './generate.ts'
import { assemble, image } from './image.ts'
import { areaPa } from './layout.ts'
import { type Engine, engines } from './machine.ts'
import { minimise } from './minimise.ts'
import type { Program } from './program.ts'
import { available, runInQemu } from './qemu.ts'

/** Runs a program on one engine, twice where it keeps code; undefined if it does as `expected`. */
function judge(e: Engine, p: Program, bytes: Uint8Array, expected: Uint8Array, pa: number): Verdict | undefined {
  for (const again of e.keepsCode ? [false, true] : [false]) {
    const tier = again ? `${e.name}, again` : e.name
    try {
      const found = differences(p, expected, e.run(bytes, again), pa, areaPa(0))
      if (found.length > 0) return { tier, differences: found }
    } catch (error) {
      return { tier, differences: [error instanceof Error ? (error.stack ?? error.message) : String(error)] }
    }
  }
  return undefined
}

/** Programs of one boot of QEMU. */
const BATCH = 64

export function codeKind(passes?: Passes): Kind {
  const all = engines(passes), [evaluator, ...others] = all as [Engine, ...Engine[]], qemu = available()
  const results = new Map<number, { bytes: Uint8Array; pa: number }>()

  function prepare(seed: number, count: number): void {
    if (!qemu) return
    results.clear()
    const programs = Array.from({ length: count }, (_, i) => generate(seed + i))
    const out = runInQemu(programs.map((p, i) => image(p, areaPa(i))))
    // If one goes on for ever it must be found among them.
    if (out) out.forEach((bytes, i) => results.set(seed + i, { bytes, pa: areaPa(i) }))
    else programs.forEach((p, i) => {
      const one = runInQemu([image(p, areaPa(0))])
      if (one) results.set(seed + i, { bytes: one[0]!, pa: areaPa(0) })
    })
  }

  function run(p: Program, reference: { bytes: Uint8Array; pa: number } | undefined): Verdict | undefined {
    const bytes = image(p, areaPa(0))
    if (reference) {
      for (const e of all) {
        const verdict = judge(e, p, bytes, reference.bytes, reference.pa)
        if (verdict) return verdict
      }
      return undefined
    }
    const expected = evaluator.run(bytes, false)
    for (const e of others) {
      const verdict = judge(e, p, bytes, expected, areaPa(0))
      if (verdict) return verdict
    }
    return undefined
  }

  function expectedOf(p: Program): { bytes: Uint8Array; pa: number } | undefined {
    const out = qemu ? runInQemu([image(p, areaPa(0))]) : undefined
    return out && { bytes: out[0]!, pa: areaPa(0) }
  }

  return {
    name: 'code',
    batch: BATCH,
    prepare,
    run(seed) {
      if (qemu && !results.has(seed)) prepare(seed, 1)
      if (qemu && !results.has(seed)) return { tier: 'QEMU', differences: ['did not come to an end'] }
      return run(generate(seed), results.get(seed))
    },
    report(seed) {
      const first = run(generate(seed), expectedOf(generate(seed)))
      // The evaluator is faster to ask, if it is not the one that is wrong.
      const slow = first?.tier === evaluator.name
      const small = minimise(generate(seed), p => fits(p) && run(p, slow ? expectedOf(p) : undefined) !== undefined)
      const verdict = run(small, slow ? expectedOf(small) : undefined) ?? first
      return `${verdict?.tier}:\n  ${verdict?.differences.join('\n  ')}\n\n${listing(small)}`
    },
  }
}

function fits(p: Program): boolean {
  try {
    assemble(p)
    return true
  } catch (error) {
    if (error instanceof RangeError) return false // a compressed branch that reaches too far
    throw error
  }
}

/** The program as text: its tree and its instructions. */
function listing(p: Program): string {
  const w = assemble(p), { bytes } = w.asm, out: string[] = []
  const json = (v: unknown) => JSON.stringify(v, (_, x: unknown) => (typeof x === 'bigint' ? `0x${x.toString(16)}` : x))
  const { functions, pages: _, x, f, ...rest } = p
  out.push(json(rest), '')
  x.forEach((v, i) => { if (v) out.push(`x${i} = 0x${v.toString(16)}`) })
  f.forEach((v, i) => { if (v) out.push(`f${i} = 0x${v.toString(16)}`) })
  out.push(`constants: ${w.pool.map(v => v.toString(16)).join(' ')}`, '')
  functions.forEach((fn, i) => out.push(`function ${i} at ${fn.start ?? 'the next place'}:`,
    ...fn.body.map(n => `  ${json(n)}`)))
  out.push('')
  for (let at = 0; at < w.asm.at;) {
    const low = bytes[at]! | (bytes[at + 1]! << 8), length = lengthOf(low)
    const word = length === 2 ? low : low | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    if (word !== 0) {
      const pc = BigInt.asUintN(64, p.code + BigInt(at))
      out.push(`${pc.toString(16)}  ${(word >>> 0).toString(16).padStart(2 * length, '0')}  ${disassemble(word, pc) ?? 'illegal'}`)
    }
    at += length
  }
  return out.join('\n')
}
