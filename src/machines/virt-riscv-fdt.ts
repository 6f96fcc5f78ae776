// The device tree of the `virt` machine for RISC-V, as firmware and Linux expect it (bindings: the kernel's
// Documentation/devicetree and "RISC-V ISA Extensions in Devicetree").
import { node, writeFdt, type FdtNode } from './fdt/fdt.ts'
import { highWindow, IRQ, SIZE, TIMEBASE_HZ, VIRT, VIRTIO_SLOTS } from './virt-riscv.ts'

export type VirtTree = {
  readonly harts: number
  readonly ramBytes: number
  /**
   * Single-letter extensions in canonical order after `rv64`, then the rest:
   * ['i','m','a','f','d','c','zicsr', …].
   */
  readonly extensions: readonly string[]
  readonly mmuType: 'riscv,sv39' | 'riscv,sv48' | 'riscv,sv57' | 'riscv,none'
  readonly bootargs?: string
  readonly initrd?: { readonly start: number; readonly end: number }
  /** 32 bytes of entropy for the kernel. */
  readonly rngSeed?: Uint8Array
  readonly flash?: boolean
}

// Interrupt numbers of a hart's local controller: the bit in mip.
const MSI = 3, MTI = 7, SEI = 9, MEI = 11
const PLIC_PHANDLE = 1, TEST_PHANDLE = 2
const cpuPhandle = (hart: number) => 3 + 2 * hart, intcPhandle = (hart: number) => 4 + 2 * hart
/** Cells of an address and a size, two each. */
const reg = (...pairs: number[]) => pairs.map(n => BigInt(n))
const hex = (n: number) => n.toString(16)

export function virtTree(o: VirtTree): FdtNode {
  return node('', {
    '#address-cells': 2, '#size-cells': 2, compatible: 'riscv-virtio', model: 'riscv-virtio,qemu',
  }, [
    chosen(o),
    node(`memory@${hex(VIRT.DRAM)}`, { device_type: 'memory', reg: reg(VIRT.DRAM, o.ramBytes) }),
    cpus(o),
    node(`fw-cfg@${hex(VIRT.FW_CFG)}`, {
      compatible: 'qemu,fw-cfg-mmio', reg: reg(VIRT.FW_CFG, SIZE.FW_CFG), 'dma-coherent': true,
    }),
    ...(o.flash ? [node(`flash@${hex(VIRT.FLASH)}`, {
      compatible: 'cfi-flash', 'bank-width': 4,
      reg: reg(VIRT.FLASH, SIZE.FLASH, VIRT.FLASH + SIZE.FLASH, SIZE.FLASH),
    })] : []),
    node('poweroff', { compatible: 'syscon-poweroff', regmap: TEST_PHANDLE, offset: 0, value: 0x5555 }),
    node('reboot', { compatible: 'syscon-reboot', regmap: TEST_PHANDLE, offset: 0, value: 0x7777 }),
    soc(o),
  ])
}

/** The tree as a blob, with room for what firmware adds. */
export const virtFdt = (o: VirtTree): Uint8Array => writeFdt(virtTree(o), { padBytes: 0x1000 })

function chosen(o: VirtTree): FdtNode {
  return node('chosen', {
    ...(o.bootargs !== undefined && { bootargs: o.bootargs }),
    'stdout-path': `/soc/serial@${hex(VIRT.UART)}`,
    ...(o.rngSeed && { 'rng-seed': o.rngSeed }),
    ...(o.initrd && {
      'linux,initrd-start': BigInt(o.initrd.start),
      'linux,initrd-end': BigInt(o.initrd.end),
    }),
  })
}

/** `rv64imafdc_zicsr_…`, the older form of the list. */
export function isaString(extensions: readonly string[]): string {
  const long = extensions.filter(e => e.length > 1)
  return ['rv64' + extensions.filter(e => e.length === 1).join(''), ...long].join('_')
}

function cpus(o: VirtTree): FdtNode {
  const cpu = (hart: number) =>
    node(
      `cpu@${hex(hart)}`,
      {
        phandle: cpuPhandle(hart),
        device_type: 'cpu',
        reg: hart,
        status: 'okay',
        compatible: 'riscv',
        'riscv,isa': isaString(o.extensions),
        'riscv,isa-base': 'rv64i',
        'riscv,isa-extensions': o.extensions,
        'mmu-type': o.mmuType,
        ...(o.extensions.includes('zicbom') && { 'riscv,cbom-block-size': 64 }),
        ...(o.extensions.includes('zicboz') && { 'riscv,cboz-block-size': 64 }),
      },
      [
        node('interrupt-controller', {
          '#interrupt-cells': 1,
          'interrupt-controller': true,
          compatible: 'riscv,cpu-intc',
          phandle: intcPhandle(hart),
        }),
      ],
    )
  const harts = Array.from({ length: o.harts }, (_, i) => i)
  return node('cpus', { '#address-cells': 1, '#size-cells': 0, 'timebase-frequency': TIMEBASE_HZ }, [
    ...harts.map(cpu),
    node('cpu-map', {}, [
      node('cluster0', {}, harts.map(h => node(`core${h}`, { cpu: cpuPhandle(h) }))),
    ]),
  ])
}

function soc(o: VirtTree): FdtNode {
  const harts = Array.from({ length: o.harts }, (_, i) => i)
  const wired = (irq: number) => ({ 'interrupt-parent': PLIC_PHANDLE, interrupts: irq })
  // The last slot first: Linux numbers disks in this order, and the first disk goes into the last slot.
  const slots = Array.from({ length: VIRTIO_SLOTS }, (_, i) => VIRTIO_SLOTS - 1 - i)
  return node('soc', { '#address-cells': 2, '#size-cells': 2, compatible: 'simple-bus', ranges: true }, [
    node(`rtc@${hex(VIRT.RTC)}`, {
      compatible: 'google,goldfish-rtc',
      reg: reg(VIRT.RTC, SIZE.RTC),
      ...wired(IRQ.RTC),
    }),
    node(`serial@${hex(VIRT.UART)}`, {
      compatible: 'ns16550a', reg: reg(VIRT.UART, SIZE.UART), 'clock-frequency': 3686400, ...wired(IRQ.UART),
    }),
    node(`test@${hex(VIRT.TEST)}`, {
      phandle: TEST_PHANDLE,
      compatible: ['sifive,test1', 'sifive,test0', 'syscon'],
      reg: reg(VIRT.TEST, SIZE.TEST),
    }),
    pciHost(o),
    ...slots.map(i =>
      node(`virtio_mmio@${hex(VIRT.VIRTIO + i * SIZE.VIRTIO)}`, {
        compatible: 'virtio,mmio',
        reg: reg(VIRT.VIRTIO + i * SIZE.VIRTIO, SIZE.VIRTIO),
        ...wired(IRQ.VIRTIO + i),
      }),
    ),
    node(`plic@${hex(VIRT.PLIC)}`, {
      phandle: PLIC_PHANDLE, compatible: ['sifive,plic-1.0.0', 'riscv,plic0'], reg: reg(VIRT.PLIC, SIZE.PLIC),
      '#address-cells': 0, '#interrupt-cells': 1, 'interrupt-controller': true, 'riscv,ndev': 95,
      'interrupts-extended': harts.flatMap(h => [intcPhandle(h), MEI, intcPhandle(h), SEI]),
    }),
    node(`clint@${hex(VIRT.CLINT)}`, {
      compatible: ['sifive,clint0', 'riscv,clint0'], reg: reg(VIRT.CLINT, SIZE.CLINT),
      'interrupts-extended': harts.flatMap(h => [intcPhandle(h), MSI, intcPhandle(h), MTI]),
    }),
  ])
}

// First cell of a PCI address: the address space in bits 24 and 25, the device number from bit 11.
const PCI_IO = 0x01000000, PCI_MEM32 = 0x02000000, PCI_MEM64 = 0x03000000, DEVICE_SHIFT = 11

function pciHost(o: VirtTree): FdtNode {
  const high = BigInt(highWindow(o.ramBytes))
  // Pin p (1 to 4) of device d leads to line (p - 1 + d) mod 4, as PCI-to-PCI bridges swizzle; the mask keeps
  // two bits of d.
  const map = [0, 1, 2, 3].flatMap(d => [1, 2, 3, 4].flatMap(pin =>
    [d << DEVICE_SHIFT, 0, 0, pin, PLIC_PHANDLE, IRQ.PCI + ((pin - 1 + d) % 4)]))
  return node(`pci@${hex(VIRT.PCI_ECAM)}`, {
    compatible: 'pci-host-ecam-generic', device_type: 'pci', reg: reg(VIRT.PCI_ECAM, SIZE.PCI_ECAM),
    '#address-cells': 3, '#size-cells': 2, '#interrupt-cells': 1,
    'linux,pci-domain': 0, 'bus-range': [0, 0xff], 'dma-coherent': true,
    ranges: [
      PCI_IO, 0n, BigInt(VIRT.PCI_PIO), BigInt(SIZE.PCI_PIO),
      PCI_MEM32, BigInt(VIRT.PCI_MMIO), BigInt(VIRT.PCI_MMIO), BigInt(SIZE.PCI_MMIO),
      PCI_MEM64, high, high, BigInt(SIZE.PCI_HIGH),
    ],
    'interrupt-map-mask': [0x1800, 0, 0, 7],
    'interrupt-map': map,
  })
}
