// Where log lines go, and who waits for whom.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Host } from '../host/host.ts'
import { logOutput } from './log-output.ts'
import { parseLogItems, parseRanges } from './log-items.ts'
import { fakeMachine, memoryHost } from './testing.ts'
import { type Peer, peer, settle } from './testpair.ts'

function bench() {
  const machine = fakeMachine(), p: Peer = peer('log file'), errors: string[] = []
  const base = memoryHost()
  const host: Host = {
    ...base, files: { ...base.files, open: async () => p.stream },
    process: {
      pid: 1, writeError: line => void errors.push(line), writeOutput() {}, exit() {}, onUncaught() {}, onExit: () => () => {}, onSignal: () => () => {},
    },
  }
  const held = () => machine.calls.filter(c => c.startsWith('holdLog')).at(-1)
  return { machine, p, errors, held, output: logOutput(machine, host, line => void errors.push(line)) }
}

test('lines of one turn are written together, and before a stop is reported', async () => {
  const { machine, p, output } = bench()
  await output.setFile('x')
  machine.emit('log', { cls: 'int', source: '', text: 'trap' })
  machine.emit('log', { cls: 'unimp', source: 'uart', text: 'no' })
  assert.equal(p.take(), '')
  await settle()
  assert.equal(p.take(), 'trap\nuart: no\n')
  machine.emit('log', { cls: 'int', source: '', text: 'last' })
  machine.emit('stop', { state: 'paused' })
  assert.equal(p.take(), 'last\n')
})

test('a slow file holds the log until it is quick again', async () => {
  const { machine, p, output, held } = bench()
  await output.setFile('x')
  p.ready(false)
  machine.emit('log', { cls: 'exec', source: '', text: 'y'.repeat(70_000) })
  assert.equal(held(), 'holdLog true')
  p.ready(true)
  assert.equal(held(), 'holdLog false')
})

test('a file that fails is told of once, then standard error serves', async () => {
  const { machine, p, output, errors, held } = bench()
  await output.setFile('x')
  p.ready(false)
  machine.emit('log', { cls: 'exec', source: '', text: 'y'.repeat(70_000) })
  p.closeByPeer(new Error('no space left on device'))
  assert.deepEqual(errors, ['no space left on device; nothing more is written there'])
  assert.equal(held(), 'holdLog false')
  machine.emit('log', { cls: 'exec', source: '', text: 'more' })
  await settle()
  assert.equal(errors.at(-1), 'more')
})

test('names and ranges', () => {
  assert.deepEqual(parseLogItems(['int', 'trace:tlb_*', 'int', 'exec']), { classes: ['int', 'exec'], patterns: ['tlb_*'] })
  assert.ok(parseLogItems(['all']).classes.includes('guest_errors'))
  assert.throws(() => parseLogItems(['exce']), /no log class 'exce'/)
  assert.throws(() => parseLogItems(['strace']), /not implemented: log class 'strace'/)
  assert.deepEqual(parseRanges('0x1000+0x10,0x1000-0x10,5..5'), [
    { start: 0x1000n, end: 0x100fn }, { start: 0xff1n, end: 0x1000n }, { start: 5n, end: 5n },
  ])
  assert.deepEqual(parseRanges('0xffffffff80000000+0x80000000'), [{ start: 0xffffffff_80000000n, end: 0xffffffff_ffffffffn }])
  for (const bad of ['', '1', '1..', '2..1', '1-3', '1+0', 'x+1', '0xffffffffffffffff+2']) assert.throws(() => parseRanges(bad), bad)
})
