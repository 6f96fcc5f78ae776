// One virtual processor on one thread: finds, translates and runs code, serves what generated code cannot do itself.
import { assert } from '../../base/errors.ts'
import { Builder } from '../../ir/build.ts'
import { AmoKind, arity, MemOp, rows } from '../../ir/ops.ts'
import { Access, type Cpu, type CpuServices, ExitRequest, Fault, type Isa, type LiftLimits, vcpuCore } from '../../isa/isa.ts'
import type { PhysicalMemory } from '../../mem/physical.ts'
import { PAGE, PAGE_BITS, Tlb } from '../../mem/tlb.ts'
import { layoutOf } from '../../state/layout.ts'
import type { Views } from '../../state/views.ts'
import type { WasmFeatures } from '../../wasm/features.ts'
import { CodeCache, type CodeBlock } from './cache.ts'
import { AccessKind } from './code.ts'
import { VcpuDebug } from './debug.ts'
import { softFloat } from './float.ts'
import { Mail, type Mailbox } from './mailbox.ts'
import { awaitLetter, type CodePages } from './pages.ts'
import type { CpuPlan } from './plan.ts'
import type { CoreOffsets, RuntimeExports, RuntimeImports } from './runtime.ts'
import { Assembler, TooManyValues } from './tier0/assemble.ts'
import { branches, control, instructionOf, Record } from './tier0/records.ts'

export type VcpuOptions = {
  readonly index: number
  readonly isa: Isa
  readonly views: Views
  readonly plan: CpuPlan
  readonly memory: WebAssembly.Memory
  readonly physical: PhysicalMemory
  /** The compiled runtime module (runtime.ts). */
  readonly runtime: WebAssembly.Module
  readonly features: WasmFeatures
  readonly mailboxes: readonly Mailbox[]
  readonly codePages: CodePages
  readonly services: Pick<CpuServices, 'nowNs' | 'armTimer' | 'countsInstructions'>
  makeCpu(services: CpuServices): Cpu
  /** Nobody can interrupt this thread: its code leaves when the state's `fuel` is used up. */
  readonly fueled?: boolean
  /** Executions after which a block counts as hot. */
  readonly heat?: number
  readonly maxInsns?: number
}

/** Called when a block became hot. */
export type HotHandler = (block: CodeBlock) => void

/** The offsets of the core fields are the same in every ISA's state, which begins with them. */
const core = layoutOf(vcpuCore).offsets
export const coreOffsets: CoreOffsets = core

const operand32 = rows.map((r, row) => Array.from({ length: arity[row]! }, (_, i) => r.sig[i] === 'i' || r.sig[i] === 'f'))

export class Vcpu {
  readonly index: number
  readonly isa: Isa
  readonly cpu: Cpu
  readonly tlb: Tlb
  readonly cache = new CodeCache()
  readonly views: Views
  readonly physical: PhysicalMemory
  readonly plan: CpuPlan
  readonly table: WebAssembly.Table
  readonly memory: WebAssembly.Memory
  readonly exports: WebAssembly.Exports & RuntimeExports
  readonly codePages: CodePages
  readonly debug = new VcpuDebug()
  onHot: HotHandler = () => {}
  /** Takes compiled regions that have arrived; called between runs. */
  onMessage: () => void = () => {}
  stats = { blocks: 0, insns: 0, lookups: 0, slow: 0, systems: 0, floats: 0, fills: 0, flushes: 0, recordFlushes: 0, runs: 0, drops: 0 }
  private readonly mailboxes: readonly Mailbox[]
  private readonly mailbox: Mailbox
  private readonly i32: Int32Array
  private readonly u32: Uint32Array
  private readonly w: number
  private readonly builder = new Builder()
  private readonly assembler: Assembler
  private readonly heat: number
  private readonly fueled: boolean
  private readonly limits: { maxInsns: number }
  private recordEnd: number
  private blockCount = 0
  private dataMode = 0
  private fetchMode = 0
  private readonly wide = new Uint32Array(2)
  private readonly float: ReturnType<typeof softFloat>

  constructor(o: VcpuOptions) {
    this.index = o.index
    this.isa = o.isa
    this.views = o.views
    this.physical = o.physical
    this.plan = o.plan
    this.memory = o.memory
    this.codePages = o.codePages
    this.mailboxes = o.mailboxes
    this.mailbox = o.mailboxes[o.index]!
    this.i32 = o.views.i32
    this.u32 = o.views.u32
    this.w = o.plan.state >>> 2
    this.heat = o.heat ?? 1500
    this.fueled = o.fueled ?? false
    this.limits = { maxInsns: o.maxInsns ?? 48 }
    this.recordEnd = o.plan.records
    this.tlb = new Tlb(o.views, o.plan.tlb, o.isa.mmuModes, o.isa.globalModes)
    this.assembler = new Assembler(o.views, o.isa.registers, core.temps, vcpuCore.temps.count, core.zero)
    this.table = new WebAssembly.Table({ element: 'anyfunc', initial: 1 << 16, maximum: 1 << 16 })
    this.cpu = o.makeCpu(this.cpuServices(o.services))
    this.float = softFloat(this.cpu, operand32)
    this.cache.dropped = b => { this.views.u16[b.record >>> 1] = control.stale }
    const imports: RuntimeImports = {
      slow: rec => this.slowRecord(rec),
      system: rec => this.systemRecord(rec),
      call: rec => this.callRecord(rec),
      fp: rec => this.floatRecord(rec),
      lookup: rec => this.lookup(rec),
      hot: rec => this.hot(rec),
      deliver: () => this.deliver(),
      systemPending: () => this.system(this.i32[this.w + (core.helper >>> 2)]!, this.i32[this.w + (core.arg >>> 2)]!),
      slowAccess: desc => this.slowCompiled(desc),
      fpCompiled: (row, env) => this.floatCompiled(row, env),
      callCompiled: helper => this.cpu.call(helper),
    }
    const instance = new WebAssembly.Instance(o.runtime, { env: { memory: o.memory, table: this.table, ...imports } })
    this.exports = instance.exports as WebAssembly.Exports & RuntimeExports
  }

  private cpuServices(given: VcpuOptions['services']): CpuServices {
    const tlb = this.tlb
    return {
      hart: this.index,
      ...given,
      ramAt: pa => this.physical.ramAt(pa),
      casWord: (pa, expectedLo, expectedHi, lo, hi) => this.casWord(pa, expectedLo, expectedHi, lo, hi),
      flushTlb: space => {
        this.stats.flushes++
        tlb.flush(space)
      },
      flushPage: (vaLo, vaHi, space) => tlb.flush(space ?? -1, vaLo, vaHi),
      selectTlb: (space, mode, _fetchSpace, fetchMode) => {
        tlb.select(space)
        this.dataMode = mode
        this.fetchMode = fetchMode
        this.i32[this.w + (core.tlb >>> 2)] = tlb.tableAt(mode)
        this.i32[this.w + (core.jumpCache >>> 2)] = tlb.jumpCacheAt(fetchMode)
      },
      flushCode: () => this.readMail(),
    }
  }

  private get pcLo(): number { return this.u32[this.w + (core.pc >>> 2)]! }
  private get pcHi(): number { return this.i32[this.w + (core.pc >>> 2) + 1]! }
  setPc(lo: number, hi: number): void {
    this.i32[this.w + (core.pc >>> 2)] = lo
    this.i32[this.w + (core.pc >>> 2) + 1] = hi
  }
  get exitRequest(): number { return Atomics.load(this.i32, this.w) }
  clearExit(bits: number): void { Atomics.and(this.i32, this.w, ~bits) }

  /** Runs guest code until an exit request other than for mail is seen, or the processor waits for an interrupt. The
   * state's pc is then exact. */
  run(): void {
    this.mailbox.park(false)
    this.readMail()
    for (;;) {
      const request = this.exitRequest
      if (request) {
        if (request & ExitRequest.MESSAGE) {
          this.clearExit(ExitRequest.MESSAGE)
          this.readMail()
          this.onMessage()
        }
        if (request & ExitRequest.RETIER) this.clearExit(ExitRequest.RETIER)
        if (request & ExitRequest.INTERRUPT) {
          this.clearExit(ExitRequest.INTERRUPT)
          this.cpu.interrupt()
        }
        if (request & (ExitRequest.STOP | ExitRequest.DEBUG)) break
      }
      if (this.i32[this.w + (core.halted >>> 2)] || this.debug.hit) break
      if (this.debug.held && !this.heldBefore()) break
      if (this.fueled && this.i32[this.w + (core.fuel >>> 2)] === 0) break
      this.stats.runs++
      const at = this.exports.run(this.plan.state, 0)
      if (at) {
        const b = this.blockOf(at)
        this.setPc(b.pcLo, b.pcHi)
        // Let pass a breakpoint, but interrupted before its instruction ran: let it pass again.
        if (this.debug.at(b.pcLo, b.pcHi) !== undefined) this.debug.pass(b.pcLo, b.pcHi)
      }
    }
    this.mailbox.park(true)
  }

  /** Executes one instruction, or takes its fault, without taking interrupts. False if a stop was asked for first. */
  step(): boolean {
    this.mailbox.park(false)
    this.readMail()
    const done = this.stepOver()
    if (this.debug.held) this.debug.tell(this.pcLo, this.pcHi)
    else if (done) this.debug.forget()
    this.mailbox.park(true)
    return done
  }

  /** A watched access was kept from happening. If it has been told before, its instruction is executed now. */
  private heldBefore(): boolean {
    const { debug } = this
    if (debug.told(this.pcLo, this.pcHi)) {
      if (this.stepOver()) debug.forget()
      return true
    }
    debug.tell(this.pcLo, this.pcHi)
    return false
  }

  private stepOver(): boolean {
    const { debug, i32, w, recordEnd, blockCount } = this, flushes = this.stats.recordFlushes
    let kept = 0
    debug.held = undefined
    debug.handedOut = false
    debug.stepping = true
    this.tlb.dropJumps()
    for (;;) {
      if (this.fueled) i32[w + (core.fuel >>> 2)] = 1000
      const request = Atomics.exchange(i32, w, 0), stop = request & (ExitRequest.STOP | ExitRequest.DEBUG)
      kept |= stop | (request & ExitRequest.INTERRUPT)
      if (request & ExitRequest.MESSAGE) {
        this.readMail()
        this.onMessage()
      }
      if (debug.handedOut || stop) break
      const at = this.exports.run(this.plan.state, 0)
      if (at) {
        const b = this.blockOf(at)
        this.setPc(b.pcLo, b.pcHi)
        debug.handedOut = false
      }
    }
    debug.stepping = false
    if (kept) Atomics.or(i32, w, kept)
    if (this.stats.recordFlushes === flushes) {
      this.recordEnd = recordEnd
      this.blockCount = blockCount
    }
    return debug.handedOut
  }

  /** Takes a noted fault; but an access that was kept from happening is none. */
  private deliver(): void {
    if (this.debug.held) this.tlb.dropJumps() // so that the lookup comes next, and leaves
    else this.cpu.deliver()
  }

  /** Handles what other processors asked for. */
  readMail(): void {
    this.mailbox.read(
      (kind, a, b, c) => {
        if (kind === Mail.FLUSH_TLB) this.tlb.flush(a)
        else if (kind === Mail.FLUSH_PAGE) this.tlb.flush(a, b, c)
        else if (kind === Mail.PROTECT) this.tlb.protect(a)
        else if (kind === Mail.DROP_CODE) this.dropCode(a)
        else if (kind === Mail.DROP_ALL_CODE) this.dropAllCode()
      },
      () => {
        this.tlb.flush()
        this.dropAllCode()
      },
    )
  }

  /** Asks processor `other` for something and waits until it is sure to have happened. */
  ask(other: number, kind: number, a = 0, b = 0, c = 0): void {
    if (other === this.index) return
    const m = this.mailboxes[other]!
    awaitLetter(m, m.post(kind, a, b, c), () => this.readMail())
  }

  // Finding and translating code.

  /** Code number for the pc in the state; 0 if the thread should look after something first. */
  private lookup(rec: number): number {
    this.stats.lookups++
    const epoch = this.stats.recordFlushes, { debug } = this
    for (;;) {
      if (this.exitRequest || this.i32[this.w + (core.halted >>> 2)] || debug.held) return 0
      const pcLo = this.pcLo, pcHi = this.pcHi, mode = this.i32[this.w + (core.mode >>> 2)]!
      if (debug.stepping) return this.lookupStep(pcLo, pcHi, mode)
      if (debug.breaking && debug.stopsAt(pcLo, pcHi)) return 0
      const host = this.fetchAt(pcLo, pcHi)
      if (host < 0) {
        this.cpu.deliver()
        rec = 0
        continue
      }
      const b = this.cached(host, pcLo, pcHi, mode) ?? this.translate(host, pcLo, pcHi, mode)
      if (b === undefined) {
        this.cpu.deliver()
        rec = 0
        continue
      }
      if (b.secondPage >= 0 && !this.secondPageIs(b)) {
        this.cache.dropPage(b.host)
        continue
      }
      if (debug.breaking && debug.at(pcLo, pcHi) !== undefined) return b.code
      if (rec && epoch === this.stats.recordFlushes && this.u16(rec) === control.goto) this.link(rec, b)
      // Blocks that continue on another page are looked up each time: that page's mapping may change alone.
      if (b.secondPage < 0 && this.tlb.lookupCode(this.fetchMode, pcLo, pcHi) >= 0) {
        b.entered = true
        this.tlb.setJump(this.fetchMode, pcLo, pcHi, mode, b.code)
      }
      return b.code
    }
  }

  /** The instruction at pc as a block of its own, once; then 0. */
  private lookupStep(pcLo: number, pcHi: number, mode: number): number {
    if (this.debug.handedOut) return 0
    this.debug.handedOut = true
    const host = this.fetchAt(pcLo, pcHi), b = host < 0 ? undefined : this.translate(host, pcLo, pcHi, mode, ONE)
    if (b) return b.code
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
    if (t.whole) this.tlb.fillCode(this.fetchMode, vaLo, vaHi, host & -PAGE, t)
    return host
  }

  private secondPageIs(b: CodeBlock): boolean {
    const next = ((b.pcLo | (PAGE - 1)) >>> 0) + 1
    return this.fetchAt(next >>> 0, b.pcHi + (next > 0xffffffff ? 1 : 0)) === b.secondPage
  }

  /** Links a goto record to a block of the same page, where both go away together. */
  private link(rec: number, b: CodeBlock): void {
    const from = this.blockOf(rec)
    if (!from.valid || from.host >>> PAGE_BITS !== b.host >>> PAGE_BITS || from.pcLo >>> PAGE_BITS !== b.pcLo >>> PAGE_BITS
      || from.mode !== b.mode || b.secondPage >= 0 || from.secondPage >= 0) return
    this.views.u16[rec >>> 1] = control.link
    this.i32[(rec + Record.IMM) >>> 2] = b.record
    // The branch that leads to this goto can go there itself.
    for (const back of [rec - Record.BYTES, rec - 2 * Record.BYTES])
      if (back > from.record && this.i32[(back + Record.IMM) >>> 2] === rec && isBranch(this.u16(back)))
        this.i32[(back + Record.IMM) >>> 2] = b.record
  }

  /** The block that a record belongs to: its first record names it. */
  blockOf(rec: number): CodeBlock {
    let at = rec
    while (this.u16(at) > control.stale) at -= Record.BYTES
    const b = this.cache.blocks[this.i32[(at + Record.AUX) >>> 2]!]
    assert(b !== undefined && b.record === at, 'a record of no block')
    return b
  }

  /** Sets pc to the instruction that a record belongs to. */
  private pcOf(rec: number): void {
    const b = this.blockOf(rec), sum = b.pcLo + instructionOf(this.views, rec)
    this.setPc(sum | 0, sum > 0xffffffff ? b.pcHi + 1 : b.pcHi)
  }

  private translate(
    host: number, pcLo: number, pcHi: number, mode: number, within: LiftLimits = this.limits,
  ): CodeBlock | undefined {
    const { u16, u8 } = this.views, end = (host | (PAGE - 1)) + 1
    let second = -1, fault = false
    const nextPage = (): number => {
      if (second < 0 && !fault) {
        const next = ((pcLo | (PAGE - 1)) >>> 0) + 1
        second = this.fetchAt(next >>> 0, pcHi + (next > 0xffffffff ? 1 : 0))
        fault = second < 0
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
    this.claim(host)
    let limits = within
    const room = this.debug.breaking ? this.debug.room(pcLo, pcHi) : undefined
    if (room !== undefined) limits = { ...limits, endOffset: room }
    for (;;) {
      this.builder.begin(pcLo, pcHi)
      this.isa.lift(this.builder, code, mode, limits)
      if (this.builder.block.n === 0) {
        assert(fault, 'the lifter gave an empty block')
        return undefined
      }
      try {
        return this.install(host, pcLo, pcHi, mode, second, within !== ONE)
      } catch (e) {
        if (!(e instanceof TooManyValues) || limits.maxInsns === 1) throw e
        limits = { ...limits, maxInsns: limits.maxInsns >> 1 }
      }
    }
  }

  /** Before code of a page is translated: nobody writes it directly any more. */
  private claim(host: number): void {
    if (this.codePages.claim(host, this.index, () => this.readMail())) this.tlb.protect(host & -PAGE)
  }

  private install(host: number, pcLo: number, pcHi: number, mode: number, second: number, keep: boolean): CodeBlock {
    const block = this.builder.block
    if (this.recordEnd + Assembler.bound(block) > this.plan.records + this.plan.recordBytes) {
      this.dropAllCode()
      this.claim(host)
    }
    if (second >= 0) this.claim(second)
    const record = this.recordEnd, number = this.blockCount++
    const shared = this.isa.sharedMode?.(mode) ?? mode
    if (block.modeUsed === 0) mode = shared
    this.recordEnd = this.assembler.assemble(block, record, number, this.heat)
    const b: CodeBlock = {
      number, pcLo: pcLo >>> 0, pcHi, mode, host, secondPage: second, sizeBytes: block.sizeBytes, record, recordEnd: this.recordEnd,
      entered: false, code: record, valid: true,
    }
    if (keep) this.cache.add(b)
    else this.cache.blocks[number] = b
    this.stats.blocks++
    this.stats.insns += block.insns
    return b
  }

  private hot(rec: number): void {
    const b = this.blockOf(rec)
    this.onHot(b)
  }

  /** From now on `b` is run by compiled code. */
  compiled(b: CodeBlock, code: number): void {
    b.code = code
    this.views.u16[b.record >>> 1] = control.entry
    this.i32[(b.record + Record.IMM) >>> 2] = code
    this.tlb.changeJump(b.pcLo, b.pcHi, b.mode, code)
  }

  dropCode(page: number): void {
    if (!this.cache.dropPage(page)) return
    this.stats.drops++
    this.tlb.dropJumps()
  }

  dropAllCode(): void {
    this.stats.recordFlushes++
    this.cache.dropAll()
    this.tlb.dropJumps()
    this.recordEnd = this.plan.records
    this.blockCount = 0
  }

  // What records ask for.

  private systemRecord(rec: number): void {
    this.pcOf(rec)
    this.system(this.i32[(rec + Record.IMM) >>> 2]!, this.i32[(rec + Record.AUX) >>> 2]!)
  }

  private system(helper: number, arg: number): void {
    this.stats.systems++
    const { debug } = this, pcLo = this.pcLo, pcHi = this.pcHi
    this.cpu.system(helper, arg)
    // What a step was to execute may only have been prepared, to run again.
    if (debug.stepping && pcLo === this.pcLo && pcHi === this.pcHi) debug.handedOut = false
  }

  private slot(rec: number, field: number): number {
    return (this.plan.state + this.u16(rec + field)) >>> 2
  }

  private callRecord(rec: number): void {
    const { i32, w } = this, args = w + (core.args >>> 2)
    for (const [i, field] of [[0, Record.A], [2, Record.B]] as const) {
      const s = this.slot(rec, field)
      i32[args + i] = i32[s]!
      i32[args + i + 1] = i32[s + 1]!
    }
    this.cpu.call(i32[(rec + Record.IMM) >>> 2]!)
    const d = this.slot(rec, Record.DST)
    i32[d] = i32[w + (core.result >>> 2)]!
    i32[d + 1] = i32[w + (core.result >>> 2) + 1]!
  }

  private floatRecord(rec: number): void {
    this.stats.floats++
    const { u64 } = this.views, imm = this.i32[(rec + Record.IMM) >>> 2]!
    const at = (field: number) => u64[this.slot(rec, field) >>> 1]!
    const row = imm >> 8, n = arity[row]!
    const r = this.float(row, imm & 0xff, at(Record.A), n > 1 ? at(Record.B) : 0n, n > 2 ? at(Record.AUX) : 0n)
    u64[this.slot(rec, Record.DST) >>> 1] = r
  }

  private floatCompiled(row: number, env: number): void {
    this.stats.floats++
    const { u64 } = this.views, args = (this.plan.state + core.args) >>> 3
    const before = this.i32[this.w + (core.mode >>> 2)]
    u64[(this.plan.state + core.result) >>> 3] = this.float(row, env, u64[args]!, u64[args + 1]!, u64[args + 2]!)
    // A loop in the region would go on with code for the old mode: let it come back to be looked up again.
    if (this.i32[this.w + (core.mode >>> 2)] !== before) Atomics.or(this.i32, this.w, ExitRequest.RETIER)
  }

  private slowRecord(rec: number): number {
    const { i32 } = this, a = this.slot(rec, Record.A), desc = i32[(rec + Record.AUX) >>> 2]!, kind = desc & AccessKind.MASK
    const atomic = kind === AccessKind.AMO || kind === AccessKind.CAS
    const disp = atomic ? 0 : i32[(rec + Record.IMM) >>> 2]!
    const sum = (i32[a]! >>> 0) + disp
    const args = this.w + (core.args >>> 2)
    i32[args] = sum
    i32[args + 1] = i32[a + 1]! + Math.floor(sum / 0x100000000)
    if (kind !== AccessKind.LOAD) this.copy(this.slot(rec, Record.B), args + 2)
    if (kind === AccessKind.CAS) this.copy(this.slot(rec, Record.IMM), args + 4)
    if (this.slowAccess(desc)) {
      this.pcOf(rec)
      this.deliver()
      return 1
    }
    if (kind !== AccessKind.STORE) this.copy(this.w + (core.result >>> 2), this.slot(rec, Record.DST))
    return 0
  }

  private copy(from: number, to: number): void {
    this.i32[to] = this.i32[from]!
    this.i32[to + 1] = this.i32[from + 1]!
  }

  private slowCompiled(desc: number): number {
    return this.slowAccess(desc)
  }

  /** An access that missed: address in args[0], operands in args[1] and [2], result to `result`. 1 on a fault (noted). */
  private slowAccess(desc: number): number {
    this.stats.slow++
    return this.debug.watching ? this.watchedAccess(desc) : this.plainAccess(desc)
  }

  /** The processor stops before a watched access, and goes on over it. */
  private watchedAccess(desc: number): number {
    const { debug, i32 } = this, args = this.w + (core.args >>> 2), kind = desc & AccessKind.MASK
    const lo = i32[args]!, hi = i32[args + 1]!
    const hit = debug.watchFor(lo, hi, 1 << (desc & MemOp.SIZE), kind !== AccessKind.STORE, kind !== AccessKind.LOAD)
    if (!hit || (debug.stepping && debug.told(this.pcLo, this.pcHi))) return this.plainAccess(desc)
    debug.held = hit
    return 1
  }

  private plainAccess(desc: number): number {
    const { i32, u32 } = this, args = this.w + (core.args >>> 2), result = this.w + (core.result >>> 2)
    const vaLo = u32[args]!, vaHi = i32[args + 1]!, size = 1 << (desc & MemOp.SIZE), kind = desc & AccessKind.MASK
    const access = kind === AccessKind.LOAD ? Access.READ : Access.WRITE
    if (vaLo & (size - 1)) {
      if (desc & MemOp.ALIGNED || kind === AccessKind.AMO || kind === AccessKind.CAS) {
        this.cpu.fault(Fault.MISALIGNED, vaLo, vaHi, access)
        return 1
      }
      return this.misaligned(desc, vaLo, vaHi, size, access)
    }
    const host = this.place(vaLo, vaHi, access, size)
    if (host === FAULT) return 1
    if (host === DEVICE) return this.device(desc, size, kind, vaLo, vaHi, access)
    switch (kind) {
      case AccessKind.LOAD:
        this.loadHost(host, size, desc, result)
        return 0
      case AccessKind.STORE:
        this.storeHost(host, size, i32[args + 2]!, i32[args + 3]!)
        break
      default:
        this.atomicHost(host, desc, kind, args, result)
    }
    if (this.codePages.has(host)) this.codePages.written(host, this.index, page => this.dropCode(page))
    return 0
  }

  private pa = 0

  /** Where an access goes: a byte offset in the memory, DEVICE (then `pa` holds the address), or FAULT. */
  private place(vaLo: number, vaHi: number, access: Access, size: number): number {
    const t = this.cpu.translate(vaLo, vaHi, access, this.dataMode, size)
    if (!t) return FAULT
    this.pa = t.pa
    const ram = this.physical.ramAt(t.pa), host = ram >= 0 ? ram : access === Access.READ ? this.physical.readableAt(t.pa) : -1
    if (host < 0) return DEVICE
    if (t.whole) {
      this.stats.fills++
      const page = host & -PAGE, watched = this.debug.watchedPage(vaLo, vaHi)
      this.tlb.fill(this.dataMode, vaLo, vaHi, {
        host: page, readDirect: !watched, writeDirect: !watched && !this.codePages.has(page), read: t.read, write: t.write && ram >= 0,
        pageBits: t.pageBits, global: t.global,
      })
    }
    return host
  }

  private loadHost(host: number, size: number, desc: number, result: number): void {
    const { i32, views } = this
    if (size === 8) {
      i32[result] = i32[host >>> 2]!
      i32[result + 1] = i32[(host >>> 2) + 1]!
      return
    }
    const value = size === 4 ? i32[host >>> 2]! : size === 2 ? views.u16[host >>> 1]! : views.u8[host]!
    this.extend(value, size, desc, result)
  }

  /** A value of `size` bytes (8 excepted) into the result, sign- or zero-extended. */
  private extend(value: number, size: number, desc: number, result: number): void {
    const { i32 } = this
    const bits = size * 8
    i32[result] = bits === 32 ? value : desc & MemOp.SIGNED ? (value << (32 - bits)) >> (32 - bits) : value
    i32[result + 1] = desc & MemOp.SIGNED ? i32[result]! >> 31 : 0
  }

  private storeHost(host: number, size: number, lo: number, hi: number): void {
    if (size === 8) {
      this.i32[host >>> 2] = lo
      this.i32[(host >>> 2) + 1] = hi
    } else if (size === 4) this.i32[host >>> 2] = lo
    else if (size === 2) this.views.u16[host >>> 1] = lo
    else this.views.u8[host] = lo
  }

  private atomicHost(host: number, desc: number, kind: number, args: number, result: number): void {
    const amo = (desc >> 8) & 0xff, wide = (desc & MemOp.SIZE) === 3, { u64 } = this.views
    const bits = wide ? 64 : 32
    const get = (at: number) => u64[at >>> 1]!
    const a = BigInt.asIntN(bits, get(args + 2)), b = kind === AccessKind.CAS ? BigInt.asIntN(bits, get(args + 4)) : 0n
    const load = () => (wide ? BigInt.asIntN(64, Atomics.load(u64, host >>> 3)) : BigInt(Atomics.load(this.i32, host >>> 2)))
    for (;;) {
      const old = load(), value = kind === AccessKind.CAS ? (old === a ? b : old) : amoValue(amo, old, a, bits)
      const seen = wide
        ? BigInt.asIntN(64, Atomics.compareExchange(u64, host >>> 3, BigInt.asUintN(64, old), BigInt.asUintN(64, value)))
        : BigInt(Atomics.compareExchange(this.i32, host >>> 2, Number(old), Number(value)))
      if (seen !== old) continue
      u64[result >>> 1] = wide || desc & MemOp.SIGNED ? BigInt.asUintN(64, old) : BigInt.asUintN(32, old)
      return
    }
  }

  private device(desc: number, size: number, kind: number, vaLo: number, vaHi: number, access: Access): number {
    const { i32, pa, physical } = this, args = this.w + (core.args >>> 2), result = this.w + (core.result >>> 2)
    if ((kind !== AccessKind.LOAD && kind !== AccessKind.STORE) || !physical.mapped(pa, size, access === Access.WRITE)) {
      this.cpu.fault(Fault.BUS, vaLo, vaHi, access)
      return 1
    }
    if (kind === AccessKind.STORE) {
      if (size === 8) physical.writeWide(pa, i32[args + 2]!, i32[args + 3]!)
      else physical.write(pa, size, size === 4 ? i32[args + 2]! >>> 0 : i32[args + 2]! & ((1 << (8 * size)) - 1))
    } else if (size === 8) {
      physical.readWide(pa, this.wide)
      i32[result] = this.wide[0]!
      i32[result + 1] = this.wide[1]!
    } else this.extend(physical.read(pa, size), size, desc, result)
    return 0
  }

  /** Byte by byte; both pages are checked before the first byte is written. */
  private misaligned(desc: number, vaLo: number, vaHi: number, size: number, access: Access): number {
    const { i32, views } = this, args = this.w + (core.args >>> 2), result = this.w + (core.result >>> 2)
    const bytes = [i32[args + 2]!, i32[args + 3]!], places: number[] = []
    for (let i = 0; i < size; i++) {
      const at = vaLo + i, lo = at >>> 0, hi = at > 0xffffffff ? vaHi + 1 : vaHi
      const same = i > 0 && (lo & (PAGE - 1)) !== 0 && places[i - 1]! >= 0
      const host = same ? places[i - 1]! + 1 : this.place(lo, hi, access, 1)
      if (host === FAULT) return 1
      if (host === DEVICE) {
        this.cpu.fault(Fault.MISALIGNED, vaLo, vaHi, access)
        return 1
      }
      places.push(host)
    }
    if (access === Access.WRITE) {
      places.forEach((host, i) => { views.u8[host] = bytes[i >> 2]! >>> (8 * (i & 3)) })
      for (const host of [places[0]!, places[size - 1]!])
        if (this.codePages.has(host)) this.codePages.written(host, this.index, page => this.dropCode(page))
      return 0
    }
    bytes[0] = bytes[1] = 0
    places.forEach((host, i) => { bytes[i >> 2]! |= views.u8[host]! << (8 * (i & 3)) })
    if (size === 8) {
      i32[result] = bytes[0]!
      i32[result + 1] = bytes[1]!
    } else this.extend(bytes[0]!, size, desc, result)
    return 0
  }

  private casWord(pa: number, expectedLo: number, expectedHi: number, lo: number, hi: number): boolean {
    const host = this.physical.ramAt(pa)
    if (host < 0) return false
    const big = (l: number, h: number) => (BigInt(h >>> 0) << 32n) | BigInt(l >>> 0)
    const expected = big(expectedLo, expectedHi)
    const ok = Atomics.compareExchange(this.views.u64, host >>> 3, expected, big(lo, hi)) === expected
    if (ok && this.codePages.has(host)) this.codePages.written(host, this.index, page => this.dropCode(page))
    return ok
  }
}

const FAULT = -1, DEVICE = -2
/** Limits of a block that is stepped over. */
const ONE: LiftLimits = { maxInsns: 1 }

function amoValue(kind: number, old: bigint, v: bigint, bits: number): bigint {
  const u = (x: bigint) => BigInt.asUintN(bits, x)
  const value =
    kind === AmoKind.SWAP ? v
    : kind === AmoKind.ADD ? old + v
    : kind === AmoKind.XOR ? old ^ v
    : kind === AmoKind.AND ? old & v
    : kind === AmoKind.OR ? old | v
    : kind === AmoKind.MIN ? (old < v ? old : v)
    : kind === AmoKind.MAX ? (old > v ? old : v)
    : kind === AmoKind.MINU ? (u(old) < u(v) ? old : v)
    : u(old) > u(v) ? old : v
  return BigInt.asIntN(bits, value)
}

const isBranch = (operation: number): boolean => branches.has(operation)
