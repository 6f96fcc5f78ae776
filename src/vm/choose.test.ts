// Which accelerator runs a machine, and what is said about it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeHost } from '../host/node/host.ts'
import { ALL_PASSES, passesText } from '../ir/opt/passes.ts'
import { chooseAccel } from './choose.ts'

const choose = (...accels: { name: string; properties?: { [name: string]: string } }[]) => chooseAccel({ accels }, nodeHost)

test('the first that works, and why not the ones before it', () => {
  const passes = ALL_PASSES
  const plain = { threads: true, passes, oneInsn: false, compiledSteps: false }
  assert.deepEqual(choose(), plain)
  assert.deepEqual(choose({ name: 'kvm' }, { name: 'jit' }), { ...plain, reason: 'kvm: not implemented; using jit' })
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
  assert.throws(() => choose({ name: 'kvm' }), { message: 'kvm: not implemented', where: 'accels[0]', hint: '-accel jit' })
  assert.throws(jit({ thread: 'some' }), { message: 'thread=some', where: 'accels[1]' })
  assert.throws(jit({ thred: 'multi' }),
    { message: "accelerator 'jit' has no property 'thred'", where: 'accels[1]', hint: "did you mean 'thread'?" })
  assert.throws(jit({ 'one-insn-per-tb': '2' }), { message: 'one-insn-per-tb=2 is not on or off', where: 'accels[1]' })
  assert.throws(jit({ 'x-step': 'compiled' }), { message: 'x-step=compiled', hint: 'thread=single,x-step=compiled' })
  assert.throws(jit({ 'tb-size': '64' }), { message: 'not implemented: tb-size' })
})
