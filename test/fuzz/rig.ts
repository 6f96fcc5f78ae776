// The smallest machine around one processor, for tests: the evaluator, the interpreter and compiled regions over the same
// state and memory, one after the other. A run ends where something sets ExitRequest.STOP: `makeCpu` gives a processor
// that does so at its traps.
import { CodePages, codePagesBytes } from '../../src/accel/jit/pages.ts'
import { mailboxAt } from '../../src/accel/jit/mailbox.ts'
import { planCpu } from '../../src/accel/jit/plan.ts'
import { buildRuntime } from '../../src/accel/jit/runtime.ts'
import type { Compiler } from '../../src/accel/jit/tier1/compiler.ts'
import { Tier1 } from '../../src/accel/jit/tier1/install.ts'
import { core } from '../../src/accel/jit/core.ts'
import { Vcpu } from '../../src/accel/jit/vcpu.ts'
import { type Cpu, type CpuServices, ExitRequest, type Isa } from '../../src/isa/isa.ts'
import { ALL_PASSES, type Passes } from '../../src/ir/opt/passes.ts'
import { PhysicalMemory } from '../../src/mem/physical.ts'
import { type Container, container, place, ram } from '../../src/mem/regions.ts'
import { PAGE } from '../../src/mem/tlb.ts'
import { bumpAllocator } from '../../src/state/alloc.ts'
import { layoutOf } from '../../src/state/layout.ts'
import { type Views, viewsOf } from '../../src/state/views.ts'
import { wasmFeatures } from '../../src/wasm/features.ts'
import { compilerHere, compilerIn } from '../../src/vm/threads.ts'
import { Reference } from './reference.ts'

export type RigOptions = {
  readonly isa: Isa
  /** RAM's physical address and size, a multiple of a page. */
  readonly ramPa: number
  readonly ramBytes: number
  /** Devices and the like. */
  readonly place?: (root: Container, rig: Rig) => void
  readonly nowNs?: () => number
  readonly shared?: boolean
  readonly maxInsns?: number
  /** Passes of the optimiser, in both tiers; the evaluator has none. Left out: all. */
  readonly passes?: Passes
  /** Executions after which a block is compiled; unless given only `compile` does so. */
  readonly heat?: number
  readonly armTimer?: (ns: number) => void
  readonly makeCpu: (views: Views, at: number, services: CpuServices) => Cpu
}

const PAGE_64K = 65536, STATE_ROOM = 24 << 20

export class Rig {
  readonly isa: Isa
  readonly views: Views
  /** Byte offsets in the memory of the processor's state and of RAM. */
  readonly state: number
  readonly ram: number
  readonly ramBytes: number
  readonly stateBytes: number
  readonly physical: PhysicalMemory
  readonly vcpu: Vcpu
  readonly compiler: Compiler
  readonly tier1: Tier1
  readonly reference: Reference
  /** The processor as the evaluator uses it. */
  readonly cpu: Cpu

  constructor(o: RigOptions) {
    const pages = Math.ceil((STATE_ROOM + o.ramBytes) / PAGE_64K), shape = { min: pages, max: pages, shared: o.shared ?? true }
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: shape.shared })
    const views = viewsOf(memory.buffer), alloc = bumpAllocator(PAGE_64K, STATE_ROOM)
    const plan = planCpu(o.isa, alloc), mailboxes = [mailboxAt(views, plan.mailbox, plan.state)]
    const codePagesAt = alloc.alloc(codePagesBytes(STATE_ROOM + o.ramBytes), 64), codePages = new CodePages(views, codePagesAt, mailboxes)
    const places = { tables: { at: alloc.alloc(PAGE_64K, 64), bytes: PAGE_64K }, codePages: codePagesAt, cpus: [plan] }
    const root = container('system', 2 ** 52)
    place(root, o.ramPa, ram('ram', STATE_ROOM, o.ramBytes))
    this.isa = o.isa
    this.views = views
    this.state = plan.state
    this.stateBytes = layoutOf(o.isa.state).sizeBytes
    this.ram = STATE_ROOM
    this.ramBytes = o.ramBytes
    o.place?.(root, this)
    this.physical = new PhysicalMemory({ views, root })
    const services = { nowNs: o.nowNs ?? (() => 0), armTimer: o.armTimer ?? (() => {}) }
    const features = wasmFeatures()
    this.vcpu = new Vcpu({
      index: 0, isa: o.isa, views, plan, memory, physical: this.physical, features, mailboxes, codePages, services,
      runtime: new WebAssembly.Module(buildRuntime(core, features, shape, o.isa.fpStack)),
      makeCpu: s => o.makeCpu(views, plan.state, s),
      heat: o.heat ?? 0x7fffffff, fueled: shape.shared === false,
      ...(o.maxInsns !== undefined && { maxInsns: o.maxInsns }), ...(o.passes && { passes: o.passes }),
    })
    this.compiler = compilerIn(o.isa, views, shape, features, places, o.passes ?? ALL_PASSES, () => this.vcpu.readMail())
    this.tier1 = new Tier1(this.vcpu, compilerHere(this.compiler, views, places)[0]!)
    let modes = { data: 0, fetch: 0 }
    this.cpu = o.makeCpu(views, plan.state, {
      hart: 0,
      ...services,
      ramAt: pa => this.physical.ramAt(pa),
      casWord: (pa, expectedLo, expectedHi, lo, hi) => {
        const { i32 } = views, at = this.physical.ramAt(pa) >> 2
        if (at < 0 || i32[at] !== (expectedLo | 0) || i32[at + 1] !== (expectedHi | 0)) return false
        i32[at] = lo
        i32[at + 1] = hi
        return true
      },
      casHalf: (pa, expected, value) => {
        const at = this.physical.ramAt(pa) >> 2
        if (at < 0 || views.i32[at] !== (expected | 0)) return false
        views.i32[at] = value
        return true
      },
      read: (pa, size) => this.physical.read(pa, size),
      write: (pa, size, value) => this.physical.write(pa, size, value),
      flushTlb() {}, flushPage() {}, flushCode() {},
      selectTlb: (_space, data, _fetchSpace, fetch) => { modes = { data, fetch } },
    })
    this.reference = new Reference(this.isa, this.cpu, this.physical, views, plan.state, () => modes)
  }

  stop(): void { Atomics.or(this.views.i32, this.state >>> 2, ExitRequest.STOP) }
  private start(): void { Atomics.store(this.views.i32, this.state >>> 2, 0) }

  /** Runs by the evaluator, at most so many blocks. */
  runReference(maxBlocks = 10_000): void {
    this.start()
    this.cpu.refresh()
    this.reference.run(maxBlocks)
  }

  /** Runs by whatever has been translated: records at first, regions where `compile` made them. Without shared memory it
   * leaves each time that `fuel` polls are used up, so many times at most. */
  run(fuel = 10_000, maxTurns = Infinity): void {
    this.start()
    this.vcpu.cpu.refresh()
    const { core } = this.vcpu
    let turns = 0
    do {
      core.fuel = fuel
      this.vcpu.run()
    } while (++turns < maxTurns && !core.halted && !(core.exitRequest & ExitRequest.STOP))
  }

  /** Compiles a region around the block at `pc`, as if it had become hot; false if it was never
   * translated. Of several modes the one that was translated last. */
  compile(pc: bigint): boolean {
    const blocks = this.vcpu.code.cache.blocks, lo = Number(BigInt.asUintN(32, pc)), hi = Number(BigInt.asIntN(32, pc >> 32n))
    const b = blocks.findLast(b => b?.valid && b.pcLo === (lo | 0) && b.pcHi === hi)
    if (!b) return false
    if (b.code !== b.record) return true
    this.vcpu.onHot(b)
    this.vcpu.onMessage()
    return true
  }

  /** Memory was written from outside: what was translated of the page at byte offset `page` of RAM is dropped. */
  written(page: number): void {
    this.vcpu.codePages.written(this.ram + page, 0, p => this.vcpu.code.dropCode(p))
  }

  /** Forgets all translated code. RAM and state stay. */
  forget(): void {
    this.vcpu.code.dropAllCode()
    this.tier1.reset()
    this.vcpu.tlb.flush()
    for (let page = 0; page < this.ramBytes; page += PAGE) this.written(page)
  }
}
