// Cards: what is on the PCI bus, and what network cards are connected to.
import type { PciInfo } from '../../vm/control.ts'
import { command } from './command.ts'

/** PCI Code and ID Assignment Specification: class and subclass, as far as devices here have them. */
const classes: { readonly [id: number]: string } = {
  0x0100: 'SCSI controller', 0x0101: 'IDE controller', 0x0106: 'SATA controller', 0x0108: 'NVMe controller',
  0x0200: 'Ethernet controller', 0x0300: 'VGA controller', 0x0380: 'Display controller', 0x0403: 'Audio controller',
  0x0600: 'Host bridge', 0x0601: 'ISA bridge', 0x0604: 'PCI bridge', 0x0c03: 'USB controller',
}

const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, '0')

export const hardwareCommands = [
  command({
    hmp: ['info pci'], qmp: 'query-pci', help: 'PCI devices', args: {},
    run({ machine }) {
      const devices = machine.pci()
      return [...new Set(devices.map(d => d.bus))].map(bus => ({
        bus, devices: devices.filter(d => d.bus === bus).map(d => ({
          bus, slot: d.slot, function: d.function, qdev_id: d.device,
          class_info: { class: d.class, ...(classes[d.class] !== undefined && { desc: classes[d.class] }) },
          id: {
            vendor: d.vendorId, device: d.deviceId,
            'subsystem-vendor': d.subsystemVendorId, subsystem: d.subsystemId,
          },
          irq_pin: d.interruptPin,
          ...(d.interruptPin > 0 && { irq: d.interruptLine }),
          regions: d.bars.map(b => ({
            bar: b.index, type: b.space, size: b.sizeBytes, address: b.address ?? -1,
            ...(b.space === 'memory' && { prefetch: b.prefetchable, mem_type_64: b.wide }),
          })),
        })),
      }))
    },
    text: (_, { machine }) => machine.pci().map(pciText).join(''),
  }),
  command({
    hmp: ['info network'], help: 'network cards, and the back ends behind them', args: {},
    run: ({ machine }) => machine.nets.map(({ device, model, mac, backend }) =>
      `${device}: index=0,type=nic,model=${model},macaddr=${mac}\n` +
      (backend ? ` \\ ${backend.id}: index=0,type=${backend.type}\n` : '')).join(''),
  }),
]

function pciText(d: PciInfo): string {
  const kind = classes[d.class] ?? `Class ${String(d.class).padStart(4, '0')}`
  const at = (n: number) => String(n).padStart(3)
  const lines = [
    `  Bus ${String(d.bus).padStart(2)}, device ${at(d.slot)}, function ${d.function}:`,
    `    ${kind}: PCI device ${hex(d.vendorId, 4)}:${hex(d.deviceId, 4)}`,
    `      PCI subsystem ${hex(d.subsystemVendorId, 4)}:${hex(d.subsystemId, 4)}`,
    ...(d.interruptPin > 0 ? [`      IRQ ${d.interruptLine}, pin ${' ABCD'[d.interruptPin]}`] : []),
    ...d.bars.map(b => {
      const what = b.space === 'io' ? 'I/O'
        : `${b.wide ? '64' : '32'} bit${b.prefetchable ? ' prefetchable' : ''} memory`
      const range = b.address === undefined ? 'not decoded'
        : `at 0x${hex(b.address, b.wide ? 16 : 8)} [0x${hex(b.address + b.sizeBytes - 1, b.wide ? 16 : 8)}]`
      return `      BAR${b.index}: ${what} ${range}, ${b.sizeBytes} bytes`
    }),
    `      id "${d.device}"`,
  ]
  return lines.map(l => `${l}\n`).join('')
}
