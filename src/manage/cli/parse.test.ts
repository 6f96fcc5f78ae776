import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VmError } from '../../base/errors.ts'
import { nearest } from '../../base/nearest.ts'
import { optionsHelp, optionsMarkdown } from './help.ts'
import { treeOf } from './option-apply.ts'
import { options } from './options.ts'
import { archOfProgram, errorLine, parseArguments } from './parse.ts'
import { joinPairs, parseSize, splitPairs } from './values.ts'

const PROGRAM = 'typevisor-system-riscv64'
const parse = (...argv: string[]) => parseArguments(argv, PROGRAM)
/** What the user sees, without the program's name. */
function mistake(...argv: string[]): string {
  try {
    parse(...argv)
  } catch (error) {
    assert.ok(error instanceof VmError, String(error))
    const line = errorLine(PROGRAM, error)
    assert.ok(!line.includes('\n'))
    return line.slice(PROGRAM.length + 2)
  }
  assert.fail(`no error: ${argv.join(' ')}`)
}

test('key=value lists: doubled commas, implied key, switches; and back', () => {
  assert.deepEqual(splitPairs('a,,b,x=1,,2,y,nowait', 'k'), [
    { key: 'k', value: 'a,b' },
    { key: 'x', value: '1,2' },
    { key: 'y', value: 'on' },
    { key: 'wait', value: 'off' },
  ])
  assert.deepEqual(splitPairs('x=a=b'), [{ key: 'x', value: 'a=b' }])
  assert.deepEqual(splitPairs(''), [])
  for (const pairs of [
    [{ key: 'file', value: 'a,b,,c' }],
    [
      { key: 'a', value: '' },
      { key: 'b', value: '=,' },
    ],
  ])
    assert.deepEqual(splitPairs(joinPairs(pairs)), pairs)
})

test('sizes', () => {
  assert.equal(parseSize('512M'), 512 << 20)
  assert.equal(parseSize('1.5G'), 1.5 * 2 ** 30)
  assert.equal(parseSize('2g', 'm'), 2 ** 31)
  assert.equal(parseSize('64', 'm'), 64 << 20)
  assert.equal(parseSize('0x1b'), 27)
  assert.equal(parseSize('4k'), 4096)
  for (const wrong of ['', 'x', '-1', '1Q', '1 M', '9999999P'])
    assert.equal(parseSize(wrong), undefined, wrong)
})

test('a usual command line', () => {
  const { config, management, origins } = parse(
    '-M',
    'virt',
    '-smp',
    '4',
    '-m',
    '2G',
    '-kernel',
    'Image',
    '-initrd',
    'i.gz',
    '-append',
    'console=ttyS0,115200 ro',
    '-drive',
    'file=a,,b.qcow2,if=none,id=d0,format=qcow2',
    '-device',
    'virtio-blk-pci,drive=d0,id=v',
    '-netdev',
    'user,id=n0,hostfwd=tcp::2222-:22,hostfwd=tcp::8080-:80',
    '-device',
    'virtio-net-pci,netdev=n0',
    '-nographic',
    '-no-reboot',
    '-S',
    '-s',
    '-cpu',
    'rv64,+v,-c,vlen=256',
    '-uuid',
    '01234567-89AB-cdef-0123-456789abcdef',
  )
  assert.deepEqual(config, {
    arch: 'riscv64',
    machine: { type: 'virt', properties: {} },
    smp: { cpus: 4 },
    memoryBytes: 2 ** 31,
    kernel: 'Image',
    initrd: 'i.gz',
    append: 'console=ttyS0,115200 ro',
    drives: [{ kind: 'drive', id: 'd0', file: 'a,b.qcow2', format: 'qcow2', interface: 'none' }],
    devices: [
      { driver: 'virtio-blk-pci', id: 'v', properties: { drive: 'd0' } },
      { driver: 'virtio-net-pci', properties: { netdev: 'n0' } },
    ],
    netdevs: [{ type: 'user', id: 'n0', properties: { hostfwd: ['tcp::2222-:22', 'tcp::8080-:80'] } }],
    cpu: { model: 'rv64', properties: { v: true, c: false, vlen: '256' } },
    noReboot: true, uuid: '01234567-89ab-cdef-0123-456789abcdef',
    serials: ['serial0'], chardevs: [{ id: 'serial0', backend: 'stdio', properties: {}, mux: true }],
  })
  assert.equal(management.startPaused, true)
  assert.deepEqual(management.monitors, [{ chardev: 'serial0', mode: 'readline', pretty: false }])
  assert.deepEqual(management.gdb, [
    { id: 'gdb0', backend: 'socket', properties: { port: '1234', server: true, wait: false } },
  ])
  assert.equal(origins.get('drives[0]'), '-drive file=a,,b.qcow2,if=none,id=d0,format=qcow2')
  assert.equal(origins.get('devices[1]'), '-device virtio-net-pci,netdev=n0')
})

test('serial ports, monitors and QMP', () => {
  const serials = (...argv: string[]) => parse(...argv).config.serials
  assert.deepEqual(serials('-serial', 'stdio', '-serial', 'null', '-serial', 'none'), [
    'serial0',
    'serial1',
    null,
  ])
  assert.deepEqual(serials('-nodefaults'), undefined)
  assert.deepEqual(parse('-display', 'none').config.chardevs, [
    { id: 'serial0', backend: 'null', properties: {} },
  ])
  assert.deepEqual(parseArguments([], PROGRAM, true).config.chardevs, [
    { id: 'serial0', backend: 'stdio', properties: {}, mux: true },
  ])
  const q = parse(
    '-qmp',
    'unix:/tmp/q,server=on,wait=off',
    '-monitor',
    'tcp:[::1]:55,server,nowait',
    '-nographic',
  )
  assert.deepEqual(q.config.chardevs, [
    { id: 'compat_monitor0', backend: 'socket', properties: { path: '/tmp/q', server: true, wait: false } },
    {
      id: 'compat_monitor1',
      backend: 'socket',
      properties: { host: '::1', port: '55', server: true, wait: false },
    },
    { id: 'serial0', backend: 'stdio', properties: {}, mux: true },
  ])
  assert.deepEqual(
    q.management.monitors.map(m => m.mode),
    ['control', 'readline'],
  )
  const m = parse(
    '-chardev',
    'stdio,id=c,mux=on',
    '-serial',
    'chardev:c',
    '-mon',
    'c',
    '-mon',
    'chardev=c,mode=control,pretty=on',
  )
  assert.deepEqual(m.config.serials, ['c'])
  assert.deepEqual(m.management.monitors, [
    { chardev: 'c', mode: 'readline', pretty: false }, { chardev: 'c', mode: 'control', pretty: true }])
  assert.deepEqual(parse('-serial', 'file:/tmp/a,b').config.chardevs![0]!.properties, { path: '/tmp/a,b' })
})

test('other options', () => {
  assert.deepEqual(parse('-accel', 'kvm:tcg').config.accels, [{ name: 'kvm' }, { name: 'jit' }])
  assert.deepEqual(parse('-machine', 'virt,accel=jit,aclint=on', '-machine', 'aia=none').config, {
    ...parse().config,
    accels: [{ name: 'jit' }],
    machine: { type: 'virt', properties: { aclint: 'on', aia: 'none' } },
  })
  assert.deepEqual(parse('-smp', 'sockets=2,cores=2,threads=2').config.smp, {
    sockets: 2,
    cores: 2,
    threads: 2,
    cpus: 8,
  })
  for (const fine of ['4,sockets=1,cores=2', '6,sockets=2,threads=3', 'maxcpus=4', '2,cores=4,maxcpus=8'])
    parse('-smp', fine)
  assert.deepEqual(parse('-device', '{"driver":"virtio-rng-pci","id":"r","max-bytes":1024}').config.devices, [
    { driver: 'virtio-rng-pci', id: 'r', properties: { 'max-bytes': 1024 } },
  ])
  assert.deepEqual(
    parse('-blockdev', 'qcow2,node-name=n,file.driver=file,file.filename=x,read-only=on').config.drives,
    [
      {
        kind: 'blockdev',
        id: 'n',
        readOnly: true,
        properties: { driver: 'qcow2', file: { driver: 'file', filename: 'x' } },
      },
    ],
  )
  assert.deepEqual(
    parse('-blockdev', '{"driver":"raw","node-name":"n","file":{"driver":"file","filename":"x"}}').config
      .drives![0]!.properties,
    { driver: 'raw', file: { driver: 'file', filename: 'x' } },
  )
  assert.deepEqual(parse('-hda', 'x', '-cdrom', 'y', 'z').config.drives, [
    { kind: 'drive', index: 0, file: 'x', media: 'disk' },
    { kind: 'drive', index: 2, file: 'y', media: 'cdrom', readOnly: true },
    { kind: 'drive', index: 0, file: 'z', media: 'disk' },
  ])
  assert.deepEqual(parse('-global', 'virtio-blk-pci.queues=2').config.globals, [
    { driver: 'virtio-blk-pci', property: 'queues', value: '2' },
  ])
  assert.deepEqual(parse('-d', 'guest_errors,trace:uart*', '-d', 'unimp').config.log, [
    'guest_errors',
    'unimp',
  ])
  assert.deepEqual(parse('-d', 'guest_errors,trace:uart*').config.trace, ['uart*'])
  assert.deepEqual(parse('-nic', 'user,model=virtio-net-pci,mac=52:54:00:12:34:56').config.nics,
    [{ type: 'user', model: 'virtio-net-pci', mac: '52:54:00:12:34:56' }])
  assert.deepEqual(parse('-fw_cfg', 'opt/a,string=x').config.fwCfg![0]!.contents, Uint8Array.of(0x78))
  assert.deepEqual(parse('-rtc', 'base=utc,clock=vm').config.rtc, { base: 'utc', clock: 'vm' })
  assert.equal(parse('-action', 'panic=exit-failure,reboot=shutdown').config.noReboot, true)
  assert.equal(parse('-device', 'help').help?.topic, 'device')
  assert.deepEqual(parse('-device', 'virtio-blk-pci,help').help, { topic: 'device', name: 'virtio-blk-pci' })
  assert.equal(parse('--help').help?.topic, 'options')
  assert.equal(parse('-k', 'de', '-usb', '-no-user-config').config.arch, 'riscv64')
  assert.deepEqual(treeOf({ 'a.b': 1, 'a.c.d': 2, e: 3 }), { a: { b: 1, c: { d: 2 } }, e: 3 })
})

test('every mistake is one line that says what, where, and what would be right', () => {
  const table: readonly (readonly [argv: readonly string[], line: string])[] = [
    [['-kernal', 'x'], "-kernal: no such option; did you mean '-kernel'?"],
    [['-zzzzzz'], '-zzzzzz: no such option; -help lists them'],
    [['-m'], '-m: needs an argument; -m [size=]SIZE'],
    [['-m', '12Q'], "-m 12Q: size='12Q' is not a size such as 512M or 2G"],
    [['-m', '0'], '-m 0: a machine needs RAM; for instance -m 512M'],
    [['-m', '1G,maxmem=2G'], '-m 1G,maxmem=2G: not implemented: maxmem'],
    [['-smp', '0'], '-smp 0: cpus=0; at least 1'],
    [['-smp', 'two'], "-smp two: cpus='two' is not a whole number"],
    [['-smp', '4,maxcpus=2'], '-smp 4,maxcpus=2: maxcpus=2 is less than cpus=4'],
    [['-smp', '2,sockets=3'], '-smp 2,sockets=3: sockets=3 × cores=0 × threads=1 is 0, not 2'],
    [['-smp', '5,threads=2'], '-smp 5,threads=2: sockets=1 × cores=2 × threads=2 is 4, not 5'],
    [['-smp', '2,cores=4,maxcpus=6'], '-smp 2,cores=4,maxcpus=6: sockets=1 × cores=4 × threads=1 is 4, not 6'],
    [['-vga', 'cirrus'], "-vga cirrus: not implemented: display card 'cirrus'; std or none"],
    [['-smbios', 'type=9'], '-smbios type=9: not implemented: SMBIOS type 9; type=0, 1, 2, 3, 4, 11, 17'],
    [['-smbios', 'type=1,asset=x'], "-smbios type=1,asset=x: no parameter 'asset'; one of: manufacturer, product, version, serial, uuid, sku, family, type"],
    [['-smbios', 'x'], "-smbios x: no parameter 'x'; one of: file"],
    [['-debugcon', 'foo'], "-debugcon foo: no character device 'foo'; one of: stdio, mon:stdio, file:, pty, null, none, unix:, tcp:, chardev:"],
    [['-parallel', 'chardev:no'], "-parallel chardev:no: no character device 'no'; one of: serial0"],
    [['-drive', 'if=none'], '-drive if=none: file=IMAGE is needed'],
    [['-drive', 'fil=x'], "-drive fil=x: no parameter 'fil'; did you mean 'file'?"],
    [
      ['-drive', 'file=x,if=virtoi'],
      "-drive file=x,if=virtoi: if='virtoi' is not one of virtio, none, ide, scsi, sd, mtd, floppy, pflash; did you mean 'virtio'?",
    ],
    [['-drive', 'file=x,readonly=maybe'], "-drive file=x,readonly=maybe: readonly='maybe' is not on or off"],
    [['-blockdev', 'driver=raw'], '-blockdev driver=raw: node-name=NAME is needed'],
    [
      ['-blockdev', 'raw,node-name=a,file=x,file.driver=y'],
      "-blockdev raw,node-name=a,file=x,file.driver=y: 'file.driver' contradicts 'file'",
    ],
    [['-device', 'id=x'], '-device id=x: driver=NAME is needed'],
    [['-device', '{"driver":'], '-device {"driver":: malformed JSON: Unexpected end of JSON input'],
    [['-device', 'a,id=x', '-device', 'b,id=x'], "-device b,id=x: the name 'x' is taken by -device a,id=x"],
    [['-netdev', 'user'], '-netdev user: id=NAME is needed'],
    [['-nic', 'user,mac=1'], '-nic user,mac=1: mac=1 is not a hardware address'],
    [
      ['-chardev', 'sockt,id=a'],
      "-chardev sockt,id=a: no character device back end 'sockt'; did you mean 'socket'?",
    ],
    [['-chardev', 'socket,id=a'], '-chardev socket,id=a: socket: either path=FILE or host=,port= is needed'],
    [
      ['-chardev', 'socket,id=a,port=99999'],
      "-chardev socket,id=a,port=99999: socket: port '99999' is not a port number",
    ],
    [['-chardev', 'null'], '-chardev null: id=NAME is needed'],
    [
      ['-chardev', 'null,id=1a'],
      "-chardev null,id=1a: '1a' is not a name; a letter, then letters, digits, and . _ -",
    ],
    [['-chardev', 'udp,id=a'], "-chardev udp,id=a: not implemented: character device back end 'udp'"],
    [['-serial', 'chardev:x'], "-serial chardev:x: no character device 'x'; there are none"],
    [['-serial', 'stdoi'], "-serial stdoi: no character device 'stdoi'; did you mean 'stdio'?"],
    [['-serial', 'tcp:1'], "-serial tcp:1: 'tcp:1': a port is needed; tcp:HOST:PORT"],
    [['-serial', '/dev/ttyS0'], '-serial /dev/ttyS0: not implemented: host device /dev/ttyS0'],
    [
      ['-serial', 'stdio', '-monitor', 'stdio'],
      '-monitor stdio: standard input and output are taken by -serial stdio; share them with mon:stdio or -chardev stdio,mux=on',
    ],
    [
      ['-serial', 'mon:stdio', '-gdb', 'stdio'],
      '-gdb stdio: standard input and output are taken by -serial mon:stdio; share them with mon:stdio or -chardev stdio,mux=on',
    ],
    [
      ['-chardev', 'null,id=a', '-serial', 'chardev:a', '-mon', 'a'],
      "-mon a: character device 'a' has a user already; mux=on lets several share it",
    ],
    [
      ['-chardev', 'null,id=a', '-gdb', 'chardev:b'],
      "-gdb chardev:b: no character device 'b'; did you mean 'a'?",
    ],
    [
      ['-chardev', 'null,id=a', '-mon', 'a', '-gdb', 'chardev:a'],
      "-gdb chardev:a: character device 'a' has a user already; mux=on lets several share it",
    ],
    [
      ['-chardev', 'null,id=a,mux=on', '-gdb', 'chardev:a'],
      "-gdb chardev:a: gdb shares no character device, and 'a' has mux=on",
    ],
    [
      ['-gdb', 'foo'],
      "-gdb foo: no character device 'foo'; one of: stdio, mon:stdio, file:, pty, null, none, unix:, tcp:, chardev:",
    ],
    [['-icount', '1'], '-icount 1: not implemented; guest time counts instructions'],
    [['-daemonize'], '-daemonize: not implemented; runs in the background'],
    [['-incoming', 'tcp:0:1'], '-incoming tcp:0:1: not implemented; migration'],
    [['-display', 'gtk'], "-display gtk: not implemented: display 'gtk'; text or none"],
    [
      ['-object', 'secret,id=s'],
      "-object secret,id=s: not implemented: object type 'secret'; there are filter-dump, rng-builtin, rng-random",
    ],
    [['-d', 'gest_errors'], "-d gest_errors: no log class 'gest_errors'; did you mean 'guest_errors'?"],
    [['-d', 'out_asm'], "-d out_asm: not implemented: log class 'out_asm'; -d help lists what there is"],
    [['-dfilter', '0x10'], "-dfilter 0x10: '0x10' is not a range; START+LENGTH, START-LENGTH or START..END"],
    [['-dfilter', '4-8'], "-dfilter 4-8: '4-8' leaves the 64-bit address space"],
    [['-dfilter', '8..4'], "-dfilter 8..4: '8..4' ends before it starts"],
    [['-trace', 'events=x'], '-trace events=x: not implemented: events'],
    [['-uuid', '1'], "-uuid 1: '1' is not a UUID"],
    [['-arch', 'sparc'], "-arch sparc: not implemented: architecture 'sparc'; riscv64, x86_64, i386"],
    [['-global', 'x'], "-global x: no parameter 'x'; one of: driver, property, value"],
    [['-fw_cfg', 'a'], '-fw_cfg a: either file=FILE or string=TEXT is needed'],
    [['-cpu', '+x'], "-cpu +x: a model is needed; -cpu help lists them"],
    [['-rtc', 'clock=sun'], "-rtc clock=sun: clock='sun' is not one of host, rt, vm"],
  ]
  for (const [argv, line] of table) assert.equal(mistake(...argv), line)
})

test('names', () => {
  assert.equal(nearest('virtoi', ['virtio', 'none']), 'virtio')
  assert.equal(nearest('xyzzy', ['virtio', 'none']), undefined)
  assert.equal(archOfProgram('typevisor-system-riscv64'), 'riscv64')
  assert.equal(archOfProgram('typevisor'), undefined)
})

test('every option has help; help and documentation name every option', () => {
  const help = optionsHelp(PROGRAM), markdown = optionsMarkdown()
  const names = options.flatMap(o => [o.name, ...(o.aliases ?? [])])
  assert.equal(new Set(names).size, names.length)
  for (const o of options) {
    assert.ok(o.help, o.name)
    assert.ok(markdown.includes(`\`-${o.name}`), o.name)
    assert.equal(
      new RegExp(`^  -${o.name.replace('?', '\\?')}[, \n]`, 'm').test(help),
      o.status === undefined,
      o.name,
    )
  }
})

test('no argument makes the parser throw anything but a user error', () => {
  let seed = 7
  const random = (n: number) => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) % n
  const words = [
    '=',
    ',',
    ',,',
    'id',
    'file',
    'a',
    'on',
    '{',
    '}',
    '"',
    ':',
    '1G',
    '-',
    'help',
    '__proto__',
    'x.y',
    'unix',
    'tcp',
    'stdio',
    'mon:',
  ]
  for (let i = 0; i < 20000; i++) {
    const o = options[random(options.length)]!
    const value = Array.from({ length: random(6) }, () => words[random(words.length)]).join('')
    try {
      parse(`-${o.name}`, ...(o.arg === undefined ? [] : [value]))
    } catch (error) {
      assert.ok(error instanceof VmError, `-${o.name} ${value}: ${(error as Error).stack}`)
      assert.ok(error.where !== undefined)
    }
  }
})
