// What `npm run diff` asks of a folder of differential tests: its suite.ts describes it by one of these.

export interface Suite {
  readonly name: string
  /** What is compared with what. */
  readonly compares: string
  /** Its parts by name: engines, targets, devices or programs. */
  readonly parts: readonly string[]
  /** Cases of one part in a modest pass; absent: each part has its own, always the same. */
  readonly cases?: number
  /** What `--only` picks, if anything: rows, operations. */
  readonly only?: string
  /** Why a part cannot run on this machine; undefined if it can. */
  missing(part: string): string | undefined
  run(part: string, options: DiffOptions): Promise<Findings>
}

export interface DiffOptions {
  readonly cases: number
  readonly seed: number
  /** Cases of what has this in its name. */
  readonly only: string | undefined
}

export interface Findings {
  readonly cases: number
  /** How many cases differ without an explanation, and the first of them as text. */
  readonly differences: number
  readonly examples: readonly string[]
  /** How many differ, or are left out, for a known reason. */
  readonly explained: ReadonlyMap<string, number>
}

export function count(explained: Map<string, number>, reason: string, times = 1): void {
  explained.set(reason, (explained.get(reason) ?? 0) + times)
}
