// What processors and the compiler say to each other. Requests and answers are plain data (a Module can be posted), so that
// the compiler may be a thread or a function call away.
import type { RegionRequest } from './region.ts'

export type CompileRequest = RegionRequest & { readonly id: number }

/** One compiled region: export `r<index>` of the module. */
export type CompiledRegion = {
  readonly id: number
  readonly index: number
  /** Offsets in the page of its entries, in the order of entry numbers; empty if the region could not be made. */
  readonly entries: readonly number[]
  readonly insns: number
}
export type CompileAnswer = { readonly module?: WebAssembly.Module; readonly bytes: number; readonly regions: readonly CompiledRegion[] }

/** A processor's way to the compiler. */
export type CompilerPort = {
  ask(request: CompileRequest): void
  /** An answer that has arrived, without waiting. */
  take(): CompileAnswer | undefined
}
