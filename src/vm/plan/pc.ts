// The machine `pc` for the planner: i440FX and PIIX, with SeaBIOS as its firmware.
import { blaming, VmError } from '../../base/errors.ts'
import type { DriveSpec } from '../../devices/block/ata.ts'
import { chipsetWrites, directTables } from '../../machines/pc-direct.ts'
import { DEFAULT_BOOT_ORDER } from '../../machines/pc-cmos.ts'
import { PC, PCI_BUS, ramSplit } from '../../machines/pc.ts'
import { pcFirmware } from '../../machines/pc-firmware.ts'
import type { MachineConfig } from '../config.ts'
import type { DevicesPlan } from './attach.ts'
import type { PcSpec, RomSpec, SpecCore } from './board.ts'
import { detectImage } from '../detect.ts'
import { type BootPlan, checkKernelParts, findFirmware, readBios, readSource } from './boot.ts'
import { DIRECT, type DirectStart, isBzImage, planBzImage } from './bzimage.ts'
import { FLOPPY_BUS } from './drivers.ts'
import { EMPTY_DRIVE } from './floppies.ts'
import { type MachineType, missing, type Settled } from './machine-type.ts'
import { apicIdsOf, FLOPPY_ID, IDE_ID, pcOptionsOf } from './pc-board.ts'
import { type Module, multibootHeader, planMultiboot, planPvh } from './multiboot.ts'
import { readX86Elf } from './x86-elf.ts'
import { blame, mistake } from './text.ts'
import { cpuModels, cpuProperties, planCpu } from './x86-cpu.ts'

const MIB = 2 ** 20
const BIOS = 'bios-256k.bin'
const CHUNK = 0x1_0000, MAX_BIOS = 16 * MIB

export const pc: MachineType = {
  name: 'pc', aliases: /^pc-i440fx-\d+\.\d+$/, arches: ['x86_64', 'i386'],
  description: 'PC with i440FX and PIIX (alias of pc-i440fx)',
  properties: [
    missing('acpi', 'text', 'ACPI tables', 'on', 'auto'),
    missing('hpet', 'flag', 'high precision event timer', 'off'),
    missing('usb', 'flag', 'USB controller', 'off'),
    missing('graphics', 'flag', 'graphical display', 'on'),
    missing('kernel-irqchip', 'text', 'interrupt controllers in the host kernel', 'off'),
    missing('vmport', 'text', 'VMware port', 'off', 'auto'),
    missing('dump-guest-core', 'flag', 'guest memory in core dumps', 'on', 'off'),
    missing('mem-merge', 'flag', 'same pages of several guests kept once', 'on', 'off'),
  ],
  maxCpus: 8, defaultRamBytes: 128 * MIB,
  soldered: ['pic', 'ioapic', 'pit', 'pcspk', 'rtc', 'port92', 'i8042', 'dma1', 'dma2', 'ioport80', 'fw-cfg', 'pci.0', 'i440fx', 'piix3',
    'pm', 'ram', 'cpu', IDE_ID, FLOPPY_ID, ...[0, 1, 2, 3].flatMap(n => [`serial${n}`, `parallel${n}`, `ide.${n}`])],
  serials: 4, buses: ['PCI', 'virtio-serial-bus', 'IDE', 'ISA', FLOPPY_BUS], parallels: 3,
  pci: {
    bus: PCI_BUS, bootPath: '/pci@i0cf8', firstSlot: 2,
    taken: new Map([[0, 'the host bridge'], [8, 'the ISA bridge'], [9, 'the IDE controller'], [11, 'power management']]),
  },
  disk: 'ide',
  cpus: { models: cpuModels, properties: cpuProperties, plan: planCpu },
  withDefaults,
  planBoot,
  roms: ({ images }) => images.filter(i => i.name === 'bios').map((i): RomSpec => ({ name: i.name, at: i.pa, sizeBytes: i.bytes.length })),
  spec,
}

/** QEMU's machine has a display card, unless it is told not to. */
function withDefaults(config: MachineConfig): MachineConfig {
  const vga = config.vga ?? (config.noDefaults ? 'none' : 'std'), devices = config.devices ?? []
  return vga === 'none' || devices.some(d => d.driver === 'VGA') ? config : { ...config, devices: [...devices, { driver: 'VGA' }] }
}

async function planBoot(s: Settled): Promise<BootPlan> {
  const { config, host } = s
  checkKernelParts(config)
  if (config.dtb !== undefined) throw blame('dtb', mistake('loader.badImage', 'a PC has no device tree'))
  if (config.kernel !== undefined) return planKernel(s)
  const bytes = await blaming('bios', async () => checkBios(await bios()))
  return { boot: { kind: 'firmware' }, images: [{ name: 'bios', pa: PC.TOP - bytes.length, bytes }] }

  async function bios(): Promise<Uint8Array> {
    if (config.bios !== undefined && config.bios !== 'default') return readBios(host, config)
    try {
      return await findFirmware(host, BIOS, config, true)
    } catch (error) {
      if (!(error instanceof VmError) || error.code !== 'file.notFound') throw error
      throw new VmError('file.notFound', `there is no firmware: ${BIOS} is not installed`, {
        hint: "Debian's package seabios has it; or -bios FILE, or -L DIRECTORY", cause: error,
      })
    }
  }
}

/** A kernel starts without firmware, so that none needs to be installed. */
async function planKernel({ config, host, arch, harts, ramBytes, smbios, topology }: Settled): Promise<BootPlan> {
  if (config.bios !== undefined && config.bios !== 'default' && config.bios !== 'none')
    throw blame('bios', mistake('loader.badImage', 'not implemented: firmware that starts a kernel', 'without -bios the kernel starts by itself'))
  const read = (where: 'kernel' | 'initrd') => blaming(where, () => readSource(host, config[where]!))
  const kernel = await read('kernel'), header = isBzImage(kernel) ? undefined : multibootHeader(kernel)
  if (header === undefined) await blaming('kernel', () => checkKernel(kernel))
  const tables = directTables({ cpus: harts, ramBytes, ramHostOffset: 0, bios: { hostOffset: 0, sizeBytes: CHUNK }, smbios, topology, apicIds: apicIdsOf(topology, harts), ...ports(config) })
  const part = <T>(where: string, f: () => T): T => {
    try {
      return f()
    } catch (error) {
      throw error instanceof VmError ? blame(where, error) : error
    }
  }
  const long = arch === 'x86_64', line = config.append ?? ''
  const start = header !== undefined
    ? planMultiboot({ kernel, name: typeof config.kernel === 'string' ? config.kernel : '', line, long, modules: await blaming('initrd', () => modulesOf(config, host)) }, header, tables, part)
    : isBzImage(kernel) ? ofLinux(planBzImage({ kernel, line, long, ...(config.initrd !== undefined && { initrd: await read('initrd') }) }, tables, part))
    : planPvh({ kernel, name: '', line, long, modules: config.initrd === undefined ? [] : [{ bytes: await read('initrd'), line: '' }] },
      part('kernel', () => pvhOf(kernel, tables.lowEnd, long)), tables, part)
  const { GDT: base, GDT_BYTES, CODE: code, DATA: data } = DIRECT
  return {
    boot: {
      kind: 'direct', ports: chipsetWrites,
      state: { entry: start.entry, gdt: { base, limit: GDT_BYTES - 1, code, data }, registers: start.registers, lowEnd: ramSplit(ramBytes).below4G },
    },
    images: [{ name: 'bios', pa: PC.TOP - tables.rom.length, bytes: tables.rom }, ...start.images],
  }
}

const ofLinux = (s: DirectStart) => ({ ...s, registers: { si: s.parameters } })

/** `-initrd` of a multiboot kernel: files with arguments, separated by commas (two of them are one in a name). */
async function modulesOf({ initrd }: MachineConfig, host: Settled['host']): Promise<Module[]> {
  if (initrd === undefined) return []
  if (typeof initrd !== 'string') return [{ bytes: initrd, line: '' }]
  const items = initrd.split(/(?<!,),(?!,)/).map(item => item.replaceAll(',,', ','))
  return Promise.all(items.map(async line => ({ line, bytes: await host.files.read(/^\S*/.exec(line)![0]) })))
}

function pvhOf(file: Uint8Array, lowEnd: number, long: boolean) {
  const elf = readX86Elf(file, lowEnd), { pvhEntry } = elf
  if (elf.long && !long) throw mistake('loader.badImage', 'it is for 64-bit processors', 'typevisor-system-x86_64')
  if (pvhEntry === undefined)
    throw mistake('loader.badImage', 'an ELF kernel with neither a multiboot header nor a PVH entry point', 'Linux: the bzImage; or a kernel with CONFIG_PVH')
  return { ...elf, pvhEntry }
}

function checkKernel(file: Uint8Array): void {
  if (isBzImage(file)) return
  const kind = detectImage(file)
  if (kind?.format === 'elf') {
    if (kind.arch === 'x86_64' || kind.arch === 'i386') return
    throw mistake('loader.badImage', `it is for ${kind.machine}, not for x86`)
  }
  if (kind) throw mistake('loader.badImage', `it is for ${kind.machine}, not for x86`)
  throw mistake('loader.badImage', file.length === 0 ? 'the file is empty' : 'neither a bzImage nor a multiboot or PVH kernel', "Linux's file is called vmlinuz or bzImage")
}

const ports = (config: MachineConfig) =>
  ({ serials: Math.max(1, config.serials?.length ?? 0), parallels: Math.max(1, config.parallels?.length ?? 0) })

function checkBios(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0 || bytes.length % CHUNK || bytes.length > MAX_BIOS)
    throw mistake('loader.badImage', `firmware of ${bytes.length} bytes`, 'a multiple of 64 KiB, at most 16 MiB')
  return bytes
}

function spec(core: SpecCore, { config, smbios, topology }: Settled, devices: DevicesPlan, roms: readonly RomSpec[]): PcSpec {
  const { boot = {} } = config
  const own: PcSpec = {
    ...core, machine: 'pc', smbios, topology, roms, ...ports(config),
    bootOrder: String(boot['order'] ?? DEFAULT_BOOT_ORDER), ...(boot['once'] !== undefined && { bootOnce: String(boot['once']) }), isa: devices.isa,
    floppies: config.noDefaults ? devices.floppies : withFloppy(devices.floppies), ide: config.noDefaults ? devices.ide : withDrive(devices.ide),
  }
  const made = pcFirmware(pcOptionsOf({ ...own, fwCfgFiles: {} })).fwCfgFiles
  config.fwCfg?.forEach(({ name }, i) => {
    if (Object.hasOwn(made, name)) throw blame(`fwCfg[${i}]`, mistake('board.badConfig', `there is an item '${name}' already`))
  })
  return { ...own, ...pcFirmware(pcOptionsOf(own), devices.bootOrder) }
}

/** Nor is it without drive A. */
const withFloppy = (drives: DevicesPlan['floppies']): DevicesPlan['floppies'] =>
  drives.some(Boolean) ? drives : [{ type: EMPTY_DRIVE }]

const CDROM_SLOT = 2, NO_DISC: DriveSpec = { kind: 'cdrom', media: { sizeBytes: 0, readOnly: true } }
/** QEMU's machine has a CD-ROM drive where none is asked for and its place is free. */
const withDrive = (ide: DevicesPlan['ide']): DevicesPlan['ide'] =>
  ide[CDROM_SLOT] || ide.some(d => d?.kind === 'cdrom') ? ide
    : Array.from({ length: 4 }, (_, slot) => (slot === CDROM_SLOT ? NO_DISC : ide[slot]))
