// All commands, and finding one by its name on the monitor.
import { suggest } from '../../base/nearest.ts'
import { badArgument, qmpError, syntaxOf } from './arguments.ts'
import type { Command } from './command.ts'
import { debugCommands } from './debug.ts'
import { hardwareCommands } from './hardware.ts'
import { infoCommands } from './info.ts'
import { inputCommands } from './input.ts'
import { mediaCommands } from './media.ts'
import { memoryCommands } from './memory.ts'
import { queryCommands } from './query.ts'
import { missingCommands, runCommands } from './run.ts'
import { screenCommands } from './screen.ts'
import { snapshotCommands } from './snapshot.ts'

export const commands: readonly Command[] = [
  ...runCommands, ...infoCommands, ...hardwareCommands, ...memoryCommands, ...screenCommands, ...inputCommands, ...mediaCommands, ...snapshotCommands,
  ...debugCommands, ...queryCommands,
]

export const hmpNames: readonly string[] = commands.flatMap(c => c.hmp ?? [])
const byHmpName = new Map(commands.flatMap(c => (c.hmp ?? []).map(n => [n, c] as const)))
export const byQmpName: ReadonlyMap<string, Command> = new Map(
  commands.flatMap(c => (c.qmp === undefined ? [] : [[c.qmp, c] as const])),
)

/** The command that a line starts with, and the rest of the line. Throws VmError if there is none. */
export function findHmp(line: string): { command: Command; rest: string } {
  const m = /^\s*([^\s/]+)/.exec(line)
  const word = m?.[1] ?? ''
  let rest = line.slice(m?.[0].length ?? 0), name = word
  if (word === 'info') {
    const topic = /^\s*(\S+)/.exec(rest)
    if (!topic) throw badArgument('a topic is needed', 'help info lists them')
    name = `info ${topic[1]}`
    rest = rest.slice(topic[0].length)
  }
  const command = byHmpName.get(name)
  if (command) return { command, rest }
  refuseMissing(word)
  if (word === 'info') {
    const topics = hmpNames.filter(n => n.startsWith('info ')).map(n => n.slice(5))
    throw badArgument(`no information '${name.slice(5)}'`, suggest(name.slice(5), topics, 'help info'))
  }
  throw badArgument(
    `unknown command: '${word}'`,
    suggest(
      word,
      hmpNames.filter(n => !n.startsWith('info ')),
      'help',
    ),
  )
}

/** A command that other monitors have and this one does not. */
export function refuseMissing(name: string): void {
  if (Object.hasOwn(missingCommands, name))
    throw qmpError('CommandNotFound', `not implemented: ${name}`, missingCommands[name] || undefined)
}

/** The text of `help`, or of `help NAME`. */
export function helpText(name?: string): string {
  const shown = commands.filter(
    c =>
      c.hmp &&
      (name === undefined || c.hmp.some(n => n === name || (name === 'info' && n.startsWith('info ')))),
  )
  if (shown.length === 0) throw badArgument(`unknown command: '${name}'`, suggest(name!, hmpNames, 'help'))
  return shown.map(c => {
    const [first, ...others] = c.hmp!
    const names = [syntaxOf(first!, c.args), ...others].join(' | ')
    return `${names} -- ${c.help}\n`
  }).join('')
}
