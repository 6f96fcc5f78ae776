// Finds the code for a pc, translating it where there is none yet. A translated block is the interpreter's records; a
// compiled region takes their place later.
import { assert } from '../../base/errors.ts'
import { address, logging } from '../../base/log.ts'
import { emitTrace } from '../../base/trace.ts'
import { Builder } from '../../ir/build.ts'
import { JumpKind } from '../../ir/ops.ts'
import { ALL_PASSES, optimise, type Passes } from '../../ir/opt/passes.ts'
import { Access, type Cpu, Fault, type Isa, type LiftLimits } from '../../isa/isa.ts'
import type { PhysicalMemory } from '../../mem/physical.ts'
import { PAGE, PAGE_BITS, type Tlb } from '../../mem/tlb.ts'
import type { Views } from '../../state/views.ts'
import { logExecuted, logTranslated, watchesExecution } from './block-log.ts'
import { CodeCache, type CodeBlock } from './cache.ts'
import { core, type CoreState } from './core.ts'
import type { VcpuDebug } from './debug.ts'
import type { CodePages } from './pages.ts'
import type { CpuPlan } from './plan.ts'
import { Assembler, TooManyValues } from './tier0/assemble.ts'
import { branches, control, instructionOf, Record } from './tier0/records.ts'
import { logFill } from './tlb-log.ts'
import { jitTraces } from './trace.ts'

export type TranslatorOptions = {
  readonly index: number
  readonly isa: Isa
  readonly views: Views
  readonly core: CoreState
  readonly cpu: Cpu
  readonly tlb: Tlb
  readonly plan: CpuPlan
  readonly physical: PhysicalMemory
  readonly codePages: CodePages
  readonly debug: VcpuDebug
  /** Executions after which a block counts as hot. */
  readonly heat?: number | undefined
  readonly maxInsns?: number | undefined
  /** Passes of the optimiser; left out: all. */
  readonly passes?: Passes | undefined
  /** See VcpuOptions. */
  readonly fueled?: boolean | undefined
  /** Does what other processors ask, while we wait for them. */
  serveMail(): void
}

export class Translator {
  readonly cache = new CodeCache()
  /** Called for each block that is translated to stay. */
  onBlock: (b: CodeBlock) => void = () => {}
  /** The MMU mode of instruction fetch. */
  fetchMode = 0
  stats = { blocks: 0, insns: 0, lookups: 0, recordFlushes: 0, drops: 0 }
  private readonly index: number
  private readonly isa: Isa
  private readonly views: Views
  private readonly core: CoreState
  private readonly cpu: Cpu
  private readonly tlb: Tlb
  private readonly plan: CpuPlan
  private readonly physical: PhysicalMemory
  private readonly codePages: CodePages
  private readonly debug: VcpuDebug
  private readonly serveMail: () => void
  private readonly builder: Builder
  private readonly passes: Passes
  private readonly assembler: Assembler
  private readonly fueled: boolean
  private readonly heat: number
  private readonly maxInsns: number
  private limits: LiftLimits
  /** Each execution of a block is logged. */
  private watched = false
  /** Blocks hold one instruction. */
  private single = false
  /** By page: the pages of which blocks run compiled code that reaches into it. */
  private readonly dependents = new Map<number, Set<number>>()
  private recordEnd: number
  private blockCount = 0

  constructor(o: TranslatorOptions) {
    this.index = o.index
    this.isa = o.isa
    this.views = o.views
    this.core = o.core
    this.cpu = o.cpu
    this.tlb = o.tlb
    this.plan = o.plan
    this.physical = o.physical
    this.codePages = o.codePages
    this.debug = o.debug
    this.serveMail = () => o.serveMail()
    this.passes = o.passes ?? ALL_PASSES
    this.builder = new Builder(undefined, this.passes.fold)
    this.fueled = o.fueled ?? false
    this.heat = o.heat ?? 1500
    this.maxInsns = o.maxInsns ?? 48
    this.limits = { maxInsns: this.maxInsns }
    this.recordEnd = o.plan.records
    this.assembler = new Assembler(o.views, o.isa.registers, core)
    this.cache.dropped = b => { this.views.u16[b.record >>> 1] = control.stale }
  }

  /** What is being watched changed; the blocks that there were have been dropped. */
  watch(oneInsn: boolean): void {
    this.watched = watchesExecution()
    this.limits = { maxInsns: oneInsn ? 1 : this.maxInsns }
    this.single = oneInsn
  }
  /** How a debugger steps: at most so many instructions of one block, and what runs them, if not records. */
  stepInsns = 1
  stepCode: (b: CodeBlock) => number | undefined = () => undefined

  /** Blocks may become parts of compiled regions. */
  get compiles(): boolean { return !this.watched && !this.single }

  /** Code number for the pc in the state; 0 if the thread should look after something first. */
  lookup(rec: number): number {
    this.stats.lookups++
    const epoch = this.stats.recordFlushes, { debug, core } = this
    for (;;) {
      if (core.exitRequest || core.halted || debug.held) return 0
      const { pcLo, pcHi, mode } = core
      if (debug.stepping) return this.lookupStep(pcLo, pcHi, mode)
      if (debug.breaking && debug.stopsAt(pcLo, pcHi)) return 0
      const host = this.fetchAt(pcLo, pcHi)
      const b = host < 0 ? undefined : this.cached(host, pcLo, pcHi, mode) ?? this.translate(host, pcLo, pcHi, mode)
      if (b === undefined) {
        this.cpu.deliver()
        rec = 0
        // The trap's handler may be no better, for ever: no code runs that would look at the fuel.
        if (this.fueled && (core.fuel = Math.max(core.fuel - 1, 0)) === 0) return 0
        continue
      }
      if (b.secondPage >= 0 && !this.secondPageIs(b)) {
        // It crosses into another page than it did, or is in another address space than it was.
        this.cache.dropBlock(b)
        this.tlb.dropJumps()
        continue
      }
      if (this.watched) {
        logExecuted(this.cpu, this.index, pcLo, pcHi, mode)
        return b.code
      }
      if (debug.breaking && debug.at(pcLo, pcHi) !== undefined) return b.code
      const linked = rec !== 0 && epoch === this.stats.recordFlushes && this.u16(rec) === control.goto && this.link(rec, b)
      if (!linked) b.entered = true
      if (this.tlb.lookupCode(this.fetchMode, pcLo, pcHi) >= 0 && (b.secondPage < 0 || this.secondEntered(b))) {
        this.tlb.setJump(this.fetchMode, pcLo, pcHi, mode, b.code, b.secondPage >= 0)
      }
      return b.code
    }
  }

  /** What is stepped over at pc as a block of its own, once; then 0. */
  private lookupStep(pcLo: number, pcHi: number, mode: number): number {
    if (this.debug.handedOut) return 0
    this.debug.handedOut = true
    const host = this.fetchAt(pcLo, pcHi)
    const b = host < 0 ? undefined : this.translate(host, pcLo, pcHi, mode, { maxInsns: this.stepInsns }, false)
    if (b) {
      if (this.watched) logExecuted(this.cpu, this.index, pcLo, pcHi, mode)
      return this.stepCode(b) ?? b.code
    }
    this.cpu.deliver()
    return 0
  }

  private cached(host: number, pcLo: number, pcHi: number, mode: number): CodeBlock | undefined {
    const shared = this.isa.sharedMode?.(mode) ?? mode, b = this.cache.find(host, pcLo, pcHi, shared)
    return b || shared === mode ? b : this.cache.find(host, pcLo, pcHi, mode)
  }

  private u16(at: number): number { return this.views.u16[at >>> 1]! }

  /** Byte offset in the memory of the instruction at a virtual address, or -1 and the fault noted. */
  private fetchAt(vaLo: number, vaHi: number): number {
    const known = this.tlb.lookupCode(this.fetchMode, vaLo, vaHi)
    if (known >= 0) return known
    const t = this.cpu.translate(vaLo, vaHi, Access.EXECUTE, this.fetchMode, 2)
    if (!t) return -1
    const host = this.physical.readableAt(t.pa)
    if (host < 0) {
      this.cpu.fault(Fault.BUS, vaLo, vaHi, Access.EXECUTE)
      return -1
    }
    if (!t.whole) return host
    this.tlb.fillCode(this.fetchMode, vaLo, vaHi, host & -PAGE, t)
    if (logging.mmu || jitTraces.tlb_fill.enabled)
      logFill(this.index, vaLo, vaHi, t.pa, Access.EXECUTE, this.fetchMode)
    return host
  }

  private secondPageIs(b: CodeBlock): boolean {
    const { lo, hi } = behind(b)
    return this.fetchAt(lo, hi) === b.secondPage
  }
  /** Whether the page that a block crosses into is in the TLB as a whole. */
  private secondEntered(b: CodeBlock): boolean {
    const { lo, hi } = behind(b)
    return this.tlb.lookupCode(this.fetchMode, lo, hi) >= 0
  }

  /** Links a goto record to a block of the same page, where both go away together; false if that cannot be. */
  private link(rec: number, b: CodeBlock): boolean {
    const from = this.blockOf(rec)
    if (!from.valid || from.host >>> PAGE_BITS !== b.host >>> PAGE_BITS || from.pcLo >>> PAGE_BITS !== b.pcLo >>> PAGE_BITS
      || from.mode !== b.mode || b.secondPage >= 0 || from.secondPage >= 0) return false
    this.views.u16[rec >>> 1] = control.link
    this.views.i32[(rec + Record.IMM) >>> 2] = b.record
    // The branch that leads to this goto can go there itself.
    for (const back of [rec - Record.BYTES, rec - 2 * Record.BYTES])
      if (back > from.record && this.views.i32[(back + Record.IMM) >>> 2] === rec && isBranch(this.u16(back)))
        this.views.i32[(back + Record.IMM) >>> 2] = b.record
    return true
  }

  /** The block that a record belongs to: its first record names it. */
  blockOf(rec: number): CodeBlock {
    let at = rec
    while (this.u16(at) > control.stale) at -= Record.BYTES
    const b = this.cache.blocks[this.views.i32[(at + Record.AUX) >>> 2]!]
    assert(b !== undefined && b.record === at, 'a record of no block')
    return b
  }

  /** Sets pc to the instruction that a record belongs to. */
  pcOf(rec: number): void {
    const b = this.blockOf(rec), sum = (b.pcLo >>> 0) + instructionOf(this.views, rec)
    this.core.setPc(sum | 0, sum > 0xffffffff ? b.pcHi + 1 : b.pcHi)
  }

  private translate(
    host: number, pcLo: number, pcHi: number, mode: number, within: LiftLimits = this.limits, keep = true,
  ): CodeBlock | undefined {
    const { u16, u8 } = this.views, end = (host | (PAGE - 1)) + 1
    let second = -1, fault = false
    const nextPage = (): number => {
      if (second < 0 && !fault) {
        const next = ((pcLo | (PAGE - 1)) >>> 0) + 1
        second = this.fetchAt(next >>> 0, pcHi + (next > 0xffffffff ? 1 : 0))
        fault = second < 0
        if (second >= 0) this.claim(second)
      }
      return second
    }
    const byte = (offset: number): number => {
      const at = host + offset
      if (at < end) return u8[at]!
      // Only an instruction that begins here may reach into the next page, and only the block's first one.
      if (this.builder.block.sizeBytes > 0 && offset >= this.builder.block.sizeBytes) {
        const start = host + this.builder.block.sizeBytes
        if (start !== host || start >= end) return -1
      }
      return at - end < 16 && nextPage() >= 0 ? u8[second + at - end]! : -1
    }
    const code = {
      u8: byte,
      u16: (offset: number): number => {
        const at = host + offset
        if (at + 1 < end && !(at & 1)) return u16[at >>> 1]!
        const low = byte(offset), high = low < 0 ? -1 : byte(offset + 1)
        return high < 0 ? -1 : low | (high << 8)
      },
    }
    let limits = within
    const room = this.debug.breaking ? this.debug.room(pcLo, pcHi) : undefined
    if (room !== undefined) limits = { ...limits, endOffset: room }
    for (;;) {
      this.claim(host)
      second = -1
      this.builder.begin(pcLo, pcHi)
      this.isa.lift(this.builder, code, mode, limits)
      if (this.builder.block.n === 0) {
        assert(fault, 'the lifter gave an empty block')
        return undefined
      }
      // While we waited for others to let go of the second page, the first one may have been written.
      if (second >= 0 && !this.codePages.holds(host, this.index)) continue
      optimise(this.builder.block, this.passes)
      try {
        const b = this.install(host, pcLo, pcHi, mode, second, keep)
        if (logging.in_asm || logging.op) logTranslated(this.isa, this.index, this.builder.block, mode, byte)
        return b
      } catch (e) {
        if (!(e instanceof TooManyValues) || limits.maxInsns === 1) throw e
        limits = { ...limits, maxInsns: limits.maxInsns >> 1 }
      }
    }
  }

  /** Before code of a page is translated: nobody writes it directly any more. */
  private claim(host: number): void {
    if (this.codePages.claim(host, this.index, this.serveMail)) this.tlb.protect(host & -PAGE)
  }

  private install(host: number, pcLo: number, pcHi: number, mode: number, second: number, keep: boolean): CodeBlock {
    const block = this.builder.block
    if (this.recordEnd + Assembler.bound(block) > this.plan.records + this.plan.recordBytes) this.dropAllCode()
    const record = this.recordEnd, number = this.blockCount++
    const shared = this.isa.sharedMode?.(mode) ?? mode
    if (block.modeUsed === 0) mode = shared
    this.recordEnd = this.assembler.assemble(block, record, number, this.heat)
    const b: CodeBlock = {
      number, pcLo: pcLo | 0, pcHi: pcHi | 0, mode, host, secondPage: second, sizeBytes: block.sizeBytes, record, recordEnd: this.recordEnd,
      entered: false, code: record, valid: true,
    }
    this.stats.blocks++
    this.stats.insns += block.insns
    if (keep) {
      this.cache.add(b)
      this.onBlock(b)
    } else this.cache.blocks[number] = b
    if (jitTraces.translate_block.enabled)
      emitTrace(jitTraces.translate_block, this.index, address(pcLo, pcHi), block.sizeBytes, block.insns)
    return b
  }

  /** From now on `b` is run by compiled code. */
  compiled(b: CodeBlock, code: number): void {
    b.code = code
    this.views.u16[b.record >>> 1] = control.entry
    this.views.i32[(b.record + Record.IMM) >>> 2] = code
    this.tlb.changeJump(b.pcLo, b.pcHi, b.mode, code)
  }

  /** `b` is part of a region but no entry of it: only if it is run by itself very often, it should become one. */
  cool(b: CodeBlock): void {
    if (this.u16(b.record) === control.enter) this.views.i32[(b.record + Record.IMM) >>> 2] = this.heat * COOL
  }

  /** `b`'s page and others, of which it is to run compiled code, are held: when one of them is written, `b`'s page is dropped too.
   * False if `b` was dropped meanwhile. */
  hold(b: CodeBlock, pages: readonly number[]): boolean {
    for (const page of pages) {
      if (page === (b.host & -PAGE)) continue
      this.claim(page)
      let homes = this.dependents.get(page)
      if (!homes) this.dependents.set(page, (homes = new Set()))
      homes.add(b.host & -PAGE)
    }
    return b.valid
  }

  /** Whether a block has been run so often: a part of what makes it hot. */
  warm(b: CodeBlock, part: number): boolean {
    // In compiled code it counts no more, or from much more.
    const left = this.views.i32[(b.record + Record.IMM) >>> 2]!
    return this.u16(b.record) === control.entry || left > this.heat || left < this.heat * (1 - part)
  }

  /** Where a block leads, as far as its records know and there is a block of the same mode; `indirect`: it was the last target
   * of an indirect call or jump. */
  *successors(b: CodeBlock): Iterable<Successor> {
    const { i32 } = this.views
    const at = (lo: number, hi: number): CodeBlock | undefined => {
      const host = this.tlb.lookupCode(this.fetchMode, lo, hi)
      return host < 0 ? undefined : this.cache.find(host, lo, hi, b.mode)
    }
    for (let rec = Math.max(b.recordEnd - 2 * Record.BYTES, b.record + Record.BYTES); rec < b.recordEnd; rec += Record.BYTES) {
      const imm = i32[(rec + Record.IMM) >>> 2]!, aux = i32[(rec + Record.AUX) >>> 2]!
      switch (this.u16(rec)) {
        case control.goto: yield { block: at(imm, aux), indirect: false }; break
        case control.link: yield { block: this.blockOf(imm), indirect: false }; break
        case control.jumpto: if (imm !== JumpKind.RETURN) yield { block: aux === 0 ? undefined : at(aux, b.pcHi), indirect: true }
      }
    }
    // Behind a call.
    const end = (b.pcLo >>> 0) + b.sizeBytes
    if (end <= 0xffffffff) yield { block: at(end | 0, b.pcHi), indirect: false }
  }

  dropCode(page: number): void {
    const homes = this.dependents.get(page)
    if (homes) {
      this.dependents.delete(page)
      for (const home of homes) this.dropCode(home)
    }
    if (!this.cache.dropPage(page)) return
    this.stats.drops++
    if (jitTraces.jit_drop_page.enabled) emitTrace(jitTraces.jit_drop_page, this.index, page)
    this.tlb.dropJumps()
  }

  dropAllCode(): void {
    this.stats.recordFlushes++
    if (jitTraces.jit_drop_all.enabled) emitTrace(jitTraces.jit_drop_all, this.index)
    this.cache.dropAll()
    this.dependents.clear()
    this.tlb.dropJumps()
    this.recordEnd = this.plan.records
    this.blockCount = 0
  }
  /** Where the records end, to go back there after a step: those of single instructions are not kept. */
  mark(): RecordMark {
    return { end: this.recordEnd, count: this.blockCount, flushes: this.stats.recordFlushes }
  }
  release(mark: RecordMark): void {
    if (this.stats.recordFlushes !== mark.flushes) return
    this.recordEnd = mark.end
    this.blockCount = mark.count
  }
}

/** How much more often than others. */
const COOL = 16

export type Successor = { readonly block: CodeBlock | undefined; readonly indirect: boolean }

export type RecordMark = { readonly end: number; readonly count: number; readonly flushes: number }

/** The page behind a block's first one. */
function behind(b: CodeBlock): { lo: number; hi: number } {
  const next = ((b.pcLo | (PAGE - 1)) >>> 0) + 1
  return { lo: next >>> 0, hi: b.pcHi + (next > 0xffffffff ? 1 : 0) }
}

const isBranch = (operation: number): boolean => branches.has(operation)
