// The state of x87 and SSE as an image in memory: FXSAVE, XSAVE and their relatives. Intel SDM volume 1, 10.5 and chapter 13; volume 2
// for each instruction. Every switch between tasks comes here: words go from state to memory without a BigInt.
//
// Not modelled: XSAVEOPT writes a component that has not changed since it was restored.
import type { Views } from '../../state/views.ts'
import { Access, NO_HOST, NOT_ALLOWED } from '../isa.ts'
import { PAGE } from '../../mem/tlb.ts'
import { type Core, Cr0, Cr4, Done, fault, get, gpr, isCode64, W } from './core.ts'
import { noteAccess, Watch } from './breakpoints.ts'
import { cpuLayout, SystemArg, Vector } from './cpu.ts'
import { MXCSR_BITS, MXCSR_INITIAL, setMxcsr } from './fpu-state.ts'
import { Fsw } from './x87.ts'
import { aligned, argWord, held, hostFor, inSegment, operandSegment, placeOf, read, writable, write } from './memory.ts'

/** State components, as bits of XCR0. */
export const Component = { X87: 1, SSE: 2, AVX: 4 } as const
const FCW_INITIAL = 0x37f, SUMMARY = Fsw.ES | Fsw.B

// The legacy region, in words of 32 bits: control and pointers, MXCSR, the stack from its top, vectors; then the header.
const MXCSR = 6, ST = 8, XMM = 40, LEGACY_BYTES = 512, HEADER = 128, HEADER_BYTES = 64
const NON_COMPACTED = LEGACY_BYTES + HEADER_BYTES
/** Bytes of the area for all components. */
export const XSAVE_BYTES = NON_COMPACTED
const COMPACTED = 0x80000000 | 0

/** An image on its way; nothing of it is remembered. */
const image = new Int32Array(NON_COMPACTED / 4)
const o = cpuLayout.offsets

// Between the state (at byte address `at`) and an image.

/** `wide`: pointers of 64 bits, not with selectors. */
export function saveX87({ i32, u16, u8 }: Views, at: number, to: Int32Array, wide: boolean): void {
  const w = at >> 2, h = at >> 1, top = i32[w + W.ftop]!
  to[0] = u16[h + (o.fcw >> 1)]! | ((u16[h + (o.fsw >> 1)]! | (top << 11)) << 16)
  to[1] = u8[at + o.ftw]! | (u16[h + (o.fop >> 1)]! << 16)
  to[2] = i32[w + W.fip]!
  to[3] = wide ? i32[w + W.fip + 1]! : u16[h + (o.fcs >> 1)]!
  to[4] = i32[w + W.fdp]!
  to[5] = wide ? i32[w + W.fdp + 1]! : u16[h + (o.fds >> 1)]!
  for (let i = 0; i < 8; i++) {
    const n = (top + i) & 7, m = w + W.fpMantissa + 2 * n, t = ST + 4 * i
    to[t] = i32[m]!
    to[t + 1] = i32[m + 1]!
    to[t + 2] = u16[h + (o.fpExponent >> 1) + n]!
    to[t + 3] = 0
  }
}
export function loadX87({ i32, u16, u8 }: Views, at: number, from: Int32Array, wide: boolean): void {
  const w = at >> 2, h = at >> 1, fsw = from[0]! >>> 16, top = (fsw >> 11) & 7, waits = fsw & ~from[0]! & 0x3f ? SUMMARY : 0
  u16[h + (o.fcw >> 1)] = (from[0]! & 0x1f7f) | 0x40
  u16[h + (o.fsw >> 1)] = (fsw & ~(0x3800 | SUMMARY)) | waits
  i32[w + W.ftop] = top
  u8[at + o.ftw] = from[1]!
  u16[h + (o.fop >> 1)] = (from[1]! >>> 16) & 0x7ff
  i32[w + W.fip] = from[2]!
  i32[w + W.fip + 1] = wide ? from[3]! : 0
  i32[w + W.fdp] = from[4]!
  i32[w + W.fdp + 1] = wide ? from[5]! : 0
  u16[h + (o.fcs >> 1)] = wide ? 0 : from[3]!
  u16[h + (o.fds >> 1)] = wide ? 0 : from[5]!
  for (let i = 0; i < 8; i++) {
    const n = (top + i) & 7, m = w + W.fpMantissa + 2 * n, t = ST + 4 * i
    i32[m] = from[t]!
    i32[m + 1] = from[t + 1]!
    u16[h + (o.fpExponent >> 1) + n] = from[t + 2]!
  }
}
export function saveVectors({ i32 }: Views, at: number, to: Int32Array, count: number): void {
  for (let i = 0, x = (at >> 2) + W.xmm; i < 4 * count; i++) to[XMM + i] = i32[x + i]!
}
export function loadVectors({ i32 }: Views, at: number, from: Int32Array, count: number): void {
  for (let i = 0, x = (at >> 2) + W.xmm; i < 4 * count; i++) i32[x + i] = from[XMM + i]!
}

// Between an image and the operand in memory.

const vectorsOf = (c: Core): number => (isCode64(c) ? 16 : 8)
const isWide = (c: Core, arg: number): boolean => isCode64(c) && ((arg >>> SystemArg.OPERAND_SHIFT) & 3) === 3

/** Whether the operand's words up to `end` may be written: a fault is noted if not. */
function allowsStore(c: Core, arg: number, bytes: number, end: number): boolean {
  if (!inSegment(c, operandSegment(arg), argWord(c, 2), bytes, true)) return false
  const last = 4 * end - 4
  if (held(c, argWord(c, 0), argWord(c, 1), 4 * end, true)) return false
  return storable(c, 0) && ((argWord(c, 0) & (PAGE - 1)) + last < PAGE || storable(c, last))
}
function storable(c: Core, offset: number): boolean {
  const [lo, hi] = placeOf(c, offset), host = hostFor(c, lo, hi, 4, Access.WRITE, c.mmuMode, 0)
  return host === NO_HOST ? writable(c, lo, hi, 4, c.mmuMode) : host !== NOT_ALLOWED
}
/** An operand that must be aligned to `bytes` is not: #GP, but if it is not aligned to words either alignment checks come first. */
function misplaced(c: Core, bytes: number): Done | undefined {
  if (!(argWord(c, 0) & (bytes - 1))) return undefined
  return aligned(c, argWord(c, 0), argWord(c, 1), 4, c.mmuMode) ? fault(c, Vector.GP) : Done.FAULT
}
/** Words from `from` up to `end`, a page at a time. The operand is aligned to them. */
function copy(c: Core, from: number, end: number, store: boolean): boolean {
  const { i32 } = c
  if (!store && held(c, ...placeOf(c, 4 * from), 4 * (end - from), false)) return false
  for (let n = from; n < end;) {
    const [lo, hi] = placeOf(c, 4 * n), stop = Math.min(end, n + ((PAGE - (lo & (PAGE - 1))) >> 2))
    const host = hostFor(c, lo, hi, 4, store ? Access.WRITE : Access.READ, c.mmuMode, 0)
    if (host === NOT_ALLOWED) return false
    if (host !== NO_HOST) {
      if (c.watches & Watch.DATA) noteAccess(c, lo, hi, 4 * (stop - n), store)
      const h = (host >> 2) - n
      if (store) for (; n < stop; n++) i32[h + n] = image[n]!
      else for (; n < stop; n++) image[n] = i32[h + n]!
      continue
    }
    for (; n < stop; n++) {
      const [atLo, atHi] = placeOf(c, 4 * n)
      if (store ? !write(c, atLo, atHi, 4, image[n]!, 0, c.mmuMode) : !read(c, atLo, atHi, 4, c.mmuMode)) return false
      if (!store) image[n] = c.lo
    }
  }
  return true
}

// FXSAVE, FXRSTOR.

function refusesLegacy(c: Core): Done | undefined {
  if (!(c.model.cr4 & Cr4.OSFXSR)) return fault(c, Vector.UD)
  if (get(c, W.cr0) & (Cr0.EM | Cr0.TS)) return fault(c, Vector.NM)
  return misplaced(c, 16)
}
export function fxsave(c: Core, arg: number): Done {
  const refused = refusesLegacy(c)
  if (refused !== undefined) return refused
  const vectors = get(c, W.cr4) & Cr4.OSFXSR ? vectorsOf(c) : 0, end = XMM + 4 * vectors
  saveX87(c.views, c.at, image, isWide(c, arg))
  image[MXCSR] = get(c, W.mxcsr)
  image[MXCSR + 1] = MXCSR_BITS
  saveVectors(c.views, c.at, image, vectors)
  return allowsStore(c, arg, LEGACY_BYTES, end) && copy(c, 0, end, true) ? Done.NEXT : Done.FAULT
}
export function fxrstor(c: Core, arg: number): Done {
  const refused = refusesLegacy(c)
  if (refused !== undefined) return refused
  const vectors = get(c, W.cr4) & Cr4.OSFXSR ? vectorsOf(c) : 0
  if (!inSegment(c, operandSegment(arg), argWord(c, 2), LEGACY_BYTES, false) || !copy(c, 0, XMM + 4 * vectors, false)) return Done.FAULT
  if (vectors && image[MXCSR]! & ~MXCSR_BITS) return fault(c, Vector.GP)
  loadX87(c.views, c.at, image, isWide(c, arg))
  loadVectors(c.views, c.at, image, vectors)
  if (vectors) setMxcsr(c, image[MXCSR]!)
  return Done.NEXT
}

// XSAVE and its relatives. Which components take part is in EDX:EAX.

function refuses(c: Core): Done | undefined {
  if (!(get(c, W.cr4) & Cr4.OSXSAVE)) return fault(c, Vector.UD)
  if (get(c, W.cr0) & Cr0.TS) return fault(c, Vector.NM)
  return misplaced(c, 64)
}
/** Components that are not in their initial configuration (XINUSE). MXCSR does not count. */
export function componentsInUse(c: Core): number {
  const { u16, u8, i32 } = c.views, h = c.at >> 1
  let x87 = (u16[h + (o.fcw >> 1)]! ^ FCW_INITIAL) | u16[h + (o.fsw >> 1)]! | get(c, W.ftop) | u8[c.at + o.ftw]! | u16[h + (o.fop >> 1)]!
    | u16[h + (o.fcs >> 1)]! | u16[h + (o.fds >> 1)]! | get(c, W.fip) | get(c, W.fip + 1) | get(c, W.fdp) | get(c, W.fdp + 1), sse = 0
  for (let i = 0; i < 16 && !x87; i++) x87 |= get(c, W.fpMantissa + i)
  for (let i = 0; i < 4 && !x87; i++) x87 |= i32[((c.at + o.fpExponent) >> 2) + i]!
  for (let i = 0; i < 64 && !sse; i++) sse |= get(c, W.xmm + i)
  return (x87 ? Component.X87 : 0) | (sse ? Component.SSE : 0)
}

/** XSAVE, XSAVEOPT (`lazy`: components in their initial configuration are not written), XSAVEC (`compact`). */
export const xsave = (feature: 'xsave' | 'xsaveopt' | 'xsavec') => {
  const lazy = feature !== 'xsave', compact = feature === 'xsavec'
  return (c: Core, arg: number): Done => {
    if (lazy && !c.model.has(feature)) return fault(c, Vector.UD)
    const refused = refuses(c)
    if (refused !== undefined) return refused
    const asked = get(c, W.xcr0) & gpr(c, 0), mxcsr = get(c, W.mxcsr), vectors = vectorsOf(c), end = XMM + 4 * vectors
    if (!allowsStore(c, arg, NON_COMPACTED, HEADER + (compact ? 4 : 2))) return Done.FAULT
    let used = componentsInUse(c)
    if (compact && mxcsr !== MXCSR_INITIAL) used |= Component.SSE
    const written = lazy ? asked & used : asked
    if (written & Component.X87) {
      saveX87(c.views, c.at, image, isWide(c, arg))
      if (!copy(c, 0, MXCSR, true) || !copy(c, ST, XMM, true)) return Done.FAULT
    }
    if ((compact ? written : asked) & Component.SSE) {
      image[MXCSR] = mxcsr
      image[MXCSR + 1] = MXCSR_BITS
      if (!copy(c, MXCSR, ST, true)) return Done.FAULT
    }
    if (written & Component.SSE) {
      saveVectors(c.views, c.at, image, vectors)
      if (!copy(c, XMM, end, true)) return Done.FAULT
    }
    if (compact) {
      image[HEADER] = asked & used
      image[HEADER + 1] = 0
      image[HEADER + 2] = asked
      image[HEADER + 3] = COMPACTED
      return copy(c, HEADER, HEADER + 4, true) ? Done.NEXT : Done.FAULT
    }
    if (!copy(c, HEADER, HEADER + 1, false)) return Done.FAULT
    image[HEADER] = (image[HEADER]! & ~asked) | (asked & used)
    return copy(c, HEADER, HEADER + 1, true) ? Done.NEXT : Done.FAULT
  }
}

export function xrstor(c: Core, arg: number): Done {
  const refused = refuses(c)
  if (refused !== undefined) return refused
  const xcr0 = get(c, W.xcr0), asked = xcr0 & gpr(c, 0), vectors = vectorsOf(c)
  if (!inSegment(c, operandSegment(arg), argWord(c, 2), NON_COMPACTED, false) || !copy(c, HEADER, NON_COMPACTED / 4, false)) return Done.FAULT
  const held = image[HEADER]!, compact = image[HEADER + 3]! < 0
  if (image[HEADER + 1] || held & ~xcr0 || !isHeader(c, compact, held, xcr0)) return fault(c, Vector.GP)
  const given = asked & held, sse = (compact ? given : asked) & Component.SSE
  if (given & Component.X87 && (!copy(c, 0, MXCSR, false) || !copy(c, ST, XMM, false))) return Done.FAULT
  if (sse && !copy(c, MXCSR, ST, false)) return Done.FAULT
  if (given & Component.SSE && !copy(c, XMM, XMM + 4 * vectors, false)) return Done.FAULT
  const mxcsr = sse ? image[MXCSR]! : MXCSR_INITIAL
  if (mxcsr & ~MXCSR_BITS) return fault(c, Vector.GP)
  if (asked & Component.X87) {
    if (!(given & Component.X87)) {
      image.fill(0, 0, XMM)
      image[0] = FCW_INITIAL
    }
    loadX87(c.views, c.at, image, isWide(c, arg))
  }
  if (asked & Component.SSE) {
    if (!(given & Component.SSE)) image.fill(0, XMM, XMM + 4 * vectors)
    loadVectors(c.views, c.at, image, vectors)
    setMxcsr(c, mxcsr)
  }
  return Done.NEXT
}
/** The rest of the header: which components the image has room for, and nothing that means nothing. */
function isHeader(c: Core, compact: boolean, held: number, xcr0: number): boolean {
  const room = image[HEADER + 2]!
  if (compact && (!c.model.has('xsavec') || image[HEADER + 3] !== COMPACTED || room & ~xcr0 || held & ~room)) return false
  for (let n = HEADER + (compact ? 4 : 2); n < HEADER + (compact ? HEADER_BYTES / 4 : 6); n++) if (image[n]) return false
  return true
}
