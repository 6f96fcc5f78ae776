// From rows to bytes, for tests and fuzzers: an instruction of a row with operands as given.
import { inImmediate } from './operand.ts'
import { Context, MAPS, type Row } from './row.ts'

/** What an instruction is made of besides its row. Registers have 4 bits; in 16- and 32-bit code 3. */
export type Parts = {
  readonly codeBits: number
  /** Bytes in front: REP, segment overrides, LOCK. */
  readonly prefixes?: readonly number[]
  /** 66, 67; REX.W. */
  readonly data16?: boolean
  readonly address?: boolean
  readonly wide?: boolean
  /** A REX prefix even if it says nothing. */
  readonly rex?: boolean
  /** ModRM's register field; the register in the opcode. */
  readonly reg?: number
  /** A register as ModRM operand, or memory. */
  readonly rm?: number
  readonly memory?: MemoryOperand
  readonly vvvv?: number
  /** Immediates, in the order of the operands. */
  readonly immediates?: readonly bigint[]
}

/** `base` and `index` are -1 if there is none; 16 as base: relative to the next instruction. 16-bit addresses have one of the
 * eight pairs, by ModRM's number, as `pair` (6 with `absolute`: none). */
export type MemoryOperand = {
  readonly base: number
  readonly index: number
  readonly shift: number
  readonly disp: number
  readonly pair?: number
  readonly absolute?: boolean
}

const low = (value: bigint | number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 0xffn))

/** Operand size in bytes of the instruction. */
export function operandSizeOf(r: Row, p: Parts): number {
  if (p.codeBits !== 64) return (p.codeBits === 16) === (p.data16 === true) ? 4 : 2
  return r.options.force64 || p.wide || (r.options.default64 && !p.data16) ? 8 : p.data16 ? 2 : 4
}
export const addressSizeOf = (p: Parts): number =>
  p.codeBits === 64 ? (p.address ? 4 : 8) : (p.codeBits === 16) === (p.address === true) ? 4 : 2

/** Bytes of an immediate. */
function immediateBytes(r: Row, k: number, p: Parts): number {
  const o = r.operands[k]!, size = operandSizeOf(r, p)
  if (o.kind === 'O') return addressSizeOf(p)
  if (o.kind === 'A') return Math.min(4, size) + 2
  return typeof o.size === 'number' ? o.size : o.size === 'v' ? size : Math.min(4, size)
}

export function encode(r: Row, p: Parts): Uint8Array {
  const vex = MAPS[r.map]!.startsWith('VEX'), out: number[] = [...(p.prefixes ?? [])]
  const wanted = r.match & r.mask
  if (p.address) out.push(0x67)
  if (!vex) {
    if (p.data16 || wanted & Context.DATA16) out.push(0x66)
    if (wanted & Context.F2) out.push(0xf2)
    if (wanted & Context.F3) out.push(0xf3)
  }
  const m = p.memory, rm = m ? Math.max(0, m.base === 16 ? 0 : m.base) : (p.rm ?? 0), index = m ? Math.max(0, m.index) : 0
  const digit = r.mask & 0x38 ? (r.match >> 3) & 7 : (p.reg ?? 0)
  const extension = (p.wide ? 8 : 0) | (r.modrm && digit & 8 ? 4 : 0) | (index & 8 ? 2 : 0) | ((r.opcodes === 8 ? (p.reg ?? 0) : rm) & 8 ? 1 : 0)
  const map = r.map - MAPS.indexOf('VEX0F') + 1
  if (vex) {
    const pp = wanted & Context.DATA16 ? 1 : wanted & Context.F3 ? 2 : wanted & Context.F2 ? 3 : 0
    out.push(0xc4, (~extension & 7) << 5 | map, (p.wide ? 0x80 : 0) | ((~(p.vvvv ?? 0) & 15) << 3) | pp)
  } else {
    if (p.codeBits === 64 && (extension || p.rex)) out.push(0x40 | extension)
    for (const byte of ['', '0f', '0f38', '0f3a'][r.map]!.match(/../g) ?? []) out.push(parseInt(byte, 16))
  }
  out.push(r.opcode + (r.opcodes === 8 ? (p.reg ?? 0) & 7 : 0))
  const immediates = r.operands.flatMap((o, k) => (inImmediate(o) ? [k] : []))
  if (r.modrm) {
    if ((r.mask & 0xff) === 0xff) out.push(r.match & 0xff)
    else if (!m) out.push(0xc0 | ((digit & 7) << 3) | (rm & 7))
    else out.push(...address((digit & 7) << 3, m, addressSizeOf(p), p.codeBits))
  }
  immediates.forEach((k, i) => { out.push(...low(p.immediates?.[i] ?? 0n, immediateBytes(r, k, p))) })
  return Uint8Array.from(out)
}

/** ModRM, SIB and displacement. */
function address(reg: number, m: MemoryOperand, size: number, codeBits: number): number[] {
  if (size === 2) {
    const pair = m.pair ?? 6
    if (m.absolute) return [reg | 6, ...low(m.disp, 2)]
    if (m.disp === 0 && pair !== 6) return [reg | pair]
    return m.disp >= -128 && m.disp < 128 ? [0x40 | reg | pair, ...low(m.disp, 1)] : [0x80 | reg | pair, ...low(m.disp, 2)]
  }
  if (m.base === 16) return [reg | 5, ...low(m.disp, 4)]
  if (m.base < 0 && m.index < 0 && codeBits !== 64) return [reg | 5, ...low(m.disp, 4)]
  const sib = m.index >= 0 || m.base < 0 || (m.base & 7) === 4
  const second = sib ? [(m.shift << 6) | ((m.index < 0 ? 4 : m.index & 7) << 3) | (m.base < 0 ? 5 : m.base & 7)] : []
  const first = reg | (sib ? 4 : m.base & 7)
  if (m.base < 0) return [first, ...second, ...low(m.disp, 4)]
  if (m.disp === 0 && (m.base & 7) !== 5) return [first, ...second]
  return m.disp >= -128 && m.disp < 128 ? [0x40 | first, ...second, ...low(m.disp, 1)] : [0x80 | first, ...second, ...low(m.disp, 4)]
}
