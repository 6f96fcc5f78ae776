import { test } from 'node:test'
import assert from 'node:assert/strict'
import { deviceRamBytes } from '../../device/board.ts'
import { bench } from '../../device/testing.ts'
import { VIRT } from '../../machines/virt-riscv.ts'
import type { MachineConfig } from '../config.ts'
import { boardOf, catalogue, guestBytesOf, planMachine } from './plan.ts'
import { linuxImage, memoryHost } from './testing.ts'

const MIB = 2 ** 20
const host = memoryHost({ Image: linuxImage(), a: new Uint8Array(MIB), b: new Uint8Array(2 * MIB) })
const plan = (config: MachineConfig = {}) => planMachine({ arch: 'riscv64', kernel: 'Image', ...config }, host)
const drive = (id: string, more = {}) => ({ kind: 'drive', id, interface: 'none', file: id, format: 'raw', ...more }) as const
const device = (driver: string, properties = {}, id?: string) => ({ driver, properties, ...(id !== undefined && { id }) })

test('defaults', async () => {
  const p = await plan()
  assert.deepEqual(p.info, { arch: 'riscv64', machine: 'virt', cpuModel: 'rv64', memoryBytes: 128 * MIB })
  assert.deepEqual([p.spec.harts, p.spec.ramBytes, guestBytesOf(p.spec)], [1, 128 * MIB, 128 * MIB + 0xf000])
  assert.deepEqual([p.spec.devices, p.attachments, p.blocks, p.serials], [[], [], [], [{ device: 'serial0' }]])
})

test('other threads make the same board from the posted data', async () => {
  const p = await plan({
    smp: { cpus: 2 }, drives: [drive('a')], serials: ['tty'], uuid: '12345678-1234-1234-1234-123456789abc',
    devices: [device('virtio-blk-device', { drive: 'a' }), device('virtio-rng-pci'), device('virtio-serial-pci')],
  })
  const spec = { ...structuredClone(p.spec), ramHostOffset: 64 * MIB }
  const names = (board: ReturnType<typeof boardOf>) => board.devices.map(d => [d.id, d.device.name, d.at, d.wires])
  assert.deepEqual(names(boardOf(spec)), names(boardOf(p.spec)))
  assert.deepEqual(boardOf(spec).memory.flatMap(m => (m.kind === 'space' ? [] : [[m.name, m.at, m.hostOffset]])),
    [['ram', 0x8000_0000, 64 * MIB], ['mrom', 0x1000, 192 * MIB]])
  const m = bench(boardOf({ ...structuredClone(p.spec), ramBytes: MIB })).system.memory // with addresses and wires in place
  assert.equal(m.read(VIRT.VIRTIO + 7 * 0x1000 + 8, 4), 2, 'the disk is in the last slot')
  assert.equal(m.read(VIRT.VIRTIO + 8, 4), 0, 'the first slot is empty')
})

test('devices take the places that QEMU gives them', async () => {
  const p = await plan({
    drives: [drive('a', { interface: 'virtio' }), drive('b')], nics: [{ type: 'null' }],
    devices: [
      device('virtio-rng-device'), device('virtio-rng-device', { bus: 'virtio-mmio-bus.2' }), device('virtio-rng-device'),
      device('virtio-serial'), device('virtio-blk', { drive: 'b', addr: '0x1f' }, 'disk'), device('virtio-rng-pci', { addr: '2.1' }),
    ].toSpliced(3, 1, device('virtio-serial', { multifunction: 'on' })),
  })
  assert.deepEqual(p.spec.devices.map(d => [d.driver, d.id, d.slot ?? d.properties['addr']]), [
    ['virtio-net-pci', 'virtio-net-pci.0', '01.0'],
    ['virtio-rng-device', 'virtio-rng-device.0', 7], ['virtio-rng-device', 'virtio-rng-device.1', 2],
    ['virtio-rng-device', 'virtio-rng-device.2', 6],
    ['virtio-serial-pci', 'virtio-serial-pci.0', '02.0'], ['virtio-blk-pci', 'disk', '1f.0'],
    ['virtio-rng-pci', 'virtio-rng-pci.0', '02.1'], ['virtio-blk-pci', 'virtio-blk-pci.0', '03.0'],
  ])
  bench(boardOf({ ...p.spec, ramBytes: MIB }))
})

test('drives belong to devices, or make one', async () => {
  const p = await plan({
    snapshot: true,
    drives: [
      drive('a', { readOnly: true, properties: { serial: 'S1' } }), drive('b', { snapshot: false }),
      { kind: 'drive', file: 'b', format: 'raw' }, { kind: 'blockdev', id: 'n', properties: { driver: 'raw', file: { driver: 'file', filename: 'a' } } },
    ],
    devices: [device('virtio-blk-device', { drive: 'a' }, 'x')],
  })
  assert.deepEqual(p.spec.devices.map(d => [d.id, d.driver, d.properties]), [
    ['x', 'virtio-blk-device', { drive: 'a', serial: 'S1', media: { sizeBytes: MIB, readOnly: true, writeCache: true } }],
    ['virtio-blk-pci.0', 'virtio-blk-pci', { drive: 'drive2', addr: '01.0', media: { sizeBytes: 2 * MIB, readOnly: false, writeCache: true } }],
  ])
  assert.deepEqual(p.blocks.map(b => [b.device, b.file, b.readOnly, b.sizeBytes, b.attachedTo]),
    [['a', 'a', true, MIB, 'x'], ['b', 'b', false, 2 * MIB, undefined], ['drive2', 'b', false, 2 * MIB, 'virtio-blk-pci.0'], ['n', 'a', false, MIB, undefined]])
  assert.deepEqual(p.attachments.map(a => [a.device, a.info?.device]), [['x', 'a'], ['virtio-blk-pci.0', 'drive2']])
})

test('a drive without an interface makes a device unless one names it', async () => {
  const bare = { kind: 'drive', id: 'a', file: 'a', format: 'raw' } as const
  assert.deepEqual((await plan({ drives: [bare] })).spec.devices.map(d => d.driver), ['virtio-blk-pci'])
  assert.deepEqual((await plan({ drives: [bare], devices: [device('virtio-blk-device', { drive: 'a' })] })).spec.devices.map(d => d.driver),
    ['virtio-blk-device'])
})

test('cards have different addresses, consoles their character devices', async () => {
  const p = await plan({
    netdevs: [{ type: 'loop', id: 'n' }], nics: [{ type: 'null', mac: '52:54:00:12:34:57' }, { type: 'null' }, { type: 'none' }],
    serials: ['tty'],
    devices: [
      device('virtio-net-device', { netdev: 'n' }), device('virtio-net-device'),
      device('virtio-serial-device', {}, 's'), device('virtconsole', { chardev: 'c' }), device('virtio-serial-device', {}, 't'),
      device('virtconsole', { bus: 't.0' }),
    ],
  })
  assert.deepEqual(p.spec.devices.flatMap(d => d.properties['mac'] ?? []),
    ['52:54:00:12:34:57', '52:54:00:12:34:56', '52:54:00:12:34:58', '52:54:00:12:34:59'])
  assert.deepEqual(p.serials, [{ device: 'serial0', chardev: 'tty' }, { device: 's', chardev: 'c' }, { device: 't' }])
  const ends = await Promise.all(p.attachments.map(a => a.open()))
  assert.deepEqual(ends.map(e => typeof (e as any).send), ['function', 'function', 'function', 'function'])
})

test('a network back end that no card uses is opened too, and its filters with it', async () => {
  const opened: string[] = []
  const noting = { ...host, files: { ...host.files, open: async (path: string) => {
    opened.push(path)
    return { label: path, write: () => true, hold() {}, async close() {}, listen() {} }
  } } }
  const p = await planMachine({
    arch: 'riscv64', kernel: 'Image', netdevs: [{ type: 'null', id: 'n' }, { type: 'null', id: 'm' }],
    devices: [device('virtio-net-device', { netdev: 'm' }, 'card')],
    objects: [{ type: 'filter-dump', id: 'f', properties: { netdev: 'n', file: 'd.pcap' } }],
  }, noting)
  assert.deepEqual(p.attachments.map(a => a.device), ['card', undefined])
  assert.deepEqual(opened, [])
  for (const a of p.attachments) await (await a.open()).close!()
  assert.deepEqual(opened, ['d.pcap'])
})

test('globals are defaults for devices and settings of empty slots', async () => {
  const p = await plan({
    globals: [
      { driver: 'virtio-mmio', property: 'force-legacy', value: 'off' }, { driver: 'virtio-net', property: 'mac', value: '52:54:00:00:00:01' },
    ],
    devices: [device('virtio-rng-device'), device('virtio-rng-device', { 'force-legacy': 'on' }), device('virtio-rng-pci'), device('virtio-net-pci')],
  })
  assert.deepEqual(p.spec.devices.map(d => [d.properties['force-legacy'], d.properties['mac']]),
    [['off', undefined], ['on', undefined], [undefined, undefined], [undefined, '52:54:00:00:00:01']])
  const m = bench(boardOf({ ...p.spec, ramBytes: MIB })).system.memory
  assert.deepEqual([0, 6, 7].map(slot => m.read(VIRT.VIRTIO + slot * 0x1000 + 4, 4)), [2, 1, 2])
})

test('firmware finds items, and the boot order as QEMU writes it', async () => {
  const p = await plan({
    uuid: '12345678-1234-1234-1234-123456789abc', boot: { menu: true }, drives: [drive('a')],
    fwCfg: [{ name: 'opt/x', contents: new TextEncoder().encode('y') }],
    devices: [device('virtio-blk-device', { drive: 'a', bootindex: 1 }), device('virtio-net-pci', { bootindex: '0' })],
  })
  const text = Object.fromEntries(Object.entries(p.spec.fwCfgFiles).map(([name, bytes]) => [name, Buffer.from(bytes).toString('latin1')]))
  assert.deepEqual(text, {
    'bios-geometry': '', 'etc/boot-fail-wait': '\xff\xff\xff\xff', 'opt/x': 'y',
    bootorder: '/pci@ffffffffffffffff/ethernet@1/ethernet-phy@0\n/virtio-mmio@0000000010008000/disk@0,0\0',
  })
  assert.deepEqual(Object.entries(p.spec.fwCfgItems).map(([key, bytes]) => [key, Buffer.from(bytes).toString('hex')]),
    [['2', '12345678123412341234123456789abc'], ['14', '0100']])
})

test('the real-time clock: UTC, or from a date on', async () => {
  assert.equal((await plan()).wallClockOffsetMs, 0)
  const { wallClockOffsetMs } = await plan({ rtc: { base: '2001-02-03T04:05:06' } })
  assert.ok(Math.abs(Date.now() + wallClockOffsetMs - Date.UTC(2001, 1, 3, 4, 5, 6)) < 10_000)
})

test('dumpdtb gives the tree, and needs nothing to start', async () => {
  const p = await planMachine({ arch: 'riscv64', machine: { type: 'virt', properties: { dumpdtb: 'x.dtb' } } }, host)
  assert.equal(p.dumpDtb?.path, 'x.dtb')
  assert.equal(p.dumpDtb?.bytes, p.images[0]!.bytes)
})

test('everything in the catalogue can be made', async () => {
  const c = catalogue('riscv64')
  for (const cpu of c.cpus) assert.equal((await plan({ cpu: { model: cpu.name } })).info.cpuModel, cpu.name)
  const on = Object.fromEntries(c.cpus[0]!.properties!.map(p => [p.name, p.initial!]))
  assert.equal((await plan({ cpu: { model: 'rv64', properties: on } })).extensions.join(), (await plan()).extensions.join())
  for (const d of c.devices.filter(each => each.bus === 'PCI' || each.bus === 'virtio-bus')) {
    const given = Object.fromEntries(d.properties.flatMap(p => (p.initial === undefined ? [] : [[p.name, p.initial]])))
    const p = await plan({ drives: [drive('a')], devices: [device(d.name, { ...given, ...(d.name.includes('blk') && { drive: 'a' }) })] })
    assert.deepEqual(p.spec.devices.map(each => each.driver), [d.name.replace(/^virtio-[a-z]+$/, '$&-pci')])
    const board = boardOf({ ...p.spec, ramBytes: MIB })
    bench(board, { sizeBytes: 2 * (deviceRamBytes(board) + 2 * MIB) })
  }
})
