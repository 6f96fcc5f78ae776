// The guest benchmark's kernels, and how the ratios to the peer are judged: a bar that must hold and an aim.

import type { Contest } from './engines.ts'

/** How much work each kernel does: the benchmark's own argument. */
export type Length = 'short' | 'sustained'
export const SCALE: Readonly<Record<Length, number>> = { short: 1, sustained: 8 }

export const INTEGER = ['crc', 'sieve', 'qsort', 'hash64', 'fib', 'indirect', 'chase', 'memcpy']
export const FLOAT = ['matmul', 'mandel']
export const SYSTEM = ['syscall', 'pipe', 'fork', 'pgfault']
/** In the order in which the guest runs them. */
export const KERNELS = [
  'crc', 'sieve', 'qsort', 'hash64', 'fib', 'indirect', 'matmul', 'mandel', 'chase', 'memcpy', ...SYSTEM,
]

/** Largest ratio of our time to the peer's. */
export interface Expectation {
  readonly bar?: number
  readonly aim?: number
}

/** One judged figure: the mean (geometric) or the worst of some kernels' ratios. */
export interface Judged extends Expectation {
  readonly what: string
  readonly of: readonly string[]
  readonly how: 'mean' | 'worst'
}

const SYSTEM_EACH: Expectation = { bar: 2.5, aim: 1.2 }

/** What is judged for a PC beside QEMU: of short runs nothing. */
const JUDGED_PC: Readonly<Record<Length, readonly Judged[]>> = {
  short: [
    { what: 'all', of: KERNELS, how: 'mean' },
    { what: 'integer and memory', of: INTEGER, how: 'mean' },
    { what: 'floating point', of: FLOAT, how: 'mean' },
    { what: 'system', of: SYSTEM, how: 'mean' },
  ],
  sustained: [
    { what: 'all', of: KERNELS, how: 'mean', bar: 1.3, aim: 0.7 },
    { what: 'integer and memory', of: INTEGER, how: 'mean' },
    { what: 'integer and memory', of: INTEGER, how: 'worst', bar: 1.3, aim: 0.8 },
    { what: 'floating point', of: FLOAT, how: 'mean' },
    { what: 'system', of: SYSTEM, how: 'mean' },
  ],
}
export const judgedOf = (contest: Contest, length: Length): readonly Judged[] =>
  contest === 'v86' ? JUDGED_PC.short : (contest === 'riscv64' ? JUDGED : JUDGED_PC)[length]

const JUDGED: Readonly<Record<Length, readonly Judged[]>> = {
  short: [
    { what: 'all', of: KERNELS, how: 'mean', bar: 2.2, aim: 1.0 },
    { what: 'integer and memory', of: INTEGER, how: 'mean' },
    { what: 'floating point', of: FLOAT, how: 'mean' },
    { what: 'system', of: SYSTEM, how: 'mean' },
  ],
  sustained: [
    { what: 'all', of: KERNELS, how: 'mean', bar: 1.3, aim: 0.7 },
    { what: 'integer and memory', of: INTEGER, how: 'mean', bar: 1.2, aim: 0.8 },
    { what: 'integer and memory', of: INTEGER, how: 'worst', bar: 1.8 },
    { what: 'floating point', of: FLOAT, how: 'mean', bar: 0.7, aim: 0.3 },
    ...SYSTEM.map((name): Judged => ({ what: name, of: [name], how: 'mean', ...SYSTEM_EACH })),
  ],
}

export const BOOT = { what: 'kernel start to first user program', bar: 3, aim: 1 } as const

/** Nothing where there is no bar. */
export function verdict(ratio: number, { bar, aim }: Expectation): '' | 'miss' | 'PASS' | 'PASS, aim' {
  if (bar === undefined) return ''
  if (ratio > bar) return 'miss'
  return aim !== undefined && ratio <= aim ? 'PASS, aim' : 'PASS'
}
