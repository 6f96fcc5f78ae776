// The engine that lifts and evaluates: the code itself under test is the tables, the builder and the
// evaluator. Instructions that are left to the processor code are done by it, in user mode.
import { floatContext, type Rounding } from '../../../src/base/softfloat.ts'
import { Builder } from '../../../src/ir/build.ts'
import { type EvalMachine, evaluate } from '../../../src/ir/eval.ts'
import { MemOp } from '../../../src/ir/ops.ts'
import { F0, hartLayout, System } from '../../../src/isa/riscv/cpu.ts'
import { fixtures } from '../../../src/isa/riscv/fixture.ts'
import { lift } from '../../../src/isa/riscv/lift.ts'
import {
  codeFrom, type Engine, type Result, SIGILL, SIGSEGV, SIGTRAP, START, WINDOW, WINDOW_BYTES,
} from './machine.ts'

const USER = 0, FS_DIRTY = 3n << 13n
const CAUSE_ILLEGAL = 2n

export function evalEngine(): Engine {
  const [hart] = fixtures(1) as [ReturnType<typeof fixtures>[number]]
  const { s, cpu } = hart
  const g = new Builder()
  const stateAt = 4096 // where the fixture puts the first hart
  const fields = new DataView(hart.views.u8.buffer, stateAt, hartLayout.sizeBytes)
  const float = floatContext('canonical')

  return {
    name: 'eval',
    run(c) {
      const registers = [...c.x, ...c.f]
      const memory = c.memory.slice()
      cpu.reset()
      s.priv = USER
      s.mstatus |= FS_DIRTY
      s.fflags = c.fcsr & 31
      s.frm = c.fcsr >> 5
      cpu.refresh()
      float.flags = 0
      const at = (address: bigint, bytes: number): number | undefined => {
        const inside = address >= WINDOW && address + BigInt(bytes) <= WINDOW + BigInt(WINDOW_BYTES)
        return inside ? Number(address - WINDOW) : undefined
      }
      const read = (i: number, bytes: number): bigint => {
        let v = 0n
        for (let k = bytes - 1; k >= 0; k--) v = (v << 8n) | BigInt(memory[i + k]!)
        return v
      }
      const write = (i: number, bytes: number, v: bigint): void => {
        for (let k = 0; k < bytes; k++) memory[i + k] = Number((v >> BigInt(8 * k)) & 0xffn)
      }
      const machine: EvalMachine = {
        registers, fields, float,
        dynamicRounding: () => s.frm as Rounding,
        load(address, bytes, memop) {
          const i = at(address, bytes)
          return i === undefined || (memop & MemOp.ALIGNED && i % bytes !== 0) ? undefined : read(i, bytes)
        },
        store(address, bytes, value) {
          const i = at(address, bytes)
          if (i !== undefined) write(i, bytes, value)
          return i !== undefined
        },
        update(address, bytes, next) {
          const i = at(address, bytes)
          if (i === undefined || i % bytes !== 0) return undefined
          const old = read(i, bytes), v = next(old)
          if (v !== undefined) write(i, bytes, v)
          return old
        },
        call() { throw new Error('a runtime call in user mode') },
      }
      const result = (pc: bigint, signal: number, address = 0n): Result => ({
        pc, signal, address, memory,
        x: BigUint64Array.from(registers.slice(0, 32)),
        f: BigUint64Array.from(registers.slice(F0)),
        fcsr: ((s.fflags | float.flags) & 31) | (s.frm << 5),
      })

      let pc = START
      for (let blocks = 0; blocks < 8; blocks++) {
        const low = BigInt.asUintN(32, pc)
        g.begin(Number(low), Number(BigInt.asIntN(32, pc >> 32n)))
        lift(g, codeFrom(c, pc), s.mode, { maxInsns: 16 })
        if (g.block.n === 0) return result(pc, SIGSEGV, pc)
        const out = evaluate(g.block, machine)
        if (out.kind === 'fault') return result(out.pc, SIGSEGV, out.address)
        pc = out.pc
        if (out.kind === 'jump') continue
        if (out.helper === System.EBREAK) return result(pc, SIGTRAP)
        // Over to the processor code, which has the registers in its state.
        for (let i = 0; i < 32; i++) s.x.set(i, registers[i]!)
        s.fflags |= float.flags
        float.flags = 0
        s.pc = pc
        cpu.system(out.helper, out.arg)
        for (let i = 0; i < 32; i++) registers[i] = s.x.get(i)
        if (s.priv !== USER) {
          if (s.mcause === CAUSE_ILLEGAL) return result(pc, SIGILL)
          throw new Error(`${c.name}: trap ${s.mcause}`)
        }
        pc = s.pc
      }
      throw new Error(`${c.name} does not come to an end`)
    },
  }
}
