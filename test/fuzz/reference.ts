// Runs code by the evaluator, with the processor code for translation, traps and system instructions: no TLB, no translated
// code, nothing remembered between blocks.
import { floatContext, type Rounding } from '../../src/base/softfloat.ts'
import type { Block } from '../../src/ir/block.ts'
import { Builder } from '../../src/ir/build.ts'
import { type EvalMachine, evaluate } from '../../src/ir/eval.ts'
import { MemOp } from '../../src/ir/ops.ts'
import { Access, type Cpu, ExitRequest, Fault, type Isa, vcpuCore } from '../../src/isa/isa.ts'
import type { PhysicalMemory } from '../../src/mem/physical.ts'
import { PAGE } from '../../src/mem/tlb.ts'
import { layoutOf } from '../../src/state/layout.ts'
import type { Views } from '../../src/state/views.ts'

const core = layoutOf(vcpuCore).offsets
const M64 = 0xffffffffffffffffn
export const halves = (va: bigint) => [Number(BigInt.asUintN(32, va)), Number(BigInt.asIntN(32, va >> 32n))] as const

export class Reference {
  private readonly isa: Isa
  private readonly cpu: Cpu
  private readonly physical: PhysicalMemory
  private readonly views: Views
  private readonly state: number
  private readonly modes: () => { data: number; fetch: number }
  private readonly registers: bigint[] = []
  private readonly machine: EvalMachine
  private readonly builder = new Builder(undefined, false)
  /** Called with each block before it is evaluated. */
  onBlock: (b: Block) => void = () => {}

  constructor(
    isa: Isa, cpu: Cpu, physical: PhysicalMemory, views: Views, state: number, modes: () => { data: number; fetch: number },
  ) {
    this.isa = isa
    this.cpu = cpu
    this.physical = physical
    this.views = views
    this.state = state
    this.modes = modes
    this.machine = this.evalMachine()
  }

  private get stopped(): boolean { return (this.views.i32[this.state >>> 2]! & ExitRequest.STOP) !== 0 }
  private get pc(): bigint { return this.views.u64[(this.state + core.pc) >>> 3]! }
  private set pc(v: bigint) { this.views.u64[(this.state + core.pc) >>> 3] = v }

  run(maxBlocks: number, maxInsns = 16): void {
    const { views, cpu, machine } = this
    for (let n = 0; n < maxBlocks && !this.stopped && !views.i32[(this.state + core.halted) >>> 2]; n++) {
      const block = this.fetch(maxInsns)
      if (!block) {
        cpu.deliver()
        continue
      }
      this.onBlock(block)
      this.isa.registers.forEach((r, i) => {
        const at = this.state + r.offset
        const low = r.type === 'i' ? BigInt(views.u32[at >>> 2]!) : views.u64[at >>> 3]!
        this.registers[i] = r.type === 'v' ? (views.u64[(at >>> 3) + 1]! << 64n) | low : low
      })
      const denormals = cpu.float.denormals?.()
      if (denormals) Object.assign(machine.float, { denormalsAreZero: denormals.areZero, flushToZero: denormals.flush })
      const out = evaluate(block, machine)
      this.isa.registers.forEach((r, i) => {
        const at = this.state + r.offset
        if (r.type === 'i') views.u32[at >>> 2] = Number(this.registers[i]!)
        else views.u64[at >>> 3] = this.registers[i]!
        if (r.type === 'v') views.u64[(at >>> 3) + 1] = this.registers[i]! >> 64n
      })
      this.pc = out.pc
      if (out.kind === 'fault') cpu.deliver()
      else if (out.kind === 'system') cpu.system(out.helper, out.arg)
    }
  }

  /** The block at pc, or undefined and a fault noted. */
  private fetch(maxInsns: number): Block | undefined {
    const { pc, cpu, physical, views } = this, [lo, hi] = halves(pc)
    let faulted = false
    this.builder.begin(lo, hi)
    const u8 = (offset: number): number => {
      const va = (pc + BigInt(offset)) & M64
      // Only the block's first instruction may lie in two pages.
      if (offset > 0 && va >> 12n !== pc >> 12n && this.builder.block.sizeBytes > 0 && offset >= this.builder.block.sizeBytes) return -1
      const t = cpu.translate(...halves(va), Access.EXECUTE, this.modes().fetch, 1)
      const host = t ? physical.readableAt(t.pa) : -1
      if (t && host < 0) cpu.fault(Fault.BUS, ...halves(va), Access.EXECUTE)
      if (host < 0) {
        faulted = true
        return -1
      }
      return views.u8[host]!
    }
    const u16 = (offset: number): number => {
      const low = u8(offset), high = low < 0 ? -1 : u8(offset + 1)
      return high < 0 ? -1 : low | (high << 8)
    }
    if (u8(0) < 0) return undefined
    const mode = views.i32[(this.state + core.mode) >>> 2]!
    const endOffset = PAGE - (lo & (PAGE - 1))
    this.isa.lift(this.builder, { u16, u8 }, mode, { maxInsns, endOffset })
    if (this.builder.block.n > 0) return this.builder.block
    if (!faulted) throw new Error(`no block at ${pc.toString(16)}`)
    return undefined
  }

  private evalMachine(): EvalMachine {
    const { cpu, physical, views } = this, self = this
    const wide = new Uint32Array(2)
    const crosses = (va: bigint, bytes: number) => (va & BigInt(PAGE - 1)) + BigInt(bytes) > PAGE
    /** Places of each byte of a misaligned access; undefined and a fault noted. */
    const places = (va: bigint, bytes: number, access: Access, memop: number): number[] | undefined => {
      const out: number[] = [], firstPart = crosses(va, bytes) ? PAGE - Number(va & BigInt(PAGE - 1)) : bytes
      for (let i = 0; i < bytes; i++) {
        if (i === 0 || i === firstPart) {
          const at = (va + BigInt(i)) & M64, t = cpu.translate(...halves(at), access, self.modes().data, 1, memop & MemOp.STACK)
          if (!t) return undefined
          const host = access === Access.READ ? physical.readableAt(t.pa) : physical.ramAt(t.pa)
          if (host < 0) {
            cpu.fault(Fault.MISALIGNED, ...halves(va), access)
            return undefined
          }
          out.push(host)
        } else out.push(out[i - 1]! + 1)
      }
      return out
    }
    const within = (va: bigint) => (self.isa.narrow?.(views.i32[(self.state + core.mode) >>> 2]!) ? BigInt.asUintN(32, va) : va)
    const aligned = (va: bigint, bytes: number) => (va & BigInt(bytes - 1)) === 0n
    const misaligned = (bytes: number) => (bytes === 16 ? Fault.MISALIGNED_WIDE : Fault.MISALIGNED)
    const bus = (va: bigint, access: Access) => {
      cpu.fault(Fault.BUS, ...halves(va), access)
      return undefined
    }
    const get = (places: readonly number[]) => places.reduceRight((v, p) => (v << 8n) | BigInt(views.u8[p]!), 0n)
    const put = (places: readonly number[], v: bigint) =>
      places.forEach((p, i) => { views.u8[p] = Number((v >> BigInt(8 * i)) & 0xffn) })
    /** Devices know no atomic operations: a read and a write. */
    const changeDevice = (pa: number, bytes: number, next: (old: bigint) => bigint | undefined): bigint => {
      if (bytes === 8) physical.readWide(pa, wide)
      const old = bytes === 8 ? (BigInt(wide[1]!) << 32n) | BigInt(wide[0]!) : BigInt(physical.read(pa, bytes)), v = next(old) ?? old
      if (bytes === 8) physical.writeWide(pa, ...halves(v))
      else physical.write(pa, bytes, Number(v))
      return old
    }
    const mapped = (pa: number, bytes: number, write: boolean) => self.isa.openBus === true || physical.mapped(pa, bytes, write)
    const run = (host: number, bytes: number) => Array.from({ length: bytes }, (_, i) => host + i)
    return {
      registers: this.registers,
      fields: new DataView(views.buffer, this.state, layoutOf(this.isa.state).sizeBytes),
      load(address, bytes, memop) {
        const va = within(address)
        const access = memop & MemOp.UPDATE ? Access.WRITE : Access.READ
        if (!aligned(va, bytes)) {
          if (memop & MemOp.ALIGNED) {
            cpu.fault(misaligned(bytes), ...halves(va), access, memop & MemOp.STACK)
            return undefined
          }
          const at = places(va, bytes, access, memop)
          return at && get(at)
        }
        const pa = cpu.translate(...halves(va), access, self.modes().data, bytes, memop & MemOp.STACK)?.pa
        if (pa === undefined) return undefined
        const host = physical.readableAt(pa)
        if (host >= 0) return get(run(host, bytes))
        if (!mapped(pa, bytes, access === Access.WRITE)) return bus(va, access)
        if (bytes < 8) return BigInt(physical.read(pa, bytes))
        physical.readWide(pa, wide)
        return (BigInt(wide[1]!) << 32n) | BigInt(wide[0]!)
      },
      store(address, bytes, value, memop) {
        const va = within(address)
        if (!aligned(va, bytes)) {
          if (memop & MemOp.ALIGNED) {
            cpu.fault(misaligned(bytes), ...halves(va), Access.WRITE, memop & MemOp.STACK)
            return false
          }
          const at = places(va, bytes, Access.WRITE, memop)
          if (at) put(at, value)
          return at !== undefined
        }
        const pa = cpu.translate(...halves(va), Access.WRITE, self.modes().data, bytes, memop & MemOp.STACK)?.pa
        if (pa === undefined) return false
        const host = physical.ramAt(pa)
        if (host >= 0) put(run(host, bytes), value)
        else if (!mapped(pa, bytes, true)) return bus(va, Access.WRITE) === null
        else if (bytes === 8) physical.writeWide(pa, ...halves(value))
        else physical.write(pa, bytes, Number(value))
        return true
      },
      update(address, bytes, next, memop) {
        const va = within(address)
        if (!aligned(va, bytes) && memop & MemOp.ALIGNED) {
          cpu.fault(Fault.MISALIGNED, ...halves(va), Access.WRITE, memop & MemOp.STACK)
          return undefined
        }
        const change = (at: readonly number[]) => {
          const old = get(at), v = next(old)
          if (v !== undefined) put(at, v)
          return old
        }
        if (!aligned(va, bytes)) {
          const at = places(va, bytes, Access.WRITE, memop)
          return at && change(at)
        }
        const pa = cpu.translate(...halves(va), Access.WRITE, self.modes().data, bytes, memop & MemOp.STACK)?.pa
        if (pa === undefined) return undefined
        const host = physical.ramAt(pa)
        if (host >= 0) return change(run(host, bytes))
        if (memop & MemOp.ALIGNED || !mapped(pa, bytes, true)) return bus(va, Access.WRITE)
        return changeDevice(pa, bytes, next)
      },
      call(helper, a, b) {
        const args = (self.state + core.args) >>> 3
        views.u64[args] = a
        views.u64[args + 1] = b
        cpu.call(helper)
        return views.u64[(self.state + core.result) >>> 3]!
      },
      float: floatContext(cpu.float.policy),
      raise: flags => { cpu.float.raise(flags) },
      dynamicRounding: () => cpu.float.rounding() as Rounding,
    }
  }
}

