// Cases in an engine and on the processor underneath, and what differs as text.
import { Builder } from '../../../src/ir/build.ts'
import { print } from '../../../src/ir/print.ts'
import { Mode, registers } from '../../../src/isa/x86/cpu.ts'
import { lift } from '../../../src/isa/x86/lift.ts'
import type { Row } from '../../../src/isa/x86/row.ts'
import { cases, rows } from './generate.ts'
import { type Case, differences, type Engine, isAmd, reference, type Result, runner, START } from './machine.ts'

const BATCH = 2048

const canonical = (va: bigint) => BigInt.asUintN(64, BigInt.asIntN(48, va)) === va
const BP = 3, SS = 12, GP = 13, PF = 14, AC = 17, XM = 19
/** Where we are known to do otherwise than processors (see the README of src/isa/x86), the reason. */
function known(c: Case, expected: Result, actual: Result): string | undefined {
  if (c.bits === 64 && /^(jmp|call|ret)/.test(c.row.syntax) && expected.vector === GP && !canonical(actual.ip))
    return 'a jump to an address that is not canonical faults at the target'
  if (c.bits === 32 && (expected.vector === GP || expected.vector === SS) && actual.vector === PF && actual.address >= 0xfffffff0n)
    return 'an access across the end of 4 GiB in a flat segment is no limit violation'
  if (/^r(cp|sqrt)[ps]s /.test(c.row.syntax)) return 'an approximation is closer than the processor'
  if (/^f(2xm1|yl2x|yl2xp1|ptan|patan|sin|cos|sincos)$/.test(c.row.syntax)) return 'transcendental functions are computed in double precision'
  if (c.row.syntax === 'fscale' && expected.fx[2]! & ~c.fx[0]! & 0x18) return 'FSCALE out of range where that is not masked'
  if (/^fis?t|^fb?st/.test(c.row.syntax) && actual.vector === AC && expected.vector === BP && expected.fx[2]! & 0x80)
    return 'a store that an exception of x87 keeps from happening must be aligned too'
  if (c.row.syntax.startsWith('stmxcsr') && differences(c, expected, actual).length === 1) return 'the denormal flag is not always noted'
  if (!isAmd && c.row.syntax === 'pause' && c.code.some((byte, i) => (byte & 0xf1) === 0x41 && c.code[i + 1] === 0x90))
    return 'F3 90 with REX.B is an exchange, as AMD has it; a pause to processors of Intel'
  if (!isAmd && /^push [c-gs]s$/.test(c.row.syntax) && differences(c, expected, actual).every(d => /^memory.*got 0x0$/.test(d)))
    return 'a push of a segment register writes all 32 bits, as AMD has it; 16 bits on processors of Intel'
  const underflow = (r: Result) => r.fx[24]! & 0x10
  if (expected.vector === XM && underflow(expected) && !(c.fx[25]! & 8)
    && (!underflow(actual) || (c.fx[24]! & 0x10 && actual.vector !== XM)))
    return 'an underflow that is not masked is one only if the result is inexact'
  if (expected.vector === XM && actual.vector === XM) {
    if (/^cvt.*[PQN]q/.test(c.row.syntax)) return 'an MMX register is not touched by a conversion that faults'
    if (onlyFlags(c, expected, actual)) return 'lanes beside one that faults leave their flags'
  }
  return undefined
}
/** Nothing differs but MXCSR. */
const onlyFlags = (c: Case, expected: Result, actual: Result): boolean => differences(c, expected, actual).every(d => d.startsWith('mxcsr'))

export type Summary = {
  cases: number
  seconds: number
  explained: Map<string, number>
  differences: Map<string, { count: number; case: Case; expected: Result; actual: Result | Error }>
}

/** Runs `count` cases, the reference and the engine at the same time. */
export async function compare(e: Engine, count: number, seed: number, only: readonly Row[] = rows, make = cases): Promise<Summary> {
  const binary = runner(), found: Summary['differences'] = new Map(), explained: Summary['explained'] = new Map(), source = make(seed, only), began = performance.now()
  const take = (n: number) => Array.from({ length: n }, () => source.next().value)
  let batch = take(Math.min(BATCH, count)), results = reference(binary, batch), done = 0
  while (batch.length > 0) {
    const current = batch, actual = current.map(c => attempt(e, c)), expected = await results
    done += current.length
    batch = take(Math.min(BATCH, count - done))
    if (batch.length > 0) results = reference(binary, batch)
    for (const [i, c] of current.entries()) {
      const a = actual[i]!
      if (!(a instanceof Error) && differences(c, expected[i]!, a).length === 0) continue
      const reason = a instanceof Error ? undefined : known(c, expected[i]!, a)
      if (reason !== undefined) {
        explained.set(reason, (explained.get(reason) ?? 0) + 1)
        continue
      }
      const key = `${c.row.pattern}: ${c.row.syntax}`, first = found.get(key)
      if (first) first.count++
      else found.set(key, { count: 1, case: c, expected: expected[i]!, actual: a })
    }
  }
  return { cases: done, explained, differences: found, seconds: (performance.now() - began) / 1000 }
}

/** A wrong block, or an engine that gives up, is a difference too. */
function attempt(e: Engine, c: Case): Result | Error {
  try {
    return e.run(c)
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

export function describe(c: Case, expected: Result, actual: Result | Error): string {
  const hex = (v: bigint | number) => `0x${v.toString(16)}`
  const lines = [`${c.bits}-bit ${Buffer.from(c.code).toString('hex')}`]
  lines.push(`  ${[...c.registers].slice(0, c.bits === 64 ? 16 : 8).map((v, i) => `${registers[i]!.name}=${hex(v)}`).join(' ')}`)
  lines.push(`  flags ${hex(c.flags)} memory ${Buffer.from(c.memory).toString('hex')}`)
  lines.push(...(actual instanceof Error ? [`  ! ${actual.stack}`] : differences(c, expected, actual).map(d => `  ! ${d}`)))
  const g = new Builder(), mode = (c.bits === 64 ? Mode.CODE64 : c.bits === 32 ? Mode.CODE32 : Mode.CODE16)
    | Mode.PROTECTED | (c.bits === 32 ? Mode.STACK32 | Mode.FLAT_CS | Mode.FLAT_DS | Mode.FLAT_ES | Mode.FLAT_SS : 0)
  g.begin(START, 0)
  try {
    lift(g, { u8: at => c.code[at] ?? 0xcc, u16: () => -1 }, mode, { maxInsns: 8 })
    lines.push(print(g.block, { register: i => registers[i]!.name }))
  } catch (error) {
    lines.push(String(error))
  }
  return lines.join('\n')
}
