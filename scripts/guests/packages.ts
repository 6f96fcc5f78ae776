// The packages of one architecture, downloaded and unpacked once. versions.json remembers which file a name stands for,
// so that nothing is asked of the mirror while all is there.
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { PrivateApt } from './apt.ts'
import type { GuestSource } from './catalog.ts'
import { run } from './run.ts'

/** Writes a file so that a reader sees all of it or what was there before. */
export async function put(file: string, data: Uint8Array | string): Promise<void> {
  const next = `${file}.${process.pid}.new`
  await writeFile(next, data)
  await rename(next, file)
}

export class PackageStore {
  readonly #folder: string
  readonly #apt: PrivateApt
  readonly #source: GuestSource
  readonly #update: boolean
  /** The index is fetched once, when the first package is needed. */
  #index: Promise<void> | undefined

  constructor(folder: string, aptFolder: string, source: GuestSource, update: boolean) {
    this.#folder = folder
    this.#apt = new PrivateApt(aptFolder, source)
    this.#source = source
    this.#update = update
  }

  /** Folder of the unpacked package. A meta package stands for the package that it depends on. */
  async unpacked(name: string): Promise<string> {
    const versions = join(this.#folder, 'versions.json')
    const known = existsSync(versions) ? JSON.parse(await readFile(versions, 'utf8')) as Record<string, string> : {}
    const old = known[name] && join(this.#folder, known[name])
    if (old && existsSync(old) && !this.#update) return old

    this.#index ??= this.#apt.update()
    await this.#index
    const real = name === this.#source.kernelMeta ? await this.#apt.dependency(name) : name
    const deb = join(this.#folder, await this.#apt.fileName(real))
    const folder = deb.replace(/\.deb$/, '')
    if (!existsSync(folder)) {
      await mkdir(this.#folder, { recursive: true })
      await this.#apt.download(real, this.#folder)
      await rm(`${folder}.new`, { recursive: true, force: true })
      await run('dpkg-deb', ['-x', deb, `${folder}.new`])
      await rename(`${folder}.new`, folder)
      await rm(deb)
    }
    await put(versions, JSON.stringify({ ...known, [name]: basename(folder) }))
    if (old && old !== folder) await rm(old, { recursive: true, force: true })
    return folder
  }
}
