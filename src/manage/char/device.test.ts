import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeMachine, fakeSerial } from '../testing.ts'
import { hostWith, openOn, peer, settle } from '../testpair.ts'
import type { FrontEnd } from './device.ts'
import { connectGuest } from './guest.ts'

function listener(label: string): FrontEnd & { got: string; focused: boolean[] } {
  const me = {
    label,
    got: '',
    focused: [] as boolean[],
    data(b: Uint8Array) {
      me.got += new TextDecoder().decode(b)
    },
    focus(f: boolean) {
      me.focused.push(f)
    },
  }
  return me
}

test('mux: input goes to one, Ctrl-a c switches, Ctrl-a Ctrl-a is Ctrl-a', async () => {
  const p = peer(), a = listener('a'), b = listener('b')
  const device = await openOn(p, { mux: true })
  device.attach(a)
  device.attach(b)
  await settle()
  p.send('one\x01ctwo\x01cthree\x01\x01four')
  assert.equal(a.got, 'onethree\x01four')
  assert.equal(b.got, 'two')
  assert.deepEqual(a.focused, [true, false, true])
  assert.deepEqual(b.focused, [true, false])
  p.send('\x01')
  p.send('c!')
  assert.equal(b.got, 'two!')
})

test('mux: x ends the program, h explains, unknown keys do nothing', async () => {
  const p = peer(), quits: number[] = []
  const device = await openOn(p, { mux: true }, { quit: () => void quits.push(1) })
  device.attach(listener('a'))
  p.send('\x01h')
  assert.match(p.take(), /Ctrl-a x {7,}end the program/)
  p.send('\x01q\x01')
  assert.deepEqual(quits, [])
  p.send('x')
  assert.deepEqual(quits, [1])
})

test('without mux, Ctrl-a is a key like any other', async () => {
  const p = peer(), a = listener('a')
  const device = await openOn(p)
  device.attach(a)
  p.send('\x01c')
  assert.equal(a.got, '\x01c')
})

test('time stamps', async () => {
  const p = peer()
  const device = await openOn(p, { mux: true })
  const link = device.attach(listener('a'))
  p.send('\x01t')
  link.write(new TextEncoder().encode('a\nb'))
  assert.equal(p.take(), '[00:00:00.000] a\n[00:00:00.000] b')
})

test('the guest: output waits for a slow terminal, input for a slow guest', async () => {
  const p = peer(), serial = fakeSerial()
  const device = await openOn(p)
  connectGuest(serial, device)
  assert.equal(serial.connected, true)
  serial.print('hello ')
  assert.equal(p.take(), 'hello ')
  p.ready(false)
  serial.print('one ')
  serial.print('two ')
  assert.equal(p.take(), 'one ')
  assert.equal(new TextDecoder().decode(serial.take()), 'two ', 'the rest is still in the ring')
  serial.print('three')
  p.ready(true)
  assert.equal(p.take(), 'three')

  serial.room = 3
  p.send('abcdef')
  assert.equal(serial.received, 'abc')
  serial.room = 100
  assert.equal(serial.received, 'abcdef')
})

test('piped input is held back for a guest that does not read, a terminal never', async () => {
  for (const tty of [false, true]) {
    const p = peer(), serial = fakeSerial()
    const device = await openOn(p, { mux: true }, { tty })
    const guest = connectGuest(serial, device)
    serial.room = 0
    p.send('x'.repeat(600_000))
    assert.equal(p.held, !tty)
    assert.equal(guest.pendingInput, 600_000)
    p.send('y'.repeat(600_000)) // more than is kept
    assert.equal(guest.pendingInput, 600_000)
    serial.room = 600_000
    assert.equal(p.held, false)
    assert.equal(serial.received.length, 600_000)
  }
})

test('the end of input changes nothing; a closed stream swallows output', async () => {
  const p = peer(), serial = fakeSerial()
  const device = await openOn(p)
  connectGuest(serial, device)
  p.ready(false)
  serial.print('a')
  p.closeByPeer()
  serial.print('b')
  serial.print('c')
  assert.equal(serial.take().length, 0, 'the guest is not held up for ever')
})

test('a log file gets what the guest prints', async () => {
  const p = peer(), serial = fakeSerial(), host = hostWith(p)
  const device = await openOn(p, { properties: { logfile: 'serial.log' } }, { host })
  connectGuest(serial, device)
  serial.print('logged')
  assert.equal(new TextDecoder().decode(host.contents.get('serial.log')), 'logged')
})

test('a break goes to the guest; a device that knows none says so', async () => {
  const p = peer(), machine = fakeMachine()
  const device = await openOn(p, { mux: true })
  let breaks = 0
  connectGuest({ ...machine.serial, device: 'uart', sendBreak: () => void breaks++ }, device)
  connectGuest(machine.serial, device)
  p.send('\x01b')
  assert.equal(breaks, 1)
  assert.equal(p.take(), '')
  p.send('\x01c\x01b')
  assert.match(p.take(), /serial0 takes no break/)
})
