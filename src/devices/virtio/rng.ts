// Entropy device (Virtual I/O Device specification 1.2, section 5.4).
// Not modelled: a limit on the rate at which the guest takes entropy.
import type { EntropyBackend } from '../../device/entropy.ts'
import { textProperty } from '../../device/define.ts'
import { pop, push, signal } from './queue.ts'
import { scatter } from './ring.ts'
import { defineVirtio } from './virtio.ts'

/**
 * Bytes that one request gets and requests that one turn serves, so that a greedy guest doesn't hold the
 * thread.
 */
const REQUEST_BYTES = 65536, REQUESTS = 16

export const virtioRng = defineVirtio({
  name: 'rng',
  id: 4,
  version: 1,
  description: 'virtio random number generator',
  properties: { rng: textProperty('', 'id of the entropy source') },
  state: {},
  pci: { class: 0x00ff00, transitionalId: 0x1005, vectors: () => 1 },
  queues: () => [8],
  features: () => [],
  configBytes: 0,

  service(s, io, source: EntropyBackend) {
    for (let n = 0; ; n++) {
      if (n === REQUESTS) {
        io.wake()
        break
      }
      const chain = pop(s, io, 0)
      if (!chain) break
      const bytes = new Uint8Array(Math.min(chain.writableBytes, REQUEST_BYTES))
      source.fill(bytes)
      push(s, io, 0, chain, scatter(io.dma, chain, 0, bytes))
    }
    signal(s, io, 0)
    return undefined
  },
})
