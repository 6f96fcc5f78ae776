// The x86 architecture as the rest knows it.
import type { Isa } from '../isa.ts'
import { Mmu } from './core.ts'
import { cpuState, Mode, registers } from './cpu.ts'
import { disassemble } from './disassemble.ts'
import { codeBits, lift } from './lift.ts'
import { x87Stack } from './x87.ts'

const levelName = (mode: number): string =>
  !(mode & Mode.PROTECTED) ? 'real mode' : mode & Mode.VM86 ? 'virtual-8086 mode' : `CPL ${(mode & Mode.CPL) >> Mode.CPL_SHIFT}`

export const x86: Isa = {
  name: 'x86', state: cpuState, registers, codeAlign: 0, misalignedDevices: true, openBus: true, mmuModes: 3, lift,
  globalModes: [Mmu.SUPERVISOR, Mmu.SUPERVISOR_SMAP], fpStack: x87Stack,
  narrow: mode => (mode & Mode.CODE) !== Mode.CODE64,
  disassemble(bytes, pc, mode) {
    const insn = disassemble(bytes, pc, codeBits(mode))
    return insn ?? { text: `.byte 0x${(bytes[0] ?? 0).toString(16)}`, length: 1 }
  },
  modeName: mode => `${codeBits(mode)}-bit, ${levelName(mode)}`,
}
