// The command-line options: one row each. From a row come parsing, checking, -help and docs/options.md. Names and meaning are
// QEMU's. `apply` receives the option's argument ('' for a switch) and puts it into the builder.
import type { LogClass } from '../../base/log.ts'
import type { PropertyBag, PropertyValue } from '../../vm/config.ts'
import type { HelpTopic } from '../invocation.ts'
import { type Builder, legacyDrive } from './build.ts'
import { backends, parseChardev } from './chardevs.ts'
import { nearest, suggest } from './nearest.ts'
import {
  choice, file, flag, ignored, type Keys, many, missing, number, parseFlag, parseValues, size, splitCommas, text, usage,
} from './values.ts'

export const sections = ['Machine', 'Boot', 'Block devices', 'Devices', 'Network', 'Character devices', 'Management', 'Debugging',
  'General'] as const

export type Option = {
  readonly name: string
  readonly aliases?: readonly string[]
  readonly section: (typeof sections)[number]
  /** How the argument is shown; left out for a switch. */
  readonly arg?: string
  readonly help: string
  /** Keys of the argument, for the documentation. */
  readonly keys?: Keys
  /** `help` as the argument lists these. */
  readonly lists?: HelpTopic
  readonly status?: 'missing' | 'ignored'
  readonly apply: (b: Builder, value: string) => void
}

// ---- keys of the arguments ----

const machineKeys = {
  type: text('name of the machine'),
  accel: text('accelerators in order of preference, separated by colons'),
  kernel: file('as -kernel'), initrd: file('as -initrd'), append: text('as -append'), dtb: file('as -dtb'),
  firmware: file('as -bios'), 'memory-backend': missing('a memory object'), graphics: ignored(flag('')),
  usb: ignored(flag('')), 'dump-guest-core': ignored(flag('')), 'mem-merge': ignored(flag('')),
} satisfies Keys
const smpKeys = {
  cpus: number('processors at start'), maxcpus: number('at most'), sockets: number('sockets'), dies: ignored(number('')),
  clusters: ignored(number('')), cores: number('cores in a socket'), threads: number('threads in a core'),
} satisfies Keys
const memoryKeys = {
  size: size('guest RAM; a bare number counts in MiB', 'm'), slots: missing('memory hotplug'), maxmem: missing('memory hotplug'),
} satisfies Keys
const driveKeys = {
  file: file('disk image'), id: text('name'), format: text('raw, qcow2; left out: looked at'),
  if: choice(['virtio', 'none', 'ide', 'scsi', 'sd', 'mtd', 'floppy', 'pflash'], 'interface; none: a -device uses the drive'),
  index: number('number on its bus'), unit: ignored(number('')), bus: ignored(number('')),
  media: choice(['disk', 'cdrom'], 'kind of medium'),
  readonly: flag('the guest cannot write'), snapshot: flag('writes go to temporary storage'),
  driver: text('driver of the format, as -blockdev has it'), serial: text('serial number'),
  cache: choice(['none', 'writeback', 'writethrough', 'directsync', 'unsafe'], 'when data reach the disk'),
  discard: choice(['ignore', 'off', 'unmap', 'on'], 'what the guest no longer needs is given back'),
  'detect-zeroes': choice(['off', 'on', 'unmap'], 'zeroes take no room'),
  werror: choice(['report', 'stop', 'ignore', 'enospc'], 'when writing fails'),
  rerror: choice(['report', 'stop', 'ignore'], 'when reading fails'),
  aio: ignored(choice(['threads', 'native', 'io_uring'], '')), 'copy-on-read': missing(''),
} satisfies Keys
const bootKeys = {
  order: text('order of drives, letters as QEMU has them'), once: text('order for the first start'), menu: flag('boot menu'),
  strict: flag('only what has a boot index'), splash: missing('splash picture'), 'splash-time': missing('splash picture'),
  'reboot-timeout': number('milliseconds'),
} satisfies Keys
const nameKeys = {
  guest: text('name of the guest'), process: ignored(text('')), 'debug-threads': ignored(flag('')),
} satisfies Keys
const rtcKeys = {
  base: text('utc, localtime or a date such as 2026-01-31T12:00:00'), clock: choice(['host', 'rt', 'vm'], 'what drives it'),
  driftfix: choice(['none', 'slew'], 'lost ticks'),
} satisfies Keys
const fwCfgKeys = { name: text('name of the item'), file: file('contents'), string: text('contents') } satisfies Keys
const monKeys = {
  chardev: text('character device'), mode: choice(['readline', 'control'], 'monitor or QMP'), pretty: flag('QMP over several lines'),
} satisfies Keys
const traceKeys = { enable: text('pattern'), events: missing('a file of patterns'), file: missing('a trace file') } satisfies Keys
const nicKeys = { model: text('card'), mac: text('hardware address'), id: text('name') } satisfies Keys
const actionKeys = {
  reboot: choice(['reset', 'shutdown'], 'when the guest resets'), shutdown: choice(['poweroff', 'pause'], 'when it switches off'),
  panic: choice(['none', 'pause', 'shutdown', 'exit-failure'], 'when it panics'), watchdog: missing('watchdog'),
} satisfies Keys
const netdevKeys = { type: text('user, socket, stream, tap …'), id: text('name'), hostfwd: many(text('forwarded port')),
  guestfwd: many(text('forwarded address')) } satisfies Keys

export const logItems: readonly { readonly name: LogClass; readonly help: string }[] = [
  { name: 'guest_errors', help: 'the guest breaks a rule of the hardware' },
  { name: 'unimp', help: 'the guest asks for something that is not modelled' },
  { name: 'trace', help: 'trace events; trace:PATTERN switches some on' },
]
const otherLogItems = ['out_asm', 'in_asm', 'op', 'op_opt', 'op_ind', 'op_plugin', 'int', 'exec', 'cpu', 'fpu', 'mmu', 'pcall', 'cpu_reset',
  'page', 'nochain', 'plugin', 'strace', 'tid', 'vpu']

// ---- helpers of the rows ----

const isHelp = (value: string): boolean => value === 'help' || value === '?'

/** `virtio-blk-pci,drive=d,x=y`: the name, its id and the rest as properties. */
function named(line: string, implied: string): { name: string; id: string | undefined; properties: PropertyBag } {
  const { rest } = parseValues(line, {}, { implied, open: true })
  const { [implied]: name, id, ...properties } = rest
  if (typeof name !== 'string' || name === '') throw usage(`${implied}=NAME is needed`)
  if (id !== undefined && typeof id !== 'string') throw usage('id is a text')
  return { name, id, properties }
}

/** Options whose argument is a name with properties: also `help` and `NAME,help`. */
function withHelp(b: Builder, topic: HelpTopic, line: string): boolean {
  if (isHelp(line)) { b.help(topic); return true }
  const items = line.startsWith('{') ? [] : splitCommas(line)
  if (!items.some((item, i) => i > 0 && isHelp(item))) return false
  b.help(topic, items[0]!.replace(/^[a-z-]+=/, ''))
  return true
}

/** Dotted keys become a tree: `file.driver=file,file.filename=x`. */
export function treeOf(flat: PropertyBag): PropertyBag {
  const tree: { [key: string]: PropertyValue } = {}
  for (const [path, value] of Object.entries(flat)) {
    const keys = path.split('.')
    let at = tree
    for (const key of keys.slice(0, -1)) {
      if (!Object.hasOwn(at, key)) at[key] = {}
      if (typeof at[key] !== 'object') throw usage(`'${path}' contradicts '${key}'`)
      at = at[key] as typeof tree
    }
    at[keys.at(-1)!] = value
  }
  return tree
}

function only<T extends object>(values: T, keys: readonly (keyof T)[]): PropertyBag {
  return Object.fromEntries(keys.filter(k => values[k] !== undefined).map(k => [k, values[k]])) as PropertyBag
}

const accels = (line: string) => line.split(':').map(name => ({ name: name === 'tcg' ? 'jit' : name }))

function applyMachine(b: Builder, line: string): void {
  if (withHelp(b, 'machine', line)) return
  const { values: v, rest } = parseValues(line, machineKeys, { implied: 'type', open: true })
  const before = b.config.machine
  const type = v.type ?? before?.type
  if (v.accel !== undefined) b.set('accels', accels(v.accel))
  for (const key of ['kernel', 'initrd', 'append', 'dtb'] as const) if (v[key] !== undefined) b.set(key, v[key])
  if (v.firmware !== undefined) b.set('bios', v.firmware)
  if (type !== undefined) b.set('machine', { type, properties: { ...before?.properties, ...rest } })
  else if (Object.keys(rest).length) throw usage('type=NAME is needed', '-machine help lists them')
}

function applyAccel(b: Builder, line: string): void {
  if (withHelp(b, 'accel', line)) return
  const { name, properties } = named(line, 'accel')
  for (const a of accels(name)) b.add('accels', { ...a, ...(Object.keys(properties).length && { properties }) })
}

function applyCpu(b: Builder, line: string): void {
  if (withHelp(b, 'cpu', line)) return
  const [model, ...features] = splitCommas(line)
  const properties: { [name: string]: PropertyValue } = {}
  for (const f of features) {
    const m = /^([+-])(.+)$/.exec(f) ?? /^([^=]+)(?:=(.*))?$/.exec(f)
    if (!m) throw usage(`'${f}' is not a feature`, '+NAME, -NAME or NAME=VALUE')
    if (m[1] === '+' || m[1] === '-') properties[m[2]!] = m[1] === '+'
    else properties[m[1]!] = m[2] === undefined ? true : parseFlag(m[2]) ?? m[2]
  }
  if (!model || /^[+-]|=/.test(model)) throw usage('a model is needed', '-cpu help lists them')
  b.set('cpu', { model, ...(features.length && { properties }) })
}

function applySmp(b: Builder, line: string): void {
  const { values: v } = parseValues(line, smpKeys, { implied: 'cpus' })
  for (const [key, n] of Object.entries(v)) if (n === 0) throw usage(`${key}=0`, 'at least 1')
  const product = (v.sockets ?? 1) * (v.cores ?? 1) * (v.threads ?? 1)
  const cpus = v.cpus ?? v.maxcpus ?? product
  if (v.maxcpus !== undefined && v.maxcpus < cpus) throw usage(`maxcpus=${v.maxcpus} is less than cpus=${cpus}`)
  if ((v.sockets !== undefined || v.cores !== undefined || v.threads !== undefined) && product > 1
    && v.sockets !== undefined && v.cores !== undefined && product !== (v.maxcpus ?? cpus))
    throw usage(`sockets × cores × threads is ${product}, not ${v.maxcpus ?? cpus}`)
  b.set('smp', { ...v, cpus })
}

function applyMemory(b: Builder, line: string): void {
  const { values } = parseValues(line, memoryKeys, { implied: 'size' })
  if (values.size === undefined) throw usage('size=SIZE is needed')
  if (values.size === 0) throw usage('a machine needs RAM', 'for instance -m 512M')
  b.set('memoryBytes', values.size)
}

function applyDrive(b: Builder, line: string): void {
  const { values: v, rest } = parseValues(line, driveKeys, { open: true })
  const wrong = Object.keys(rest).find(k => !k.includes('.'))
  if (wrong !== undefined) throw usage(`no parameter '${wrong}'`, suggest(wrong, Object.keys(driveKeys), '-help'))
  if (v.file === undefined && v.media !== 'cdrom' && !Object.keys(rest).some(k => k.startsWith('file.')))
    throw usage('file=IMAGE is needed')
  const properties = treeOf({ ...only(v, ['driver', 'serial', 'cache', 'discard', 'detect-zeroes', 'werror', 'rerror']), ...rest })
  b.add('drives', {
    kind: 'drive', ...only(v, ['id', 'index', 'file', 'format', 'media', 'snapshot']),
    ...(v.if !== undefined && { interface: v.if }),
    ...((v.readonly ?? (v.media === 'cdrom' || undefined)) !== undefined && { readOnly: v.readonly ?? true }),
    ...(Object.keys(properties).length && { properties }),
  })
}

function applyBlockdev(b: Builder, line: string): void {
  const { rest } = parseValues(line, {}, { implied: 'driver', open: true })
  const { 'node-name': id, 'read-only': readOnly, ...properties } = line.trimStart().startsWith('{') ? rest : treeOf(rest)
  if (typeof id !== 'string') throw usage('node-name=NAME is needed')
  if (typeof properties['driver'] !== 'string') throw usage('driver=NAME is needed')
  const ro = typeof readOnly === 'string' ? parseFlag(readOnly) : readOnly
  if (ro !== undefined && typeof ro !== 'boolean') throw usage(`read-only=${String(readOnly)} is not on or off`)
  b.add('drives', { kind: 'blockdev', id, ...(ro !== undefined && { readOnly: ro }), properties })
}

function applyNetdev(b: Builder, line: string): void {
  if (withHelp(b, 'netdev', line)) return
  const { values: v, rest } = parseValues(line, netdevKeys, { implied: 'type', open: true })
  if (v.type === undefined) throw usage('a type is needed', 'for instance user')
  if (v.id === undefined) throw usage('id=NAME is needed')
  const properties = { ...rest, ...only(v, ['hostfwd', 'guestfwd']) }
  b.add('netdevs', { type: v.type, id: v.id, ...(Object.keys(properties).length && { properties }) })
}

function applyNic(b: Builder, line: string): void {
  if (withHelp(b, 'netdev', line)) return
  const { values: v, rest } = parseValues(line, { ...netdevKeys, ...nicKeys }, { implied: 'type', open: true })
  if (v.type === undefined) throw usage('a type is needed', 'for instance user, or none')
  if (v.mac !== undefined && !/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(v.mac)) throw usage(`mac=${v.mac} is not a hardware address`)
  const properties = { ...rest, ...only(v, ['hostfwd', 'guestfwd']) }
  b.add('nics', { type: v.type, ...only(v, ['model', 'mac', 'id']), ...(Object.keys(properties).length && { properties }) })
}

function applyLog(b: Builder, line: string): void {
  if (isHelp(line)) return b.help('log')
  const classes = new Set(b.config.log)
  for (const item of line.split(',')) {
    if (item.startsWith('trace:')) {
      classes.add('trace')
      b.set('trace', [...b.config.trace ?? [], item.slice(6)])
    } else if (item === 'all') logItems.forEach(l => classes.add(l.name))
    else if (logItems.some(l => l.name === item)) classes.add(item)
    else if (otherLogItems.includes(item)) throw usage(`not implemented: log class '${item}'`, '-d help lists what there is')
    else {
      const best = nearest(item, logItems.map(l => l.name))
      throw usage(`no log class '${item}'`, best ? `did you mean '${best}'?` : '-d help lists them')
    }
  }
  b.set('log', [...classes])
}

function applyTrace(b: Builder, line: string): void {
  if (isHelp(line)) return b.help('trace')
  const { values } = parseValues(line, traceKeys, { implied: 'enable' })
  if (values.enable !== undefined) b.set('trace', [...b.config.trace ?? [], values.enable])
  b.set('log', [...new Set([...b.config.log ?? [], 'trace'])])
}

function applyDisplay(b: Builder, line: string): void {
  if (isHelp(line)) return b.help('display')
  if (line !== 'none') throw usage(`not implemented: display '${line}'`, '-display none')
}

function applyMon(b: Builder, line: string): void {
  const { values: v } = parseValues(line, monKeys, { implied: 'chardev' })
  if (v.chardev === undefined) throw usage('chardev=NAME is needed')
  b.monitor(`chardev:${v.chardev}`, v.mode ?? 'readline', v.pretty ?? false)
}

function applyAction(b: Builder, line: string): void {
  const { values: v } = parseValues(line, actionKeys)
  if (v.reboot) b.set('noReboot', v.reboot === 'shutdown')
  if (v.shutdown) b.management.noShutdown = v.shutdown === 'pause'
  if (v.panic) b.management.panicAction = v.panic
}

function applyFwCfg(b: Builder, line: string): void {
  const { values: v } = parseValues(line, fwCfgKeys, { implied: 'name' })
  if (!v.name) throw usage('name=NAME is needed')
  if ((v.file === undefined) === (v.string === undefined)) throw usage('either file=FILE or string=TEXT is needed')
  b.add('fwCfg', { name: v.name, contents: v.file ?? new TextEncoder().encode(v.string) })
}

function applyGlobal(b: Builder, line: string): void {
  const m = /^([^.=,]+)\.([^=]+)=(.*)$/s.exec(line)
  if (m) return b.add('globals', { driver: m[1]!, property: m[2]!, value: m[3]! })
  const { values: v } = parseValues(line, { driver: text(''), property: text(''), value: text('') })
  if (!v.driver || !v.property || v.value === undefined) throw usage(`'${line}' is not DRIVER.PROPERTY=VALUE`)
  b.add('globals', { driver: v.driver, property: v.property, value: v.value })
}

function applyDevice(b: Builder, line: string): void {
  if (withHelp(b, 'device', line)) return
  const { name, id, properties } = named(line, 'driver')
  b.add('devices', { driver: name, ...(id !== undefined && { id }), ...(Object.keys(properties).length && { properties }) })
}

const objectTypes = ['filter-dump', 'rng-builtin', 'rng-random']

function applyObject(b: Builder, line: string): void {
  if (withHelp(b, 'object', line)) return
  const { name, id, properties } = named(line, 'qom-type')
  if (!objectTypes.includes(name)) throw usage(`not implemented: object type '${name}'`, `there are ${objectTypes.join(', ')}`)
  if (id === undefined) throw usage('id=NAME is needed')
  b.add('objects', { type: name, id, ...(Object.keys(properties).length && { properties }) })
}

function applyUuid(b: Builder, line: string): void {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(line)) throw usage(`'${line}' is not a UUID`)
  b.set('uuid', line.toLowerCase())
}

const disk = (index: number) => (b: Builder, path: string) => b.add('drives', legacyDrive(path, index))
const none = (): void => {}
const missingOption = (name: string, section: Option['section'], help: string, arg?: string): Option =>
  ({ name, section, help, ...(arg && { arg }), status: 'missing', apply: none })
const ignoredOption = (name: string, section: Option['section'], help: string, arg?: string): Option =>
  ({ name, section, help, ...(arg && { arg }), status: 'ignored', apply: none })

// ---- the table ----

export const options: readonly Option[] = [
  { name: 'machine', aliases: ['M'], section: 'Machine', arg: '[type=]NAME[,PROPERTY=VALUE…]', lists: 'machine', keys: machineKeys,
    help: 'kind of machine, and its properties', apply: applyMachine },
  { name: 'arch', section: 'Machine', arg: 'NAME', help: 'architecture, where the program name does not say it',
    apply(b, v) {
      if (v !== 'riscv64') throw usage(`not implemented: architecture '${v}'`, 'riscv64')
      b.set('arch', v)
    } },
  { name: 'cpu', section: 'Machine', arg: 'MODEL[,+FEATURE|,-FEATURE|,PROPERTY=VALUE…]', lists: 'cpu', help: 'processor model',
    apply: applyCpu },
  { name: 'accel', section: 'Machine', arg: '[accel=]NAME[:NAME…][,PROPERTY=VALUE…]', lists: 'accel',
    help: 'accelerators in order of preference; left out: the best one that works here', apply: applyAccel },
  { name: 'smp', section: 'Machine', arg: '[cpus=]N[,sockets=N][,cores=N][,threads=N][,maxcpus=N]', keys: smpKeys,
    help: 'number of processors', apply: applySmp },
  { name: 'm', section: 'Machine', arg: '[size=]SIZE', keys: memoryKeys, help: 'guest RAM', apply: applyMemory },
  { name: 'name', section: 'Machine', arg: '[guest=]TEXT', keys: nameKeys, help: 'name of the guest',
    apply(b, v) { b.set('name', parseValues(v, nameKeys, { implied: 'guest' }).values.guest ?? '') } },
  { name: 'uuid', section: 'Machine', arg: 'UUID', help: 'UUID of the machine', apply: applyUuid },
  { name: 'rtc', section: 'Machine', arg: '[base=]utc|localtime|DATE[,clock=host|rt|vm]', keys: rtcKeys, help: 'real-time clock',
    apply(b, v) { b.set('rtc', parseValues(v, rtcKeys, { implied: 'base' }).values) } },
  { name: 'nodefaults', section: 'Machine', help: 'no devices, serial port or monitor but those asked for',
    apply(b) { b.noDefaults = true; b.set('noDefaults', true) } },
  missingOption('icount', 'Machine', 'guest time counts instructions', '[shift=]N'),

  { name: 'kernel', section: 'Boot', arg: 'FILE', help: 'kernel: ELF or Linux Image, also compressed by gzip',
    apply: (b, v) => b.set('kernel', v) },
  { name: 'initrd', section: 'Boot', arg: 'FILE', help: 'initial RAM disk', apply: (b, v) => b.set('initrd', v) },
  { name: 'append', section: 'Boot', arg: 'TEXT', help: 'kernel command line', apply: (b, v) => b.set('append', v) },
  { name: 'dtb', section: 'Boot', arg: 'FILE', help: 'device tree in place of the generated one', apply: (b, v) => b.set('dtb', v) },
  { name: 'bios', section: 'Boot', arg: 'FILE|default|none', help: 'firmware', apply: (b, v) => b.set('bios', v) },
  { name: 'L', section: 'Boot', arg: 'DIRECTORY', help: 'where firmware files are looked for first',
    apply: (b, v) => b.set('dataPaths', [...b.config.dataPaths ?? [], v]) },
  { name: 'boot', section: 'Boot', arg: '[order=]DRIVES[,once=DRIVES][,menu=on|off][,strict=on|off]', keys: bootKeys, help: 'boot order',
    apply: (b, v) => b.set('boot', parseValues(v, bootKeys, { implied: 'order' }).values as PropertyBag) },
  { name: 'fw_cfg', section: 'Boot', arg: '[name=]NAME,file=FILE|string=TEXT', keys: fwCfgKeys,
    help: 'an item for the guest to read through the firmware configuration device', apply: applyFwCfg },

  { name: 'drive', section: 'Block devices', arg: 'file=FILE[,if=virtio|none|pflash|…][,format=raw|qcow2][,id=NAME][,readonly=on]…',
    keys: driveKeys, help: 'a disk image, and (unless if=none) a device for it', apply: applyDrive },
  { name: 'blockdev', section: 'Block devices', arg: '[driver=]NAME,node-name=NAME[,KEY=VALUE…] or JSON', help: 'a disk image by itself',
    apply: applyBlockdev },
  { name: 'hda', section: 'Block devices', arg: 'FILE', help: 'first disk', apply: disk(0) },
  { name: 'hdb', section: 'Block devices', arg: 'FILE', help: 'second disk', apply: disk(1) },
  { name: 'hdc', section: 'Block devices', arg: 'FILE', help: 'third disk', apply: disk(2) },
  { name: 'hdd', section: 'Block devices', arg: 'FILE', help: 'fourth disk', apply: disk(3) },
  { name: 'cdrom', section: 'Block devices', arg: 'FILE', help: 'CD-ROM image',
    apply: (b, v) => b.add('drives', legacyDrive(v, 2, 'cdrom')) },
  { name: 'pflash', section: 'Block devices', arg: 'FILE', help: 'flash image',
    apply: (b, v) => b.add('drives', { kind: 'drive', interface: 'pflash', file: v }) },
  { name: 'snapshot', section: 'Block devices', help: 'what the guest writes to disks is lost at the end',
    apply: b => b.set('snapshot', true) },
  missingOption('mtdblock', 'Block devices', 'flash memory image', 'FILE'),
  missingOption('sd', 'Block devices', 'SD card image', 'FILE'),

  { name: 'device', section: 'Devices', arg: 'NAME[,id=NAME][,PROPERTY=VALUE…] or JSON', lists: 'device',
    help: 'adds a device; NAME,help lists its properties', apply: applyDevice },
  { name: 'global', section: 'Devices', arg: 'DRIVER.PROPERTY=VALUE', help: 'a default for all devices of a kind', apply: applyGlobal },
  { name: 'object', section: 'Devices', arg: 'TYPE,id=NAME[,PROPERTY=VALUE…]', lists: 'object',
    help: 'filter-dump, rng-builtin, rng-random', apply: applyObject },
  ignoredOption('usb', 'Devices', 'USB is there if a device of it is'),
  missingOption('usbdevice', 'Devices', 'use -device', 'NAME'),
  missingOption('audiodev', 'Devices', 'sound', 'DRIVER,id=NAME'),
  missingOption('tpmdev', 'Devices', 'trusted platform module', 'DRIVER,id=NAME'),

  { name: 'netdev', section: 'Network', arg: 'TYPE,id=NAME[,PROPERTY=VALUE…]', lists: 'netdev', keys: netdevKeys,
    help: 'a network back end', apply: applyNetdev },
  { name: 'nic', section: 'Network', arg: 'TYPE|none[,model=NAME][,mac=ADDRESS][,PROPERTY=VALUE…]', lists: 'netdev', keys: nicKeys,
    help: 'a network back end and a card', apply: applyNic },
  missingOption('net', 'Network', 'use -nic, or -netdev and -device', 'TYPE[,…]'),

  { name: 'chardev', section: 'Character devices', arg: 'BACKEND,id=NAME[,mux=on][,PROPERTY=VALUE…]', lists: 'chardev',
    help: `a character back end: ${Object.keys(backends).join(', ')}`,
    apply(b, v) { if (!withHelp(b, 'chardev', v)) b.add('chardevs', parseChardev(v)) } },
  { name: 'serial', section: 'Character devices', arg: 'stdio|mon:stdio|file:F|pty|unix:F|tcp:HOST:PORT|chardev:ID|null|none',
    help: 'what the next serial port is connected to', apply: (b, v) => b.serial(v) },
  { name: 'nographic', section: 'Character devices', help: 'serial port and monitor on the terminal; Ctrl-a h there tells more',
    apply(b) { b.nographic = true } },
  { name: 'display', section: 'Character devices', arg: 'none', lists: 'display', help: 'no window', apply: applyDisplay },
  ignoredOption('parallel', 'Character devices', 'no machine here has a parallel port', 'BACKEND'),
  ignoredOption('k', 'Character devices', 'keyboard layout of a display', 'LAYOUT'),
  missingOption('vnc', 'Character devices', 'a display over the network', 'ADDRESS'),
  missingOption('vga', 'Character devices', 'use -device', 'NAME'),

  { name: 'monitor', section: 'Management', arg: 'BACKEND', help: 'the monitor, on a back end as -serial has them',
    apply: (b, v) => b.monitor(v, 'readline') },
  { name: 'qmp', section: 'Management', arg: 'BACKEND', help: 'QMP: the monitor for programs', apply: (b, v) => b.monitor(v, 'control') },
  { name: 'qmp-pretty', section: 'Management', arg: 'BACKEND', help: 'QMP over several lines',
    apply: (b, v) => b.monitor(v, 'control', true) },
  { name: 'mon', section: 'Management', arg: '[chardev=]ID[,mode=readline|control][,pretty=on]', keys: monKeys,
    help: 'a monitor or QMP on a character device', apply: applyMon },
  { name: 'no-reboot', section: 'Management', help: 'a reset by the guest ends the program', apply: b => b.set('noReboot', true) },
  { name: 'no-shutdown', section: 'Management', help: 'keeps the stopped machine when the guest switches off',
    apply(b) { b.management.noShutdown = true } },
  { name: 'action', section: 'Management', arg: 'reboot=…|shutdown=…|panic=…', keys: actionKeys, help: 'what the guest\'s end leads to',
    apply: applyAction },
  { name: 'loadvm', section: 'Management', arg: 'FILE', help: 'starts from a snapshot that savevm wrote',
    apply(b, v) { b.management.loadvm = v } },
  { name: 'pidfile', section: 'Management', arg: 'FILE', help: 'writes the process number to a file',
    apply(b, v) { b.management.pidFile = v } },
  missingOption('incoming', 'Management', 'migration', 'ADDRESS'),
  missingOption('daemonize', 'Management', 'runs in the background'),

  { name: 'S', section: 'Debugging', help: 'waits for `cont` before the first instruction',
    apply(b) { b.management.startPaused = true } },
  { name: 's', section: 'Debugging', help: 'the same as -gdb tcp::1234', apply: b => b.gdb('tcp::1234') },
  { name: 'gdb', section: 'Debugging', arg: 'tcp:[HOST]:PORT|unix:FILE|stdio', help: 'waits for gdb', apply: (b, v) => b.gdb(v) },
  { name: 'd', section: 'Debugging', arg: 'ITEM[,ITEM…]', lists: 'log', help: 'what is logged', apply: applyLog },
  { name: 'D', section: 'Debugging', arg: 'FILE', help: 'where the log goes; left out: standard error',
    apply(b, v) { b.management.logFile = v } },
  { name: 'trace', section: 'Debugging', arg: '[enable=]PATTERN', lists: 'trace', keys: traceKeys, help: 'switches trace events on',
    apply: applyTrace },
  missingOption('semihosting', 'Debugging', 'semihosting calls'),
  missingOption('plugin', 'Debugging', 'plugins', 'FILE'),

  { name: 'help', aliases: ['h', '?'], section: 'General', help: 'this text', apply: b => b.help('options') },
  { name: 'version', section: 'General', help: 'version', apply: b => b.help('version') },
  ignoredOption('no-user-config', 'General', 'there are no configuration files'),
  ignoredOption('msg', 'General', 'format of messages', 'timestamp=on|off'),
  ignoredOption('sandbox', 'General', 'nothing of the kind', 'on|off'),
  missingOption('readconfig', 'General', 'a file of options', 'FILE'),
  missingOption('runas', 'General', 'changes the user', 'USER'),
]
