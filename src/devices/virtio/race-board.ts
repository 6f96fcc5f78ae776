// The machine that both threads of race.test.ts bind.
import { cpuWire } from '../../device/irq.ts'
import { virtioMmio } from './mmio.ts'
import { virtioRng } from './rng.ts'
import { RAM, RAM_BYTES, SLOT } from './testing.ts'

export const SIZE = 4 << 20
/** Words of the buffer behind guest memory, by which the threads talk. */
export const WORD = { INTERRUPTS: RAM_BYTES >>> 2 }

const device = virtioMmio(virtioRng)
export const raceBoard = (packed: boolean) =>
  ({
    name: 'race',
    memory: [{ kind: 'ram', name: 'ram', at: RAM, sizeBytes: RAM_BYTES, hostOffset: 0 }],
    devices: [
      {
        device,
        id: 'dev',
        properties: { 'force-legacy': false, packed },
        at: { mmio: SLOT },
        wires: { irq: cpuWire(0, 'irq') },
      },
    ],
  }) as const
