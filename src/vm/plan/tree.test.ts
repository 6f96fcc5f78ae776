// The device tree of a plan against the one that QEMU makes of the same options.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cellsOf, readFdt, type RawNode } from '../../machines/fdt/fdt.ts'
import type { MachineConfig } from '../config.ts'
import { planMachine } from './plan.ts'
import { linuxImage, memoryHost } from './testing.ts'

const MIB = 2 ** 20
const dir = mkdtempSync(join(tmpdir(), 'plan-'))
process.on('exit', () => rmSync(dir, { recursive: true }))
const image = linuxImage({ fileBytes: 3 * MIB }), initrd = new Uint8Array(70_001)
const kernel = join(dir, 'Image'), ramdisk = join(dir, 'initrd')
writeFileSync(kernel, image)
writeFileSync(ramdisk, initrd)
const host = memoryHost({ [kernel]: image, [ramdisk]: initrd })

/** Where the trees are meant to differ, and why. */
const EXPLAINED: readonly (readonly [path: RegExp, why: string])[] = [
  [/^\/(pmu|platform-bus@4000000|flash@20000000)$/, 'not modelled'],
  [/^\/cpus\/cpu@\d+ riscv,isa(-base|-extensions)?$/, 'another processor, newer bindings'],
  [/^\/chosen rng-seed$/, 'random'],
  [/^\/soc\/plic@c000000 riscv,ndev$/, '96 counts source 0, which does not exist'],
]

const cases: readonly (readonly [config: MachineConfig, options: readonly string[]])[] = [
  [{}, []],
  [{ smp: { cpus: 4 }, memoryBytes: 300 * MIB, kernel, append: 'console=ttyS0 quiet' },
    ['-smp', '4', '-m', '300', '-kernel', kernel, '-append', 'console=ttyS0 quiet']],
  [{ memoryBytes: 2048 * MIB, kernel, initrd: ramdisk, append: 'x' }, ['-m', '2G', '-kernel', kernel, '-initrd', ramdisk, '-append', 'x']],
  [{ bios: 'none', memoryBytes: 64 * MIB, kernel, initrd: ramdisk }, ['-bios', 'none', '-m', '64', '-kernel', kernel, '-initrd', ramdisk]],
]

for (const [config, options] of cases)
  test(`as QEMU's: ${options.filter(o => !o.startsWith(dir)).join(' ') || 'no options'}`, async t => {
    const file = join(dir, 'virt.dtb')
    try {
      execFileSync('qemu-system-riscv64', ['-M', `virt,dumpdtb=${file}`, '-display', 'none', ...options], { stdio: 'pipe' })
    } catch (e) {
      if ((e as NodeJS.ErrnoException).code === 'ENOENT') return t.skip('qemu-system-riscv64 is not installed')
      throw e
    }
    const plan = await planMachine({ arch: 'riscv64', ...config, machine: { type: 'virt', properties: { dumpdtb: 'x' } } }, host)
    const ours = flat(readFdt(plan.dumpDtb!.bytes)), theirs = flat(readFdt(readFileSync(file)))
    const differences = [...new Set([...ours.keys(), ...theirs.keys()])].filter(key =>
      ours.get(key) !== theirs.get(key) && !EXPLAINED.some(([path]) => path.test(key) || path.test(`${key.split(' ')[0]}`)))
    assert.deepEqual(differences.map(key => `${key}: ${ours.get(key)}, QEMU ${theirs.get(key)}`), [])
  })

/** Where a property's cells hold phandles: every `step`th from `first`. */
const PHANDLES: { readonly [property: string]: readonly [first: number, step: number] } = {
  'interrupt-parent': [0, 1], regmap: [0, 1], cpu: [0, 1], 'interrupts-extended': [0, 2], 'interrupt-map': [4, 6],
}

/** Properties by `path name`; phandles, whose numbers mean nothing, as the paths that they stand for. */
function flat(root: RawNode): Map<string, string> {
  const paths = new Map<number, string>(), out = new Map<string, string>()
  const walk = (path: string, n: RawNode, visit: (path: string, n: RawNode) => void) => {
    visit(path || '/', n)
    for (const c of n.children) walk(`${path}/${c.name}`, c, visit)
  }
  walk('', root, (path, n) => { if (n.props.phandle) paths.set(cellsOf(n.props.phandle)[0]!, path) })
  walk('', root, (path, n) => {
    for (const [name, value] of Object.entries(n.props)) {
      const where = PHANDLES[name]
      if (name === 'phandle') continue
      out.set(`${path} ${name}`, where ? cellsOf(value).map((c, i) => (i % where[1] === where[0] ? paths.get(c) : c)).join(' ')
        : /^linux,initrd-/.test(name) ? String(cellsOf(value).at(-1)) // one cell or two
        : Buffer.from(value).toString('hex'))
    }
  })
  return out
}
