// The instruction sets by architecture: all that the compiler's thread needs of one.
import type { Isa } from '../isa/isa.ts'
import { riscv64 } from '../isa/riscv/riscv64.ts'
import { x86 } from '../isa/x86/x86.ts'
import type { Arch } from './config.ts'

export const isas: { readonly [A in Arch]: Isa } = { riscv64, x86_64: x86, i386: x86 }
