// What the recompiler has done on each processor, counted on its thread and published in shared memory for
// `info jit`.
import type { Tier1 } from '../accel/jit/tier1/install.ts'
import type { Vcpu } from '../accel/jit/vcpu.ts'
import type { Views } from '../state/views.ts'

/** One line of `info jit` each. */
const counters: readonly { readonly text: string; count(v: Vcpu, t: Tier1): number }[] = [
  { text: 'blocks translated', count: v => v.code.stats.blocks },
  { text: 'instructions in them', count: v => v.code.stats.insns },
  { text: 'times all blocks were dropped', count: v => v.code.stats.recordFlushes },
  { text: 'pages of code that were written', count: v => v.code.stats.drops },
  { text: 'regions asked for', count: (_, t) => t.stats.requests },
  { text: 'regions compiled', count: (_, t) => t.stats.regions },
  { text: 'instructions in them', count: (_, t) => t.stats.insns },
  { text: 'bytes of WebAssembly', count: (_, t) => t.stats.bytes },
  { text: 'regions that came too late', count: (_, t) => t.stats.stale },
  { text: 'times all regions were dropped', count: (_, t) => t.stats.evictions },
  { text: 'entries from outside generated code', count: v => v.stats.runs },
  { text: 'jumps looked up', count: v => v.code.stats.lookups },
  { text: 'accesses outside generated code', count: v => v.slow.stats.slow },
  { text: 'translations of pages', count: v => v.slow.stats.fills },
  { text: 'times translations were dropped', count: v => v.stats.flushes },
  { text: 'system instructions', count: v => v.stats.systems },
  { text: 'floating-point operations in software', count: v => v.stats.floats },
]
export const STATS_BYTES = 8 * counters.length

/** On the processor's thread. */
export function publishStats(views: Views, at: number, v: Vcpu, t: Tier1): void {
  for (let i = 0; i < counters.length; i++) views.f64[(at >>> 3) + i] = counters[i]!.count(v, t)
}

export const statLines = (views: Views, at: number): string[] =>
  counters.map(({ text }, i) => `${String(views.f64[(at >>> 3) + i]).padStart(14)}  ${text}`)
