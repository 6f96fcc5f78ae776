// Kernel modules for an initial RAM disk: finds them in an unpacked kernel package, follows their dependencies
// (Debian's package has no modules.dep; each module's .modinfo section names what it needs) and unpacks them.
import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { Entry } from './cpio.ts'
import { runBytes, UserError } from './run.ts'

/** A module's name as the kernel spells it. */
const moduleName = (file: string): string =>
  file.replace(/^.*\//, '').replace(/\.ko(\.\w+)?$/, '').replaceAll('-', '_')

/** The values of a tag in a module's .modinfo section, which is a list of zero-terminated TAG=VALUE strings. */
export function modinfo(module: Uint8Array, tag: string): string[] {
  const bytes = Buffer.from(module.buffer, module.byteOffset, module.length)
  const mark = `\0${tag}=`
  const values: string[] = []
  for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + 1)) {
    const from = at + mark.length
    values.push(bytes.toString('latin1', from, bytes.indexOf(0, from)))
  }
  return values
}

const dependsOf = (module: Uint8Array): string[] =>
  modinfo(module, 'depends').flatMap((list) => list.split(',')).filter(Boolean).map(moduleName)

/** Archive entries for the wanted modules and their dependencies, with the indexes that modprobe reads. */
export async function moduleEntries(libModules: string, wanted: readonly string[]): Promise<Entry[]> {
  const release = (await readdir(libModules))[0]
  if (!release) throw new UserError(`no kernel modules in ${libModules}`)
  const root = join(libModules, release)
  const found = new Map<string, string>()
  for (const file of await readdir(join(root, 'kernel'), { recursive: true })) {
    if (/\.ko(\.xz)?$/.test(file)) found.set(moduleName(file), join(root, 'kernel', file))
  }
  const builtin = new Set((await readFile(join(root, 'modules.builtin'), 'utf8')).split('\n').map(moduleName))

  const data = new Map<string, Uint8Array>()
  const order = async (name: string): Promise<string[]> => {
    const file = found.get(name)
    if (!file) {
      if (builtin.has(name)) return []
      throw new UserError(`the kernel ${release} has no module ${name}`)
    }
    const bytes = data.get(name) ?? (file.endsWith('.xz') ? await runBytes('xz', ['-dc', file]) : await readFile(file))
    data.set(name, bytes)
    const nearest: string[] = []
    for (const needed of dependsOf(bytes)) nearest.push(needed, ...(await order(needed)))
    return [...new Set(nearest)]
  }
  const target = (name: string): string =>
    relative(root, found.get(name) ?? '').replace(/\.xz$/, '')

  const needs = new Map<string, string[]>()
  const visit = async (name: string): Promise<void> => {
    if (needs.has(name)) return
    const before = await order(name)
    if (found.has(name)) needs.set(name, before)
    for (const needed of before) await visit(needed)
  }
  for (const name of wanted) await visit(name)

  const lines = [...needs].map(([name, before]) => `${target(name)}:${before.map((b) => ` ${target(b)}`).join('')}\n`)
  const aliases = [...data].flatMap(([name, bytes]) =>
    modinfo(bytes, 'alias').map((alias) => `alias ${alias} ${name}\n`))
  const base = `lib/modules/${release}`
  const folders = new Set<string>(['lib/modules', base])
  for (const name of data.keys()) {
    const steps = target(name).split('/').slice(0, -1)
    steps.forEach((_, depth) => { folders.add(`${base}/${steps.slice(0, depth + 1).join('/')}`) })
  }
  return [
    ...[...folders].map((path): Entry => ({ path, kind: 'folder' })),
    ...[...data].map(([name, bytes]): Entry => ({ path: `${base}/${target(name)}`, kind: 'file', data: bytes })),
    { path: `${base}/modules.dep`, kind: 'file', data: Buffer.from(lines.join('')) },
    { path: `${base}/modules.alias`, kind: 'file', data: Buffer.from(aliases.join('')) },
  ]
}
