// Names that QEMU knows and this program does not implement: who asks for one is told so, and not that it is misspelt.

export const otherAccels: readonly string[] = ['direct', 'hvf', 'whpx', 'nvmm', 'xen', 'hax', 'qtest']

export const otherMachines: readonly string[] = [
  'q35', 'microvm', 'isapc', 'malta',
  'amd-microblaze-v-generic', 'microchip-icicle-kit', 'none', 'shakti_c', 'sifive_e', 'sifive_u', 'spike',
  'xiangshan-kunminghu',
]

export const otherCpus: readonly string[] = [
  'any', 'rv64i', 'rv64e', 'rva22u64', 'rva22s64', 'rva23u64', 'rva23s64', 'shakti-c', 'sifive-e51',
  'sifive-u54', 'thead-c906', 'veyron-v1', 'tt-ascalon', 'x-rv128', 'xiangshan-nanhu',
]

/** Without the transport at the end of a name. */
const otherDevices: readonly string[] = [
  'virtserialport', 'virtio-balloon', 'virtio-crypto', 'virtio-gpu', 'virtio-input-host', 'virtio-iommu',
  'virtio-keyboard', 'virtio-mem', 'virtio-mouse', 'virtio-pmem', 'virtio-scsi', 'virtio-snd',
  'virtio-sound', 'virtio-tablet', 'virtio-9p', 'virtio-vga', 'vhost-user-blk', 'vhost-user-fs', 'vhost-user-gpu',
  'vhost-vsock', 'vhost-scsi', 'e1000', 'e1000e', 'igb', 'rtl8139', 'ne2k_pci', 'pcnet', 'vmxnet3',
  'i82551', 'i82557b', 'i82559er', 'tulip', 'usb-net', 'nvme', 'ahci', 'ich9-ahci', 
  'scsi-hd', 'scsi-cd', 'scsi-generic', 'lsi53c895a', 'megasas', 'sdhci-pci', 'sd-card', 'pcie-root-port',
  'pcie-pci-bridge', 'pci-bridge', 'qemu-xhci', 'nec-usb-xhci', 'pci-ohci', 'usb-ehci', 'ich9-usb-uhci1',
  'piix3-usb-uhci', 'usb-kbd', 'usb-mouse', 'usb-tablet', 'usb-storage', 'usb-hub', 'usb-audio',
  'bochs-display', 'cirrus-vga', 'ati-vga', 'qxl', 'ramfb', 'AC97', 'ES1370', 'intel-hda', 'ich9-intel-hda',
  'hda-duplex', 'pci-serial', 'edu', 'pci-testdev', 'loader', 'guest-loader', 'ivshmem-plain', 'vfio-pci',
  'tpm-tis-device', 'i6300esb', 'pvpanic-pci', 'riscv-iommu-pci', 'nvdimm', 'pc-dimm',
]

export function isOtherDevice(name: string): boolean {
  const stem = name.replace(/-(device|pci|pci-non-transitional|pci-transitional)$/, '')
  return otherDevices.includes(name) || otherDevices.includes(stem)
}
