// Makes the guest images of an architecture in .cache/guests/ARCH: Image, initrd-{shell,bench,test}.gz,
// installer-{Image,initrd.gz}. Packages come from Debian through apt; all is kept, and made again only when the files
// that it is made of change, or with --update, which asks the mirror for newer packages.
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { PrivateApt } from './apt.ts'
import { type GuestSource, SOURCES } from './catalog.ts'
import { BENCH, INPUTS, writeInitrds } from './initrd.ts'
import { moduleEntries } from './modules.ts'
import { run, runMain, UserError } from './run.ts'

const CACHE = join(import.meta.dirname, '../../.cache')

/** Where an architecture's images lie. */
export const guestFolder = (arch: string): string => join(CACHE, 'guests', arch)

const OUTPUTS = [
  'Image', 'initrd-shell.gz', 'initrd-bench.gz', 'initrd-test.gz', 'installer-Image', 'installer-initrd.gz',
]

async function stampOf(source: GuestSource): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(source))
  for (const file of INPUTS) hash.update(await readFile(file))
  return hash.digest('hex')
}

/** A flat kernel image; Debian compresses the kernels of some architectures. */
function flatKernel(bytes: Uint8Array, file: string): Uint8Array {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return gunzipSync(bytes)
  if (Buffer.from(bytes.subarray(4, 8)).toString('latin1') === 'zimg') {
    throw new UserError(`${file}: not implemented: kernels in EFI zboot format`)
  }
  return bytes
}

async function put(file: string, data: Uint8Array): Promise<void> {
  await writeFile(`${file}.new`, data)
  await rename(`${file}.new`, file)
}

/** Unpacks a package once into a folder named after the package file. */
async function unpack(deb: string): Promise<string> {
  const folder = deb.replace(/\.deb$/, '')
  if (!existsSync(folder)) {
    await rm(`${folder}.new`, { recursive: true, force: true })
    await run('dpkg-deb', ['-x', deb, `${folder}.new`])
    await rename(`${folder}.new`, folder)
  }
  return folder
}

async function compileBench(source: GuestSource, folder: string): Promise<Uint8Array> {
  const program = join(folder, 'bench')
  try {
    await run(source.compiler, ['-O2', '-static', '-o', program, join(BENCH, 'bench.c')])
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    const packages = source.compilerPackages.join(' ')
    throw new UserError(`${error.message} (Debian packages ${packages}; scripts/setup.sh installs them)`)
  }
  return readFile(program)
}

/** Removes packages, packed and unpacked, that a newer version has replaced. */
async function removeOld(folder: string, keep: readonly string[]): Promise<void> {
  const names = keep.flatMap((path) => [basename(path), basename(path, '.deb')])
  for (const name of await readdir(folder)) {
    if (!names.includes(name)) await rm(join(folder, name), { recursive: true })
  }
}

/** The folder with the images of `arch`, which are made if they are missing or stale. */
export async function guestImages(arch: string, options: { update?: boolean } = {}): Promise<string> {
  const source = SOURCES[arch]
  if (!source) throw new UserError(`no guest images for ${arch}; there are ${Object.keys(SOURCES).join(', ')}`)
  const folder = guestFolder(arch)
  const stampFile = join(folder, 'stamp')
  const stamp = await stampOf(source)
  const fresh = existsSync(stampFile) && (await readFile(stampFile, 'utf8')) === stamp
  if (fresh && !options.update && OUTPUTS.every((name) => existsSync(join(folder, name)))) return folder

  console.error(`guest images for ${arch}: packages from Debian ${source.codename} ...`)
  await mkdir(folder, { recursive: true })
  const packages = await fetchPackages(source, folder, options.update ?? false)
  const [kernel = '', busybox = '', installer = ''] = await Promise.all(packages.map(unpack))

  console.error(`guest images for ${arch}: kernel and initial RAM disks ...`)
  const boot = await readdir(join(kernel, 'boot'))
  const kernelFile = boot.map((name) => `boot/${name}`).find((name) => name.startsWith(source.kernelPrefix))
  if (!kernelFile) throw new UserError(`${kernel} has no ${source.kernelPrefix}*`)
  for (const [from, to] of [
    [join(kernel, kernelFile), 'Image'],
    [join(installer, source.installerKernel), 'installer-Image'],
  ] as const) await put(join(folder, to), flatKernel(await readFile(from), from))
  await put(join(folder, 'installer-initrd.gz'), await readFile(join(installer, source.installerInitrd)))

  await writeInitrds(folder, {
    busybox: await readFile(join(busybox, 'usr/bin/busybox')),
    bench: await compileBench(source, folder),
    modules: await moduleEntries(join(kernel, 'usr/lib/modules'), source.modules),
  })
  await removeOld(join(folder, 'packages'), packages)
  await writeFile(stampFile, stamp)
  return folder
}

/** Package files of kernel, busybox and installer; those named in packages.json unless it is time to ask again. */
async function fetchPackages(source: GuestSource, folder: string, update: boolean): Promise<string[]> {
  const known = join(folder, 'packages.json')
  const store = join(folder, 'packages')
  if (!update && existsSync(known)) {
    const names = JSON.parse(await readFile(known, 'utf8')) as string[]
    const files = names.map((name) => join(store, name))
    if (files.every((file) => existsSync(file))) return files
  }
  const apt = new PrivateApt(join(CACHE, 'apt', source.arch), source)
  await apt.update()
  const files: string[] = []
  for (const name of [await apt.dependency(source.kernelMeta), 'busybox-static', source.installerPackage]) {
    files.push(await apt.download(name, store))
  }
  await writeFile(known, JSON.stringify(files.map((file) => basename(file))))
  return files
}

if (import.meta.main) {
  await runMain('guest images', async () => {
    const names = process.argv.slice(2)
    const arches = names.filter((name) => !name.startsWith('-'))
    for (const arch of arches.length ? arches : Object.keys(SOURCES)) {
      const folder = await guestImages(arch, { update: names.includes('--update') })
      console.log(OUTPUTS.map((name) => join(folder, name)).join('\n'))
    }
  })
}
