// Instructions as text, from the rows that decode them: Intel syntax, as `objdump -M intel` prints it.
import { Decoded, Decoder, type Insn, NONE, RIP } from './decode.ts'
import { type Operand, SEGMENT_NAMES } from './operand.ts'
import { nameOf } from './row.ts'
import { rows } from './tables.ts'

// Its own decoder: that of the lifter may be in the middle of a block.
const decoder = new Decoder(rows)

const WIDE = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi']
const BYTES = ['al', 'cl', 'dl', 'bl', 'ah', 'ch', 'dh', 'bh'], REX_BYTES = ['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil']
function registerName(n: number, size: number, rex: boolean): string {
  if (n >= 8) return `r${n}${size === 8 ? '' : size === 4 ? 'd' : size === 2 ? 'w' : 'b'}`
  if (size === 1) return (rex ? REX_BYTES : BYTES)[n]!
  const name = WIDE[n]!
  return size === 8 ? name : size === 4 ? `e${name.slice(1)}` : name.slice(1)
}

const SIZES: { readonly [bytes: number]: string } = { 1: 'BYTE', 2: 'WORD', 4: 'DWORD', 6: 'FWORD', 8: 'QWORD', 10: 'TBYTE', 16: 'XMMWORD', 32: 'YMMWORD' }
const hex = (v: bigint | number) => `0x${v.toString(16)}`
const signed = (n: number) => (n < 0 ? `-0x${(-n).toString(16)}` : `+0x${n.toString(16)}`)

function memory(i: Insn, o: Operand): string {
  const size = SIZES[i.sizeOf(o)], pointer = size === undefined || o.size === 's' ? '' : `${size} PTR `
  return `${pointer}${address(i)}`
}

function address(i: Insn): string {
  const segment = i.override === NONE ? '' : `${SEGMENT_NAMES[i.override]}:`, size = i.addressSize
  // An index that is none shows where the bytes could have gone without it.
  const none = size === 8 ? 'riz' : 'eiz', narrow = i.codeBits === 64 && size === 4
  if (i.base === NONE && i.index === NONE && !narrow) {
    const absolute = size === 8 ? BigInt.asUintN(64, BigInt(i.disp)) : size === 4 ? BigInt(i.disp >>> 0) : BigInt(i.disp & 0xffff)
    return `${segment || 'ds:'}${hex(absolute)}`
  }
  const parts: string[] = []
  if (i.base !== NONE) parts.push(i.base === RIP ? (size === 8 ? 'rip' : 'eip') : registerName(i.base, size, true))
  if (i.index !== NONE) parts.push(size === 2 ? registerName(i.index, size, true) : `${registerName(i.index, size, true)}*${1 << i.shift}`)
  else if (size !== 2 && (i.shift > 0 || i.base === NONE)) parts.push(`${none}*${1 << i.shift}`)
  if (i.base === RIP && i.disp < 0) return `${segment}[${parts[0]}+${hex(BigInt.asUintN(64, BigInt(i.disp)))}]`
  const shown = i.disp !== 0 || i.base === RIP || (i.modrm & 0xc0) !== 0 || i.base === NONE
  return `${segment}[${parts.join('+')}${shown ? signed(i.disp) : ''}]`
}

function stringOperand(i: Insn, o: Operand): string {
  const source = o.kind === 'X', segment = source ? SEGMENT_NAMES[i.override === NONE ? 3 : i.override] : 'es'
  return `${SIZES[i.sizeOf(o)]} PTR ${segment}:[${registerName(source ? 6 : 7, i.addressSize, true)}]`
}

function immediate(i: Insn, o: Operand, second: boolean): string {
  if (second) return hex(i.imm2 & (o.size === 1 ? 0xff : 0xffff))
  const value = (BigInt(i.immHi >>> 0) << 32n) | BigInt(i.immLo >>> 0)
  // Sign-extended to what it works on: the first operand, or a push's operand size.
  const into = i.row!.operands[0] === o ? undefined : i.row!.operands[0]
  const bytes = o.signed || o.size === 'z' ? (into === undefined ? i.operandSize : i.sizeOf(into)) : i.sizeOf(o)
  return hex(BigInt.asUintN(8 * bytes, value))
}

function operandText(i: Insn, o: Operand, pc: bigint, second: boolean): string {
  const rex = i.rex !== 0
  switch (o.kind) {
    case 'E': case 'M': return i.memory ? memory(i, o) : registerName(i.rm, i.sizeOf(o), rex)
    case 'W': case 'U': return i.memory ? memory(i, o) : `xmm${i.rm}`
    case 'V': return `xmm${i.reg}`
    case 'Q': case 'N': return i.memory ? memory(i, o) : `mm${i.rm & 7}`
    case 'P': return `mm${i.reg & 7}`
    case 'R': return registerName(i.rm, i.codeBits !== 64 && o.size === 8 ? 4 : i.sizeOf(o), rex)
    case 'G': return registerName(i.reg, i.codeBits !== 64 && o.size === 8 ? 4 : i.sizeOf(o), rex)
    case 'B': return registerName(i.vvvv, i.sizeOf(o), rex)
    case 'Z': return registerName(i.opcodeRegister, i.sizeOf(o), rex)
    case 'fixed': return registerName(o.register, i.sizeOf(o), false)
    case 'S': return SEGMENT_NAMES[i.reg & 7] ?? '?'
    case 'segment': return o.text
    case 'C': return `cr${i.reg}`
    case 'D': return `dr${i.reg}`
    case 'one': return '1'
    case 'stack': return 'st'
    case 'xmm0': return 'xmm0'
    case 'T': return `st(${i.modrm & 7})`
    case 'I': return immediate(i, o, second)
    case 'J': {
      const target = pc + BigInt(i.length + i.immLo), bits = i.codeBits === 64 ? 64 : i.operandSize === 2 ? 16 : 32
      // In 16-bit code `pc` is a linear address: the jump stays in its 64 KiB.
      return hex(BigInt.asUintN(bits, target) | (i.codeBits === 16 && bits === 16 ? pc & ~0xffffn : 0n))
    }
    case 'A': return `${hex(i.imm2)}:${hex(i.operandSize === 2 ? i.immLo & 0xffff : i.immLo >>> 0)}`
    case 'O': {
      const segment = i.override === NONE ? 'ds' : SEGMENT_NAMES[i.override]
      return `${segment}:${hex((BigInt(i.immHi >>> 0) << 32n) | BigInt(i.immLo >>> 0))}`
    }
    case 'X': case 'Y': return stringOperand(i, o)
    default: throw new Error(`operands of kind ${o.kind} have no text yet`)
  }
}

/** The instruction that `bytes` begin with, in code of 16, 32 or 64 bits, at `pc`; undefined if it is none. */
export function disassemble(bytes: Uint8Array, pc: bigint, codeBits: number): { readonly text: string; readonly length: number } | undefined {
  const code = { u8: (at: number) => bytes[at] ?? -1, u16: () => -1 }
  if (decoder.decode(code, 0, codeBits, false) !== Decoded.OK) return undefined
  const i = decoder.insn, r = i.row!
  const prefixes = [...(i.lock ? ['lock'] : []), ...repeatPrefix(i)]
  let immediates = 0
  // An exchange with itself, but for XCHG AX, AX.
  const idle = i.opcode === 0x90 && r.map === 0 && i.opcodeRegister === 0 && (i.rep === 2 || !i.data16 || i.codeBits === 16)
  const operands = idle ? [] : r.operands.map(o => operandText(i, o, pc, o.kind === 'I' && immediates++ > 0))
  const text = `${[...prefixes, mnemonic(i, idle)].join(' ')}${operands.length > 0 ? ` ${operands.join(',')}` : ''}`
  return { text, length: i.length }
}

function repeatPrefix(i: Insn): string[] {
  if (i.rep === 0 || !i.row!.options.string) return []
  const compares = /^(cmps|scas)/.test(i.row!.syntax)
  return [i.rep === 2 ? (compares ? 'repz' : 'rep') : 'repnz']
}
function mnemonic(i: Insn, idle: boolean): string {
  const r = i.row!, name = nameOf(r, r.names[0] === 'jcxz' ? i.addressSize : i.operandSize)
  if (idle) return i.rep === 2 ? 'pause' : 'nop'
  // Eight bytes of immediate or offset.
  const absolute = name === 'mov' && r.operands.some(o => (o.kind === 'O' && i.addressSize === 8) || (o.kind === 'I' && o.size === 'v' && i.wide))
  return absolute ? 'movabs' : name
}
