import { traceTable } from '../base/trace.ts'

/** Accesses to devices, by region. */
export const memTraces = traceTable({
  memory_region_ops_read: 'mr %s addr %x value %x size %d',
  memory_region_ops_write: 'mr %s addr %x value %x size %d',
})
