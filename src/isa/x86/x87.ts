// What x87 instructions do to the registers: stack, rounding, exceptions, condition codes. Intel SDM volume 1, chapter 8; volume
// 2 for each instruction. Generated code calls these as runtime helpers with operands that it has loaded.
//
// Not modelled: FSCALE that leaves even the exponents of results out of range; transcendental functions are computed in double
// precision.
import * as sf from '../../base/softfloat.ts'
import { binary32, binary64, extended80, extendedWide, FLAG, type FloatContext, type Rounding, UNORDERED } from '../../base/softfloat.ts'
import type { FpStack } from '../../ir/fp-stack.ts'
import { cpuLayout, type CpuState } from './cpu.ts'

/** Bits of the status word. */
export const Fsw = { IE: 1, DE: 2, ZE: 4, OE: 8, UE: 0x10, PE: 0x20, SF: 0x40, ES: 0x80, C0: 0x100, C1: 0x200, C2: 0x400, C3: 0x4000, B: 0x8000 } as const
const CODES = Fsw.C0 | Fsw.C1 | Fsw.C2 | Fsw.C3, EXCEPTIONS = 0x3f
const f = extended80
const SIGN = f.signBit, INTEGER = f.integerBit, M64 = (1n << 64n) - 1n
/** What an invalid operation gives: a quiet NaN. */
const INDEFINITE = 0xffffc000000000000000n
const INTEGERS = { 16: 0x8000n, 32: 0x80000000n, 64: 0x8000000000000000n } as const
type Width = keyof typeof INTEGERS

const context = sf.floatContext('x87')
const PRECISION = [24, 0, 53, 0], ROUNDING: readonly Rounding[] = [0, 2, 3, 1]

/** The context of an operation as the control word has it; flags are clear. */
function begin(s: CpuState, precise = false): FloatContext {
  context.rounding = ROUNDING[(s.fcw >> 10) & 3]!
  context.precision = precise ? 0 : PRECISION[(s.fcw >> 8) & 3]!
  context.flags = 0
  context.up = false
  return context
}
const FLAGS = [[FLAG.NV, Fsw.IE], [FLAG.DE, Fsw.DE], [FLAG.DZ, Fsw.ZE], [FLAG.OF, Fsw.OE], [FLAG.UF, Fsw.UE], [FLAG.NX, Fsw.PE]] as const
const raised = (): number => FLAGS.reduce((all, [from, to]) => (context.flags & from ? all | to : all), 0)

/** Notes exceptions; true if the instruction goes on. Those that are found before there is a result end it if they are not
 * masked, and nothing else is noted. */
function note(s: CpuState, flags: number): boolean {
  const unmasked = flags & ~s.fcw & EXCEPTIONS, early = unmasked & (Fsw.IE | Fsw.DE | Fsw.ZE)
  s.fsw |= early ? flags & (Fsw.IE | Fsw.DE | Fsw.ZE | Fsw.SF) : flags
  if (unmasked) s.fsw |= Fsw.ES | Fsw.B
  if (early) codes(s, 0, Fsw.C1)
  return early === 0
}
/** After the exceptions were changed by themselves. */
export function updateSummary(s: CpuState): void {
  s.fsw = s.fsw & ~s.fcw & EXCEPTIONS ? s.fsw | Fsw.ES | Fsw.B : s.fsw & ~(Fsw.ES | Fsw.B)
}
const codes = (s: CpuState, set: number, of: number = CODES): void => void (s.fsw = (s.fsw & ~of) | set)
/** C1 says that the result was rounded up. */
const roundedUp = (s: CpuState): void => codes(s, context.flags & FLAG.NX && context.up ? Fsw.C1 : 0, Fsw.C1)

// The stack.

const physical = (s: CpuState, i: number): number => (s.ftop + i) & 7
const isEmpty = (s: CpuState, i: number): boolean => !((s.ftw >> physical(s, i)) & 1)
export const get = (s: CpuState, i: number): bigint => {
  const n = physical(s, i)
  return (BigInt(s.fpExponent[n]!) << 64n) | s.fpMantissa.get(n)
}
function set(s: CpuState, i: number, v: bigint): void {
  const n = physical(s, i)
  s.fpMantissa.set(n, v & M64)
  s.fpExponent[n] = Number(v >> 64n)
  s.ftw |= 1 << n
}
function pop(s: CpuState): void {
  s.ftw &= ~(1 << s.ftop)
  s.ftop = (s.ftop + 1) & 7
}
function push(s: CpuState, v: bigint): void {
  s.ftop = (s.ftop - 1) & 7
  set(s, 0, v)
}
/** True if all of the registers hold something; if not, that is noted as an invalid operation, with what masked ones leave. */
function holds(s: CpuState, indices: readonly number[], otherwise: () => void): boolean {
  if (!indices.some(i => isEmpty(s, i))) return true
  codes(s, 0, Fsw.C1)
  if (note(s, Fsw.IE | Fsw.SF)) otherwise()
  return false
}
/** True if there is room for another value; if not, what it would overwrite becomes the indefinite one. */
function hasRoom(s: CpuState): boolean {
  if (isEmpty(s, 7)) return true
  const masked = note(s, Fsw.IE | Fsw.SF)
  codes(s, Fsw.C1, Fsw.C1)
  if (masked) push(s, INDEFINITE)
  return false
}
const load = (s: CpuState, v: bigint): void => {
  if (!hasRoom(s)) return
  if (!note(s, raised())) return
  codes(s, 0, Fsw.C1)
  push(s, v)
}

// Operands from memory.

type Source = (bits: bigint) => bigint
const single: Source = v => sf.convert(binary32, f, v & 0xffffffffn, context)
const double: Source = v => sf.convert(binary64, f, v, context)
const integer = (width: Width): Source => v => {
  const { rounding, precision, flags } = context
  context.precision = 0
  const r = sf.fromInt(f, v, width, true, context)
  Object.assign(context, { rounding, precision, flags })
  return r
}
const sources = { m32: single, m64: double, i16: integer(16), i32: integer(32), i64: integer(64) } as const
export type SourceName = keyof typeof sources

// Arithmetic.

type Arithmetic = (a: bigint, b: bigint) => bigint
const arithmetic: { readonly [name: string]: (format: sf.FloatFormat) => Arithmetic } = {
  add: g => (a, b) => sf.add(g, a, b, context), mul: g => (a, b) => sf.mul(g, a, b, context),
  sub: g => (a, b) => sf.sub(g, a, b, context), subr: g => (a, b) => sf.sub(g, b, a, context),
  div: g => (a, b) => sf.div(g, a, b, context), divr: g => (a, b) => sf.div(g, b, a, context),
}
const RANGE = Fsw.OE | Fsw.UE, BIAS = 24576, WIDER = extendedWide.bias - f.bias
/** A result that is out of range where that is not masked: its exponent is brought back by a constant. Flags are those of the
 * rounding alone. 8.5.4, 8.5.5. */
function biased(s: CpuState, operate: (format: sf.FloatFormat) => Arithmetic, a: bigint, b: bigint, overflow: boolean): bigint {
  const flags = context.flags & FLAG.DE, widen = (v: bigint) => sf.convert(f, extendedWide, v, context)
  const x = widen(a), y = widen(b)
  context.flags = flags
  const r = operate(extendedWide)(x, y), exponent = Number((r >> 64n) & 0x1ffffn) - WIDER + (overflow ? -BIAS : BIAS)
  s.fsw |= overflow ? Fsw.OE : Fsw.UE
  return (BigInt(exponent & 0x7fff) << 64n) | (r & M64) | (r >> 81n ? SIGN : 0n)
}
export const ARITHMETIC = ['add', 'mul', 'com', 'comp', 'sub', 'subr', 'div', 'divr'] as const

/** ST(to) from ST(to) and a value; `late`: what was found out about it before. */
function calculate(s: CpuState, name: string, to: number, b: bigint, times: number): void {
  const a = get(s, to), operate = arithmetic[name]!, subnormal = context.flags & FLAG.DE
  context.flags &= ~FLAG.DE
  let r = operate(f)(a, b)
  if (!isNaNumber(r)) context.flags |= subnormal // a NaN goes before
  const tiny = exponentOf(r) === 0 && (r & M64) !== 0n ? Fsw.UE : 0, lost = (raised() | tiny) & RANGE & ~s.fcw
  if (lost && !(raised() & ~s.fcw & (Fsw.IE | Fsw.DE | Fsw.ZE))) r = biased(s, operate, a, b, (lost & Fsw.OE) !== 0)
  if (!note(s, raised() | lost)) return
  roundedUp(s)
  set(s, to, r)
  for (let n = 0; n < times; n++) pop(s)
}
const withMemory = (name: string, source: SourceName) => (s: CpuState, _i: number, v: bigint): void => {
  begin(s)
  if (!holds(s, [0], () => set(s, 0, INDEFINITE))) return
  calculate(s, name, 0, sources[source](v), 0)
}
const toTop = (name: string) => (s: CpuState, i: number): void => {
  begin(s)
  if (holds(s, [0, i], () => set(s, 0, INDEFINITE))) calculate(s, name, 0, get(s, i), 0)
}
/** ST(i) from itself and ST(0), which is popped that often. */
const toRegister = (name: string, times: number) => (s: CpuState, i: number): void => {
  begin(s)
  const missing = () => {
    set(s, i, INDEFINITE)
    for (let n = 0; n < times; n++) pop(s)
  }
  if (holds(s, [0, i], missing)) calculate(s, name, i, get(s, 0), times)
}

/** An operation on ST(0) alone. */
const onTop = (operation: (s: CpuState, a: bigint) => bigint) => (s: CpuState): void => {
  begin(s)
  if (!holds(s, [0], () => set(s, 0, INDEFINITE))) return
  const r = operation(s, get(s, 0))
  if (!note(s, raised())) return
  roundedUp(s)
  set(s, 0, r)
}

// Comparison.

/** The order, and whether the instruction goes on. */
function order(s: CpuState, a: bigint, b: bigint, signaling: boolean): { readonly r: sf.Ordering; readonly on: boolean } {
  const subnormal = context.flags & FLAG.DE
  context.flags &= ~FLAG.DE
  const r = sf.compare(f, a, b, context, signaling)
  if (r !== UNORDERED) context.flags |= subnormal
  return { r, on: note(s, raised()) }
}
const ORDER_CODES = { [-1]: Fsw.C0, 0: Fsw.C3, 1: 0, [UNORDERED]: Fsw.C3 | Fsw.C2 | Fsw.C0 }
function compareWith(s: CpuState, b: () => bigint, registers: readonly number[], signaling: boolean, pops: number): void {
  const done = (r: sf.Ordering) => {
    codes(s, ORDER_CODES[r])
    for (let n = 0; n < pops; n++) pop(s)
  }
  begin(s)
  let masked = false
  if (!holds(s, registers, () => {
    masked = true
    done(UNORDERED)
  })) {
    if (!masked) codes(s, ORDER_CODES[UNORDERED])
    return
  }
  const other = b(), { r, on } = order(s, get(s, 0), other, signaling)
  if (on) done(r)
  else codes(s, ORDER_CODES[r])
}
const compareMemory = (source: SourceName, pops: number) => (s: CpuState, _i: number, v: bigint): void =>
  compareWith(s, () => sources[source](v), [0], true, pops)
const compareRegister = (signaling: boolean, pops: number) => (s: CpuState, i: number): void =>
  compareWith(s, () => get(s, i), [0, i], signaling, pops)
/** The result as flags: bit 0 carry, 1 zero, 2 parity. */
const compareFlags = (signaling: boolean, pops: number) => (s: CpuState, i: number): bigint => {
  begin(s)
  let r: sf.Ordering = UNORDERED, on = false
  const c1 = s.fsw & Fsw.C1
  if (holds(s, [0, i], () => { on = true })) {
    const found = order(s, get(s, 0), get(s, i), signaling)
    r = found.r
    on = found.on
    codes(s, c1, Fsw.C1)
  }
  if (on) for (let n = 0; n < pops; n++) pop(s)
  return r === UNORDERED ? 7n : r === 0 ? 2n : r < 0 ? 1n : 0n
}

/** What kind of number it is: FXAM. */
function examine(s: CpuState): void {
  const v = get(s, 0), sign = v & SIGN ? Fsw.C1 : 0, exponent = Number((v >> 64n) & 0x7fffn), mantissa = v & M64
  let kind: number
  if (isEmpty(s, 0)) kind = Fsw.C3 | Fsw.C0
  else if (exponent === 0) kind = mantissa === 0n ? Fsw.C3 : Fsw.C3 | Fsw.C2
  else if (!(mantissa & INTEGER)) kind = 0
  else if (exponent === 0x7fff) kind = mantissa === INTEGER ? Fsw.C2 | Fsw.C0 : Fsw.C0
  else kind = Fsw.C2
  codes(s, kind | sign)
}

// Stores: the value goes back to generated code, which stores it if `stored` says so.

type Stored = (s: CpuState, i: number) => bigint
/** Whether the value of the last helper is to be stored: 1 in `fpStored`. */
const storing = (s: CpuState, value: bigint, ok: boolean, pops: number): bigint => {
  s.fpStored = ok ? 1 : 0
  if (ok) for (let n = 0; n < pops; n++) pop(s)
  return value
}
function store(s: CpuState, missing: bigint, value: (v: bigint) => bigint, pops: number): bigint {
  begin(s, true)
  if (isEmpty(s, 0)) {
    codes(s, 0, Fsw.C1)
    return storing(s, missing, note(s, Fsw.IE | Fsw.SF), pops)
  }
  const r = value(get(s, 0)), flags = raised(), lost = flags & ~s.fcw & RANGE
  if (!note(s, lost ? flags & ~Fsw.PE : flags)) return storing(s, 0n, false, pops)
  if (lost) codes(s, 0, Fsw.C1)
  else roundedUp(s)
  return storing(s, r, !lost, pops)
}
const storeFloat = (to: typeof binary32 | typeof binary64, pops: number): Stored => s =>
  store(s, to === binary32 ? 0xffc00000n : 0xfff8000000000000n, v => sf.convert(f, to, v, context), pops)
const storeInteger = (width: Width, truncate: boolean, pops: number): Stored => s =>
  store(s, INTEGERS[width], v => sf.toInt(f, v, width, true, context, truncate ? sf.ROUND.RTZ : context.rounding), pops)
/** Of 80 bits: the mantissa; sign and exponent lie in `fpStoredHigh`. No exceptions but of the stack. */
const storeExtended: Stored = s => {
  const missing = isEmpty(s, 0), v = missing ? INDEFINITE : get(s, 0)
  codes(s, 0, Fsw.C1)
  s.fpStoredHigh = Number(v >> 64n)
  return storing(s, v & M64, !missing || note(s, Fsw.IE | Fsw.SF), 1)
}
const BCD_DIGITS = 18, BCD_LIMIT = 10n ** BigInt(BCD_DIGITS), BCD_MISSING = [0xc000000000000000n, 0xffff] as const
const storeDecimal: Stored = s => {
  s.fpStoredHigh = BCD_MISSING[1]
  return store(s, BCD_MISSING[0], v => {
    const n = BigInt.asIntN(64, sf.toInt(f, v, 64, true, context)), magnitude = n < 0n ? -n : n
    if (context.flags & FLAG.NV || magnitude >= BCD_LIMIT) {
      context.flags = FLAG.NV
      return BCD_MISSING[0]
    }
    const digits = BigInt(`0x${magnitude.toString().padStart(BCD_DIGITS, '0')}`)
    s.fpStoredHigh = Number(digits >> 64n) | (v & SIGN ? 0x8000 : 0)
    return digits & M64
  }, 1)
}
function loadDecimal(s: CpuState, _i: number, low: bigint, high: bigint): void {
  begin(s, true)
  let n = 0n
  for (let i = 17; i >= 0; i--) n = n * 10n + ((((high & 0xffn) << 64n) | low) >> BigInt(4 * i) & 15n)
  load(s, sf.fromInt(f, n, 64, false, context) | (high & 0x8000n ? SIGN : 0n))
}

// Remainders, exponents.

const exponentOf = (v: bigint): number => Number((v >> 64n) & 0x7fffn)
const isFinite = (v: bigint): boolean => exponentOf(v) !== 0x7fff && (exponentOf(v) === 0 || (v & INTEGER) !== 0n)
const isSubnormal = (v: bigint): boolean => exponentOf(v) === 0 && (v & M64) !== 0n
/** A finite number as ±m · 2^e. */
const parts = (v: bigint): { readonly m: bigint; readonly e: number } => ({ m: v & M64, e: Math.max(1, exponentOf(v)) - 16383 - 63 })
/** FPREM (towards zero) and FPREM1 (to nearest): at most 63 bits of the quotient are worked off at once. */
const remainder = (nearest: boolean) => (s: CpuState): void => {
  begin(s)
  codes(s, 0, Fsw.C1 | Fsw.C2)
  if (!holds(s, [0, 1], () => set(s, 0, INDEFINITE))) return
  const a = get(s, 0), b = get(s, 1), whole = sf.rem(f, a, b, context, nearest ? 'nearest' : 'truncated')
  if (!note(s, raised())) return
  if (isNaNumber(whole)) return set(s, 0, whole)
  codes(s, 0)
  if (!isFinite(b) || (a & ~SIGN) === 0n) return set(s, 0, whole)
  const x = parts(a), y = parts(b), lengthOf = (n: { m: bigint; e: number }) => n.m.toString(2).length + n.e, distance = lengthOf(x) - lengthOf(y)
  if (distance < 64) {
    const e = Math.min(x.e, y.e), n = x.m << BigInt(x.e - e), d = y.m << BigInt(y.e - e), rest = n % d
    let q = n / d
    if (nearest && (2n * rest > d || (2n * rest === d && q & 1n))) q++
    codes(s, (q & 4n ? Fsw.C0 : 0) | (q & 2n ? Fsw.C3 : 0) | (q & 1n ? Fsw.C1 : 0))
    return set(s, 0, whole)
  }
  // A part of it: what is left is smaller by 32 to 63 bits.
  const by = distance - (32 + (distance % 32)), n = x.m << BigInt(Math.max(0, x.e - y.e - by))
  const left = n - (n / y.m) * y.m, r = left === 0n ? 0n : sf.fromInt(f, left, 128, false, context)
  const scaled = r === 0n ? 0n : r + (BigInt(y.e + by) << 64n)
  codes(s, Fsw.C2)
  set(s, 0, scaled | (a & SIGN))
}

function scale(s: CpuState): void {
  begin(s, true)
  if (!holds(s, [0, 1], () => set(s, 0, INDEFINITE))) return
  const a = get(s, 0), b = get(s, 1), infinite = (v: bigint) => exponentOf(v) === 0x7fff && (v & M64) === INTEGER
  let r: bigint
  if (!isFinite(a) && !infinite(a)) r = sf.add(f, a, b, context)
  else if (!isFinite(b) && !infinite(b)) r = sf.add(f, b, a, context)
  else if (infinite(b)) {
    const down = (b & SIGN) !== 0n, invalid = down ? infinite(a) : (a & ~SIGN) === 0n
    if (invalid) context.flags |= FLAG.NV
    r = invalid ? INDEFINITE : down ? a & SIGN : infinite(a) ? a : (a & SIGN) | f.infinity
  } else if (infinite(a) || (a & ~SIGN) === 0n) r = a
  else {
    const flags = context.flags, n = Number(BigInt.asIntN(32, sf.toInt(f, b, 32, true, { ...context, rounding: sf.ROUND.RTZ })))
    context.flags = flags
    const by = exponentOf(b) > 16383 + 30 ? (b & SIGN ? -70000 : 70000) : n
    r = scaled(a, by)
  }
  if (!isNaNumber(r) && (isSubnormal(a) || isSubnormal(b))) context.flags |= FLAG.DE
  if (!note(s, raised())) return
  roundedUp(s)
  set(s, 0, r)
}
/** A finite number times a power of two, rounded once. */
function scaled(a: bigint, by: number): bigint {
  const wide = sf.convert(f, extendedWide, a, context), factor = (BigInt(extendedWide.bias + Math.max(-40000, Math.min(40000, by))) << 64n) | INTEGER
  return sf.convert(extendedWide, f, sf.mul(extendedWide, wide, factor, context), context)
}

/** The exponent takes the number's place, the significand is pushed. */
function extract(s: CpuState): void {
  begin(s, true)
  if (!holds(s, [0], () => {
    set(s, 0, INDEFINITE)
    push(s, INDEFINITE)
  })) return
  if (!isEmpty(s, 7) && !(~s.fcw & Fsw.IE)) set(s, 0, INDEFINITE)
  if (!hasRoom(s)) return
  const a = get(s, 0)
  let exponent: bigint, significand: bigint
  if ((a & ~SIGN) === 0n) {
    context.flags |= FLAG.DZ
    exponent = SIGN | f.infinity
    significand = a
  } else if (!isFinite(a)) {
    const infinite = (a & M64) === INTEGER && exponentOf(a) === 0x7fff
    exponent = infinite ? f.infinity : sf.add(f, a, a, context)
    significand = infinite ? a : exponent
  } else {
    const { m, e } = parts(a), length = m.toString(2).length
    if (exponentOf(a) === 0) context.flags |= FLAG.DE
    exponent = sf.fromInt(f, BigInt(e + length - 1), 32, true, context)
    significand = (a & SIGN) | (16383n << 64n) | (m << BigInt(64 - length))
  }
  if (!note(s, raised())) return
  codes(s, 0, Fsw.C1)
  set(s, 0, exponent)
  push(s, significand)
}

// Constants: 66 bits and more of each, rounded as the control word says. Intel SDM volume 1, 8.3.8.

const constant = (sign: number, significand: bigint, exponent: number) => (s: CpuState): void => {
  begin(s, true)
  const exact = (significand & ((1n << 64n) - 1n)) === 0n
  let m = significand >> 64n
  const rest = significand & ((1n << 64n) - 1n), half = 1n << 63n
  if (!exact && (context.rounding === sf.ROUND.RNE ? rest > half : context.rounding === sf.ROUND.RUP)) m++
  load(s, (BigInt((sign << 15) | (16383 + exponent)) << 64n) | m)
}
const power = (n: number): bigint => 1n << BigInt(n)
/** Upper 128 bits of the significands. */
const CONSTANTS = {
  one: [0, power(127), 0], log2Of10: [0, 0xd49a784bcd1b8afe492bf6ff4dafdb4cn, 1], log2OfE: [0, 0xb8aa3b295c17f0bbbe87fed0691d3e88n, 0],
  pi: [0, 0xc90fdaa22168c234c4c6628b80dc1cd1n, 1], log10Of2: [0, 0x9a209a84fbcff7988f8959ac0b7c9178n, -2],
  logOf2: [0, 0xb17217f7d1cf79abc9e3b39803f2f6afn, -1],
} as const

// Transcendental functions, in double precision.

const asNumber = new Float64Array(1), asBits = new BigUint64Array(asNumber.buffer)
const scratch = sf.floatContext('x87')
function toNumber(v: bigint): number {
  asBits[0] = sf.convert(f, binary64, v, scratch)
  return asNumber[0]!
}
function fromNumber(x: number): bigint {
  asNumber[0] = x
  return sf.convert(binary64, f, asBits[0]!, scratch)
}
const isNaNumber = (v: bigint): boolean => exponentOf(v) === 0x7fff && (v & M64) !== INTEGER
/** Of a NaN what arithmetic makes of it; of other operands the function, which is inexact unless it gives its operand back. */
function transcendental(a: bigint, compute: (x: number) => number): bigint {
  if (isNaNumber(a) || (exponentOf(a) !== 0 && !(a & INTEGER))) return sf.add(f, a, a, context)
  if (exponentOf(a) === 0 && (a & M64) !== 0n) context.flags |= FLAG.DE
  const r = compute(toNumber(a))
  if (Number.isNaN(r)) {
    context.flags |= FLAG.NV
    return INDEFINITE
  }
  const v = fromNumber(r)
  if (v !== a && r !== 0 && Math.abs(r) !== 1) context.flags |= FLAG.NX
  return v
}
/** Beyond 2^63 the operand is left alone and C2 says so. */
const trigonometric = (results: readonly ((x: number) => number)[], one = false) => (s: CpuState): void => {
  begin(s)
  const missing = () => {
    set(s, 0, INDEFINITE)
    if (results.length > 1 || one) push(s, INDEFINITE)
  }
  if (!holds(s, [0], missing) || ((results.length > 1 || one) && !hasRoom(s))) return
  const a = get(s, 0)
  codes(s, 0, Fsw.C2 | Fsw.C1)
  if (isFinite(a) && exponentOf(a) >= 16383 + 63) return codes(s, Fsw.C2, Fsw.C2)
  const zero = (a & ~SIGN) === 0n, all = results.map(r => (zero && r !== Math.cos ? a : transcendental(a, r)))
  if (!note(s, raised())) return
  set(s, 0, all[0]!)
  if (all[1] !== undefined) push(s, all[1])
  else if (one) push(s, isNaNumber(all[0]!) ? all[0]! : (16383n << 64n) | INTEGER)
}
/** Of ST(0) and ST(1), popping one. */
const binaryFunction = (compute: (x: number, y: number) => number) => (s: CpuState): void => {
  begin(s)
  if (!holds(s, [0, 1], () => {
    set(s, 1, INDEFINITE)
    pop(s)
  })) return
  const a = get(s, 0), b = get(s, 1)
  const r = isNaNumber(a) || isNaNumber(b) ? sf.add(f, a, b, context) : transcendental(a, x => compute(x, toNumber(b)))
  if (!note(s, raised())) return
  codes(s, 0, Fsw.C1)
  set(s, 1, r)
  pop(s)
}

// The control unit.

export function initialize(s: CpuState): void {
  s.fcw = 0x37f
  s.fsw = s.ftop = s.ftw = s.fop = s.fcs = s.fds = 0
  s.fip = s.fdp = 0n
}

type Helper = (s: CpuState, i: number, a: bigint, b: bigint) => bigint | void

/** All helpers by name; generated code knows them by number. */
const helpers = {
  ...Object.fromEntries((Object.keys(sources) as SourceName[]).flatMap(source => ARITHMETIC.map((name): [string, Helper] =>
    [`${name} ${source}`, name === 'com' ? compareMemory(source, 0) : name === 'comp' ? compareMemory(source, 1) : withMemory(name, source)]))),
  ...Object.fromEntries(Object.keys(arithmetic).flatMap((name): [string, Helper][] =>
    [[`${name} st`, toTop(name)], [`${name} i`, toRegister(name, 0)], [`${name}p i`, toRegister(name, 1)]])),
  ...Object.fromEntries((Object.keys(sources) as SourceName[]).map((source): [string, Helper] => [`ld ${source}`, (s, _i, v) => {
    begin(s, true)
    load(s, sources[source](v))
  }])),
  'ld t': (s, _i, low, high) => {
    begin(s)
    load(s, ((high & 0xffffn) << 64n) | low)
  },
  'ld st': (s, i) => {
    begin(s)
    if (isEmpty(s, i)) {
      codes(s, 0, Fsw.C1)
      if (note(s, Fsw.IE | Fsw.SF)) push(s, INDEFINITE)
    } else load(s, get(s, i))
  },
  'bld': loadDecimal, 'bstp': storeDecimal, 'stp t': storeExtended,
  'st m32': storeFloat(binary32, 0), 'stp m32': storeFloat(binary32, 1), 'st m64': storeFloat(binary64, 0), 'stp m64': storeFloat(binary64, 1),
  ...Object.fromEntries(([16, 32, 64] as const).flatMap((w): [string, Helper][] => [
    [`ist ${w}`, storeInteger(w, false, 0)], [`istp ${w}`, storeInteger(w, false, 1)], [`isttp ${w}`, storeInteger(w, true, 1)],
  ])),
  ...Object.fromEntries([0, 1].map((pops): [string, Helper] => [`st${pops ? 'p' : ''} st`, (s, i) => {
    const missing = isEmpty(s, 0), v = missing ? INDEFINITE : get(s, 0)
    codes(s, 0, Fsw.C1)
    if (missing && !note(s, Fsw.IE | Fsw.SF)) return
    set(s, i, v)
    if (pops) pop(s)
  }])),
  'com st': compareRegister(true, 0), 'comp st': compareRegister(true, 1), 'compp': compareRegister(true, 2),
  'ucom st': compareRegister(false, 0), 'ucomp st': compareRegister(false, 1), 'ucompp': compareRegister(false, 2),
  'comi': compareFlags(true, 0), 'comip': compareFlags(true, 1), 'ucomi': compareFlags(false, 0), 'ucomip': compareFlags(false, 1),
  'tst': s => compareWith(s, () => 0n, [0], true, 0), 'xam': examine,
  'xch': (s, i) => {
    codes(s, 0, Fsw.C1)
    const empty = [0, i].filter(n => isEmpty(s, n))
    if (empty.length && !note(s, Fsw.IE | Fsw.SF)) return
    for (const n of empty) set(s, n, INDEFINITE)
    const a = get(s, 0), b = get(s, i)
    set(s, 0, b)
    set(s, i, a)
  },
  // With the condition, as a number, in a.
  'cmov': (s, i, condition) => {
    if (holds(s, [0, i], () => set(s, 0, INDEFINITE)) && condition) set(s, 0, get(s, i))
  },
  'chs': s => void (holds(s, [0], () => set(s, 0, INDEFINITE)) && (codes(s, 0, Fsw.C1), set(s, 0, get(s, 0) ^ SIGN))),
  'abs': s => void (holds(s, [0], () => set(s, 0, INDEFINITE)) && (codes(s, 0, Fsw.C1), set(s, 0, get(s, 0) & ~SIGN))),
  'sqrt': onTop((_s, a) => sf.sqrt(f, a, context)),
  'rndint': onTop((_s, a) => {
    context.precision = 0
    return sf.roundToInt(f, a, context, true)
  }),
  'prem': remainder(false), 'prem1': remainder(true), 'scale': scale, 'xtract': extract,
  'ld1': constant(...CONSTANTS.one), 'ldl2t': constant(...CONSTANTS.log2Of10), 'ldl2e': constant(...CONSTANTS.log2OfE),
  'ldpi': constant(...CONSTANTS.pi), 'ldlg2': constant(...CONSTANTS.log10Of2), 'ldln2': constant(...CONSTANTS.logOf2),
  'ldz': s => {
    begin(s)
    load(s, 0n)
  },
  '2xm1': onTop((_s, a) => ((a & ~SIGN) === 0n ? a : transcendental(a, x => Math.expm1(x * Math.LN2)))),
  'yl2x': binaryFunction((x, y) => {
    if (x === 0 && y !== 0 && Number.isFinite(y)) context.flags |= FLAG.DZ
    return y * Math.log2(x)
  }),
  'yl2xp1': binaryFunction((x, y) => y * Math.log1p(x) * Math.LOG2E),
  'patan': binaryFunction((x, y) => Math.atan2(y, x)),
  'ptan': trigonometric([Math.tan], true), 'sin': trigonometric([Math.sin]), 'cos': trigonometric([Math.cos]), 'sincos': trigonometric([Math.sin, Math.cos]),
  'decstp': s => {
    codes(s, 0, Fsw.C1)
    s.ftop = (s.ftop - 1) & 7
  },
  'incstp': s => {
    codes(s, 0, Fsw.C1)
    s.ftop = (s.ftop + 1) & 7
  },
  'free': (s, i) => {
    codes(s, 0, Fsw.C1)
    s.ftw &= ~(1 << physical(s, i))
  },
  'clex': s => void (s.fsw &= ~(EXCEPTIONS | Fsw.SF | Fsw.ES | Fsw.B)),
  'init': initialize,
  'ldcw': (s, _i, v) => {
    s.fcw = (Number(v & 0xffffn) & 0x1f7f) | 0x40
    updateSummary(s)
  },
} satisfies { readonly [name: string]: Helper } as { readonly [name: string]: Helper }

const list = Object.values(helpers), numbers = new Map(Object.keys(helpers).map((name, n) => [name, n]))
/** Helper numbers from here on. */
export const X87_CALLS = 0x100
export const x87Stack: FpStack = {
  mantissas: cpuLayout.offsets.fpMantissa, exponents: cpuLayout.offsets.fpExponent, control: cpuLayout.offsets.fcw,
  status: cpuLayout.offsets.fsw, top: cpuLayout.offsets.ftop, tags: cpuLayout.offsets.ftw, stored: cpuLayout.offsets.fpStored,
  first: X87_CALLS, helpers: Object.keys(helpers),
}
export function helperOf(name: string, i = 0): number {
  const n = numbers.get(name)
  if (n === undefined) throw new Error(`no x87 helper '${name}'`)
  return X87_CALLS + 8 * n + i
}
/** Runs a helper; what it gives back is 0 where it gives nothing. */
export const callX87 = (s: CpuState, helper: number, a: bigint, b: bigint): bigint =>
  list[(helper - X87_CALLS) >> 3]!(s, helper & 7, a, b) ?? 0n
