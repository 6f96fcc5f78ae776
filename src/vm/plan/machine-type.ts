// What a machine type must say of itself for the planner, and what of a configuration is about the machine as a whole: the type
// with its properties, processors and memory, and their limits.
import { suggest } from '../../base/nearest.ts'
import type { SmbiosOptions } from '../../machines/smbios.ts'
import type { Topology } from '../../machines/pc.ts'
import type { Host } from '../../host/host.ts'
import type { Board } from '../../device/board.ts'
import type { Arch, MachineConfig, PropertyValue } from '../config.ts'
import type { PropertyInfo } from '../control.ts'
import type { DevicesPlan } from './attach.ts'
import type { BoardSpec, RomSpec, SpecCore } from './board.ts'
import type { BootPlan } from './boot.ts'
import { otherMachines } from './known.ts'
import { mistake } from './text.ts'

const MIB = 2 ** 20
/** Of a 32-bit WebAssembly memory, which holds guest RAM and the emulator's own state. */
const MEMORY_BYTES = 4096 * MIB, STATE_BYTES = 16 * MIB, STATE_PER_HART = 24 * MIB
const PAGE = 4096

export const maxRamBytes = (harts: number): number => MEMORY_BYTES - STATE_BYTES - harts * STATE_PER_HART

export type MachineProperty = PropertyInfo & {
  /** The values that mean what is implemented; left out: any. */
  readonly only?: readonly string[]
}
/** Known by name; `only` is all that it can be set to. */
export const missing = (
  name: string, type: PropertyInfo['type'], description: string, ...only: string[]
): MachineProperty => ({ name, type, description: `${description} (not implemented)`, initial: only[0]!, only })

/** A processor as the planner sees it. */
export type CpuPlan = {
  readonly model: string
  /** What the board's threads make the processor from. */
  readonly text: string
  /** Of RISC-V: in the order of the ISA string. */
  readonly extensions: readonly string[]
  readonly mmuType?: 'riscv,sv39' | 'riscv,sv48' | 'riscv,sv57'
}

/** What of a configuration is settled when memory contents and devices are planned. */
export type Settled = {
  readonly config: MachineConfig
  readonly host: Host
  readonly arch: Arch
  readonly cpu: CpuPlan
  readonly harts: number
  readonly ramBytes: number
  readonly smbios: SmbiosOptions
  readonly topology: Topology
  /** Only the device tree is wanted: nothing needs to be there to start. */
  readonly treeOnly: boolean
}

export type MachineType = {
  readonly name: BoardSpec['machine']
  /** Other names, which QEMU gives to versions of it. */
  readonly aliases: RegExp
  readonly arches: readonly Arch[]
  readonly description: string
  readonly properties: readonly MachineProperty[]
  readonly maxCpus: number
  readonly defaultRamBytes: number
  /** Names of devices that the board has anyway. */
  readonly soldered: readonly string[]
  /** Serial ports that it can have, and the buses that devices plug into. */
  readonly serials: number
  /** Parallel ports, of which the board has one anyway; 0: none. */
  readonly parallels: number
  readonly buses: readonly string[]
  readonly pci: {
    readonly bus: string
    /** What a path in the boot order begins with. */
    readonly bootPath: string
    /** Who is at which address (devfn) anyway, and the first slot that is given out. */
    readonly taken: ReadonlyMap<number, string>
    readonly firstSlot: number
  }
  /** `if=` of a drive that does not say. */
  readonly disk: 'virtio' | 'ide'
  readonly cpus: {
    readonly models: readonly { readonly name: string; readonly description: string }[]
    readonly properties: readonly PropertyInfo[]
    plan(cpu: MachineConfig['cpu'], arch: Arch): CpuPlan
  }
  /** The configuration with the devices that the machine has without being told. */
  withDefaults?(config: MachineConfig): MachineConfig
  planBoot(s: Settled): Promise<BootPlan>
  roms(boot: BootPlan): readonly RomSpec[]
  spec(core: SpecCore, s: Settled, devices: DevicesPlan, roms: readonly RomSpec[]): BoardSpec
}

export type BoardMaker<S extends BoardSpec> = (spec: S) => Board

/** The type that is asked for, or the architecture's default: the first one that it has. */
export function findMachineType(types: readonly MachineType[], name: string | undefined, arch: Arch): MachineType {
  const own = types.filter(t => t.arches.includes(arch))
  if (name === undefined) return own[0]!
  const found = own.find(t => t.name === name || t.aliases.test(name))
  if (found) return found
  const names = own.map(t => t.name)
  if (otherMachines.includes(name) || types.some(t => t.name === name))
    throw mistake('machine.unknown', `not implemented: machine '${name}'${types.some(t => t.name === name) ? ` for ${arch}` : ''}`,
      `there is: ${names.join(', ')}`)
  throw mistake('machine.unknown', `no machine '${name}'`, suggest(name, names, '-machine help'))
}

/** Checks the properties. What is left to do with them: `dumpdtb`. */
export function checkMachineProperties(type: MachineType, machine: MachineConfig['machine']): { readonly dumpDtb: string | undefined } {
  let dumpDtb: string | undefined
  for (const [name, value] of Object.entries(machine?.properties ?? {})) {
    const known = type.properties.find(p => p.name === name)
    if (!known)
      throw mistake('device.badProperty', `machine '${type.name}' has no property '${name}'`,
        suggest(name, type.properties.map(p => p.name), `-machine ${type.name},help`))
    const text = spelt(value)
    if (known.only && !known.only.includes(text))
      throw mistake('device.badProperty', `not implemented: ${name}=${text}`)
    if (name === 'dumpdtb') {
      if (typeof value !== 'string' || value === '')
        throw mistake('device.badProperty', `dumpdtb=${text} is not a file name`)
      dumpDtb = value
    }
  }
  return { dumpDtb }
}

const spelt = (value: PropertyValue): string =>
  value === true || value === 'yes' || value === 'true' ? 'on'
  : value === false || value === 'no' || value === 'false' ? 'off'
  : String(value)

/** The number of processors. */
export function planHarts(smp: MachineConfig['smp'], { maxCpus }: Pick<MachineType, 'maxCpus'>): number {
  const harts = smp?.cpus ?? 1
  if (!Number.isInteger(harts) || harts < 1) throw mistake('board.badConfig', `${harts} processors: at least 1`)
  if (harts > maxCpus)
    throw mistake('board.badConfig', `not implemented: ${harts} processors`, `at most ${maxCpus}`)
  if (smp?.maxcpus !== undefined && smp.maxcpus !== harts)
    throw mistake('board.badConfig', `not implemented: maxcpus=${smp.maxcpus} with cpus=${harts} (hot-plug)`)
  return harts
}

/** What is left out of `-smp`: one thread in a core, and all cores in one socket. */
export function planTopology(smp: MachineConfig['smp'], harts: number): Topology {
  const threads = smp?.threads ?? 1, cores = smp?.cores ?? Math.ceil(harts / (threads * (smp?.sockets ?? 1)))
  return { sockets: smp?.sockets ?? Math.ceil(harts / (threads * cores)), cores, threads }
}

export function planRam(bytes: number | undefined, harts: number, { defaultRamBytes }: Pick<MachineType, 'defaultRamBytes'>): number {
  const asked = bytes ?? defaultRamBytes
  if (!Number.isSafeInteger(asked) || asked < 1)
    throw mistake('memory.tooBig', `${asked} bytes of RAM make no machine`)
  const most = Math.floor(maxRamBytes(harts) / MIB)
  if (asked > most * MIB)
    throw mistake('memory.tooBig', `not implemented: ${Math.ceil(asked / MIB)} MiB of RAM`,
        `with ${harts} processor${harts > 1 ? 's' : ''} at most ${most} MiB`)
  return Math.ceil(asked / PAGE) * PAGE
}
