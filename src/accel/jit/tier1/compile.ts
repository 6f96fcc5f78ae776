// A WebAssembly module for a batch of regions: one function each.
import { op, type Type } from '../../../ir/ops.ts'
import type { Passes } from '../../../ir/opt/passes.ts'
import type { Isa } from '../../../isa/isa.ts'
import { CodeEntry, codeEntryAt, JumpEntry, PAGE } from '../../../mem/tlb.ts'
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
import { isLed, isReturn, pageAt, type Region, type RegionBlock, registersOf, together } from './region.ts'

export type CompileContext = {
  readonly isa: Isa
  readonly features: WasmFeatures
  readonly memory: MemoryShape
  readonly passes: Passes
  readonly offsets: CoreOffsets & { readonly helper: number; readonly arg: number; readonly codeTable: number }
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

/** The entries in one page, for indirect jumps: from the first to the last, for each place where an instruction may begin (every
 * 2^align bytes), the number of the entry there plus one, or 0. `at` counts from the first table of the region. */
export type EntryTable = { readonly first: number; readonly at: number; readonly bytes: Uint8Array }

/** None for a region in which no indirect jump stays. */
export function entryTables(region: Region, align: number): EntryTable[] {
  const tables: EntryTable[] = []
  if (!region.blocks.some(b => staysInside(region, b))) return tables
  let at = 0
  for (const page of new Set(region.entries.map(e => e & -PAGE))) {
    const here = region.entries.filter(e => together(e, page)), first = Math.min(...here)
    const bytes = new Uint8Array(((Math.max(...here) - first) >> align) + 1)
    region.entries.forEach((e, i) => { if (together(e, page)) bytes[(e - first) >> align] = i + 1 })
    tables.push({ first, at, bytes })
    at += bytes.length
  }
  return tables
}

/** An indirect jump that looks its target up among the entries. */
const staysInside = (region: Region, { block }: RegionBlock): boolean =>
  (region.calls && isReturn(block)) || (region.leads && isLed(block))

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

  // Nodes: the blocks, then guards of blocks that are reached from another page, and exits: one for each target outside, one for
  // indirect jumps, one for each guard.
  const number = new Map(region.blocks.map((b, i) => [b.offset, i])), nodes: Terminator[] = region.blocks.map(() => ({ kind: 'exit' }))
  const extras: Extra[] = [], extraAt = new Map<string, number>()
  const extra = (key: string, node: Extra, terminator: () => Terminator): number => {
    let at = extraAt.get(key)
    if (at === undefined) {
      extraAt.set(key, (at = region.blocks.length + extras.push(node) - 1))
      nodes.push({ kind: 'exit' })
      nodes[at] = terminator()
    }
    return at
  }
  const exit = (): Terminator => ({ kind: 'exit' })
  const indirectExit = () => extra('indirect', { kind: 'chain' }, exit)
  const exitTo = (lo: number, hi: number) => extra(`${hi}:${lo}`, { kind: 'chain', lo, hi }, exit)
  /** The node that leads from one block to another. */
  const way = (from: number, to: number): number => {
    const node = number.get(to)!
    if (together(from, to)) return node
    const { pcLo, pcHi } = region.blocks[node]!.block
    return extra(`guard ${to}`, { kind: 'guard', node }, () => ({
      kind: 'branch', then: node, else: extra(`miss ${to}`, { kind: 'miss', lo: pcLo, hi: pcHi }, exit),
    }))
  }
  const tables = entryTables(region, isa.codeAlign)
  region.blocks.forEach((r, i) => {
    const b = r.block, last = b.n - 1, o = b.op[last]!, end = b.pcLo + b.sizeBytes
    const taken = () => (r.taken >= 0 ? way(r.offset, r.taken) : exitTo(b.lo[last]!, b.hi[last]!))
    if (o === op.branch) {
      const fall = r.fall >= 0 ? way(r.offset, r.fall) : exitTo(end | 0, (b.pcHi + Math.floor(end / 0x100000000)) | 0)
      nodes[i] = { kind: 'branch', then: taken(), else: fall }
    } else if (o === op.jump) nodes[i] = { kind: 'goto', to: taken() }
    else if (staysInside(region, r))
      nodes[i] = { kind: 'switch', targets: [indirectExit(), ...region.entries.map(e => way(r.offset, e))], otherwise: indirectExit() }
    else if (o === op.jumpto) nodes[i] = { kind: 'goto', to: indirectExit() }
  })

  structure(f, { nodes, entries: region.entries.map(e => number.get(e)!) }, {
    entry,
    body(node) {
      if (node >= region.blocks.length) return writeExtra(extras[node - region.blocks.length]!)
      const { block: b } = region.blocks[node]!
      new BlockLowering(context, b).emit()
      if (b.op[b.n - 1] !== op.jumpto) return
      f.set(pc)
      if (nodes[node]!.kind === 'switch') findEntry(0)
    },
    backEdge(_from, to) {
      const end = extras[to - region.blocks.length] // a block, or a guard: an exit is on no cycle
      const b = region.blocks[end?.kind === 'guard' ? end.node : to]!.block
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

  function writeExtra(e: Extra): void {
    if (e.kind === 'guard') {
      // Whether the page of the block is still mapped where it was.
      const { offset, block } = region.blocks[e.node]!, page = pageAt(request, offset), at = codeEntryAt(page.pageLo)
      const table = f.temp(I32)
      f.get(cpu).load(W.I32_LOAD, offsets.codeTable).tee(table).load(W.I64_LOAD, at + CodeEntry.PAGE)
      f.i64c(page.pageLo | 0, block.pcHi).op(W.I64_EQ)
      f.get(table).load(W.I32_LOAD, at + CodeEntry.HOST).i32c(page.host).op(W.I32_EQ).op(W.I32_AND)
      f.free(table)
      return
    }
    if (e.lo !== undefined) f.i64c(e.lo, e.hi!).set(pc)
    if (e.kind === 'miss') f.i32c(Answer.LOOKUP).set(answer).br(leave)
    else f.br(chain)
  }

  /** Leaves the number of the entry at `pc` plus one, or 0; looks into the tables from number n on. */
  function findEntry(n: number): void {
    const table = tables[n]
    if (!table) {
      f.i32c(0)
      return
    }
    const page = pageAt(request, table.first), d = f.temp(I64)
    f.get(pc).i64c((page.pageLo + (table.first & (PAGE - 1))) | 0, request.pageHi).op(W.I64_SUB).tee(d)
    f.i64c(table.bytes.length << isa.codeAlign, 0).op(W.I64_LT_U)
    f.if(I32)
    f.get(d).op(W.I32_WRAP_I64).i32c(isa.codeAlign).op(W.I32_SHR_U).load(W.I32_LOAD8_U, tableAt + table.at)
    f.free(d)
    f.else()
    findEntry(n + 1)
    f.end()
  }

  function spill(): void {
    for (const r of [...written].sort((a, b) => a - b)) {
      const spec = isa.registers[r]!
      f.get(cpu).get(locals.get(r)!).store(storeOf[spec.type], spec.offset)
    }
  }
}

/** What is no block: the way out of the region to a target (by the jump cache), or to one of which the guard missed (which
 * the thread looks up, so that the page is known again), and guards. */
type Extra =
  | { readonly kind: 'chain' | 'miss'; readonly lo?: number; readonly hi?: number }
  | { readonly kind: 'guard'; readonly node: number }

const hex = (n: number) => (n >>> 0).toString(16).padStart(8, '0')
