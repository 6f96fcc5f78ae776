// What is there and how it is: `info …` on the monitor, `query-…` in QMP.
import { matches } from '../../base/trace.ts'
import { formatSize } from '../cli/values.ts'
import type { Topic } from '../../vm/control.ts'
import { versionText, VERSION } from '../management.ts'
import { registerLines } from '../monitor/scope.ts'
import { badArgument } from './arguments.ts'
import { command, type CommandContext } from './command.ts'
import { listSnapshots } from './snapshot.ts'

const all = { all: { type: 'switch', help: 'of all processors' } } as const
const lines = (items: readonly string[]): string => items.map(i => `${i}\n`).join('')

/** Topics that the machine answers in words. */
const described: readonly { topic: Topic; help: string }[] = [
  { topic: 'mem', help: 'valid virtual memory of the current processor' },
  { topic: 'mtree', help: 'the memory map' },
  { topic: 'qtree', help: 'devices, their wiring, properties and state' },
  { topic: 'jit', help: 'the recompiler: translated code and its costs' },
  { topic: 'irq', help: 'interrupts of each processor: enabled, pending, the last trap' },
  { topic: 'pic', help: 'state of the interrupt controllers' },
  { topic: 'ioapic', help: 'state of the I/O APIC' },
  { topic: 'mtrr', help: 'memory types of the current processor' },
  { topic: 'lines', help: 'levels of interrupt lines' },
  { topic: 'usb', help: 'USB devices' },
  { topic: 'virtio', help: 'virtio devices and their queues' },
  { topic: 'roms', help: 'what was loaded where' },
]

async function describe(ctx: CommandContext, topic: Topic): Promise<string> {
  const text = await ctx.machine.describe(topic, { cpu: ctx.cpu })
  if (text === undefined) throw badArgument(`this machine has no ${topic} information`)
  return ended(text)
}

const ended = (text: string): string => (text.endsWith('\n') ? text : `${text}\n`)

export const infoCommands = [
  command({
    hmp: ['info status'], qmp: 'query-status', help: 'running or stopped', args: {},
    run: ({ machine }) => ({ running: machine.state === 'running', status: machine.state }),
    text: ({ running, status }) =>
      `VM status: ${running ? 'running' : status === 'paused' ? 'paused' : `paused (${status})`}\n`,
  }),
  command({
    hmp: ['info version'], qmp: 'query-version', help: 'version of the program', args: {},
    run: () => ({ qemu: VERSION, package: `typevisor ${versionText}` }),
    text: () => `${versionText}\n`,
  }),
  command({
    hmp: ['info name'], qmp: 'query-name', help: 'name of the guest', args: {},
    run: ({ machine }) => (machine.info.name === undefined ? {} : { name: machine.info.name }),
    text: ({ name }: { name?: string }) => (name === undefined ? '' : `${name}\n`),
  }),
  command({
    hmp: ['info uuid'], qmp: 'query-uuid', help: 'UUID of the machine', args: {},
    run: ({ machine }) => ({ UUID: machine.info.uuid ?? '00000000-0000-0000-0000-000000000000' }),
    text: ({ UUID }) => `${UUID}\n`,
  }),
  command({
    hmp: ['info accel'], help: 'the accelerator, and why it is this one', args: {},
    async run(ctx) {
      const { accel, accelReason } = ctx.machine.info
      return ended(await ctx.machine.describe('accel', { cpu: ctx.cpu }) ?? accelReason ?? accel)
    },
  }),
  command({
    hmp: ['info kvm'], qmp: 'query-kvm', help: 'whether KVM runs the guest', args: {},
    run: ({ machine }) => ({ enabled: machine.info.accel === 'kvm', present: machine.info.accel === 'kvm' }),
    text: ({ enabled }, { machine }) => `kvm support: ${enabled ? 'enabled' : 'disabled'}\n${lines(machine.cpus.flatMap(c => {
      const counters = c.counters?.()
      return counters ? [`CPU#${c.index}`, ...counters.map(({ value, text }) => `${String(value).padStart(14)}  ${text}`)] : []
    }))}`,
  }),
  command({
    qmp: 'query-stats', help: 'what processors have counted', args: {
      target: { type: 'word', help: 'of what', choices: ['vm', 'vcpu'], optional: true },
    },
    run: ({ machine }, { target }) => (target !== 'vcpu' ? [] : machine.cpus.flatMap(c => {
      const counters = c.counters?.()
      return counters ? [{ provider: 'kvm', 'qom-path': `/machine/cpu[${c.index}]`, stats: counters.map(({ name, value }) => ({ name, value })) }] : []
    })),
  }),
  command({
    hmp: ['info cpus'],
    qmp: 'query-cpus-fast',
    help: 'processors and their threads',
    args: {},
    run: ({ machine }) =>
      machine.cpus.map(c => ({
        'cpu-index': c.index,
        'qom-path': `/machine/cpu[${c.index}]`,
        'thread-id': c.threadId ?? 0,
        target: machine.info.arch,
      })),
    text: (cpus, ctx) =>
      lines(
        cpus.map(
          (c, i) =>
            `${i === ctx.cpu ? '*' : ' '} CPU #${i}:${c['thread-id'] ? ` thread_id=${c['thread-id']}` : ''} (${ctx.machine.cpus[i]!.state})`,
        ),
      ),
  }),
  command({
    hmp: ['info registers'], help: 'registers of the current processor, or (-a) of all', args: all,
    async run(ctx, { all }) {
      const which = all ? ctx.machine.cpus.map(c => c.index) : [ctx.cpu]
      let out = ''
      for (const cpu of which) {
        const own = await ctx.machine.describe('registers', { cpu })
        out +=
          own === undefined
            ? `\nCPU#${cpu}\n${await registerLines({ machine: ctx.machine, cpu })}`
            : ended(own)
      }
      return out
    },
  }),
  command({
    hmp: ['info block'], qmp: 'query-block', help: 'disks', args: {},
    run: ({ machine }) => machine.blocks.map(b => ({
      device: b.device, qdev: b.attachedTo ?? '', type: 'unknown', removable: b.tray !== undefined, locked: b.tray?.locked ?? false,
      ...(b.tray && { tray_open: b.tray.open }),
      ...(b.file !== undefined && { inserted: {
        file: b.file, ro: b.readOnly, drv: b.format, 'node-name': b.device, encrypted: false,
        image: { filename: b.file, format: b.format, 'virtual-size': b.sizeBytes },
      } }),
    })),
    text: (_, { machine }) => lines(machine.blocks.flatMap(b => [
      b.file === undefined ? `${b.device}: [not inserted]` : `${b.device}: ${b.file} (${b.format}${b.readOnly ? ', read-only' : ''}), ${formatSize(b.sizeBytes)}`,
      ...(b.attachedTo ? [`    Attached to:      ${b.attachedTo}`] : []),
      ...(b.tray ? [`    Removable device: ${b.tray.locked ? 'locked' : 'not locked'}, tray ${b.tray.open ? 'open' : 'closed'}`] : []),
      ...(b.reads !== undefined ? [`    Requests:         ${b.reads} reads, ${b.writes ?? 0} writes`] : []),
    ])),
  }),
  command({
    hmp: ['info chardev'],
    qmp: 'query-chardev',
    help: 'character devices',
    args: {},
    run: ({ chars }) =>
      chars.map(c => ({ label: c.config.id, filename: c.label, 'frontend-open': c.frontEnds.length > 0 })),
    text: chars => lines(chars.map(c => `${c.label}: filename=${c.filename}`)),
  }),
  command({
    hmp: ['info snapshots'], help: 'snapshots in the current directory', args: {},
    async run(ctx) {
      const names = await listSnapshots(ctx.host)
      return names.length ? lines(names) : 'There is no snapshot available.\n'
    },
  }),
  command({
    hmp: ['info trace-events'], help: 'trace events and whether they are on',
    args: { name: { type: 'word', help: 'a name with *', optional: true } },
    run: ({ machine }, { name = '*' }) => lines(
      machine.traceEvents().filter(e => matches(name, e.name)).map(e => `${e.name} : state ${e.enabled ? 1 : 0}`),
    ),
  }),
  command({
    hmp: ['info tlb'],
    help: 'translations of the current processor: each mapping of its page tables, or (-s) what its software TLB holds',
    args: { software: { type: 'switch', help: 'the software TLB' } },
    run: (ctx, { software }) => describe(ctx, software ? 'softtlb' : 'tlb'),
  }),
  command({
    hmp: ['info lapic'], help: 'the local APIC of the current processor, or of the one with this number',
    args: { apic: { type: 'integer', help: 'number of a processor', optional: true } },
    run(ctx, { apic }) {
      if (apic !== undefined && apic >= BigInt(ctx.machine.cpus.length)) throw badArgument('No CPU available', `processors 0 to ${ctx.machine.cpus.length - 1}`)
      return describe(apic === undefined ? ctx : { ...ctx, cpu: Number(apic) }, 'lapic')
    },
  }),
  ...described.map(({ topic, help }) => command({
    hmp: [`info ${topic}`], help, args: {}, run: ctx => describe(ctx, topic),
  })),
  command({
    qmp: 'query-target',
    help: 'the architecture',
    args: {},
    run: ({ machine }) => ({ arch: machine.info.arch }),
  }),
  command({
    hmp: ['info memory_size_summary'], qmp: 'query-memory-size-summary', help: 'guest RAM', args: {},
    run: ({ machine }) => ({ 'base-memory': machine.info.memoryBytes, 'plugged-memory': 0 }),
    text: m => `base memory: ${m['base-memory']}\nplugged memory: ${m['plugged-memory']}\n`,
  }),
]
