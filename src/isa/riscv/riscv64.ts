// The RV64 architecture as the rest knows it.
import type { Isa } from '../isa.ts'
import { levelName } from './causes.ts'
import { hartState, Mmu, Mode, registers } from './cpu.ts'
import { disassembleBytes } from './disassemble.ts'
import { FLOAT_MODE } from './emit.ts'
import { lift } from './lift.ts'

const SUPERVISOR = 1

export const riscv64: Isa = {
  name: 'riscv64', state: hartState, registers, codeAlign: 1, mmuModes: 4, globalModes: [Mmu.SUPERVISOR], lift,
  disassemble: disassembleBytes,
  modeName: mode => levelName(mode & Mode.PRIV),
  // A kernel runs in the floating-point state of whichever program it serves, and hardly ever uses it.
  sharedMode: mode => ((mode & Mode.PRIV) === SUPERVISOR ? mode & ~FLOAT_MODE : mode),
}
