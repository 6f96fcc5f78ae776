// Stacks as transfers of control use them: the current one, or one that is about to become current. Nothing is committed until
// the transfer can no longer fault.
import { MemOp } from '../../ir/ops.ts'
import { type Core, Cr4, get, gpr, gprHi, isCode64, Mmu, note, segment, setGpr, SEG, W } from './core.ts'
import { Flag, Reg, Seg, Vector } from './cpu.ts'
import { held, read, write } from './memory.ts'
import { Attribute } from './segment.ts'
import { attributesOf, baseOf, limitOf } from './segments.ts'

export type Stack = {
  /** The stack pointer; it counts down with each push, up with each pop. */
  lo: number
  hi: number
  /** How many bytes of it count. */
  readonly bytes: 2 | 4 | 8
  readonly base: number
  /** Offsets that may be accessed: from, to (exclusive). */
  readonly first: number
  readonly end: number
  readonly mmuMode: number
  /** Error code of a stack fault. */
  readonly error: number
}

const modeAt = (c: Core, cpl: number): number =>
  cpl === 3 ? Mmu.USER : get(c, W.cr4) & Cr4.SMAP && !(get(c, W.eflags) & Flag.AC) ? Mmu.SUPERVISOR_SMAP : Mmu.SUPERVISOR

function stackIn(c: Core, attributes: number, base: number, limit: number, lo: number, cpl: number, error: number): Stack {
  const down = (attributes & Attribute.EXPAND_DOWN) !== 0 && (attributes & Attribute.CODE) === 0, big = (attributes & Attribute.DB) !== 0
  const beyond = (limit >>> 0) + 1
  return { lo, hi: 0, bytes: big ? 4 : 2, base, first: down ? beyond : 0, end: down ? (big ? 0x100000000 : 0x10000) : beyond,
    mmuMode: modeAt(c, cpl), error }
}
export function currentStack(c: Core, error = 0): Stack {
  if (isCode64(c)) return { lo: gpr(c, Reg.SP), hi: gprHi(c, Reg.SP), bytes: 8, base: 0, first: 0, end: Infinity, mmuMode: c.mmuMode, error }
  const stack = stackIn(c, segment(c, Seg.SS, SEG.attributes), segment(c, Seg.SS, SEG.base), segment(c, Seg.SS, SEG.limit), gpr(c, Reg.SP), 0, error)
  return { ...stack, mmuMode: c.mmuMode }
}
/** In a segment whose descriptor is `lo`, `hi`. */
export const stackOf = (c: Core, lo: number, hi: number, sp: number, cpl: number, error = 0): Stack =>
  stackIn(c, attributesOf(hi), baseOf(lo, hi), limitOf(lo, hi), sp, cpl, error)
export const stack64 = (c: Core, lo: number, hi: number, cpl: number): Stack =>
  ({ lo, hi, bytes: 8, base: 0, first: 0, end: Infinity, mmuMode: modeAt(c, cpl), error: 0 })

/** Where an offset lies: c.lo and c.hi. */
function place(c: Core, s: Stack, lo: number, hi: number, bytes: number): boolean {
  if (s.bytes === 8) {
    c.lo = lo
    c.hi = hi
    return true
  }
  const offset = s.bytes === 2 ? lo & 0xffff : lo >>> 0
  if (offset < s.first || offset + bytes > s.end) return note(c, Vector.SS, s.error)
  c.lo = (s.base + offset) | 0
  c.hi = 0
  return true
}
function move(s: Stack, by: number): void {
  const sum = (s.lo >>> 0) + by
  s.hi = (s.hi + Math.floor(sum / 0x100000000)) | 0
  s.lo = sum | 0
}

export function push(c: Core, s: Stack, bytes: number, vLo: number, vHi = 0): boolean {
  move(s, -bytes)
  return place(c, s, s.lo, s.hi, bytes) && !held(c, c.lo, c.hi, bytes, true) && write(c, c.lo, c.hi, bytes, vLo, vHi, s.mmuMode, MemOp.STACK)
}
/** Into c.lo and c.hi. */
export function pop(c: Core, s: Stack, bytes: number): boolean {
  if (!place(c, s, s.lo, s.hi, bytes) || held(c, c.lo, c.hi, bytes, false) || !read(c, c.lo, c.hi, bytes, s.mmuMode, MemOp.STACK)) return false
  move(s, bytes)
  return true
}
/** What lies `at` bytes above the stack pointer, which stays. */
export function peek(c: Core, s: Stack, at: number, bytes: number): boolean {
  const sum = (s.lo >>> 0) + at
  return place(c, s, sum | 0, s.hi + (sum > 0xffffffff ? 1 : 0), bytes) && !held(c, c.lo, c.hi, bytes, false) && read(c, c.lo, c.hi, bytes, s.mmuMode, MemOp.STACK)
}
export function skip(s: Stack, bytes: number): void { move(s, bytes) }

/** The stack pointer becomes the current one. */
export const commitStack = (c: Core, s: Stack): void => setGpr(c, Reg.SP, s.bytes, s.lo, s.hi)
