// Model-specific registers, as a table: number, name, how it reads and what a write may hold. Intel SDM volume 4; AMD64 volume 2,
// appendix A. One that is not in the table is not there: #GP.
import * as apic from './apic.ts'
import {
  canonical, type Core, Cr0, Cr4, cplOf, Done, Efer, fault, get, getHi, gpr, note, segment, segmentHi, segWord, setGpr, W, SEG,
} from './core.ts'
import { Seg, Vector } from './cpu.ts'
import { readTsc } from './tsc.ts'

export type Msr = {
  readonly number: number
  readonly name: string
  /** The low half of the value; the high half in c.hi. */
  read(c: Core): number
  /** False with #GP noted if it may not hold the value. Without it the register cannot be written. */
  write?(c: Core, lo: number, hi: number): boolean
  /** Models that have it: by a feature. */
  readonly feature?: string
}
type Field = keyof typeof W

const invalid = (c: Core): false => note(c, Vector.GP)
const at = (field: Field, n = 0) => (c: Core): number => {
  c.hi = c.i32[c.w + W[field] + 2 * n + 1]!
  return c.i32[c.w + W[field] + 2 * n]!
}
const set = (c: Core, field: Field, lo: number, hi: number, n = 0): true => {
  c.i32[c.w + W[field] + 2 * n] = lo
  c.i32[c.w + W[field] + 2 * n + 1] = hi
  return true
}
/** A field of the state, all of whose bits but the reserved ones may be written. */
const plain = (number: number, name: string, field: Field, reservedLo = 0, reservedHi = 0, feature?: string, n = 0): Msr => ({
  number, name, read: at(field, n),
  write: (c, lo, hi) => (lo & reservedLo || hi & reservedHi ? invalid(c) : set(c, field, lo, hi, n)),
  ...(feature !== undefined && { feature }),
})
/** An address, which must be canonical. */
const address = (number: number, name: string, field: Field, feature?: string): Msr => ({
  number, name, read: at(field),
  write: (c, lo, hi) => (c.model.has('lm') && !canonical(c, hi) ? invalid(c) : set(c, field, lo, hi)),
  ...(feature !== undefined && { feature }),
})
const constant = (number: number, name: string, value: number, ignoresWrites = false): Msr => ({
  number, name,
  read(c) {
    c.hi = 0
    return value
  },
  ...(ignoresWrites && { write: () => true }),
})
const segmentBase = (number: number, name: string, seg: number): Msr => ({
  number, name, feature: 'lm',
  read(c) {
    c.hi = segmentHi(c, seg, SEG.base)
    return segment(c, seg, SEG.base)
  },
  write(c, lo, hi) {
    if (!canonical(c, hi)) return invalid(c)
    c.i32[c.w + segWord(seg)] = lo
    c.i32[c.w + segWord(seg) + 1] = hi
    return true
  },
})

function writeTsc(c: Core, lo: number, hi: number): true {
  const before = c.s.tscOffset
  set(c, 'tscOffset', 0, 0)
  const now = readTsc(c) >>> 0, borrow = lo >>> 0 < now ? 1 : 0
  set(c, 'tscOffset', (lo - now) | 0, (hi - c.hi - borrow) | 0)
  c.s.tscAdjust = BigInt.asUintN(64, c.s.tscAdjust + c.s.tscOffset - before)
  return true
}
/** What software has added to the counter: changing one changes the other. */
function writeTscAdjust(c: Core, lo: number, hi: number): true {
  const value = (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)
  c.s.tscOffset = BigInt.asUintN(64, c.s.tscOffset + value - c.s.tscAdjust)
  c.s.tscAdjust = value
  return true
}

function writeEfer(c: Core, lo: number, hi: number): boolean {
  const old = get(c, W.efer), { model } = c
  const known = (model.has('syscall') ? Efer.SCE : 0) | (model.has('lm') ? Efer.LME | Efer.LMA : 0) | (model.has('nx') ? Efer.NXE : 0)
  if (lo & ~known || hi !== 0 || ((lo ^ old) & Efer.LME && get(c, W.cr0) & Cr0.PG)) return invalid(c)
  const next = (lo & ~Efer.LMA) | (old & Efer.LMA)
  set(c, 'efer', next, 0)
  if ((next ^ old) & Efer.NXE) c.services.flushTlb()
  return true
}

/** Memory types of a byte each: uncacheable, write-combining, -through, -protected, -back, and UC- in PAT alone. */
const typesValid = (pat: boolean, ...halves: number[]): boolean =>
  halves.every(half => [0, 8, 16, 24].every(shift => {
    const type = (half >>> shift) & 0xff
    return type === 0 || type === 1 || (type >= 4 && type <= 6) || (pat && type === 7)
  }))
const FIXED = [0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f]
const VARIABLE = 8
const beyond = (c: Core): number => (c.model.physicalBits < 32 ? -1 : -(1 << (c.model.physicalBits - 32)))
const mtrrs: Msr[] = [
  constant(0xfe, 'MTRRcap', VARIABLE | 0x500),
  { number: 0x2ff, name: 'MTRRdefType', read: at('mtrrDefType'),
    write: (c: Core, lo: number, hi: number) => (lo & ~0xcff || hi || !typesValid(false, lo & 0xff) ? invalid(c) : set(c, 'mtrrDefType', lo, hi)) },
  ...FIXED.map((number, n): Msr => ({ number, name: `MTRRfix${n}`, read: at('mtrrFixed', n),
    write: (c, lo, hi) => (typesValid(false, lo, hi) ? set(c, 'mtrrFixed', lo, hi, n) : invalid(c)) })),
  ...Array.from({ length: 2 * VARIABLE }, (_, n): Msr => ({
    number: 0x200 + n, name: `MTRRphys${n & 1 ? 'Mask' : 'Base'}${n >> 1}`, read: at('mtrrVariable', n),
    write: (c, lo, hi) => (hi & beyond(c) || lo & (n & 1 ? 0x7ff : 0xf00) || (!(n & 1) && !typesValid(false, lo & 0xff)) ? invalid(c)
      : set(c, 'mtrrVariable', lo, hi, n)),
  })),
].map(m => ({ ...m, feature: 'mtrr' }))

const x2apic: Msr[] = Array.from({ length: 0x40 }, (_, reg): Msr => ({
  number: 0x800 + reg, name: `X2APIC_${reg.toString(16)}`, feature: 'x2apic',
  read(c) {
    if (!apic.isX2Register(c, reg, false)) {
      invalid(c)
      return ABSENT
    }
    const lo = apic.readRegister(c, reg)
    c.hi = reg === apic.Reg.ICR ? getHi(c, W.apicIcr) : 0
    return lo
  },
  write(c, lo, hi) {
    if (!apic.isX2Register(c, reg, true) || (hi !== 0 && reg !== apic.Reg.ICR)) return invalid(c)
    if ((reg === apic.Reg.EOI || reg === apic.Reg.ESR) && lo !== 0) return invalid(c)
    apic.writeRegister(c, reg, lo, hi)
    return true
  },
}))
/** No 32-bit value: what a read that faults gives. */
const ABSENT = NaN

export const msrs: readonly Msr[] = [
  { number: 0x10, name: 'TSC', read: readTsc, write: writeTsc, feature: 'tsc' },
  constant(0x17, 'PLATFORM_ID', 0),
  { number: 0x1b, name: 'APIC_BASE', read: at('apicBase'), write: apic.writeApicBase, feature: 'apic' },
  constant(0x3a, 'FEATURE_CONTROL', 1),
  { number: 0x3b, name: 'TSC_ADJUST', read: at('tscAdjust'), write: writeTscAdjust, feature: 'tsc-adjust' },
  constant(0x79, 'BIOS_UPDT_TRIG', 0, true),
  constant(0x8b, 'BIOS_SIGN_ID', 0, true),
  plain(0x174, 'SYSENTER_CS', 'sysenterCs', 0, 0, 'sep'),
  address(0x175, 'SYSENTER_ESP', 'sysenterEsp', 'sep'),
  address(0x176, 'SYSENTER_EIP', 'sysenterEip', 'sep'),
  plain(0x1a0, 'MISC_ENABLE', 'miscEnable'),
  constant(0x1d9, 'DEBUGCTL', 0, true),
  { number: 0x277, name: 'PAT', read: at('pat'), write: (c, lo, hi) => (typesValid(true, lo, hi) ? set(c, 'pat', lo, hi) : invalid(c)), feature: 'pat' },
  { number: 0x6e0, name: 'TSC_DEADLINE', read: at('tscDeadline'), feature: 'tsc-deadline',
    write(c, lo, hi) {
      apic.writeDeadline(c, lo, hi)
      return true
    } },
  ...mtrrs, ...x2apic,
  { number: 0xc0000080, name: 'EFER', read: at('efer'), write: writeEfer },
  plain(0xc0000081, 'STAR', 'star', 0, 0, 'syscall'),
  address(0xc0000082, 'LSTAR', 'lstar', 'lm'),
  address(0xc0000083, 'CSTAR', 'cstar', 'lm'),
  plain(0xc0000084, 'FMASK', 'fmask', 0, -1, 'lm'),
  segmentBase(0xc0000100, 'FS_BASE', Seg.FS),
  segmentBase(0xc0000101, 'GS_BASE', Seg.GS),
  address(0xc0000102, 'KERNEL_GS_BASE', 'kernelGsBase', 'lm'),
  plain(0xc0000103, 'TSC_AUX', 'tscAux', 0, -1, 'rdtscp'),
  // What kernels read of this vendor's processors without asking whether it is there.
  constant(0xc0010010, 'SYSCFG', 0, true), constant(0xc0010015, 'HWCR', 0, true), constant(0xc001001f, 'NB_CFG', 0, true),
  constant(0xc0010055, 'INT_PENDING', 0, true), constant(0xc0011029, 'DE_CFG', 0, true),
]
const byNumber = new Map(msrs.map(m => [m.number, m]))
const msrOf = (c: Core, number: number): Msr | undefined => {
  const m = byNumber.get(number)
  if (!m || (m.feature !== undefined && !c.model.has(m.feature))) return undefined
  return number >= 0xc0010000 >>> 0 && c.model.vendor !== 'AuthenticAMD' ? undefined : m
}

/** A register's value: the low half, the high half in c.hi; undefined with #GP noted where there is none. */
export function readMsr(c: Core, number: number): number | undefined {
  const lo = msrOf(c, number)?.read(c) ?? ABSENT
  return Number.isNaN(lo) ? undefined : lo
}
/** False with #GP noted if it cannot hold the value. */
export const writeMsr = (c: Core, number: number, lo: number, hi: number): boolean => msrOf(c, number)?.write?.(c, lo, hi) ?? invalid(c)

export function rdmsr(c: Core): Done {
  if (cplOf(c) !== 0) return fault(c, Vector.GP)
  const lo = readMsr(c, gpr(c, 1) >>> 0)
  if (lo === undefined) return fault(c, Vector.GP)
  setGpr(c, 0, 4, lo)
  setGpr(c, 2, 4, c.hi)
  return Done.NEXT
}
export function wrmsr(c: Core): Done {
  if (cplOf(c) !== 0) return fault(c, Vector.GP)
  return writeMsr(c, gpr(c, 1) >>> 0, gpr(c, 0), gpr(c, 2)) ? Done.NEXT : Done.FAULT
}

export function rdtsc(c: Core): Done {
  if (!c.model.has('tsc')) return fault(c, Vector.UD)
  if (get(c, W.cr4) & Cr4.TSD && cplOf(c) !== 0) return fault(c, Vector.GP)
  setGpr(c, 0, 4, readTsc(c))
  setGpr(c, 2, 4, c.hi)
  return Done.NEXT
}
export function rdtscp(c: Core): Done {
  if (!c.model.has('rdtscp')) return fault(c, Vector.UD)
  if (rdtsc(c) === Done.FAULT) return Done.FAULT
  setGpr(c, 1, 4, get(c, W.tscAux))
  return Done.NEXT
}
/** There are no performance counters. */
export const rdpmc = (c: Core): Done => fault(c, Vector.GP)
