// x87: rows for decoding and what generated code does itself, which is memory. Intel SDM volume 1, 8.3; volume 2, appendix A.5.
import type { Value } from '../../ir/build.ts'
import { MemOp } from '../../ir/ops.ts'
import { cpuLayout, Flag, Mode, Reg, Vector } from './cpu.ts'
import type { Emit } from './emit.ts'
import { type Lift, row, type Row } from './row.ts'
import { fpuError } from './vector.ts'
import { ARITHMETIC, helperOf, type SourceName } from './x87.ts'

const offsets = cpuLayout.offsets

/** The unit is there. */
const present = (lift: Lift): Lift => g => {
  if (g.mode & (Mode.EM | Mode.TS)) g.fault(Vector.NM)
  else lift(g)
}
/** An exception that waits is taken first. */
const waits = (lift: Lift): Lift => present(g => {
  g.faultIf(fpuError(g), Vector.MF)
  lift(g)
})
const i = (g: Emit): number => g.i.modrm & 7
const call = (name: string): Lift => waits(g => void g.call(helperOf(name)))
const withRegister = (name: string): Lift => waits(g => void g.call(helperOf(name, i(g))))
const operand = (g: Emit, bytes: number): Value => g.loadAt(g.memory(g.operand(0), bytes, false), bytes, bytes < 8)
const withMemory = (name: string, bytes: number): Lift => waits(g => {
  const v = operand(g, bytes)
  g.call(helperOf(name), v)
})
/** Ten bytes: the mantissa, sign and exponent. */
const withTenBytes = (name: string): Lift => waits(g => {
  const p = g.memory(g.operand(0), 10, false), low = g.loadAt(p, 8), high = g.loadAt(g.beyond(p, 8), 2)
  g.call(helperOf(name), low, high)
})

/** The place is known to be writable before the unit changes; what was there stays if an exception keeps the store from happening. */
const storing = (name: string, bytes: number): Lift => waits(g => {
  const p = g.memory(g.operand(0), bytes, true), old = g.loadAt(p, bytes, false, MemOp.UPDATE)
  const v = g.call(helperOf(name)), stored = g.field(offsets.fpStored, 'i')
  g.storeAt(p, bytes, g.select(stored, v, old))
})
const storingTenBytes = (name: string): Lift => waits(g => {
  const p = g.memory(g.operand(0), 10, true), q = g.beyond(p, 8)
  const old = g.loadAt(p, 8, false, MemOp.UPDATE), oldHigh = g.loadAt(q, 2, false, MemOp.UPDATE)
  const v = g.call(helperOf(name)), stored = g.field(offsets.fpStored, 'i')
  g.storeAt(p, 8, g.select(stored, v, old))
  g.storeAt(q, 2, g.select(stored, g.extendU(g.field(offsets.fpStoredHigh, 'i')), oldHigh))
})

/** Comparisons that set flags as integers do. */
const flags = (name: string): Lift => waits(g => {
  const r = g.call(helperOf(name, i(g))), at = (from: number, flag: number) => g.and(g.shl(r, g.imm(Math.log2(flag) - from)), g.imm(flag))
  g.setExplicit(g.or(g.or(at(0, Flag.CF), at(1, Flag.ZF)), at(2, Flag.PF)))
})
/** FCMOVcc: the condition by its number. */
const move = (condition: number): Lift => waits(g => {
  const c = g.extendU(g.condition(condition))
  g.call(helperOf('cmov', i(g)), c)
})

const word = (g: Emit, at: number): Value => g.extendU(g.or(g.field(at, '8'), g.shl(g.field(at + 1, '8'), g.i32(8))))
const statusWord = (g: Emit): Value =>
  g.or(word(g, offsets.fsw), g.shl(g.extendU(g.field(offsets.ftop, 'i')), g.imm(11)))
const storeStatus: Lift = present(g => g.storeAt(g.memory(g.operand(0), 2, true), 2, statusWord(g)))
const statusToAx: Lift = present(g => g.setRegister(Reg.AX, 2, statusWord(g)))
const storeControl: Lift = present(g => g.storeAt(g.memory(g.operand(0), 2, true), 2, word(g, offsets.fcw)))
const helper = (name: 'FLDENV' | 'FNSTENV' | 'FRSTOR' | 'FNSAVE', wait: boolean): Lift => (wait ? waits : present)(g => g.helper(name))
/** WAIT asks the system first only if CR0.MP says so too. */
const wait: Lift = g => {
  if ((g.mode & (Mode.MP | Mode.TS)) === (Mode.MP | Mode.TS)) return g.fault(Vector.NM)
  g.faultIf(fpuError(g), Vector.MF)
}

const OBSERVES = { observes: true }
const x87 = (pattern: string, syntax: string, lift: Lift): Row => row(pattern, syntax, lift, OBSERVES)
const hex = (n: number): string => n.toString(16).toUpperCase()

const memoryArithmetic: Row[] = ([['D8', 'm32', 'f', 'Md', 4], ['DA', 'i32', 'fi', 'Md', 4], ['DC', 'm64', 'f', 'Mq', 8], ['DE', 'i16', 'fi', 'Mw', 2]] as const)
  .flatMap(([opcode, source, prefix, memory, bytes]: readonly [string, SourceName, string, string, number]) =>
    ARITHMETIC.map((name, n) => x87(`${opcode} /${n}`, `${prefix}${name} ${memory}`, withMemory(`${name} ${source}`, bytes))))
/** With registers: to ST(0), to ST(i), and to ST(i) with a pop, where SUB and SUBR, DIV and DIVR have changed places. */
const registerArithmetic: Row[] = ARITHMETIC.flatMap((name, n) => {
  const compares = n === 2 || n === 3, swapped = n < 4 ? name : ARITHMETIC[n ^ 1]!
  return [
    x87(`D8 /${n} reg`, compares ? `f${name} Tt` : `f${name} st, Tt`, withRegister(`${name} st`)),
    ...(compares ? [] : [
      x87(`DC /${n} reg`, `f${swapped} Tt, st`, withRegister(`${swapped} i`)),
      x87(`DE /${n} reg`, `f${swapped}p Tt, st`, withRegister(`${swapped}p i`)),
    ]),
  ]
})
const named = (opcode: string, names: { readonly [modrm: number]: string }): Row[] =>
  Object.entries(names).map(([modrm, name]) => x87(`${opcode} ${hex(Number(modrm))}`, `f${name}`, call(name)))
const CONDITIONS = ['b', 'e', 'be', 'u'] as const, NUMBERS = { b: 2, e: 4, be: 6, u: 10 }

export const x87Rows: readonly Row[] = [
  row('9B', 'fwait', wait, OBSERVES),
  ...memoryArithmetic, ...registerArithmetic,
  x87('D9 /0', 'fld Md', withMemory('ld m32', 4)),
  x87('D9 /2', 'fst Md', storing('st m32', 4)),
  x87('D9 /3', 'fstp Md', storing('stp m32', 4)),
  x87('D9 /4', 'fldenv M', helper('FLDENV', true)),
  x87('D9 /5', 'fldcw Mw', withMemory('ldcw', 2)),
  x87('D9 /6', 'fnstenv M', helper('FNSTENV', false)),
  x87('D9 /7', 'fnstcw Mw', storeControl),
  x87('D9 /0 reg', 'fld Tt', withRegister('ld st')),
  x87('D9 /1 reg', 'fxch Tt', withRegister('xch')),
  x87('D9 D0', 'fnop', waits(() => {})),
  ...named('D9', {
    0xe0: 'chs', 0xe1: 'abs', 0xe4: 'tst', 0xe5: 'xam', 0xe8: 'ld1', 0xe9: 'ldl2t', 0xea: 'ldl2e', 0xeb: 'ldpi', 0xec: 'ldlg2', 0xed: 'ldln2',
    0xee: 'ldz', 0xf0: '2xm1', 0xf1: 'yl2x', 0xf2: 'ptan', 0xf3: 'patan', 0xf4: 'xtract', 0xf5: 'prem1', 0xf6: 'decstp', 0xf7: 'incstp',
    0xf8: 'prem', 0xf9: 'yl2xp1', 0xfa: 'sqrt', 0xfb: 'sincos', 0xfc: 'rndint', 0xfd: 'scale', 0xfe: 'sin', 0xff: 'cos',
  }),
  ...CONDITIONS.flatMap((name, n) => [
    x87(`DA /${n} reg`, `fcmov${name} st, Tt`, move(NUMBERS[name])),
    x87(`DB /${n} reg`, `fcmovn${name} st, Tt`, move(NUMBERS[name] + 1)),
  ]),
  x87('DA E9', 'fucompp', waits(g => void g.call(helperOf('ucompp', 1)))),
  x87('DB /0', 'fild Md', withMemory('ld i32', 4)),
  x87('DB /1', 'fisttp Md', storing('isttp 32', 4)),
  x87('DB /2', 'fist Md', storing('ist 32', 4)),
  x87('DB /3', 'fistp Md', storing('istp 32', 4)),
  x87('DB /5', 'fld Mt', withTenBytes('ld t')),
  x87('DB /7', 'fstp Mt', storingTenBytes('stp t')),
  x87('DB E2', 'fnclex', present(g => void g.call(helperOf('clex')))),
  x87('DB E3', 'fninit', present(g => void g.call(helperOf('init')))),
  x87('DB /5 reg', 'fucomi st, Tt', flags('ucomi')),
  x87('DB /6 reg', 'fcomi st, Tt', flags('comi')),
  x87('DD /0', 'fld Mq', withMemory('ld m64', 8)),
  x87('DD /1', 'fisttp Mq', storing('isttp 64', 8)),
  x87('DD /2', 'fst Mq', storing('st m64', 8)),
  x87('DD /3', 'fstp Mq', storing('stp m64', 8)),
  x87('DD /4', 'frstor M', helper('FRSTOR', true)),
  x87('DD /6', 'fnsave M', helper('FNSAVE', false)),
  x87('DD /7', 'fnstsw Mw', storeStatus),
  x87('DD /0 reg', 'ffree Tt', withRegister('free')),
  x87('DD /2 reg', 'fst Tt', withRegister('st st')),
  x87('DD /3 reg', 'fstp Tt', withRegister('stp st')),
  x87('DD /4 reg', 'fucom Tt', withRegister('ucom st')),
  x87('DD /5 reg', 'fucomp Tt', withRegister('ucomp st')),
  x87('DE D9', 'fcompp', waits(g => void g.call(helperOf('compp', 1)))),
  x87('DF /0', 'fild Mw', withMemory('ld i16', 2)),
  x87('DF /1', 'fisttp Mw', storing('isttp 16', 2)),
  x87('DF /2', 'fist Mw', storing('ist 16', 2)),
  x87('DF /3', 'fistp Mw', storing('istp 16', 2)),
  x87('DF /4', 'fbld Mt', withTenBytes('bld')),
  x87('DF /5', 'fild Mq', withMemory('ld i64', 8)),
  x87('DF /6', 'fbstp Mt', storingTenBytes('bstp')),
  x87('DF /7', 'fistp Mq', storing('istp 64', 8)),
  x87('DF E0', 'fnstsw ax', statusToAx),
  x87('DF /5 reg', 'fucomip st, Tt', flags('ucomip')),
  x87('DF /6 reg', 'fcomip st, Tt', flags('comip')),
]
