// Logging, tracing and gdb.
import { logClasses } from '../../base/log.ts'
import { matches } from '../../base/trace.ts'
import { parseLogItems, switchTrace, unknownEvent } from '../log-items.ts'
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
    hmp: ['log'], help: `what is logged: none, ${logClasses.join(', ')}, trace:PATTERN`,
    args: { items: { type: 'word', help: 'separated by commas' } },
    run({ machine }, { items }) {
      if (items === 'none') return machine.setLog([])
      const { classes, patterns } = parseLogItems(items.split(','))
      for (const p of patterns) switchTrace(machine, p, true)
      machine.setLog(classes)
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
      switchTrace(machine, name, option === 'on')
    },
  }),
  command({
    qmp: 'trace-event-get-state',
    help: 'trace events by a name with *, and whether they are on',
    args: { name: { type: 'word', help: 'a name with *' } },
    run({ machine }, { name }) {
      const found = machine.traceEvents().filter(e => matches(name, e.name))
      if (found.length === 0 && !/[*?]/.test(name)) throw unknownEvent(machine, name)
      return found.map(e => ({ name: e.name, state: e.enabled ? 'enabled' : 'disabled', vcpu: false }))
    },
  }),
  command({
    qmp: 'trace-event-set-state',
    help: 'switches trace events on or off',
    args: {
      name: { type: 'word', help: 'a name with *' },
      enable: { type: 'switch', help: 'on' },
      'ignore-unavailable': { type: 'switch', help: 'no event of that name is no error' },
    },
    run({ machine }, { name, enable, 'ignore-unavailable': ignore }) {
      if (enable === undefined) throw badArgument("Parameter 'enable' is missing")
      if (machine.setTrace(name, enable) === 0 && !ignore) throw unknownEvent(machine, name)
    },
  }),
  command({
    hmp: ['one-insn-per-tb', 'singlestep'], help: 'translated blocks hold one instruction each',
    args: { option: { type: 'word', help: '', choices: ['on', 'off'], optional: true } },
    run: ({ machine }, { option }) => machine.setOneInsn(option !== 'off'),
  }),
]
