import { test } from 'node:test'
import assert from 'node:assert/strict'
import { qemuMissing } from './qemu.ts'
import { compareScreens, screens } from './screens.ts'
import { portOut } from './script.ts'

const missing = (await qemuMissing('qemu-system-x86_64')) && 'qemu-system-x86_64 is not installed'

test('every mode\'s picture is QEMU\'s, pixel by pixel', { skip: missing }, async () => {
  const compared = await compareScreens(screens, 7)
  assert.equal(compared.length, screens.length)
  assert.deepEqual(compared.filter(c => c.difference).map(c => `${c.name}: ${c.difference}`), [])
})

test('a wrong colour is noticed', { skip: missing }, async () => {
  const text = screens[0]!, changed = { ...text, ops: [...text.ops, portOut(0x3c8, 7), ...[1, 2, 3].map(v => portOut(0x3c9, v))] }
  const [compared] = await compareScreens([{ ...changed, skipOurs: 4 }], 7)
  assert.match(compared!.difference ?? '', /pixels differ/)
})
