// Checks a configuration against what an architecture has: names of machines, processors, accelerators,
// devices and their properties, and the properties' types. Whatever needs more (a file, an address) is the
// assembly's to check.
import { VmError, type VmErrorCode } from '../../base/errors.ts'
import type { MachineConfig, PropertyBag, PropertyValue } from '../../vm/config.ts'
import type { Catalogue, Named, PropertyInfo } from '../../vm/control.ts'
import { suggest } from '../../base/nearest.ts'
import { parseFlag, parseNumber, parseSize } from './values.ts'

/** Understood by every device. */
const everyDevice = ['id', 'bus', 'addr', 'bootindex', 'romfile', 'rombar', 'multifunction']

export function checkConfig(config: MachineConfig, catalogue: Catalogue): void {
  if (config.machine) {
    const m = find('machine', config.machine.type, catalogue.machines, catalogue, 'machine')
    if (m.properties)
      checkProperties(config.machine.properties, m.properties, `machine '${m.name}'`, 'machine')
  }
  // One that is not implemented is passed over if another one follows.
  config.accels?.forEach((a, i) => {
    if (!catalogue.elsewhere('accelerator', a.name))
      find('accelerator', a.name, catalogue.accels, catalogue, `accels[${i}]`)
  })
  if (config.cpu) {
    const c = find('processor model', config.cpu.model, catalogue.cpus, catalogue, 'cpu')
    if (c.properties) checkProperties(config.cpu.properties, c.properties, `processor '${c.name}'`, 'cpu')
  }
  config.devices?.forEach((d, i) => {
    const device = find('device', d.driver, catalogue.devices, catalogue, `devices[${i}]`)
    checkProperties(d.properties, device.properties, `device '${device.name}'`, `devices[${i}]`, everyDevice)
  })
  config.globals?.forEach((g, i) => {
    const where = `globals[${i}]`
    const device = find('device', g.driver, catalogue.devices, catalogue, where)
    checkProperties(
      { [g.property]: g.value },
      device.properties,
      `device '${device.name}'`,
      where,
      everyDevice,
    )
  })
  checkReferences(config)
}

type What = Parameters<Catalogue['elsewhere']>[0]
const kinds: { readonly [W in What]: { readonly code: VmErrorCode; readonly listedBy: string } } = {
  machine: { code: 'machine.unknown', listedBy: '-machine help' },
  device: { code: 'board.unknownDevice', listedBy: '-device help' },
  accelerator: { code: 'accel.unavailable', listedBy: '-accel help' },
  'processor model': { code: 'cpu.unknown', listedBy: '-cpu help' },
}

function find<T extends Named>(
  what: What, name: string, all: readonly T[], catalogue: Catalogue, where: string,
): T {
  const found = all.find(x => x.name === name)
  if (found) return found
  const { code, listedBy } = kinds[what]
  if (catalogue.elsewhere(what, name))
    throw new VmError(code, `not implemented: ${what} '${name}'`, { where, hint: `${listedBy} lists what there is` })
  throw new VmError(code, `no ${what} '${name}'`, { where, hint: suggest(name, all.map(x => x.name), listedBy) })
}

function checkProperties(
  given: PropertyBag | undefined,
  known: readonly PropertyInfo[],
  owner: string,
  where: string,
  also: readonly string[] = [],
): void {
  for (const [name, value] of Object.entries(given ?? {})) {
    const spec = known.find(p => p.name === name)
    if (spec) checkValue(name, value, spec, where)
    else if (!also.includes(name))
      throw new VmError('device.badProperty', `${owner} has no property '${name}'`, {
        where,
        hint: suggest(
          name,
          known.map(p => p.name),
        ),
      })
  }
}

const wanted = {
  number: 'a whole number',
  u64: 'a whole number',
  size: 'a size such as 64k or 1G',
  flag: 'on or off',
  text: 'a text',
} as const

function checkValue(name: string, value: PropertyValue, { type }: PropertyInfo, where: string): void {
  const fine = {
    number: () =>
      typeof value === 'string' ? parseNumber(value) !== undefined : Number.isSafeInteger(value),
    u64: () =>
      typeof value === 'bigint' ||
      (typeof value === 'string' ? /^(0x[0-9a-f]+|\d+)$/i.test(value) : Number.isSafeInteger(value)),
    size: () => (typeof value === 'string' ? parseSize(value) !== undefined : Number.isSafeInteger(value)),
    flag: () => typeof value === 'boolean' || (typeof value === 'string' && parseFlag(value) !== undefined),
    text: () => typeof value === 'string',
  }[type]()
  if (!fine)
    throw new VmError('device.badProperty', `${name}=${String(value)} is not ${wanted[type]}`, { where })
}

/** Devices name drives and networks that must exist, and have one user each. */
function checkReferences(config: MachineConfig): void {
  const references = [
    { property: 'drive', ids: (config.drives ?? []).map(d => d.id), what: 'drive' },
    { property: 'netdev', ids: (config.netdevs ?? []).map(n => n.id), what: 'network back end' },
  ]
  for (const { property, ids, what } of references) {
    const users = new Set<string>()
    config.devices?.forEach((d, i) => {
      const id = d.properties?.[property]
      if (typeof id !== 'string') return
      const where = `devices[${i}]`,
        known = ids.filter(x => x !== undefined)
      if (!known.includes(id))
        throw new VmError('cli.usage', `no ${what} '${id}'`, { where, hint: suggest(id, known) })
      if (users.has(id)) throw new VmError('cli.usage', `${what} '${id}' has a user already`, { where })
      users.add(id)
    })
  }
}
