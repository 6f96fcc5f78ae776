// A processor's side of the second tier: asks for regions around hot blocks, puts answers into its table.
import { PAGE } from '../../../mem/tlb.ts'
import type { CodeBlock } from '../cache.ts'
import { entryCode } from '../code.ts'
import type { Vcpu } from '../vcpu.ts'
import type { CompileAnswer, CompilerPort } from './protocol.ts'

/** Bytes of WebAssembly after which all generated code is dropped and made anew: what is still hot comes back. */
const BUDGET_BYTES = 24 << 20
const SLOTS = 1 << 14
/** A block of a region that grows hot again is an entry that the region lacks; after this many regions from one place the
 * place is left alone. */
const MAX_ATTEMPTS = 4

type Pending = { readonly block: CodeBlock; readonly epoch: number }

export class Tier1 {
  private readonly v: Vcpu
  private readonly port: CompilerPort
  private readonly pending = new Map<number, Pending>()
  private readonly attempts = new Map<CodeBlock, number>()
  private nextId = 1
  private nextSlot = 1
  private bytes = 0
  stats = { requests: 0, regions: 0, insns: 0, bytes: 0, stale: 0, evictions: 0 }

  constructor(v: Vcpu, port: CompilerPort) {
    this.v = v
    this.port = port
    v.onHot = b => this.request(b)
    v.onMessage = () => this.poll()
  }

  private request(b: CodeBlock): void {
    if (b.secondPage >= 0 || b.pcLo & 1 || this.v.debug.inPage(b.pcLo, b.pcHi)) return
    const attempts = (this.attempts.get(b) ?? 0) + 1
    if (attempts > MAX_ATTEMPTS) return
    this.attempts.set(b, attempts)
    const known: number[] = [], entered: number[] = []
    for (const n of this.v.code.cache.neighbours(b)) {
      if (n.secondPage >= 0) continue
      known.push(n.pcLo & (PAGE - 1))
      if (n.entered) entered.push(n.pcLo & (PAGE - 1))
    }
    const id = this.nextId++
    this.pending.set(id, { block: b, epoch: this.v.code.cache.epochOf(b.host) })
    this.stats.requests++
    this.port.ask({
      id, pageLo: b.pcLo & -PAGE, pageHi: b.pcHi, mode: b.mode, host: b.host & -PAGE, known, entered, start: b.pcLo & (PAGE - 1),
    })
  }

  /** Installs answers that have arrived. */
  poll(): void {
    for (let answer = this.port.take(); answer; answer = this.port.take()) this.install(answer)
  }

  private install(answer: CompileAnswer): void {
    if (this.bytes + answer.bytes > BUDGET_BYTES || this.nextSlot + answer.regions.length > SLOTS) this.evict()
    const { module } = answer
    const instance = module && new WebAssembly.Instance(module, {
      env: { memory: this.v.memory, table: this.v.table },
      runtime: this.v.exports,
    })
    this.bytes += answer.bytes
    this.stats.bytes += answer.bytes
    for (const region of answer.regions) {
      const p = this.pending.get(region.id)
      this.pending.delete(region.id)
      if (!p || !instance || region.index < 0) continue
      if (!p.block.valid || this.v.code.cache.epochOf(p.block.host) !== p.epoch) {
        this.stats.stale++
        continue
      }
      const slot = this.nextSlot++
      this.v.table.set(slot, instance.exports[`r${region.index}`])
      this.stats.regions++
      this.stats.insns += region.insns
      const blocks = new Map<number, CodeBlock>()
      for (const n of this.v.code.cache.neighbours(p.block)) if (n.secondPage < 0) blocks.set(n.pcLo & (PAGE - 1), n)
      region.entries.forEach((offset, i) => {
        const b = blocks.get(offset)
        if (b) this.v.code.compiled(b, entryCode(slot, i))
      })
    }
  }

  private evict(): void {
    this.stats.evictions++
    this.v.code.dropAllCode()
    this.reset()
  }

  /** Forgets everything that was installed; the processor has dropped its blocks. */
  reset(): void {
    for (let slot = 1; slot < this.nextSlot; slot++) this.v.table.set(slot, null)
    this.nextSlot = 1
    this.bytes = 0
    this.pending.clear()
    this.attempts.clear()
  }
}

