// Plans of the PC, and the line that each mistake in one has.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import type { MachineConfig } from '../config.ts'
import type { PcSpec } from './board.ts'
import { planMachine } from './plan.ts'
import { memoryHost } from './testing.ts'

const bios = new Uint8Array(0x1_0000)
const host = memoryHost({ structure: Uint8Array.of(13, 6, 0, 0, 0, 0, 0, 0), cut: Uint8Array.of(13, 6, 0, 0, 0, 0, 65, 0) })
const device = (driver: string, properties = {}, id?: string) => ({ driver, properties, ...(id !== undefined && { id }) })
const plan = async (config: MachineConfig) => {
  const p = await planMachine({ arch: 'x86_64', bios, noDefaults: true, ...config }, host)
  return { ...p, spec: p.spec as PcSpec }
}

const cases: readonly (readonly [config: MachineConfig, line: string])[] = [
  [{ devices: [device('isa-debug-exit', { iobase: 70000 })] }, 'devices[0]: iobase=70000 is no port; 0 to 0xffff'],
  [{ devices: [device('isa-debug-exit', { iosize: 9 })] }, 'devices[0]: iosize=9 is not 1 to 4'],
  [{ devices: [device('isa-debugcon', { bus: 'isa.1' })] }, `devices[0]: no bus 'isa.1'; isa.0`],
  [{ devices: [device('isa-debugcon', { port: 1 })] }, `devices[0]: device 'isa-debugcon' has no property 'port'; one of: chardev, iobase, readback`],
  [{ parallels: [null, null, null, 'c'] }, 'parallels[3]: this machine has at most 3 parallel ports'],
  [{ smbios: [{ file: 'cut' }] }, 'smbios[0]: its strings do not end at the end of the file; DSP0134, section 6.1: one structure with its strings'],
  [{ smbios: [{ file: 'structure' }, { type: 13, fields: {} }] }, 'smbios[1]: fields of type 13 and a structure of it'],
  [{ smbios: [{ type: 0, fields: { release: 'x' } }] }, 'smbios[0]: release=x is not MAJOR.MINOR'],
  [{ smbios: [{ type: 17, fields: { speed: 70000 } }] }, 'smbios[0]: speed=70000 is not 0 to 65535'],
  [{ fwCfg: [{ name: 'etc/e820', contents: new Uint8Array(1) }] }, `fwCfg[0]: there is an item 'etc/e820' already`],
  [{ boot: { order: 'q' } }, `boot: order=q: Invalid boot device 'q'; a floppy, c disk, d CD, n network`],
  [{ boot: { once: 'cc' } }, `boot: once=cc: Boot device 'c' was given twice; a floppy, c disk, d CD, n network`],
  [{ boot: { 'reboot-timeout': 70000 } }, 'boot: reboot-timeout=70000 is not a time; -1 to 65535 milliseconds'],
]
for (const [config, line] of cases)
  test(line, async () => {
    await assert.rejects(plan(config), (e: any) => {
      assert.equal(e.name, 'VmError', e.stack)
      assert.equal(`${e.where === undefined ? '' : `${e.where}: `}${e.message}${e.hint === undefined ? '' : `; ${e.hint}`}`, line)
      return true
    })
  })

test('ports with a back end: serial, parallel, the debug console', async () => {
  const p = await plan({ serials: ['s'], parallels: [null, 'p'], devices: [device('isa-debugcon', { iobase: 0x402, chardev: 'd' }, 'con')] })
  assert.deepEqual(p.serials, [
    { device: 'serial0', chardev: 's' }, { device: 'parallel0' }, { device: 'parallel1', chardev: 'p' }, { device: 'con', chardev: 'd' },
  ])
  assert.deepEqual(p.spec.isa, [{ driver: 'isa-debugcon', id: 'con', properties: { iobase: 0x402 } }])
})

test('the boot order, and what firmware is told of it', async () => {
  const p = await plan({ boot: { order: 'dc', once: 'n', menu: true, strict: true, 'reboot-timeout': 5000 } })
  assert.deepEqual([p.spec.bootOrder, p.spec.bootOnce], ['dc', 'n'])
  assert.deepEqual([...p.spec.fwCfgFiles['etc/boot-fail-wait']!], [0x88, 0x13, 0, 0])
})
