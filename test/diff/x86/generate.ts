// Cases: a row with random operands and prefixes, and register values that mix what instructions treat in their own way with
// random bits. Memory operands lie in the window, mostly; now and then across its end, and at times astray.
import { generator } from '../../../src/base/random.ts'
import { Builder } from '../../../src/ir/build.ts'
import { op } from '../../../src/ir/ops.ts'
import { Flag, Mode, Reg, Seg, System } from '../../../src/isa/x86/cpu.ts'
import { addressSizeOf, encode, type MemoryOperand, operandSizeOf, type Parts } from '../../../src/isa/x86/encode.ts'
import { mayBeMemory, registerOnly } from '../../../src/isa/x86/operand.ts'
import { Context, MAPS, type Row } from '../../../src/isa/x86/row.ts'
import { lift } from '../../../src/isa/x86/lift.ts'
import { rows as allRows } from '../../../src/isa/x86/tables.ts'
import { fpuImage } from './fpu-image.ts'
import {
  type Bits, type Case, CODE16_BASE, CODE_MAX, DATA16_BASE, FS_BASE, GS_BASE, isAmd, START, WINDOW, WINDOW_BYTES,
} from './machine.ts'

type Random = () => number
const M64 = 0xffffffffffffffffn

/** Whether the row's work is the processor code's: its block ends in a helper that user code has not. */
function left(r: Row): boolean {
  const g = new Builder(), bits = r.mask & Context.MODE64 && !(r.match & Context.MODE64) ? 32 : 64
  const memory = { base: 3, index: -1, shift: 0, disp: 0 }, inMemory = r.operands.some(o => o.kind === 'M')
  const parts: Parts = { codeBits: bits, wide: (r.match & Context.W) !== 0, reg: 3, rm: 3, ...(inMemory && { memory }) }
  const code = encode(r, parts), mode = (bits === 64 ? Mode.CODE64 : Mode.CODE32) | Mode.PROTECTED | Mode.OSFXSR | Mode.CPL
  g.begin(START, 0)
  lift(g, { u8: at => code[at] ?? -1, u16: () => -1 }, mode, { maxInsns: 1 })
  const last = g.block.n - 1
  return g.block.op[last] === op.system && !USER_HELPERS.has(g.block.lo[last]!)
}
const USER_HELPERS = new Set([System.FAULT, System.INT3])
export const rows: readonly Row[] = allRows.filter(r => !left(r))

const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)]!
const below = (random: Random, n: number): number => Math.floor(random() * n)
const u32 = (random: Random) => BigInt(below(random, 0x100000000))
const u64 = (random: Random) => (u32(random) << 32n) | u32(random)

const boundaries = [0n, 1n, 2n, 7n, 8n, 9n, 15n, 16n, 17n, 31n, 32n, 33n, 63n, 64n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0x8000n, 0xffffn,
  0x7fffffffn, 0x80000000n, 0xffffffffn, 0x100000000n, 0x7fffffffffffffffn, 0x8000000000000000n]
const integers = [...boundaries, ...boundaries.map(v => ~v & M64), ...boundaries.map(v => -v & M64)]

function integer(random: Random): bigint {
  const kind = random()
  if (kind < 0.4) return pick(random, integers)
  if (kind < 0.5) return (pick(random, integers) + BigInt(below(random, 5) - 2)) & M64
  if (kind < 0.6) return BigInt.asIntN(32, u32(random)) & M64
  if (kind < 0.7) return u64(random) >> BigInt(below(random, 64))
  return u64(random)
}

/** An instruction, and what its registers should hold. */
type Shape = { readonly row: Row; readonly bits: Bits; readonly parts: Parts; readonly segment: number }

const { ES, CS, SS, DS, FS, GS } = Seg
const PREFIX = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65]
const IMPLIED_STRING = /^(movs|cmps|stos|lods|scas) /, JUMP = /^(j|loop|call|ret)/
const BASE16 = [[3, 6], [3, 7], [5, 6], [5, 7], [6, -1], [7, -1], [5, -1], [3, -1]] as const

function shape(random: Random, row: Row): Shape {
  const only = row.mask & Context.MODE64 ? (row.match & Context.MODE64 ? 64 : pick(random, [16, 32])) : undefined
  const bits = (only ?? pick(random, [64, 64, 64, 32, 16])) as Bits, long = bits === 64
  const vex = MAPS[row.map]!.startsWith('VEX'), jump = JUMP.test(row.syntax)
  const registers = long ? 16 : 8, prefixes: number[] = []
  const data16 = !vex && !(row.mask & Context.DATA16) && !(jump && long) && random() < 0.25
  const address = random() < 0.12, wide = long && (row.mask & Context.W ? (row.match & Context.W) !== 0 : random() < 0.4)
  const modrm = row.operands.find(o => mayBeMemory(o) || o.kind === 'M' || o.kind === 'R')
  const asMemory = modrm !== undefined && !registerOnly(modrm) && (modrm.kind === 'M' || random() < 0.5)
    && !(row.mask & Context.REGISTER && row.match & Context.REGISTER)
  let parts: Parts = { codeBits: bits, data16, address, wide, rex: long && random() < 0.2 }
  const base: number = pick(random, [DS, DS, DS, DS, FS, GS, SS, ES, CS].filter(s => s >= FS || !long || s === DS))
  const string = row.operands.some(o => o.kind === 'X' || o.kind === 'O')
  let segment: number = DS
  if ((asMemory || string) && base !== DS && random() < 0.5 && base !== CS) {
    prefixes.push(PREFIX[base]!)
    segment = base
  }
  if (row.options.string && random() < 0.7) prefixes.push(random() < 0.7 ? 0xf3 : 0xf2)
  if (row.options.lock && asMemory && random() < 0.3 && !row.syntax.startsWith('cmpxchg16b')) prefixes.push(0xf0)
  const reg = below(random, registers)
  const rm = registerOnly(modrm ?? { kind: 'E' } as never) || !asMemory ? below(random, registers) : 0
  const memory = asMemory ? memoryOperand(random, bits, addressSizeOf(parts)) : undefined
  if (memory && segment === DS && !prefixes.includes(PREFIX[DS]!) && (memory.base === 4 || memory.base === 5
    || (memory.pair !== undefined && !memory.absolute && BASE16[memory.pair]![0] === 5))) segment = SS
  parts = { ...parts, prefixes, reg, rm, vvvv: row.operands.some(o => o.kind === 'B') || random() < 0.05 ? below(random, registers) : 0, ...(memory && { memory }) }
  return { row, bits, parts, segment }
}

function memoryOperand(random: Random, bits: Bits, size: number): MemoryOperand {
  const registers = bits === 64 ? 16 : 8
  if (size === 2) {
    const absolute = random() < 0.15
    return { base: -1, index: -1, shift: 0, disp: 0, pair: absolute ? 6 : below(random, 8), absolute }
  }
  const kind = random()
  if (kind < 0.08 && bits === 64) return { base: 16, index: -1, shift: 0, disp: 0 }
  if (kind < 0.14) return { base: -1, index: -1, shift: 0, disp: 0 }
  const base = random() < 0.1 ? -1 : below(random, registers)
  const index = random() < 0.5 || base < 0 ? pick(random, Array.from({ length: registers }, (_, i) => i).filter(i => i !== 4 && i !== base)) : -1
  return { base, index, shift: below(random, 4), disp: random() < 0.4 ? 0 : random() < 0.6 ? below(random, 256) - 128 : below(random, 1 << 16) - 0x8000 }
}

const segmentBase = (bits: Bits, segment: number): number =>
  segment === FS ? FS_BASE : segment === GS ? GS_BASE : bits === 16 ? DATA16_BASE : 0

/** Cases without end. Several in a row share their instruction. */
export function* cases(seed: number, only: readonly Row[] = rows): Generator<Case, never> {
  const random = generator(seed)
  for (let n = 0; ; n++) {
    const s = shape(random, only[n % only.length]!)
    const first = instance(random, s, undefined)
    if (!first) continue
    yield first
    // Where a jump takes its target from memory, each case has its own place.
    for (let k = 0; k < (/^(jmp|call) Ev/.test(s.row.syntax) ? 0 : 3); k++) {
      const again = instance(random, s, first.code)
      if (again) yield again
    }
  }
}

/** Rows that stand before another: on registers alone, with flags that are defined but for AF after logic. */
const before = rows.filter(r => (r.undefinedFlags & ~Flag.AF) === 0 && !r.jumps && !r.observes && !/^(sh|sa|ro|rc|rsqrt)|^f(2xm1|yl2x|ptan|patan|sin|cos)|^(int3|ud|nop|pref|clf|clw)/.test(r.syntax)
  && !r.operands.some(o => o.kind === 'M'))

/** Instructions of two to four rows, so that flags and registers pass from one to the next within a block. */
export function* sequences(seed: number, only: readonly Row[] = rows): Generator<Case, never> {
  const random = generator(seed)
  for (let n = 0; ; n++) {
    const last = shape(random, only[n % only.length]!), { bits, parts: { memory: m } } = last
    // Nor may what comes before change the count of a double shift.
    if (m?.base === 16 || /^sh[lr]d .* cl/.test(last.row.syntax)) continue
    const c = instance(random, last, undefined)
    if (!c) continue
    const pair = m?.pair === undefined ? [] : BASE16[m.pair]!, taken = new Set<number>([Reg.SP, Reg.SI, Reg.DI, Reg.BP, m?.base ?? -1, m?.index ?? -1, ...pair, last.parts.rm ?? -1])
    const free = Array.from({ length: bits === 64 ? 16 : 8 }, (_, i) => i).filter(i => !taken.has(i))
    const first: number[] = []
    let undefinedFlags = 0
    for (let k = 1 + below(random, 3); k > 0; k--) {
      const r = pick(random, before)
      if (r.mask & Context.MODE64 && ((r.match & Context.MODE64) !== 0) !== (bits === 64)) continue
      const register = () => pick(random, free), wide = bits === 64 && (r.mask & Context.W ? (r.match & Context.W) !== 0 : random() < 0.5)
      const immediates = r.operands.filter(o => o.kind === 'I').map(() => integer(random))
      const code = encode(r, { codeBits: bits, wide, rex: bits === 64, data16: !(r.mask & Context.DATA16) && random() < 0.2,
        reg: register(), rm: register(), vvvv: r.operands.some(o => o.kind === 'B') ? register() : 0, immediates })
      if (first.length + code.length + c.code.length >= CODE_MAX) break
      first.push(...code)
      undefinedFlags |= r.undefinedFlags
    }
    yield { ...c, undefinedFlags, code: Uint8Array.from([...first, ...c.code]) }
  }
}

/** An address in the window for an access of `bytes`; at times across its end or astray. */
function target(random: Random, bytes: number): number {
  const kind = random()
  if (kind < 0.04) return WINDOW + WINDOW_BYTES - 1 - below(random, Math.max(1, bytes))
  if (kind < 0.05) return WINDOW + WINDOW_BYTES + below(random, 64)
  if (kind < 0.06) return WINDOW + WINDOW_BYTES + 0x1000 + below(random, 64)
  let at = 32 + below(random, WINDOW_BYTES - 64 - bytes)
  if (random() < (bytes === 16 ? 0.9 : 0.6)) at -= at % Math.min(16, Math.max(1, bytes))
  return WINDOW + at
}

/** Never into the instruction itself: that would run for ever, or run something else. */
const jump = (random: Random, most: number): bigint =>
  BigInt(random() < 0.5 ? CODE_MAX + below(random, most - CODE_MAX) : -40 - below(random, most - 40))

/** Bytes of the memory operand. */
const operandBytes = (row: Row, size: number): number => {
  const o = row.operands.find(each => 'MWQ'.includes(each.kind))
  return o === undefined ? size : o.size === 'x' ? 16 : typeof o.size === 'number' ? o.size : size
}

function instance(random: Random, s: Shape, code: Uint8Array | undefined): Case | undefined {
  const { row, bits, parts } = s, registers = BigUint64Array.from({ length: 16 }, () => integer(random))
  const size = operandSizeOf(row, parts), addressSize = addressSizeOf(parts), name = row.names[0]!
  const memory = Uint8Array.from({ length: WINDOW_BYTES }, () => below(random, 256))
  const words = new DataView(memory.buffer)
  const stackMask = bits === 64 ? M64 : bits === 32 ? 0xffffffffn : 0xffffn
  const dataBase = segmentBase(bits, DS), setLow = (n: number, v: bigint, bytes: number) => {
    const mask = bytes === 8 ? M64 : (1n << BigInt(8 * bytes)) - 1n
    registers[n] = (random() < 0.5 || bytes >= 4 ? 0n : registers[n]! & ~mask) | (v & mask)
  }
  // The stack, the string registers.
  registers[Reg.SP] = BigInt(WINDOW + 96 + below(random, 96) - dataBase) & stackMask
  if (random() < 0.7) registers[Reg.SP] = registers[Reg.SP]! & ~7n
  if (/^(leave|enter)/.test(name)) setLow(Reg.BP, BigInt(WINDOW + 96 + below(random, 64) - dataBase), bits === 64 ? 8 : bits === 32 ? 4 : 2)
  if (IMPLIED_STRING.test(row.syntax)) {
    setLow(Reg.SI, BigInt(target(random, 64) - segmentBase(bits, s.segment)), addressSize)
    setLow(Reg.DI, BigInt(target(random, 64) - (bits === 64 ? 0 : dataBase)), addressSize)
    if (random() < 0.9) setLow(Reg.CX, BigInt(below(random, 12)), addressSize)
    if (random() < 0.5) memory.fill(pick(random, [0, 0x55]))
    if (random() < 0.3) registers[Reg.AX] = words.getBigUint64(8 * below(random, 30), true)
  }
  if (name === 'xlat') setLow(Reg.BX, BigInt(WINDOW - segmentBase(bits, s.segment)), addressSize)
  if (/^(loop|jcxz)/.test(name) && random() < 0.6) setLow(Reg.CX, BigInt(below(random, 3)), addressSize)
  if (/^(div|idiv)$/.test(name) && random() < 0.7) {
    // Mostly a quotient that fits.
    const bytes = size
    registers[Reg.DX] = name === 'div' ? u64(random) >> BigInt(40 + below(random, 24))
      : BigInt.asIntN(8 * bytes, registers[Reg.AX]!) < 0n ? M64 : 0n
  }
  // Counts, indices of bits.
  if (/^(bt|bts|btr|btc)$/.test(name) && parts.reg !== Reg.SP) registers[parts.reg!] = BigInt(below(random, 400) - 200) & M64
  if (row.operands.some(o => o.text === 'cl') && random() < 0.7) registers[Reg.CX] = (registers[Reg.CX]! & ~0xffn) | BigInt(below(random, 70))
  if (/^pcmp[ei]str/.test(name) && random() < 0.6) {
    const letters = Array.from({ length: 1 + below(random, 6) }, () => below(random, 256))
    for (let i = 0; i < WINDOW_BYTES; i++) memory[i] = random() < 0.1 ? 0 : pick(random, letters)
  }
  if (/^pcmpestr/.test(name)) for (const n of [Reg.AX, Reg.DX]) if (random() < 0.7) registers[n] = BigInt(below(random, 40) - 20) & M64
  const double = /^sh[lr]d$/.test(name) && size === 2
  if (double) registers[Reg.CX] = (registers[Reg.CX]! & ~31n) | BigInt(below(random, 17))
  // The memory operand.
  const jumps = /^(jmp|call) Ev/.test(row.syntax)
  let m = parts.memory
  let placed: number | undefined
  if (m) {
    const bytes = operandBytes(row, size)
    let at = target(random, bytes)
    while (jumps && at + 8 > WINDOW + WINDOW_BYTES && at < WINDOW + WINDOW_BYTES) at = target(random, size)
    placed = at
    const want = BigInt(at - segmentBase(bits, s.segment))
    const value = (n: number) => registers[n]!
    if (addressSize === 2) {
      const pair = BASE16[m.pair!]!
      if (m.absolute) {
        if (!code) m = { ...m, disp: Number(BigInt.asIntN(16, want)) }
      } else {
        const fixedPart = pair[1] >= 0 ? BigInt.asUintN(16, value(pair[1])) : 0n
        setLow(pair[0], want - fixedPart - BigInt(m.disp), 2)
      }
    } else if (m.base !== 16) {
      const scaled = m.index >= 0 ? value(m.index) << BigInt(m.shift) : 0n
      const wrap = addressSize === 8 ? 64 : 32
      if (m.base >= 0 && m.base !== Reg.SP) registers[m.base] = BigInt.asUintN(wrap, want - scaled - BigInt(m.disp)) | (addressSize === 4 && bits === 64 ? u32(random) << 32n : 0n)
      else if (m.base === Reg.SP) {
        if (m.index >= 0) registers[m.index] = 0n
        m = { ...m, disp: code ? m.disp : Number(BigInt.asIntN(32, want - registers[Reg.SP]!)) % 128 }
        placed = Number(registers[Reg.SP]!) + m.disp + segmentBase(bits, s.segment)
      } else if (m.index >= 0 && !code) {
        registers[m.index] = BigInt(below(random, 16))
        m = { ...m, disp: Number(BigInt.asIntN(32, want - (registers[m.index]! << BigInt(m.shift)))) }
      } else if (m.index >= 0) registers[m.index] = BigInt(below(random, 16))
      else if (!code) m = { ...m, disp: Number(BigInt.asIntN(32, want)) }
    }
    if (/^cmpxchg/.test(name) && random() < 0.5 && at >= WINDOW && at + 8 <= WINDOW + WINDOW_BYTES) {
      words.setUint32(at - WINDOW, Number(registers[Reg.AX]! & 0xffffffffn), true)
      if (name === 'cmpxchg16b' && at + 16 <= WINDOW + WINDOW_BYTES) words.setBigUint64(at - WINDOW + 8, registers[Reg.DX]!, true)
      words.setUint32(at - WINDOW + 4, Number(name === 'cmpxchg8b' ? registers[Reg.DX]! & 0xffffffffn : registers[Reg.AX]! >> 32n), true)
    }
  }
  // Where jumps through registers and memory go.
  const ipBase = bits === 16 ? CODE16_BASE : 0
  // Beyond the canonical addresses the processor faults at the jump, we at the target.
  const astray = () => u64(random) >> 17n
  const ip = () => BigInt(START - ipBase + (random() < 0.5 ? 32 + below(random, 0x4000) : -below(random, 0x4000)))
  if (jumps) {
    if (placed === undefined) {
      if (parts.rm !== Reg.SP) registers[parts.rm!] = random() < 0.95 ? ip() : astray()
    } else if (placed >= WINDOW && placed + 8 <= WINDOW + WINDOW_BYTES)
      words.setBigUint64(placed - WINDOW, random() < 0.95 ? ip() : astray(), true)
  }
  if (name === 'ret') {
    const at = Number(registers[Reg.SP]!) + dataBase - WINDOW
    if (at >= 0 && at + 8 <= WINDOW_BYTES) words.setBigUint64(at, random() < 0.95 ? ip() : astray(), true)
  }

  let bytes = code
  if (!bytes) {
    const immediates = row.operands.filter(o => 'IJAO'.includes(o.kind)).map(o =>
      o.kind === 'J' ? jump(random, o.size === 1 ? 120 : 0x3000)
      : o.kind === 'O' ? BigInt(target(random, size) - segmentBase(bits, s.segment))
      : name === 'enter' ? BigInt(o.size === 1 ? below(random, 40) & (random() < 0.5 ? 3 : 63) : below(random, 64))
      : name === 'ret' ? BigInt(below(random, 48))
      : double ? BigInt(below(random, 17))
      : integer(random))
    bytes = encode(row, { ...parts, immediates, ...(m && { memory: m }) })
    if (m?.base === 16) {
      const disp = placed! - START - bytes.length - (s.segment >= FS ? segmentBase(bits, s.segment) : 0)
      m = { ...m, disp }
      bytes = encode(row, { ...parts, immediates, memory: m })
    }
    if (bytes.length > CODE_MAX - 1) return undefined
  }
  // With a count beyond 16 the result is undefined.
  if (double && row.operands[2]!.text === 'cl' && (registers[Reg.CX]! & 31n) > 16n) return undefined
  return { ...fixed(), code: bytes }

  function fixed() {
    const flags = (below(random, 0x1000) & Flag.ARITHMETIC) | (random() < 0.2 ? Flag.DF : 0)
      // What must be aligned was measured on a processor of Intel.
      | (!isAmd && random() < 0.1 ? Flag.AC : 0)
    return { row, bits, registers, flags, memory, fx: fpuImage(random) }
  }
}
