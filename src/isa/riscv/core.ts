// A hart as the privileged architecture's functions see it: 64-bit registers as two 32-bit halves, because a
// BigInt is an allocation and traps, page walks and status-register accesses run a million times a second.
// Also the two functions that derive what recompiled code depends on: the mode word, and the current TLB.
import { bind } from '../../state/bind.ts'
import type { Views } from '../../state/views.ts'
import { type CpuServices, ExitRequest, type Translation } from '../isa.ts'
import { BARE_SPACE, type Hart, hartLayout, Mmu, Mode } from './cpu.ts'

export const Priv = { USER: 0, SUPERVISOR: 1, MACHINE: 3 } as const

/** mstatus and sstatus: bits of the low half. SD is bit 63. */
export const Status = {
  SIE: 1 << 1, MIE: 1 << 3, SPIE: 1 << 5, MPIE: 1 << 7, SPP: 1 << 8, MPP_SHIFT: 11, MPP: 3 << 11,
  FS_SHIFT: 13, FS: 3 << 13, MPRV: 1 << 17, SUM: 1 << 18, MXR: 1 << 19,
  TVM: 1 << 20, TW: 1 << 21, TSR: 1 << 22,
} as const
/** The high half: UXL = SXL = 64 bits, and with a dirty floating-point unit SD. */
const STATUS_HI = 0xa, STATUS_HI_DIRTY = 0x8000000a | 0

/** Interrupts by number, and as bits of mip, mie and mideleg. */
export const Irq = { SSI: 1, MSI: 3, STI: 5, MTI: 7, SEI: 9, MEI: 11 } as const
export const Ip = {
  SSIP: 1 << 1, MSIP: 1 << 3, STIP: 1 << 5, MTIP: 1 << 7, SEIP: 1 << 9, MEIP: 1 << 11,
} as const

export const Cause = {
  FETCH_MISALIGNED: 0, FETCH_ACCESS: 1, ILLEGAL: 2, BREAKPOINT: 3, LOAD_MISALIGNED: 4, LOAD_ACCESS: 5,
  STORE_MISALIGNED: 6, STORE_ACCESS: 7, ECALL_U: 8, ECALL_S: 9, ECALL_M: 11, FETCH_PAGE: 12, LOAD_PAGE: 13,
  STORE_PAGE: 15,
} as const

/** Bits of menvcfg's high half. */
export const Envcfg = { STCE: 1 << 31, ADUE: 1 << 29 } as const
/** Bits of the counter-enable registers. */
export const Counter = { CY: 1, TM: 2, IR: 4 } as const
/** satp.MODE. */
export const SatpMode = { BARE: 0, SV39: 8, SV48: 9 } as const

/** 32-bit words from the state's start to a field; 64-bit fields have their high half in the next word. */
export const W = Object.fromEntries(
  Object.entries(hartLayout.offsets).map(([name, offset]) => [name, offset >> 2]),
) as { readonly [N in keyof typeof hartLayout.offsets]: number }

export type Core = {
  readonly s: Hart
  readonly views: Views
  /** The memory as signed words, the index of the state's first one, and the byte offset of its privilege
   * level. */
  readonly i32: Int32Array
  readonly w: number
  readonly u8: Uint8Array
  readonly privAt: number
  readonly services: CpuServices
  /** Result of `translate`. */
  readonly translation: Translation
  /** High half of the last CSR that was read. */
  hi: number
  /** Which bits of the low half the CSR write in progress means to change: all, or those that CSRRS and CSRRC
   * name. */
  changing: number
  /** What selectTlb chose last; dropped by `forget`. */
  space: number
  mmuMode: number
  fetchSpace: number
  fetchMode: number
  /** pmpcfg and pmpaddr decoded: the number of entries in force, whether the first
   * lets everything through; their bounds and configuration in order of priority. */
  readonly pmp: {
    count: number
    open: boolean
    readonly start: Float64Array
    readonly end: Float64Array
    readonly cfg: Uint8Array
  }
}

export function makeCore(views: Views, at: number, services: CpuServices): Core {
  return {
    s: bind(hartLayout, views, at),
    views,
    i32: views.i32,
    w: at >> 2,
    u8: views.u8,
    privAt: at + hartLayout.offsets.priv,
    services,
    translation: { pa: 0, read: false, write: false, execute: false, global: false, whole: true,
      pageBits: 12 },
    hi: 0,
    changing: -1,
    space: -1,
    mmuMode: -1,
    fetchSpace: -1,
    fetchMode: -1,
    pmp: { count: 0, open: false, start: new Float64Array(16), end: new Float64Array(16),
      cfg: new Uint8Array(16) },
  }
}

export const privOf = (c: Core): number => c.u8[c.privAt]!
export const satpMode = (c: Core): number => c.i32[c.w + W.satp + 1]! >>> 28

/** Sets a 64-bit field. */
export function setPair(c: Core, word: number, lo: number, hi: number): void {
  c.i32[c.w + word] = lo
  c.i32[c.w + word + 1] = hi
}

/** pc += bytes. */
export function advance(c: Core, bytes: number): void {
  const at = c.w + W.pc, lo = c.i32[at]!
  c.i32[at] = lo + bytes
  if (lo >>> 0 >= 0x100000000 - bytes) c.i32[at + 1] = c.i32[at + 1]! + 1
}

/** Changes bits of mstatus and everything that follows from them. */
export function writeStatus(c: Core, lo: number, mask: number): void {
  const at = c.w + W.mstatus, old = c.i32[at]!
  let next = (old & ~mask) | (lo & mask)
  if ((next & Status.MPP) === 2 << Status.MPP_SHIFT) next = (next & ~Status.MPP) | (old & Status.MPP)
  const changed = old ^ next
  if (changed === 0) return
  c.i32[at] = next
  c.i32[at + 1] = (next & Status.FS) === Status.FS ? STATUS_HI_DIRTY : STATUS_HI
  if (changed & (Status.FS | Status.TVM | Status.TW | Status.TSR)) updateMode(c)
  if (changed & Status.MXR) c.services.flushTlb()
  if (changed & (Status.MPRV | Status.MPP | Status.SUM)) selectTlb(c)
  if (changed & next & (Status.SIE | Status.MIE)) requestInterrupt(c)
}

/** Enters a privilege level. `status` is the new low half of mstatus, of which FS, MXR and the trap bits are
 * as before. */
export function setPriv(c: Core, priv: number, status: number): void {
  c.i32[c.w + W.mstatus] = status
  c.u8[c.privAt] = priv
  // A reservation must not outlive a change of context.
  c.i32[c.w + W.reservedAddress] = -1
  c.i32[c.w + W.reservedAddress + 1] = -1
  updateMode(c)
  selectTlb(c)
}

/** The mode word from its sources. Bits that cannot matter in the current state are 0, so that code is not
 * translated twice for nothing. */
export function updateMode(c: Core): void {
  const { i32, w } = c, status = i32[w + W.mstatus]!, priv = c.u8[c.privAt]!
  let mode = priv
  const fs = (status >> Status.FS_SHIFT) & 3
  if (fs !== 0) {
    mode |= (fs === 3 ? 2 : 1) << Mode.FS_SHIFT
    if (i32[w + W.frm] === 0) mode |= Mode.NEAREST
    if (i32[w + W.fflags]! & 1) mode |= Mode.INEXACT
  }
  if (priv === Priv.SUPERVISOR) {
    if (status & Status.TVM) mode |= Mode.TVM
    if (status & Status.TSR) mode |= Mode.TSR
  }
  if (priv !== Priv.MACHINE && status & Status.TW) mode |= Mode.TW
  const counters = countersAllowed(c)
  if (counters & Counter.TM) mode |= Mode.TIME
  if (counters & Counter.CY) mode |= Mode.CYCLE
  if (counters & Counter.IR) mode |= Mode.INSTRET
  i32[w + W.mode] = mode
}

/** Which counters the current privilege level may read. */
export function countersAllowed(c: Core): number {
  const { i32, w } = c, priv = c.u8[c.privAt]!
  if (priv === Priv.MACHINE) return -1
  const m = i32[w + W.mcounteren]!
  return priv === Priv.SUPERVISOR ? m : m & i32[w + W.scounteren]!
}

/** Chooses the TLB by privilege, SUM, MPRV, MPP and satp. */
export function selectTlb(c: Core): void {
  const { i32, w } = c, status = i32[w + W.mstatus]!, priv = c.u8[c.privAt]!
  const satpHi = i32[w + W.satp + 1]!
  const paged = satpHi >>> 28 === 0 ? BARE_SPACE : (satpHi >>> 12) & 0xffff
  const fetchSpace = priv === Priv.MACHINE ? BARE_SPACE : paged
  // SUM is about data: no mode lets a supervisor fetch from user pages.
  const fetchMode = mmuModeOf(priv, 0)
  let space = fetchSpace, mmuMode = mmuModeOf(priv, status)
  if (status & Status.MPRV) {
    const as = (status >> Status.MPP_SHIFT) & 3
    space = as === Priv.MACHINE ? BARE_SPACE : paged
    mmuMode = mmuModeOf(as, status)
  }
  if (space === c.space && mmuMode === c.mmuMode && fetchSpace === c.fetchSpace
    && fetchMode === c.fetchMode) return
  c.space = space
  c.mmuMode = mmuMode
  c.fetchSpace = fetchSpace
  c.fetchMode = fetchMode
  c.services.selectTlb(space, mmuMode, fetchSpace, fetchMode)
}

const mmuModeOf = (priv: number, status: number): number =>
  priv === Priv.MACHINE ? Mmu.MACHINE
  : priv === Priv.USER ? Mmu.USER
  : status & Status.SUM ? Mmu.SUPERVISOR_SUM : Mmu.SUPERVISOR

/** Forgets host-side caches of the state, which was changed from outside. */
export function forget(c: Core): void {
  c.space = c.mmuMode = c.fetchSpace = c.fetchMode = -1
}

/** Interrupts that are pending, as far as known without asking the clock. */
export function pendingKnown(c: Core): number {
  const { i32, w } = c
  return i32[w + W.mip]! | Atomics.load(i32, w + W.lines) | i32[w + W.timerPending]!
}

/** Makes generated code come back to look at interrupts, if one may be waiting. Called after enabling any. */
export function requestInterrupt(c: Core): void {
  if (pendingKnown(c) & c.i32[c.w + W.mie]!) Atomics.or(c.i32, c.w + W.exitRequest, ExitRequest.INTERRUPT)
}
