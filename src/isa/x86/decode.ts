// From bytes to an instruction: prefixes, opcode, ModRM, SIB, displacement, immediates. Intel SDM volume 2, chapter 2.
import type { Code } from '../isa.ts'
import { Seg } from './cpu.ts'
import type { Operand } from './operand.ts'
import { Context, MAPS, type Row } from './row.ts'

export const MAX_LENGTH = 15
/** The base register of an address relative to the next instruction, and the absence of a register. */
export const RIP = 16, NONE = -1

/** How decoding ended: an instruction; none (#UD); more than 15 bytes (#GP); bytes that cannot be had. */
export const Decoded = { OK: 0, UNDEFINED: 1, TOO_LONG: 2, NO_BYTES: 3 } as const
export type Decoded = (typeof Decoded)[keyof typeof Decoded]

const VEX0F = MAPS.indexOf('VEX0F')
/** Prefixes by opcode: segment overrides as 0x10 + segment. */
const P_LOCK = 1, P_F2 = 2, P_F3 = 3, P_DATA = 4, P_ADDRESS = 5, P_SEGMENT = 0x10
const prefixes = new Uint8Array(256)
for (const [byte, p] of [[0xf0, P_LOCK], [0xf2, P_F2], [0xf3, P_F3], [0x66, P_DATA], [0x67, P_ADDRESS],
  [0x26, P_SEGMENT + Seg.ES], [0x2e, P_SEGMENT + Seg.CS], [0x36, P_SEGMENT + Seg.SS], [0x3e, P_SEGMENT + Seg.DS],
  [0x64, P_SEGMENT + Seg.FS], [0x65, P_SEGMENT + Seg.GS]] as const) prefixes[byte] = p

/** Base and index registers of 16-bit addresses, by ModRM's rm field. */
const BASE16 = [3, 3, 5, 5, 6, 7, 5, 3], INDEX16 = [6, 7, 6, 7, NONE, NONE, NONE, NONE]

/** The rows of one opcode in the order in which they are tried. */
type Entry = { readonly rows: readonly Row[]; readonly modrm: boolean }

/** One decoded instruction. The decoder's is used again and again. */
export class Insn {
  row: Row | undefined
  length = 0
  /** Bits of the code: 16, 32, 64. Operand and address size in bytes. */
  codeBits = 64
  operandSize = 4
  addressSize = 8
  lock = false
  /** 0, 1 for F2, 2 for F3: the last of them. */
  rep = 0
  data16 = false
  rex = 0
  /** VEX: vvvv, L and W (W also from REX). */
  vex = false
  vvvv = 0
  vectorLong = false
  wide = false
  /** The segment override, or NONE. */
  override = NONE
  opcode = 0
  modrm = 0
  /** ModRM's fields, extended. */
  reg = 0
  rm = 0
  /** The register in the opcode. */
  opcodeRegister = 0
  /** The ModRM operand is memory: base and index (or NONE), shift of the index, displacement. */
  memory = false
  base = NONE
  index = NONE
  shift = 0
  disp = 0
  /** Immediates in the order of the bytes: the first with its upper half, the second. */
  immLo = 0
  immHi = 0
  imm2 = 0

  /** Bytes of an operand. */
  sizeOf(o: Operand): number {
    const { size } = o
    if (typeof size === 'number') return size
    switch (size) {
      case 'v': return this.operandSize
      case 'z': return Math.min(4, this.operandSize)
      case 'y': return this.wide && this.codeBits === 64 ? 8 : 4
      case 'p': return o.kind === 'A' ? Math.min(4, this.operandSize) + 2 : this.operandSize + 2
      case 's': return this.codeBits === 64 ? 10 : 6
      case 'a': return 2 * Math.min(4, this.operandSize)
      case 'x': return this.vectorLong ? 32 : 16
      case 't': return 10
    }
  }

  /** The segment of the ModRM operand: the override, else SS with rSP or rBP as base, else DS. */
  get segment(): number {
    if (this.override !== NONE) return this.override
    return this.base === 4 || this.base === 5 ? Seg.SS : Seg.DS
  }
}

export class Decoder {
  readonly rows: readonly Row[]
  readonly insn = new Insn()
  private readonly entries: (Entry | undefined)[] = []
  private code!: Code
  private start = 0
  private at = 0

  constructor(rows: readonly Row[]) {
    this.rows = rows
    const lists = new Map<number, Row[]>()
    for (const r of rows)
      for (let i = 0; i < r.opcodes; i++) {
        const key = r.map * 256 + r.opcode + i
        lists.set(key, [...(lists.get(key) ?? []), r])
      }
    for (const [key, list] of lists) {
      // Special cases first: rows that ask for more.
      const sorted = list.map((r, i) => [bits(r.mask), i, r] as const).sort((a, b) => b[0] - a[0] || a[1] - b[1]).map(t => t[2])
      this.entries[key] = { rows: sorted, modrm: list.some(r => r.modrm) }
    }
  }

  /** Decodes the instruction at `offset` into `insn`. `real`: real or virtual-8086 mode. */
  decode(code: Code, offset: number, codeBits: number, real: boolean): Decoded {
    const n = this.insn
    this.code = code
    this.start = this.at = offset
    n.row = undefined
    n.codeBits = codeBits
    n.lock = n.data16 = n.vex = n.vectorLong = n.wide = n.memory = false
    n.rep = n.rex = n.vvvv = n.immLo = n.immHi = n.imm2 = n.disp = n.shift = n.modrm = n.reg = n.rm = 0
    n.override = n.base = n.index = NONE
    const result = this.instruction(real)
    n.length = Math.min(MAX_LENGTH, this.at - offset)
    return this.at - offset > MAX_LENGTH ? Decoded.TOO_LONG : result
  }

  /** The next byte, or -1. */
  private byte(): number {
    if (this.at - this.start >= MAX_LENGTH) {
      this.at = this.start + MAX_LENGTH + 1
      return 0
    }
    const b = this.code.u8(this.at)
    if (b >= 0) this.at++
    return b
  }
  private get tooLong(): boolean { return this.at - this.start > MAX_LENGTH }

  private instruction(real: boolean): Decoded {
    const n = this.insn, long = n.codeBits === 64
    let b: number, address = false
    for (;;) {
      b = this.byte()
      if (b < 0) return Decoded.NO_BYTES
      if (this.tooLong) return Decoded.TOO_LONG
      const p = prefixes[b]!
      if (p === 0) {
        if (!long || (b & 0xf0) !== 0x40) break
        n.rex = b // only the last one counts, directly before the opcode
        continue
      }
      n.rex = 0
      if (p === P_LOCK) n.lock = true
      else if (p === P_F2) n.rep = 1
      else if (p === P_F3) n.rep = 2
      else if (p === P_DATA) n.data16 = true
      else if (p === P_ADDRESS) address = true
      // In 64-bit code only FS and GS are segments.
      else if (!long || p >= P_SEGMENT + Seg.FS) n.override = p - P_SEGMENT
    }
    n.wide = (n.rex & 8) !== 0
    n.addressSize = long ? (address ? 4 : 8) : (n.codeBits === 16) === address ? 4 : 2
    let map = 0
    if (b === 0x0f) {
      map = 1
      b = this.byte()
      if (b === 0x38 || b === 0x3a) {
        map = b === 0x38 ? 2 : 3
        b = this.byte()
      }
    } else if ((b === 0xc4 || b === 0xc5) && !real) {
      const next = this.code.u8(this.at)
      if (next < 0) return Decoded.NO_BYTES
      if (long || next >= 0xc0) {
        const simple = n.rep === 0 && !n.data16 && !n.lock && n.rex === 0
        map = this.vex(b === 0xc5)
        b = map === NONE ? 0 : this.byte()
        if (!simple || map === NONE) return b < 0 ? Decoded.NO_BYTES : Decoded.UNDEFINED
      }
    }
    if (b < 0) return Decoded.NO_BYTES
    n.opcode = b
    n.opcodeRegister = (b & 7) | ((n.rex & 1) << 3)
    const entry = this.entries[map * 256 + b]
    if (!entry) return Decoded.UNDEFINED
    let context = (long ? Context.MODE64 : 0) | (n.rep << 9) | (n.data16 ? Context.DATA16 : 0) | (n.wide ? Context.W : 0)
      | (n.vectorLong ? Context.L : 0) | (real ? Context.REAL : 0)
    if (entry.modrm) {
      const m = this.byte()
      if (m < 0) return Decoded.NO_BYTES
      n.modrm = m
      n.reg = ((m >> 3) & 7) | ((n.rex & 4) << 1)
      n.rm = (m & 7) | ((n.rex & 1) << 3)
      context |= m | (m >= 0xc0 ? Context.REGISTER : 0)
    }
    n.row = this.find(entry.rows, context)
    if (!n.row || (n.vex && n.vvvv !== 0 && !n.row.operands.some(o => o.kind === 'B' || o.kind === 'H'))) return Decoded.UNDEFINED
    const { options } = n.row
    n.operandSize = long
      ? options.force64 || n.wide || (options.default64 && !n.data16) ? 8 : n.data16 ? 2 : 4
      : (n.codeBits === 16) === n.data16 ? 4 : 2
    if (n.row.modrm && n.modrm < 0xc0 && !this.address()) return Decoded.NO_BYTES
    if (n.lock && !(options.lock && n.memory)) return Decoded.UNDEFINED
    return this.immediates(n.row) ? Decoded.OK : Decoded.NO_BYTES
  }

  private find(rows: readonly Row[], context: number): Row | undefined {
    for (let i = 0; i < rows.length; i++) if ((context & rows[i]!.mask) === rows[i]!.match) return rows[i]
    return undefined
  }

  /** The bytes behind C5 or C4; the map comes back. The extension bits are REX's, inverted. */
  private vex(short: boolean): number {
    const n = this.insn, first = this.byte()
    let map = 1, last = first
    n.vex = true
    n.rex = 0x40 | (first & 0x80 ? 0 : 4)
    if (!short) {
      map = first & 0x1f
      last = this.byte()
      if (last < 0) return NONE
      n.rex |= (first & 0x40 ? 0 : 2) | (first & 0x20 ? 0 : 1)
      n.wide = (last & 0x80) !== 0
    }
    if (n.codeBits !== 64) n.rex = 0
    n.vvvv = (~last >> 3) & (n.codeBits === 64 ? 15 : 7)
    n.vectorLong = (last & 4) !== 0
    n.data16 = (last & 3) === 1
    n.rep = (last & 3) === 3 ? 1 : (last & 3) === 2 ? 2 : 0
    return map >= 1 && map <= 3 ? VEX0F + map - 1 : NONE
  }

  /** The memory operand of ModRM; false where its bytes cannot be had. */
  private address(): boolean {
    const n = this.insn, mod = n.modrm >> 6, rm = n.modrm & 7
    n.memory = true
    if (n.addressSize === 2) {
      n.base = BASE16[rm]!
      n.index = INDEX16[rm]!
      if (mod === 0 && rm === 6) {
        n.base = NONE
        return this.displacement(2)
      }
      return mod === 0 || this.displacement(mod)
    }
    if (rm === 4) {
      const sib = this.byte()
      if (sib < 0) return false
      const index = ((sib >> 3) & 7) | ((n.rex & 2) << 2)
      n.shift = sib >> 6
      n.index = index === 4 ? NONE : index
      n.base = (sib & 7) | ((n.rex & 1) << 3)
      if (mod === 0 && (sib & 7) === 5) {
        n.base = NONE
        return this.displacement(4)
      }
    } else if (mod === 0 && rm === 5) {
      n.base = n.codeBits === 64 ? RIP : NONE
      return this.displacement(4)
    } else n.base = n.rm
    return mod === 0 || this.displacement(mod === 1 ? 1 : 4)
  }

  private displacement(bytes: number): boolean {
    const d = this.number(bytes)
    if (d === undefined) return false
    this.insn.disp = d
    return true
  }

  /** A sign-extended number of 1, 2 or 4 bytes. */
  private number(bytes: number): number | undefined {
    let v = 0
    for (let i = 0; i < bytes; i++) {
      const b = this.byte()
      if (b < 0) return undefined
      v |= b << (8 * i)
    }
    const left = 32 - 8 * bytes
    return (v << left) >> left
  }

  private immediates(r: Row): boolean {
    const n = this.insn
    let first = true
    for (const o of r.operands) {
      const { kind } = o
      if (kind !== 'I' && kind !== 'J' && kind !== 'O' && kind !== 'A') continue
      const size = kind === 'O' ? n.addressSize : kind === 'A' ? n.sizeOf(o) - 2 : n.sizeOf(o)
      const lo = this.number(Math.min(4, size))
      if (lo === undefined) return false
      if (!first) {
        n.imm2 = lo
        continue
      }
      first = false
      n.immLo = lo
      n.immHi = lo >> 31
      if (size === 8) {
        const hi = this.number(4)
        if (hi === undefined) return false
        n.immHi = hi
      } else if (kind === 'O' || (kind === 'I' && !o.signed && size < 4 && o.size !== 'z' && o.size !== 'v')) {
        // Counts, ports, vectors and offsets are unsigned.
        n.immLo = size === 4 ? lo : lo & ((1 << (8 * size)) - 1)
        n.immHi = 0
      }
      if (kind === 'A') {
        const selector = this.number(2)
        if (selector === undefined) return false
        n.imm2 = selector & 0xffff
      }
    }
    return true
  }
}

function bits(x: number): number {
  let n = 0
  for (; x !== 0; x &= x - 1) n++
  return n
}
