// What processors and the compiler say to each other. Requests and answers are plain data (a Module can be posted), so that
// the compiler may be a thread or a function call away. Every answer goes to all processors: one that meets the same code
// later need not ask.
import type { PageVersion } from '../pages.ts'
import type { RegionPlace, RegionRequest } from './region.ts'

/** One compiled region: export `r<index>` of the module. */
export type CompiledRegion = RegionPlace & {
  readonly index: number
  /** Of the page's code (CodePages.version), and of other pages' that it reaches into. */
  readonly versions: readonly PageVersion[]
  /** Offsets in the page of its entries, in the order of entry numbers. */
  readonly entries: readonly number[]
  /** Of its blocks that are none. */
  readonly inner: readonly number[]
  readonly insns: number
}
export type CompileAnswer = {
  /** Numbers answers: the same one may come twice. */
  readonly number: number
  /** What was made before the last eviction is not to be used. */
  readonly generation: number
  readonly module: WebAssembly.Module
  readonly bytes: number
  readonly regions: readonly CompiledRegion[]
}

/** A processor's way to the compiler. */
export type CompilerPort = {
  ask(request: RegionRequest): void
  /** The compiler's generation as of now. */
  generation(): number
  /** An answer that has arrived, without waiting. */
  take(): CompileAnswer | undefined
  /** Compiles one block at once, where the compiler is a function call away. */
  single?(request: RegionRequest): WebAssembly.Module | undefined
}
