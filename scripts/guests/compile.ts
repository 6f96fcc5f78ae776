// Programs for guests, compiled for their architecture.
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { GuestSource } from './catalog.ts'
import { BENCH } from './initrd.ts'
import { run, UserError } from './run.ts'

/** Installs the cross compiler where it is missing and the user may. */
async function haveCompiler(source: GuestSource): Promise<void> {
  try {
    await run(source.compiler, ['--version'])
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    const packages = source.compilerPackages
    if (process.getuid?.() !== 0) throw new UserError(`${error.message}; hint: apt-get install ${packages.join(' ')}`)
    console.error(`guest images: installing ${packages.join(' ')}`)
    await run('apt-get', ['-q', 'update'])
    await run('apt-get', ['-q', 'install', '-y', '--no-install-recommends', ...packages])
  }
}

export async function compileProgram(source: GuestSource, folder: string, c: string): Promise<Uint8Array> {
  await haveCompiler(source)
  const program = join(folder, basename(c, '.c'))
  await run(source.compiler, ['-O2', '-static', '-o', program, c, '-lm'])
  return readFile(program)
}

export const compileBench = (source: GuestSource, folder: string): Promise<Uint8Array> =>
  compileProgram(source, folder, join(BENCH, 'bench.c'))
