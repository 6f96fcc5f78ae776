// Texts of -help and of `help` arguments, and docs/options.md: all from the tables.
import { logItems } from '../../base/log.ts'
import type { AccelStatus, Catalogue, Named, PropertyInfo } from '../../vm/control.ts'
import type { HelpTopic } from '../invocation.ts'
import { versionText } from '../management.ts'
import { backends, commonKeys } from './chardevs.ts'
import { suggest } from '../../base/nearest.ts'
import { type Option, options, sections } from './options.ts'
import { type Keys, usage } from './values.ts'

export const versionLine = (): string => `Typevisor version ${versionText}\n`

const flagsOf = (o: Option): string =>
  `-${[o.name, ...(o.aliases ?? [])].join(', -')}${o.arg === undefined ? '' : ` ${o.arg}`}`

export function optionsHelp(program: string): string {
  let out = `${versionLine()}usage: ${program} [options] [disk image]\n`
  for (const section of sections) {
    out += `\n${section}:\n`
    for (const o of options.filter(each => each.section === section && each.status === undefined)) {
      out += `  ${flagsOf(o)}\n        ${o.help}${o.lists === undefined ? '' : '; `help` lists them'}\n`
    }
  }
  const ignored = options.filter(o => o.status === 'ignored').map(o => `-${o.name}`)
  return `${out}\nIn a KEY=VALUE list a comma within a value is doubled. Sizes take k, M, G, T.\nAccepted without effect: ${ignored.join(' ')}\n`
}

const named = (list: readonly Named[]): string => {
  const width = Math.max(0, ...list.map(x => x.name.length)) + 2
  return list.map(x => `${x.name.padEnd(width)}${x.description}\n`).join('')
}
const properties = (list: readonly PropertyInfo[]): string =>
  list
    .map(
      p =>
        `  ${p.name}=<${p.type}>  ${p.description}${p.initial === undefined ? '' : ` (default: ${p.initial})`}\n`,
    )
    .join('')

const keyLines = (keys: Keys): string =>
  Object.entries(keys).filter(([, k]) => !k.missing && !k.ignored)
    .map(([n, k]) => `  ${n}=<${k.choices ? k.choices.join('|') : k.type}>  ${k.help}\n`).join('')

/** The answer to `-accel help`: what there is, and what of it can be had here. */
export function accelHelp(accels: readonly Named[], here: readonly AccelStatus[]): string {
  return `Accelerators supported:\n${named(accels.map(({ name, description }) => {
    const found = here.find(s => s.name === name)
    const how = !found ? '' : !found.usable ? `: not here: ${found.reason}${found.hint === undefined ? '' : ` (${found.hint})`}`
      : found.reason !== undefined ? `: works here, but ${found.reason}` : ': works here'
    return { name, description: `${description}${how}` }
  }))}`
}

/** The answer to `-OPTION help`; `name` asks for what one of them takes. */
export function topicHelp(topic: HelpTopic, catalogue: Catalogue, name?: string): string {
  const one = <T extends Named>(list: readonly T[], what: string): T => {
    const found = list.find(x => x.name === name)
    if (!found) throw usage(`no ${what} '${name}'`, suggest(name!, list.map(x => x.name)))
    return found
  }
  switch (topic) {
    case 'machine':
      return name === undefined
        ? `Supported machines are:\n${named(
            catalogue.machines.map(m => ({
              ...m,
              description: `${m.description}${m.isDefault ? ' (default)' : ''}`,
            })),
          )}`
        : `Options of machine ${name}:\n${properties(one(catalogue.machines, 'machine').properties ?? [])}`
    case 'cpu':
      if (name !== undefined)
        return `${name} features:\n${properties(one(catalogue.cpus, 'processor model').properties ?? [])}`
      return `Available CPUs:\n${named(catalogue.cpus)}`
    case 'accel':
      if (name !== undefined)
        return `${name} options:\n${properties(one(catalogue.accels, 'accelerator').properties ?? [])}`
      return `Accelerators supported:\n${named(catalogue.accels)}`
    case 'device':
      if (name !== undefined)
        return `${name} options:\n${properties(one(catalogue.devices, 'device').properties)}`
      return catalogue.devices
        .map(d => `name "${d.name}"${d.bus ? `, bus ${d.bus}` : ''}, desc "${d.description}"\n`)
        .sort()
        .join('')
    case 'keys':
      return `-${name} options:\n${keyLines(options.find(o => o.name === name)!.keys!)}`
    case 'chardev':
      if (name !== undefined) {
        const found = one(Object.entries(backends).map(([n, b]) => ({ name: n, description: b.help, keys: b.keys })),
          'character device back end')
        return `${name} options:\n${keyLines({ ...commonKeys, ...found.keys })}`
      }
      return `Available chardev backend types:\n${named(Object.entries(backends).map(([n, b]) => ({ name: n, description: b.help })))}`
    case 'netdev':
      return `Available netdev backend types:\n${named(catalogue.netdevs)}`
    case 'object':
      return 'filter-dump\nrng-builtin\nrng-random\n'
    case 'display':
      return 'Available display backend types:\nnone\ntext\n'
    case 'log':
      return `Log items (comma separated):\n${named([
        ...logItems.map(l => ({ name: l.name, description: l.help })),
        { name: 'trace:PATTERN', description: 'trace events; -trace help lists them' },
      ])}`
    case 'trace':
      return `Trace events (a pattern may have * and ?), and what they print:\n${named(catalogue.traceEvents)}`
    case 'options':
    case 'version':
      return versionLine()
  }
}

/** docs/options.md. */
export function optionsMarkdown(): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|')
  const keysOf = (keys: Keys): string =>
    Object.entries(keys)
      .map(
        ([name, k]) =>
          `\`${name}\`${k.missing ? ' (not implemented)' : k.ignored ? ' (no effect)' : k.help ? `: ${k.help}` : ''}`,
      )
      .join('; ')
  let out =
    "# Command-line options\n\nMade by `npm run generate` from the table in `src/manage/cli/options.ts`. Names and meaning are QEMU's.\n" +
    'In a `KEY=VALUE` list a comma within a value is doubled; sizes take k, M, G, T; `-OPTION help` lists what a name can be.\n'
  for (const section of sections) {
    out += `\n## ${section}\n\n| option | what it does |\n|---|---|\n`
    for (const o of options.filter(each => each.section === section)) {
      const status =
        o.status === 'missing' ? '**not implemented**: ' : o.status === 'ignored' ? 'no effect: ' : ''
      const keys = o.keys ? `<br>${keysOf(o.keys)}` : ''
      out += `| \`${cell(flagsOf(o))}\` | ${status}${cell(o.help)}${cell(keys)} |\n`
    }
  }
  out +=
    '\n## Character back ends\n\nFor `-chardev`, and in the shorter form for `-serial`, `-monitor`, `-qmp` and `-gdb`.\n\n| back end | what it does | keys |\n|---|---|---|\n'
  for (const [name, b] of Object.entries(backends))
    out += `| \`${name}\` | ${b.help} | ${cell(keysOf(b.keys))} |\n`
  out +=
    '\n## Without `-nographic` and `-serial`\n\nThere is no window. If standard output is a terminal, the serial port and the monitor share it as with\n' +
    '`-serial mon:stdio`; otherwise the serial port is unconnected.\n'
  return out
}
