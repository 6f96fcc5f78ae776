import assert from 'node:assert/strict'
import { test } from 'node:test'
import { COUNTERS, type FakeMachine, fakeMachine, RAM } from '../testing.ts'
import { settle } from '../testpair.ts'
import { fromHex, packetOf, packetParser, toHex } from './packet.ts'
import { gdbStub, type Stub } from './stub.ts'

type Bench = {
  stub: Stub
  machine: FakeMachine
  sent: string[]
  quits: number[]
  ask(data: string): Promise<string | undefined>
}

function bench(cpus = 2): Bench {
  const machine = fakeMachine({ cpus }), sent: string[] = [], quits: number[] = []
  const stub = gdbStub({
    machine,
    send: d => void sent.push(d),
    monitor: async (line, cpu) => `${line} on ${cpu}\n`,
    quit: () => void quits.push(1),
    noAcknowledgements() {},
  })
  return { stub, machine, sent, quits, ask: d => stub.packet(d) }
}
const le64 = (v: bigint) =>
  toHex(Uint8Array.from({ length: 8 }, (_, i) => Number((v >> BigInt(8 * i)) & 0xffn)))
const pcOf = (offset: number) => `20:${le64(BigInt(RAM + offset))};`

test('packets: round trip with escapes, damage, interrupts', () => {
  const got: string[] = []
  const parser = packetParser({
    packet: d => void got.push(d), interrupt: () => void got.push('^C'), again: () => void got.push('again'),
    acknowledge: good => void got.push(good ? '+' : '-'),
  })
  const data = 'X1,4:#$}*\x00\xff'
  parser.feed(packetOf(data))
  parser.feed(Uint8Array.of(0x03))
  parser.feed(new TextEncoder().encode('$g#00'))
  parser.feed(new TextEncoder().encode('-+'))
  assert.deepEqual(got, ['+', data, '^C', '-', 'again'])
  got.length = 0
  for (const b of packetOf('m80000000,4')) parser.feed(Uint8Array.of(b))
  assert.deepEqual(got, ['+', 'm80000000,4'])
  assert.equal(fromHex('abc'), undefined)
})

test('the opening of a session', async () => {
  const { ask } = bench()
  assert.match(
    (await ask('qSupported:multiprocess+;swbreak+;hwbreak+'))!,
    /PacketSize=4000;qXfer:features:read\+;.*swbreak\+/,
  )
  assert.equal(await ask('vMustReplyEmpty'), '')
  assert.equal(await ask('Hg0'), 'OK')
  assert.equal(await ask('qTStatus'), '')
  assert.equal(await ask('?'), `T05${pcOf(0)}thread:1;`)
  assert.equal(await ask('qfThreadInfo'), 'm1,2')
  assert.equal(await ask('qsThreadInfo'), 'l')
  assert.equal(await ask('qAttached'), '1')
  assert.equal(await ask('T2'), 'OK')
  assert.equal(await ask('T3'), 'E16')
  assert.equal(await ask('qC'), 'QC1')
  assert.equal(await ask('qThreadExtraInfo,2'), toHex(new TextEncoder().encode('CPU#1 [stopped]')))
})

test('the description comes in pieces', async () => {
  const { ask, machine } = bench()
  const whole = machine.debug.description.annexes['target.xml']!
  assert.equal(await ask('qXfer:features:read:target.xml:0,10'), `m${whole.slice(0, 16)}`)
  assert.equal(await ask(`qXfer:features:read:target.xml:10,fff`), `l${whole.slice(16)}`)
  assert.equal(await ask('qXfer:features:read:no.xml:0,10'), 'E00')
  assert.equal(await ask('qXfer:features:read:__proto__:0,10'), 'E00')
})

test('registers and memory', async () => {
  const { ask, machine } = bench()
  const g = (await ask('g'))!
  assert.equal(g.length, 33 * 16)
  assert.equal(await ask(`P5=${le64(0x1234_5678_9abc_def0n)}`), 'OK')
  assert.equal(await ask('p5'), le64(0x1234_5678_9abc_def0n))
  assert.equal(await ask('p1000'), 'E16')
  assert.equal(await ask('Hg2'), 'OK')
  assert.equal(await ask('pa'), le64(1n)) // a0 is the number of the hart
  assert.equal(await ask(`G${'01'.repeat(8)}${g.slice(16)}`), 'OK')
  assert.equal(await ask('p0'), le64(0n)) // x0 stays 0
  assert.equal(await ask('M80000100,3:010203'), 'OK')
  assert.equal(await ask('m80000100,4'), '01020300')
  assert.equal(await ask('X80000104,2:\x00}'), 'OK')
  assert.equal(machine.memory[0x105], 0x7d)
  assert.equal(await ask('X80000104,0:'), 'OK')
  assert.equal(await ask('m8000fffe,10'), '0000')
  assert.equal(await ask('m0,4'), 'E0e')
  assert.equal(await ask('M0,1:00'), 'E0e')
  assert.equal(await ask('M80000100,4:01'), 'E16')
  assert.equal(await ask('mxyz'), 'E16')
})

test('stepping, running to a breakpoint, interrupting', async () => {
  const { ask, sent, machine, stub } = bench()
  await ask('qSupported:swbreak+;hwbreak+')
  assert.equal(await ask('s'), undefined)
  await settle()
  assert.deepEqual(sent.splice(0), [`T05${pcOf(4)}thread:1;`])

  assert.equal(await ask('Z0,80000020,4'), 'OK')
  assert.equal(await ask('vCont;s:2;c'), undefined)
  await settle()
  assert.deepEqual(sent.splice(0), [`T05${pcOf(4)}thread:2;`])
  assert.equal(machine.state, 'debug')

  assert.equal(await ask('vCont;c'), undefined)
  await settle()
  assert.deepEqual(sent.splice(0), [`T05${pcOf(0x20)}thread:1;swbreak:;`])
  assert.equal(await ask('z0,80000020,4'), 'OK')

  assert.equal(await ask('Z1,80000040,4'), 'OK')
  await ask('c')
  await settle()
  assert.match(sent.splice(0)[0]!, /hwbreak:;$/)
  assert.equal(await ask('z1,80000040,4'), 'OK')

  await ask('c')
  await settle()
  assert.deepEqual(sent, [])
  stub.interrupt()
  await settle()
  assert.match(sent.splice(0)[0]!, /^T02/)
  assert.equal(machine.state, 'paused')
})

test('watchpoints; kinds that there are not', async () => {
  const { ask, sent } = bench(1)
  assert.equal(await ask(`Z2,${COUNTERS.toString(16)},4`), 'OK')
  await ask('c')
  await settle()
  assert.deepEqual(sent.splice(0), [`T05${pcOf(4)}thread:1;watch:${COUNTERS.toString(16)};`])
  assert.equal(await ask(`Z3,${COUNTERS.toString(16)},4`), '')
  assert.equal(await ask('Z9,0,4'), '')
  assert.equal(await ask('vCont;x'), 'E16')
  assert.equal(await ask('vCont;c:9'), 'E16')
})

test('a stop that others cause is reported once; the end of the machine too', async () => {
  const { ask, sent, machine } = bench(1)
  await ask('c')
  await machine.pause()
  await settle()
  assert.equal(sent.splice(0).length, 1)
  await machine.pause()
  await settle()
  assert.deepEqual(sent, [])
  await ask('c')
  await machine.quit('guest-shutdown', 3)
  await settle()
  assert.deepEqual(sent, ['W03'])
})

test('monitor, detach, kill', async () => {
  const { ask, sent, machine, quits, stub } = bench(1)
  assert.equal(await ask(`qRcmd,${toHex(new TextEncoder().encode('info x'))}`), 'OK')
  assert.deepEqual(sent.splice(0), [`O${toHex(new TextEncoder().encode('info x on 0\n'))}`])
  await ask('Z0,80000020,4')
  assert.equal(await ask('D'), 'OK')
  await settle()
  assert.equal(machine.state, 'running')
  await ask('k')
  assert.deepEqual(quits, [1])
  await stub.close()
  await machine.close()
})

test('nothing that arrives makes it throw', async () => {
  const { ask, machine } = bench(1)
  let seed = 1
  const random = (n: number) => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) % n
  const starts = [
    'm',
    'M',
    'X',
    'p',
    'P',
    'g',
    'G',
    'Z',
    'z',
    'H',
    'T',
    'vCont;',
    'q',
    'qXfer:',
    'Q',
    'c',
    's',
    'C',
    'S',
    '?',
    '!',
    'R',
    'qRcmd,',
    'qThreadExtraInfo,',
  ]
  for (let i = 0; i < 3000; i++) {
    const data =
      starts[random(starts.length)]! +
      Array.from({ length: random(12) }, () => '0123456789abcdef,:;=#-p.*'[random(25)]).join('')
    const answer = await ask(data)
    assert.ok(answer === undefined || typeof answer === 'string', data)
  }
  await machine.close()
})
