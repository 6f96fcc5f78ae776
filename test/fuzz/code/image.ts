// From a program to the contents of its area.
import { generator } from '../../../src/base/random.ts'
import { Asm } from '../../asm.ts'
import { AREA_BYTES, C, CODE, CODE_PAGES, DATA, DATA_PAGES, PAGE, POOL, TABLE_PAGES, TABLES, X } from './layout.ts'
import type { Fn, Node, Program } from './program.ts'

/** Where the pages that are no code lie, from the data window's first page on. */
export const WINDOW = { pool: 16n, stack: 17n, frames: 18n, tables: 20n } as const
export const windowVa = (p: Program, page: bigint): bigint => BigInt.asUintN(64, p.data + page * BigInt(PAGE))

const FRAME_BYTES = 24, SATP_SV39 = 8n << 60n

class Writer {
  readonly asm = new Asm(CODE_PAGES * PAGE)
  readonly pool: bigint[] = []
  readonly sites = new Map<number, { offset: number; word: number }>()
  private readonly p: Program
  private labels = 0

  constructor(p: Program) { this.p = p }

  /** Loads a constant from the pool. */
  constant(rd: number, value: bigint): void {
    const v = BigInt.asUintN(64, value)
    let i = this.pool.indexOf(v)
    if (i < 0) i = this.pool.push(v) - 1
    this.asm.op('ld', { rd, rs1: X.pool, imm: 8 * i - 2048 })
  }

  fn(f: Fn, index: number): void {
    const { asm } = this
    if (f.start !== undefined) asm.toPageOffset(f.start)
    asm.label(`f${index}`)
    const saved = [X.ra, X.count, X.inner]
    if (index > 0) {
      saved.forEach((rs2, i) => asm.op('sd', { rs1: X.frame, rs2, imm: 8 * i }))
      asm.op('addi', { rd: X.frame, rs1: X.frame, imm: FRAME_BYTES })
    }
    this.nodes(f.body)
    if (index === 0) {
      asm.label('end').op('ecall')
      return
    }
    asm.op('addi', { rd: X.frame, rs1: X.frame, imm: -FRAME_BYTES })
    saved.forEach((rd, i) => asm.op('ld', { rd, rs1: X.frame, imm: 8 * i }))
    asm.op('c.jr', { rs1: X.ra })
  }

  private nodes(list: readonly Node[]): void { for (const n of list) this.node(n) }

  private node(n: Node): void {
    const { asm, p } = this
    switch (n.kind) {
      case 'insns':
        for (const i of n.insns) asm.put(i)
        break
      case 'if': {
        const label = `l${this.labels++}`
        asm.to(n.branch, label, n.operands)
        this.nodes(n.body)
        asm.label(label)
        break
      }
      case 'loop': {
        const label = `l${this.labels++}`, counter = n.depth === 0 ? X.count : X.inner
        asm.op('addi', { rd: counter, rs1: 0, imm: n.count }).label(label)
        this.nodes(n.body)
        asm.op('addi', { rd: counter, rs1: counter, imm: -1 }).to('bne', label, { rs1: counter, rs2: 0 })
        break
      }
      case 'call':
        if (n.via === 'jal') asm.to('jal', `f${n.fn}`, { rd: X.ra })
        else this.calls.push({ at: asm.at, fn: n.fn, via: n.via }), this.reserve(n.via === 'c.jalr' ? 6 : 8)
        break
      case 'site':
        this.sites.set(n.id, { offset: asm.at, word: n.insn.word })
        asm.put(n.insn)
        break
      case 'patch':
        this.patches.push({ at: asm.at, node: n })
        this.reserve(4 * patchLength(n))
        break
      case 'astray':
        this.constant(X.address, p.nowhere[n.place]!)
        asm.op('jalr', { rd: X.ra, rs1: X.address, imm: 0 })
        break
      case 'point':
        this.constant(n.register, p.places[n.place]!)
        break
      case 'atomic':
        asm.op('addi', { rd: X.address, rs1: n.register, imm: n.displacement })
        for (const i of n.insns) asm.put(i)
        break
      case 'swap':
        this.swap(n)
    }
  }

  private swap(n: Node & { kind: 'swap' }): void {
    const { asm, p } = this
    const [t, u, v] = [X.address, X.temp, 24]
    const entry = (va: bigint) => {
      const at = tableSlot(p, va)
      return windowVa(p, WINDOW.tables + BigInt(at.table)) + 8n * BigInt(at.index)
    }
    const a = p.pages[n.a]!, b = p.pages[n.b]!
    this.constant(t, entry(a.va))
    this.constant(u, entry(b.va))
    asm.op('ld', { rd: v, rs1: t, imm: 0 }).op('ld', { rd: 25, rs1: u, imm: 0 })
    asm.op('sd', { rs1: t, rs2: 25, imm: 0 }).op('sd', { rs1: u, rs2: v, imm: 0 })
    for (const rd of [v, 25]) asm.op('addi', { rd, rs1: 0, imm: 0 }) // entries depend on where the area lies
    if (n.fence === 'address')
      for (const { va } of [a, b]) {
        this.constant(t, va)
        asm.op('sfence.vma', { rs1: t, rs2: 0 })
      }
    else {
      asm.op('addi', { rd: t, rs1: 0, imm: p.asid })
      asm.op('sfence.vma', { rs1: 0, rs2: n.fence === 'space' && !((a.flags | b.flags) & 0x20) ? t : 0 })
    }
    asm.op('fence.i', { rd: 0, rs1: 0, imm: 0 })
  }

  // What needs the address of something further on is written at the end.
  private readonly calls: { at: number; fn: number; via: 'jalr' | 'c.jalr' | 'alias' }[] = []
  private readonly patches: { at: number; node: Node & { kind: 'patch' } }[] = []
  private reserve(bytes: number): void { this.asm.at += bytes }

  finish(): void {
    const { asm, p } = this, end = asm.at
    for (const c of this.calls) {
      asm.at = c.at
      this.constant(X.address, (c.via === 'alias' ? p.alias : p.code) + BigInt(asm.offsetOf(`f${c.fn}`)!))
      if (c.via === 'c.jalr') asm.op('c.jalr', { rs1: X.address })
      else asm.op('jalr', { rd: X.ra, rs1: X.address, imm: 0 })
    }
    for (const { at, node } of this.patches) {
      asm.at = at
      this.patch(node)
    }
    asm.at = end
    asm.link()
  }

  private patch(n: Node & { kind: 'patch' }): void {
    const { asm, p } = this, site = this.sites.get(n.id)
    if (!site) {
      for (let i = 0; i < patchLength(n); i++) asm.op('addi', { rd: 0, rs1: 0, imm: 0 })
      return
    }
    this.constant(X.address, (n.via === 'alias' ? p.alias : p.code) + BigInt(site.offset))
    if (n.turns) {
      this.constant(X.temp, BigInt((n.word ^ site.word) >>> 0))
      asm.op('lwu', { rd: 24, rs1: X.address, imm: 0 }).op('xor', { rd: X.temp, rs1: X.temp, rs2: 24 })
    } else this.constant(X.temp, BigInt(n.word >>> 0))
    const size = n.store === 'sw' ? 4 : n.store === 'sh' ? 2 : 1
    for (let i = 0; i < 4; i += size) {
      asm.op(n.store, { rs1: X.address, rs2: X.temp, imm: i })
      if (i + size < 4) asm.op('srli', { rd: X.temp, rs1: X.temp, shamt: 8 * size })
    }
    asm.op('fence.i', { rd: 0, rs1: 0, imm: 0 })
  }
}

/** Instructions of a patch. */
function patchLength(n: Node & { kind: 'patch' }): number {
  const stores = n.store === 'sw' ? 1 : n.store === 'sh' ? 2 : 4
  return (n.turns ? 4 : 2) + stores + (stores - 1) + 1
}

/** Sv39 tables: which table of the area (from TABLES on) and which entry maps an address; made in the order of `pages`. */
type Slot = { readonly table: number; readonly index: number }
type Tables = { readonly slots: Map<bigint, Slot>; readonly entries: (Slot & { readonly value: bigint })[] }
const made = new WeakMap<Program, Tables>()

/** Entries point to table or page numbers of the area, times 2^10; `image` adds the area's address. */
function tables(p: Program): Tables {
  const known = made.get(p)
  if (known) return known
  const t: Tables = { slots: new Map(), entries: [] }, inner = new Map<string, number>()
  let next = 1
  for (const { va, page, flags } of p.pages) {
    const vpn = [30n, 21n, 12n].map(s => Number((va >> s) & 511n))
    let table = 0
    for (const level of [0, 1]) {
      const key = `${table} ${vpn[level]}`
      let below = inner.get(key)
      if (below === undefined) {
        below = next++
        if (below >= TABLE_PAGES) throw new Error('too many page tables')
        inner.set(key, below)
        t.entries.push({ table, index: vpn[level]!, value: (BigInt(TABLES + below) << 10n) | 1n })
      }
      table = below
    }
    t.slots.set(va, { table, index: vpn[2]! })
    t.entries.push({ table, index: vpn[2]!, value: (BigInt(page) << 10n) | BigInt(flags) })
  }
  made.set(p, t)
  return t
}

function tableSlot(p: Program, va: bigint): Slot {
  const slot = tables(p).slots.get(va)
  if (!slot) throw new Error(`no page at ${va.toString(16)}`)
  return slot
}

export const isTable = (page: number): boolean => page >= TABLES && page < TABLES + TABLE_PAGES

/** The code alone; throws if it does not fit. */
export function assemble(p: Program): Writer {
  const w = new Writer(p)
  p.functions.forEach((f, i) => w.fn(f, i))
  w.finish()
  return w
}

/** The contents of an area at this physical address. */
export function image(p: Program, pa: number): Uint8Array {
  const out = new Uint8Array(AREA_BYTES), view = new DataView(out.buffer), w = assemble(p), random = generator(p.memorySeed)
  const put = (at: number, v: bigint) => view.setBigUint64(at, BigInt.asUintN(64, v), true)
  for (let at = DATA * PAGE; at < (DATA + DATA_PAGES) * PAGE; at += 4) view.setUint32(at, random() * 2 ** 32, true)
  // Small integers and floating-point numbers are common.
  for (let at = DATA * PAGE; at < (DATA + DATA_PAGES) * PAGE; at += 8)
    if (random() < 0.3) view.setFloat64(at, Math.floor(random() * 100) / 4, true)
    else if (random() < 0.2) put(at, BigInt(Math.floor(random() * 64)) - 8n)
  out.set(w.asm.bytes, CODE * PAGE)
  if (w.pool.length > 512) throw new Error('too many constants')
  w.pool.forEach((v, i) => put(POOL * PAGE + 8 * i, v))
  const base = BigInt(pa / PAGE) << 10n
  for (const e of tables(p).entries) put((TABLES + e.table) * PAGE + 8 * e.index, e.value + base)
  const x = [...p.x]
  x[X.sp] = windowVa(p, WINDOW.stack) + 1024n
  x[X.pool] = windowVa(p, WINDOW.pool) + 2048n
  x[X.frame] = windowVa(p, WINDOW.frames)
  x[X.p] = p.places[0]!
  x[X.q] = p.places[1]!
  x.forEach((v, i) => put(C.x + 8 * i, i === 0 ? 0n : v))
  p.f.forEach((v, i) => put(C.f + 8 * i, v))
  put(C.fcsr, BigInt(p.fcsr))
  put(C.mstatus, BigInt((p.supervisor ? 1 << 11 : 0) | (p.fs << 13)))
  put(C.entry, p.code + BigInt(w.asm.offsetOf('f0')!))
  put(C.endPc, p.code + BigInt(w.asm.offsetOf('end')!))
  put(C.satp, SATP_SV39 | (BigInt(p.asid) << 44n) | BigInt(pa / PAGE + TABLES))
  return out
}
