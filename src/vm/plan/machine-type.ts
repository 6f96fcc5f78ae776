// Machine types, processors and memory: what of a configuration is about the machine as a whole, and its limits.
import { suggest } from '../../base/nearest.ts'
import type { MachineConfig, PropertyValue } from '../config.ts'
import type { PropertyInfo } from '../control.ts'
import { otherMachines } from './known.ts'
import { mistake } from './text.ts'

const MIB = 2 ** 20
export const MAX_HARTS = 8
export const DEFAULT_RAM_BYTES = 128 * MIB
/** Of a 32-bit WebAssembly memory, which holds guest RAM and the emulator's own state. */
const MEMORY_BYTES = 4096 * MIB, STATE_BYTES = 16 * MIB, STATE_PER_HART = 24 * MIB
const PAGE = 4096

export const maxRamBytes = (harts: number): number => MEMORY_BYTES - STATE_BYTES - harts * STATE_PER_HART

type MachineProperty = PropertyInfo & {
  /** The values that mean what is implemented; left out: any. */
  readonly only?: readonly string[]
}
/** Known by name; `only` is all that it can be set to. */
const missing = (name: string, type: PropertyInfo['type'], description: string, ...only: string[]): MachineProperty =>
  ({ name, type, description: `${description} (not implemented)`, initial: only[0]!, only })
/** Properties of `-machine virt`. */
export const machineProperties: readonly MachineProperty[] = [
  { name: 'dumpdtb', type: 'text', description: 'writes the device tree to a file and ends' },
  missing('aclint', 'flag', 'ACLINT in place of the CLINT', 'off'),
  missing('aia', 'text', 'advanced interrupt architecture', 'none'),
  missing('aia-guests', 'number', 'guest files of the AIA', '0'),
  missing('acpi', 'text', 'ACPI tables', 'off', 'auto'),
  missing('iommu-sys', 'text', 'IOMMU', 'off', 'auto'),
]
const types = ['virt']

export type MachinePlanPart = { readonly type: 'virt'; readonly dumpDtb: string | undefined }

export function planMachineType(machine: MachineConfig['machine']): MachinePlanPart {
  const type = machine?.type ?? 'virt'
  if (!types.includes(type)) {
    if (otherMachines.includes(type))
      throw mistake('machine.unknown', `not implemented: machine '${type}'`, 'there is: virt')
    throw mistake('machine.unknown', `no machine '${type}'`, suggest(type, types, '-machine help'))
  }
  let dumpDtb: string | undefined
  for (const [name, value] of Object.entries(machine?.properties ?? {})) {
    const known = machineProperties.find(p => p.name === name)
    if (!known)
      throw mistake('device.badProperty', `machine '${type}' has no property '${name}'`,
        suggest(name, machineProperties.map(p => p.name), `-machine ${type},help`))
    const text = spelt(value)
    if (known.only && !known.only.includes(text))
      throw mistake('device.badProperty', `not implemented: ${name}=${text}`)
    if (name === 'dumpdtb') {
      if (typeof value !== 'string' || value === '')
        throw mistake('device.badProperty', `dumpdtb=${text} is not a file name`)
      dumpDtb = value
    }
  }
  return { type: 'virt', dumpDtb }
}

const spelt = (value: PropertyValue): string =>
  value === true || value === 'yes' || value === 'true' ? 'on'
  : value === false || value === 'no' || value === 'false' ? 'off'
  : String(value)

/** The number of harts. How they are grouped into sockets and cores makes no difference to this machine. */
export function planHarts(smp: MachineConfig['smp']): number {
  const harts = smp?.cpus ?? 1
  if (!Number.isInteger(harts) || harts < 1) throw mistake('board.badConfig', `${harts} processors: at least 1`)
  if (harts > MAX_HARTS)
    throw mistake('board.badConfig', `not implemented: ${harts} processors`, `at most ${MAX_HARTS}`)
  if (smp?.maxcpus !== undefined && smp.maxcpus !== harts)
    throw mistake('board.badConfig', `not implemented: maxcpus=${smp.maxcpus} with cpus=${harts} (hot-plug)`)
  return harts
}

export function planRam(bytes: number | undefined, harts: number): number {
  const asked = bytes ?? DEFAULT_RAM_BYTES
  if (!Number.isSafeInteger(asked) || asked < 1)
    throw mistake('memory.tooBig', `${asked} bytes of RAM make no machine`)
  const most = Math.floor(maxRamBytes(harts) / MIB)
  if (asked > most * MIB)
    throw mistake('memory.tooBig', `not implemented: ${Math.ceil(asked / MIB)} MiB of RAM`,
        `with ${harts} processor${harts > 1 ? 's' : ''} at most ${most} MiB`)
  return Math.ceil(asked / PAGE) * PAGE
}
