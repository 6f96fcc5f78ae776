// `query-qmp-schema`: the commands and their arguments, from the tables. What commands answer is not declared: `any`.
import type { Argument, ArgumentType } from '../commands/arguments.ts'
import type { Command } from '../commands/command.ts'

type Info = { readonly name: string; readonly 'meta-type': string; readonly [member: string]: unknown }

/** Built-in types by the argument types that QMP can carry. */
const types: { readonly [T in ArgumentType]?: string } = {
  word: 'str', rest: 'str', integer: 'int', switch: 'bool', list: '[str]', objects: '[any]',
}
const NONE = 'q_empty'

const builtin: readonly Info[] = [
  { name: 'str', 'meta-type': 'builtin', 'json-type': 'string' },
  { name: 'int', 'meta-type': 'builtin', 'json-type': 'int' },
  { name: 'bool', 'meta-type': 'builtin', 'json-type': 'boolean' },
  { name: 'any', 'meta-type': 'builtin', 'json-type': 'value' },
  { name: '[any]', 'meta-type': 'array', 'element-type': 'any' },
  { name: '[str]', 'meta-type': 'array', 'element-type': 'str' },
  { name: NONE, 'meta-type': 'object', members: [] },
]

const isOptional = (a: Argument): boolean => a.optional === true || a.type === 'switch'

export function qmpSchema(commands: readonly Pick<Command, 'qmp' | 'args'>[], events: readonly string[]): Info[] {
  const described = commands.flatMap(({ qmp, args }): Info[] => {
    if (qmp === undefined) return []
    const members = Object.entries(args).flatMap(([name, a]) => {
      const type = types[a.type]
      return type === undefined ? [] : [{ name, type, ...(isOptional(a) && { default: null }) }]
    })
    const takes = members.length ? `${qmp}-arg` : NONE
    return [
      { name: qmp, 'meta-type': 'command', 'arg-type': takes, 'ret-type': 'any' },
      ...(members.length ? [{ name: takes, 'meta-type': 'object', members }] : []),
    ]
  })
  return [...builtin, ...described, ...events.map(name => ({ name, 'meta-type': 'event', 'arg-type': NONE }))]
}
