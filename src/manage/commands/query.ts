// What programs ask before they do anything: what there is, as lists. QMP only.
import type { Catalogue, PropertyInfo } from '../../vm/control.ts'
import { backends } from '../cli/chardevs.ts'
import { options } from '../cli/options.ts'
import type { KeyType } from '../cli/values.ts'
import { qmpError } from './arguments.ts'
import { command } from './command.ts'

const query = (qmp: string, help: string, run: Parameters<typeof command>[0]['run']) =>
  command({ qmp, help, args: {}, run })

/** Answers that say that there is nothing of the kind. */
const nothing: { readonly [name: string]: unknown } = {
  'query-iothreads': [], 'query-jobs': [], 'query-block-jobs': [], 'query-memory-devices': [],
  'query-tpm': [], 'query-tpm-models': [], 'query-tpm-types': [], 'query-fdsets': [], 'query-migrate': {},
  'query-migrate-capabilities': [], 'query-vnc': { enabled: false },
  'query-current-machine': { 'wakeup-suspend-support': false },
}

const keyTypes: { readonly [T in KeyType]: string } = {
  text: 'string', file: 'string', choice: 'string', flag: 'boolean', number: 'number', size: 'size',
}
const propertyTypes: { readonly [T in PropertyInfo['type']]: string } = {
  text: 'str', flag: 'bool', number: 'uint32', u64: 'uint64', size: 'size',
}

const typesOf = ({ machines, cpus, devices }: Catalogue) => [
  ...machines.map(m => ({ name: `${m.name}-machine`, parent: 'machine' })),
  ...cpus.map(c => ({ name: `${c.name}-riscv-cpu`, parent: 'riscv-cpu' })),
  ...devices.map(d => ({ name: d.name, parent: 'device' })),
]

export const queryCommands = [
  ...Object.entries(nothing).map(([name, answer]) => query(name, 'there is nothing of the kind', () => answer)),
  query('query-machines', 'kinds of machines', ({ machine }) => machine.catalogue.machines.map(m => ({
    name: m.name, 'is-default': m.isDefault ?? false, 'cpu-max': machine.catalogue.maxCpus,
    'hotpluggable-cpus': false, 'numa-mem-supported': false, deprecated: false,
    'default-cpu-type': `${machine.catalogue.cpus[0]!.name}-riscv-cpu`, acpi: false,
  }))),
  query('query-cpu-definitions', 'processor models', ({ machine }) => machine.catalogue.cpus.map(c => ({
    name: c.name, typename: `${c.name}-riscv-cpu`, static: false, deprecated: false,
  }))),
  query('query-chardev-backends', 'kinds of character devices', () => Object.keys(backends).map(name => ({ name }))),
  query('query-command-line-options', 'options that take KEY=VALUE lists', () =>
    options.filter(o => o.keys && o.status === undefined).map(o => ({
      option: o.name,
      parameters: Object.entries(o.keys!).filter(([, k]) => !k.missing)
        .map(([name, k]) => ({ name, type: keyTypes[k.type], ...(k.help !== '' && { help: k.help }) })),
    }))),
  query('query-named-block-nodes', 'images', ({ machine }) => machine.blocks.map(b => ({
    'node-name': b.device, drv: b.format, ro: b.readOnly, file: b.file, encrypted: false,
    image: { filename: b.file, format: b.format, 'virtual-size': b.sizeBytes },
  }))),
  query('query-blockstats', 'how often disks were read and written', ({ machine }) => machine.blocks.map(b => ({
    device: b.device, 'node-name': b.device, ...(b.attachedTo !== undefined && { qdev: b.attachedTo }),
    stats: { rd_operations: b.reads ?? 0, wr_operations: b.writes ?? 0 },
  }))),
  command({
    qmp: 'qom-list-types', help: 'machines, processors and devices by type',
    args: { implements: { type: 'word', help: 'only those of this parent', optional: true } },
    run: ({ machine }, { implements: parent }) =>
      typesOf(machine.catalogue).filter(t => parent === undefined || t.parent === parent || t.name === parent),
  }),
  command({
    qmp: 'device-list-properties', help: 'properties of a kind of device',
    args: { typename: { type: 'word', help: 'the device' } },
    run({ machine }, { typename }) {
      const device = machine.catalogue.devices.find(d => d.name === typename)
      if (!device) throw qmpError('DeviceNotFound', `Device '${typename}' not found`)
      return device.properties.map(p => ({
        name: p.name, type: propertyTypes[p.type], description: p.description,
        ...(p.initial !== undefined && { 'default-value': defaultOf(p, p.initial) }),
      }))
    },
  }),
]

function defaultOf({ type }: PropertyInfo, initial: string): unknown {
  if (type === 'flag') return initial === 'on'
  return type === 'text' ? initial : Number(initial)
}
