// Makes guest images in .cache/guests/ARCH from Debian packages that come through apt. All is kept, and made again only
// when what it is made of changes, or with --update, which asks the mirror for newer packages.
//   npm run images -- [--update] [ARCH...]
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { type GuestSource, SOURCES } from './catalog.ts'
import { compileBench } from './compile.ts'
import { BENCH_INPUTS, benchInitrd, INPUTS, shellInitrd, testInitrd } from './initrd.ts'
import { moduleEntries } from './modules.ts'
import { PackageStore, put } from './packages.ts'
import { runMain, UserError } from './run.ts'

const CACHE = join(import.meta.dirname, '../../.cache')
/** Where the package has it, depending on the release. */
const BUSYBOX = ['usr/bin/busybox', 'bin/busybox']
const busyboxOf = (folder: string): Promise<Uint8Array> =>
  readFile(join(folder, BUSYBOX.find(path => existsSync(join(folder, path))) ?? BUSYBOX[0]!))

/** Files that are made together, and what they are made of. */
interface Group {
  readonly outputs: readonly string[]
  readonly packages: (source: GuestSource) => readonly string[]
  readonly inputs: readonly string[]
  /** From the unpacked packages, in their order, to the outputs, in theirs. */
  make(source: GuestSource, folder: string, unpacked: readonly string[]): Promise<Uint8Array[]>
}

const GROUPS: Readonly<Record<string, Group>> = {
  boot: {
    outputs: ['Image', 'initrd-shell.gz', 'initrd-test.gz'],
    packages: (source) => [source.kernelMeta, 'busybox-static'],
    inputs: INPUTS,
    async make(source, _, [kernel = '', busybox = '']) {
      const names = (await readdir(join(kernel, 'boot'))).map((name) => `boot/${name}`)
      const image = names.find((name) => name.startsWith(source.kernelPrefix))
      if (!image) throw new UserError(`${kernel} has no ${source.kernelPrefix}*`)
      const modules = await moduleEntries(join(kernel, source.moduleFolder), source.modules)
      const program = await busyboxOf(busybox)
      return [
        await flatKernel(join(kernel, image)), await shellInitrd(program, modules), await testInitrd(program, modules),
      ]
    },
  },
  bench: {
    outputs: ['initrd-bench.gz'],
    packages: () => ['busybox-static'],
    inputs: BENCH_INPUTS,
    make: async (source, folder, [busybox = '']) =>
      [await benchInitrd(await busyboxOf(busybox), await compileBench(source, folder))],
  },
  installer: {
    outputs: ['installer-Image', 'installer-initrd.gz'],
    packages: (source) => [source.installerPackage],
    inputs: [],
    make: async (source, _, [installer = '']) => [
      await flatKernel(join(installer, source.installerKernel)), await readFile(join(installer, source.installerInitrd)),
    ],
  },
}

/** A flat kernel image; Debian compresses the kernels of some architectures. */
async function flatKernel(file: string): Promise<Uint8Array> {
  const bytes = await readFile(file)
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return gunzipSync(bytes)
  if (bytes.toString('latin1', 4, 8) === 'zimg') throw new UserError(`${file}: not implemented: kernels in EFI zboot format`)
  return bytes
}

async function stampOf(source: GuestSource, group: Group): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(source))
  for (const file of [...group.inputs, import.meta.filename]) hash.update(await readFile(file))
  return hash.digest('hex')
}

/** What images a guest needs: `boot` kernel, shell and test RAM disks; `bench`; `installer`. */
export type ImageGroup = 'boot' | 'bench' | 'installer'

/** The folder with the images of `arch`; those of `groups` are made if they are missing or stale. */
export async function guestImages(
  arch: string, groups: readonly ImageGroup[], options: { update?: boolean } = {},
): Promise<string> {
  const source = SOURCES[arch]
  if (!source) throw new UserError(`no guest images for ${arch}; there are ${Object.keys(SOURCES).join(', ')}`)
  const folder = join(CACHE, 'guests', arch)
  const store = new PackageStore(join(folder, 'packages'), join(CACHE, 'apt', arch), source, options.update ?? false)
  for (const name of groups) {
    const group = GROUPS[name]!
    const stampFile = join(folder, `stamp-${name}`)
    const stamp = await stampOf(source, group)
    const fresh = existsSync(stampFile) && (await readFile(stampFile, 'utf8')) === stamp
    if (fresh && !options.update && group.outputs.every((file) => existsSync(join(folder, file)))) continue

    await mkdir(folder, { recursive: true })
    console.error(`guest images: ${arch} ${name}: ${group.outputs.join(', ')}`)
    const unpacked: string[] = []
    for (const each of group.packages(source)) unpacked.push(await store.unpacked(each))
    const made = await group.make(source, folder, unpacked)
    for (const [index, file] of group.outputs.entries()) await put(join(folder, file), made[index]!)
    await writeFile(stampFile, stamp)
  }
  return folder
}

if (import.meta.main) {
  await runMain('guest images', async () => {
    const names = process.argv.slice(2)
    const arches = names.filter((name) => !name.startsWith('-'))
    for (const arch of arches.length ? arches : Object.keys(SOURCES)) {
      const folder = await guestImages(arch, ['boot', 'bench', 'installer'], { update: names.includes('--update') })
      for (const { outputs } of Object.values(GROUPS)) for (const file of outputs) console.log(join(folder, file))
    }
  })
}
