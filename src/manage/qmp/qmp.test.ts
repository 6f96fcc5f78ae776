import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeMachine, memoryHost } from '../testing.ts'
import { openOn, peer, settle } from '../testpair.ts'
import { jsonStream } from './json.ts'
import { openQmp } from './qmp.ts'

async function bench() {
  const p = peer(), machine = fakeMachine({ cpus: 2, powerButton: true }), quits: string[] = []
  const device = await openOn(p)
  openQmp(
    device,
    {
      machine,
      host: memoryHost(),
      chars: [device],
      quit: c => void quits.push(c),
      gdbServer: async w => w,
      setLogFile: async () => {},
    },
    false,
    () => 1234.5,
  )
  await settle()
  const take = () => p.take().split('\r\n').filter(Boolean).map(line => JSON.parse(line))
  return { p, machine, quits, take, async ask(...requests: unknown[]) {
    p.send(requests.map(r => JSON.stringify(r)).join(''))
    await settle()
    return take()
  } }
}

test('JSON values out of pieces', () => {
  const got: string[] = [],
    stream = jsonStream()
  const feed = (text: string) =>
    stream.feed(
      new TextEncoder().encode(text),
      v => got.push(v),
      e => got.push(`! ${e}`),
    )
  feed('{"a":"}\\"{"}{"b')
  feed('":[1,{}]}\n\n[2] x y\n{"c":1}')
  assert.deepEqual(got, [
    '{"a":"}\\"{"}',
    '{"b":[1,{}]}',
    '[2]',
    "! 'x' is not the start of a command",
    '{"c":1}',
  ])
})

test('JSON: characters cut in two, garbage, too deep, too long', () => {
  const got: string[] = [], stream = jsonStream(), encoder = new TextEncoder()
  const feed = (bytes: Uint8Array) => stream.feed(bytes, v => got.push(v), e => got.push(`! ${e}`))
  const take = () => got.splice(0)
  for (const byte of encoder.encode('{"a":"é☺"}')) feed(Uint8Array.of(byte))
  assert.deepEqual(take(), ['{"a":"é☺"}'])
  feed(Uint8Array.of(0xff, 0x78))
  feed(encoder.encode('{}}]'))
  assert.deepEqual(take(), ["! '\ufffd' is not the start of a command", '{}', "! stray '}'", "! stray ']'"])
  feed(encoder.encode(`${'['.repeat(1024)}${']'.repeat(1024)}`))
  assert.equal(take()[0]!.length, 2048)
  feed(encoder.encode('['.repeat(5000)))
  feed(encoder.encode(`${']'.repeat(5000)}\n{"b":1}`))
  assert.deepEqual(take(), ['! more than 1024 levels within one another', '{"b":1}'])
  const piece = new Uint8Array(1 << 20).fill(0x61)
  feed(encoder.encode('{"c":"'))
  for (let n = 0; n < 65; n++) feed(piece)
  feed(encoder.encode('"}\n{"d":1}'))
  assert.deepEqual(take(), ['! a command is too long', '{"d":1}'])
})

test('greeting, negotiation, a command, its id', async () => {
  const { ask, take } = await bench()
  const [greeting] = take()
  assert.deepEqual(greeting.QMP.capabilities, [])
  assert.equal(typeof greeting.QMP.version.qemu.major, 'number')
  assert.equal((await ask({ execute: 'query-status' }))[0].error.class, 'CommandNotFound')
  assert.deepEqual(await ask({ execute: 'qmp_capabilities', id: 7 }), [{ return: {}, id: 7 }])
  assert.equal((await ask({ execute: 'qmp_capabilities' }))[0].error.class, 'CommandNotFound')
  assert.deepEqual(await ask({ execute: 'query-status', id: { a: 1 } }), [
    { return: { running: false, status: 'prelaunch' }, id: { a: 1 } },
  ])
})

test('events, in order with answers', async () => {
  const { ask, machine, take } = await bench()
  await machine.reset()
  await settle()
  assert.equal(take().length, 1, 'no events before negotiation')
  await ask({ execute: 'qmp_capabilities' })
  const timestamp = { seconds: 1, microseconds: 234500 }
  assert.deepEqual(await ask({ execute: 'cont' }), [{ timestamp, event: 'RESUME' }, { return: {} }])
  assert.deepEqual(await ask({ execute: 'stop' }, { execute: 'query-status' }), [
    { timestamp, event: 'STOP' }, { return: {} }, { return: { running: false, status: 'paused' } },
  ])
  assert.deepEqual(await ask({ execute: 'system_reset' }), [
    { timestamp, event: 'RESET', data: { guest: false, reason: 'host-qmp-system-reset' } },
    { return: {} },
  ])
  assert.deepEqual(await ask({ execute: 'system_powerdown' }), [
    { timestamp, event: 'POWERDOWN' },
    { return: {} },
  ])
  await machine.quit('guest-shutdown')
  assert.deepEqual(take(), [
    { timestamp, event: 'SHUTDOWN', data: { guest: true, reason: 'guest-shutdown' } },
  ])
})

test('queries', async () => {
  const { ask, take } = await bench()
  take()
  await ask({ execute: 'qmp_capabilities' })
  const query = async (execute: string) => (await ask({ execute }))[0].return
  assert.deepEqual((await query('query-cpus-fast')).map((c: any) => c['cpu-index']), [0, 1])
  assert.deepEqual(await query('query-name'), { name: 'test guest' })
  assert.match((await query('query-uuid')).UUID, /^0{8}-/)
  assert.deepEqual(await query('query-kvm'), { enabled: false, present: false })
  assert.equal((await query('query-block'))[0].inserted.image['virtual-size'], 1 << 30)
  assert.deepEqual(await query('query-chardev'), [
    { label: 'serial0', filename: 'test', 'frontend-open': true },
  ])
  assert.equal((await query('query-machines'))[0].name, 'virt')
  assert.deepEqual(
    (await query('query-events')).map((e: any) => e.name),
    ['SHUTDOWN', 'RESET', 'STOP', 'RESUME', 'POWERDOWN', 'DEVICE_TRAY_MOVED'],
  )
  const names = (await query('query-commands')).map((c: any) => c.name)
  for (const name of names) if (name.startsWith('query-')) assert.ok(await query(name), name)
  assert.equal(new Set(names).size, names.length)
  assert.match(
    (
      await ask({ execute: 'human-monitor-command', arguments: { 'command-line': 'p $a0', 'cpu-index': 1 } })
    )[0].return,
    /0x1/,
  )
})

test('trace events', async () => {
  const { ask, take } = await bench()
  take()
  await ask({ execute: 'qmp_capabilities' })
  const say = async (execute: string, args: object) => (await ask({ execute, arguments: args }))[0]
  const uart = (state: string) => ({ return: [{ name: 'uart_read', state, vcpu: false }] })
  assert.deepEqual(await say('trace-event-get-state', { name: 'uart*' }), uart('disabled'))
  assert.deepEqual(await say('trace-event-set-state', { name: 'uart_*', enable: true }), { return: {} })
  assert.deepEqual(await say('trace-event-get-state', { name: 'uart_read' }), uart('enabled'))
  assert.deepEqual(await say('trace-event-get-state', { name: 'x*' }), { return: [] })
  assert.match((await say('trace-event-get-state', { name: 'x' })).error.desc, /no trace event 'x'/)
  assert.match((await say('trace-event-set-state', { name: 'x', enable: true })).error.desc, /no trace event 'x'/)
  assert.deepEqual(await say('trace-event-set-state', { name: 'x', enable: true, 'ignore-unavailable': true }), { return: {} })
  assert.match((await say('trace-event-set-state', { name: 'uart_*' })).error.desc, /'enable' is missing/)
})

test('input events', async () => {
  const { ask, take, machine } = await bench()
  take()
  await ask({ execute: 'qmp_capabilities' })
  const send = async (...events: object[]) => (await ask({ execute: 'input-send-event', arguments: { events } }))[0]
  const key = (down: boolean, data: unknown, type = 'qcode') => ({ type: 'key', data: { down, key: { type, data } } })
  const button = (name: string, down: boolean) => ({ type: 'btn', data: { button: name, down } })
  const axis = (name: string, value: number) => ({ type: 'rel', data: { axis: name, value } })
  machine.calls.splice(0)
  assert.deepEqual(await send(key(true, 'a'), key(false, 0x1e, 'number'), axis('x', 5), axis('y', -2), button('right', true)), { return: {} })
  assert.deepEqual(machine.calls.splice(0), ['+a', '-a', 'move 5 -2 0 2'])
  await send(button('wheel-down', true), button('wheel-down', false))
  assert.deepEqual(machine.calls.splice(0), ['move 0 0 -1 0'])
  assert.match((await send(key(true, 'a'), key(true, 'bla'))).error.desc, /invalid parameter: bla/)
  assert.match((await send({ type: 'abs', data: { axis: 'x', value: 1 } })).error.desc, /not implemented: input event 'abs'/)
  assert.deepEqual(machine.calls, [], 'a mistake undoes all of them')
  const [answer] = await ask({ execute: 'send-key', arguments: { keys: [{ type: 'qcode', data: 'ctrl' }, { type: 'qcode', data: 'a' }], 'hold-time': 0 } })
  assert.deepEqual(answer, { return: {} })
  while (machine.calls.length < 4) await new Promise(resolve => setTimeout(resolve, 5))
  assert.deepEqual(machine.calls, ['+ctrl', '+a', '-a', '-ctrl'])
})

test('what there is: hardware, properties, options, and the commands themselves', async () => {
  const { ask, take } = await bench()
  take()
  await ask({ execute: 'qmp_capabilities' })
  const query = async (execute: string, args: object = {}) => (await ask({ execute, arguments: args }))[0]
  const [{ devices }] = (await query('query-pci')).return
  assert.deepEqual(devices, [{
    bus: 0, slot: 3, function: 0, qdev_id: 'disk0', class_info: { class: 256, desc: 'SCSI controller' },
    id: { vendor: 0x1af4, device: 0x1001, 'subsystem-vendor': 0x1af4, subsystem: 2 }, irq_pin: 1, irq: 33,
    regions: [
      { bar: 0, type: 'io', size: 128, address: -1 },
      { bar: 4, type: 'memory', size: 0x4000, address: 0x4_0000_0000, prefetch: true, mem_type_64: true },
    ],
  }])
  assert.deepEqual((await query('device-list-properties', { typename: 'virtio-blk-pci' })).return, [
    { name: 'drive', type: 'str', description: 'back end' },
    { name: 'num-queues', type: 'uint32', description: 'queues', 'default-value': 1 },
    { name: 'packed', type: 'bool', description: 'rings', 'default-value': false },
  ])
  assert.equal((await query('device-list-properties', { typename: 'no' })).error.class, 'DeviceNotFound')
  assert.deepEqual((await query('qom-list-types', { implements: 'machine' })).return,
    [{ name: 'virt-machine', parent: 'machine' }])
  assert.deepEqual((await query('query-cpu-definitions')).return[0].name, 'rv64')
  const smp = (await query('query-command-line-options')).return.find((o: any) => o.option === 'smp')
  assert.ok(smp.parameters.some((p: any) => p.name === 'cpus' && p.type === 'number'))

  const schema: any[] = (await query('query-qmp-schema')).return
  const names = (await query('query-commands')).return.map((c: any) => c.name)
  const described = schema.filter(i => i['meta-type'] === 'command')
  assert.deepEqual(described.map(c => c.name).sort(), names.sort())
  const known = new Set(schema.map(i => i.name))
  for (const { 'arg-type': type } of described) assert.ok(known.has(type), type)
  const saving = schema.find(i => i.name === 'memsave-arg')
  assert.deepEqual(saving.members.at(-1), { name: 'cpu-index', type: 'int', default: null })
  for (const { type } of schema.flatMap(i => i.members ?? [])) assert.ok(known.has(type), type)
  assert.equal((await query('device_add')).error.class, 'CommandNotFound')
})

test('mistakes', async () => {
  const { ask, p, take, quits } = await bench()
  take()
  await ask({ execute: 'qmp_capabilities' })
  const error = async (request: unknown) => (await ask(request))[0].error
  assert.deepEqual(await error({ execute: 'nope' }), {
    class: 'CommandNotFound',
    desc: 'The command nope has not been found',
  })
  assert.match((await error({ execute: 'device_add' })).desc, /not implemented: device_add/)
  assert.match((await error({ execute: 'pmemsave', arguments: { val: 1 } })).desc, /'size' is missing/)
  assert.match(
    (await error({ execute: 'pmemsave', arguments: { val: 'a', size: 1, filename: 'x' } })).desc,
    /expected: integer/,
  )
  assert.match((await error({ execute: 'stop', arguments: { now: 1 } })).desc, /'now' is unexpected/)
  assert.match((await error({ exec: 'stop' })).desc, /'exec' is unexpected/)
  assert.match((await error({ execute: 1 })).desc, /'execute' must be a string/)
  assert.match((await error({ id: 1 })).desc, /lacks member/)
  assert.match((await error([1])).desc, /must be a JSON object/)
  p.send('nonsense\n')
  await settle()
  assert.match(take()[0].error.desc, /JSON parse error/)
  p.send('{"execute": stop}')
  await settle()
  assert.match(take()[0].error.desc, /JSON parse error/)
  assert.deepEqual(await ask({ execute: 'quit' }), [{ return: {} }])
  assert.deepEqual(quits, ['host-qmp-quit'])
})
