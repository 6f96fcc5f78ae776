// Builds an oracle program, feeds it with cases and compares its replies with what soft-float says.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Rounding } from '../../../src/base/softfloat.ts'
import { unpack, KIND, type FloatFormat } from '../../../src/base/softfloat/format.ts'
import { random, randomOperands, specialOperands } from './cases.ts'
import type { Operation, Target } from './target.ts'

const here = import.meta.dirname
const cache = join(here, '../../../.cache/float')
const REQUEST = 64, REPLY = 32, BATCH = 50_000

interface Case { name: string, op: Operation, rounding: Rounding, mode: number, operands: bigint[] }

export interface Difference extends Case {
  ours: { result: bigint, flags: number }
  theirs: { result: bigint, flags: number }
}

export interface Outcome { cases: number, differences: Difference[], differing: number }

/** Why the target's oracle cannot be built or run here; undefined if it can. */
export function missing(target: Target): string | undefined {
  if (target.arch && process.arch !== target.arch) return `the host is no ${target.arch}`
  if (target.cpuFlags) {
    if (!existsSync('/proc/cpuinfo')) return 'the host is no Linux'
    const has = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'latin1'))?.[1]?.trim().split(' ') ?? []
    const lacking = target.cpuFlags.filter(flag => !has.includes(flag))
    if (lacking.length) return `the processor has no ${lacking.join(', ')}`
  }
  for (const program of [target.compiler[0]!, ...target.runner.slice(0, 1)]) {
    if (spawnSync(program, ['--version']).error) return `${program} is not installed`
  }
  return undefined
}

function build(target: Target): string[] {
  const source = join(here, target.source), binary = join(cache, target.name)
  const sources = [source, join(here, 'protocol.h'), join(here, 'x86.h')]
  const newest = Math.max(...sources.map(path => statSync(path).mtimeMs))
  if (!existsSync(binary) || statSync(binary).mtimeMs < newest) {
    mkdirSync(cache, { recursive: true })
    const [compiler, ...options] = target.compiler
    invoke([compiler!, '-Wall', ...options, source, '-o', binary, ...target.libraries ?? []])
  }
  return [...target.runner, binary]
}

function invoke(command: string[], input?: Uint8Array): Buffer {
  const [program, ...args] = command
  const { stdout, stderr, status, error, signal } = spawnSync(program!, args, { input, maxBuffer: 2 ** 28 })
  if (error) throw error
  if (status !== 0) throw new Error(`${command.join(' ')}: ${signal ?? `exit code ${status}`}\n${stderr}`)
  return stdout
}

/** Names of the oracle's operations, all of which the target must know. */
function listed(target: Target, command: string[]): string[] {
  const names = invoke([...command, '--list']).toString().trim().split('\n')
  const unknown = [
    ...names.filter(name => !target.operations[name]),
    ...Object.keys(target.operations).filter(name => !names.includes(name)),
  ]
  if (unknown.length) throw new Error(`${target.name}: only one side knows ${unknown.join(', ')}`)
  return names
}

function* cases(
  target: Target, names: string[], count: number, seed: number, special: boolean,
): Generator<Case> {
  const pick = <T>(list: readonly T[], n: number): T => list[n % list.length]!
  if (special) {
    for (const name of names) {
      const op = target.operations[name]!
      for (const operands of specialOperands(op.operands)) {
        for (const rounding of target.roundings) {
          for (const mode of op.modes ?? target.modes) yield { name, op, rounding, mode, operands }
        }
      }
    }
  }
  const r = random(seed)
  for (let i = 0; i < count; i++) {
    const name = pick(names, r.below(names.length)), op = target.operations[name]!
    const rounding = pick(target.roundings, r.below(target.roundings.length))
    const mode = pick(op.modes ?? target.modes, r.below(64))
    yield { name, op, rounding, mode, operands: randomOperands(op.operands, op.to, r) }
  }
}

export interface DiffOptions {
  /** Random cases. */
  count: number
  seed: number
  /** All combinations of special values first. */
  special: boolean
  /** Only the operations whose name contains this. */
  only?: string
}

/** The operations that have `only` in their names. */
export const operationsOf = (target: Target, only: string): string[] =>
  Object.keys(target.operations).filter(name => name.includes(only))

export function diff(target: Target, { count, seed, special, only = '' }: DiffOptions): Outcome {
  const command = build(target)
  const names = listed(target, command)
  const wanted = operationsOf(target, only)
  const outcome: Outcome = { cases: 0, differences: [], differing: 0 }
  let batch: Case[] = []
  for (const c of cases(target, wanted, count, seed, special)) {
    if (batch.push(c) < BATCH) continue
    compareBatch(target, command, names, batch, outcome)
    batch = []
  }
  compareBatch(target, command, names, batch, outcome)
  return outcome
}

function compareBatch(
  target: Target, command: string[], names: string[], batch: Case[], outcome: Outcome,
): void {
  if (!batch.length) return
  const numbers = new Map(names.map((name, i) => [name, i]))
  const input = new DataView(new ArrayBuffer(batch.length * REQUEST))
  batch.forEach((c, i) => {
    const at = i * REQUEST
    input.setUint32(at, numbers.get(c.name)!, true)
    input.setUint32(at + 4, c.rounding, true)
    input.setUint32(at + 8, c.mode, true)
    c.operands.forEach((v, j) => setWide(input, at + 16 + 16 * j, v))
  })
  const bytes = invoke(command, new Uint8Array(input.buffer))
  if (bytes.length !== batch.length * REPLY) throw new Error(`${target.name}: ${bytes.length} bytes back`)
  const output = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)

  batch.forEach((c, i) => {
    const at = i * REPLY
    const wide = output.getBigUint64(at, true) | output.getBigUint64(at + 8, true) << 64n
    const theirs = {
      result: BigInt.asUintN(c.op.width, wide),
      flags: target.flags(output.getUint32(at + 16, true)) & ~(c.op.ignoredFlags ?? 0),
    }
    const ctx = target.context(c.rounding, c.mode)
    const result = c.op.run(ctx, c.operands[0] ?? 0n, c.operands[1] ?? 0n, c.operands[2] ?? 0n)
    const ours = { result, flags: ctx.flags & ~(c.op.ignoredFlags ?? 0) }
    outcome.cases += 1
    const sameResult = ours.result === theirs.result ||
      c.op.anyNan !== undefined && isNan(c.op.anyNan, ours.result) && isNan(c.op.anyNan, theirs.result)
    if (sameResult && ours.flags === theirs.flags) return
    outcome.differing += 1
    if (outcome.differences.length < 20) outcome.differences.push({ ...c, ours, theirs })
  })
}

const isNan = (f: FloatFormat, bits: bigint) => unpack(f, bits).kind === KIND.NAN

function setWide(view: DataView, at: number, v: bigint): void {
  view.setBigUint64(at, BigInt.asUintN(64, v), true)
  view.setBigUint64(at + 8, v >> 64n, true)
}

const ROUNDING_NAMES = ['RNE', 'RTZ', 'RDN', 'RUP', 'RMM']
const FLAG_NAMES = ['NX', 'UF', 'OF', 'DZ', 'NV', 'DE']

export function describe(d: Difference): string {
  const flags = (v: number) => FLAG_NAMES.filter((_, i) => v & 1 << i).join('|') || '-'
  const hex = (v: bigint) => `0x${v.toString(16)}`
  const side = (s: Difference['ours']) => `${hex(s.result)} ${flags(s.flags)}`
  const mode = d.mode ? ` mode ${d.mode}` : ''
  return `${d.name} ${d.operands.map(hex).join(', ')} ${ROUNDING_NAMES[d.rounding]}${mode}: ` +
    `ours ${side(d.ours)}, theirs ${side(d.theirs)}`
}
