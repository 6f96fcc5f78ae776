// The processor's own accesses to linear memory: tables, stacks, operands of system instructions.
import { MemOp } from '../../ir/ops.ts'
import { PAGE } from '../../mem/tlb.ts'
import { Access, NO_HOST, NOT_ALLOWED } from '../isa.ts'
import { canonical, checksAlignment, type Core, Cr4, get, isCode64, isLong, limitFault, Mmu, note, SEG, segment, segmentHi, segWord, W } from './core.ts'
import { noteAccess, Watch } from './breakpoints.ts'
import { HELD, Seg, SystemArg, Vector } from './cpu.ts'
import { translate } from './mmu.ts'

/** The MMU mode of accesses to descriptor tables and task state: a supervisor's at any privilege, and never to user pages. */
export const implicit = (c: Core): number => (get(c, W.cr4) & Cr4.SMAP ? Mmu.SUPERVISOR_SMAP : Mmu.SUPERVISOR)

/** Physical addresses of the bytes of an access; where one faults, undefined. */
function bytesAt(c: Core, lo: number, hi: number, bytes: number, access: Access, mmuMode: number, hint: number): number[] | undefined {
  const out: number[] = []
  for (let i = 0; i < bytes; i++) {
    const at = (lo >>> 0) + i
    if (i > 0 && at % PAGE !== 0) {
      out.push(out[i - 1]! + 1)
      continue
    }
    const t = translate(c, at | 0, at > 0xffffffff ? hi + 1 : hi, access, mmuMode, hint)
    if (!t) return undefined
    out.push(t.pa)
  }
  return out
}

/** Where an aligned access is in the memory, or NO_HOST, or NOT_ALLOWED with the fault noted. */
export function hostFor(c: Core, lo: number, hi: number, bytes: number, access: Access, mmuMode: number, hint: number): number {
  const { services } = c
  if (!services.hostFor || lo & (Math.min(bytes, 4) - 1)) return NO_HOST
  return services.hostFor(lo, isLong(c) ? hi : 0, access, mmuMode, hint)
}

/** In `hint`, of an access: alignment has been looked at, or does not matter. */
export const ANY_ALIGNMENT = 0x100
/** Whether alignment checks let an access be; if not, #AC(0) is noted. `size`: what its address must be a multiple of. */
export const aligned = (c: Core, lo: number, hi: number, size: number, mmuMode: number, hint = 0): boolean =>
  (lo & (size - 1)) === 0 || (hint & ANY_ALIGNMENT) !== 0 || mmuMode !== Mmu.USER || !checksAlignment(c) || misaligned(c, hi, hint, Vector.AC)
/** An access is misaligned. That its address is not canonical comes first; page faults come after it. */
export const misaligned = (c: Core, hi: number, hint: number, vector: number): false =>
  note(c, isLong(c) && !canonical(c, hi) ? (hint & MemOp.STACK ? Vector.SS : Vector.GP) : vector)

/** Whether a debugger holds the instruction before an access; if so, HELD is noted. */
export function held(c: Core, lo: number, hi: number, bytes: number, write: boolean): boolean {
  const { services } = c
  if (!services.debugged || c.delivering || !services.holds!(lo, isLong(c) ? hi : 0, bytes, write)) return false
  note(c, HELD)
  return true
}

/** Reads 1, 2, 4 or 8 bytes into c.lo and c.hi. */
export function read(c: Core, lo: number, hi: number, bytes: number, mmuMode: number, hint = 0): boolean {
  const { services } = c
  if (!aligned(c, lo, hi, bytes, mmuMode, hint)) return false
  if (c.watches & Watch.DATA) noteAccess(c, lo, hi, bytes, false)
  if ((lo & (PAGE - 1)) + bytes > PAGE) {
    const at = bytesAt(c, lo, hi, bytes, Access.READ, mmuMode, hint)
    if (!at) return false
    c.lo = c.hi = 0
    at.forEach((pa, i) => {
      const v = services.read(pa, 1) << (8 * (i & 3))
      if (i < 4) c.lo |= v
      else c.hi |= v
    })
    return true
  }
  const host = hostFor(c, lo, hi, bytes, Access.READ, mmuMode, hint)
  if (host === NOT_ALLOWED) return false
  if (host >= 0) {
    const { views } = c
    c.lo = bytes === 1 ? views.u8[host]! : bytes === 2 ? views.u16[host >>> 1]! : c.i32[host >>> 2]!
    c.hi = bytes === 8 ? c.i32[(host >>> 2) + 1]! : 0
    return true
  }
  const t = translate(c, lo, hi, Access.READ, mmuMode, hint)
  if (!t) return false
  const { pa } = t
  c.lo = services.read(pa, Math.min(bytes, 4)) | 0
  c.hi = bytes === 8 ? services.read(pa + 4, 4) | 0 : 0
  return true
}

/** Whether a write of so many bytes would not fault. */
export function writable(c: Core, lo: number, hi: number, bytes: number, mmuMode: number, hint = 0): boolean {
  if (!aligned(c, lo, hi, bytes, mmuMode, hint)) return false
  if ((lo & (PAGE - 1)) + bytes <= PAGE) return translate(c, lo, hi, Access.WRITE, mmuMode, hint) !== null
  return bytesAt(c, lo, hi, bytes, Access.WRITE, mmuMode, hint) !== undefined
}

export function write(c: Core, lo: number, hi: number, bytes: number, vLo: number, vHi: number, mmuMode: number, hint = 0): boolean {
  const { services } = c
  if (!aligned(c, lo, hi, bytes, mmuMode, hint)) return false
  if (c.watches & Watch.DATA) noteAccess(c, lo, hi, bytes, true)
  if ((lo & (PAGE - 1)) + bytes > PAGE) {
    const at = bytesAt(c, lo, hi, bytes, Access.WRITE, mmuMode, hint)
    at?.forEach((pa, i) => services.write(pa, 1, ((i < 4 ? vLo : vHi) >>> (8 * (i & 3))) & 0xff))
    return at !== undefined
  }
  const host = hostFor(c, lo, hi, bytes, Access.WRITE, mmuMode, hint)
  if (host === NOT_ALLOWED) return false
  if (host >= 0) {
    const { views } = c
    if (bytes === 1) views.u8[host] = vLo
    else if (bytes === 2) views.u16[host >>> 1] = vLo
    else c.i32[host >>> 2] = vLo
    if (bytes === 8) c.i32[(host >>> 2) + 1] = vHi
    return true
  }
  const t = translate(c, lo, hi, Access.WRITE, mmuMode, hint)
  if (!t) return false
  const { pa } = t
  services.write(pa, Math.min(bytes, 4), bytes === 1 ? vLo & 0xff : bytes === 2 ? vLo & 0xffff : vLo >>> 0)
  if (bytes === 8) services.write(pa + 4, 4, vHi >>> 0)
  return true
}

// The memory operand of an instruction: its linear address is in args[0], its offset in args[1].

export const argWord = (c: Core, n: number): number => c.i32[c.w + W.args + n]!
/** The linear address `offset` bytes into the operand. */
export const placeOf = (c: Core, offset: number): [lo: number, hi: number] => {
  const sum = (argWord(c, 0) >>> 0) + offset
  return [sum | 0, sum > 0xffffffff ? argWord(c, 1) + 1 : argWord(c, 1)]
}
const hintOf = (arg: number): number => (operandSegment(arg) === Seg.SS ? MemOp.STACK : 0)

export const operandSegment = (arg: number): number => (arg >>> SystemArg.SEGMENT_SHIFT) & 7
/** Whether an offset with so many bytes lies in a segment and may be accessed so; a fault with `error` is noted if not. */
export function inSegment(c: Core, seg: number, offset: number, bytes: number, write: boolean, error = 0): boolean {
  if (isCode64(c)) return true
  const at = c.w + segWord(seg), { i32 } = c, from = offset >>> 0
  const word = (field: number) => (i32[at + field]! >>> 0) + i32[at + field + 1]! * 0x100000000
  const end = word(write ? SEG.writeEnd : SEG.readEnd)
  return (from + bytes <= end && from >= word(SEG.first)) || note(c, limitFault(seg), error)
}
/** Checks and reads the operand's `bytes`, `skip` into it. */
export function readOperand(c: Core, arg: number, bytes: number, skip = 0): boolean {
  if (!inSegment(c, operandSegment(arg), argWord(c, 2) + skip, bytes, false)) return false
  const [lo, hi] = placeOf(c, skip)
  return !held(c, lo, hi, bytes, false) && read(c, lo, hi, bytes, c.mmuMode, hintOf(arg))
}
export function writeOperand(c: Core, arg: number, bytes: number, vLo: number, vHi = 0, skip = 0): boolean {
  if (!inSegment(c, operandSegment(arg), argWord(c, 2) + skip, bytes, true)) return false
  const [lo, hi] = placeOf(c, skip)
  return !held(c, lo, hi, bytes, true) && write(c, lo, hi, bytes, vLo, vHi, c.mmuMode, hintOf(arg))
}

/** The linear address of an offset in a segment, in c.lo and c.hi. */
export function linear(c: Core, seg: number, offset: number, offsetHi: number): void {
  const code64 = isCode64(c)
  if (code64 && seg !== Seg.FS && seg !== Seg.GS) {
    c.lo = offset
    c.hi = offsetHi
    return
  }
  const sum = (offset >>> 0) + (segment(c, seg, SEG.base) >>> 0)
  c.lo = sum | 0
  c.hi = code64 ? (offsetHi + segmentHi(c, seg, SEG.base) + (sum > 0xffffffff ? 1 : 0)) | 0 : 0
}
