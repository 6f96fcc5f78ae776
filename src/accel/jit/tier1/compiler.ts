// The compiler: takes requests for regions from all processors, answers with modules. It reads guest code from the shared
// memory; a region says which version of its page it was made from.
import { hexAddress, log, logging } from '../../../base/log.ts'
import { emitTrace } from '../../../base/trace.ts'
import type { Isa } from '../../../isa/isa.ts'
import type { Passes } from '../../../ir/opt/passes.ts'
import type { Views } from '../../../state/views.ts'
import type { WasmFeatures } from '../../../wasm/features.ts'
import { PAGE } from '../../../mem/tlb.ts'
import { printModule } from '../../../wasm/print.ts'
import { core } from '../core.ts'
import type { CodePages, PageVersion } from '../pages.ts'
import type { MemoryShape } from '../runtime.ts'
import { jitTraces } from '../trace.ts'
import { type CompileContext, compileRegions, entryTables } from './compile.ts'
import type { CompileAnswer, CompiledRegion } from './protocol.ts'
import { findRegion, pageAt, type Region, type RegionLimits, type RegionPlace, type RegionRequest } from './region.ts'

const LIMITS: RegionLimits = { maxBlocks: 200, maxInsns: 2000 }
/** Regions of one module at most. */
const BATCH = 8
/** Bytes of WebAssembly, and regions, after which all generated code is dropped and made anew: what is still hot comes
 * back. */
const BUDGET_BYTES = 24 << 20
export const MAX_REGIONS = (1 << 14) - 1
/** The pages that a region may reach into besides its own. */
export const MAX_OTHERS = 2
/** The longest entry tables: a byte for each of the pages. */
const TABLE_BYTES = (1 + MAX_OTHERS) * PAGE

export type CompilerOptions = {
  readonly isa: Isa
  readonly views: Views
  readonly features: WasmFeatures
  readonly memory: MemoryShape
  readonly passes: Passes
  readonly codePages: CodePages
  /** Room for entry tables. */
  readonly tables: { readonly at: number; readonly bytes: number }
  /** Makes every processor drop its compiled code, and what is on the way to it of generations before this one. Returns when
   * none can run it any more. */
  evict(generation: number): void
}

export class Compiler {
  private readonly context: CompileContext
  private readonly o: CompilerOptions
  private readonly budget: number
  private generation = 0
  private answers = 0
  /** Since the last eviction: bytes of entry tables and of WebAssembly, regions, and answers by page. */
  private tableEnd = 0
  private made = 0
  private count = 0
  private readonly known = new Map<number, CompileAnswer[]>()
  /** Told of each module that is made: its bytes and regions. */
  onModule: ((bytes: Uint8Array, regions: readonly Region[]) => void) | undefined
  stats = { regions: 0, insns: 0, bytes: 0, modules: 0, evictions: 0 }

  constructor(o: CompilerOptions, budget = BUDGET_BYTES) {
    this.o = o
    this.budget = budget
    this.context = { isa: o.isa, features: o.features, memory: o.memory, passes: o.passes, offsets: core }
  }

  /** Compiles the first requests of a queue and removes them. What was made before for another processor comes again. */
  next(queue: RegionRequest[]): CompileAnswer[] {
    const again = new Set<CompileAnswer>(), done: CompiledRegion[] = [], regions: Region[] = [], places: number[] = []
    if (this.made > this.budget || this.count + BATCH > MAX_REGIONS || this.tableEnd + BATCH * TABLE_BYTES > this.o.tables.bytes)
      this.evict()
    for (const request of queue.splice(0, BATCH)) {
      const old = this.find(request)
      if (old) {
        again.add(old)
        continue
      }
      const before = this.versions(request)
      const region = findRegion(this.o.isa, this.o.views.u8, request, LIMITS, this.o.passes)
      if (!region || !this.o.codePages.unwritten(before)) continue
      const { pageLo, pageHi, mode, host } = request
      places.push(this.place(region))
      const used = new Set(region.blocks.map(b => pageAt(request, b.offset).host))
      const entries = region.entries.slice(0, region.own)
      const inner = region.blocks.map(b => b.offset).filter(o => o < PAGE && !entries.includes(o))
      done.push({
        pageLo, pageHi, mode, host, versions: before.filter(v => v.host === host || used.has(v.host)), index: regions.length, entries, inner,
        insns: region.insns,
      })
      regions.push(region)
    }
    return regions.length > 0 ? [...again, this.compile(regions, done, places)] : [...again]
  }

  private compile(regions: readonly Region[], done: readonly CompiledRegion[], places: readonly number[]): CompileAnswer {
    const bytes = this.emit(regions, places)
    const answer: CompileAnswer = {
      number: ++this.answers, generation: this.generation, module: new WebAssembly.Module(bytes), bytes: bytes.length, regions: done,
    }
    for (const { host } of done) this.known.set(host, [...(this.known.get(host) ?? []), answer])
    return answer
  }

  private emit(regions: readonly Region[], places: readonly number[]): Uint8Array<ArrayBuffer> {
    const { stats } = this, bytes = compileRegions(this.context, regions, places)
    this.onModule?.(bytes, regions)
    this.made += bytes.length
    this.count += regions.length
    const insns = regions.reduce((n, r) => n + r.insns, 0)
    stats.modules++
    stats.regions += regions.length
    stats.bytes += bytes.length
    stats.insns += insns
    if (jitTraces.jit_compile_module.enabled) emitTrace(jitTraces.jit_compile_module, regions.length, insns, bytes.length)
    if (logging.wasm) logModule(this.o.isa, bytes, regions)
    return bytes
  }

  /** The block at a request's start by itself; undefined if it crosses its page's end. */
  single(request: RegionRequest): WebAssembly.Module | undefined {
    if (this.tableEnd + TABLE_BYTES > this.o.tables.bytes) this.evict()
    const region = findRegion(this.o.isa, this.o.views.u8, request, { maxBlocks: 1, maxInsns: 1 }, this.o.passes)
    return region && new WebAssembly.Module(this.emit([region], [this.place(region)]))
  }

  private versions(request: RegionRequest): PageVersion[] {
    return [request, ...(request.others ?? [])].map(({ host }) => ({ host, version: this.o.codePages.version(host) }))
  }

  /** An answer that has an entry where a region is asked for. */
  private find(request: RegionRequest): CompileAnswer | undefined {
    const answers = this.known.get(request.host)
    if (!answers) return undefined
    return answers.findLast(a => a.regions.some(r =>
      samePlace(r, request) && r.entries.includes(request.start) && this.o.codePages.unwritten(r.versions)))
  }

  /** Writes a region's entry tables. */
  private place(region: Region): number {
    const { tables, views } = this.o, begin = tables.at + this.tableEnd
    for (const { at, bytes } of entryTables(region, this.o.isa.codeAlign)) {
      views.u8.set(bytes, begin + at)
      this.tableEnd += bytes.length
    }
    return begin
  }

  private evict(): void {
    this.o.evict(++this.generation)
    this.stats.evictions++
    this.tableEnd = this.made = this.count = 0
    this.known.clear()
  }
}

export const samePlace = (a: RegionPlace, b: RegionPlace): boolean =>
  a.host === b.host && a.pageLo === b.pageLo && a.pageHi === b.pageHi && a.mode === b.mode

/** The text of a module, headed by the guest code of its regions. */
function logModule(isa: Isa, bytes: Uint8Array, regions: readonly Region[]): void {
  const heads = regions.map(({ request, blocks, entries, insns }, i) => {
    const at = (offset: number) => hexAddress(pageAt(request, offset).pageLo + (offset & (PAGE - 1)), request.pageHi)
    const last = blocks.at(-1)!
    return `WASM: r${i} ${at(blocks[0]!.offset)}..${at(last.offset + last.block.sizeBytes - 1)} [${isa.modeName(request.mode)}], `
      + `${blocks.length} blocks, ${insns} instructions, entries ${entries.map(at).join(' ')}`
  })
  log('wasm', [...heads, printModule(bytes).trimEnd()].join('\n'))
}
