// The instruction sets by architecture: all that the compiler's thread needs of one.
import type { Isa } from '../isa/isa.ts'
import { riscv64 } from '../isa/riscv/riscv64.ts'
import type { Arch } from './config.ts'

export const isas: { readonly [A in Arch]: Isa } = { riscv64 }
