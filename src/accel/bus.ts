// The physical memory as one processor's accesses reach it: a page may be the processor's own.
import type { LocalPage } from '../isa/isa.ts'
import type { PhysicalMemory } from '../mem/physical.ts'
import { PAGE } from '../mem/tlb.ts'

export type Bus = Pick<PhysicalMemory, 'mapped' | 'read' | 'write' | 'readWide' | 'writeWide'>

/** `open`: see Isa.openBus. */
export function busOf(physical: PhysicalMemory, local: LocalPage | undefined, open: boolean): Bus {
  if (!local) return physical
  const isOwn = (pa: number): boolean => pa - (pa % PAGE) === local.page()
  return {
    mapped: (pa, size, write) => open || isOwn(pa) || physical.mapped(pa, size, write),
    read: (pa, size) => (isOwn(pa) ? local.read(pa % PAGE, size) : physical.read(pa, size)),
    write(pa, size, value) {
      if (isOwn(pa)) local.write(pa % PAGE, size, value)
      else physical.write(pa, size, value)
    },
    readWide(pa, out) {
      if (!isOwn(pa)) return physical.readWide(pa, out)
      out[0] = local.read(pa % PAGE, 4)
      out[1] = local.read((pa % PAGE) + 4, 4)
    },
    writeWide(pa, lo, hi) {
      if (!isOwn(pa)) return physical.writeWide(pa, lo, hi)
      local.write(pa % PAGE, 4, lo)
      local.write((pa % PAGE) + 4, 4, hi)
    },
  }
}
