import { test } from 'node:test'
import assert from 'node:assert/strict'
import type { TextScreen } from '../../vm/control.ts'
import type { CharDevice, FrontEnd } from '../char/device.ts'
import { fakeMachine } from '../testing.ts'
import { openTextDisplay } from './terminal.ts'

const colors = new Uint32Array(16)
const screen = (text: string): TextScreen => ({
  columns: text.length, rows: 1, characters: new TextEncoder().encode(text), attributes: new Uint8Array(text.length).fill(7), colors, blinks: false,
})
const settle = (ms = 120) => new Promise(resolve => setTimeout(resolve, ms))

function bench() {
  const fake = fakeMachine(), out: string[] = []
  let text: TextScreen | undefined = screen('ab'), user: FrontEnd | undefined
  const machine = { ...fake, screens: [{ ...fake.screens[0]!, text: () => text }] }
  const device = {
    attach(front: FrontEnd) {
      user = front
      return { write: (bytes: Uint8Array) => (out.push(new TextDecoder().decode(bytes)), true), hold() {}, connected: true, detach() {} }
    },
  } as unknown as CharDevice
  const display = openTextDisplay(device, machine)
  return {
    display, calls: fake.calls, take: () => out.splice(0).join(''), show(now: TextScreen | undefined) { text = now },
    user: user!, type: (keys: string) => user!.data(new TextEncoder().encode(keys)),
  }
}

test('shows the screen while it has the focus, and only what changed', async () => {
  const b = bench()
  await settle()
  assert.equal(b.take(), '')
  b.user.focus!(true)
  await settle()
  assert.match(b.take(), /\x1b\[2J.*ab/)
  b.show(screen('aX'))
  await settle()
  assert.match(b.take(), /^\x1b\[\?25l\x1b\[1;2H[^a]*X\x1b\[0m$/)
  b.show(undefined)
  await settle()
  assert.match(b.take(), /2 x 2 graphics mode/)
  await settle()
  assert.equal(b.take(), '', 'once')
  b.user.focus!(false)
  b.show(screen('cd'))
  await settle()
  assert.equal(b.take(), '')
  b.user.focus!(true)
  await settle()
  assert.match(b.take(), /cd/)
  b.display.close()
  assert.match(b.take(), /\x1b\[\?25h/)
})

test('keys go to the guest one by one; the first after a line of the terminal\'s own brings the screen back', async () => {
  const b = bench()
  b.user.focus!(true)
  b.type('a\x1b[3;5~')
  await settle()
  assert.deepEqual(b.calls, ['+a', '-a', '+ctrl', '+delete', '-delete', '-ctrl'])
  b.calls.splice(0)
  b.take()
  b.user.spoke!()
  await settle()
  assert.equal(b.take(), '', 'it stays to be read')
  b.type('q')
  await settle()
  assert.match(b.take(), /\x1b\[2J/)
  assert.deepEqual(b.calls, [])
  b.display.close()
})
