// One virtual processor on one thread: finds, translates and runs code, serves what generated code cannot do itself.
import { logging } from '../../base/log.ts'
import { arity, rows } from '../../ir/ops.ts'
import type { Passes } from '../../ir/opt/passes.ts'
import { type Cpu, type CpuServices, ExitRequest, type Isa } from '../../isa/isa.ts'
import type { PhysicalMemory } from '../../mem/physical.ts'
import { Tlb } from '../../mem/tlb.ts'
import type { Views } from '../../state/views.ts'
import type { WasmFeatures } from '../../wasm/features.ts'
import type { CodeBlock } from './cache.ts'
import { logStopped, watchesExecution } from './block-log.ts'
import { AccessKind } from './code.ts'
import { core, CoreState } from './core.ts'
import { VcpuDebug } from './debug.ts'
import { softFloat } from './float.ts'
import { Exclusive } from './exclusive.ts'
import { Mail, type Mailbox } from './mailbox.ts'
import type { CodePages } from './pages.ts'
import type { CpuPlan } from './plan.ts'
import type { RuntimeExports, RuntimeImports } from './runtime.ts'
import { SlowAccess } from './slow.ts'
import { Record } from './tier0/records.ts'
import { logFlush } from './tlb-log.ts'
import { jitTraces } from './trace.ts'
import { Translator } from './translate.ts'

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
  readonly passes?: Passes
}

/** Called when a block became hot. */
export type HotHandler = (block: CodeBlock) => void

const operand32 = rows.map((r, row) => Array.from({ length: arity[row]! }, (_, i) => r.sig[i] === 'i' || r.sig[i] === 'f'))

export class Vcpu {
  readonly index: number
  readonly isa: Isa
  readonly cpu: Cpu
  readonly tlb: Tlb
  readonly core: CoreState
  readonly code: Translator
  readonly slow: SlowAccess
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
  /** Drops what was compiled, with all blocks. */
  onEvict: () => void = () => {}
  /** Waits until the log has taken this thread's lines; called between runs, with no lock held. */
  settleLog: () => void = () => {}
  stats = { systems: 0, floats: 0, flushes: 0, runs: 0 }
  private readonly mailbox: Mailbox
  private readonly exclusive: Exclusive
  private readonly i32: Int32Array
  private readonly fueled: boolean
  private readonly float: ReturnType<typeof softFloat>

  constructor(o: VcpuOptions) {
    this.index = o.index
    this.isa = o.isa
    this.views = o.views
    this.physical = o.physical
    this.plan = o.plan
    this.memory = o.memory
    this.codePages = o.codePages
    this.mailbox = o.mailboxes[o.index]!
    this.exclusive = new Exclusive(o.views, o.mailboxes, o.index)
    this.i32 = o.views.i32
    this.fueled = o.fueled ?? false
    this.core = new CoreState(o.views, o.plan.state)
    this.tlb = new Tlb(o.views, o.plan.tlb, o.isa.mmuModes, o.isa.globalModes)
    this.table = new WebAssembly.Table({ element: 'anyfunc', initial: 1 << 16, maximum: 1 << 16 })
    this.cpu = o.makeCpu(this.cpuServices(o.services))
    this.float = softFloat(this.cpu, operand32)
    this.code = new Translator({ ...o, core: this.core, cpu: this.cpu, tlb: this.tlb, debug: this.debug, serveMail: () => this.readMail() })
    this.slow = new SlowAccess({
      ...o, core: this.core, cpu: this.cpu, tlb: this.tlb, debug: this.debug, exclusive: this.exclusive, dropCode: page => {
        this.code.dropCode(page)
        // What runs may be of that page: it leaves at its next back edge.
        this.core.requestExit(ExitRequest.RETIER)
      },
    })
    const imports: RuntimeImports = {
      slow: rec => this.slowRecord(rec),
      system: rec => this.systemRecord(rec),
      call: rec => this.callRecord(rec),
      fp: rec => this.floatRecord(rec),
      lookup: rec => this.code.lookup(rec),
      hot: rec => this.onHot(this.code.blockOf(rec)),
      deliver: () => this.deliver(),
      systemPending: () => this.system(this.i32[(this.plan.state + core.helper) >>> 2]!, this.i32[(this.plan.state + core.arg) >>> 2]!),
      slowAccess: desc => this.slow.access(desc),
      fpCompiled: (row, env) => this.floatCompiled(row, env),
      callCompiled: helper => this.cpu.call(helper),
    }
    const instance = new WebAssembly.Instance(o.runtime, { env: { memory: o.memory, table: this.table, ...imports } })
    this.exports = instance.exports as WebAssembly.Exports & RuntimeExports
  }

  private cpuServices(given: VcpuOptions['services']): CpuServices {
    const { tlb, debug, core: state } = this
    return {
      hart: this.index,
      ...given,
      get debugged() { return debug.watching },
      holds: (lo, hi, size, write) => debug.holds(lo, hi, size, !write, write, state.pcLo, state.pcHi),
      ramAt: pa => this.physical.ramAt(pa),
      casWord: (pa, expectedLo, expectedHi, lo, hi) => this.slow.casWord(pa, expectedLo, expectedHi, lo, hi),
      casHalf: (pa, expected, value) => this.slow.casHalf(pa, expected, value),
      hostFor: (vaLo, vaHi, access, mode, hint) => this.slow.hostFor(vaLo, vaHi, access, mode, hint),
      read: (pa, size) => this.slow.bus.read(pa, size),
      write: (pa, size, value) => this.slow.write(pa, size, value),
      flushTlb: space => {
        this.stats.flushes++
        this.flush(space ?? -1)
      },
      flushPage: (vaLo, vaHi, space) => this.flush(space ?? -1, vaLo, vaHi),
      selectTlb: (space, mode, _fetchSpace, fetchMode) => {
        tlb.select(space)
        this.slow.dataMode = mode
        this.code.fetchMode = fetchMode
        this.i32[(this.plan.state + core.tlb) >>> 2] = tlb.tableAt(mode)
        this.i32[(this.plan.state + core.jumpCache) >>> 2] = tlb.jumpCacheAt(fetchMode)
        this.i32[(this.plan.state + core.codeTable) >>> 2] = tlb.codeTableAt(fetchMode)
      },
      flushCode: () => this.readMail(),
    }
  }

  /** Runs guest code until an exit request other than for mail is seen, or the processor waits for an interrupt. The
   * state's pc is then exact. */
  run(): void {
    this.mailbox.park(false)
    this.readMail()
    for (;;) {
      const request = this.core.exitRequest
      if (request) {
        if (request & ExitRequest.MESSAGE) {
          this.core.clearExit(ExitRequest.MESSAGE)
          this.readMail()
          this.onMessage()
        }
        if (request & ExitRequest.LOG) {
          this.core.clearExit(ExitRequest.LOG)
          this.waitForLog()
        }
        if (request & ExitRequest.RETIER) this.core.clearExit(ExitRequest.RETIER)
        if (request & ExitRequest.INTERRUPT) {
          this.core.clearExit(ExitRequest.INTERRUPT)
          this.cpu.interrupt()
        }
        if (request & (ExitRequest.STOP | ExitRequest.DEBUG)) break
      }
      if (this.core.halted || this.debug.hit) break
      if (this.debug.held && !this.heldBefore()) break
      if (this.fueled && this.core.fuel === 0) break
      this.stats.runs++
      const at = this.exports.run(this.plan.state, 0)
      if (at) {
        const b = this.code.blockOf(at)
        this.core.setPc(b.pcLo, b.pcHi)
        if (watchesExecution()) logStopped(this.index, b.pcLo, b.pcHi)
        // Let pass a breakpoint, but interrupted before its instruction ran: let it pass again.
        if (this.debug.at(b.pcLo, b.pcHi) !== undefined) this.debug.pass(b.pcLo, b.pcHi)
      }
    }
    this.mailbox.park(true)
  }

  /** Executes one instruction, or a block of at most so many, or takes its fault, without taking interrupts. False if a stop
   * was asked for first. */
  step(insns = 1): boolean {
    this.mailbox.park(false)
    this.readMail()
    this.code.stepInsns = insns
    const done = this.stepOver()
    this.code.stepInsns = 1
    if (this.debug.held) this.debug.tell(this.core.pcLo, this.core.pcHi)
    else if (done) this.debug.forget()
    this.mailbox.park(true)
    return done
  }

  /** A watched access was kept from happening. If it has been told before, its instruction is executed now. */
  private heldBefore(): boolean {
    const { debug } = this
    if (debug.told(this.core.pcLo, this.core.pcHi)) {
      if (this.stepOver()) debug.forget()
      return true
    }
    debug.tell(this.core.pcLo, this.core.pcHi)
    return false
  }

  private stepOver(): boolean {
    const { debug, core: state } = this, mark = this.code.mark()
    let kept = 0
    debug.held = undefined
    debug.handedOut = false
    debug.stepping = true
    this.tlb.dropJumps()
    for (;;) {
      if (this.fueled) state.fuel = 1000
      const request = Atomics.exchange(state.i32, state.w, 0), stop = request & (ExitRequest.STOP | ExitRequest.DEBUG)
      kept |= stop | (request & ExitRequest.INTERRUPT)
      if (request & ExitRequest.LOG) this.waitForLog()
      if (request & ExitRequest.MESSAGE) {
        this.readMail()
        this.onMessage()
      }
      if (debug.handedOut || stop) break
      const at = this.exports.run(this.plan.state, 0)
      if (at) {
        const b = this.code.blockOf(at)
        this.core.setPc(b.pcLo, b.pcHi)
        debug.handedOut = false
      }
    }
    debug.stepping = false
    if (kept) state.requestExit(kept)
    this.code.release(mark)
    return debug.handedOut
  }

  /** Takes a noted fault; but an access that was kept from happening is none. */
  private deliver(): void {
    const { debug, slow } = this
    if (debug.held) return this.tlb.dropJumps() // so that the lookup comes next, and leaves
    this.cpu.deliver()
    if (slow.putOff) debug.handedOut = false // the instruction runs again: a step has not been made yet
    slow.putOff = false
  }

  /** Nobody waits for this processor while it waits. */
  private waitForLog(): void {
    this.mailbox.park(true)
    this.settleLog()
    this.mailbox.park(false)
    this.readMail()
  }

  private flush(space: number, vaLo?: number, vaHi?: number): void {
    if (logging.mmu || jitTraces.tlb_flush.enabled) logFlush(this.index, space, vaLo, vaHi)
    this.tlb.flush(space, vaLo, vaHi)
  }

  /** Handles what other processors asked for, and lets pass one that must be alone. */
  readMail(): void {
    this.mailbox.read(
      (kind, a, b, c) => {
        if (kind === Mail.FLUSH_TLB) this.flush(a)
        else if (kind === Mail.FLUSH_PAGE) this.flush(a, b, c)
        else if (kind === Mail.PROTECT) this.tlb.protect(a)
        else if (kind === Mail.DROP_CODE) this.code.dropCode(a)
        else if (kind === Mail.DROP_ALL_CODE) this.code.dropAllCode()
        else if (kind === Mail.EVICT) this.onEvict()
      },
      () => {
        this.flush(-1)
        this.code.dropAllCode()
        this.onEvict()
      },
    )
    this.exclusive.letPass()
  }

  // What records ask for.

  private systemRecord(rec: number): void {
    this.code.pcOf(rec)
    this.system(this.i32[(rec + Record.IMM) >>> 2]!, this.i32[(rec + Record.AUX) >>> 2]!)
  }

  private system(helper: number, arg: number): void {
    this.stats.systems++
    const { debug } = this, { pcLo, pcHi } = this.core
    this.cpu.system(helper, arg)
    if (debug.held) return this.tlb.dropJumps() // so that the lookup comes next, and leaves
    // What follows may be known to the jump cache, which asks nobody.
    if (this.core.halted) this.core.requestExit(ExitRequest.RETIER)
    // What a step was to execute may only have been prepared, to run again.
    if (debug.stepping && pcLo === this.core.pcLo && pcHi === this.core.pcHi) debug.handedOut = false
  }

  private slot(rec: number, field: number): number {
    return (this.plan.state + this.views.u16[(rec + field) >>> 1]!) >>> 2
  }

  private callRecord(rec: number): void {
    const { i32 } = this, { args, result } = this.core
    for (const [i, field] of [[0, Record.A], [2, Record.B]] as const) {
      const s = this.slot(rec, field)
      i32[args + i] = i32[s]!
      i32[args + i + 1] = i32[s + 1]!
    }
    this.cpu.call(i32[(rec + Record.IMM) >>> 2]!)
    const d = this.slot(rec, Record.DST)
    i32[d] = i32[result]!
    i32[d + 1] = i32[result + 1]!
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
    const { u64 } = this.views, args = this.core.args >>> 1, before = this.core.mode
    u64[this.core.result >>> 1] = this.float(row, env, u64[args]!, u64[args + 1]!, u64[args + 2]!)
    // A loop in the region would go on with code for the old mode: let it come back to be looked up again.
    if (this.core.mode !== before) this.core.requestExit(ExitRequest.RETIER)
  }

  private slowRecord(rec: number): number {
    const { i32 } = this, a = this.slot(rec, Record.A), desc = i32[(rec + Record.AUX) >>> 2]!, kind = desc & AccessKind.MASK
    const atomic = kind === AccessKind.AMO || kind === AccessKind.CAS
    const disp = atomic ? 0 : i32[(rec + Record.IMM) >>> 2]!
    const sum = (i32[a]! >>> 0) + disp
    const { args, result } = this.core
    i32[args] = sum
    i32[args + 1] = i32[a + 1]! + Math.floor(sum / 0x100000000)
    if (kind !== AccessKind.LOAD) this.copy(this.slot(rec, Record.B), args + 2)
    if (desc & AccessKind.WIDE && kind !== AccessKind.LOAD) this.copy(this.slot(rec, Record.B) + 2, args + 4)
    if (kind === AccessKind.CAS) this.copy(this.slot(rec, Record.IMM), args + 4)
    if (this.slow.access(desc)) {
      this.code.pcOf(rec)
      this.deliver()
      return 1
    }
    if (kind !== AccessKind.STORE) this.copy(result, this.slot(rec, Record.DST))
    if (desc & AccessKind.WIDE && kind !== AccessKind.STORE) this.copy(result + 2, this.slot(rec, Record.DST) + 2)
    return 0
  }

  private copy(from: number, to: number): void {
    this.i32[to] = this.i32[from]!
    this.i32[to + 1] = this.i32[from + 1]!
  }}
