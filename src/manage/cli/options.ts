// The command-line options: one row each. From a row come parsing, checking, -help and docs/options.md. Names
// and meaning are QEMU's. `apply` receives the option's argument ('' for a switch) and puts it into the
// builder.
import { ARCHES, type PropertyBag } from '../../vm/config.ts'
import type { HelpTopic } from '../invocation.ts'
import { type Builder, legacyDrive } from './build.ts'
import { backends, parseChardev } from './chardevs.ts'
import {
  withHelp,
  applyMachine,
  applyAccel,
  applyCpu,
  applySmp,
  applyMemory,
  applyDrive,
  applyBlockdev,
  applyNetdev,
  applyNic,
  applyLog,
  applyTrace,
  applyDisplay,
  applyMon,
  applyAction,
  applyFwCfg,
  applyGlobal,
  applyDevice,
  applyObject,
  applyUuid,
  applySmbios,
} from './option-apply.ts'
import {
  machineKeys,
  smpKeys,
  smbiosKeys,
  memoryKeys,
  driveKeys,
  bootKeys,
  nameKeys,
  rtcKeys,
  fwCfgKeys,
  monKeys,
  traceKeys,
  nicKeys,
  actionKeys,
  netdevKeys,
} from './option-keys.ts'
import { parseRanges } from '../log-items.ts'
import { type Keys, parseValues, usage } from './values.ts'

export const sections = [
  'Machine',
  'Boot',
  'Block devices',
  'Devices',
  'Network',
  'Character devices',
  'Management',
  'Debugging',
  'General',
] as const

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

const disk = (index: number) => (b: Builder, path: string) => b.add('drives', legacyDrive(path, index))
const floppy = (index: number) => (b: Builder, path: string) => b.add('drives', { kind: 'drive', interface: 'floppy', index, file: path })
const none = (): void => {}
const missingOption = (name: string, section: Option['section'], help: string, arg?: string): Option =>
  ({ name, section, help, ...(arg && { arg }), status: 'missing', apply: none })
const ignoredOption = (name: string, section: Option['section'], help: string, arg?: string): Option =>
  ({ name, section, help, ...(arg && { arg }), status: 'ignored', apply: none })

/** `none` is what there is anyway. */
const onlyNone = (name: string, section: Option['section'], help: string, otherwise: string): Option => ({
  name, section, help, arg: 'none',
  apply(_, value) { if (value !== 'none') throw usage('not implemented', otherwise) },
})

export const options: readonly Option[] = [
  {
    name: 'machine',
    aliases: ['M'],
    section: 'Machine',
    arg: '[type=]NAME[,PROPERTY=VALUE…]',
    lists: 'machine',
    keys: machineKeys,
    help: 'kind of machine, and its properties',
    apply: applyMachine,
  },
  {
    name: 'arch',
    section: 'Machine',
    arg: 'NAME',
    help: 'architecture, where the program name does not say it',
    apply(b, v) {
      const arch = ARCHES.find(a => a === v)
      if (!arch) throw usage(`not implemented: architecture '${v}'`, ARCHES.join(', '))
      b.set('arch', arch)
    },
  },
  {
    name: 'cpu',
    section: 'Machine',
    arg: 'MODEL[,+FEATURE|,-FEATURE|,PROPERTY=VALUE…]',
    lists: 'cpu',
    help: 'processor model',
    apply: applyCpu,
  },
  {
    name: 'accel',
    section: 'Machine',
    arg: '[accel=]NAME[:NAME…][,PROPERTY=VALUE…]',
    lists: 'accel',
    help: 'accelerators in order of preference; left out: the best one that works here (kvm where it is fast). jit takes thread=multi|single '
      + 'and opt=all|none|PASS+PASS (fold, dead, group: passes of the optimiser)',
    apply: applyAccel,
  },
  {
    name: 'smp',
    section: 'Machine',
    arg: '[cpus=]N[,sockets=N][,cores=N][,threads=N][,maxcpus=N]',
    keys: smpKeys,
    help: 'number of processors',
    apply: applySmp,
  },
  {
    name: 'm',
    section: 'Machine',
    arg: '[size=]SIZE',
    keys: memoryKeys,
    help: 'guest RAM',
    apply: applyMemory,
  },
  {
    name: 'name',
    section: 'Machine',
    arg: '[guest=]TEXT',
    keys: nameKeys,
    help: 'name of the guest',
    apply(b, v) {
      b.set('name', parseValues(v, nameKeys, { implied: 'guest' }).values.guest ?? '')
    },
  },
  { name: 'uuid', section: 'Machine', arg: 'UUID', help: 'UUID of the machine', apply: applyUuid },
  {
    name: 'rtc',
    section: 'Machine',
    arg: '[base=]utc|localtime|DATE[,clock=host|rt|vm]',
    keys: rtcKeys,
    help: 'real-time clock',
    apply(b, v) {
      b.set('rtc', parseValues(v, rtcKeys, { implied: 'base' }).values)
    },
  },
  {
    name: 'nodefaults',
    section: 'Machine',
    help: 'no devices, serial port or monitor but those asked for',
    apply(b) {
      b.noDefaults = true
      b.set('noDefaults', true)
    },
  },
  {
    name: 'enable-kvm',
    section: 'Machine',
    help: 'the same as -accel kvm',
    apply: b => applyAccel(b, 'kvm'),
  },
  missingOption('numa', 'Machine', 'memory in several nodes', 'node|cpu|dist[,…]'),
  missingOption('mem-path', 'Machine', 'guest RAM in a file', 'PATH'),
  { name: 'smbios', section: 'Machine', arg: 'file=FILE|type=0|1|2|3|4|11|17[,KEY=VALUE…]', apply: applySmbios,
    help: `texts and numbers of the system management tables, or a whole structure. ${
      Object.entries(smbiosKeys).map(([type, keys]) => `${type}: ${Object.keys(keys).join(', ')}`).join('; ')}` },
  missingOption('acpitable', 'Machine', 'ACPI tables', '[sig=…][,file=FILE]'),
  missingOption('icount', 'Machine', 'guest time counts instructions', '[shift=]N'),

  {
    name: 'kernel',
    section: 'Boot',
    arg: 'FILE',
    help: 'kernel: ELF or Linux Image, also compressed by gzip; on a PC a bzImage, or an ELF of Multiboot or PVH',
    apply: (b, v) => b.set('kernel', v),
  },
  {
    name: 'initrd',
    section: 'Boot',
    arg: 'FILE',
    help: 'initial RAM disk; for a multiboot kernel modules, FILE ARGUMENTS each, with commas between them',
    apply: (b, v) => b.set('initrd', v),
  },
  {
    name: 'append',
    section: 'Boot',
    arg: 'TEXT',
    help: 'kernel command line',
    apply: (b, v) => b.set('append', v),
  },
  {
    name: 'dtb',
    section: 'Boot',
    arg: 'FILE',
    help: 'device tree in place of the generated one',
    apply: (b, v) => b.set('dtb', v),
  },
  {
    name: 'bios',
    section: 'Boot',
    arg: 'FILE|default|none',
    help: 'firmware',
    apply: (b, v) => b.set('bios', v),
  },
  {
    name: 'L',
    section: 'Boot',
    arg: 'DIRECTORY',
    help: 'where firmware files are looked for first',
    apply: (b, v) => b.set('dataPaths', [...(b.config.dataPaths ?? []), v]),
  },
  {
    name: 'boot',
    section: 'Boot',
    arg: '[order=]DRIVES[,once=DRIVES][,menu=on|off][,strict=on|off]',
    keys: bootKeys,
    help: 'boot order',
    apply: (b, v) => b.set('boot', parseValues(v, bootKeys, { implied: 'order' }).values as PropertyBag),
  },
  {
    name: 'fw_cfg',
    section: 'Boot',
    arg: '[name=]NAME,file=FILE|string=TEXT',
    keys: fwCfgKeys,
    help: 'an item for the guest to read through the firmware configuration device',
    apply: applyFwCfg,
  },

  {
    name: 'drive',
    section: 'Block devices',
    arg: 'file=FILE[,if=virtio|none|pflash|…][,format=raw|qcow2][,id=NAME][,readonly=on]…',
    keys: driveKeys,
    help: 'a disk image, and (unless if=none) a device for it',
    apply: applyDrive,
  },
  {
    name: 'blockdev',
    section: 'Block devices',
    arg: '[driver=]NAME,node-name=NAME[,KEY=VALUE…] or JSON',
    help: 'a disk image by itself',
    apply: applyBlockdev,
  },
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
  { name: 'fda', section: 'Block devices', arg: 'FILE', help: 'floppy disk in drive A, of 160K to 2.88M', apply: floppy(0) },
  { name: 'fdb', section: 'Block devices', arg: 'FILE', help: 'floppy disk in drive B', apply: floppy(1) },
  missingOption('mtdblock', 'Block devices', 'flash memory image', 'FILE'),
  missingOption('sd', 'Block devices', 'SD card image', 'FILE'),

  {
    name: 'device',
    section: 'Devices',
    arg: 'NAME[,id=NAME][,PROPERTY=VALUE…] or JSON',
    lists: 'device',
    help: 'adds a device; NAME,help lists its properties',
    apply: applyDevice,
  },
  {
    name: 'global',
    section: 'Devices',
    arg: 'DRIVER.PROPERTY=VALUE',
    help: 'a default for all devices of a kind',
    apply: applyGlobal,
  },
  {
    name: 'object',
    section: 'Devices',
    arg: 'TYPE,id=NAME[,PROPERTY=VALUE…]',
    lists: 'object',
    help: 'filter-dump, rng-builtin, rng-random',
    apply: applyObject,
  },
  ignoredOption('usb', 'Devices', 'USB is there if a device of it is'),
  missingOption('set', 'Devices', 'give properties to -device', 'GROUP.ID.KEY=VALUE'),
  missingOption('fsdev', 'Devices', 'files shared with the guest', 'DRIVER,id=NAME[,…]'),
  missingOption('virtfs', 'Devices', 'files shared with the guest', 'DRIVER,path=DIRECTORY[,…]'),
  missingOption('option-rom', 'Devices', 'expansion ROMs', 'FILE'),
  missingOption('usbdevice', 'Devices', 'use -device', 'NAME'),
  missingOption('audiodev', 'Devices', 'sound', 'DRIVER,id=NAME'),
  missingOption('tpmdev', 'Devices', 'trusted platform module', 'DRIVER,id=NAME'),

  {
    name: 'netdev',
    section: 'Network',
    arg: 'TYPE,id=NAME[,PROPERTY=VALUE…]',
    lists: 'netdev',
    keys: netdevKeys,
    help: 'a network back end',
    apply: applyNetdev,
  },
  {
    name: 'nic',
    section: 'Network',
    arg: 'TYPE|none[,model=NAME][,mac=ADDRESS][,PROPERTY=VALUE…]',
    lists: 'netdev',
    keys: nicKeys,
    help: 'a network back end and a card',
    apply: applyNic,
  },
  onlyNone('net', 'Network', 'no network card', 'use -nic, or -netdev and -device'),

  {
    name: 'chardev',
    section: 'Character devices',
    arg: 'BACKEND,id=NAME[,mux=on][,PROPERTY=VALUE…]',
    lists: 'chardev',
    help: `a character back end: ${Object.keys(backends).join(', ')}`,
    apply(b, v) {
      if (!withHelp(b, 'chardev', v)) b.add('chardevs', parseChardev(v))
    },
  },
  {
    name: 'serial',
    section: 'Character devices',
    arg: 'stdio|mon:stdio|file:F|pty|unix:F|tcp:HOST:PORT|chardev:ID|null|none',
    help: 'what the next serial port is connected to',
    apply: (b, v) => b.serial(v),
  },
  {
    name: 'nographic',
    section: 'Character devices',
    help: 'serial port and monitor on the terminal; Ctrl-a h there tells more',
    apply(b) {
      b.nographic = true
    },
  },
  {
    name: 'display',
    section: 'Character devices',
    arg: 'text|none',
    lists: 'display',
    help: "text: the guest's text screen on the terminal, whose keys are the guest's; Ctrl-a h there tells more. none: no window",
    apply: applyDisplay,
  },
  { name: 'parallel', section: 'Character devices', arg: 'BACKEND', help: 'what the next parallel port is connected to, as -serial has it',
    apply: (b, v) => b.parallel(v) },
  { name: 'debugcon', section: 'Character devices', arg: 'BACKEND', help: 'the debug console at port 0xe9, on a back end as -serial has them',
    apply: (b, v) => b.debugcon(v) },
  ignoredOption('k', 'Character devices', 'keyboard layout of a display', 'LAYOUT'),
  missingOption('vnc', 'Character devices', 'a display over the network', 'ADDRESS'),
  missingOption('spice', 'Character devices', 'a display over the network', 'KEY=VALUE[,…]'),
  { name: 'curses', section: 'Character devices', help: 'the same as -display text', apply: b => { b.textDisplay = true } },
  missingOption('full-screen', 'Character devices', 'there is no window'),
  {
    name: 'vga', section: 'Character devices', arg: 'std|none', help: 'the display card',
    apply(b, v) {
      if (v !== 'std' && v !== 'none') {
        if (['cirrus', 'vmware', 'qxl', 'virtio', 'xenfb', 'tcx', 'cg3'].includes(v)) throw usage(`not implemented: display card '${v}'`, 'std or none')
        throw usage(`no display card '${v}'`, 'std or none')
      }
      b.set('vga', v)
    },
  },

  {
    name: 'monitor',
    section: 'Management',
    arg: 'BACKEND',
    help: 'the monitor, on a back end as -serial has them',
    apply: (b, v) => b.monitor(v, 'readline'),
  },
  {
    name: 'qmp',
    section: 'Management',
    arg: 'BACKEND',
    help: 'QMP: the monitor for programs',
    apply: (b, v) => b.monitor(v, 'control'),
  },
  {
    name: 'qmp-pretty',
    section: 'Management',
    arg: 'BACKEND',
    help: 'QMP over several lines',
    apply: (b, v) => b.monitor(v, 'control', true),
  },
  {
    name: 'mon',
    section: 'Management',
    arg: '[chardev=]ID[,mode=readline|control][,pretty=on]',
    keys: monKeys,
    help: 'a monitor or QMP on a character device',
    apply: applyMon,
  },
  {
    name: 'no-reboot',
    section: 'Management',
    help: 'a reset by the guest ends the program',
    apply: b => b.set('noReboot', true),
  },
  {
    name: 'no-shutdown',
    section: 'Management',
    help: 'keeps the stopped machine when the guest switches off',
    apply(b) {
      b.management.noShutdown = true
    },
  },
  {
    name: 'action',
    section: 'Management',
    arg: 'reboot=…|shutdown=…|panic=…',
    keys: actionKeys,
    help: "what the guest's end leads to",
    apply: applyAction,
  },
  {
    name: 'loadvm',
    section: 'Management',
    arg: 'FILE',
    help: 'starts from a snapshot that savevm wrote',
    apply(b, v) {
      b.management.loadvm = v
    },
  },
  {
    name: 'pidfile',
    section: 'Management',
    arg: 'FILE',
    help: 'writes the process number to a file',
    apply(b, v) {
      b.management.pidFile = v
    },
  },
  missingOption('echr', 'Management', 'another key than Ctrl-a on shared terminals', 'CHARACTER'),
  missingOption('watchdog-action', 'Management', 'watchdogs', 'ACTION'),
  missingOption('preconfig', 'Management', 'QMP before the machine is made'),
  missingOption('only-migratable', 'Management', 'migration'),
  missingOption('incoming', 'Management', 'migration', 'ADDRESS'),
  missingOption('daemonize', 'Management', 'runs in the background'),

  { name: 'S', section: 'Debugging', help: 'waits for `cont` before the first instruction',
    apply(b) { b.management.startPaused = true } },
  { name: 's', section: 'Debugging', help: 'the same as -gdb tcp::1234', apply: b => b.gdb('tcp::1234') },
  {
    name: 'gdb',
    section: 'Debugging',
    arg: 'tcp:[HOST]:PORT|unix:FILE|chardev:ID|stdio',
    help: 'waits for gdb',
    apply: (b, v) => b.gdb(v),
  },
  {
    name: 'd',
    section: 'Debugging',
    arg: 'ITEM[,ITEM…]',
    lists: 'log',
    help: 'what is logged',
    apply: applyLog,
  },
  {
    name: 'D',
    section: 'Debugging',
    arg: 'FILE',
    help: 'where the log goes; left out: standard error',
    apply(b, v) {
      b.management.logFile = v
    },
  },
  { name: 'dfilter', section: 'Debugging', arg: 'START+LENGTH|START-LENGTH|START..END[,…]',
    help: 'in_asm, op, exec and cpu log only code at these addresses',
    apply: (b, v) => b.set('logFilter', [...b.config.logFilter ?? [], ...parseRanges(v)]) },
  { name: 'singlestep', section: 'Debugging', apply: b => b.set('singlestep', true),
    help: 'translated blocks hold one instruction: the same as -accel jit,one-insn-per-tb=on' },
  {
    name: 'trace',
    section: 'Debugging',
    arg: '[enable=]PATTERN',
    lists: 'trace',
    keys: traceKeys,
    help: 'switches trace events on',
    apply: applyTrace,
  },
  missingOption('semihosting', 'Debugging', 'semihosting calls'),
  missingOption('semihosting-config', 'Debugging', 'semihosting calls', 'enable=on|off[,…]'),
  missingOption('seed', 'Debugging', 'the same random numbers in every run', 'NUMBER'),
  missingOption('plugin', 'Debugging', 'plugins', 'FILE'),

  { name: 'help', aliases: ['h', '?'], section: 'General', help: 'this text', apply: b => b.help('options') },
  { name: 'version', section: 'General', help: 'version', apply: b => b.help('version') },
  ignoredOption('no-user-config', 'General', 'there are no configuration files'),
  ignoredOption('msg', 'General', 'format of messages', 'timestamp=on|off'),
  ignoredOption('sandbox', 'General', 'nothing of the kind', 'on|off'),
  ignoredOption('overcommit', 'General', 'the host decides', 'mem-lock=on|off'),
  ignoredOption('mem-prealloc', 'General', 'the host decides'),
  ignoredOption('compat', 'General', 'nothing is deprecated', 'KEY=VALUE[,…]'),
  missingOption('writeconfig', 'General', 'a file of options', 'FILE'),
  missingOption('add-fd', 'General', 'open files of the caller', 'fd=N,set=N'),
  missingOption('chroot', 'General', 'chroot(8) around the program', 'DIRECTORY'),
  missingOption('readconfig', 'General', 'a file of options', 'FILE'),
  missingOption('runas', 'General', 'changes the user', 'USER'),
]
