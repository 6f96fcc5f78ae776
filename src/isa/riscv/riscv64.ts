// The RV64 architecture as the rest knows it.
import type { Isa } from '../isa.ts'
import { hartState, registers } from './cpu.ts'
import { lift } from './lift.ts'

export const riscv64: Isa = { name: 'riscv64', state: hartState, registers, mmuModes: 4, lift }
