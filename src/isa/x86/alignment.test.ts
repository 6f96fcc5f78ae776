// Alignment checks of what is left to the processor code, as processors were measured to make them (Sapphire Rapids). Those of
// generated code are compared with the processor underneath (test/diff/x86).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Access, Fault } from '../isa.ts'
import { Flag, Mode, Reg, Seg, System, SystemArg, type SystemName, Vector } from './cpu.ts'
import { type Fixture, fixture } from './fixture.ts'
import { Attribute, setSegment } from './segment.ts'

const AM = 0x40000, PE = 1, OSFXSR = 0x200, OSXSAVE = 0x40000, AREA = 0x4000
const DATA = Attribute.PRESENT | Attribute.S | Attribute.WRITABLE | Attribute.DB, CODE = DATA | Attribute.CODE

const GDT = 0x1000, IDT = 0x2000, TSS = 0x3000, STACK0 = 0x3f00, HANDLERS = 0x10000, HERE = 0x5000

/** 32-bit code in flat segments of privilege level `cpl`, with alignment checks if the level is 3; a handler for each exception. */
function level(cpl: number): Fixture {
  const f = fixture(), dpl = cpl << 5
  f.s.cr0 |= BigInt(AM | PE)
  f.s.cr4 |= BigInt(OSFXSR | OSXSAVE)
  f.s.xcr0 = 3n
  for (const seg of [Seg.ES, Seg.SS, Seg.DS]) setSegment(f.s.seg[seg]!, 0x20 | cpl, 0n, 0xffffffff, DATA | dpl)
  setSegment(f.s.seg[Seg.CS]!, 0x18 | cpl, 0n, 0xffffffff, CODE | dpl)
  setSegment(f.s.seg[Seg.TR]!, 0x30, BigInt(TSS), 0x67, Attribute.PRESENT | 0xb)
  f.write32(TSS + 4, STACK0)
  f.write32(TSS + 8, 0x10)
  for (const [n, upper] of [0, 0x00cf9b00, 0x00cf9300, 0x00cffb00, 0x00cff300].entries()) {
    f.write32(GDT + 8 * n, n ? 0xffff : 0)
    f.write32(GDT + 8 * n + 4, upper)
  }
  f.s.gdtBase = BigInt(GDT)
  f.s.gdtLimit = 0xfff
  for (let v = 0; v < 32; v++) {
    f.write32(IDT + 8 * v, (8 << 16) | 16 * v)
    f.write32(IDT + 8 * v + 4, HANDLERS | 0x8e00)
  }
  f.s.idtBase = BigInt(IDT)
  f.s.idtLimit = 0xff
  f.s.eflags |= Flag.AC
  f.s.pc = BigInt(HERE)
  f.cpu.refresh()
  return f
}
/** The exception that an instruction of the processor code takes, or 0; its error code must be 0. */
function run(f: Fixture, helper: SystemName, arg: number): number {
  f.cpu.system(System[helper], arg)
  if (f.s.pc === BigInt(HERE + (arg & SystemArg.LENGTH))) return 0
  assert.equal(f.read32(STACK0 - 24), 0, 'error code')
  assert.equal(f.read32(STACK0 - 20), HERE)
  return (Number(f.s.pc) - HANDLERS) / 16
}

const OPERAND16 = 1 << SystemArg.OPERAND_SHIFT, OPERAND32 = 2 << SystemArg.OPERAND_SHIFT
const operand = SystemArg.MEMORY | (Seg.DS << SystemArg.SEGMENT_SHIFT) | (2 << SystemArg.ADDRESS_SHIFT) | 2

/** Vectors with the operand, or the stack, at this many bytes behind a multiple of 16. */
function vectors(helper: SystemName, arg: number, cpl = 3): number[] {
  return Array.from({ length: 17 }, (_, offset) => {
    const f = level(cpl), at = AREA + offset
    f.s.args.set(0, BigInt(at))
    f.s.args.set(2, 0n)
    f.s.args.set(1, BigInt(at))
    f.s.gpr.set(Reg.DI, BigInt(at))
    f.s.gpr.set(Reg.SP, BigInt(at))
    f.s.gpr.set(Reg.AX, 3n)
    return run(f, helper, arg)
  })
}
/** `to` where the address is a multiple of `bytes`, else #AC. */
const checked = (bytes: number, to: (offset: number) => number = () => 0): number[] =>
  Array.from({ length: 17 }, (_, offset) => (offset % bytes ? Vector.AC : to(offset)))

test('operands must be aligned to what they are made of', () => {
  for (const [helper, arg, expected] of [
    ['FNSTENV', operand | OPERAND32, checked(4)], ['FNSTENV', operand | OPERAND16, checked(2)],
    ['FLDENV', operand | OPERAND32, checked(4)],
    ['FNSAVE', operand | OPERAND32, checked(4)], ['FNSAVE', operand | OPERAND16, checked(2)], ['FRSTOR', operand | OPERAND32, checked(4)],
    ['LDMXCSR', operand, checked(4)],
    ['FXSAVE', operand, checked(4, o => (o % 16 ? Vector.GP : 0))], ['FXRSTOR', operand, checked(4, o => (o % 16 ? Vector.GP : 0))],
    ['XSAVE', operand, checked(4, o => (o % 64 ? Vector.GP : 0))],
    ['MASKMOVDQU', operand, checked(8)],
    ['VERR', operand, checked(2)], ['POPF', OPERAND32 | 2, checked(4)], ['POPF', OPERAND16 | 2, checked(2)],
  ] as const) assert.deepEqual(vectors(helper, arg), expected, `${helper} ${arg.toString(16)}`)
})

test('supervisors and memory that is theirs are not checked', () => {
  for (const helper of ['FNSTENV', 'LDMXCSR', 'VERR', 'POPF'] as const)
    assert.deepEqual(vectors(helper, (helper === 'POPF' ? 2 : operand) | OPERAND32, 0), new Array(17).fill(0), helper)
  // The descriptor is read at a misaligned address.
  const f = level(3)
  f.s.gdtBase = BigInt(GDT + 1)
  f.s.gpr.set(Reg.AX, 0x23n)
  assert.equal(run(f, 'VERR', 2), 0)
})

test('the error code is 0, and an address that is not canonical comes first', () => {
  const f = level(3)
  f.cpu.fault(Fault.MISALIGNED, 1, 0, Access.WRITE)
  assert.deepEqual([f.s.faultVector, f.s.faultError], [Vector.AC, 0])
  f.cpu.fault(Fault.MISALIGNED_WIDE, 1, 0, Access.READ)
  assert.equal(f.s.faultVector, Vector.GP)
  f.s.efer = 0x500n
  f.cpu.fault(Fault.MISALIGNED, 1, 0x8000_0000 | 0, Access.READ)
  assert.equal(f.s.faultVector, Vector.GP)
})

test('generated code is told by the mode word', () => {
  const checks = (f: Fixture) => (f.s.mode & Mode.ALIGN) !== 0
  const f = level(3)
  assert.equal(checks(f), true)
  const popf = (flags: number) => {
    f.s.gpr.set(Reg.SP, BigInt(AREA))
    f.write32(AREA, flags)
    f.cpu.system(System.POPF, OPERAND32 | 1)
  }
  popf(2)
  assert.equal(checks(f), false)
  popf(2 | Flag.AC)
  assert.equal(checks(f), true)
  assert.equal(checks(level(0)), false)
  f.s.cr0 &= ~BigInt(AM)
  f.cpu.refresh()
  assert.equal(checks(f), false)
})
