// Cases: a row with random operands, and register values that mix what instructions treat in their own way
// with random bits. Accesses go into the memory window, jumps into the code; now and then an access goes
// astray.
import { generator } from '../../../src/base/random.ts'
import { Builder } from '../../../src/ir/build.ts'
import { MemOp, opNames } from '../../../src/ir/ops.ts'
import { anyOperand, encode, type Row } from '../../../src/isa/pattern.ts'
import { Mode } from '../../../src/isa/riscv/cpu.ts'
import { decode16, decode32 } from '../../../src/isa/riscv/decode.ts'
import { lift } from '../../../src/isa/riscv/lift.ts'
import { type Case, CODE_BYTES, START, WINDOW, WINDOW_BYTES } from './machine.ts'

type Random = () => number
type AnyRow = Row<never>

// ECALL would make a system call of the reference.
const SKIPPED = new Set(['ecall'])
export const rows: readonly AnyRow[] = [...decode32.rows, ...decode16.rows].filter(r => !SKIPPED.has(r.name))

const M64 = 0xffffffffffffffffn
const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)]!
const u32 = (random: Random) => BigInt(Math.floor(random() * 0x100000000))
const u64 = (random: Random) => (u32(random) << 32n) | u32(random)

const boundaries = [0n, 1n, 2n, 7n, 8n, 31n, 32n, 33n, 63n, 64n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0x8000n,
  0xffffn, 0x7fffffffn, 0x80000000n, 0xffffffffn, 0x100000000n, 0x7fffffffffffffffn, 0x8000000000000000n]
const integers = [...boundaries, ...boundaries.map(v => ~v & M64), ...boundaries.map(v => -v & M64)]

function integer(random: Random): bigint {
  const kind = random()
  if (kind < 0.4) return pick(random, integers)
  if (kind < 0.5) return (pick(random, integers) + BigInt(Math.floor(random() * 5) - 2)) & M64
  if (kind < 0.6) return BigInt.asIntN(32, u32(random)) & M64
  if (kind < 0.7) return u64(random) >> BigInt(Math.floor(random() * 64))
  if (kind < 0.75) return 1n << BigInt(Math.floor(random() * 64))
  return u64(random)
}

const doubles = [0, 1, 1.5, 0.5, 2.5, 3, 2 ** 31, 2 ** 31 - 0.5, 2 ** 32, 2 ** 32 - 0.5, 2 ** 52, 2 ** 53,
  2 ** 63, 2 ** 64, 2 ** 62 * 1.5, 2 ** -1022, 2 ** -1074, 2 ** -1023, 2 ** -149, 2 ** -126, 2 ** -127,
  2 ** 127, 2 ** 128, 2 ** 1023, Number.MAX_VALUE, (2 - 2 ** -23) * 2 ** 127, Infinity, NaN,
  1 + 2 ** -52, 1 - 2 ** -53, 1 + 2 ** -23, 1 - 2 ** -24]
const floatBits = new DataView(new ArrayBuffer(8))
const bits64 = (v: number) => (floatBits.setFloat64(0, v), floatBits.getBigUint64(0))
const bits32 = (v: number) => (floatBits.setFloat32(0, v), BigInt(floatBits.getUint32(0)))
const special64 = [...doubles.map(bits64), 0x7ff0000000000001n, 0x7ff4000000000000n, 0x7fffffffffffffffn,
  0x000fffffffffffffn]
const special32 = [...doubles.map(bits32), 0x7f800001n, 0x7fa00000n, 0x7fffffffn, 0x007fffffn]

/** Bits of a floating-point number with `fraction` and `exponent` bits; exponents often close together, so
 * that sums cancel and products meet the limits. */
function float(random: Random, fraction: number, exponent: number, special: readonly bigint[]): bigint {
  const top = fraction + exponent, sign = random() < 0.5 ? 1n << BigInt(top) : 0n
  const kind = random()
  if (kind < 0.35) return pick(random, special) | sign
  if (kind < 0.45) return (pick(random, special) ^ BigInt(Math.floor(random() * 4))) | sign
  let mantissa = u64(random) & ((1n << BigInt(fraction)) - 1n)
  if (random() < 0.3) mantissa = (mantissa >> BigInt(Math.floor(random() * fraction))) << BigInt(Math.floor(random() * 3))
  if (random() < 0.3) mantissa &= -1n << BigInt(Math.floor(random() * fraction))
  mantissa &= (1n << BigInt(fraction)) - 1n
  const range = 1 << exponent
  const biased = kind < 0.75 ? range / 2 - 1 + Math.floor(random() * 16 - 8)
    : kind < 0.85 ? range / 2 - 1 + Math.floor(random() * 160 - 80) : Math.floor(random() * range)
  return (BigInt(Math.min(range - 1, Math.max(0, biased))) << BigInt(fraction)) | mantissa | sign
}
const BOX = 0xffffffff00000000n
/** A register's value; single-precision ones are boxed, seldom badly. */
function floatRegister(random: Random, single: boolean): bigint {
  if (!single) return float(random, 52, 11, special64)
  const v = float(random, 23, 8, special32)
  return random() < 0.97 ? v | BOX : v | ((u32(random) & 0xfffffffen) << 32n)
}

const halves = (row: AnyRow, word: number) => (row.bytes === 2 ? [word] : [word & 0xffff, word >>> 16])

/** What a row does in a block of its own: its accesses' base registers. */
type Access = { base: number | undefined; disp: number; size: number; aligned: boolean }
function accesses(code: readonly number[]): Access[] {
  const g = new Builder()
  g.begin(Number(START), 0)
  const dirty = (2 << Mode.FS_SHIFT) | Mode.NEAREST
  lift(g, { u8: () => -1, u16: at => code[at / 2] ?? -1 }, dirty, { maxInsns: 8 })
  const out: Access[] = [], b = g.block
  for (let i = 0; i < b.n; i++) {
    const name = opNames[b.op[i]!]!
    if (!/^(load|store|amo|cas)/.test(name)) continue
    const from = b.a[i]!, register = opNames[b.op[from]!] === 'get.l' ? b.lo[from] : undefined
    out.push({ base: register, disp: b.hi[i]!, size: 1 << (b.lo[i]! & MemOp.SIZE),
      aligned: (b.lo[i]! & MemOp.ALIGNED) !== 0 })
  }
  return out
}

/** A register to jump through, or undefined. */
const jumpBase = (row: AnyRow, o: Operands) => (/^(c\.)?jalr$|^c\.jr$/.test(row.name) ? o.rs1 : undefined)
const CODE_LENGTH = 16n
const insideCode = (target: bigint) => target >= START && target < START + CODE_LENGTH

type Operands = { [name: string]: number }
function operands(row: AnyRow, random: Random): Operands {
  for (;;) {
    const o: Operands = Object.fromEntries(row.operands.map(p => [p.name, anyOperand(p, random)]))
    // Jumps into the instruction itself would run something else, or for ever.
    if (/^c?\.?(b\w+|j|jal)$/.test(row.name) && o.imm !== undefined
      && insideCode(START + BigInt(o.imm))) continue
    // Counters differ from machine to machine, and from one time to the next.
    if (o.csr !== undefined) {
      o.csr = random() < 0.7 ? 1 + Math.floor(random() * 3) : o.csr
      if ((o.csr & 0xf00) === 0xc00) continue
    }
    if (o.rm !== undefined && random() < 0.5) o.rm = 7
    return o
  }
}

/** Cases without end. With `only` of one row; several cases in a row share their instruction. */
export function* cases(seed: number, only: readonly AnyRow[] = rows): Generator<Case, never> {
  const random = generator(seed)
  for (let n = 0; ; n++) {
    const row = only[n % only.length]!
    const o = operands(row, random)
    let code = halves(row, encode(row, o))
    // A store-conditional mostly gets its reservation, and sometimes somebody else's store in between.
    if (/^sc\./.test(row.name) && random() < 0.9) code = [...reserve(row, o, random), ...code]
    const access = accesses(code)
    for (let k = 0; k < 4; k++) yield instance(row, o, code, access, random)
  }
}

/** Vector loads and stores of whole registers: QEMU 7.2 executes them without the vector extension. */
const wholeRegister = (w: number) => (w & 0x5f) === 0x07 && (w >>> 20 & 0x1f) === 8
  && [0, 5, 6, 7].includes(w >>> 12 & 7)

/** Words that are no instruction to us: every compressed one, and `count` of 32 bits near valid ones. */
export function illegalCases(seed: number, count: number): Case[] {
  const random = generator(seed), out: Case[] = []
  const add = (code: number[]) => {
    const zero = new BigUint64Array(32)
    out.push({ name: 'illegal', code, x: zero, f: zero, fcsr: 0, memory: new Uint8Array(WINDOW_BYTES) })
  }
  for (let w = 0; w < 0x10000; w++) if ((w & 3) !== 3 && decode16.find(w) < 0) add([w])
  while (count > 0) {
    const row = pick(random, decode32.rows)
    let w = encode(row, operands(row, random))
    for (let flips = 1 + Math.floor(random() * 3); flips > 0; flips--) w ^= 1 << (2 + Math.floor(random() * 30))
    if (decode32.find(w) >= 0 || wholeRegister(w)) continue
    add([w & 0xffff, w >>> 16])
    count--
  }
  return out
}

const rowNamed = (name: string): AnyRow => rows.find(r => r.name === name)!
function reserve(row: AnyRow, o: Operands, random: Random): number[] {
  const wide = row.name === 'sc.d'
  const lr = rowNamed(wide ? 'lr.d' : 'lr.w'), store = rowNamed(wide ? 'sd' : 'sw')
  const free = Array.from({ length: 31 }, (_, i) => i + 1).filter(r => r !== o.rs1 && r !== o.rs2)
  const code = halves(lr, encode(lr, { rd: pick(random, free), rs1: o.rs1!, aq: 0, rl: 0 }))
  if (random() < 0.7) return code
  const rs2 = pick(random, [o.rs2!, ...free])
  return [...code, ...halves(store, encode(store, { rs1: o.rs1!, rs2, imm: 8 * Math.floor(random() * 2) }))]
}

function instance(
  row: AnyRow, o: Operands, code: readonly number[], access: readonly Access[], random: Random,
): Case {
  const x = BigUint64Array.from({ length: 32 }, (_, i) => (i === 0 ? 0n : integer(random)))
  const single = /\.s(\.|$)|\.s$/.test(row.name) || /^f[ls]w|^fmv\.(w|x\.w)/.test(row.name)
  const f = BigUint64Array.from({ length: 32 }, () =>
    floatRegister(random, random() < 0.05 ? !single : single))
  const memory = Uint8Array.from({ length: WINDOW_BYTES }, () => Math.floor(random() * 256))
  const base = access[0]?.base
  const astray = random() < 0.03
  if (base && !astray) {
    const { size, aligned, disp } = access[0]!
    const room = WINDOW_BYTES - 16
    let at = Math.floor(random() * room)
    if (aligned || random() < 0.7) at -= at % size
    x[base] = BigInt.asUintN(64, WINDOW + BigInt(at - disp))
    // What an atomic operation finds is often its operand, or a boundary.
    if (aligned && random() < 0.5) {
      const found = random() < 0.3 && o.rs2 ? x[o.rs2]! : integer(random)
      new DataView(memory.buffer).setBigUint64(at, found, true)
    }
  } else if (base && access[0]!.aligned) {
    x[base] = x[base]! & ~7n // misaligned atomics: QEMU's user mode allows them
  }
  const jump = jumpBase(row, o)
  if (jump && !astray) {
    for (;;) {
      const target = START + BigInt(Math.floor((random() - 0.5) * Number(CODE_BYTES / 2n)))
      x[jump] = BigInt.asUintN(64, target - BigInt(o.imm ?? 0))
      if (!insideCode(target & ~1n)) break
    }
  }
  const rounding = random() < 0.4 ? 0 : random() < 0.92 ? Math.floor(random() * 5) : Math.floor(random() * 8)
  const flags = random() < 0.5 ? 0 : Math.floor(random() * 32)
  return { name: row.name, code, x, f, fcsr: (rounding << 5) | flags, memory }
}
