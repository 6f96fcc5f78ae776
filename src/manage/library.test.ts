import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Assembly, Catalogue } from '../vm/control.ts'
import type { MachineConfig } from '../vm/config.ts'
import { makeMachine } from './library.ts'
import { fakeMachine, fakeSerial, memoryHost } from './testing.ts'
import { settle } from './testpair.ts'

const catalogue: Catalogue = {
  arch: 'riscv64',
  maxCpus: 2,
  elsewhere: (what, name) => what === 'machine' && name === 'q35',
  netdevs: [{ name: 'null', description: 'nothing' }],
  machines: [{ name: 'virt', description: '' }],
  cpus: [],
  accels: [], traceEvents: [],
  devices: [],
}

async function bench(config: MachineConfig = { arch: 'riscv64' }) {
  const fake = fakeMachine({ powerButton: true, serial: fakeSerial('serial0', 'serial0') })
  let seen: MachineConfig | undefined
  const assembly: Assembly = {
    async createMachine(c) {
      seen = c
      return fake
    },
    dumpDeviceTree: async () => false, probeAccelerators: () => [],
    catalogue: () => catalogue,
  }
  const machine = await makeMachine(config, memoryHost(), assembly)
  return { fake, machine, seen: seen! }
}

test('life of a machine', async () => {
  const { fake, machine, seen } = await bench()
  assert.deepEqual(seen.serials, ['serial0'])
  assert.equal(machine.state, 'prelaunch')
  await machine.start()
  assert.equal(machine.state, 'running')
  await machine.pause()
  fake.memory[0x800] = 5
  const saved = await machine.snapshot()
  fake.memory[0x800] = 6
  await machine.restore(saved)
  assert.equal(fake.memory[0x800], 5)
  assert.equal(machine.state, 'paused')
  assert.match(await machine.monitor('info status'), /paused/)
  assert.equal(await machine.powerdown(), true)
  await machine.resume()
  await fake.quit('guest-shutdown', 4)
  assert.deepEqual(await machine.ended, { cause: 'guest-shutdown', exitCode: 4 })
  await machine.close()
  await machine.close()
  assert.equal(fake.calls.filter(c => c === 'close').length, 1)
})

test('the serial port: text, events, waiting for a pattern', async () => {
  const { fake, machine } = await bench()
  fake.serial.print('Linux version 6\nlogin')
  let got = ''
  const off = machine.serial.onData(b => { got += new TextDecoder().decode(b) })
  assert.equal(got, 'Linux version 6\nlogin')
  const login = machine.serial.until(/login: /), prompt = machine.serial.until('# ')
  fake.serial.print(': ')
  assert.equal(await login, 'Linux version 6\nlogin: ')
  await machine.serial.write('root\n')
  assert.equal(fake.serial.received, 'root\n')
  off()
  fake.serial.print('motd\n# ')
  assert.equal(await prompt, 'motd\n# ')
  assert.equal(got, 'Linux version 6\nlogin: ')

  fake.serial.room = 2
  let written = false
  const writing = machine.serial.write('abcd').then(() => { written = true })
  await settle()
  assert.equal(written, false)
  fake.serial.room = 10
  await writing
  assert.equal(fake.serial.received, 'root\nabcd')

  const never = machine.serial.until('never')
  await Promise.all([machine.close(), assert.rejects(never, /the machine has ended/)])
})

test('the serial port as web streams holds the guest back', async () => {
  const { fake, machine } = await bench()
  const reader = machine.serial.readable().getReader()
  fake.serial.print('one')
  fake.serial.print('two')
  const first = await reader.read()
  assert.equal(new TextDecoder().decode(first.value), 'one')
  assert.equal(new TextDecoder().decode((await reader.read()).value), 'two')
  const writer = machine.serial.writable().getWriter()
  await writer.write(new TextEncoder().encode('in'))
  assert.equal(fake.serial.received, 'in')
  await machine.close()
  assert.equal((await reader.read()).done, true)
})

test('mistakes are VmErrors that name the part of the configuration', async () => {
  await assert.rejects(bench({ arch: 'riscv64', machine: { type: 'vurt' } }), {
    code: 'machine.unknown',
    where: 'machine',
  })
  await assert.rejects(bench({ kernel: new Uint8Array(64) }), { code: 'loader.badImage', where: 'kernel' })
  await assert.rejects(
    bench({ arch: 'riscv64', serials: ['c'], chardevs: [{ id: 'c', backend: 'stdio' }] }),
    { code: 'host.unsupported', where: 'chardevs[0]' },
  )
})
