// Machine types, processors and memory: what of a configuration is about the machine as a whole, and its limits.
import { suggest } from '../../base/nearest.ts'
import { VmError } from '../../base/errors.ts'
import type { MachineConfig, PropertyValue } from '../config.ts'
import type { PropertyInfo } from '../control.ts'

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
/** Properties of `-machine virt`. */
export const machineProperties: readonly MachineProperty[] = [
  { name: 'dumpdtb', type: 'text', description: 'writes the device tree to a file and ends' },
  { name: 'aclint', type: 'flag', description: 'ACLINT in place of the CLINT (not implemented)', initial: 'off', only: ['off'] },
  { name: 'aia', type: 'text', description: 'advanced interrupt architecture (not implemented)', initial: 'none', only: ['none'] },
  { name: 'aia-guests', type: 'number', description: 'guest files of the AIA (not implemented)', initial: '0', only: ['0'] },
  { name: 'acpi', type: 'text', description: 'ACPI tables (not implemented)', initial: 'off', only: ['off', 'auto'] },
  { name: 'iommu-sys', type: 'text', description: 'IOMMU (not implemented)', initial: 'off', only: ['off', 'auto'] },
]
const types = ['virt']
/** Machine types of QEMU that somebody may ask for. */
const otherTypes = ['amd-microblaze-v-generic', 'microchip-icicle-kit', 'none', 'shakti_c', 'sifive_e', 'sifive_u', 'spike', 'xiangshan-kunminghu']

export type MachinePlanPart = { readonly type: 'virt'; readonly dumpDtb: string | undefined }

export function planMachineType(machine: MachineConfig['machine']): MachinePlanPart {
  const type = machine?.type ?? 'virt'
  if (!types.includes(type)) {
    if (otherTypes.includes(type)) throw new VmError('machine.unknown', `not implemented: machine '${type}'`, { hint: 'there is: virt' })
    throw new VmError('machine.unknown', `no machine '${type}'`, { hint: suggest(type, types, '-machine help') })
  }
  let dumpDtb: string | undefined
  for (const [name, value] of Object.entries(machine?.properties ?? {})) {
    const known = machineProperties.find(p => p.name === name)
    if (!known)
      throw new VmError('device.badProperty', `machine '${type}' has no property '${name}'`, {
        hint: suggest(name, machineProperties.map(p => p.name), `-machine ${type},help`),
      })
    const text = spelt(value)
    if (known.only && !known.only.includes(text)) throw new VmError('device.badProperty', `not implemented: ${name}=${text}`)
    if (name === 'dumpdtb') {
      if (typeof value !== 'string' || value === '') throw new VmError('device.badProperty', `dumpdtb=${text} is not a file name`)
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
  if (!Number.isInteger(harts) || harts < 1) throw new VmError('board.badConfig', `${harts} processors: at least 1`)
  if (harts > MAX_HARTS) throw new VmError('board.badConfig', `not implemented: ${harts} processors`, { hint: `at most ${MAX_HARTS}` })
  if (smp?.maxcpus !== undefined && smp.maxcpus !== harts)
    throw new VmError('board.badConfig', `not implemented: maxcpus=${smp.maxcpus} with cpus=${harts} (hot-plug)`)
  return harts
}

export function planRam(bytes: number | undefined, harts: number): number {
  const asked = bytes ?? DEFAULT_RAM_BYTES
  if (!Number.isSafeInteger(asked) || asked < 1) throw new VmError('memory.tooBig', `${asked} bytes of RAM make no machine`)
  const most = Math.floor(maxRamBytes(harts) / MIB)
  if (asked > most * MIB)
    throw new VmError('memory.tooBig', `not implemented: ${Math.ceil(asked / MIB)} MiB of RAM`, {
      hint: `with ${harts} processor${harts > 1 ? 's' : ''} at most ${most} MiB`,
    })
  return Math.ceil(asked / PAGE) * PAGE
}
