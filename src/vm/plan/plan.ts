// From a configuration to everything that the run-time assembly needs: the board as data, what lies in memory at the
// start, where harts begin, and the back ends. Names and placement are QEMU's. Every mistake of the user is found here.
import { blaming } from '../../base/errors.ts'
import type { Host } from '../../host/host.ts'
import { detectImage, HEADER_BYTES } from '../detect.ts'
import { type Arch, ARCHES, type MachineConfig } from '../config.ts'
import type { BlockInfo, NetInfo } from '../control.ts'
import { type Attachment, planDevices, type Serial } from './attach.ts'
import type { BoardSpec } from './board.ts'
import type { Boot, BootPlan, LoadImage } from './boot.ts'
import { planFwCfg } from './fw-cfg.ts'
import { checkMachineProperties, findMachineType, type MachineType, planHarts, planRam, planTopology, type Settled } from './machine-type.ts'
import { planSmbios } from './smbios.ts'
import { wallClockOffsetMs } from './rtc.ts'
import { blame, mistake } from './text.ts'
import { machineTypes } from './types.ts'

export { boardOf, guestBytesOf, type BoardSpec, type DeviceSpec } from './board.ts'
export type { Boot, LoadImage } from './boot.ts'
export type { Attachment, OpenBackend, Serial } from './attach.ts'
export { catalogue } from './catalogue.ts'

export type MachinePlan = {
  readonly spec: BoardSpec
  /** RAM and ROM at the start and after every reset. */
  readonly images: readonly LoadImage[]
  readonly boot: Boot
  /** Reads what they are made from again, for a reset. */
  readBoot(): Promise<BootPlan>
  readonly attachments: readonly Attachment[]
  /** Devices with a character back end, the board's serial port first, and the character device behind each. */
  readonly serials: readonly Serial[]
  /** All drives, also those that no device uses. */
  readonly blocks: readonly BlockInfo[]
  readonly nets: readonly NetInfo[]
  readonly info: {
    readonly arch: Arch
    readonly machine: string
    readonly cpuModel: string
    readonly memoryBytes: number
    readonly name?: string
    readonly uuid?: string
  }
  /** Of the processors, in the order of the ISA string. */
  readonly extensions: readonly string[]
  /** The guest's real-time clock is this many milliseconds ahead of UTC. */
  readonly wallClockOffsetMs: number
  /** `-machine dumpdtb=FILE`: only this is wanted. */
  readonly dumpDtb?: { readonly path: string; readonly bytes: Uint8Array }
  /** Closes back ends that were not opened by their attachment, and makes the rest of the plan useless. */
  dispose(): Promise<void>
}

/** Throws VmError; its `where` is a path in the configuration. */
export async function planMachine(given: MachineConfig, host: Host): Promise<MachinePlan> {
  const arch = await architectureOf(given, host)
  const { type, dumpDtb } = await blaming('machine', () => {
    const found = findMachineType(machineTypes, given.machine?.type, arch)
    return { type: found, ...checkMachineProperties(found, given.machine) }
  })
  const config = type.withDefaults?.(given) ?? given
  if (given.vga === 'std' && !type.withDefaults) throw blame('vga', mistake('board.badConfig', 'not implemented: a display card of this machine', '-device VGA'))
  const cpu = await blaming('cpu', () => type.cpus.plan(config.cpu, arch))
  const harts = await blaming('smp', () => planHarts(config.smp, type))
  const ramBytes = await blaming('memoryBytes', () => planRam(config.memoryBytes, harts, type))
  const offsetMs = await blaming('rtc', () => wallClockOffsetMs(config.rtc, Date.now()))
  const serials = [...planSerials(config, type), ...planParallels(config, type)]
  const fwCfg = await planFwCfg(config, host, type)
  const smbios = await planSmbios(config, host, type.name), topology = planTopology(config.smp, harts)
  const settled: Settled = { config, host, arch, cpu, harts, ramBytes, smbios, topology, treeOnly: dumpDtb !== undefined }
  const readBoot = () => type.planBoot(settled), first = await readBoot(), roms = type.roms(first)
  const plugged = await planDevices(config, host, type)
  return {
    spec: type.spec({
      arch, cpu: cpu.text, harts, ramBytes, ramHostOffset: 0, roms, devices: plugged.devices,
      fwCfgFiles: { ...fwCfg.files, bootorder: plugged.bootOrder }, fwCfgItems: fwCfg.items,
    }, settled, plugged, roms),
    images: first.images, boot: first.boot, readBoot,
    attachments: plugged.attachments,
    serials: [...serials, ...plugged.serials],
    blocks: plugged.blocks, nets: plugged.nets,
    info: {
      arch, machine: type.name, cpuModel: cpu.model, memoryBytes: ramBytes,
      ...(config.name !== undefined && { name: config.name }),
      ...(config.uuid !== undefined && { uuid: config.uuid }),
    },
    extensions: cpu.extensions,
    wallClockOffsetMs: offsetMs,
    ...(dumpDtb !== undefined && first.deviceTree && { dumpDtb: { path: dumpDtb, bytes: first.deviceTree } }),
    dispose: plugged.dispose,
  }
}

/** As the configuration says, or what the kernel is for. */
export async function architectureOf({ arch, kernel }: MachineConfig, host: Host): Promise<Arch> {
  if (arch !== undefined && ARCHES.includes(arch)) return arch
  const unknown = (text: string) => blame('arch', mistake('machine.unknown', text, ARCHES.join(', ')))
  if (arch !== undefined) throw unknown(`not implemented: architecture '${String(arch)}'`)
  if (kernel === undefined) throw unknown('which architecture?')
  return blaming('kernel', async () => {
    const found = detectImage(typeof kernel === 'string' ? await host.files.readStart(kernel, HEADER_BYTES) : kernel)
    if (found?.arch) return found.arch
    if (found) throw mistake('loader.badImage', `it is for ${found.machine}`, 'not implemented: that architecture')
    throw mistake('loader.badImage', 'it does not say which architecture it is for', `name it: ${ARCHES.join(', ')}`)
  })
}

/** The board's own ports; `-serial none` leaves one unconnected. */
function planSerials({ serials = [] }: MachineConfig, type: MachineType): Serial[] {
  const more = serials.findIndex((id, i) => i >= type.serials && id !== null)
  if (more > 0)
    throw blame(`serials[${more}]`, mistake('board.badConfig',
      type.serials === 1 ? 'this machine has one serial port' : `this machine has at most ${type.serials} serial ports`,
      '-device virtio-serial-pci -device virtconsole,chardev=ID'))
  const count = Math.max(1, Math.min(type.serials, serials.length))
  return Array.from({ length: count }, (_, n) => ({ device: `serial${n}`, ...(serials[n] != null && { chardev: serials[n]! }) }))
}

function planParallels({ parallels = [] }: MachineConfig, type: MachineType): Serial[] {
  const more = parallels.findIndex((id, i) => i >= type.parallels && id !== null)
  if (more >= 0)
    throw blame(`parallels[${more}]`, mistake('board.badConfig',
      type.parallels === 0 ? 'this machine has no parallel port' : `this machine has at most ${type.parallels} parallel ports`))
  return parallels.slice(0, type.parallels).map((chardev, n) => ({ device: `parallel${n}`, ...(chardev !== null && { chardev }) }))
}
