import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fault, importsOf } from './check-layers.ts'

const ALLOWED: readonly (readonly [file: string, specifier: string])[] = [
  ['base/log.ts', './errors.ts'],
  ['state/bind.ts', '../base/errors.ts'],
  ['isa/riscv/cpu.ts', '../isa.ts'],
  ['isa/riscv/opt/fold.ts', '../cpu.ts'],
  ['accel/jit/run.ts', '../accel.ts'],
  ['accel/jit/tier0/records.ts', '../tier1/region.ts'],
  ['accel/jit/run.ts', '../../host/host.ts'],
  ['accel/direct/run.ts', '../jit/run.ts'],
  ['machines/virt.ts', '../accel/accel.ts'],
  ['devices/char/ns16550.ts', '../../device/define.ts'],
  ['devices/char/ns16550.test.ts', 'node:test'],
  ['devices/char/ns16550.test.ts', '../../../test/diff/qtest.ts'],
  ['manage/gdb/gdb.test.ts', '../../host/node/host.ts'],
  ['host/node/host.ts', 'node:fs'],
  ['host/node/host.ts', '../host.ts'],
  ['host/node/kvm.ts', 'koffi'],
  ['manage/cli/main.ts', '../../host/node/host.ts'],
  ['manage/cli/main.ts', './options.ts'],
  ['vm/machine.ts', '../accel/jit/run.ts'],
  ['node.ts', './host/node/host.ts'],
]

const REFUSED: readonly (readonly [file: string, specifier: string])[] = [
  ['base/log.ts', '../state/bind.ts'],
  ['base/log.ts', 'node:fs'],
  ['isa/riscv/cpu.ts', '../x86/cpu.ts'],
  ['isa/riscv/cpu.ts', '../../wasm/encode.ts'],
  ['accel/jit/run.ts', '../kvm/run.ts'],
  ['accel/jit/run.ts', '../direct/run.ts'],
  ['accel/jit/run.ts', '../../host/node/host.ts'],
  ['accel/jit/run.ts', '../../devices/char/ns16550.ts'],
  ['devices/char/ns16550.ts', '../../accel/accel.ts'],
  ['devices/char/ns16550.ts', '../../isa/isa.ts'],
  ['devices/char/ns16550.ts', '../../host/host.ts'],
  ['devices/char/ns16550.ts', '../../../test/helper.ts'],
  ['machines/virt.ts', '../accel/jit/run.ts'],
  ['manage/cli/options.ts', '../../host/node/host.ts'],
  ['manage/qmp/server.ts', 'node:net'],
  ['host/host.ts', './node/host.ts'],
  ['host/browser/host.ts', '../node/host.ts'],
  ['elsewhere/file.ts', './other.ts'],
]

for (const [file, specifier] of ALLOWED) {
  test(`${file} may import ${specifier}`, () => assert.equal(fault(file, specifier), undefined))
}
for (const [file, specifier] of REFUSED) {
  test(`${file} may not import ${specifier}`, () => assert.ok(fault(file, specifier)?.startsWith(`${file}: `)))
}

test('every way of importing is seen', () => {
  assert.deepEqual(importsOf(`import a from './a.ts'
import type { B,
  C } from './b.ts'
import './c.ts'
export * from './d.ts'
const e = await import('./e.ts')
new Worker(new URL('./f.ts', import.meta.url))
const text = "from './no.ts'"
`), ['./a.ts', './b.ts', './c.ts', './d.ts', './e.ts', './f.ts'])
})
