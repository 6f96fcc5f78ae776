// What one processor needs of the one memory, and where it lies: state, software TLBs and jump caches, mailbox, records.
import type { Isa } from '../../isa/isa.ts'
import { tlbAreaBytes } from '../../mem/tlb.ts'
import type { Allocator } from '../../state/alloc.ts'
import { layoutOf } from '../../state/layout.ts'
import { MAILBOX_BYTES } from './mailbox.ts'

export type CpuPlan = {
  readonly state: number
  readonly tlb: number
  readonly mailbox: number
  /** Interpreter records. */
  readonly records: number
  readonly recordBytes: number
}

const MIB = 1 << 20

/** `recompiles`: otherwise there is state, and nothing that only generated code needs. */
export function planCpu(isa: Isa, allocator: Allocator, recompiles = true): CpuPlan {
  const recordBytes = recompiles ? 8 * MIB : 0
  return {
    state: allocator.alloc(layoutOf(isa.state).sizeBytes, 4096),
    tlb: allocator.alloc(recompiles ? tlbAreaBytes(isa.mmuModes) : 0, 4096),
    mailbox: allocator.alloc(MAILBOX_BYTES, 64),
    records: allocator.alloc(recordBytes, 4096),
    recordBytes,
  }
}
