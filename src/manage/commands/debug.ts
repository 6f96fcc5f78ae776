// Logging, tracing and gdb.
import { nearest } from '../../base/nearest.ts'
import { logItems } from '../cli/option-keys.ts'
import { badArgument } from './arguments.ts'
import { command } from './command.ts'

export const debugCommands = [
  command({
    hmp: ['gdbserver'], help: 'waits for gdb at tcp::1234 or at another place; none ends that',
    args: { device: { type: 'rest', help: 'tcp::PORT, unix:PATH, chardev:ID or none', optional: true } },
    async run(ctx, { device }) {
      const where = await ctx.gdbServer(device ?? 'tcp::1234')
      return device === 'none' ? 'Disabled gdbserver\n' : `Waiting for gdb connection on device '${where}'\n`
    },
  }),
  command({
    hmp: ['log'], help: `what is logged: none, ${logItems.map(l => l.name).join(', ')}`,
    args: { items: { type: 'word', help: 'separated by commas' } },
    run({ machine }, { items }) {
      if (items === 'none') return machine.setLog([])
      machine.setLog(items.split(',').map(item => {
        const found = logItems.find(l => l.name === item)
        if (found) return found.name
        const best = nearest(item, logItems.map(l => l.name))
        throw badArgument(`no log class '${item}'`, best ? `did you mean '${best}'?` : undefined)
      }))
    },
  }),
  command({
    hmp: ['logfile'], help: 'where the log goes', args: { filename: { type: 'word', help: 'the file' } },
    run: (ctx, { filename }) => ctx.setLogFile(filename),
  }),
  command({
    hmp: ['trace-event'],
    help: 'switches trace events on or off',
    args: {
      name: { type: 'word', help: 'a name with *' },
      option: { type: 'word', help: '', choices: ['on', 'off'] },
    },
    run({ machine }, { name, option }) {
      if (machine.setTrace(name, option === 'on') === 0)
        throw badArgument(`no trace event '${name}'`, 'info trace-events lists them')
    },
  }),
]
