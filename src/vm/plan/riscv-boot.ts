// What lies in the RISC-V machine's memory when it starts, and where harts begin: kernel, initial RAM disk, firmware and device
// tree, at the addresses that QEMU's machine gives them.
import { blaming, type VmError } from '../../base/errors.ts'
import { virtFdt } from '../../machines/virt-riscv-fdt.ts'
import { VIRT } from '../../machines/virt-riscv.ts'
import type { FileSource } from '../config.ts'
import { type BootPlan, checkKernelParts, type LoadImage, readBios, readSource } from './boot.ts'
import { type Image, readImage } from './image.ts'
import type { Settled } from './machine-type.ts'
import { ROM, resetRom } from './reset-rom.ts'
import { blame, formatSize, mistake } from './text.ts'
import { patchTree } from './tree.ts'

const MIB = 2 ** 20, PAGE = 4096
const RAM = VIRT.DRAM
/** Where a kernel goes if firmware takes no more than this. */
const KERNEL_ALIGN = 2 * MIB
/** The device tree stays below, where kernels see it that begin with 32-bit addresses. */
const TREE_BELOW = 3072 * MIB
const INITRD_DISTANCE = 128 * MIB
const alignUp = (n: number, to: number): number => Math.ceil(n / to) * to
const alignDown = (n: number, to: number): number => Math.floor(n / to) * to

export async function planBoot(o: Settled): Promise<BootPlan> {
  const { config, host } = o
  const ramEnd = RAM + o.ramBytes
  const load = async (where: 'kernel' | 'initrd' | 'bios' | 'dtb', source: FileSource | undefined) =>
    source === undefined ? undefined : blaming(where, () => readSource(host, source))

  checkKernelParts(config)

  const sbi = config.bios === undefined || config.bios === 'default'
  const none = config.bios === 'none'
  const firmware = sbi || none ? undefined : await blaming('bios', async () =>
    inRam(await readImage(await readBios(host, config), { base: RAM, limitBytes: o.ramBytes }), ramEnd))

  const kernelFile = await load('kernel', config.kernel)
  const base = sbi ? RAM + KERNEL_ALIGN : alignUp(firmware?.end ?? RAM, KERNEL_ALIGN)
  const kernel = kernelFile && await blaming('kernel', async () =>
    inRam(await readImage(kernelFile, { base, limitBytes: o.ramBytes, ...(sbi && { ramStart: RAM }) }), ramEnd))
  if (sbi && !kernel && !o.treeOnly)
    throw mistake('loader.badImage', 'there is nothing to start', '-kernel FILE, or -bios FILE')

  const initrdBytes = await load('initrd', config.initrd)
  const initrd = initrdBytes && kernel && await blaming('initrd', () => placeInitrd(initrdBytes, kernel, o.ramBytes))

  const chosen = {
    ...(config.append !== undefined && config.append !== '' && { bootargs: config.append }),
    ...(initrd && { initrd: { start: initrd.pa, end: initrd.pa + initrd.bytes.length } }),
    rngSeed: crypto.getRandomValues(new Uint8Array(32)),
  }
  const given = await load('dtb', config.dtb)
  const deviceTree = given ? await blaming('dtb', () => patchTree(given, chosen)) : virtFdt({
    harts: o.harts, ramBytes: o.ramBytes, extensions: o.cpu.extensions, mmuType: o.cpu.mmuType!, ...chosen,
  })

  const images: LoadImage[] = [
    ...named('firmware', firmware), ...named('kernel', kernel), ...(initrd ? [{ ...initrd, name: 'initrd' }] : []),
  ]
  const extents: Extent[] = [
    ...(firmware ? [{ where: 'bios', start: firmware.start, end: firmware.end }] : []),
    ...(kernel ? [{ where: 'kernel', start: kernel.start, end: kernel.end }] : []),
    ...(initrd ? [{ where: 'initrd', start: initrd.pa, end: initrd.pa + initrd.bytes.length }] : []),
  ]
  apart(extents)
  const treeAt = await blaming('memoryBytes', () => placeTree(deviceTree.length, ramEnd, extents))
  images.push({ pa: treeAt, bytes: deviceTree, name: 'device tree' })

  if (sbi) return { boot: { kind: 'sbi', entry: kernel?.entry ?? RAM, deviceTree: treeAt }, images, deviceTree }
  const start = firmware?.entry ?? kernel?.entry ?? RAM
  const rom = resetRom({ start, deviceTree: treeAt, next: kernel?.entry ?? 0 })
  images.push({ pa: ROM.at, bytes: rom, name: 'reset vector' })
  return { boot: { kind: 'reset', entry: ROM.at }, images, deviceTree }
}

const named = (name: string, image: Image | undefined): LoadImage[] =>
  (image?.segments ?? []).map(({ pa, bytes }, i) => ({ pa, bytes, name: i ? `${name}.${i}` : name }))

const hex = (n: number): string => `0x${n.toString(16)}`
const span = (start: number, end: number): string => `${hex(start)} to ${hex(end)}`
const tooBig = (text: string): VmError => mistake('loader.tooBig', text, 'more RAM: -m SIZE')

function inRam(image: Image, ramEnd: number): Image {
  if (image.start < RAM || image.start >= 2 ** 53)
    throw mistake('loader.badImage', `it goes to ${hex(image.start)}, and RAM begins at ${hex(RAM)}`)
  if (image.end > ramEnd) throw tooBig(`it takes ${span(image.start, image.end)}, and RAM ends at ${hex(ramEnd)}`)
  return image
}

/** Half of RAM away from the kernel, which unpacks and grows, but not too far; then behind the kernel in any case. */
function placeInitrd(bytes: Uint8Array, kernel: Image, ramBytes: number): { pa: number; bytes: Uint8Array } {
  const ramEnd = RAM + ramBytes
  const usual = kernel.start + Math.min(ramBytes / 2, INITRD_DISTANCE)
  const pa = Math.max(alignDown(usual, PAGE), alignUp(kernel.end, PAGE))
  if (pa + bytes.length <= ramEnd) return { pa, bytes }
  throw tooBig(`its ${formatSize(bytes.length)} do not fit between ${hex(pa)} and the end of RAM at ${hex(ramEnd)}`)
}

type Extent = { readonly where: string; readonly start: number; readonly end: number }

function apart(extents: readonly Extent[]): void {
  extents.forEach((b, i) => {
    const a = extents.slice(0, i).find(e => e.start < b.end && b.start < e.end)
    if (!a) return
    throw blame(b.where, mistake('loader.badImage', `it takes ${span(b.start, b.end)}, where the ${a.where} is`))
  })
}

/** As high as possible; if something is there already, as high below or above it as there is room. */
function placeTree(bytes: number, ramEnd: number, taken: readonly Extent[]): number {
  const end = Math.min(ramEnd, TREE_BELOW)
  const free = (at: number) => at >= RAM && taken.every(t => at + bytes <= t.start || t.end <= at)
  const candidates = [
    alignDown(end - bytes, KERNEL_ALIGN), alignDown(end - bytes, PAGE),
    ...taken.map(t => alignDown(t.start - bytes, PAGE)),
  ]
  const at = candidates.find(free)
  if (at === undefined) throw tooBig(`there is no room for the device tree in RAM (${formatSize(ramEnd - RAM)})`)
  return at
}
