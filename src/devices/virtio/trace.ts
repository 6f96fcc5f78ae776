import { traceTable } from '../../base/trace.ts'

export const virtioTraces = traceTable({
  virtio_queue_notify: 'device %s queue %d',
  virtio_set_status: 'device %s status %x',
  virtio_notify: 'device %s queue %d',
})
