// The package as users get it: packed, and installed into a folder of its own, without network.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './guests/run.ts'

const ROOT = join(import.meta.dirname, '..')

/** Packs the project (which builds it) and installs the package into a new folder `app` below `folder`. */
export async function installPackage(folder: string): Promise<string> {
  const packed = await run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: ROOT })
  const app = join(folder, 'app')
  await mkdir(app)
  await writeFile(join(app, 'package.json'), '{ "type": "module", "private": true }')
  // The Node that runs this is new enough: the package's own is left out.
  await run('npm', ['install', '--offline', '--omit=optional', '--no-audit', '--no-fund', join(folder, packed.trim())],
    { cwd: app })
  return app
}
