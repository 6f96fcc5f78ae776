// docs/monitor.md.
import { eventNames } from '../qmp/qmp.ts'
import { syntaxOf } from './arguments.ts'
import { missingCommands } from './run.ts'
import { commands } from './table.ts'

export function commandsMarkdown(): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|')
  const rows = commands.map(c => {
    const hmp = c.hmp ? `\`${cell([syntaxOf(c.hmp[0]!, c.args), ...c.hmp.slice(1)].join(' | '))}\`` : ''
    return `| ${hmp} | ${c.qmp ? `\`${c.qmp}\`` : ''} | ${cell(c.help)} |`
  })
  return [
    '# Monitor and QMP commands', '',
    'Made by `npm run generate` from the tables in `src/manage/commands`. Names and meaning are QEMU\'s.', '',
    '| monitor | QMP | what it does |', '|---|---|---|',
    '| `help [NAME]` | `query-commands` | lists commands |', ...rows,
    '| | `qmp_capabilities` | begins a QMP session; no capabilities are offered |',
    '| | `human-monitor-command` | runs a monitor line |',
    '| | `query-events` | names of events |',
    '',
    `Events: ${eventNames.map(e => `\`${e}\``).join(', ')}.`,
    '',
    "An argument that is a number is an expression on the monitor: `$pc + 8*4`, `'a'`, parentheses; `+ -` bind least, then `& | ^`,",
    'then `* / %`. `/FMT` is a count, a format (`x d u o c i`) and a size (`b h w g`): `x/8xw $sp`, `x/5i $pc`.',
    '',
    `Known by name and not implemented: ${Object.keys(missingCommands)
      .map(n => `\`${n}\``)
      .join(', ')}.`,
    '',
  ].join('\n')
}
