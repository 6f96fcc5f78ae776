// A processor's side of the second tier: asks for regions around hot blocks, and puts those that are made, for itself or for
// others, into its table when it has blocks there.
import { assert } from '../../../base/errors.ts'
import { address } from '../../../base/log.ts'
import { emitTrace } from '../../../base/trace.ts'
import { ExitRequest } from '../../../isa/isa.ts'
import { PAGE } from '../../../mem/tlb.ts'
import type { CodeBlock } from '../cache.ts'
import { entryCode } from '../code.ts'
import { jitTraces } from '../trace.ts'
import type { Vcpu } from '../vcpu.ts'
import { placeOf, requestAround } from './around.ts'
import { MAX_REGIONS, samePlace } from './compiler.ts'
import type { CompileAnswer, CompiledRegion, CompilerPort } from './protocol.ts'

/** A block of a region that grows hot again is an entry that the region lacks; after this many regions from one place the
 * place is left alone. */
const MAX_ATTEMPTS = 4

/** A region that has arrived; `slot` is 0 until it is in the table. */
type Arrived = { readonly region: CompiledRegion; readonly answer: CompileAnswer; slot: number }

export class Tier1 {
  private readonly v: Vcpu
  private readonly port: CompilerPort
  private readonly attempts = new Map<CodeBlock, number>()
  /** By page (byte offset in the memory), and the answers that they came with. */
  private readonly arrived = new Map<number, Arrived[]>()
  private readonly answers = new Map<number, WebAssembly.Instance | undefined>()
  /** Blocks that were stepped over. */
  private readonly steps = new Map<string, number>()
  private generation = 0
  private nextSlot = 1
  stats = { requests: 0, regions: 0, insns: 0, bytes: 0, stale: 0, evictions: 0 }

  constructor(v: Vcpu, port: CompilerPort) {
    this.v = v
    this.port = port
    v.onHot = b => this.request(b)
    v.onMessage = () => this.poll()
    v.onEvict = () => this.evict()
    v.code.onBlock = b => this.meet(b)
  }

  /** Whether a block lies within its page, at an address that regions can have entries for. */
  private mayCompile(b: CodeBlock): boolean {
    return b.secondPage < 0 && (b.pcLo & ((1 << this.v.isa.codeAlign) - 1)) === 0
  }

  private request(b: CodeBlock): void {
    if (!this.v.code.compiles || !this.mayCompile(b) || this.v.debug.inPage(b.pcLo, b.pcHi)) return
    const attempts = (this.attempts.get(b) ?? 0) + 1
    if (attempts > MAX_ATTEMPTS) return
    this.attempts.set(b, attempts)
    this.stats.requests++
    if (jitTraces.jit_request_region.enabled) emitTrace(jitTraces.jit_request_region, this.v.index, address(b.pcLo, b.pcHi))
    this.port.ask(requestAround(this.v, b))
  }

  /** Looks at answers that have arrived. */
  poll(): void {
    for (let answer = this.port.take(); answer; answer = this.port.take()) this.receive(answer)
  }

  private receive(answer: CompileAnswer): void {
    if (answer.generation !== this.generation || this.answers.has(answer.number)) return
    this.answers.set(answer.number, undefined)
    for (const region of answer.regions) {
      if (!this.v.codePages.unwritten(region.versions)) {
        this.stats.stale++
        continue
      }
      const page = this.arrived.get(region.host) ?? [], one: Arrived = { region, answer, slot: 0 }
      // A page that was written has new regions: older ones mean nothing.
      this.arrived.set(region.host, [...page.filter(a => this.v.codePages.unwritten(a.region.versions)), one])
      region.entries.forEach((offset, i) => {
        const b = this.v.code.cache.find(region.host + offset, region.pageLo + offset, region.pageHi, region.mode)
        if (b && this.mayCompile(b)) this.enter(b, one, i)
      })
      for (const offset of region.inner) {
        const b = this.v.code.cache.find(region.host + offset, region.pageLo + offset, region.pageHi, region.mode)
        if (b) this.v.code.cool(b)
      }
    }
  }

  /** A block was translated: perhaps there is a region for it. */
  private meet(b: CodeBlock): void {
    const page = this.arrived.get(b.host & -PAGE)
    if (!page || !this.mayCompile(b)) return
    const place = placeOf(b), offset = b.pcLo & (PAGE - 1)
    for (let n = page.length - 1; n >= 0; n--) {
      const entry = samePlace(page[n]!.region, place) ? page[n]!.region.entries.indexOf(offset) : -1
      if (entry >= 0) return this.enter(b, page[n]!, entry)
    }
  }

  /** From now on `b` runs as entry number `entry` of a region, if that is of its pages as they are. We hold them: who writes
   * them tells us. */
  private enter(b: CodeBlock, a: Arrived, entry: number): void {
    const { debug } = this.v
    if (debug.inPage(b.pcLo, b.pcHi) || (debug.breaking && a.region.versions.length > 1)) return
    if (!this.v.code.compiles || !this.v.code.hold(b, a.region.versions.map(v => v.host)) || !this.v.codePages.unwritten(a.region.versions))
      return
    a.slot ||= this.instantiate(a)
    if (a.slot) this.v.code.compiled(b, entryCode(a.slot, entry))
  }

  private instantiate({ answer, region }: Arrived): number {
    if (this.nextSlot > MAX_REGIONS) return 0
    let instance = this.answers.get(answer.number)
    if (!instance) {
      instance = this.instanceOf(answer.module)
      this.answers.set(answer.number, instance)
      this.stats.bytes += answer.bytes
    }
    const slot = this.nextSlot++
    this.v.table.set(slot, instance.exports[`r${region.index}`])
    this.stats.regions++
    this.stats.insns += region.insns
    return slot
  }

  private instanceOf(module: WebAssembly.Module): WebAssembly.Instance {
    return new WebAssembly.Instance(module, {
      env: { memory: this.v.memory, table: this.v.table }, runtime: this.v.exports,
    })
  }

  /** A block that is stepped over, as compiled code (Translator.stepCode); undefined if it crosses its page's end. Kept by its
   * bytes. The region leaves at its first back edge. */
  stepCode(b: CodeBlock): number | undefined {
    assert(this.port.single, 'no compiler in this thread')
    if (b.secondPage >= 0) return undefined
    const bytes = this.v.views.u8.subarray(b.host, b.host + b.sizeBytes)
    const key = `${b.pcHi}:${b.pcLo} ${b.mode} ${bytes.join()}`
    let code = this.steps.get(key)
    if (code === undefined) {
      if (this.nextSlot > MAX_REGIONS) this.evict()
      const start = b.pcLo & (PAGE - 1)
      const module = this.port.single({ ...placeOf(b), known: [start], sizes: [b.sizeBytes], entered: [], start })
      if (!module) return undefined
      const slot = this.nextSlot++
      this.v.table.set(slot, this.instanceOf(module).exports.r0)
      this.steps.set(key, (code = entryCode(slot, 0)))
    }
    this.v.core.requestExit(ExitRequest.RETIER)
    return code
  }

  private evict(): void {
    this.stats.evictions++
    this.v.code.dropAllCode()
    this.reset()
  }

  /** Forgets everything that has arrived; the processor has dropped its blocks. */
  reset(): void {
    for (let slot = 1; slot < this.nextSlot; slot++) this.v.table.set(slot, null)
    this.nextSlot = 1
    this.generation = this.port.generation()
    this.arrived.clear()
    this.answers.clear()
    this.attempts.clear()
    this.steps.clear()
  }
}
