import type { Vcpu } from '../vcpu.ts'
import { coreOffsets } from '../vcpu.ts'
import { vcpuCore } from '../../../isa/isa.ts'
import { layoutOf } from '../../../state/layout.ts'
import { wasmFeatures } from '../../../wasm/features.ts'
import { entryCode } from '../code.ts'
import type { CodeBlock } from '../cache.ts'
import { findRegion } from './region.ts'
import { compileRegions, entryTable } from './compile.ts'

export class Tier1 {
  slots = 1
  tableNext: number
  stats = { regions: 0, insns: 0, bytes: 0, ms: 0, find: 0, emit: 0, blocks: 0 }
  constructor(v: Vcpu) {
    this.tableNext = v.plan.tables
    const o = layoutOf(vcpuCore).offsets
    const pages = v.memory.buffer.byteLength >> 16
    const ctx = { isa: v.isa, features: wasmFeatures(), memory: { min: pages, max: pages, shared: true }, offsets: { ...coreOffsets, helper: o.helper, arg: o.arg } }
    v.onHot = (b: CodeBlock) => {
      if (b.secondPage >= 0 || this.slots > 60000 || this.tableNext + 2048 > v.plan.tables + v.plan.tableBytes) return
      const t0 = performance.now()
      const known: number[] = [], entered: number[] = [], by = new Map<number, CodeBlock>()
      for (const n of v.cache.neighbours(b)) if (n.secondPage < 0) {
        known.push(n.pcLo & 4095); by.set(n.pcLo & 4095, n)
        if (n.entered) entered.push(n.pcLo & 4095)
      }
      const region = findRegion(v.isa, v.views.u8, { pageLo: b.pcLo & ~4095, pageHi: b.pcHi, mode: b.mode, host: b.host & ~4095, known, entered, start: b.pcLo & 4095 }, { maxBlocks: +(process.env.MAXB ?? 150), maxInsns: 1500 })
      if (!region) return
      const t1 = performance.now()
      const at = this.tableNext, tab = entryTable(region).bytes; this.tableNext += tab.length
      v.views.u8.set(tab, at)
      const bytes = compileRegions(ctx, [region], [at])
      const t2 = performance.now()
      const mod = new WebAssembly.Module(bytes)
      const inst = new WebAssembly.Instance(mod, { env: { memory: v.memory, table: v.table }, runtime: v.exports as any })
      const slot = this.slots++
      v.table.set(slot, inst.exports.r0)
      region.entries.forEach((off, i) => { const n = by.get(off); if (n && n.valid) v.compiled(n, entryCode(slot, i)) })
      this.stats.regions++; this.stats.insns += region.insns; this.stats.bytes += bytes.length; this.stats.blocks += region.blocks.length
      this.stats.find += t1 - t0; this.stats.emit += t2 - t1; this.stats.ms += performance.now() - t2
    }
  }
}
