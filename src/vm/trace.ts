import { traceTable } from '../base/trace.ts'

/** The machine's life. */
export const vmTraces = traceTable({
  runstate_set: 'state %s',
  vm_reset: 'by %s',
  snapshot_save: '',
  snapshot_load: '',
})
