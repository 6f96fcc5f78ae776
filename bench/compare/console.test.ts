import assert from 'node:assert/strict'
import { test } from 'node:test'
import { understand } from './console.ts'
import { summarize } from './guest.ts'

type Row = readonly [text: string, atMs: number, cpuMs: number]

const heard = (rows: readonly Row[]) => rows.map(([text, atMs, cpuMs]) => {
  const said = understand(text)
  assert.ok(said, text)
  // Two threads, of which the second does most of the work and is kept waiting as long as it runs.
  const threads = new Map([
    ['1', { ranMs: cpuMs * 0.25, waitedMs: 0 }], ['2', { ranMs: cpuMs * 0.75, waitedMs: cpuMs * 0.75 }],
  ])
  return { said, line: { text, atMs, cpuMs }, threads }
})

test('the lines of the benchmark', () => {
  assert.deepEqual(understand('BOOTED 1.53 nproc=2 riscv64'), { kind: 'booted', uptimeMs: 1530, harts: 2 })
  assert.deepEqual(understand('B crc            175.9 000000005ceef2ff'),
    { kind: 'kernel', name: 'crc', ms: 175.9, checksum: '000000005ceef2ff' })
  assert.deepEqual(understand('P crc 2 440.3'), { kind: 'parallel', copies: 2, ms: 440.3 })
  assert.deepEqual(understand('T sha256 5.00 6.25 gzip 7.50 shloop 9.00'),
    { kind: 'shell', ms: { sha256: 1250, gzip: 1250, shloop: 1500 } })
  assert.deepEqual(understand('START'), { kind: 'start' })
  assert.deepEqual(understand('HOLD 9.10'), { kind: 'hold', uptimeMs: 9100 })
})

test('everything else is not about the benchmark', () => {
  const others = [
    '', '[    1.234567] Run /init as init process', 'B crc 175.9', 'B crc 175.9 5ceef2ff', 'HOLD',
    'BOOTED', 'T sha256 5.00', '83ee47245398adee  -',
  ]
  for (const line of others) assert.equal(understand(line), undefined, line)
})

test('a run, with the processor time of each kernel', () => {
  const run = summarize(heard([
    ['BOOTED 1.50 nproc=1 riscv64', 2000, 1800],
    ['START', 2020, 1820],
    ['B crc 30.0 000000005ceef2ff', 2050, 1880],
    ['B fib 40.0 0000000000213d05', 2090, 1920],
    ['T sha256 1.60 2.00 gzip 2.50 shloop 4.00', 4500, 3990],
    ['HOLD 4.00', 4501, 4000],
  ]), 'ours')
  assert.deepEqual(run, {
    bootedMs: 2000, uptimeMs: 1500, bootedThreadMs: 1350,
    wallMs: 4501, cpuMs: 4000, waitedMs: 3000, parallel: [],
    kernels: {
      crc: { ms: 30, cpuMs: 60, threadMs: 45, threadWaitedMs: 45, checksum: '000000005ceef2ff' },
      fib: { ms: 40, cpuMs: 40, threadMs: 30, threadWaitedMs: 30, checksum: '0000000000213d05' },
    },
    shellMs: { sha256: 400, gzip: 500, shloop: 1500 },
  })
})

test('copies belong to the line that follows them', () => {
  const { parallel } = summarize(heard([
    ['BOOTED 1.50 nproc=2 riscv64', 2000, 0],
    ['B crc 30.0 000000005ceef2ff', 2030, 0], ['P crc 1 30.0', 2031, 0],
    ['B crc 31.0 000000005ceef2ff', 2062, 0], ['B crc 32.0 000000005ceef2ff', 2063, 0],
    ['P crc 2 32.5', 2064, 0],
    ['HOLD 1.56', 2065, 0],
  ]), 'ours')
  const figures = parallel.map(({ copies, ms, checksums }) => [copies, ms, checksums.length])
  assert.deepEqual(figures, [[1, 30, 1], [2, 32.5, 2]])
})

test('a run that did not come to its end, and one whose clock goes wrong', () => {
  const booted = ['BOOTED 1.50 nproc=1 riscv64', 2000, 0] as const
  assert.throws(() => summarize(heard([booted]), 'ours'), /ours: the guest ended without HOLD/)
  assert.throws(() => summarize([], 'ours'), /without BOOTED/)
  const held = (atMs: number) => heard([booted, ['HOLD 11.50', atMs, 0]])
  assert.doesNotThrow(() => summarize(held(12_200), 'ours'))
  assert.throws(() => summarize(held(22_000), 'ours'), /clock went 10000 ms while the host's went 20000 ms/)
})
