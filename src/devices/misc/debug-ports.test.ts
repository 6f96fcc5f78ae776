import { test } from 'node:test'
import assert from 'node:assert/strict'
import { bench } from '../../device/testing.ts'
import { isaDebugcon, isaDebugExit, postPort } from './debug-ports.ts'

const io = (at: number) => ({ space: 'io', at })
const b = bench({
  name: 'test',
  memory: [{ kind: 'space', name: 'io', sizeBytes: 0x1_0000, aborts: true, views: [] }],
  devices: [
    { device: isaDebugcon, id: 'con', at: { port: io(0xe9) } },
    { device: isaDebugExit, id: 'exit', at: { port: io(0x501) } },
    { device: postPort, id: 'post', at: { port: io(0x80) } },
  ],
})

test('the debug console prints and says that it is there', () => {
  b.system.chr('con').connect(true)
  for (const c of 'hi') b.system.io.write(0xe9, 1, c.charCodeAt(0))
  assert.equal(new TextDecoder().decode(b.system.chr('con').take()), 'hi')
  assert.equal(b.system.io.read(0xe9, 1), 0xe9)
})

test('the exit port ends the run with an odd status', () => {
  b.system.io.write(0x501, 1, 3)
  b.system.io.write(0x501, 2, 0x10)
  assert.deepEqual(b.requests, [{ kind: 'shutdown', exitCode: 7 }, { kind: 'shutdown', exitCode: 0x21 }])
})

test('self test codes are kept for whoever looks', () => {
  b.system.io.write(0x80, 1, 0x42)
  assert.equal(b.system.instance('post').state.code, 0x42)
  assert.equal(b.system.io.read(0x80, 1), 0xff)
})
