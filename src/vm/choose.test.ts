// Which accelerator runs a machine, and what is said about it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeHost } from '../host/node/host.ts'
import { ALL_PASSES, passesText } from '../ir/opt/passes.ts'
import { Request } from '../accel/kvm/abi.ts'
import type { KvmArch } from '../accel/kvm/arch.ts'
import { probeKvm } from '../accel/kvm/probe.ts'
import type { Host, HostNative } from '../host/host.ts'
import { chooseAccel, probeAccelerators } from './choose.ts'

const choose = (...accels: { name: string; properties?: { [name: string]: string } }[]) => chooseAccel({ accels }, nodeHost, 'riscv64')

test('the first that works, and why not the ones before it', () => {
  const passes = ALL_PASSES
  const plain = { threads: true, passes, oneInsn: false, compiledSteps: false }
  assert.deepEqual(choose(), { ...plain, reason: 'kvm: no processor of a host runs guests of this architecture; using jit', tell: false })
  const without = 'kvm: no processor of a host runs guests of this architecture'
  assert.deepEqual(choose({ name: 'kvm' }, { name: 'jit' }), { ...plain, reason: `${without}; using jit`, tell: true })
  assert.deepEqual(choose({ name: 'hvf' }, { name: 'jit' }), { ...plain, reason: 'hvf: not implemented; using jit', tell: true })
  assert.deepEqual(choose({ name: 'tcg', properties: { thread: 'single' } }), { ...plain, threads: false })
  assert.deepEqual(choose({ name: 'jit', properties: { 'one-insn-per-tb': 'on', thread: 'single', 'x-step': 'compiled' } }),
    { threads: false, passes, oneInsn: true, compiledSteps: true })
})

test('passes of the optimiser', () => {
  const chosen = (opt: string) => passesText(choose({ name: 'jit', properties: { opt } }).passes)
  assert.deepEqual(['all', 'none', 'dead', 'dead+fold'].map(chosen), ['fold+dead+group', 'none', 'dead', 'fold+dead'])
  assert.throws(() => chosen('fold+dread'), { code: 'device.badProperty', where: 'accels[0]', message: "opt: no pass 'dread'" })
})

test('mistakes name the option', () => {
  const jit = (properties: { [name: string]: string }) => () => choose({ name: 'kvm' }, { name: 'jit', properties })
  assert.throws(() => choose({ name: 'kvm' }), { message: 'kvm: no processor of a host runs guests of this architecture', where: 'accels[0]', hint: '-accel jit' })
  assert.throws(jit({ thread: 'some' }), { message: 'thread=some', where: 'accels[1]' })
  assert.throws(jit({ thred: 'multi' }),
    { message: "accelerator 'jit' has no property 'thred'", where: 'accels[1]', hint: "did you mean 'thread'?" })
  assert.throws(jit({ 'one-insn-per-tb': '2' }), { message: 'one-insn-per-tb=2 is not on or off', where: 'accels[1]' })
  assert.throws(jit({ 'x-step': 'compiled' }), { message: 'x-step=compiled', hint: 'thread=single,x-step=compiled' })
  assert.throws(jit({ 'tb-size': '64' }), { message: 'not implemented: tb-size' })
})

// KVM, on hosts that are made up: what each says, and whether it is told unasked.

const DEVICE = 7
/** A host whose kernel has every capability, but as `o` says. */
function madeUp(o: {
  missing?: 'system' | 'package'; processor?: string; access?: { mayOpen: boolean; group?: string } | null; version?: number; lacks?: number
}): Host {
  const native: Partial<HostNative> = {
    processor: o.processor ?? 'x64', access: () => (o.access === null ? undefined : o.access ?? { mayOpen: true }), open: () => DEVICE, close: () => 0,
    ioctl: (fd, request, argument) => {
      assert.equal(fd, DEVICE)
      if (request === Request.GET_API_VERSION) return o.version ?? 12
      if (request === Request.CHECK_EXTENSION) return argument === o.lacks ? 0 : 1
      return -16 // a machine: another hypervisor has the processor
    },
    errorName: () => 'EBUSY',
  }
  return { ...nodeHost, native: () => (o.missing ? { missing: o.missing, reason: 'it is not there' } : native as HostNative) }
}

test('why there is no KVM: typed, in words, with what helps; told unasked where the user can do something', () => {
  const cases: [Parameters<typeof madeUp>[0], { obstacle: string; reason: string; hint?: string; tell: boolean }][] = [
    [{ missing: 'system' }, { obstacle: 'system', reason: 'it is not there', tell: false }],
    [{ missing: 'package' }, { obstacle: 'package', reason: 'it is not there', hint: 'npm install koffi', tell: false }],
    [{ processor: 'arm64' }, { obstacle: 'processor', reason: "this host's processor (arm64) does not run guests of this architecture", tell: false }],
    [{ access: null }, { obstacle: 'device', reason: 'there is no /dev/kvm',
      hint: 'the kernel module kvm_intel or kvm_amd makes it, where firmware lets the processor virtualize', tell: false }],
    [{ access: { mayOpen: false, group: 'kvm' } },
      { obstacle: 'permission', reason: '/dev/kvm: permission denied', hint: 'members of the group kvm may use it', tell: true }],
    [{ access: { mayOpen: false } }, { obstacle: 'permission', reason: '/dev/kvm: permission denied', hint: 'nobody but root may use it', tell: true }],
    [{ version: 11 }, { obstacle: 'old', reason: 'version 11 of its interface, not 12', tell: true }],
    [{ lacks: 136 }, { obstacle: 'old', reason: 'the kernel lacks immediate exit (Linux 4.12)', tell: true }],
    [{ lacks: 189 }, { obstacle: 'old', reason: 'the kernel lacks a filter of model-specific registers (Linux 5.10)', tell: true }],
    [{}, { obstacle: 'busy', reason: 'a machine: EBUSY', hint: 'another hypervisor uses the processor', tell: true }],
  ]
  for (const [host, { tell, ...status }] of cases) {
    const made = madeUp(host)
    assert.deepEqual(probeAccelerators('x86_64', made), [{ name: 'kvm', usable: false, ...status }, { name: 'jit', usable: true }])
    const choice = chooseAccel({}, made, 'x86_64')
    assert.equal(choice.kvm, undefined)
    assert.deepEqual([choice.reason, choice.tell], [`kvm: ${status.reason}; using jit`, tell])
    assert.throws(() => chooseAccel({ accels: [{ name: 'kvm' }] }, made, 'x86_64'),
      { code: 'accel.unavailable', message: `kvm: ${status.reason}`, hint: status.hint ?? '-accel jit' })
  }
})

test('properties of kvm', () => {
  const kvm = (properties: { [name: string]: string }) => () => choose({ name: 'kvm', properties }, { name: 'jit' })
  assert.doesNotThrow(kvm({ 'kernel-irqchip': 'off' }))
  assert.throws(kvm({ 'kernel-irqchip': 'on' }), { message: 'not implemented: kernel-irqchip=on', where: 'accels[0]', hint: 'kernel-irqchip=off' })
  assert.throws(kvm({ 'kernel-irqchip': 'maybe' }), { message: 'kernel-irqchip=maybe' })
  assert.throws(kvm({ 'kernel-irqchp': 'off' }), { message: "accelerator 'kvm' has no property 'kernel-irqchp'", hint: "did you mean 'kernel-irqchip'?" })
  assert.throws(kvm({ 'dirty-ring-size': '64' }), { message: 'not implemented: dirty-ring-size' })
})

test('a KVM that emulates instructions is taken where it is asked for, and told of; a fast one by itself', () => {
  const arch = (nsPerInsn: number): KvmArch =>
    ({ host: 'x64', needs: [], breakpoints: 0, canWatch: () => false, prepare() {}, measure: () => ({ nsPerInsn }) })
  assert.deepEqual(probeKvm(madeUp({}), arch(0.4)).status, { name: 'kvm', usable: true })
  assert.deepEqual(probeKvm(madeUp({}), arch(8)).status, { name: 'kvm', usable: true }, 'under an emulator')
  assert.deepEqual(probeKvm(madeUp({}), arch(780)).status,
    { name: 'kvm', usable: true, obstacle: 'slow', reason: 'the kernel emulates instructions here (780 ns for an instruction)' })
  assert.equal(probeKvm(madeUp({}), arch(Infinity)).status.reason, 'the kernel emulates instructions here (it does not run a loop)')
})
