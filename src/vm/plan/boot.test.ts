import { test } from 'node:test'
import assert from 'node:assert/strict'
import { cellsOf, findNode, readFdt, stringsOf, writeFdt, node } from '../../machines/fdt/fdt.ts'
import type { MachineConfig } from '../config.ts'
import { planMachine } from './plan.ts'
import { elf, linuxImage, memoryHost } from './testing.ts'

const MIB = 2 ** 20
const kernel = linuxImage({ sizeBytes: 16 * MIB })
const host = memoryHost({ Image: kernel, initrd: new Uint8Array(MIB + 5), 'fw/fw.bin': new Uint8Array(100_000) })
const plan = (config: MachineConfig) => planMachine({ arch: 'riscv64', ...config }, host)
const layout = async (config: MachineConfig) => {
  const { boot, images } = await plan(config)
  return { boot, at: Object.fromEntries(images.map(i => [i.name, i.pa])) }
}

test('with the built-in SBI: kernel, initial RAM disk and device tree are where QEMU has them', async () => {
  // Each line checked against qemu-system-riscv64 7.2.
  for (const [ramMib, initrd, tree] of [[128, 0x8420_0000, 0x87e0_0000], [300, 0x8820_0000, 0x92a0_0000], [2048, 0x8820_0000, 0xbfe0_0000]] as const)
    assert.deepEqual(await layout({ kernel: 'Image', initrd: 'initrd', memoryBytes: ramMib * MIB }), {
      boot: { kind: 'sbi', entry: 0x8020_0000, deviceTree: tree },
      at: { kernel: 0x8020_0000, initrd, 'device tree': tree },
    })
})

test('with firmware: harts start at the reset vector, the kernel comes after the firmware', async () => {
  const p = await plan({ bios: 'fw.bin', dataPaths: ['/usr/none', 'fw/'], kernel: 'Image', memoryBytes: 300 * MIB })
  assert.deepEqual(p.boot, { kind: 'reset', entry: 0x1000 })
  assert.deepEqual(p.images.map(i => [i.name, i.pa]),
    [['firmware', 0x8000_0000], ['kernel', 0x8020_0000], ['device tree', 0x92a0_0000], ['reset vector', 0x1000]])
  // What QEMU 7.2 has at 0x1000 with the same options.
  assert.equal(Buffer.from(p.images[3]!.bytes).toString('hex'),
    '9702000013868202732540f183b5020283b282016780020000000080000000000000a092000000004f534249000000000200000000000000'
    + '0000208000000000010000000000000000000000000000000000000000000000')
  assert.deepEqual(p.spec.roms, [{ name: 'mrom', at: 0x1000, sizeBytes: 0xf000 }])
})

test('without firmware: machine mode at the start of RAM, or at the entry point', async () => {
  assert.deepEqual((await layout({ bios: 'none' })).at, { 'device tree': 0x87e0_0000, 'reset vector': 0x1000 })
  assert.deepEqual((await layout({ bios: 'none', kernel: 'Image', initrd: 'initrd', memoryBytes: 64 * MIB })).at,
    { kernel: 0x8000_0000, initrd: 0x8200_0000, 'device tree': 0x83e0_0000, 'reset vector': 0x1000 })
  const program = elf({ entry: 0x8000_1000n, segments: [{ va: 0x8000_0000n, pa: 0x8000_0000, bytes: new Uint8Array(0x2000) }] })
  const rom = (await plan({ bios: 'none', kernel: program })).images.at(-1)!.bytes
  assert.equal(new DataView(rom.buffer).getBigUint64(24, true), 0x8000_1000n)
})

test('a large kernel moves the initial RAM disk, a small RAM the device tree', async () => {
  const big = linuxImage({ sizeBytes: 40 * MIB })
  assert.equal((await layout({ kernel: big, initrd: 'initrd', memoryBytes: 64 * MIB })).at.initrd, 0x8020_0000 + 40 * MIB)
  const small = elf({ entry: 0x8000_0000n, segments: [{ va: 0x8000_0000n, pa: 0x8000_0000, bytes: new Uint8Array(64) }] })
  const { at } = await layout({ bios: 'none', kernel: small, memoryBytes: 64 * 1024 })
  assert.ok(at['device tree']! >= 0x8000_1000 && at['device tree']! < 0x8001_0000, `at 0x${at['device tree']!.toString(16)}`)
})

test('boot parameters are in the generated tree, and put into a given one', async () => {
  const generated = await plan({ kernel: 'Image', initrd: 'initrd', append: 'quiet' })
  const own = writeFdt(node('', { model: 'mine' }, [
    node('chosen', { bootargs: 'old', 'stdout-path': '/x' }), node('cpus', {}, [node('cpu@0', { reg: 0 })]),
  ]))
  for (const p of [generated, await plan({ kernel: 'Image', initrd: 'initrd', append: 'quiet', dtb: own })]) {
    const chosen = findNode(readFdt(p.images.find(i => i.name === 'device tree')!.bytes), '/chosen')!.props
    assert.deepEqual(stringsOf(chosen.bootargs!), ['quiet'])
    assert.deepEqual(cellsOf(chosen['linux,initrd-start']!), [0, 0x8420_0000])
    assert.deepEqual(cellsOf(chosen['linux,initrd-end']!), [0, 0x8430_0005])
    assert.equal(chosen['rng-seed']!.length, 32)
  }
  const patched = readFdt((await plan({ kernel: 'Image', dtb: own })).images.find(i => i.name === 'device tree')!.bytes)
  assert.deepEqual(stringsOf(findNode(patched, '/chosen')!.props.bootargs!), ['old'])
  assert.deepEqual(stringsOf(patched.props.model!), ['mine'])
  assert.ok(findNode(patched, '/cpus/cpu@0'))
})

test('seeds differ from plan to plan', async () => {
  const seeds = await Promise.all([1, 2].map(async () =>
    Buffer.from(findNode(readFdt((await plan({ kernel: 'Image' })).images.at(-1)!.bytes), '/chosen')!.props['rng-seed']!).toString('hex')))
  assert.notEqual(seeds[0], seeds[1])
})
