// The x87 environment and the whole state in memory: FLDENV, FNSTENV, FRSTOR, FNSAVE, in the layouts of 16 and 32 bits, real and
// protected. Intel SDM volume 1, 8.1.10.
import { type Core, Done, isReal } from './core.ts'
import { type CpuState, SystemArg } from './cpu.ts'
import { aligned, ANY_ALIGNMENT, argWord, held, inSegment, operandSegment, placeOf, read, writable, write } from './memory.ts'
import { initialize, updateSummary } from './x87.ts'

const REGISTER_BYTES = 10, REGISTERS = 8 * REGISTER_BYTES
const isWide = (arg: number): boolean => ((arg >>> SystemArg.OPERAND_SHIFT) & 3) !== 1
const environmentBytes = (arg: number): number => (isWide(arg) ? 28 : 14)

/** Two bits for each physical register: 0 valid, 1 zero, 2 special, 3 empty. */
function tagWord(s: CpuState): number {
  let word = 0
  for (let n = 0; n < 8; n++) {
    const exponent = s.fpExponent[n]! & 0x7fff, mantissa = s.fpMantissa.get(n)
    const tag = !((s.ftw >> n) & 1) ? 3 : exponent === 0 && mantissa === 0n ? 1
      : exponent === 0 || exponent === 0x7fff || !(mantissa >> 63n) ? 2 : 0
    word |= tag << (2 * n)
  }
  return word
}

/** Control, status and tag words, then pointers to the last instruction and its operand. */
function environment(c: Core, arg: number): number[] {
  const { s } = c, status = s.fsw | (s.ftop << 11), ip = Number(s.fip & 0xffffffffn), dp = Number(s.fdp & 0xffffffffn), real = isReal(c)
  if (isWide(arg)) {
    const upper = (n: number) => ((n >>> 16) & 0xffff) << 12
    return real
      ? [s.fcw | 0xffff0000, status | 0xffff0000, tagWord(s) | 0xffff0000, (ip & 0xffff) | 0xffff0000, upper(ip) | s.fop, (dp & 0xffff) | 0xffff0000, upper(dp)]
      : [s.fcw | 0xffff0000, status | 0xffff0000, tagWord(s) | 0xffff0000, ip, s.fcs | (s.fop << 16), dp, s.fds | 0xffff0000]
  }
  const upper = (n: number) => ((n >>> 16) & 15) << 12
  return real ? [s.fcw, status, tagWord(s), ip, upper(ip) | s.fop, dp, upper(dp)] : [s.fcw, status, tagWord(s), ip, s.fcs, dp, s.fds]
}
function loadEnvironment(c: Core, arg: number, words: readonly number[]): void {
  const { s } = c, wide = isWide(arg), real = isReal(c)
  const [control, status, tags, ip, ipHigh, dp, dpHigh] = words as [number, number, number, number, number, number, number]
  s.fcw = (control & 0x1f7f) | 0x40
  s.fsw = status & 0xffff & ~0x3800
  s.ftop = (status >> 11) & 7
  s.ftw = Array.from({ length: 8 }, (_, n) => ((tags >> (2 * n)) & 3) !== 3 ? 1 << n : 0).reduce((a, b) => a | b, 0)
  const linear = (low: number, high: number) => BigInt((low & 0xffff) | ((high >>> 12) << 16)) & 0xffffffffn
  s.fip = real ? linear(ip, ipHigh) : BigInt(ip >>> 0)
  s.fdp = real ? linear(dp, dpHigh) : BigInt(dp >>> 0)
  s.fcs = real ? 0 : ipHigh & 0xffff
  s.fds = real ? 0 : dpHigh & 0xffff
  if (real || wide) s.fop = (real ? ipHigh : ipHigh >>> 16) & 0x7ff
  updateSummary(s)
}

// Alignment checks ask for that of the words, for the registers too.

/** Writes a list of words and then the registers, or nothing. */
function storeAll(c: Core, arg: number, words: readonly number[], registers: boolean): boolean {
  const size = isWide(arg) ? 4 : 2, bytes = size * words.length + (registers ? REGISTERS : 0), seg = operandSegment(arg)
  if (!inSegment(c, seg, argWord(c, 2), bytes, true) || !aligned(c, argWord(c, 0), argWord(c, 1), size, c.mmuMode)
    || held(c, argWord(c, 0), argWord(c, 1), bytes, true)) return false
  for (const at of [0, bytes - 1]) if (!writable(c, ...placeOf(c, at), 1, c.mmuMode)) return false
  words.forEach((word, i) => void write(c, ...placeOf(c, size * i), size, word, 0, c.mmuMode))
  if (!registers) return true
  for (let i = 0; i < 8; i++) {
    const n = (c.s.ftop + i) & 7, m = c.s.fpMantissa.get(n), at = size * words.length + REGISTER_BYTES * i
    write(c, ...placeOf(c, at), 8, Number(BigInt.asIntN(32, m)), Number(BigInt.asIntN(32, m >> 32n)), c.mmuMode, ANY_ALIGNMENT)
    write(c, ...placeOf(c, at + 8), 2, c.s.fpExponent[n]!, 0, c.mmuMode)
  }
  return true
}
function readWords(c: Core, arg: number, registers: boolean): number[] | undefined {
  const size = isWide(arg) ? 4 : 2, bytes = environmentBytes(arg) + (registers ? REGISTERS : 0)
  if (!inSegment(c, operandSegment(arg), argWord(c, 2), bytes, false) || held(c, argWord(c, 0), argWord(c, 1), bytes, false)) return undefined
  const words: number[] = []
  for (let i = 0; i < 7; i++) {
    if (!read(c, ...placeOf(c, size * i), size, c.mmuMode)) return undefined
    words.push(c.lo)
  }
  return words
}

export function fnstenv(c: Core, arg: number): Done {
  if (!storeAll(c, arg, environment(c, arg), false)) return Done.FAULT
  c.s.fcw |= 0x3f // all exceptions are masked
  updateSummary(c.s)
  return Done.NEXT
}
export function fldenv(c: Core, arg: number): Done {
  const words = readWords(c, arg, false)
  if (!words) return Done.FAULT
  loadEnvironment(c, arg, words)
  return Done.NEXT
}
export function fnsave(c: Core, arg: number): Done {
  if (!storeAll(c, arg, environment(c, arg), true)) return Done.FAULT
  initialize(c.s)
  return Done.NEXT
}
export function frstor(c: Core, arg: number): Done {
  const words = readWords(c, arg, true)
  if (!words) return Done.FAULT
  const registers: { m: bigint; e: number }[] = []
  for (let i = 0; i < 8; i++) {
    const at = environmentBytes(arg) + REGISTER_BYTES * i
    if (!read(c, ...placeOf(c, at), 8, c.mmuMode, ANY_ALIGNMENT)) return Done.FAULT
    const m = (BigInt(c.hi >>> 0) << 32n) | BigInt(c.lo >>> 0)
    if (!read(c, ...placeOf(c, at + 8), 2, c.mmuMode)) return Done.FAULT
    registers.push({ m, e: c.lo })
  }
  loadEnvironment(c, arg, words)
  registers.forEach(({ m, e }, i) => {
    const n = (c.s.ftop + i) & 7
    c.s.fpMantissa.set(n, m)
    c.s.fpExponent[n] = e
  })
  return Done.NEXT
}
