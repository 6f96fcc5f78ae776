// Keys of the options' arguments: data from which parsing, messages and documentation come.
import { type Keys, choice, file, flag, ignored, many, missing, number, size, text } from './values.ts'

export const machineKeys = {
  type: text('name of the machine'),
  accel: text('accelerators in order of preference, separated by colons'),
  kernel: file('as -kernel'), initrd: file('as -initrd'), append: text('as -append'), dtb: file('as -dtb'),
  firmware: file('as -bios'), 'memory-backend': missing('a memory object'), graphics: ignored(flag('')),
  usb: ignored(flag('')), 'dump-guest-core': ignored(flag('')), 'mem-merge': ignored(flag('')),
} satisfies Keys
export const smpKeys = {
  cpus: number('processors at start'),
  maxcpus: number('at most'),
  sockets: number('sockets'),
  dies: ignored(number('')),
  clusters: ignored(number('')),
  cores: number('cores in a socket'),
  threads: number('threads in a core'),
} satisfies Keys
export const memoryKeys = {
  size: size('guest RAM; a bare number counts in MiB', 'm'),
  slots: missing('memory hotplug'),
  maxmem: missing('memory hotplug'),
} satisfies Keys
export const driveKeys = {
  file: file('disk image'),
  id: text('name'),
  format: text('raw, qcow2; left out: looked at'),
  if: choice(
    ['virtio', 'none', 'ide', 'scsi', 'sd', 'mtd', 'floppy', 'pflash'],
    'interface; none: a -device uses the drive',
  ),
  index: number('number on its bus'),
  unit: ignored(number('')),
  bus: ignored(number('')),
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
export const bootKeys = {
  order: text('order of drives, letters as QEMU has them'),
  once: text('order for the first start'),
  menu: flag('boot menu'),
  strict: flag('only what has a boot index'),
  splash: missing('splash picture'),
  'splash-time': missing('splash picture'),
  'reboot-timeout': number('milliseconds'),
} satisfies Keys
export const nameKeys = {
  guest: text('name of the guest'), process: ignored(text('')), 'debug-threads': ignored(flag('')),
} satisfies Keys
export const rtcKeys = {
  base: text('utc, localtime or a date such as 2026-01-31T12:00:00'),
  clock: choice(['host', 'rt', 'vm'], 'what drives it'),
  driftfix: choice(['none', 'slew'], 'lost ticks'),
} satisfies Keys
export const fwCfgKeys = {
  name: text('name of the item'),
  file: file('contents'),
  string: text('contents'),
} satisfies Keys
const named = (...names: string[]): Keys => Object.fromEntries(names.map(name => [name, text('')]))
/** By type of the structure. */
export const smbiosKeys = {
  0: { ...named('vendor', 'version', 'date', 'release'), uefi: flag('') },
  1: named('manufacturer', 'product', 'version', 'serial', 'uuid', 'sku', 'family'),
  2: named('manufacturer', 'product', 'version', 'serial', 'asset', 'location'),
  3: named('manufacturer', 'version', 'serial', 'asset', 'sku'),
  4: { ...named('sock_pfx', 'manufacturer', 'version', 'serial', 'asset', 'part'), 'max-speed': number(''), 'current-speed': number(''), 'processor-id': number('') },
  11: { value: many(text('')), path: many(file('')) },
  17: { ...named('loc_pfx', 'bank', 'manufacturer', 'serial', 'asset', 'part'), speed: number('') },
} satisfies { readonly [type: number]: Keys }
export const monKeys = {
  chardev: text('character device'),
  mode: choice(['readline', 'control'], 'monitor or QMP'),
  pretty: flag('QMP over several lines'),
} satisfies Keys
export const traceKeys = {
  enable: text('pattern'),
  events: missing('a file of patterns'),
  file: missing('a trace file'),
} satisfies Keys
export const nicKeys = { model: text('card'), mac: text('hardware address'), id: text('name') } satisfies Keys
export const actionKeys = {
  reboot: choice(['reset', 'shutdown'], 'when the guest resets'),
  shutdown: choice(['poweroff', 'pause'], 'when it switches off'),
  panic: choice(['none', 'pause', 'shutdown', 'exit-failure'], 'when it panics'),
  watchdog: missing('watchdog'),
} satisfies Keys
export const netdevKeys = {
  type: text('user, socket, stream, tap …'),
  id: text('name'),
  hostfwd: many(text('forwarded port')),
  guestfwd: many(text('forwarded address')),
} satisfies Keys
