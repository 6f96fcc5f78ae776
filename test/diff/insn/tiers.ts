// The engines that run what guests run: records of the interpreter, and compiled regions. The hart is in user mode; Sv39
// tables map the code, a page of C.EBREAK everywhere around it, and the memory window.
import { ExitRequest } from '../../../src/isa/isa.ts'
import { hartLayout, System } from '../../../src/isa/riscv/cpu.ts'
import { makeCpu } from '../../../src/isa/riscv/processor.ts'
import { riscv64 } from '../../../src/isa/riscv/riscv64.ts'
import { bind } from '../../../src/state/bind.ts'
import { Rig } from '../../fuzz/rig.ts'
import {
  type Case, CODE, CODE_BYTES, type Engine, SIGILL, SIGSEGV, SIGTRAP, START, WINDOW, WINDOW_BYTES,
} from './machine.ts'

const RAM = 0x80000000, PAGE = 4096, C_EBREAK = 0x9002
const USER = 0, CAUSE_ILLEGAL = 2n, FS_DIRTY = 3n << 13n
/** Pages of RAM: tables by level, then contents. */
const ROOT = 0, MIDDLE = 1, LEAVES = 2, LEAF_TABLES = 3, EBREAKS = 5, CODE_PAGE = 6, WINDOW_PAGE = 7, PAGES = 8
const VALID = 1n, LEAF = 0xdfn // V R W X U A D
const entry = (page: number, flags: bigint) => (BigInt(RAM / PAGE + page) << 10n) | flags

export function tierEngine(name: 'interp' | 'jit'): Engine {
  let signal = 0, address = 0n, pc = 0n
  const rig = new Rig({
    isa: riscv64, ramPa: RAM, ramBytes: PAGES * PAGE,
    makeCpu(views, at, services) {
      const cpu = makeCpu(riscv64, views, at, services), s = bind(hartLayout, views, at)
      const end = (why: number, where: bigint) => {
        signal = why
        pc = where
        Atomics.or(views.i32, at >>> 2, ExitRequest.STOP)
      }
      return {
        ...cpu,
        deliver() {
          address = s.trapValue
          end(SIGSEGV, s.pc)
        },
        system(helper, arg) {
          const where = s.pc
          if (helper === System.EBREAK) return end(SIGTRAP, where)
          cpu.system(helper, arg)
          if (s.priv === USER) return
          if (s.mcause !== CAUSE_ILLEGAL) throw new Error(`trap ${s.mcause}`)
          end(SIGILL, where)
        },
      }
    },
  })
  const { views } = rig, s = bind(hartLayout, views, rig.state)
  const put = (page: number, index: number, value: bigint) => { views.u64[(rig.ram + page * PAGE) / 8 + index] = value }
  put(ROOT, Number(CODE >> 30n), entry(MIDDLE, VALID))
  const table = (va: bigint) => Number((va >> 21n) & 511n)
  for (let i = 0; i < Number(CODE_BYTES >> 21n); i++) {
    put(MIDDLE, table(CODE) + i, entry(LEAVES + i, VALID))
    for (let k = 0; k < 512; k++) put(LEAVES + i, k, entry(EBREAKS, LEAF))
  }
  put(MIDDLE, table(WINDOW), entry(LEAVES + LEAF_TABLES - 1, VALID))
  put(LEAVES + LEAF_TABLES - 1, Number((WINDOW >> 12n) & 511n), entry(WINDOW_PAGE, LEAF))
  put(LEAVES + table(START) - table(CODE), Number((START >> 12n) & 511n), entry(CODE_PAGE, LEAF))
  const at = (page: number) => rig.ram + page * PAGE
  views.u16.fill(C_EBREAK, at(EBREAKS) / 2, at(CODE_PAGE + 1) / 2)

  let code: readonly number[] = []
  const load = (c: Case) => {
    for (let i = 0; i < 32; i++) {
      s.x.set(i, c.x[i]!)
      s.f.set(i, c.f[i]!)
    }
    views.u8.set(c.memory, at(WINDOW_PAGE))
    s.priv = USER
    s.mstatus |= FS_DIRTY
    s.satp = (8n << 60n) | BigInt(RAM / PAGE + ROOT)
    s.fflags = c.fcsr & 31
    s.frm = c.fcsr >> 5
    s.reservedAddress = 0xffffffffffffffffn
    s.pc = START
    signal = 0
    address = 0n
  }
  rig.cpu.reset()
  views.u8[rig.state + hartLayout.offsets.pmpcfg] = 0x1f // one region: everything
  s.pmpaddr.set(0, (1n << 54n) - 1n)
  return {
    name,
    run(c) {
      if (c.code.join() !== code.join()) {
        rig.forget()
        views.u16.fill(C_EBREAK, at(CODE_PAGE) / 2, at(CODE_PAGE) / 2 + 16)
        views.u16.set(c.code, at(CODE_PAGE) / 2)
        code = c.code
      }
      load(c)
      rig.run()
      if (name === 'jit' && rig.compile(START)) {
        load(c)
        rig.run()
      }
      return {
        pc, signal, address, fcsr: (s.fflags & 31) | (s.frm << 5),
        x: BigUint64Array.from({ length: 32 }, (_, i) => s.x.get(i)),
        f: BigUint64Array.from({ length: 32 }, (_, i) => s.f.get(i)),
        memory: views.u8.slice(at(WINDOW_PAGE), at(WINDOW_PAGE) + WINDOW_BYTES),
      }
    },
  }
}
