// A block as text, for tests and for people. One operation a line; values are named by number.
import type { Block } from './block.ts'
import { arity, AmoKind, effects, FpEnv, JumpKind, MemOp, resultType } from './ops.ts'

export type PrintOptions = {
  /** Name of a register of the file. */
  readonly register?: (index: number) => string
  /** The instruction at an offset, as an assembler writes it. */
  readonly instruction?: (offset: number, length: number) => string
}

const hex64 = (lo: number, hi: number) =>
  '0x' + (((BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)).toString(16))
const nameIn = (table: Record<string, number>, value: number) =>
  (Object.keys(table).find(k => table[k] === value) ?? String(value)).toLowerCase()
const memop = (lo: number) =>
  `${8 << (lo & MemOp.SIZE)}${lo & MemOp.SIGNED ? ' signed' : ''}${lo & MemOp.ALIGNED ? ' aligned' : ''}${lo & MemOp.STACK ? ' stack' : ''}${
    lo & MemOp.UPDATE ? ' update' : ''}`
const rounding = ['rne', 'rtz', 'rdn', 'rup', 'rmm', '5', '6', 'dyn']

export function print(b: Block, { register = i => `r${i}`, instruction }: PrintOptions = {}): string {
  const pc = (BigInt(b.pcHi >>> 0) << 32n) | BigInt(b.pcLo)
  const lines = [`block 0x${pc.toString(16)}, ${b.sizeBytes} bytes, ${b.insns} instructions`]
  for (let i = 0; i < b.n; i++) {
    const name = b.nameOf(i), lo = b.lo[i]!, hi = b.hi[i]!
    const operands = [b.a[i]!, b.b[i]!, b.c[i]!].slice(0, arity[b.op[i]!]).map(v => `%${v}`)
    const words = () => [name, ...immediates(b, i, register), ...operands].join(' ')
    if (effects[b.op[i]!] === 'mark') {
      const text = instruction?.(lo, hi)
      lines.push(` ${((pc + BigInt(lo)) & 0xffffffffffffffffn).toString(16)}:${text ? ` ${text}` : ''}`)
    } else if (resultType[b.op[i]!]) lines.push(`  %${i} = ${words()}`)
    else lines.push(`  ${words()}`)
  }
  return lines.join('\n') + '\n'
}

function immediates(b: Block, i: number, register: (index: number) => string): string[] {
  const name = b.nameOf(i), lo = b.lo[i]!, hi = b.hi[i]!
  const displaced = hi ? [`${hi > 0 ? '+' : '-'}${Math.abs(hi)}`] : []
  switch (name.split('.')[0]) {
    case 'get':
    case 'set': return [register(lo)]
    case 'field':
    case 'setfield':
    case 'field8':
    case 'setfield8': return [`@${lo}`]
    case 'load':
    case 'store': return [memop(lo), ...displaced]
    case 'amo': return [nameIn(AmoKind, lo >> 8), memop(lo)]
    case 'cas':
    case 'fill':
    case 'copy': return [memop(lo)]
    case 'call': return [`#${lo}`]
    case 'leaveif':
    case 'system': return [`#${lo}`, hex64(hi, 0)]
    case 'jump': return [hex64(lo, hi), ...(b.c[i] ? [nameIn(JumpKind, b.c[i]!)] : [])]
    case 'branch': return [hex64(lo, hi)]
    case 'jumpto': return lo ? [nameIn(JumpKind, lo)] : []
  }
  if (name === 'i32.const') return [hex64(lo, 0)]
  if (name === 'i64.const') return [hex64(lo, hi)]
  if (name === 'v.const') return [hex64(lo, hi), hex64(b.a[i]!, b.b[i]!)]
  if (effects[b.op[i]!] !== 'float') return []
  return [rounding[lo & FpEnv.RM]!, ...(lo & FpEnv.INEXACT_SET ? ['nx'] : [])]
}
