// The local APIC of each processor, xAPIC and x2APIC: its registers, priorities, timer, and messages between processors. Intel SDM
// volume 3, chapter 11 (10 in older editions). Messages set bits of the target's state with Atomics, from any thread.
//
// Not modelled: SMI messages (not implemented), CMCI, thermal and performance interrupts, LINT pins but ExtINT on LINT0 and the NMI button on
// LINT1. An NMI input is taken as it comes. The timer counts nanoseconds divided as DCR says.
import { unimplemented } from '../../base/log.ts'
import { type Core, get, getHi, note, requestInterrupt, setPair, W, type X86Platform } from './core.ts'
import { Line, Vector } from './cpu.ts'
import { nsOfTicks } from './tsc.ts'

/** Registers by their offset divided by 16; in x2APIC mode they are MSRs from 0x800. */
export const Reg = { ID: 2, VERSION: 3, TPR: 8, APR: 9, PPR: 10, EOI: 11, LDR: 13, DFR: 14, SVR: 15, ISR: 16, TMR: 24, IRR: 32, ESR: 40,
  ICR: 48, ICR2: 49, LVT: 50, LVT_END: 55, INITIAL: 56, CURRENT: 57, DIVIDE: 62, SELF_IPI: 63 } as const
export const Base = { BSP: 0x100, X2APIC: 0x400, ENABLED: 0x800 } as const
const SVR_ENABLED = 0x100, SVR_NO_BROADCAST = 0x1000
const VERSION = 0x14 | (5 << 16) | (1 << 24) // six LVT entries, no broadcast on request
const Lvt = { TIMER: 0, LINT0: 3, LINT1: 4, ERROR: 5, MASKED: 0x10000, LEVEL: 0x8000, MODE: 0x700, EXTINT: 0x700, PENDING: 0x1000 } as const
const LVT_BITS = [0x710ff, 0x117ff, 0x117ff, 0x1f7ff, 0x1f7ff, 0x110ff]
const Error = { SEND_VECTOR: 0x20, RECEIVE_VECTOR: 0x40, REGISTER: 0x80 } as const
export const Delivery = { FIXED: 0, LOWEST: 1, SMI: 2, NMI: 4, INIT: 5, STARTUP: 6, EXTINT: 7 } as const

// The 256 bits of IRR, ISR and TMR.
const setBit = (i32: Int32Array, at: number, n: number): number => Atomics.or(i32, at + (n >> 5), 1 << (n & 31))
const clearBit = (i32: Int32Array, at: number, n: number): number => Atomics.and(i32, at + (n >> 5), ~(1 << (n & 31)))
const testBit = (i32: Int32Array, at: number, n: number): boolean => (Atomics.load(i32, at + (n >> 5)) >>> (n & 31) & 1) !== 0
function highest(i32: Int32Array, at: number): number {
  for (let k = 7; k >= 0; k--) {
    const bits = Atomics.load(i32, at + k)
    if (bits) return 32 * k + 31 - Math.clz32(bits)
  }
  return -1
}

export const isEnabled = (c: Core): boolean => (get(c, W.apicBase) & Base.ENABLED) !== 0
const isX2 = (c: Core): boolean => (get(c, W.apicBase) & Base.X2APIC) !== 0
const softwareEnabled = (c: Core): boolean => (get(c, W.apicSvr) & SVR_ENABLED) !== 0

// Priorities.

export const readTpr = (c: Core): number => get(c, W.apicTpr)
export function writeTpr(c: Core, value: number): true {
  c.i32[c.w + W.apicTpr] = value & 0xff
  requestInterrupt(c)
  return true
}
export function ppr(c: Core): number {
  const tpr = get(c, W.apicTpr), service = Math.max(0, highest(c.i32, c.w + W.apicIsr))
  return (tpr & 0xf0) >= (service & 0xf0) ? tpr : service & 0xf0
}
/** The vector that may be delivered now, or -1. */
export function pendingVector(c: Core): number {
  if (!isEnabled(c) || !softwareEnabled(c)) return -1
  const vector = highest(c.i32, c.w + W.apicIrr)
  return vector >= 0 && (vector & 0xf0) > (ppr(c) & 0xf0) ? vector : -1
}
/** Takes that vector into service. */
export function acceptVector(c: Core, vector: number): void {
  clearBit(c.i32, c.w + W.apicIrr, vector)
  setBit(c.i32, c.w + W.apicIsr, vector)
}
/** The INTR pin reaches the processor: the APIC is off, or LINT0 passes it on. */
export function acceptsExtint(c: Core): boolean {
  const lint0 = c.i32[c.w + W.apicLvt + Lvt.LINT0]!
  return !isEnabled(c) || (!(lint0 & Lvt.MASKED) && (lint0 & Lvt.MODE) === Lvt.EXTINT)
}
function endOfInterrupt(c: Core): void {
  const vector = highest(c.i32, c.w + W.apicIsr)
  if (vector < 0) return
  clearBit(c.i32, c.w + W.apicIsr, vector)
  if (testBit(c.i32, c.w + W.apicTmr, vector) && !(get(c, W.apicSvr) & SVR_NO_BROADCAST)) c.platform.eoi(vector)
  requestInterrupt(c)
}

/** An interrupt of its own. */
function raiseOwn(c: Core, lvt: number): void {
  const entry = c.i32[c.w + W.apicLvt + lvt]!
  if (entry & Lvt.MASKED || !softwareEnabled(c)) return
  if ((entry & 0xff) < 16) return error(c, Error.RECEIVE_VECTOR)
  clearBit(c.i32, c.w + W.apicTmr, entry & 0xff)
  setBit(c.i32, c.w + W.apicIrr, entry & 0xff)
  requestInterrupt(c)
}
function error(c: Core, bit: number): void {
  const before = c.i32[c.w + W.apicErrors]!
  c.i32[c.w + W.apicErrors] = before | bit
  if (!(before & bit) && (c.i32[c.w + W.apicLvt + Lvt.ERROR]! & 0xff) >= 16) raiseOwn(c, Lvt.ERROR)
}

// Messages.

export type Message = {
  /** A processor's number, or a logical destination; all ones (of 8 or 32 bits) are all processors. */
  readonly destination: number
  readonly logical: boolean
  readonly mode: number
  readonly vector: number
  readonly level: boolean
}

/** Who takes part: states of all processors, and how to wake one. */
export type Apics = Pick<X86Platform, 'states' | 'kick'> & { readonly i32: Int32Array }

const word = (a: Apics, cpu: number, field: 'apicBase' | 'apicId' | 'apicLdr' | 'apicDfr' | 'apicTpr' | 'apicSvr'): number =>
  Atomics.load(a.i32, (a.states[cpu]! >> 2) + W[field])

function matches(a: Apics, cpu: number, destination: number, logical: boolean): boolean {
  const base = word(a, cpu, 'apicBase'), id = word(a, cpu, 'apicId') >>> 0
  if (!(base & Base.ENABLED)) return false
  if (base & Base.X2APIC) {
    if (destination === 0xffffffff) return true
    if (!logical) return destination === id
    return id >>> 4 === destination >>> 16 && (destination & (1 << (id & 15))) !== 0
  }
  if ((destination & 0xff) === 0xff) return true
  if (!logical) return destination === id
  const ldr = word(a, cpu, 'apicLdr') >>> 24
  if (word(a, cpu, 'apicDfr') >>> 28 === 15) return (ldr & destination) !== 0
  return ldr >> 4 === destination >> 4 && (ldr & destination & 15) !== 0
}

/** Sends an interrupt message: from a processor, an I/O APIC, or a device (MSI). Any thread. */
export function sendMessage(a: Apics, m: Message): void {
  const targets = a.states.map((_, cpu) => cpu).filter(cpu => matches(a, cpu, m.destination >>> 0, m.logical))
  if (m.mode !== Delivery.LOWEST) for (const cpu of targets) sendTo(a, cpu, m)
  else {
    const able = targets.filter(cpu => word(a, cpu, 'apicSvr') & SVR_ENABLED)
    const least = able.reduce((best, cpu) => (word(a, cpu, 'apicTpr') < word(a, best, 'apicTpr') ? cpu : best), able[0] ?? -1)
    if (least >= 0) sendTo(a, least, m)
  }
}
function sendTo(a: Apics, cpu: number, m: Message): void {
  const { i32 } = a, w = a.states[cpu]! >> 2
  switch (m.mode) {
    case Delivery.FIXED: case Delivery.LOWEST:
      if (!(word(a, cpu, 'apicSvr') & SVR_ENABLED) || m.vector < 16) return
      if (m.level) setBit(i32, w + W.apicTmr, m.vector)
      else clearBit(i32, w + W.apicTmr, m.vector)
      setBit(i32, w + W.apicIrr, m.vector)
      break
    case Delivery.NMI: Atomics.or(i32, w + W.lines, Line.NMI); break
    case Delivery.INIT: Atomics.or(i32, w + W.lines, Line.INIT); break
    case Delivery.STARTUP:
      Atomics.store(i32, w + W.sipiVector, m.vector)
      Atomics.or(i32, w + W.lines, Line.SIPI)
      break
    case Delivery.SMI: return unimplemented('apic', () => 'SMI message: there is no system management mode')
    default: return
  }
  a.kick(cpu)
}

/** The NMI button: a pulse at the pin LINT1 of every processor, which does as its entry in the local vector table says. Any thread. */
export function pulseLint1(a: Apics): void {
  a.states.forEach((state, cpu) => {
    const entry = Atomics.load(a.i32, (state >> 2) + W.apicLvt + Lvt.LINT1), mode = (entry >> 8) & 7
    if (!(word(a, cpu, 'apicBase') & Base.ENABLED)) sendTo(a, cpu, { ...NMI_MESSAGE }) // the pin is NMI
    else if (!(entry & Lvt.MASKED) && (mode === Delivery.NMI || mode === Delivery.FIXED))
      sendTo(a, cpu, { ...NMI_MESSAGE, mode, vector: entry & 0xff, level: mode === Delivery.FIXED && (entry & Lvt.LEVEL) !== 0 })
  })
}
const NMI_MESSAGE: Message = { destination: 0, logical: false, mode: Delivery.NMI, vector: 0, level: false }

function sendIcr(c: Core, lo: number, hi: number): void {
  const mode = (lo >> 8) & 7, level = (lo & 0x8000) !== 0, shorthand = (lo >> 18) & 3, vector = lo & 0xff
  if ((mode === Delivery.FIXED || mode === Delivery.LOWEST) && vector < 16) return error(c, Error.SEND_VECTOR)
  if (mode === Delivery.INIT && level && !(lo & 0x4000)) return // the INIT level de-assert message
  const a = { ...c.platform, i32: c.i32 }, self = c.services.hart
  const m = { destination: isX2(c) ? hi >>> 0 : hi >>> 24, logical: (lo & 0x800) !== 0, mode, vector, level: false }
  if (shorthand === 0) sendMessage(a, m)
  else c.platform.states.forEach((_, cpu) => {
    if (shorthand === 1 ? cpu === self : shorthand === 2 || cpu !== self) {
      if (word(a, cpu, 'apicBase') & Base.ENABLED) sendTo(a, cpu, m)
    }
  })
}

// The timer.

const divisor = (c: Core): number => {
  const d = get(c, W.apicDivide)
  return 1 << ((((d & 3) | ((d & 8) >> 1)) + 1) & 7)
}
const timerMode = (c: Core): number => (c.i32[c.w + W.apicLvt]! >> 17) & 3
const PERIODIC = 1, DEADLINE = 2
const period = (c: Core): number => (get(c, W.apicInitial) >>> 0) * divisor(c)

function startTimer(c: Core): void {
  c.s.apicStarted = c.services.nowNs()
  c.s.apicExpires = timerMode(c) !== DEADLINE && get(c, W.apicInitial) !== 0 ? c.s.apicStarted + period(c) : 0
  armTimer(c)
}
export function armTimer(c: Core): void { c.services.armTimer(c.s.apicExpires || Infinity) }
export function currentCount(c: Core): number {
  if (c.s.apicExpires === 0 || timerMode(c) === DEADLINE) return 0
  const gone = Math.floor((c.services.nowNs() - c.s.apicStarted) / divisor(c)), initial = get(c, W.apicInitial) >>> 0
  return timerMode(c) === PERIODIC ? initial - (gone % initial) : Math.max(0, initial - gone)
}
/** Lets the timer expire if it is time, and arms it for the next. */
export function checkTimer(c: Core): void {
  const { apicExpires } = c.s
  if (apicExpires === 0) return
  const now = c.services.nowNs()
  if (now >= apicExpires) {
    const each = period(c)
    c.s.apicExpires = timerMode(c) === PERIODIC && each > 0 ? apicExpires + each * (Math.floor((now - apicExpires) / each) + 1) : 0
    if (timerMode(c) === DEADLINE) setPair(c, W.tscDeadline, 0, 0)
    raiseOwn(c, Lvt.TIMER)
  }
  armTimer(c)
}
/** IA32_TSC_DEADLINE. */
export function writeDeadline(c: Core, lo: number, hi: number): void {
  if (timerMode(c) !== DEADLINE) return
  setPair(c, W.tscDeadline, lo, hi)
  const at = (hi >>> 0) * 2 ** 32 + (lo >>> 0) - (getHi(c, W.tscOffset) * 2 ** 32 + (get(c, W.tscOffset) >>> 0))
  c.s.apicExpires = lo === 0 && hi === 0 ? 0 : Math.max(nsOfTicks(c, at), 1)
  checkTimer(c)
  armTimer(c)
}

// Registers.

/** A register's value, or -1 and an error where there is none. */
export function readRegister(c: Core, reg: number): number {
  if (reg >= Reg.ISR && reg < Reg.ISR + 24) {
    const which = reg < Reg.TMR ? 'apicIsr' : reg < Reg.IRR ? 'apicTmr' : 'apicIrr'
    return Atomics.load(c.i32, c.w + W[which] + (reg & 7))
  }
  if (reg >= Reg.LVT && reg <= Reg.LVT_END) return c.i32[c.w + W.apicLvt + reg - Reg.LVT]!
  switch (reg) {
    case Reg.ID: return isX2(c) ? get(c, W.apicId) : get(c, W.apicId) << 24
    case Reg.VERSION: return VERSION
    case Reg.TPR: return get(c, W.apicTpr)
    case Reg.APR: return 0
    case Reg.PPR: return ppr(c)
    case Reg.EOI: return 0
    case Reg.LDR: return isX2(c) ? ((get(c, W.apicId) >>> 4) << 16) | (1 << (get(c, W.apicId) & 15)) : get(c, W.apicLdr)
    case Reg.DFR: return get(c, W.apicDfr)
    case Reg.SVR: return get(c, W.apicSvr)
    case Reg.ESR: return get(c, W.apicEsr)
    case Reg.ICR: return get(c, W.apicIcr)
    case Reg.ICR2: return getHi(c, W.apicIcr)
    case Reg.INITIAL: return get(c, W.apicInitial)
    case Reg.CURRENT: return currentCount(c) | 0
    case Reg.DIVIDE: return get(c, W.apicDivide)
    default:
      error(c, Error.REGISTER)
      return 0
  }
}

export function writeRegister(c: Core, reg: number, value: number, hi = 0): void {
  const { i32, w } = c
  if (reg >= Reg.LVT && reg <= Reg.LVT_END) return writeLvt(c, reg - Reg.LVT, value)
  switch (reg) {
    case Reg.ID: i32[w + W.apicId] = value >>> 24; return
    case Reg.TPR: return void writeTpr(c, value)
    case Reg.EOI: return endOfInterrupt(c)
    case Reg.LDR: i32[w + W.apicLdr] = value & 0xff000000; return
    case Reg.DFR: i32[w + W.apicDfr] = value | 0xfffffff; return
    case Reg.SVR:
      i32[w + W.apicSvr] = value & 0x11ff
      if (!(value & SVR_ENABLED)) for (let n = 0; n < 6; n++) i32[w + W.apicLvt + n] = i32[w + W.apicLvt + n]! | Lvt.MASKED
      return requestInterrupt(c)
    case Reg.ESR:
      i32[w + W.apicEsr] = i32[w + W.apicErrors]!
      i32[w + W.apicErrors] = 0
      return
    case Reg.ICR:
      setPair(c, W.apicIcr, value & 0xccfff, isX2(c) ? hi : getHi(c, W.apicIcr))
      return sendIcr(c, value, getHi(c, W.apicIcr))
    case Reg.ICR2: i32[w + W.apicIcr + 1] = value & 0xff000000; return
    case Reg.INITIAL:
      if (timerMode(c) === DEADLINE) return
      i32[w + W.apicInitial] = value
      return startTimer(c)
    case Reg.DIVIDE: {
      const left = currentCount(c), runs = c.s.apicExpires !== 0 && timerMode(c) !== DEADLINE
      i32[w + W.apicDivide] = value & 0xb
      if (!runs) return
      c.s.apicExpires = c.services.nowNs() + left * divisor(c)
      c.s.apicStarted = c.s.apicExpires - period(c)
      return armTimer(c)
    }
    case Reg.SELF_IPI: return sendIcr(c, (value & 0xff) | (1 << 18), 0)
    case Reg.VERSION: case Reg.APR: case Reg.PPR: case Reg.CURRENT: return // read-only
    default: if (reg < Reg.ISR || reg >= Reg.ESR) error(c, Error.REGISTER)
  }
}
function writeLvt(c: Core, n: number, value: number): void {
  const at = c.w + W.apicLvt + n, before = timerMode(c)
  c.i32[at] = (value & LVT_BITS[n]! & ~Lvt.PENDING) | (softwareEnabled(c) ? 0 : Lvt.MASKED)
  if (n !== Lvt.TIMER || timerMode(c) === before) return requestInterrupt(c)
  // Going to or from deadlines stops the timer.
  if (timerMode(c) === DEADLINE || before === DEADLINE) {
    setPair(c, W.tscDeadline, 0, 0)
    c.s.apicExpires = 0
    armTimer(c)
  }
}

/** The page of registers in the physical address space, of the processor alone; -1 in x2APIC mode or while it is off. */
export const apicPage = (c: Core): number =>
  isEnabled(c) && !isX2(c) ? getHi(c, W.apicBase) * 2 ** 32 + ((get(c, W.apicBase) & ~0xfff) >>> 0) : -1
export const readPage = (c: Core, offset: number, size: number): number => {
  const v = readRegister(c, offset >> 4) >>> (8 * (offset & 3))
  return offset & 12 ? 0 : size === 4 ? v >>> 0 : v & ((1 << (8 * size)) - 1)
}
export function writePage(c: Core, offset: number, size: number, value: number): void {
  if (size === 4 && !(offset & 15)) writeRegister(c, offset >> 4, value | 0)
}

// The MSRs of x2APIC mode.

const X2_READ_ONLY: ReadonlySet<number> = new Set([Reg.ID, Reg.VERSION, Reg.PPR, Reg.LDR, Reg.CURRENT])
/** Whether there is such a register in x2APIC mode. */
export const isX2Register = (c: Core, reg: number, write: boolean): boolean => {
  if (!isX2(c) || reg === Reg.DFR || reg === Reg.APR || reg === Reg.ICR2) return false
  if (reg >= Reg.ISR && reg < Reg.ESR) return !write
  const there = X2_READ_ONLY.has(reg) || [Reg.TPR, Reg.EOI, Reg.SVR, Reg.ESR, Reg.ICR, Reg.INITIAL, Reg.DIVIDE, Reg.SELF_IPI].includes(reg as never)
    || (reg >= Reg.LVT && reg <= Reg.LVT_END)
  return there && (write ? !X2_READ_ONLY.has(reg) : reg !== Reg.EOI && reg !== Reg.SELF_IPI)
}

/** IA32_APIC_BASE: not every change of mode is one. */
export function writeApicBase(c: Core, lo: number, hi: number): boolean {
  const old = get(c, W.apicBase), enabled = lo & Base.ENABLED, x2 = lo & Base.X2APIC
  const reserved = lo & 0x2ff || (x2 && !c.model.has('x2apic')) || hi >>> 0 >= 2 ** Math.max(0, c.model.physicalBits - 32)
  if (reserved || (x2 && !enabled) || (old & Base.X2APIC && enabled && !x2) || (!(old & Base.ENABLED) && x2)) return note(c, Vector.GP)
  setPair(c, W.apicBase, (lo & ~Base.BSP) | (old & Base.BSP), hi)
  if (!enabled && old & Base.ENABLED) resetApic(c)
  c.services.flushTlb() // its page may lie elsewhere now
  return true
}

/** Reset values of all but number and base; INIT keeps those. */
export function resetApic(c: Core): void {
  const { i32, w } = c
  for (const field of ['apicTpr', 'apicLdr', 'apicEsr', 'apicErrors', 'apicInitial', 'apicDivide'] as const) i32[w + W[field]] = 0
  for (const field of ['apicIsr', 'apicTmr', 'apicIrr'] as const) i32.fill(0, w + W[field], w + W[field] + 8)
  i32.fill(Lvt.MASKED, w + W.apicLvt, w + W.apicLvt + 6)
  i32[w + W.apicDfr] = -1
  i32[w + W.apicSvr] = 0xff
  setPair(c, W.apicIcr, 0, 0)
  setPair(c, W.tscDeadline, 0, 0)
  c.s.apicExpires = 0
  armTimer(c)
}
