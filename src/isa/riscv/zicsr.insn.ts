// Zicsr, the reads of Zicntr's counters, and Zifencei.
//
// CSR instructions are left to the processor code, but for registers that are plain storage and hot in
// kernels: the supervisor's scratch and trap registers are read and written in place where the privilege
// allows it. So is sstatus where it is only read, or where only SIE is cleared, which changes nothing else.
// FENCE.I leaves too, for it drops translations.
import type { Value } from '../../ir/build.ts'
import type { Operands } from '../pattern.ts'
import { Call, hartLayout, Mode, System } from './cpu.ts'
import { SSTATUS } from './csr.ts'
import { type Emit, insn, table } from './emit.ts'

const { sscratch, sepc, scause, stval, mstatus } = hartLayout.offsets
const SUPERVISOR = 1
const CSR_SSTATUS = 0x100, SIE = 2
const SSTATUS_HI = 0x80000003 // SD and UXL

/** Registers that are storage and nothing else, by number, with the bits that can be set. */
const plain: { readonly [csr: number]: { readonly offset: number; readonly clear?: number } } = {
  0x140: { offset: sscratch },
  0x141: { offset: sepc, clear: 1 }, // IALIGN is 16
  0x142: { offset: scause },
  0x143: { offset: stval },
}
/** Counters: the runtime call that reads them and the mode bit that permits it. */
const counters: { readonly [csr: number]: { readonly call: number; readonly allowed: number } } = {
  0xc00: { call: Call.CYCLE, allowed: Mode.CYCLE },
  0xc01: { call: Call.TIME, allowed: Mode.TIME },
  0xc02: { call: Call.INSTRET, allowed: Mode.INSTRET },
}

type Update = (g: Emit, old: Value, operand: Value) => Value
const swap: Update = (_g, _old, v) => v
const set: Update = (g, old, v) => g.or(old, v)
const clear: Update = (g, old, v) => g.and(old, g.xor(v, g.imm(-1)))
/** CSRRCI of the bit that is SIE in sstatus. */
const clearSie: Update = (g, old, v) => clear(g, old, v)

/** `writes` is false where the manual says that the register is not written at all. */
function access(
  g: Emit, rd: number, csr: number, update: Update, writes: boolean, operand: () => Value,
): void {
  const counter = counters[csr]
  if (counter && !writes && g.mode & counter.allowed) return g.setX(rd, g.call(counter.call))
  if (csr === CSR_SSTATUS && g.priv >= SUPERVISOR && (!writes || update === clearSie)) {
    const status = g.field(mstatus)
    if (writes) g.setField(mstatus, g.and(status, g.imm(~SIE)))
    return g.setX(rd, g.and(status, g.i64(SSTATUS, SSTATUS_HI)))
  }
  const storage = plain[csr]
  if (!storage || g.priv < SUPERVISOR) return g.system(System.CSR, g.word)
  const old = g.field(storage.offset)
  if (writes) {
    const v = update(g, old, operand())
    g.setField(storage.offset, storage.clear ? g.and(v, g.imm(~storage.clear)) : v)
  }
  g.setX(rd, old)
}

type R = Operands<'rd csr rs1'>
type I = Operands<'rd csr uimm'>
const register = (update: Update) => (g: Emit, o: R) =>
  access(g, o.rd, o.csr, update, update === swap || o.rs1 !== 0, () => g.x(o.rs1))
const immediate = (update: Update) => (g: Emit, o: I) =>
  access(g, o.rd, o.csr, update, update === swap || o.uimm !== 0, () => g.imm(o.uimm))

export const zicsr = table(32, {
  csrrw: insn('csr rs1 001 rd 1110011', 'rd, csr, rs1', register(swap)),
  csrrs: insn('csr rs1 010 rd 1110011', 'rd, csr, rs1', register(set)),
  csrrc: insn('csr rs1 011 rd 1110011', 'rd, csr, rs1', register(clear)),
  csrrwi: insn('csr uimm 101 rd 1110011', 'rd, csr, uimm', immediate(swap)),
  csrrsi: insn('csr uimm 110 rd 1110011', 'rd, csr, uimm', immediate(set)),
  csrrci: insn('csr uimm 111 rd 1110011', 'rd, csr, uimm',
    (g, o) => immediate(o.uimm === SIE ? clearSie : clear)(g, o)),
})

// The reserved fields of FENCE.I are ignored, as the manual asks.
export const zifencei = table(32, {
  'fence.i': insn('imm[11:0] rs1 001 rd 0001111', '', g => g.system(System.FENCE_I, g.word)),
})
