// Names of everything that an architecture's machines are made of.
import { netTypes } from '../../backends/net/open.ts'
import type { Arch } from '../config.ts'
import type { Catalogue, PropertyInfo } from '../control.ts'
import { jitProperties, kvmProperties } from '../choose.ts'
import { traceEvents } from '../watch.ts'
import { aliases, driverOf, drivers, emptySlot } from './drivers.ts'
import { isOtherDevice, otherAccels, otherCpus, otherMachines } from './known.ts'
import { machineTypes } from './types.ts'
import { virt } from './virt.ts'

export function catalogue(arch: Arch): Catalogue {
  const types = machineTypes.filter(t => t.arches.includes(arch)), [main] = types
  const own = drivers.filter(d => types.some(t => t.buses.includes(d.bus)))
  return {
    arch,
    maxCpus: main!.maxCpus,
    machines: types.map(({ name, description, properties }, i) => ({ name, description, isDefault: i === 0, properties })),
    cpus: main!.cpus.models.map(m => ({ ...m, properties: main!.cpus.properties })),
    accels: [
      { name: 'jit', description: 'recompilation to WebAssembly', properties: jitProperties },
      { name: 'kvm', description: "the host's processor, by its Linux kernel", properties: kvmProperties },
    ],
    traceEvents: traceEvents.map(({ name, format }) => ({ name, description: format })),
    netdevs: netTypes,
    elsewhere: (what, name) => (what === 'device' ? isOtherDevice(name) : others[what].includes(name)),
    devices: [
      ...own.map(({ name, description, bus, properties }) => ({ name, description, bus, properties })),
      ...Object.entries(aliases).map(([name, of]) => {
        const { bus, properties } = driverOf(of)!
        return { name, description: `short for ${of}`, bus, properties }
      }),
      // Soldered on; named for -global.
      ...(types.includes(virt) ? [{ name: emptySlot.name, description: emptySlot.description!, bus: 'System', properties: [forceLegacy] }] : []),
    ],
  }
}

const others = { machine: otherMachines, 'processor model': otherCpus, accelerator: otherAccels } as const

const forceLegacy: PropertyInfo =
  { name: 'force-legacy', type: 'flag', description: 'version 1 of the interface', initial: 'on' }
