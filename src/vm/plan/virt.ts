// The RISC-V machine `virt` for the planner.
import { PCI_BUS, VIRTIO_SLOTS } from '../../machines/virt-riscv.ts'
import { type MachineType, missing } from './machine-type.ts'
import { planBoot } from './riscv-boot.ts'
import { cpuModels, cpuProperties, planCpu } from './riscv-cpu.ts'
import { ROM } from './reset-rom.ts'
import { slotId } from './virt-board.ts'

export const virt: MachineType = {
  name: 'virt', aliases: /^$/, arches: ['riscv64'], description: 'RISC-V board for emulators',
  properties: [
    { name: 'dumpdtb', type: 'text', description: 'writes the device tree to a file and ends' },
    missing('aclint', 'flag', 'ACLINT in place of the CLINT', 'off'),
    missing('aia', 'text', 'advanced interrupt architecture', 'none'),
    missing('aia-guests', 'number', 'guest files of the AIA', '0'),
    missing('acpi', 'text', 'ACPI tables', 'off', 'auto'),
    missing('iommu-sys', 'text', 'IOMMU', 'off', 'auto'),
  ],
  maxCpus: 8, defaultRamBytes: 128 * 2 ** 20,
  soldered: ['plic', 'clint', 'test', 'serial0', 'rtc', 'fw-cfg', 'pcie.0', 'gpex-root', 'ram', 'cpu',
    ...Array.from({ length: VIRTIO_SLOTS }, (_, n) => slotId(n))],
  serials: 1, parallels: 0, buses: ['virtio-bus', 'PCI', 'virtio-serial-bus'],
  pci: { bus: PCI_BUS, bootPath: '/pci@ffffffffffffffff', taken: new Map([[0, 'the host bridge']]), firstSlot: 1 },
  disk: 'virtio',
  cpus: { models: cpuModels, properties: cpuProperties, plan: planCpu },
  planBoot,
  roms: () => [ROM],
  spec: (core, _s, devices) => ({ ...core, machine: 'virt', emptySlots: devices.emptySlots }),
}
