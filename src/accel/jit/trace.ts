import { traceTable } from '../../base/trace.ts'

/** Translations of addresses, and of code. */
export const jitTraces = traceTable({
  tlb_fill: 'cpu %d va %x pa %x access %s mmu_mode %d',
  tlb_flush: 'cpu %d %s',
  translate_block: 'cpu %d pc %x size %d insns %d',
  jit_request_region: 'cpu %d pc %x',
  jit_compile_module: 'regions %d insns %d bytes %d',
  jit_drop_page: 'cpu %d host %x',
  jit_drop_all: 'cpu %d',
})
