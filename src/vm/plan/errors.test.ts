// Every mistake in a configuration has one line: which part, what, and what to do.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import type { MachineConfig } from '../config.ts'
import { planMachine } from './plan.ts'
import { elf, linuxImage, memoryHost } from './testing.ts'

const MIB = 2 ** 20
const far = elf({ entry: 0x1000n, segments: [{ va: 0x1000n, pa: 0x1000, bytes: new Uint8Array(64) }] })
const host = memoryHost({ Image: linuxImage(), disk: new Uint8Array(MIB), far })

const device = (driver: string, properties = {}, id?: string) => ({ driver, properties, ...(id !== undefined && { id }) })
const disk = { kind: 'drive', id: 'd', interface: 'none', file: 'disk', format: 'raw' } as const
const many = (n: number, driver: string) => Array.from({ length: n }, () => device(driver))
const slots = 'virtio-mmio-bus.7, virtio-mmio-bus.6, virtio-mmio-bus.5, virtio-mmio-bus.4, virtio-mmio-bus.3, virtio-mmio-bus.2, '
  + 'virtio-mmio-bus.1, virtio-mmio-bus.0'

const cases: readonly (readonly [config: MachineConfig, line: string])[] = [
  // the machine
  [{ machine: { type: 'vir' } }, `machine: no machine 'vir'; did you mean 'virt'?`],
  [{ machine: { type: 'sifive_u' } }, `machine: not implemented: machine 'sifive_u'; there is: virt`],
  [{ machine: { type: 'virt', properties: { aclint: 'on' } } }, 'machine: not implemented: aclint=on'],
  [{ machine: { type: 'virt', properties: { aia: 'aplic' } } }, 'machine: not implemented: aia=aplic'],
  [{ machine: { type: 'virt', properties: { dumpdtp: 'x' } } },
    `machine: machine 'virt' has no property 'dumpdtp'; did you mean 'dumpdtb'?`],
  [{ cpu: { model: 'rv46' } }, `cpu: no processor model 'rv46'; did you mean 'rv64'?`],
  [{ cpu: { model: 'sifive-u54' } }, `cpu: not implemented: processor model 'sifive-u54'; there are: rv64, max`],
  [{ cpu: { model: 'rv64', properties: { v: true } } }, 'cpu: not implemented: v (vectors)'],
  [{ cpu: { model: 'rv64', properties: { zba: false } } }, 'cpu: not implemented: a processor without zba'],
  [{ cpu: { model: 'rv64', properties: { zbx: true } } }, `cpu: processor 'rv64' has no property 'zbx'; did you mean 'zba'?`],
  [{ cpu: { model: 'rv64', properties: { zba: 'perhaps' } } }, 'cpu: zba=perhaps is not on or off'],
  [{ smp: { cpus: 9 } }, 'smp: not implemented: 9 processors; at most 8'],
  [{ smp: { cpus: 0 } }, 'smp: 0 processors: at least 1'],
  [{ smp: { cpus: 1, maxcpus: 2 } }, 'smp: not implemented: maxcpus=2 with cpus=1 (hot-plug)'],
  [{ memoryBytes: 0 }, 'memoryBytes: 0 bytes of RAM make no machine'],
  [{ memoryBytes: 4096 * MIB }, 'memoryBytes: not implemented: 4096 MiB of RAM; with 1 processor at most 4056 MiB'],
  [{ memoryBytes: 4000 * MIB, smp: { cpus: 8 } }, 'memoryBytes: not implemented: 4000 MiB of RAM; with 8 processors at most 3888 MiB'],
  [{ rtc: { base: 'noon' } }, 'rtc: base=noon is not utc, localtime or a date; for instance 2026-01-31T12:00:00'],
  [{ rtc: { clock: 'vm' } }, 'rtc: not implemented: clock=vm'],
  [{ uuid: '1-2-3' }, `uuid: '1-2-3' is not a UUID`],
  [{ boot: { order: 'c' } }, 'boot: not implemented: order on this machine; -kernel FILE, or -bios FILE'],
  // what is started
  [{}, 'there is nothing to start; -kernel FILE, or -bios FILE'],
  [{ append: 'quiet' }, 'append: there is no kernel that it is for; -kernel FILE'],
  [{ initrd: 'disk' }, 'initrd: there is no kernel that it is for; -kernel FILE'],
  [{ kernel: 'nope' }, 'kernel: nope: no such file'],
  [{ kernel: 'Image', initrd: 'nope' }, 'initrd: nope: no such file'],
  [{ kernel: 'Image', dtb: 'disk' }, 'dtb: device tree: no magic number'],
  [{ bios: 'fw.bin', dataPaths: ['/a', '/b'] }, 'bios: fw.bin: no such file'],
  [{ kernel: linuxImage({ magic: 'ARM\x64' }) }, 'kernel: it is for AArch64, not for 64-bit RISC-V'],
  [{ kernel: far }, 'kernel: it goes to 0x1000, and RAM begins at 0x80000000'],
  [{ kernel: linuxImage({ sizeBytes: 16 * MIB }), memoryBytes: 16 * MIB },
    'kernel: it takes 0x80200000 to 0x81200000, and RAM ends at 0x81000000; more RAM: -m SIZE'],
  [{ kernel: 'Image', initrd: new Uint8Array(5 * MIB), memoryBytes: 8 * MIB },
    'initrd: its 5 MiB do not fit between 0x80600000 and the end of RAM at 0x80800000; more RAM: -m SIZE'],
  [{ bios: 'none', kernel: new Uint8Array(MIB), memoryBytes: MIB },
    'memoryBytes: there is no room for the device tree in RAM (1 MiB); more RAM: -m SIZE'],
  [{ bios: 'Image', kernel: elf({ entry: 0x8000_0000n, segments: [{ va: 0x8000_0000n, pa: 0x8000_0000, bytes: new Uint8Array(8) }] }) },
    'kernel: it takes 0x80000000 to 0x80000008, where the bios is'],
  [{ kernel: 'Image', fwCfg: [{ name: 'opt/a', contents: 'disk' }, { name: 'opt/a', contents: 'disk' }] },
    `fwCfg[1]: there is an item 'opt/a' already`],
  [{ kernel: 'Image', fwCfg: [{ name: 'x'.repeat(56), contents: 'disk' }] }, `fwCfg[0]: '${'x'.repeat(56)}' has not 1 to 55 characters`],
  [{ kernel: 'Image', fwCfg: [{ name: 'opt/a', contents: 'nope' }] }, 'fwCfg[0]: nope: no such file'],
  // devices
  [{ devices: [device('virtio-blk-devic')] }, `devices[0]: no device 'virtio-blk-devic'; did you mean 'virtio-blk-device'?`],
  [{ devices: [device('florp')] }, `devices[0]: no device 'florp'; -device help lists them`],
  [{ devices: [device('virtio-keyboard-device')] },
    `devices[0]: not implemented: device 'virtio-keyboard-device'; -device help lists what there is`],
  [{ devices: [device('e1000')] }, `devices[0]: not implemented: device 'e1000'; -device help lists what there is`],
  [{ devices: [device('virtio-rng-device', { rgn: 'x' })] },
    `devices[0]: device 'virtio-rng-device' has no property 'rgn'; did you mean 'rng'?`],
  [{ devices: [device('virtio-blk-device', { drive: 'd', media: 'x' })], drives: [disk] },
    `devices[0]: device 'virtio-blk-device' has no property 'media'; -device virtio-blk-device,help lists them`],
  [{ devices: [device('virtio-blk-device', { drive: 'd', 'num-queues': 'many' })], drives: [disk] },
    `devices[0]: virtio-blk-device.0.num-queues: 'many' is not a whole number`],
  [{ devices: [device('virtio-blk-device', { drive: 'd', 'num-queues': 100 })], drives: [disk] },
    'devices[0]: virtio-blk: num-queues must be 1 to 64'],
  [{ devices: [device('virtio-rng-device', { addr: '3' })] },
    `devices[0]: device 'virtio-rng-device' has no property 'addr'; -device virtio-rng-device,help lists them`],
  [{ devices: [device('virtio-rng-device', { rng: 'r' })] }, `devices[0]: no entropy source 'r'; there are none`],
  [{ devices: [device('virtio-rng-device', {}, 'a'), device('virtio-rng-pci', {}, 'a')] },
    `devices[1]: the name 'a' is taken by another device`],
  [{ devices: [device('virtio-rng-device', {}, 'rtc')] }, `devices[0]: the name 'rtc' is taken by another device`],
  [{ devices: [device('virtio-rng-device', { bus: 'virtio-mmio-bus.3' }, 'a'), device('virtio-rng-device', { bus: 'virtio-mmio-bus.3' })] },
    `devices[1]: bus 'virtio-mmio-bus.3' is taken by 'a'`],
  [{ devices: [device('virtio-rng-device', { bus: 'pci.0' })] }, `devices[0]: no bus 'pci.0'; one of: ${slots}`],
  [{ devices: many(9, 'virtio-rng-device') }, 'devices[8]: all 8 virtio-mmio slots are taken'],
  [{ devices: many(32, 'virtio-rng-pci') }, 'devices[31]: all 32 PCI slots are taken'],
  [{ devices: [device('virtio-rng-pci', { bus: 'pci.0' })] }, `devices[0]: no bus 'pci.0'; did you mean 'pcie.0'?`],
  [{ devices: [device('virtio-rng-pci', { addr: '3' }, 'a'), device('virtio-rng-pci', { addr: '3.0' })] },
    `devices[1]: PCI address 03.0 is taken by 'a'`],
  [{ devices: [device('virtio-rng-pci', { addr: '0' })] }, 'devices[0]: PCI address 00.0 is taken by the host bridge'],
  [{ devices: [device('virtio-rng-pci', { addr: '20' })] },
    `devices[0]: virtio-rng-pci.0: addr '20' is no PCI address; SLOT.FUNCTION, such as 03.0`],
  [{ devices: [device('virtio-rng-pci', { addr: '3.1' }, 'a')] }, `devices: 'a' is function 1 of a slot without function 0`],
  [{ devices: [device('virtio-rng-pci', { addr: '3' }, 'a'), device('virtio-rng-pci', { addr: '3.1' }, 'b')] },
    `devices: 'b' shares a slot with 'a' at 03.0; multifunction=on for 'a'`],
  [{ devices: [device('virtio-rng-pci', { romfile: 'x' })] }, 'devices[0]: not implemented: romfile of \'virtio-rng-pci\''],
  [{ devices: [device('virtio-rng-pci', { bootindex: 1 })] },
    `devices[0]: device 'virtio-rng-pci' has no property 'bootindex'; -device virtio-rng-pci,help lists them`],
  [{ devices: [device('virtio-net-pci', { bootindex: 1 }, 'a'), device('virtio-net-pci', { bootindex: '1' })] },
    `devices[1]: bootindex=1 is taken by 'a'`],
  [{ globals: [{ driver: 'virtio-mmio', property: 'force', value: 'x' }] },
    `globals[0]: device 'virtio-mmio' has no property 'force'; -device virtio-mmio,help lists them`],
  [{ globals: [{ driver: 'virtio-net', property: 'max', value: 'x' }] },
    `globals[0]: device 'virtio-net-pci' has no property 'max'; did you mean 'mac'?`],
  // consoles and serial ports
  [{ devices: [device('virtconsole')] }, 'devices[0]: there is no virtio-serial device before it; -device virtio-serial-pci'],
  [{ devices: [device('virtio-serial-pci', {}, 'vs'), device('virtconsole'), device('virtconsole')] },
    `devices[2]: not implemented: a second port on 'vs'`],
  [{ devices: [device('virtio-serial-pci', {}, 'vs'), device('virtconsole', { bus: 'vt.0' })] },
    `devices[1]: no bus 'vt.0'; did you mean 'vs.0'?`],
  [{ serials: ['a', 'b'] },
    'serials[1]: this machine has one serial port; -device virtio-serial-pci -device virtconsole,chardev=ID'],
  // drives
  [{ drives: [{ ...disk, file: 'nope' }] }, 'drives[0]: nope: no such file'],
  [{ drives: [{ kind: 'drive', file: 'disk', index: 0 }, { kind: 'drive', file: 'disk', index: 0 }] },
    'drives[1]: there is a drive with index=0 already'],
  [{ drives: [disk, disk] }, `drives[1]: the name 'd' is taken by another drive`],
  [{ drives: [{ kind: 'drive', interface: 'ide', file: 'disk' }] },
    'drives[0]: not implemented: if=ide on this machine; if=virtio, or if=none and a -device'],
  [{ drives: [{ ...disk, format: 'vmdk' }] },
    'drives[0]: not implemented: image format vmdk; convert the image: qemu-img convert -O raw IMAGE NEW'],
  [{ drives: [disk], devices: [device('virtio-blk-pci')] }, 'devices[0]: drive=ID is needed; -drive if=none,id=ID,file=FILE'],
  [{ drives: [disk], devices: [device('virtio-blk-pci', { drive: 'f' })] }, `devices[0]: no drive 'f'; did you mean 'd'?`],
  [{ drives: [disk], devices: [device('virtio-blk-pci', { drive: 'd' }, 'a'), device('virtio-blk-pci', { drive: 'd' })] },
    `devices[1]: drive 'd' has a user already; a`],
  // networks
  [{ netdevs: [{ type: 'user', id: 'n' }] }, `netdevs[0]: not implemented: network back end 'user'; there are: null, loop`],
  [{ nics: [{ type: 'tap' }] }, `nics[0]: not implemented: network back end 'tap'; there are: null, loop`],
  [{ nics: [{ type: 'null', model: 'e1000' }] },
    `nics[0]: not implemented: device 'e1000'; -device help lists what there is`],
  [{ nics: [{ type: 'null', model: 'virtio-rng-pci' }] },
    `nics[0]: 'virtio-rng-pci' is no network card; for instance model=virtio-net-pci`],
  [{ nics: [{ type: 'null', mac: '01:00:00:00:00:00' }] },
    `nics[0]: '01:00:00:00:00:00' is not the hardware address of one card; six bytes, such as 52:54:00:12:34:56`],
  [{ devices: [device('virtio-net-pci', { netdev: 'n' })] }, `devices[0]: no network back end 'n'; there are none`],
  [{ netdevs: [{ type: 'null', id: 'n' }], devices: [device('virtio-net-pci', { netdev: 'n' }, 'a'), device('virtio-net-pci', { netdev: 'n' })] },
    `devices[1]: network back end 'n' has a user already; a`],
  [{ netdevs: [{ type: 'null', id: 'n', properties: { mtu: 3 } }] }, `netdevs[0]: network back end 'null' has no property 'mtu'`],
  [{ objects: [{ type: 'filter-dump', id: 'f', properties: { netdev: 'n', file: 'x' } }] },
    `objects[0]: no network back end 'n'; there are none`],
]

for (const [config, line] of cases)
  test(line, async () => {
    const kernel = config.kernel === undefined && config.bios === undefined && needsKernel(config) ? { kernel: 'Image' } : {}
    await assert.rejects(planMachine({ arch: 'riscv64', ...kernel, ...config }, host), (e: any) => {
      assert.equal(e.name, 'VmError', e.stack)
      assert.equal(`${e.where === undefined ? '' : `${e.where}: `}${e.message}${e.hint === undefined ? '' : `; ${e.hint}`}`, line)
      return true
    })
  })

function needsKernel(config: MachineConfig): boolean {
  return Object.keys(config).length > 0 && config.append === undefined && config.initrd === undefined
}

test('the architecture comes from the kernel', async () => {
  assert.equal((await planMachine({ kernel: 'Image' }, host)).info.arch, 'riscv64')
  await assert.rejects(planMachine({}, host), { message: 'which architecture?' })
  await assert.rejects(planMachine({ kernel: 'disk' }, host), { message: 'it does not say which architecture it is for' })
})

test('a plan that fails closes what it opened', async () => {
  let open = 0
  const counting = { ...host, images: { ...host.images!, open(path: string, o: any) {
    const file = host.images!.open(path, o)
    open++
    return { ...file, close() { open--; file.close() } }
  } } }
  const config: MachineConfig = { arch: 'riscv64', kernel: 'Image', drives: [disk, { ...disk, id: 'e' }] }
  await assert.rejects(planMachine({ ...config, devices: [device('virtio-blk-pci', { drive: 'x' })] }, counting))
  assert.equal(open, 0)
  const plan = await planMachine({ ...config, devices: [device('virtio-blk-pci', { drive: 'e' })] }, counting)
  const taken = await plan.attachments[0]!.open()
  await plan.dispose()
  assert.equal(open, 1) // the one that was handed over
  taken.close!()
  assert.equal(open, 0)
})
