import { quad } from './quad.ts'
import { riscv } from './riscv.ts'
import type { Target } from './target.ts'
import { avx, avx512, sse } from './x86.ts'
import { x87 } from './x87.ts'

export const targets: readonly Target[] = [riscv, quad, sse, avx, avx512, x87]
