// Debian packages of another architecture, through apt with a state of its own: the system's configuration is read
// for the mirror's address and never changed. apt checks every index and package against the signed release file.
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run, UserError } from './run.ts'
import type { GuestSource } from './catalog.ts'

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'
const MIRROR_VARIABLE = 'TYPEVISOR_DEBIAN_MIRROR'

/** Address of the Debian mirror in the listing of `apt-get --print-uris update`. */
export function mirrorFrom(listing: string): string | undefined {
  for (const [, base] of listing.matchAll(/^'(\S+?)\/dists\/\S+\/InRelease'/gm)) {
    if (base && /\/debian$/.test(base)) return base
  }
  return undefined
}

async function mirror(): Promise<string> {
  const chosen = process.env[MIRROR_VARIABLE]
  if (chosen) return chosen.replace(/\/$/, '')
  const found = mirrorFrom(await run('apt-get', ['--print-uris', 'update']))
  if (!found) throw new UserError(`no Debian mirror in this machine's apt configuration; set ${MIRROR_VARIABLE}`)
  return found
}

export class PrivateApt {
  readonly options: readonly string[]
  readonly #folder: string
  readonly #source: GuestSource

  constructor(folder: string, source: GuestSource) {
    this.#folder = folder
    this.#source = source
    const settings = {
      'APT::Architecture': source.arch,
      'APT::Architectures': source.arch,
      'APT::Sandbox::User': '',
      'Acquire::Languages': 'none',
      'Dir::State': join(folder, 'state'),
      'Dir::State::Lists': join(folder, 'state/lists'),
      'Dir::State::status': join(folder, 'status'),
      'Dir::Cache': join(folder, 'cache'),
      'Dir::Etc::SourceList': join(folder, 'sources.list'),
      'Dir::Etc::SourceParts': join(folder, 'parts'),
      'Dir::Etc::Preferences': join(folder, 'preferences'),
      'Dir::Etc::PreferencesParts': join(folder, 'parts'),
    }
    this.options = Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`])
  }

  /** Fetches the package index. A mirror may be out of step under one name of the release and whole under another. */
  async update(): Promise<void> {
    for (const folder of ['state/lists/partial', 'cache/archives/partial', 'parts']) {
      await mkdir(join(this.#folder, folder), { recursive: true })
    }
    await writeFile(join(this.#folder, 'status'), '')
    if (!existsSync(KEYRING)) throw new UserError(`${KEYRING} is missing; install the package debian-archive-keyring`)
    const base = await mirror()
    let failure: UserError | undefined
    for (const suite of this.#source.suites) {
      await writeFile(join(this.#folder, 'sources.list'), `deb [signed-by=${KEYRING}] ${base} ${suite} main\n`)
      try {
        await run('apt-get', [...this.options, '-o', 'APT::Update::Error-Mode=any', '-q', 'update'])
        if (await this.#codename() === this.#source.codename) return
      } catch (error) {
        if (!(error instanceof UserError)) throw error
        failure ??= error
      }
    }
    throw failure ?? new UserError(`the mirror has no release ${this.#source.codename}`)
  }

  /** Code name in the release file that apt has just verified. */
  async #codename(): Promise<string | undefined> {
    const lists = join(this.#folder, 'state/lists')
    const suite = (await readFile(join(this.#folder, 'sources.list'), 'utf8')).trim().split(' ').at(-2)
    const file = (await readdir(lists)).find((name) => name.endsWith(`_dists_${suite}_InRelease`))
    return file && /^Codename: (\S+)$/m.exec(await readFile(join(lists, file), 'utf8'))?.[1]
  }

  /** The first package that a meta package depends on. */
  async dependency(meta: string): Promise<string> {
    const found = /^\s*Depends: (\S+)$/m.exec(await run('apt-cache', [...this.options, 'depends', meta]))?.[1]
    if (!found) throw new UserError(`package ${meta} names no dependency`)
    return found
  }

  /** Name of the file of a package's newest version. */
  async fileName(name: string): Promise<string> {
    const uris = await run('apt-get', [...this.options, '--print-uris', 'download', name])
    const file = /^'\S+' (\S+)/m.exec(uris)?.[1]
    if (!file) throw new UserError(`the mirror has no package ${name}`)
    return file
  }

  /** Downloads a package into `folder`; what is there of an interrupted download is continued. */
  async download(name: string, folder: string): Promise<void> {
    await run('apt-get', [...this.options, '-q', 'download', name], { cwd: folder })
  }
}
