import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgedOf, KERNELS, verdict } from './expectations.ts'
import type { GuestRun } from './guest.ts'
import { scalingOf } from './parallel.ts'
import { best, geometricMean, median } from './statistics.ts'
import { alternate, compareRuns, type Pair, words } from './suite.ts'
import { judgedTable, kernelTable, sharesText } from './tables.ts'

/** A run in which every kernel took `ms`, or what `special` says. */
function runOf(ms: number, special: Record<string, number> = {}, checksum = '1', share = 1): GuestRun {
  const cost = { cpuMs: 2 * ms, threadMs: share * ms, threadWaitedMs: (1 - share) * ms }
  const kernels = KERNELS.map((name) => [name, { ms: special[name] ?? ms, ...cost, checksum }] as const)
  return {
    bootedMs: 3 * ms, uptimeMs: 2 * ms, bootedThreadMs: 2 * ms,
    kernels: Object.fromEntries(kernels), parallel: [],
    shellMs: { sha256: ms, gzip: ms, shloop: ms }, wallMs: 9 * ms, cpuMs: 8 * ms, waitedMs: 0,
  }
}

const engines = [{ name: 'ours', command: [] }, { name: 'peer', command: [] }] as const

test('means', () => {
  assert.equal(geometricMean([2, 8]).toFixed(9), '4.000000000')
  assert.equal(median([3, 1, 2]), 2)
  assert.equal(median([4, 1, 2, 3]), 2.5)
  assert.equal(best([3, 1, 2]), 1)
})

test('verdicts', () => {
  assert.equal(verdict(1.31, { bar: 1.3, aim: 0.7 }), 'miss')
  assert.equal(verdict(1.3, { bar: 1.3, aim: 0.7 }), 'PASS')
  assert.equal(verdict(0.7, { bar: 1.3, aim: 0.7 }), 'PASS, aim')
  assert.equal(verdict(1.8, { bar: 1.8 }), 'PASS')
  assert.equal(verdict(99, {}), '')
})

test('engines take turns', async () => {
  const order: string[] = []
  const results = await alternate(engines, 2, async ({ name }) => order.push(name))
  assert.deepEqual(order, ['ours', 'peer', 'ours', 'peer'])
  assert.deepEqual(results, [[1, 3], [2, 4]])
})

test('the best of several runs, kernel by kernel', () => {
  const runs: Pair<GuestRun[]> = [[runOf(20, { crc: 8 }), runOf(10)], [runOf(5), runOf(4, { crc: 16 })]]
  const { kernels, uptime } = compareRuns(runs, 'riscv64', 'sustained', KERNELS)
  const [crc, sieve] = kernels
  assert.deepEqual([crc!.name, crc!.ms, crc!.ratio], ['crc', [8, 5], 1.6])
  assert.deepEqual([sieve!.name, sieve!.ms, sieve!.ratio, sieve!.cpuMs], ['sieve', [10, 4], 2.5, [20, 8]])
  assert.deepEqual(uptime.ms, [20, 8])
})

test('every judged figure, and only those whose kernels were measured', () => {
  const runs: Pair<GuestRun[]> = [[runOf(10, { fib: 40, fork: 15, matmul: 5, mandel: 5 })], [runOf(10)]]
  const { means } = compareRuns(runs, 'riscv64', 'sustained', KERNELS)
  assert.deepEqual(means.map(({ what, how, ratio }) => [what, how, ratio.toFixed(2)]), [
    ['all', 'mean', (1.5 ** (1 / 14)).toFixed(2)], ['integer and memory', 'mean', (4 ** (1 / 8)).toFixed(2)],
    ['integer and memory', 'worst', '4.00'], ['floating point', 'mean', '0.50'],
    ['syscall', 'mean', '1.00'], ['pipe', 'mean', '1.00'],
    ['fork', 'mean', '1.50'], ['pgfault', 'mean', '1.00'],
  ])
  const part = compareRuns(runs, 'riscv64', 'sustained', ['matmul', 'mandel', 'fork'])
  assert.deepEqual(part.means.map(({ what }) => what), ['floating point', 'fork'])
  assert.equal(compareRuns(runs, 'riscv64', 'short', KERNELS).means.length, judgedOf('riscv64', 'short').length)
})

test('engines that compute different things fail the run', () => {
  const compare = (ours: GuestRun, peer: GuestRun) => () => compareRuns([[ours], [peer]], 'riscv64', 'short', KERNELS)
  assert.throws(compare(runOf(1), runOf(1, {}, '2')), /crc: the engines do not agree: 1, 2/)
  assert.throws(compare({ ...runOf(1), kernels: {} }, runOf(1)), /did not do crc/)
})

test('tables', () => {
  const comparison = compareRuns([[runOf(9.26)], [runOf(10)]], 'riscv64', 'sustained', KERNELS)
  const kernels = kernelTable(['ours', 'peer'], comparison).split('\n')
  assert.equal(kernels.length, 2 + KERNELS.length + 3)
  assert.equal(kernels[2], '| crc      |     9.3 |      10 |  0.93 |           0.93 |        0.93 |')
  // Without the spaces that align the columns.
  const judged = judgedTable(comparison).replace(/ +/g, ' ')
  assert.match(judged, /^\| all, geometric mean \| 0\.93 \| 0\.93 \| 1\.3 \| 0\.7 \| PASS \|$/m)
  assert.match(judged, /^\| floating point, geometric mean \| 0\.93 \| 0\.93 \| 0\.7 \| 0\.3 \| miss \|$/m)
  assert.match(judged, /^\| kernel start to .* \| 0\.93 \| 0\.93 \| 3\.0 \| 1\.0 \| PASS, aim \|$/m)
})

test('of a disturbed run the worse ratio is judged', () => {
  const quiet = compareRuns([[runOf(10, {}, '1', 0.95)], [runOf(20)]], 'riscv64', 'sustained', KERNELS)
  assert.deepEqual([quiet.share.map((each) => each.toFixed(2)), quiet.disturbed], [['0.95', '1.00'], false])
  const comparison = compareRuns([[runOf(10)], [runOf(20, {}, '1', 0.25)]], 'riscv64', 'sustained', KERNELS)
  assert.deepEqual([comparison.share, comparison.disturbed], [[1, 0.25], true])
  const judged = judgedTable(comparison).replace(/ +/g, ' ')
  assert.match(judged, /^\| all, geometric mean \| 0\.50 \| 2\.00 \| 1\.3 \| 0\.7 \| miss \|$/m)
  assert.match(sharesText(['ours', 'peer'], comparison), /100 % .* \(ours\) and 25 % \(peer\) .*: disturbed/)
})

test('two harts', () => {
  const copies = (one: number, two: number, sum = '7'): GuestRun => ({
    ...runOf(1),
    parallel: [2, 1].flatMap((slow) => [
      { copies: 1, ms: slow * one, checksums: ['7'] }, { copies: 2, ms: slow * two, checksums: ['7', sum] },
    ]),
  })
  assert.deepEqual(scalingOf([[copies(100, 120), copies(110, 115)], [copies(50, 60)]]).ratio, [1.15, 1.2])
  assert.throws(() => scalingOf([[runOf(1)], [copies(1, 1)]]), /lacks copies/)
  assert.throws(() => scalingOf([[copies(1, 1, '8')], [copies(1, 1)]]), /do not agree: 7, 8/)
})

test('what the guest is told to do', () => {
  assert.deepEqual(words('short'), ['bench=1'])
  assert.deepEqual(words('sustained', ['crc', 'fib']), ['bench=8', 'benchonly=crc,fib'])
})
