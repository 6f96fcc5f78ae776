// Running, stopping and ending the machine.
import { badArgument } from './arguments.ts'
import { command } from './command.ts'

export const runCommands = [
  command({
    hmp: ['stop', 's'], qmp: 'stop', help: 'stops the machine', args: {},
    run: ({ machine }) => machine.pause(),
  }),
  command({
    hmp: ['cont', 'c'], qmp: 'cont', help: 'runs the machine', args: {},
    run({ machine }) {
      if (
        machine.state === 'shutdown' ||
        machine.state === 'internal-error' ||
        machine.state === 'guest-panicked'
      )
        throw badArgument('the machine has ended', 'system_reset starts it again')
      return machine.resume()
    },
  }),
  command({
    hmp: ['system_reset'], qmp: 'system_reset', help: 'resets the machine', args: {},
    run: ({ machine }) => machine.reset(),
  }),
  command({
    hmp: ['system_powerdown'], qmp: 'system_powerdown', help: 'presses the power button', args: {},
    async run({ machine }) {
      if (!await machine.powerdown()) throw badArgument('not implemented: this machine has no power button')
    },
  }),
  command({
    hmp: ['nmi'], qmp: 'inject-nmi', help: 'a non-maskable interrupt to all processors, as by a button', args: {},
    run({ machine }) {
      if (!machine.nmi()) throw badArgument('this machine has no non-maskable interrupts')
    },
  }),
  command({
    hmp: ['boot_set'], help: 'drives that firmware tries from the next reset on: letters as -boot order= has them',
    args: { order: { type: 'word', help: 'letters' } },
    run({ machine }, { order }) {
      machine.setBootOrder(order)
      return `boot device list now set to ${order}\n`
    },
  }),
  command({
    hmp: ['quit', 'q'], qmp: 'quit', help: 'ends the program', args: {},
    run(ctx) { ctx.quit(ctx.quitCause) },
  }),
  command({
    hmp: ['cpu'],
    help: 'makes another processor the current one',
    args: { index: { type: 'integer', help: 'its number' } },
    run(ctx, { index }) {
      if (index >= BigInt(ctx.machine.cpus.length)) throw badArgument(`no processor ${index}`)
      ctx.cpu = Number(index)
    },
  }),
]

/** Names that QEMU has and this monitor refuses by name, with what to do instead. */
export const missingCommands: { readonly [name: string]: string } = {
  device_add: 'devices are fixed at start',
  device_del: 'devices are fixed at start',
  drive_add: 'drives are fixed at start',
  drive_del: 'drives are fixed at start',
  netdev_add: 'back ends are fixed at start',
  netdev_del: 'back ends are fixed at start',
  chardev_add: '',
  'chardev-add': '',
  chardev_remove: '',
  'chardev-remove': '',
  object_add: '',
  object_del: '',
  'object-add': 'objects are fixed at start',
  'object-del': 'objects are fixed at start',
  migrate: 'savevm and loadvm',
  'blockdev-open-tray': 'eject', 'blockdev-close-tray': '', 'blockdev-remove-medium': 'eject', 'blockdev-insert-medium': 'blockdev-change-medium',
  commit: 'qemu-img commit',
  balloon: '',
  set_link: '',
  wavcapture: '',
  'block_resize': '',
  system_wakeup: '',
  watchdog_action: '',
  hostfwd_add: 'hostfwd= of -netdev user',
  hostfwd_remove: '',
  dump: 'pmemsave',
  'dump-guest-memory': 'pmemsave',
  i: 'no ports',
  o: 'no ports',
  'blockdev-add': '',
  'blockdev-del': '',
  'qom-list': '',
  'qom-get': '',
  'qom-set': '',
  'query-hotpluggable-cpus': '',
  'query-spice': '',
  'xen-set-global-dirty-log': '',
}
