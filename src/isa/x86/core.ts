// A processor as the functions of the system architecture see it: 64-bit registers as two 32-bit halves, for a BigInt is an
// allocation and traps, page walks and segment loads run a million times a second. Also what derives from the state what
// recompiled code depends on: the mode word, and the current TLB.
//
// Functions that may fault return false (or Done.FAULT) with the fault noted; until then they have changed nothing.
import { Arith } from '../../ir/arith-flags.ts'
import { bind } from '../../state/bind.ts'
import type { Views } from '../../state/views.ts'
import { type CpuServices, ExitRequest, type Translation } from '../isa.ts'
import { cpuLayout, type CpuState, Flag, Mode, Seg, segmentField, segmentLayout, Shadow, Vector } from './cpu.ts'
import { arithmeticFlags } from './arith-flags.ts'
import type { Model } from './models.ts'
import type { Topology } from './topology.ts'
import { Attribute } from './segment.ts'

export const Cr0 = { PE: 1, MP: 2, EM: 4, TS: 8, ET: 0x10, NE: 0x20, WP: 0x10000, AM: 0x40000, NW: 0x20000000, CD: 0x40000000,
  PG: 0x80000000 | 0 } as const
export const Cr4 = { VME: 1, PVI: 2, TSD: 4, DE: 8, PSE: 0x10, PAE: 0x20, MCE: 0x40, PGE: 0x80, PCE: 0x100, OSFXSR: 0x200,
  OSXMMEXCPT: 0x400, UMIP: 0x800, LA57: 0x1000, FSGSBASE: 0x10000, PCIDE: 0x20000, OSXSAVE: 0x40000, SMEP: 0x100000,
  SMAP: 0x200000 } as const
export const Efer = { SCE: 1, LME: 0x100, LMA: 0x400, NXE: 0x800 } as const

/** MMU modes: by privilege, and for a supervisor by whether user pages are closed to it (CR4.SMAP without AC). */
export const Mmu = { SUPERVISOR: 0, USER: 1, SUPERVISOR_SMAP: 2 } as const
/** The address space while paging is off; the others are PCIDs. */
export const BARE_SPACE = 0x1000

/** How an instruction that is left to the processor code ended: with a noted fault, at the next one, or with pc set. */
export const Done = { FAULT: 0, NEXT: 1, MOVED: 2 } as const
export type Done = (typeof Done)[keyof typeof Done]

/** What processor code needs of the machine beyond CpuServices. */
export type X86Platform = {
  /** Byte addresses of all processors' states, by number. */
  readonly states: readonly number[]
  /** All in one package, a thread each, when left out. */
  readonly topology?: Topology
  /** Rate of the time-stamp counter from a reset on; nanoseconds when left out. */
  readonly tscKhz?: number
  /** Makes a processor look at its interrupts, awake or not. */
  kick(cpu: number): void
  /** A shutdown after a triple fault. */
  reset(): void
  /** The interrupt controller that drives the INTR pin gives its vector. */
  acknowledge(): number
  /** End of a level-triggered interrupt. */
  eoi(vector: number): void
  /** 32 random bits of the host's. */
  random(): number
  readonly io: {
    /** 1, 2 or 4 bytes of the port space. */
    read(port: number, size: number): number
    write(port: number, size: number, value: number): void
  }
}

/** 32-bit words from the state's start to a field; 64-bit fields have their high half in the next word. */
export const W = Object.fromEntries(
  Object.entries(cpuLayout.offsets).map(([name, offset]) => [name, offset >> 2]),
) as { readonly [N in keyof typeof cpuLayout.offsets]: number }
/** The same from a segment register's start; `segWord` is where that is. */
export const SEG = Object.fromEntries(
  Object.entries(segmentLayout.offsets).map(([name, offset]) => [name, offset >> 2]),
) as { readonly [N in keyof typeof segmentLayout.offsets]: number }
const FIRST_SEGMENT = segmentField(0, 'base') >> 2, SEGMENT_WORDS = segmentLayout.sizeBytes >> 2
export const segWord = (segment: number): number => FIRST_SEGMENT + segment * SEGMENT_WORDS

export type Core = {
  readonly s: CpuState
  readonly views: Views
  /** The memory as signed words, and the index of the state's first one. */
  readonly i32: Int32Array
  readonly u8: Uint8Array
  readonly w: number
  /** Byte offset of the state. */
  readonly at: number
  readonly services: CpuServices
  readonly platform: X86Platform
  readonly model: Model
  /** Result of `translate`. */
  readonly translation: Translation
  /** What was read last (memory.ts), 64 bits; a descriptor. */
  lo: number
  hi: number
  /** What selectTlb chose last; dropped by `forget`. */
  space: number
  mmuMode: number
  fetchMode: number
  /** What the debug registers watch besides instructions (breakpoints.ts), and addresses in the pages of the data. */
  watches: number
  watchedPages: readonly (readonly [lo: number, hi: number])[]
  /** An exception or interrupt is being taken: its accesses are not put off. */
  delivering: boolean
}

export function makeCore(views: Views, at: number, services: CpuServices, platform: X86Platform, model: Model): Core {
  return {
    s: bind(cpuLayout, views, at), views, i32: views.i32, u8: views.u8, w: at >> 2, at, services, platform, model,
    translation: { pa: 0, read: false, write: false, execute: false, global: false, whole: true, pageBits: 12 },
    lo: 0, hi: 0, space: -1, mmuMode: Mmu.SUPERVISOR, fetchMode: -1, watches: 0, watchedPages: [], delivering: false,
  }
}

/** Notes an exception for `deliver`. */
export function note(c: Core, vector: number, error = 0): false {
  c.i32[c.w + W.faultVector] = vector
  c.i32[c.w + W.faultError] = error
  return false
}
/** The same as an instruction's end. */
export function fault(c: Core, vector: number, error = 0): typeof Done.FAULT {
  note(c, vector, error)
  return Done.FAULT
}

// Registers.

/** Fields are given by their numbers, from W. */
export const get = (c: Core, field: number): number => c.i32[c.w + field]!
export const getHi = (c: Core, field: number): number => c.i32[c.w + field + 1]!
export function setPair(c: Core, field: number, lo: number, hi: number): void {
  c.i32[c.w + field] = lo
  c.i32[c.w + field + 1] = hi
}
export const gpr = (c: Core, n: number): number => c.i32[c.w + W.gpr + 2 * n]!
export const gprHi = (c: Core, n: number): number => c.i32[c.w + W.gpr + 2 * n + 1]!
/** Sets the low `size` bytes of a register; of 4, the upper half becomes 0. */
export function setGpr(c: Core, n: number, size: number, lo: number, hi = 0): void {
  const at = c.w + W.gpr + 2 * n
  if (size === 8) c.i32[at + 1] = hi
  else if (size === 4) c.i32[at + 1] = 0
  c.i32[at] = size === 2 ? (c.i32[at]! & ~0xffff) | (lo & 0xffff) : size === 1 ? (c.i32[at]! & ~0xff) | (lo & 0xff) : lo
}
export const segment = (c: Core, seg: number, field: number): number => c.i32[c.w + segWord(seg) + field]!
export const segmentHi = (c: Core, seg: number, field: number): number => c.i32[c.w + segWord(seg) + field + 1]!
export const selectorOf = (c: Core, seg: number): number => segment(c, seg, SEG.selector)

// What mode the processor is in.

export const isProtected = (c: Core): boolean => (get(c, W.cr0) & Cr0.PE) !== 0
export const isVm86 = (c: Core): boolean => (get(c, W.eflags) & Flag.VM) !== 0
/** Real or virtual-8086 mode: segments are shifted selectors. */
export const isReal = (c: Core): boolean => !isProtected(c) || isVm86(c)
export const isLong = (c: Core): boolean => (get(c, W.efer) & Efer.LMA) !== 0
export const isCode64 = (c: Core): boolean => isLong(c) && (segment(c, Seg.CS, SEG.attributes) & Attribute.L) !== 0
/** The current privilege level is always that of SS. */
export const cplOf = (c: Core): number => (segment(c, Seg.SS, SEG.attributes) >> 5) & 3
export const iopl = (c: Core): number => (get(c, W.eflags) >> 12) & 3

// The instruction pointer. `pc` is a linear address.

export function advance(c: Core, bytes: number): void {
  const at = c.w + W.pc, lo = c.i32[at]!
  c.i32[at] = lo + bytes
  if (lo >>> 0 >= 0x100000000 - bytes && isCode64(c)) c.i32[at + 1] = c.i32[at + 1]! + 1
}
/** The offset in CS of pc plus `bytes`, in c.lo and c.hi. */
export function readIp(c: Core, bytes: number): void {
  const pc = c.i32[c.w + W.pc]! >>> 0, base = segment(c, Seg.CS, SEG.base) >>> 0, sum = pc + bytes - base
  c.lo = sum | 0
  c.hi = isCode64(c) ? (getHi(c, W.pc) + Math.floor(sum / 0x100000000)) | 0 : 0
}
/** pc from an offset in the current CS. */
export function setIp(c: Core, lo: number, hi: number): void {
  if (isCode64(c)) setPair(c, W.pc, lo, hi)
  else setPair(c, W.pc, (lo + segment(c, Seg.CS, SEG.base)) | 0, 0)
}

// Flags.

/** EFLAGS with the lazy ones. */
export function flags(c: Core): number { return (get(c, W.eflags) & ~Flag.ARITHMETIC) | 2 | arithmeticFlags(c) }
/** Sets those flags that `mask` names, and what follows from them. */
export function setFlags(c: Core, value: number, mask: number): void {
  const old = flags(c)
  replaceFlags(c, old, (old & ~mask) | (value & mask))
}
/** The same, where all of them are known: as they are, and as they shall be. */
export function replaceFlags(c: Core, old: number, next: number): void {
  const { i32, w } = c
  setPair(c, W.fa, next & Flag.ARITHMETIC, 0)
  i32[w + W.fx] = Arith.EXPLICIT
  i32[w + W.eflags] = (next & ~Flag.ARITHMETIC) | 2
  const changed = old ^ next
  if (changed & (Flag.VM | Flag.TF | Flag.IOPL | Flag.RF)) updateMode(c)
  if (changed & Flag.AC) {
    selectTlb(c)
    if (cplOf(c) === 3) updateMode(c)
  }
  if (changed & next & Flag.IF && i32[w + W.interruptWaits]) requestInterrupt(c)
}

// What recompiled code depends on.

/** The mode word from its sources. */
export function updateMode(c: Core): void {
  const cr0 = get(c, W.cr0), cr4 = get(c, W.cr4), eflags = get(c, W.eflags), cs = segment(c, Seg.CS, SEG.attributes)
  const cpl = cplOf(c), pe = (cr0 & Cr0.PE) !== 0
  let mode = cpl << Mode.CPL_SHIFT
  if (isCode64(c)) mode |= Mode.CODE64
  else {
    mode |= cs & Attribute.DB ? Mode.CODE32 : Mode.CODE16
    if (segment(c, Seg.SS, SEG.attributes) & Attribute.DB) mode |= Mode.STACK32
    if (flat(c, Seg.ES)) mode |= Mode.FLAT_ES
    if (flat(c, Seg.SS)) mode |= Mode.FLAT_SS
    if (flat(c, Seg.DS)) mode |= Mode.FLAT_DS
    if (segment(c, Seg.CS, SEG.base) === 0 && segment(c, Seg.CS, SEG.limit) === -1) mode |= Mode.FLAT_CS
  }
  if (pe) mode |= Mode.PROTECTED
  if (pe && eflags & Flag.VM) mode |= Mode.VM86
  if (!pe || cpl <= ((eflags >> 12) & 3)) mode |= Mode.IO_ALLOWED
  if (checksAlignment(c)) mode |= Mode.ALIGN
  if (cr0 & Cr0.EM) mode |= Mode.EM
  if (cr0 & Cr0.TS) mode |= Mode.TS
  if (cr0 & Cr0.MP) mode |= Mode.MP
  if (cr0 & Cr0.NE) mode |= Mode.NE
  if (cr4 & Cr4.OSFXSR) mode |= Mode.OSFXSR
  if (cr4 & Cr4.OSXSAVE) mode |= Mode.OSXSAVE
  mode |= mxcsrMode(get(c, W.mxcsr))
  if (eflags & Flag.TF || get(c, W.stepTrap) || watchesCode(c) || c.s.shadow & (Shadow.STEPPING | Shadow.STEPPED)) mode |= Mode.STEP
  // Upper halves of registers mean nothing outside 64-bit code: there they are 0.
  if ((mode & Mode.CODE) !== Mode.CODE64 && (c.i32[c.w + W.mode]! & Mode.CODE) === Mode.CODE64)
    for (let n = 0; n < 16; n++) c.i32[c.w + W.gpr + 2 * n + 1] = 0
  c.i32[c.w + W.mode] = mode
}
/** After a change between privilege levels of flat 64-bit code, flags included. */
export function updateLevel(c: Core, cpl: number): void {
  const mode = c.i32[c.w + W.mode]!, eflags = get(c, W.eflags)
  if ((mode & (Mode.CODE | Mode.STEP | Mode.ALIGN)) !== Mode.CODE64 || eflags & (Flag.TF | Flag.VM | Flag.AC)) return updateMode(c)
  c.i32[c.w + W.mode] = (mode & ~(Mode.CPL | Mode.IO_ALLOWED)) | (cpl << Mode.CPL_SHIFT) | (cpl <= ((eflags >> 12) & 3) ? Mode.IO_ALLOWED : 0)
}
/** Misaligned accesses of the current level fault (SDM 3, 6.15, interrupt 17); those that the processor makes as a supervisor do not. */
export const checksAlignment = (c: Core): boolean =>
  (get(c, W.cr0) & Cr0.AM) !== 0 && (get(c, W.eflags) & Flag.AC) !== 0 && cplOf(c) === 3
/** What of MXCSR the mode word holds. */
export const mxcsrMode = (mxcsr: number): number =>
  (mxcsr & MXCSR_CONTROL) !== MXCSR_MASKS ? Mode.MXCSR_ODD : mxcsr & MXCSR_PRECISION ? Mode.MXCSR_FREE : 0
const MXCSR_CONTROL = 0xffc0, MXCSR_MASKS = 0x1f80, MXCSR_PRECISION = 0x20
/** See isFlat in segment.ts. */
function flat(c: Core, seg: number): boolean {
  const { i32 } = c, at = c.w + segWord(seg)
  return i32[at]! === 0 && i32[at + SEG.first]! === 0 && i32[at + SEG.first + 1]! === 0 && i32[at + SEG.readEnd + 1]! === 1
    && i32[at + SEG.writeEnd + 1]! === 1
}
/** An instruction breakpoint is enabled in DR7. */
export function watchesCode(c: Core): boolean {
  const dr7 = c.i32[c.w + W.dr + 14]!
  if (!(dr7 & 0xff)) return false
  for (let n = 0; n < 4; n++) if (dr7 >> (2 * n) & 3 && !(dr7 >> (16 + 4 * n) & 3)) return true
  return false
}

/** Chooses the TLB by privilege, AC and CR3. */
export function selectTlb(c: Core): void {
  const paged = (get(c, W.cr0) & Cr0.PG) !== 0, cr4 = get(c, W.cr4), user = cplOf(c) === 3
  const space = !paged ? BARE_SPACE : cr4 & Cr4.PCIDE ? get(c, W.cr3) & 0xfff : 0
  const mmuMode = user ? Mmu.USER : cr4 & Cr4.SMAP && !(get(c, W.eflags) & Flag.AC) ? Mmu.SUPERVISOR_SMAP : Mmu.SUPERVISOR
  const fetchMode = user ? Mmu.USER : Mmu.SUPERVISOR
  if (space === c.space && mmuMode === c.mmuMode && fetchMode === c.fetchMode) return
  c.space = space
  c.mmuMode = mmuMode
  c.fetchMode = fetchMode
  c.services.selectTlb(space, mmuMode, space, fetchMode)
}
/** Forgets host-side caches of the state, which was changed from outside. */
export function forget(c: Core): void { c.space = c.fetchMode = -1 }

/** Makes generated code come back to look at interrupts. `interrupt` finds out whether there is one. */
export function requestInterrupt(c: Core): void {
  const { i32, w } = c
  let any = Atomics.load(i32, w + W.lines)
  for (let n = 0; n < 8; n++) any |= Atomics.load(i32, w + W.apicIrr + n)
  if (any) Atomics.or(i32, w + W.exitRequest, ExitRequest.INTERRUPT)
}

/** Whether all of a 64-bit address's bits above those that are translated are equal. */
export const canonical = (c: Core, hi: number): boolean =>
  get(c, W.cr4) & Cr4.LA57 ? hi >> 24 === hi >> 31 : hi >> 15 === hi >> 31
/** The fault of a stack access, or of another. */
export const limitFault = (seg: number): number => (seg === Seg.SS ? Vector.SS : Vector.GP)
