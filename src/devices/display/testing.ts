// A display card on a bench: memory at A0000, ports, BARs wherever they are put.
import type { AnyDevice } from '../../device/define.ts'
import { bench, type Bench } from '../../device/testing.ts'
import type { PhysicalMemory } from '../../mem/physical.ts'

export type PortBench = Bench & {
  readonly memory: PhysicalMemory
  in(port: number, size?: number): number
  out(port: number, value: number, size?: number): void
}

export function portBench(device: AnyDevice, properties: { readonly [name: string]: unknown }): PortBench {
  const io = (at: number) => ({ space: 'io', at })
  const b = bench({
    name: 'card', floating: 0xff,
    memory: [{ kind: 'space', name: 'io', sizeBytes: 65536, views: [] }],
    devices: [{
      device, id: 'dut', properties,
      at: { legacy: 0xa0000, mda: io(0x3b0), vga: io(0x3c0), vbe: io(0x1ce), vram: 0xe000_0000, mmio: 0xfebf_0000 },
    }],
  }, { sizeBytes: 8 << 20 })
  const { memory, io: ports } = b.system
  return {
    ...b, memory,
    in: (port, size = 1) => ports.read(port, size),
    out: (port, value, size = 1) => ports.write(port, size, value),
  }
}
