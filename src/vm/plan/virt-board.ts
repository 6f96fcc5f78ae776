// The board of `-M virt` from its plan.
import type { Board } from '../../device/board.ts'
import { VIRTIO_SLOTS, virtBoard } from '../../machines/virt-riscv.ts'
import { type DeviceSpec, deviceOf, romsOf, type VirtSpec } from './board.ts'
import { emptySlot } from './drivers.ts'

export const slotId = (n: number): string => `virtio-mmio-bus.${n}`

export function virtBoardOf(spec: VirtSpec): Board {
  const at = (n: number): DeviceSpec | undefined => spec.devices.find(d => d.slot === n)
  const board = virtBoard({
    harts: spec.harts, ramBytes: spec.ramBytes, ramHostOffset: spec.ramHostOffset,
    virtio: Array.from({ length: VIRTIO_SLOTS }, (_, i) => {
      const n = VIRTIO_SLOTS - 1 - i, d = at(n)
      return d ? deviceOf(d) : { device: emptySlot, id: slotId(n), properties: spec.emptySlots }
    }),
    pci: spec.devices.filter(d => d.slot === undefined).map(deviceOf),
    fwCfgFiles: spec.fwCfgFiles, fwCfgItems: spec.fwCfgItems,
  })
  return { ...board, memory: [...board.memory, ...romsOf(spec)] }
}
