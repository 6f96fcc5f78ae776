import { traceTable } from '../base/trace.ts'

/** Interrupt lines, when their level changes, and interrupts that are messages. */
export const deviceTraces = traceTable({
  irq_set: 'device %s pin %s[%d] level %d',
  irq_set_cpu: 'cpu %d line %s level %d',
  irq_message: 'device %s addr %x data %x',
})
