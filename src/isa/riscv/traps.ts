// Traps: entry with delegation and vectoring, return, choice of the interrupt to take, waiting for one.
// Privileged specification sections 3.1.6-3.1.9, 3.3 and 4.1. Not modelled: resumable NMIs, double traps.
import { hexAddress, log, logging } from '../../base/log.ts'
import { causeName, levelName } from './causes.ts'
import {
  advance, Cause, type Core, Ip, Irq, pendingKnown, Priv, privOf, requestInterrupt, setPriv, Status, W,
} from './core.ts'
import { checkTimer, hasStimecmp, pollTimer } from './counters.ts'
import { note } from './mmu.ts'

/** Interrupts in the order in which they are taken. */
const ORDER = [Irq.MEI, Irq.MSI, Irq.MTI, Irq.SEI, Irq.SSI, Irq.STI] as const

/** Enters the handler for `cause`; pc is at the instruction to come back to. */
export function takeTrap(c: Core, cause: number, interrupt: boolean, valueLo: number, valueHi: number): void {
  const { i32, w } = c, priv = privOf(c), status = i32[w + W.mstatus]!
  const delegated = i32[w + (interrupt ? W.mideleg : W.medeleg)]! & (1 << cause)
  const toS = delegated !== 0 && priv !== Priv.MACHINE
  const epc = w + (toS ? W.sepc : W.mepc), why = w + (toS ? W.scause : W.mcause)
  const value = w + (toS ? W.stval : W.mtval), vector = w + (toS ? W.stvec : W.mtvec)
  i32[epc] = i32[w + W.pc]!
  i32[epc + 1] = i32[w + W.pc + 1]!
  i32[why] = cause
  i32[why + 1] = interrupt ? 1 << 31 : 0
  i32[value] = valueLo
  i32[value + 1] = valueHi
  const base = i32[vector]!
  i32[w + W.pc] = base & ~3
  i32[w + W.pc + 1] = i32[vector + 1]!
  if (interrupt && base & 1) advance(c, 4 * cause)
  if (logging.int) logTrap(c, cause, interrupt, i32[epc]!, i32[epc + 1]!, valueLo, valueHi, toS)
  i32[w + W.halted] = 0
  if (toS)
    setPriv(c, Priv.SUPERVISOR, (status & ~(Status.SIE | Status.SPIE | Status.SPP))
      | (status & Status.SIE ? Status.SPIE : 0) | (priv === Priv.SUPERVISOR ? Status.SPP : 0))
  else
    setPriv(c, Priv.MACHINE, (status & ~(Status.MIE | Status.MPIE | Status.MPP))
      | (status & Status.MIE ? Status.MPIE : 0) | (priv << Status.MPP_SHIFT))
}

function logTrap(
  c: Core, cause: number, interrupt: boolean, epcLo: number, epcHi: number, valueLo: number, valueHi: number, toS: boolean,
): void {
  const { i32, w } = c, from = levelName(privOf(c))
  log('int', `trap: hart ${c.services.hart}, ${causeName(cause, interrupt)} (${interrupt ? 'interrupt' : 'cause'} ${cause}), `
    + `epc ${hexAddress(epcLo, epcHi)} [${from}], tval ${hexAddress(valueLo, valueHi)}, `
    + `to ${hexAddress(i32[w + W.pc]!, i32[w + W.pc + 1]!)} [${toS ? 'S' : 'M'}]`)
}

/** Takes the noted exception. */
export function deliver(c: Core): void {
  const { i32, w } = c
  takeTrap(c, i32[w + W.trapCause]!, false, i32[w + W.trapValue]!, i32[w + W.trapValue + 1]!)
}

export function exception(c: Core, cause: number, valueLo = 0, valueHi = 0): void {
  note(c, cause, valueLo, valueHi)
  deliver(c)
}

/** `word` is the instruction, 16 or 32 bits. */
export const illegal = (c: Core, word: number): void => exception(c, Cause.ILLEGAL, word, 0)

/** The interrupt that `pending` and the enables of the current level let through, or -1. */
function selectInterrupt(c: Core, pending: number): number {
  const { i32, w } = c, ready = pending & i32[w + W.mie]!
  if (ready === 0) return -1
  const priv = privOf(c), status = i32[w + W.mstatus]!, delegated = i32[w + W.mideleg]!
  let open = 0
  if (priv !== Priv.MACHINE || status & Status.MIE) open = ready & ~delegated
  if (open === 0 && (priv === Priv.USER || (priv === Priv.SUPERVISOR && status & Status.SIE)))
    open = ready & delegated
  if (open !== 0) for (const irq of ORDER) if (open & (1 << irq)) return irq
  return -1
}

/** All that is pending, with the comparison of the time if it is enabled. */
function pending(c: Core): number {
  const { i32, w } = c
  const timer = i32[w + W.mie]! & Ip.STIP && hasStimecmp(c) ? pollTimer(c) : 0
  return i32[w + W.mip]! | Atomics.load(i32, w + W.lines) | timer
}

/** Takes the most important enabled interrupt, if there is one. */
export function interrupt(c: Core): boolean {
  checkTimer(c)
  const irq = selectInterrupt(c, pendingKnown(c))
  if (irq < 0) return false
  takeTrap(c, irq, true, 0, 0)
  return true
}

export const wakes = (c: Core): boolean => (pending(c) & c.i32[c.w + W.mie]!) !== 0

const WORD = { MRET: 0x30200073, SRET: 0x10200073, WFI: 0x10500073 } as const

export function mret(c: Core): void {
  if (privOf(c) !== Priv.MACHINE) return illegal(c, WORD.MRET)
  const { i32, w } = c, status = i32[w + W.mstatus]!, to = (status >> Status.MPP_SHIFT) & 3
  i32[w + W.pc] = i32[w + W.mepc]!
  i32[w + W.pc + 1] = i32[w + W.mepc + 1]!
  setPriv(c, to, (status & ~(Status.MIE | Status.MPP | (to === Priv.MACHINE ? 0 : Status.MPRV)))
    | (status & Status.MPIE ? Status.MIE : 0) | Status.MPIE)
  requestInterrupt(c)
}

export function sret(c: Core): void {
  const { i32, w } = c, priv = privOf(c), status = i32[w + W.mstatus]!
  if (priv === Priv.USER || (priv === Priv.SUPERVISOR && status & Status.TSR)) return illegal(c, WORD.SRET)
  i32[w + W.pc] = i32[w + W.sepc]!
  i32[w + W.pc + 1] = i32[w + W.sepc + 1]!
  setPriv(c, status & Status.SPP ? Priv.SUPERVISOR : Priv.USER,
    (status & ~(Status.SIE | Status.SPP | Status.MPRV)) | (status & Status.SPIE ? Status.SIE : 0)
      | Status.SPIE)
  requestInterrupt(c)
}

export function wfi(c: Core): void {
  const priv = privOf(c)
  if (priv === Priv.USER || (priv === Priv.SUPERVISOR && c.i32[c.w + W.mstatus]! & Status.TW))
    return illegal(c, WORD.WFI)
  advance(c, 4)
  if (!wakes(c)) c.i32[c.w + W.halted] = 1
}
