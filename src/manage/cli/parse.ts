// From the program's arguments to an Invocation.
import { placeOf, VmError } from '../../base/errors.ts'
import { type Arch, ARCHES } from '../../vm/config.ts'
import type { Invocation } from '../invocation.ts'
import { builder } from './build.ts'
import { suggest } from '../../base/nearest.ts'
import { isHelp } from './option-apply.ts'
import { options, type Option } from './options.ts'
import { usage } from './values.ts'

const byName = new Map<string, Option>(
  options.flatMap(o => [o.name, ...(o.aliases ?? [])].map(n => [n, o] as const)),
)

/** Throws VmError whose `where` is the text of the option at fault. `interactive`: output goes to a
 * terminal. */
export function parseArguments(argv: readonly string[], program: string, interactive = false): Invocation {
  const b = builder(interactive)
  const arch = archOfProgram(program)
  if (arch) b.config.arch = arch
  try {
    for (let i = 0; i < argv.length; i++) {
      const word = argv[i]!
      b.current = word
      if (!word.startsWith('-') || word === '-') {
        byName.get('hda')!.apply(b, word)
        continue
      }
      const option = byName.get(word.replace(/^--?/, ''))
      if (!option)
        throw usage(
          'no such option',
          suggest(word.replace(/^-*/, ''), [...byName.keys()], '-help').replace(/'(.+)'/, "'-$1'"),
        )
      let value = ''
      if (option.arg !== undefined) {
        if (i + 1 >= argv.length) throw usage('needs an argument', `${word} ${option.arg}`)
        value = argv[++i]!
        b.current = `${word} ${value}`
      }
      if (option.status === 'missing') throw usage('not implemented', option.help)
      if (option.keys && !option.lists && isHelp(value)) b.help('keys', option.name)
      else option.apply(b, value)
    }
    b.current = ''
    return b.finish()
  } catch (error) {
    if (error instanceof VmError)
      error.where = error.where === undefined ? b.current : (b.origins.get(error.where) ?? error.where)
    throw error
  }
}

/** The architecture in a program name such as `typevisor-system-riscv64`. */
export function archOfProgram(program: string): Arch | undefined {
  const name = /-system-([a-z0-9_]+)/.exec(program)?.[1]
  return ARCHES.find(arch => arch === name)
}

/** The one line about a bug of ours: what, where, on which processor, and how to make a report of it. */
export function internalErrorLine(program: string, error: unknown, cpu?: number): string {
  return `${program}: ${internalError(error, cpu)}; ` +
    'a case for a report is made by: npm run debug -- OPTIONS, in a checkout of Typevisor'
}

export function internalError(error: unknown, cpu?: number): string {
  const message = (error instanceof Error ? error.message : String(error)).replace(/^internal error: /, '').replace(/\s*\n\s*/g, ' ')
  const place = placeOf(error)
  return `internal error${cpu === undefined ? '' : ` on CPU ${cpu}`}: ${message}${place ? ` (${place})` : ''}`
}

/** The one line that the user sees: `PROGRAM: -drive file=x: no such file; hint`. */
export function errorLine(
  program: string,
  error: VmError,
  origins: ReadonlyMap<string, string> = new Map(),
): string {
  const where = error.where === undefined ? '' : `${origins.get(error.where) ?? error.where}: `
  const hint = error.hint === undefined ? '' : `; ${error.hint}`
  return `${program}: ${where}${error.message}${hint}`.replace(/\s*\n\s*/g, ' ')
}
