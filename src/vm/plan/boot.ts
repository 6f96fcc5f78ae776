// What lies in memory when a machine starts, and how processors begin; the files that it is made from.
import { VmError } from '../../base/errors.ts'
import type { DirectState } from '../../isa/x86/direct.ts'
import type { PortWrite } from '../../machines/pc-direct.ts'
import type { Host } from '../../host/host.ts'
import type { FileSource, MachineConfig } from '../config.ts'
import { blame, mistake } from './text.ts'

export type LoadImage = { readonly pa: number; readonly bytes: Uint8Array; readonly name: string }
export type Boot =
  /** The built-in SBI starts hart 0 at `entry` in supervisor mode: hart id in a0, `deviceTree` in a1. */
  | { readonly kind: 'sbi'; readonly entry: number; readonly deviceTree: number }
  /** All harts start at `entry` in machine mode. */
  | { readonly kind: 'reset'; readonly entry: number }
  /** Processors start as they are after RESET: x86 in its firmware. */
  | { readonly kind: 'firmware' }
  /** x86 without firmware: the first processor begins in this state, behind these writes to ports. */
  | { readonly kind: 'direct'; readonly state: DirectState; readonly ports: readonly PortWrite[] }

export type BootPlan = {
  readonly boot: Boot
  /** RAM and ROM at the start and after every reset. */
  readonly images: readonly LoadImage[]
  /** Of machines that have one. */
  readonly deviceTree?: Uint8Array
}

/** The contents of a file, or what the library handed in. */
export const readSource = async (host: Host, source: FileSource): Promise<Uint8Array> =>
  typeof source === 'string' ? host.files.read(source) : source

/** Where Debian and QEMU put firmware. */
const FIRMWARE_DIRECTORIES = ['/usr/share/seabios', '/usr/share/qemu', '/usr/share/ipxe/qemu']

/** A firmware file as named, or in the directories that `-L` gave; with `installed` also where packages put it. */
export async function findFirmware(
  host: Host, name: string, { dataPaths = [] }: Pick<MachineConfig, 'dataPaths'>, installed = false,
): Promise<Uint8Array> {
  const tried: VmError[] = []
  const directories = [...dataPaths, ...(installed ? FIRMWARE_DIRECTORIES : [])]
  const elsewhere = name.startsWith('/') ? [] : directories.map(dir => `${dir.replace(/\/$/, '')}/${name}`)
  for (const path of [...(installed ? [] : [name]), ...elsewhere])
    try {
      return await host.files.read(path)
    } catch (error) {
      if (!(error instanceof VmError) || error.code !== 'file.notFound') throw error
      tried.push(error)
    }
  throw tried[0] ?? new VmError('file.notFound', `${name}: no such file`)
}

/** What `-bios` names. */
export const readBios = async (host: Host, { bios, ...config }: MachineConfig): Promise<Uint8Array> =>
  (typeof bios === 'string' ? findFirmware(host, bios, config) : bios!)

/** What is for a kernel needs one. */
export function checkKernelParts(config: MachineConfig): void {
  if (config.kernel !== undefined) return
  for (const where of ['initrd', 'append'] as const)
    if (config[where] !== undefined && config[where] !== '')
      throw blame(where, mistake('loader.badImage', 'there is no kernel that it is for', '-kernel FILE'))
}
