// Runs one program in the evaluator and both tiers, and tells where they differ.
import { PAGE } from '../../src/mem/tlb.ts'
import type { Rig } from './rig.ts'

/** What one run left behind. */
export type Trace = { readonly log: readonly string[]; readonly state: Uint8Array; readonly ram: Uint8Array }

export type Guest = {
  readonly rig: Rig
  /** The first instruction of what is run. */
  readonly entry: bigint
  /** Bytes of the state that count: offset and length each, with a name to print. */
  readonly fields: readonly { readonly name: string; readonly at: number; readonly bytes: number }[]
  readonly log: readonly string[]
  /** Puts state and memory back. */
  load(): void
}

function take(g: Guest): Trace {
  const { views, state, stateBytes, ram, ramBytes } = g.rig
  return { log: [...g.log], state: views.u8.slice(state, state + stateBytes), ram: views.u8.slice(ram, ram + ramBytes) }
}

const word = (b: Uint8Array, at: number, n: number) =>
  '0x' + Array.from(b.subarray(at, at + n), x => x.toString(16).padStart(2, '0')).reverse().join('')

export function difference(g: Guest, a: Trace, b: Trace): string[] {
  const out: string[] = []
  for (const f of g.fields)
    if (Buffer.compare(a.state.subarray(f.at, f.at + f.bytes), b.state.subarray(f.at, f.at + f.bytes)))
      out.push(`${f.name}: ${word(a.state, f.at, f.bytes)} but ${word(b.state, f.at, f.bytes)}`)
  if (a.log.join('\n') !== b.log.join('\n')) {
    const i = a.log.findIndex((line, i) => line !== b.log[i]), n = i < 0 ? a.log.length : i
    out.push(`event ${n}: ${a.log[n] ?? 'none'} but ${b.log[n] ?? 'none'}`)
  }
  if (Buffer.compare(a.ram, b.ram)) {
    const i = a.ram.findIndex((x, i) => x !== b.ram[i])
    out.push(`memory at ${Math.floor(i / PAGE)}:${(i % PAGE).toString(16)}: ${word(a.ram, i, 8)} but ${word(b.ram, i, 8)}`)
  }
  return out
}

export type Verdict = { readonly tier: string; readonly differences: readonly string[] }

/** Undefined if all agree. `flush`: compiled code begins with an empty software TLB. */
export function runAll(g: Guest, flush: boolean, maxBlocks: number): Verdict | undefined {
  g.load()
  g.rig.runReference(maxBlocks)
  const expected = take(g)
  const check = (tier: string, run: () => void): Verdict | undefined => {
    g.load()
    try {
      run()
    } catch (error) {
      return { tier, differences: [error instanceof Error ? (error.stack ?? error.message) : String(error)] }
    }
    const differences = difference(g, expected, take(g))
    return differences.length > 0 ? { tier, differences } : undefined
  }
  try {
    return check('tier 0', () => g.rig.run())
      ?? check('tier 0 again', () => g.rig.run())
      ?? check('tier 1', () => {
        g.rig.compile(g.entry)
        if (flush) g.rig.vcpu.tlb.flush()
        g.rig.run()
      })
  } finally {
    g.rig.forget()
  }
}
