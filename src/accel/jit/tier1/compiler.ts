// The compiler: takes requests for regions from all processors, answers with modules. It reads guest code from the shared
// memory; a processor discards an answer whose page was written in the meantime.
import type { Isa } from '../../../isa/isa.ts'
import type { Views } from '../../../state/views.ts'
import type { WasmFeatures } from '../../../wasm/features.ts'
import { core } from '../core.ts'
import type { MemoryShape } from '../runtime.ts'
import { type CompileContext, compileRegions, entryTable } from './compile.ts'
import type { CompileAnswer, CompiledRegion, CompileRequest } from './protocol.ts'
import { findRegion, type Region, type RegionLimits } from './region.ts'

const LIMITS: RegionLimits = { maxBlocks: 200, maxInsns: 2000 }
/** Regions of one module at most. */
const BATCH = 8

export class Compiler {
  private readonly context: CompileContext
  private readonly u8: Uint8Array
  private readonly tables: { readonly at: number; readonly bytes: number }
  private tableEnd = 0
  /** Told of each module that is made: its bytes and regions. */
  onModule: ((bytes: Uint8Array, regions: readonly Region[]) => void) | undefined
  stats = { regions: 0, insns: 0, bytes: 0, modules: 0 }

  constructor(isa: Isa, views: Views, features: WasmFeatures, memory: MemoryShape, tables: { at: number; bytes: number }) {
    this.context = { isa, features, memory, offsets: core }
    this.u8 = views.u8
    this.tables = tables
  }

  /** Compiles the first requests of a queue and removes them. */
  next(queue: CompileRequest[]): CompileAnswer {
    const done: CompiledRegion[] = [], regions: Region[] = [], places: number[] = []
    for (const request of queue.splice(0, BATCH)) {
      const region = findRegion(this.context.isa, this.u8, request, LIMITS)
      if (!region) {
        done.push({ id: request.id, index: -1, entries: [], insns: 0 })
        continue
      }
      done.push({ id: request.id, index: regions.length, entries: region.entries, insns: region.insns })
      places.push(this.place(region))
      regions.push(region)
    }
    if (regions.length === 0) return { bytes: 0, regions: done }
    const bytes = compileRegions(this.context, regions, places)
    this.onModule?.(bytes, regions)
    this.stats.modules++
    this.stats.regions += regions.length
    this.stats.bytes += bytes.length
    for (const r of regions) this.stats.insns += r.insns
    return { module: new WebAssembly.Module(bytes), bytes: bytes.length, regions: done }
  }

  /** Writes a region's entry table. The area is used in a circle: by the time it comes round, the regions of that time have
   * been evicted (see the budget in install.ts). */
  private place(region: Region): number {
    const { bytes } = entryTable(region)
    if (this.tableEnd + bytes.length > this.tables.bytes) this.tableEnd = 0
    const at = this.tables.at + this.tableEnd
    this.u8.set(bytes, at)
    this.tableEnd += bytes.length
    return at
  }
}
