// Fills and flushes of a TLB, for `-d mmu` and trace events. Called where one of the two is on.
import { address, hexAddress, log, logging } from '../../base/log.ts'
import { emitTrace } from '../../base/trace.ts'
import type { Access } from '../../isa/isa.ts'
import { jitTraces } from './trace.ts'

const ACCESS = ['read', 'write', 'execute']

export function logFill(
  cpu: number, vaLo: number, vaHi: number, pa: number, access: Access, mmuMode: number,
): void {
  const how = ACCESS[access]!
  if (logging.mmu) log('mmu', `cpu ${cpu}: tlb fill ${hexAddress(vaLo, vaHi)} -> 0x${pa.toString(16)}, ${how}, mmu mode ${mmuMode}`)
  if (jitTraces.tlb_fill.enabled) emitTrace(jitTraces.tlb_fill, cpu, address(vaLo, vaHi), pa, how, mmuMode)
}

/** `space` -1: of every address space. Without an address: all of it. */
export function logFlush(cpu: number, space: number, vaLo?: number, vaHi?: number): void {
  const what = vaLo === undefined ? 'all' : hexAddress(vaLo, vaHi!), of = space < 0 ? '' : ` of address space ${space}`
  if (logging.mmu) log('mmu', `cpu ${cpu}: tlb flush ${what}${of}`)
  if (jitTraces.tlb_flush.enabled) emitTrace(jitTraces.tlb_flush, cpu, `${what}${of}`)
}
