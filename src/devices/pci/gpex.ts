// Generic PCI Express host bridge: configuration space through ECAM (PCI Express Base Specification, section
// 7.2.2), nothing to set up. Windows and interrupt lines are the board's.
// Not modelled: buses behind bridges (only bus 0 exists), extended configuration space.
import { defineDevice } from '../../device/define.ts'
import { pciFunction } from '../../device/pci.ts'
import { readConfig, writeConfig } from '../../device/pci-bus.ts'
import { unimplemented } from '../../base/log.ts'

const BUS_BYTES = 1 << 20, FUNCTION_BYTES = 4096, CONFIG_BYTES = 256

export const gpexPcihost = defineDevice({
  name: 'gpex-pcihost',
  version: 1,
  description: 'generic PCI Express host bridge',
  state: {},
  regions: { ecam: { sizeBytes: 256 * BUS_BYTES, unlocked: true } },
  read(_s, io, offset, size) {
    const place = functionAt(offset, size)
    return place ? readConfig(io.children, place.devfn, place.register, size) : 0xffffffff
  },
  write(_s, io, offset, value, size) {
    const place = functionAt(offset, size)
    if (place) writeConfig(io.children, place.devfn, place.register, value, size)
    else unimplemented(io.id, () => `write to configuration space at 0x${offset.toString(16)}`)
  },
})

function functionAt(offset: number, size: number): { devfn: number; register: number } | undefined {
  const register = offset % FUNCTION_BYTES
  if (offset >= BUS_BYTES || register + size > CONFIG_BYTES) return undefined
  return { devfn: Math.floor(offset / FUNCTION_BYTES), register }
}

const pci = pciFunction(() => ({
  vendor: 0x1b36, device: 0x0008, class: 0x060000, subsystemVendor: 0x1af4, subsystem: 0x1100,
}))
/** What the bridge itself shows at 00.0. */
export const gpexRoot = defineDevice({
  name: 'gpex-root',
  version: 1,
  description: 'function 00.0 of the generic PCI Express host bridge',
  properties: pci.properties,
  state: pci.state,
  pins: pci.pins,
  regions: {},
  facets: { pci: pci.facet },
  reset(s, io) { pci.reset(s, io as any) },
})
