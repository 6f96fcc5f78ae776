// A WebAssembly module for a batch of regions: one function each.
import type { Block } from '../../../ir/block.ts'
import { JumpKind, op, type Type } from '../../../ir/ops.ts'
import type { Passes } from '../../../ir/opt/passes.ts'
import type { Isa } from '../../../isa/isa.ts'
import { JumpEntry } from '../../../mem/tlb.ts'
import { type Callee, type FuncIndex, I32, I64, moduleBuilder, type ModuleBuilder, type TableIndex, V128 } from '../../../wasm/encode.ts'
import type { WasmFeatures } from '../../../wasm/features.ts'
import { Library, valType } from '../../../wasm/lower.ts'
import * as W from '../../../wasm/opcodes.ts'
import { V128_LOAD, V128_STORE } from '../../../wasm/simd.ts'
import { structure, type Terminator } from '../../../wasm/structure.ts'
import { Answer, SLOT_BITS } from '../code.ts'
import { type CoreOffsets, jumpEntry, type MemoryShape } from '../runtime.ts'
import { emitPoll } from '../poll.ts'
import { BlockLowering, type LowerContext, type SlowName } from './lower.ts'
import { type Region, registersOf } from './region.ts'

export type CompileContext = {
  readonly isa: Isa
  readonly features: WasmFeatures
  readonly memory: MemoryShape
  readonly passes: Passes
  readonly offsets: CoreOffsets & { readonly helper: number; readonly arg: number }
}

const slowTypes: { [N in SlowName]: [number[], number[]] } = {
  slowLoad: [[I32, I64, I32, I32], [I64, I32]],
  slowStore: [[I32, I64, I64, I32, I32], [I32]],
  slowLoadWide: [[I32, I64, I32, I32], [V128, I32]],
  slowStoreWide: [[I32, I64, V128, I32, I32], [I32]],
  slowAtomic: [[I32, I64, I64, I64, I32, I32], [I64, I32]],
  slowCall: [[I32, I64, I64, I32], [I64]],
  slowFloat: [[I32, I64, I64, I64, I32, I32], [I64]],
}

/** The module's bytes; region n is its export `r<n>`. `tables[n]` is the byte address where the caller puts its entry
 * table. */
export function compileRegions(c: CompileContext, regions: readonly Region[], tables: readonly number[]): Uint8Array<ArrayBuffer> {
  const m = moduleBuilder()
  m.importMemory('env', 'memory', c.memory)
  const table = m.importTable('env', 'table', { min: 1 })
  const type = m.type([I32, I32], [I32])
  // Imports come before functions: all slow paths are imported; an unused import costs a few bytes.
  const slow = Object.fromEntries(Object.entries(slowTypes).map(([name, [p, r]]) =>
    [name, m.importFunction('runtime', name, m.type(p as never, r as never))])) as { [N in SlowName]: FuncIndex }
  const lib = new Library(m)
  regions.forEach((region, i) => emitRegion(c, m, lib, slow, table, type, region, i, tables[i]!))
  return m.finish() as Uint8Array<ArrayBuffer>
}

/** From the first to the last entry of a region, for each place where an instruction may begin (every 2^align bytes) the
 * number of the entry there plus one, or 0. Empty for a region that contains no return. */
export function entryTable(region: Region, align: number): { first: number; bytes: Uint8Array } {
  const first = Math.min(...region.entries), last = Math.max(...region.entries)
  if (!hasReturn(region)) return { first, bytes: new Uint8Array(0) }
  const bytes = new Uint8Array(((last - first) >> align) + 1)
  region.entries.forEach((offset, i) => { bytes[(offset - first) >> align] = i + 1 })
  return { first, bytes }
}

const isReturn = (b: Block): boolean => b.op[b.n - 1] === op.jumpto && b.lo[b.n - 1] !== JumpKind.CALL
/** Returns are looked for among its entries. */
const hasReturn = (region: Region): boolean => region.calls && region.blocks.some(b => isReturn(b.block))

const loadOf: { [T in Type]: typeof W.I64_LOAD } = { i: W.I32_LOAD, l: W.I64_LOAD, f: W.F32_LOAD, d: W.F64_LOAD, v: V128_LOAD }
const storeOf: { [T in Type]: typeof W.I64_STORE } = { i: W.I32_STORE, l: W.I64_STORE, f: W.F32_STORE, d: W.F64_STORE, v: V128_STORE }

function emitRegion(
  c: CompileContext, m: ModuleBuilder, lib: Library, slow: { [N in SlowName]: Callee }, table: TableIndex,
  type: ReturnType<ModuleBuilder['type']>, region: Region, index: number, tableAt: number,
): void {
  const { isa, offsets } = c, { request } = region
  const name = `${isa.name}:${hex(request.pageHi)}${hex(request.pageLo + request.start)}`
  const f = m.function(type, { name, export: `r${index}` })
  const cpu = 0, code = 1, pc = f.local(I64), answer = f.local(I32), tlb = f.local(I32), entry = f.local(I32)
  const { used, written } = registersOf(region)
  const locals = new Map<number, number>()
  f.get(cpu).load(W.I32_LOAD, offsets.tlb).set(tlb)
  for (const r of [...used].sort((a, b) => a - b)) {
    const spec = isa.registers[r]!, local = f.local(valType[spec.type])
    locals.set(r, local)
    f.get(cpu).load(loadOf[spec.type], spec.offset).set(local)
  }
  f.get(code).i32c(SLOT_BITS + 1).op(W.I32_SHR_U).set(entry)

  const chain = f.block()
  const leave = f.block() // with `answer`; pc complete
  const half = f.block() // with `answer`; the low half of pc is stored
  const system = f.block()
  const fault = f.block()
  const context: LowerContext = {
    f, lib, features: c.features, group: c.passes.group, offsets, cpu, tlb, fault, system,
    register: r => locals.get(r)!,
    slow: n => slow[n],
  }

  // Nodes: the blocks, then one exit node for each target outside, then the exit of indirect jumps.
  const number = new Map(region.blocks.map((b, i) => [b.offset, i]))
  const nodes: Terminator[] = []
  const exits: { lo: number; hi: number }[] = [], exitAt = new Map<string, number>()
  const indirectExit = () => {
    const key = 'indirect'
    if (!exitAt.has(key)) exitAt.set(key, exits.push({ lo: 0, hi: 0 }) - 1 + region.blocks.length)
    return exitAt.get(key)!
  }
  const exitTo = (lo: number, hi: number) => {
    const key = `${hi}:${lo}`
    if (!exitAt.has(key)) exitAt.set(key, exits.push({ lo, hi }) - 1 + region.blocks.length)
    return exitAt.get(key)!
  }
  const { first, bytes: { length: tableBytes } } = entryTable(region, isa.codeAlign), returns = hasReturn(region)
  for (const r of region.blocks) {
    const b = r.block, last = b.n - 1, o = b.op[last]!, end = b.pcLo + b.sizeBytes
    if (o === op.branch)
      nodes.push({
        kind: 'branch',
        then: r.taken >= 0 ? number.get(r.taken)! : exitTo(b.lo[last]!, b.hi[last]!),
        else: r.fall >= 0 ? number.get(r.fall)! : exitTo(end | 0, (b.pcHi + Math.floor(end / 0x100000000)) | 0),
      })
    else if (o === op.jump) nodes.push({ kind: 'goto', to: r.taken >= 0 ? number.get(r.taken)! : exitTo(b.lo[last]!, b.hi[last]!) })
    else if (returns && isReturn(b))
      nodes.push({ kind: 'switch', targets: [indirectExit(), ...region.entries.map(e => number.get(e)!)], otherwise: indirectExit() })
    else if (o === op.jumpto) nodes.push({ kind: 'goto', to: indirectExit() })
    else nodes.push({ kind: 'exit' })
  }
  for (const _ of exits) nodes.push({ kind: 'exit' })

  structure(f, { nodes, entries: region.entries.map(e => number.get(e)!) }, {
    entry,
    body(node) {
      if (node >= region.blocks.length) {
        const e = exits[node - region.blocks.length]!
        if (exitAt.get('indirect') !== node) f.i64c(e.lo, e.hi).set(pc)
        f.br(chain)
        return
      }
      const { block: b } = region.blocks[node]!
      new BlockLowering(context, b).emit()
      const last = b.n - 1
      if (b.op[last] !== op.jumpto) return
      f.set(pc)
      if (nodes[node]!.kind !== 'switch') return
      const d = f.temp(I64)
      const sum = request.pageLo + first
      f.get(pc).i64c(sum | 0, (request.pageHi + Math.floor(sum / 0x100000000)) | 0).op(W.I64_SUB).tee(d)
      f.i64c(tableBytes << isa.codeAlign, 0).op(W.I64_LT_U)
      f.if(I32)
      f.get(d).op(W.I32_WRAP_I64).i32c(isa.codeAlign).op(W.I32_SHR_U).load(W.I32_LOAD8_U, tableAt)
      f.else().i32c(0).end()
      f.free(d)
    },
    backEdge(_from, to) {
      const b = region.blocks[to]!.block // an exit node is on no cycle
      emitPoll(f, cpu, offsets, c.memory)
      f.unlikely().if()
      f.i64c(b.pcLo | 0, b.pcHi).set(pc).i32c(Answer.EXIT).set(answer).br(leave)
      f.end()
    },
  })

  f.end() // fault
  f.i32c(Answer.FAULT).set(answer).br(half)
  f.end() // system
  f.i32c(Answer.SYSTEM).set(answer)
  f.end() // half
  f.get(cpu).i32c(request.pageHi).store(W.I32_STORE, offsets.pc + 4)
  spill()
  f.get(answer).return()
  f.end() // leave
  spill()
  f.get(cpu).get(pc).store(W.I64_STORE, offsets.pc)
  f.get(answer).return()
  f.end() // chain
  spill()
  f.get(cpu).get(pc).store(W.I64_STORE, offsets.pc)
  emitPoll(f, cpu, offsets, c.memory)
  f.unlikely().if()
  f.i32c(Answer.EXIT).return()
  f.end()
  jumpEntry(f, cpu, pc, entry, offsets)
  f.op(W.I32_EQZ)
  f.unlikely().if()
  f.i32c(Answer.DISPATCH).return()
  f.end()
  f.get(entry).load(W.I32_LOAD, JumpEntry.CODE).set(code)
  if (c.features.tailCalls) {
    f.get(code).i32c(1).op(W.I32_AND)
    f.likely().if()
    f.get(cpu).get(code).get(code).i32c(1).op(W.I32_SHR_U).i32c((1 << SLOT_BITS) - 1).op(W.I32_AND).returnCallIndirect(type, table)
    f.end()
  }
  f.get(code)

  function spill(): void {
    for (const r of [...written].sort((a, b) => a - b)) {
      const spec = isa.registers[r]!
      f.get(cpu).get(locals.get(r)!).store(storeOf[spec.type], spec.offset)
    }
  }
}

const hex = (n: number) => (n >>> 0).toString(16).padStart(8, '0')
