// RISC-V harts as the assembly knows them.
import type { PhysicalMemory } from '../mem/physical.ts'
import { hartLayout } from '../isa/riscv/cpu.ts'
import { describeInterrupts, describeMemory, describeTranslations } from '../isa/riscv/describe.ts'
import { makeCpu } from '../isa/riscv/processor.ts'
import { sbiBoot } from '../isa/riscv/sbi/hsm.ts'
import { bind } from '../state/bind.ts'
import type { ArchSupport } from './arch.ts'
import { isas } from './isas.ts'

const LINES: { readonly [line: string]: number } = { msip: 3, mtip: 7, seip: 9, meip: 11 }

export const riscv: ArchSupport = {
  isa: isas.riscv64,
  makeCpu: (at, services, around, { boot }) => makeCpu(isas.riscv64, around.views, at, services, boot.kind === 'sbi' ? {
    views: around.views,
    harts: around.states,
    kick: around.kick,
    remoteFence: around.remoteFence,
    reset: (kind, failure) => around.request(kind === 'shutdown' ? 'shutdown' : 'reset', failure ? 1 : 0),
    console: consoleOf(around.system.memory),
  } : undefined),
  setLine(views, at, line, level) {
    const word = (at + hartLayout.offsets.lines) >>> 2, bit = 1 << LINES[line]!
    if (level) Atomics.or(views.i32, word, bit)
    else Atomics.and(views.i32, word, ~bit)
  },
  describeMemory,
  describeTranslations,
  describeInterrupts,
  start(views, at, cpu, index, boot) {
    const s = bind(hartLayout, views, at)
    if (boot.kind === 'reset') s.pc = BigInt(boot.entry)
    else if (boot.kind !== 'sbi') throw new Error(`a hart cannot begin with '${boot.kind}'`)
    else if (index > 0) sbiBoot(s)
    else {
      sbiBoot(s, { address: BigInt(boot.entry), opaque: BigInt(boot.deviceTree) })
      cpu.interrupt() // starts it here, not on its thread: whoever looks before it runs sees it as the kernel will
    }
  },
}

/** The UART that the debug console of the built-in SBI writes to. */
const CONSOLE = 0x10000000
const consoleOf = (memory: PhysicalMemory) => ({
  put(byte: number): boolean {
    memory.write(CONSOLE, 1, byte)
    return true
  },
  get: (): number => (memory.read(CONSOLE + 5, 1) & 1 ? memory.read(CONSOLE, 1) : -1),
})
