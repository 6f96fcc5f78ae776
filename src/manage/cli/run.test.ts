// Whole runs of the program, with a machine for tests in place of the real one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VmError } from '../../base/errors.ts'
import type { Host } from '../../host/host.ts'
import type { MachineConfig } from '../../vm/config.ts'
import type { Assembly, Catalogue } from '../../vm/control.ts'
import { type FakeMachine, fakeMachine, fakeSerial, fakeSnapshot } from '../testing.ts'
import { hostWith, type Peer, peer, settle } from '../testpair.ts'
import { run } from './run.ts'

const catalogue: Catalogue = {
  arch: 'riscv64',
  maxCpus: 2,
  elsewhere: (what, name) => what === 'machine' && name === 'q35',
  netdevs: [{ name: 'null', description: 'nothing' }],
  machines: [
    {
      name: 'virt',
      description: 'RISC-V VirtIO board',
      isDefault: true,
      properties: [{ name: 'aia', type: 'text', description: 'interrupt architecture' }],
    },
    { name: 'none', description: 'empty machine' },
  ],
  cpus: [
    {
      name: 'rv64',
      description: 'generic',
      properties: [{ name: 'v', type: 'flag', description: 'vectors', initial: 'off' }],
    },
  ],
  accels: [{ name: 'jit', description: 'recompiler' }],
  traceEvents: [{ name: 'uart_read', description: 'reg %d' }],
  devices: [
    {
      name: 'virtio-blk-device',
      description: 'disk',
      bus: 'virtio-bus',
      properties: [
        { name: 'drive', type: 'text', description: 'drive' },
        { name: 'queues', type: 'number', description: 'number of queues', initial: '1' },
        { name: 'logical_block_size', type: 'size', description: 'size' },
        { name: 'packed', type: 'flag', description: 'packed rings' },
      ],
    },
  ],
}

type Bench = {
  p: Peer
  machine: FakeMachine
  errors: string[]
  output: string[]
  signals: Map<string, () => void>
  config(): MachineConfig | undefined
  files: Map<string, Uint8Array>
  run(...argv: string[]): Promise<number>
}

function bench(
  options: { program?: string; tty?: boolean; create?: (config: MachineConfig) => void; file?: Peer } = {},
): Bench {
  const p = peer('stdio'),
    machine = fakeMachine({ serial: fakeSerial(), powerButton: true })
  const errors: string[] = [],
    output: string[] = [],
    signals = new Map<string, () => void>(),
    files = new Map<string, Uint8Array>()
  let config: MachineConfig | undefined
  const { file } = options, ordinary = hostWith(p, options.tty ?? true, files)
  const host: Host = {
    ...ordinary,
    ...(file && { files: { ...ordinary.files, open: async () => file.stream } }),
    process: {
      pid: 42,
      writeError: line => void errors.push(line),
      writeOutput: text => void output.push(text),
      exit() {}, onUncaught() {}, onExit: () => () => {},
      onSignal(name, listener) {
        signals.set(name, listener)
        return () => void signals.delete(name)
      },
    },
  }
  const assembly: Assembly = {
    async createMachine(c) {
      options.create?.(c)
      config = c
      return machine
    },
    dumpDeviceTree: async () => false, probeAccelerators: () => [],
    catalogue: () => catalogue,
  }
  return {
    p,
    machine,
    errors,
    output,
    signals,
    files,
    config: () => config,
    run: (...argv) =>
      run(argv, options.program ?? 'typevisor-system-riscv64', { host, assembly, nowMs: () => 0 }),
  }
}

test('-nographic: the guest prints and reads, Ctrl-a c is the monitor, Ctrl-a x the end', async () => {
  const b = bench()
  const status = b.run('-nographic', '-m', '64M')
  await settle()
  assert.equal(b.machine.state, 'running')
  assert.equal(b.config()!.memoryBytes, 64 << 20)
  b.machine.serial.print('login: ')
  assert.equal(b.p.take(), 'login: ')
  b.p.send('root\r')
  assert.equal(b.machine.serial.received, 'root\r')
  b.p.send('\x01cinfo status\r')
  await settle()
  assert.match(b.p.take(), /VM status: running/)
  b.p.send('\x01chello')
  assert.equal(b.machine.serial.received, 'root\rhello')
  b.p.send('\x01x')
  assert.equal(await status, 0)
  assert.deepEqual(b.machine.calls, ['resume', 'quit host-ui', 'close'])
  assert.equal(b.signals.size, 0)
})

test('the guest switches off: its exit code is ours; -no-shutdown keeps the machine', async () => {
  const b = bench()
  const status = b.run('-display', 'none')
  await settle()
  await b.machine.quit('guest-shutdown', 5)
  assert.equal(await status, 5)

  const c = bench()
  const later = c.run('-no-shutdown', '-monitor', 'stdio')
  await settle()
  await c.machine.quit('guest-shutdown')
  await settle()
  assert.ok(!c.machine.calls.includes('close'))
  c.p.send('quit\r')
  assert.equal(await later, 0)
})

test('-action panic=exit-failure', async () => {
  const b = bench()
  const status = b.run('-action', 'panic=exit-failure')
  await settle()
  await b.machine.quit('guest-panic')
  assert.equal(await status, 1)
})

test('-S waits for cont; a signal ends the program', async () => {
  const b = bench()
  const status = b.run('-S', '-nographic')
  await settle()
  assert.equal(b.machine.state, 'prelaunch')
  b.p.send('\x01cc\r')
  await settle()
  assert.equal(b.machine.state, 'running')
  b.signals.get('SIGTERM')!()
  assert.equal(await status, 0)
  assert.ok(b.machine.calls.includes('quit host-signal'))
})

test('a failure of ours ends the program with status 1', async () => {
  const b = bench()
  const status = b.run()
  await settle()
  b.machine.emit('error', { message: 'boom', cause: new Error('boom'), cpu: 1 })
  assert.equal(await status, 1)
  assert.equal(b.errors.length, 1)
  assert.match(b.errors[0]!, /^[\w-]+: internal error on CPU 1: boom \(.*\bsrc\/manage\/cli\/run\.test\.ts:\d+\); .*npm run debug/)
})

test('a machine that does not stop is left behind: at once when asked twice, otherwise after a while', async () => {
  for (const times of [2, 1]) {
    const b = bench()
    const status = b.run('-nographic')
    await settle()
    b.machine.quit = () => new Promise(() => {})
    b.machine.close = () => new Promise(() => {})
    const started = Date.now()
    b.p.send('\x01x')
    if (times === 2) {
      await settle()
      b.p.send('\x01x\x01x')
    }
    assert.equal(await status, 1)
    const took = Date.now() - started
    assert.ok(times === 2 ? took < 1000 : took < 8000, `${took} ms`)
    await b.machine.pause()
  }
})

test('log lines go to standard error, or to -D', async () => {
  const b = bench()
  const status = b.run('-D', 'x.log')
  await settle()
  b.machine.emit('log', { cls: 'unimp', source: 'uart', text: 'no such register' })
  b.signals.get('SIGINT')!()
  await status
  assert.equal(new TextDecoder().decode(b.files.get('x.log')), 'uart: no such register\n')
})

test('-d and -trace; ports that there are not', async () => {
  const b = bench()
  const status = b.run('-d', 'guest_errors,trace:uart_*', '-d', 'int', '-dfilter', '0x1000+0x10,0x30..0x2f0,9-1')
  await settle()
  assert.ok(b.machine.calls.includes('log guest_errors,int 1000..100f 30..2f0 9..9'))
  assert.equal(b.machine.traceEvents()[0]!.enabled, true)
  b.signals.get('SIGINT')!()
  await status
  for (const [argv, line] of [
    [
      ['-trace', 'nope*'],
      "-trace nope*: no trace event 'nope*'; one of: uart_read, plic_claim",
    ],
    [['-serial', 'null', '-serial', 'null'], '-serial null: this machine has no serial port 1'],
  ] as const) {
    const c = bench()
    assert.equal(await c.run(...argv), 1)
    assert.deepEqual(c.errors, [`typevisor-system-riscv64: ${line}`])
  }
})

test('-pidfile is written and removed; -loadvm restores first', async () => {
  const b = bench()
  b.files.set('s.tvsnap', fakeSnapshot(new Uint8Array(0x1_0000).fill(7)))
  const status = b.run('-pidfile', 'p', '-loadvm', 's')
  await settle()
  assert.equal(new TextDecoder().decode(b.files.get('p')), '42\n')
  assert.equal(b.machine.memory[0x8000], 7)
  b.signals.get('SIGHUP')!()
  await status
  assert.equal(b.files.has('p'), false)
})

test('help', async () => {
  const help = async (...argv: string[]) => {
    const b = bench()
    assert.equal(await b.run(...argv), 0)
    assert.deepEqual(b.errors, [])
    return b.output.join('')
  }
  assert.match(await help('-version'), /^Typevisor version \d/)
  assert.match(await help('-help'), /usage: typevisor-system-riscv64 \[options\]/)
  assert.match(await help('-M', 'help'), /virt +RISC-V VirtIO board \(default\)/)
  assert.match(await help('-machine', 'virt,help'), /aia=<text>/)
  assert.match(await help('-cpu', 'help'), /rv64/)
  assert.match(await help('-accel', 'help'), /jit/)
  assert.match(await help('-device', 'help'), /name "virtio-blk-device", bus virtio-bus, desc "disk"/)
  assert.match(
    await help('-device', 'virtio-blk-device,help'),
    /queues=<number> {2}number of queues \(default: 1\)/,
  )
  assert.match(await help('-chardev', 'help'), /socket/)
  assert.match(await help('-d', 'help'), /guest_errors/)
  assert.match(await help('-netdev', 'help'), /^Available netdev backend types:\nnull +nothing\n$/)
  assert.match(await help('-cpu', 'rv64,help'), /^rv64 features:\n {2}v=<flag> {2}vectors \(default: off\)\n$/)
  assert.match(await help('-chardev', 'socket,help'), /^socket options:\n {2}mux=<flag>.*\n {2}path=<file> {2}Unix socket\n/s)
  assert.match(await help('-smp', 'help'), /^-smp options:\n {2}cpus=<number> {2}processors at start\n/)
  assert.match(await help('-drive', 'help'), / {2}media=<disk\|cdrom> /)
})

test('the architecture: from the program, -arch, or the kernel', async () => {
  const elf = (machine: number, cls = 2) =>
    Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, cls, 1, 1, ...new Array(11).fill(0), machine, 0)
  const b = bench({ program: 'typevisor' })
  b.files.set('vmlinux', elf(243))
  const status = b.run('-kernel', 'vmlinux')
  await settle()
  assert.equal(b.config()!.arch, 'riscv64')
  b.signals.get('SIGTERM')!()
  await status

  const mistake = async (file: Uint8Array | undefined, ...argv: string[]) => {
    const c = bench({ program: 'typevisor' })
    if (file) c.files.set('k', file)
    assert.equal(await c.run(...argv), 1)
    return c.errors.join('\n')
  }
  assert.equal(
    await mistake(undefined),
    'typevisor: which architecture?; -arch NAME (riscv64, x86_64, i386), or a program such as typevisor-system-riscv64',
  )
  assert.equal(await mistake(undefined, '-kernel', 'k'), 'typevisor: -kernel k: k: no such file')
  assert.equal(
    await mistake(elf(183), '-kernel', 'k'),
    'typevisor: -kernel k: a kernel for AArch64; not implemented: that architecture',
  )
  assert.equal(
    await mistake(elf(243, 1), '-kernel', 'k'),
    'typevisor: -kernel k: a kernel for 32-bit RISC-V; not implemented: that architecture',
  )
  assert.equal(
    await mistake(new Uint8Array(100), '-kernel', 'k'),
    'typevisor: -kernel k: does not say which architecture it is for; -arch riscv64, -arch x86_64, -arch i386',
  )
})

test('mistakes that the catalogue finds, and those of the assembly', async () => {
  const mistake = async (argv: string[], create?: (c: MachineConfig) => void) => {
    const b = bench(create ? { create } : {})
    assert.equal(await b.run(...argv), 1, argv.join(' '))
    assert.equal(b.errors.length, 1)
    assert.deepEqual(b.machine.calls, [])
    return b.errors[0]!.replace('typevisor-system-riscv64: ', '')
  }
  assert.equal(await mistake(['-M', 'vurt']), "-M vurt: no machine 'vurt'; did you mean 'virt'?")
  assert.equal(
    await mistake(['-M', 'virt,iommu=on']),
    "-M virt,iommu=on: machine 'virt' has no property 'iommu'; one of: aia",
  )
  assert.equal(await mistake(['-cpu', 'rv32']), "-cpu rv32: no processor model 'rv32'; one of: rv64")
  assert.equal(await mistake(['-cpu', 'rv64,v=2']), '-cpu rv64,v=2: v=2 is not on or off')
  assert.equal(await mistake(['-accel', 'kwm']), "-accel kwm: no accelerator 'kwm'; one of: jit")
  assert.equal(await mistake(['-M', 'virt,accel=kwm']), "-M virt,accel=kwm: no accelerator 'kwm'; one of: jit")
  assert.equal(await mistake(['-M', 'q35']), "-M q35: not implemented: machine 'q35'; -machine help lists what there is")
  assert.equal(
    await mistake(['-device', 'virtio-blk-devise']),
    "-device virtio-blk-devise: no device 'virtio-blk-devise'; did you mean 'virtio-blk-device'?",
  )
  const dev = (p: string) => ['-device', `virtio-blk-device,${p}`]
  assert.equal(
    await mistake(dev('queue=1')),
    "-device virtio-blk-device,queue=1: device 'virtio-blk-device' has no property 'queue'; did you mean 'queues'?",
  )
  assert.equal(
    await mistake(dev('queues=two')),
    '-device virtio-blk-device,queues=two: queues=two is not a whole number',
  )
  assert.equal(
    await mistake(dev('packed=2')),
    '-device virtio-blk-device,packed=2: packed=2 is not on or off',
  )
  assert.equal(
    await mistake(dev('logical_block_size=big')),
    '-device virtio-blk-device,logical_block_size=big: logical_block_size=big is not a size such as 64k or 1G',
  )
  assert.equal(
    await mistake(dev('drive=d')),
    "-device virtio-blk-device,drive=d: no drive 'd'; there are none",
  )
  assert.equal(
    await mistake(['-drive', 'file=x,if=none,id=d', ...dev('drive=d'), ...dev('drive=d')]),
    "-device virtio-blk-device,drive=d: drive 'd' has a user already",
  )
  assert.equal(
    await mistake(['-global', 'virtio-blk-device.x=1']),
    "-global virtio-blk-device.x=1: device 'virtio-blk-device' has no property 'x'; one of: drive, queues, logical_block_size, packed",
  )
  assert.equal(
    await mistake(['-drive', 'file=x,format=qcow2'], () => {
      throw new VmError('block.badMagic', 'x: not a qcow2 image', { where: 'drives[0]', hint: 'format=raw?' })
    }),
    '-drive file=x,format=qcow2: x: not a qcow2 image; format=raw?',
  )
})

test('a character device that cannot be opened ends the run before the machine starts', async () => {
  const b = bench()
  assert.equal(await b.run('-serial', 'unix:/x,server'), 1)
  assert.deepEqual(b.errors, [
    'typevisor-system-riscv64: -serial unix:/x,server: socket: not available here (no sockets)',
  ])
  assert.deepEqual(b.machine.calls, ['close'])
})

test('a file that cannot be written to any more is told of once, and the machine runs on', async () => {
  for (const option of [['-D', 'log', '-display', 'none'], ['-serial', 'file:out'], ['-chardev', 'null,id=serial0,logfile=out', '-serial', 'chardev:serial0']]) {
    const file = peer('file:out'), b = bench({ file }), status = b.run(...option)
    await settle()
    b.machine.serial.print('one')
    file.closeByPeer(new VmError('file.io', 'out: no space left'))
    b.machine.serial.print('two')
    await settle()
    assert.deepEqual(b.errors, ['out: no space left; nothing more is written there'], option[0])
    assert.equal(b.machine.state, 'running')
    await b.machine.quit('guest-shutdown', 0)
    assert.equal(await status, 0)
    assert.equal(b.errors.length, 1)
  }
})
