// Names of everything that an architecture's machines are made of.
import { netTypes } from '../../backends/net/open.ts'
import type { Arch } from '../config.ts'
import type { Catalogue, PropertyInfo } from '../control.ts'
import { jitProperties } from '../choose.ts'
import { traceEvents } from '../watch.ts'
import { cpuModels, cpuProperties } from './cpu.ts'
import { aliases, driverOf, drivers, emptySlot } from './drivers.ts'
import { isOtherDevice, otherAccels, otherCpus, otherMachines } from './known.ts'
import { MAX_HARTS, machineProperties } from './machine-type.ts'

export function catalogue(arch: Arch): Catalogue {
  return {
    arch,
    maxCpus: MAX_HARTS,
    machines: [{
      name: 'virt', description: 'RISC-V board for emulators', isDefault: true, properties: machineProperties,
    }],
    cpus: cpuModels.map(m => ({ ...m, properties: cpuProperties })),
    accels: [{ name: 'jit', description: 'recompilation to WebAssembly', properties: jitProperties }],
    traceEvents: traceEvents.map(({ name, format }) => ({ name, description: format })),
    netdevs: netTypes,
    elsewhere: (what, name) => (what === 'device' ? isOtherDevice(name) : others[what].includes(name)),
    devices: [
      ...drivers.map(({ name, description, bus, properties }) => ({ name, description, bus, properties })),
      ...Object.entries(aliases).map(([name, of]) => {
        const { bus, properties } = driverOf(of)!
        return { name, description: `short for ${of}`, bus, properties }
      }),
      // Soldered on; named for -global.
      { name: emptySlot.name, description: emptySlot.description!, bus: 'System', properties: [forceLegacy] },
    ],
  }
}

const others = { machine: otherMachines, 'processor model': otherCpus, accelerator: otherAccels } as const

const forceLegacy: PropertyInfo =
  { name: 'force-legacy', type: 'flag', description: 'version 1 of the interface', initial: 'on' }
