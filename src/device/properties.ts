// Property values: what a board entry or `-device name,prop=value` sets, checked against the declaration.
import { VmError } from '../base/errors.ts'
import type { AnyDevice, Property } from './define.ts'

/** All properties with given or initial values. Text is converted as a command line needs it. */
export function propertiesOf(
  device: AnyDevice, given: { readonly [name: string]: unknown }, id: string,
): { readonly [name: string]: unknown } {
  const specs = (device.properties ?? {}) as { [name: string]: Property }
  for (const name of Object.keys(given))
    if (!(name in specs))
      throw new VmError('device.badProperty', `${device.name} has no property '${name}'`, {
        hint: `it has: ${Object.keys(specs).join(', ') || 'none'}`,
      })
  const values: { [name: string]: unknown } = {}
  for (const [name, spec] of Object.entries(specs))
    values[name] = name in given ? convert(given[name], spec, `${id}.${name}`) : spec.initial
  device.check?.(values)
  return values
}

const SCALE: { readonly [suffix: string]: number } = {
  '': 1,
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
}

function convert(value: unknown, spec: Property, where: string): unknown {
  const bad = (what: string) => {
    throw new VmError('device.badProperty', `${where}: '${String(value)}' is not ${what}`)
  }
  switch (spec.type) {
    case 'data':
      return value
    case 'text':
      return typeof value === 'string' ? value : bad('a text')
    case 'flag':
      if (typeof value === 'boolean') return value
      if (value === 'on' || value === 'yes' || value === 'true') return true
      if (value === 'off' || value === 'no' || value === 'false') return false
      return bad('on or off')
    case 'u64':
      if (typeof value === 'bigint') return value
      if (typeof value === 'string' && /^(0x[0-9a-f]+|\d+)$/i.test(value)) return BigInt(value)
      return Number.isSafeInteger(value) ? BigInt(value as number) : bad('a whole number')
    case 'number':
      if (typeof value === 'string' && /^(0x[0-9a-f]+|\d+)$/i.test(value)) return Number(value)
      return Number.isSafeInteger(value) && (value as number) >= 0 ? value : bad('a whole number')
    case 'size': {
      if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : bad('a size')
      const m = typeof value === 'string' ? /^(\d+(?:\.\d+)?)([bkmgt]?)$/i.exec(value) : null
      return m ? Math.round(Number(m[1]) * SCALE[m[2]!.toLowerCase()]!) : bad('a size such as 64k or 1G')
    }
  }
}
