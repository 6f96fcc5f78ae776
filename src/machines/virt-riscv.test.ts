import { test } from 'node:test'
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bench } from '../device/testing.ts'
import { cellsOf, findNode, readFdt, stringsOf, type RawNode } from './fdt/fdt.ts'
import { virtFdt } from './virt-riscv-fdt.ts'
import { VIRT, virtBoard } from './virt-riscv.ts'

const EXTENSIONS = ['i', 'm', 'a', 'f', 'd', 'c', 'zicntr', 'zicsr', 'zifencei', 'zba', 'zbb', 'zbs', 'sstc']

test('the board assembles, and interrupts reach the harts through the PLIC', () => {
  const b = bench(virtBoard({ harts: 2, ramBytes: 1 << 20, ramHostOffset: 0 })), m = b.system.memory
  m.write(VIRT.PLIC + 4 * 10, 4, 1)
  m.write(VIRT.PLIC + 0x2000 + 0x80 * 3, 4, 1 << 10) // context 3: hart 1, supervisor
  m.write(VIRT.UART + 1, 1, 2)
  assert.deepEqual([b.lines['1.seip'], b.lines['0.seip'], b.lines['1.meip']], [true, false, false])
  assert.equal(m.read(VIRT.PLIC + 0x203004, 4), 10)
  assert.equal(m.ramAt(VIRT.DRAM), 0)
  for (let slot = 0; slot < 8; slot++) assert.equal(m.read(VIRT.VIRTIO + slot * 0x1000, 4), 0x74726976)
  assert.equal(m.read(VIRT.PCI_ECAM, 4), 0x00081b36)
  assert.equal(m.read(VIRT.PCI_MMIO, 4), 0xffffffff)
})

const blob = virtFdt({
  harts: 2, ramBytes: 256 << 20, extensions: EXTENSIONS, mmuType: 'riscv,sv48',
  bootargs: 'console=ttyS0', initrd: { start: 0x8800_0000, end: 0x8900_0000 }, rngSeed: new Uint8Array(32),
})

test('the tree carries the boot parameters', () => {
  const chosen = findNode(readFdt(blob), '/chosen')!.props
  assert.deepEqual(stringsOf(chosen.bootargs!), ['console=ttyS0'])
  assert.deepEqual(cellsOf(chosen['linux,initrd-end']!), [0, 0x8900_0000])
})

/** Node or property paths where the tree is meant to differ, and why. */
const EXPLAINED: { readonly [path: string]: string } = {
  '/pmu': 'no performance counters behind SBI',
  '/flash@20000000': 'only with a firmware image, and then as ROM',
  '/platform-bus@4000000': 'no user-created platform devices',
  '/chosen rng-seed': 'random',
  '/chosen bootargs': 'given in one case only',
  '/chosen linux,initrd-start': 'given in one case only',
  '/chosen linux,initrd-end': 'given in one case only',
  '/cpus/cpu@0 riscv,isa': 'another processor', '/cpus/cpu@1 riscv,isa': 'another processor',
  '/cpus/cpu@0 riscv,isa-base': 'newer binding', '/cpus/cpu@1 riscv,isa-base': 'newer binding',
  '/cpus/cpu@0 riscv,isa-extensions': 'newer binding', '/cpus/cpu@1 riscv,isa-extensions': 'newer binding',
  '/soc/plic@c000000 riscv,ndev': '96 counts source 0, which does not exist',
}

test('it is the tree that QEMU makes', t => {
  const dir = mkdtempSync(join(tmpdir(), 'dtb-'))
  try {
    const file = join(dir, 'virt.dtb')
    try {
      execFileSync(
        'qemu-system-riscv64',
        ['-M', `virt,dumpdtb=${file}`, '-m', '256', '-smp', '2', '-display', 'none'],
        { stdio: 'pipe' },
      )
    } catch (e) {
      if ((e as NodeJS.ErrnoException).code === 'ENOENT')
        return t.skip('qemu-system-riscv64 is not installed')
      throw e
    }
    assert.deepEqual(differences(readFdt(blob), readFdt(readFileSync(file))), [])
  } finally {
    rmSync(dir, { recursive: true })
  }
})

function differences(ours: RawNode, theirs: RawNode): string[] {
  const names = [phandles(ours), phandles(theirs)], out: string[] = []
  const walk = (path: string, a: RawNode, b: RawNode) => {
    for (const p of new Set([...Object.keys(a.props), ...Object.keys(b.props)])) {
      if (p === 'phandle' || `${path} ${p}` in EXPLAINED) continue
      const x = a.props[p] && readable(p, a.props[p], names[0]!),
        y = b.props[p] && readable(p, b.props[p], names[1]!)
      if (x !== y) out.push(`${path} ${p}: ${x} but QEMU ${y}`)
    }
    for (const name of new Set([...a.children, ...b.children].map(c => c.name))) {
      const at = `${path === '/' ? '' : path}/${name}`
      if (at in EXPLAINED) continue
      const x = a.children.find(c => c.name === name), y = b.children.find(c => c.name === name)
      if (x && y) walk(at, x, y)
      else out.push(`${at}: ${x ? 'only ours' : 'only in QEMU'}`)
    }
  }
  walk('/', ours, theirs)
  return out
}

/** Paths by phandle: the numbers themselves mean nothing. */
function phandles(root: RawNode): Map<number, string> {
  const found = new Map<number, string>()
  const walk = (path: string, n: RawNode) => {
    if (n.props.phandle) found.set(cellsOf(n.props.phandle)[0]!, path)
    for (const c of n.children) walk(`${path}/${c.name}`, c)
  }
  walk('', root)
  return found
}

/** Where a property's cells hold phandles: every `step`th from `first`. */
const PHANDLE_CELLS: { readonly [property: string]: readonly [first: number, step: number] } = {
  'interrupt-parent': [0, 1],
  regmap: [0, 1],
  cpu: [0, 1],
  'interrupts-extended': [0, 2],
  'interrupt-map': [4, 6],
}
function readable(property: string, value: Uint8Array, names: Map<number, string>): string {
  const where = PHANDLE_CELLS[property]
  if (!where) return Buffer.from(value).toString('hex')
  return cellsOf(value).map((c, i) => (i % where[1] === where[0] ? names.get(c) : c)).join(' ')
}
