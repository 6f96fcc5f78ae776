// Control, debug and extended control registers: what a write may hold, and what follows from it. Intel SDM volume 3, 2.5, 2.6,
// 10.8.5 (TLBs: 4.10.4), 17.2; volume 2, MOV, LMSW, INVLPG, INVPCID, XSETBV.
import {
  canonical, type Core, Cr0, Cr4, cplOf, Done, Efer, fault, get, getHi, gpr, gprHi, isCode64, isLong, note, segment, selectTlb, setGpr, setPair,
  updateMode, W, SEG,
} from './core.ts'
import { updateWatches } from './breakpoints.ts'
import { DR7_GD, Flag, Seg, SystemArg, Trap, Vector } from './cpu.ts'
import { readOperand, writeOperand } from './memory.ts'
import { loadPdptes } from './mmu.ts'
import { Attribute } from './segment.ts'
import { updateHidden } from './segments.ts'
import { raise, Source } from './traps.ts'
import { readTpr, writeTpr } from './apic.ts'
import { componentsInUse } from './xstate.ts'

const CR0_BITS = Cr0.PE | Cr0.MP | Cr0.EM | Cr0.TS | Cr0.NE | Cr0.WP | Cr0.AM | Cr0.NW | Cr0.CD | Cr0.PG

const reg = (arg: number): number => (arg >>> SystemArg.REG_SHIFT) & 15
const rm = (arg: number): number => (arg >>> SystemArg.RM_SHIFT) & 15
const sizeOf = (arg: number): number => 1 << ((arg >>> SystemArg.OPERAND_SHIFT) & 3)

/** PAE paging outside long mode, whose directory pointers are loaded with CR3 and when it begins. */
const usesPdptes = (cr0: number, cr4: number, efer: number): boolean =>
  (cr0 & Cr0.PG) !== 0 && (cr4 & Cr4.PAE) !== 0 && !(efer & Efer.LME)

export function writeCr0(c: Core, lo: number, hi: number): boolean {
  const old = get(c, W.cr0), cr4 = get(c, W.cr4), efer = get(c, W.efer)
  const next = (lo & CR0_BITS) | Cr0.ET, changed = old ^ next
  if (hi !== 0 || (next & Cr0.PG && !(next & Cr0.PE)) || (next & Cr0.NW && !(next & Cr0.CD))) return note(c, Vector.GP)
  if (changed & Cr0.PG) {
    if (next & Cr0.PG) {
      if (efer & Efer.LME && (!(cr4 & Cr4.PAE) || segment(c, Seg.CS, SEG.attributes) & Attribute.L)) return note(c, Vector.GP)
    } else if (isCode64(c) || cr4 & Cr4.PCIDE) return note(c, Vector.GP)
  }
  if (usesPdptes(next, cr4, efer) && changed & (Cr0.PG | Cr0.CD | Cr0.NW) && !loadPdptes(c, get(c, W.cr3))) return false
  setPair(c, W.cr0, next, 0)
  if ((old ^ next) & Cr0.PE) for (let seg = Seg.ES; seg <= Seg.GS; seg++) updateHidden(c, seg)
  if (changed & Cr0.PG) setPair(c, W.efer, next & Cr0.PG && efer & Efer.LME ? efer | Efer.LMA : efer & ~Efer.LMA, 0)
  if (changed & (Cr0.PG | Cr0.WP)) c.services.flushTlb()
  if (changed & Cr0.PG && c.watches) updateWatches(c)
  updateMode(c)
  selectTlb(c)
  return true
}

export function writeCr3(c: Core, lo: number, hi: number): boolean {
  const cr4 = get(c, W.cr4), pcids = (cr4 & Cr4.PCIDE) !== 0, keeps = pcids && hi < 0
  if (pcids) hi &= 0x7fffffff
  if (isLong(c) && hi >>> 0 >= 2 ** Math.max(0, c.model.physicalBits - 32)) return note(c, Vector.GP)
  if (usesPdptes(get(c, W.cr0), cr4, get(c, W.efer)) && !loadPdptes(c, lo)) return false
  setPair(c, W.cr3, lo, hi)
  if (!keeps) c.services.flushTlb(pcids ? lo & 0xfff : 0)
  selectTlb(c)
  return true
}

export function writeCr4(c: Core, lo: number, hi: number): boolean {
  const old = get(c, W.cr4), changed = old ^ lo, long = isLong(c)
  if (hi !== 0 || lo & ~c.model.cr4) return note(c, Vector.GP)
  if (long && (changed & Cr4.LA57 || !(lo & Cr4.PAE))) return note(c, Vector.GP)
  if (changed & lo & Cr4.PCIDE && (!long || get(c, W.cr3) & 0xfff)) return note(c, Vector.GP)
  if (changed & (Cr4.PSE | Cr4.PAE | Cr4.PGE | Cr4.SMEP) && usesPdptes(get(c, W.cr0), lo, get(c, W.efer)) && !loadPdptes(c, get(c, W.cr3)))
    return false
  setPair(c, W.cr4, lo, 0)
  if (changed & Cr4.DE) updateWatches(c)
  if (changed & (Cr4.PSE | Cr4.PAE | Cr4.PGE | Cr4.PCIDE | Cr4.SMEP | Cr4.SMAP | Cr4.LA57)) c.services.flushTlb()
  updateMode(c)
  selectTlb(c)
  return true
}

export function movToCr(c: Core, arg: number): Done {
  const cr = reg(arg), lo = gpr(c, rm(arg)), hi = sizeOf(arg) === 8 ? gprHi(c, rm(arg)) : 0
  if (cr === 1 || (cr > 4 && cr !== 8)) return fault(c, Vector.UD)
  if (cplOf(c) !== 0) return fault(c, Vector.GP)
  const ok = cr === 0 ? writeCr0(c, lo, hi) : cr === 3 ? writeCr3(c, lo, hi) : cr === 4 ? writeCr4(c, lo, hi)
    : cr === 8 ? (hi === 0 && (lo & ~15) === 0 ? writeTpr(c, lo << 4) : note(c, Vector.GP)) : setCr2(c, lo, hi)
  return ok ? Done.NEXT : Done.FAULT
}
function setCr2(c: Core, lo: number, hi: number): true {
  setPair(c, W.cr2, lo, hi)
  return true
}
export function movFromCr(c: Core, arg: number): Done {
  const cr = reg(arg)
  if (cr === 1 || (cr > 4 && cr !== 8)) return fault(c, Vector.UD)
  if (cplOf(c) !== 0) return fault(c, Vector.GP)
  const at = c.w + W[cr === 0 ? 'cr0' : cr === 2 ? 'cr2' : cr === 3 ? 'cr3' : 'cr4']
  if (cr === 8) setGpr(c, rm(arg), sizeOf(arg), readTpr(c) >> 4)
  else setGpr(c, rm(arg), sizeOf(arg), c.i32[at]!, c.i32[at + 1]!)
  return Done.NEXT
}

/** LMSW can set PE, but not clear it. */
export function lmsw(c: Core, arg: number): Done {
  if (cplOf(c) !== 0) return fault(c, Vector.GP)
  if (arg & SystemArg.MEMORY) {
    if (!readOperand(c, arg, 2)) return Done.FAULT
  } else c.lo = gpr(c, rm(arg))
  const cr0 = get(c, W.cr0)
  return writeCr0(c, (cr0 & ~0xe) | (c.lo & 0xf), 0) ? Done.NEXT : Done.FAULT
}
export function smsw(c: Core, arg: number): Done {
  const cr0 = get(c, W.cr0)
  if (arg & SystemArg.MEMORY) return writeOperand(c, arg, 2, cr0) ? Done.NEXT : Done.FAULT
  setGpr(c, rm(arg), sizeOf(arg), cr0)
  return Done.NEXT
}
export function clts(c: Core): Done {
  if (cplOf(c) !== 0) return fault(c, Vector.GP)
  setPair(c, W.cr0, get(c, W.cr0) & ~Cr0.TS, 0)
  updateMode(c)
  return Done.NEXT
}

export function invlpg(c: Core): Done {
  if (cplOf(c) !== 0) return fault(c, Vector.GP)
  const lo = c.i32[c.w + W.args]!, hi = c.i32[c.w + W.args + 1]!
  if (!isLong(c) || canonical(c, hi)) c.services.flushPage(lo, hi)
  return Done.NEXT
}

export function invpcid(c: Core, arg: number): Done {
  if (!c.model.has('invpcid')) return fault(c, Vector.UD)
  if (cplOf(c) !== 0) return fault(c, Vector.GP)
  const kind = gpr(c, reg(arg)), wide = isCode64(c)
  if (!readOperand(c, arg, 8)) return Done.FAULT
  const pcid = c.lo, reserved = c.hi
  if (!readOperand(c, arg, 8, 8)) return Done.FAULT
  if ((wide && gprHi(c, reg(arg)) !== 0) || kind >>> 0 > 3) return fault(c, Vector.GP)
  if (kind <= 1 && (pcid & ~0xfff || reserved || (pcid !== 0 && !(get(c, W.cr4) & Cr4.PCIDE)))) return fault(c, Vector.GP)
  if (kind === 0 && !canonical(c, c.hi)) return fault(c, Vector.GP)
  if (kind === 0) c.services.flushPage(c.lo, c.hi, pcid)
  else if (kind === 1) c.services.flushTlb(pcid)
  else c.services.flushTlb()
  return Done.NEXT
}

// Debug registers. DR4 and DR5 are DR6 and DR7 while CR4.DE is clear.

const DR6_ONES = 0xffff0ff0 | 0, DR6_BITS = 0xe00f, DR6_HITS = 15, DR7_ONES = 0x400, DR7_BITS = 0xffff23ff | 0
const DR6_BD = 0x2000, DR6_BS = 0x4000

function debugRegister(c: Core, arg: number): number {
  const n = reg(arg)
  if (n > 7 || ((n === 4 || n === 5) && get(c, W.cr4) & Cr4.DE)) {
    note(c, Vector.UD)
    return -1
  }
  if (cplOf(c) !== 0) {
    note(c, Vector.GP)
    return -1
  }
  if (c.i32[c.w + W.dr + 14]! & DR7_GD) {
    c.i32[c.w + W.dr + 12] = c.i32[c.w + W.dr + 12]! | DR6_BD
    note(c, Vector.DB)
    return -1
  }
  return n === 4 || n === 5 ? n + 2 : n
}
export function movFromDr(c: Core, arg: number): Done {
  const n = debugRegister(c, arg), at = c.w + W.dr + 2 * n
  if (n < 0) return Done.FAULT
  setGpr(c, rm(arg), sizeOf(arg), c.i32[at]!, c.i32[at + 1]!)
  return Done.NEXT
}
export function movToDr(c: Core, arg: number): Done {
  const n = debugRegister(c, arg), at = c.w + W.dr + 2 * n
  if (n < 0) return Done.FAULT
  const lo = gpr(c, rm(arg)), hi = sizeOf(arg) === 8 ? gprHi(c, rm(arg)) : 0
  if (n >= 6 && hi !== 0) return fault(c, Vector.GP)
  c.i32[at] = n === 6 ? (lo & DR6_BITS) | DR6_ONES : n === 7 ? (lo & DR7_BITS) | DR7_ONES : lo
  c.i32[at + 1] = hi
  if (n === 7) updateMode(c)
  if (n !== 6) updateWatches(c)
  return Done.NEXT
}

/** Takes the debug trap that the instruction before this one leaves; false if it leaves none. */
export function takeTrap(c: Core): boolean {
  const { i32, w } = c, trapped = i32[w + W.stepTrap]! & Trap.REAL
  if (!trapped) return false
  i32[w + W.stepTrap] = 0
  i32[w + W.dr + 12] = (i32[w + W.dr + 12]! & ~DR6_HITS) | trapped
  raise(c, Vector.DB, 0, Source.EXCEPTION, 0)
  return true
}

/** Before an instruction under Mode.STEP: takes what the one before it leaves, and instruction breakpoints. True if the
 * instruction may run. */
export function debugBefore(c: Core): boolean {
  if (takeTrap(c)) return false
  const { i32, w } = c, alone = i32[w + W.stepTrap]! & Trap.ALONE
  const eflags = get(c, W.eflags), dr7 = i32[w + W.dr + 14]!
  let hit = 0
  if (!(eflags & Flag.RF))
    for (let n = 0; n < 4; n++)
      if (dr7 >> (2 * n) & 3 && !(dr7 >> (16 + 4 * n) & 3) && i32[w + W.dr + 2 * n] === get(c, W.pc)
        && (!isLong(c) || i32[w + W.dr + 2 * n + 1] === getHi(c, W.pc))) hit |= 1 << n
  if (hit) {
    i32[w + W.stepTrap] = 0
    i32[w + W.dr + 12] = (i32[w + W.dr + 12]! & ~DR6_HITS) | hit
    raise(c, Vector.DB, 0, Source.EXCEPTION, 0)
    return false
  }
  i32[w + W.eflags] = eflags & ~Flag.RF
  i32[w + W.stepTrap] = (alone ? Trap.BEGUN : 0) | (eflags & Flag.TF ? DR6_BS : 0)
  return true
}

// Extended control registers.

export function xgetbv(c: Core): Done {
  if (!(get(c, W.cr4) & Cr4.OSXSAVE)) return fault(c, Vector.UD)
  const number = gpr(c, 1)
  if (number !== 0 && !(number === 1 && c.model.has('xgetbv1'))) return fault(c, Vector.GP)
  setGpr(c, 0, 4, get(c, W.xcr0) & (number === 0 ? -1 : componentsInUse(c)))
  setGpr(c, 2, 4, 0)
  return Done.NEXT
}
export function xsetbv(c: Core): Done {
  if (!(get(c, W.cr4) & Cr4.OSXSAVE)) return fault(c, Vector.UD)
  const lo = gpr(c, 0), ymmAlone = (lo & 6) === 4
  if (cplOf(c) !== 0 || gpr(c, 1) !== 0 || !(lo & 1) || ymmAlone || lo & ~c.model.xcr0 || gpr(c, 2) !== 0) return fault(c, Vector.GP)
  setPair(c, W.xcr0, lo, 0)
  updateMode(c)
  return Done.NEXT
}
