// Which accelerator runs a machine, and what is said about it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeHost } from '../host/node/host.ts'
import { chooseAccel } from './choose.ts'

const choose = (...accels: { name: string; properties?: { [name: string]: string } }[]) => chooseAccel({ accels }, nodeHost)

test('the first that works, and why not the ones before it', () => {
  assert.deepEqual(choose(), { threads: true })
  assert.deepEqual(choose({ name: 'kvm' }, { name: 'jit' }), { threads: true, reason: 'kvm: not implemented; using jit' })
  assert.deepEqual(choose({ name: 'tcg', properties: { thread: 'single' } }), { threads: false })
})

test('mistakes name the option', () => {
  const jit = (properties: { [name: string]: string }) => () => choose({ name: 'kvm' }, { name: 'jit', properties })
  assert.throws(() => choose({ name: 'kvm' }), { message: 'kvm: not implemented', where: 'accels[0]', hint: '-accel jit' })
  assert.throws(jit({ thread: 'some' }), { message: 'thread=some', where: 'accels[1]' })
  assert.throws(jit({ thred: 'multi' }),
    { message: "accelerator 'jit' has no property 'thred'", where: 'accels[1]', hint: "did you mean 'thread'?" })
  assert.throws(jit({ 'tb-size': '64' }), { message: 'not implemented: tb-size' })
})
