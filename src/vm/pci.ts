// What is on the PCI bus, read from the functions' configuration spaces.
import type { System } from '../device/board.ts'
import { addressOf, load, parseAddr, REG } from '../device/pci.ts'
import { facetOf } from '../device/pci-bus.ts'
import type { PciInfo } from './control.ts'

export function pciFunctions(system: System): PciInfo[] {
  const found = system.instances.flatMap(i => {
    const facet = facetOf(i.device), { props, config } = { props: i.plan.props, config: i.state.config as Uint8Array }
    if (!facet) return []
    const devfn = parseAddr(String(props.addr), i.id), word = (at: number) => load(config, at, 2)
    return [{
      bus: 0, slot: devfn >> 3, function: devfn & 7, device: i.id,
      vendorId: word(REG.VENDOR), deviceId: word(REG.DEVICE),
      subsystemVendorId: word(REG.SUBSYSTEM_VENDOR), subsystemId: word(REG.SUBSYSTEM),
      class: word(REG.CLASS + 1),
      interruptPin: config[REG.INTERRUPT_PIN]!, interruptLine: config[REG.INTERRUPT_LINE]!,
      bars: Object.values(facet.identity(props).bars ?? {}).map(bar => ({
        index: bar.index, space: bar.space, sizeBytes: bar.sizeBytes,
        wide: bar.wide ?? false, prefetchable: bar.prefetchable ?? false, address: addressOf({ config }, bar),
      })).sort((a, b) => a.index - b.index),
    }]
  })
  return found.sort((a, b) => a.slot - b.slot || a.function - b.function)
}
