// Jumps, calls, returns, loops, and the flag instructions. Intel SDM volume 1, 7.3.8 and 7.3.13.
import { JumpKind } from '../../ir/ops.ts'
import { ExitRequest } from '../isa.ts'
import { cpuLayout, Flag, Mode, Reg, Shadow, System } from './cpu.ts'
import { conditional } from './data.insn.ts'
import type { Emit } from './emit.ts'
import { Condition, eflagsAt } from './flags.ts'
import { type Lift, row, type Row } from './row.ts'

const jcc = (condition: number): Lift => g => g.branchIf(condition)
const jmpIndirect: Lift = g => g.jumpIp(g.read(0), JumpKind.PLAIN)
const callIndirect: Lift = g => g.callTo(g.read(0))

const ret = (drops: boolean): Lift => g => {
  const bytes = g.i.operandSize, ip = g.top(bytes), target = g.long ? ip : g.codeTarget(ip)
  g.moveStack(bytes + (drops ? g.i.immLo : 0))
  g.jump(target, JumpKind.RETURN)
}

/** LOOP counts rCX down, of the address size. */
const loop = (condition?: number): Lift => g => {
  const size = g.i.addressSize, left = g.sub(g.get(Reg.CX), g.imm(1)), more = g.ne(g.zext(left, size), g.imm(0))
  const taken = condition === undefined ? more : g.and(more, g.condition(condition))
  g.branchRelative(taken, () => g.setRegister(Reg.CX, size, left))
}
const jrcxz: Lift = g => g.branchRelative(g.eqz(g.zext(g.get(Reg.CX), g.i.addressSize)))

// Flags. Those of the system (IF) are changed here where the mode allows it and nothing can become pending.

const eflags = (g: Emit, clear: number, set: number): void =>
  g.setField(eflagsAt, g.or(g.and(g.field(eflagsAt, 'i'), g.i32(~clear)), g.i32(set)), 'i')
const carry = (to: 0 | 1): Lift => g => g.setCarry(g.i32(to))
const complement: Lift = g => g.setCarry(g.xor(g.carry(), g.i32(1)))
const cli: Lift = g => (g.mode & Mode.IO_ALLOWED ? eflags(g, Flag.IF, 0) : g.helper('CLI'))

/** Left to the processor code where an interrupt waits for it. The next instruction comes before one all the same. */
const sti: Lift = g => {
  if (!(g.mode & Mode.IO_ALLOWED)) return g.helper('STI')
  const o = cpuLayout.offsets
  const asked = g.and(g.field(o.exitRequest, 'i'), g.i32(ExitRequest.INTERRUPT))
  g.leaveIf(g.or(g.field(o.interruptWaits, 'i'), asked), System.STI, g.i.length)
  eflags(g, 0, Flag.IF)
  g.setField(o.shadow, g.i32(Shadow.STI), '8')
  g.setField(o.shadowPc, g.pc(g.i.length))
}
const pushf: Lift = g => {
  // In virtual-8086 mode with too low a privilege level this faults; VM and RF are pushed as 0.
  if (g.mode & Mode.VM86 && !(g.mode & Mode.IO_ALLOWED)) return g.helper('PUSHF')
  const others = g.and(g.extendU(g.field(cpuLayout.offsets.eflags, 'i')), g.imm(~(Flag.ARITHMETIC | Flag.VM | Flag.RF)))
  g.push(g.or(others, g.flagBits()), g.i.operandSize)
}
/** The flags in the byte of LAHF and SAHF. */
const SAHF = Flag.ARITHMETIC & 0xff
const lahf: Lift = g => {
  const kept = g.and(g.get(Reg.AX), g.imm(~0xff00))
  g.set(Reg.AX, g.or(kept, g.shl(g.or(g.and(g.flagBits(), g.imm(SAHF)), g.imm(2)), g.imm(8))))
}
const sahf: Lift = g => {
  const overflow = g.and(g.flagBits(), g.imm(Flag.OF))
  g.setExplicit(g.or(g.and(g.shrU(g.get(Reg.AX), g.imm(8)), g.imm(SAHF)), overflow))
}
const salc: Lift = g => g.setRegister(Reg.AX, 1, g.sub(g.imm(0), g.extendU(g.carry())))

const bound: Lift = g => {
  const size = g.i.operandSize, p = g.memory(g.operand(1), 2 * size, false), v = g.sext(g.get(g.i.reg), size)
  const low = g.loadAt(p, size, true), high = g.loadAt(g.beyond(p, size), size, true)
  g.faultIf(g.or(g.ltS(v, low), g.gtS(v, high)), 5)
}

const NEAR = { force64: true }, CALL = { force64: true, observes: true }
const FLAGS = { default64: true, observes: true }

export const control: readonly Row[] = [
  ...conditional(0x70, (opcode, c, n) => row(`${opcode} cb`, `j${c} Jb`, jcc(n), NEAR)),
  ...conditional(0x80, (opcode, c, n) => row(`0F ${opcode} cz`, `j${c} Jz`, jcc(n), NEAR)),
  row('EB cb', 'jmp Jb', g => g.jumpRelative(), NEAR),
  row('E9 cz', 'jmp Jz', g => g.jumpRelative(), NEAR),
  row('FF /4', 'jmp Ev', jmpIndirect, CALL),
  row('E8 cz', 'call Jz', g => g.callTo(undefined), CALL),
  row('FF /2', 'call Ev', callIndirect, CALL),
  row('C3', 'ret', ret(false), CALL),
  row('C2 iw', 'ret Iw', ret(true), CALL),
  row('E0 cb', 'loopne Jb', loop(Condition.E | 1), NEAR),
  row('E1 cb', 'loope Jb', loop(Condition.E), NEAR),
  row('E2 cb', 'loop Jb', loop(), NEAR),
  row('E3 cb', 'jcxz|jecxz|jrcxz Jb', jrcxz, NEAR),
  row('F5', 'cmc', complement),
  row('F8', 'clc', carry(0)),
  row('F9', 'stc', carry(1)),
  row('FC', 'cld', g => eflags(g, Flag.DF, 0)),
  row('FD', 'std', g => eflags(g, 0, Flag.DF)),
  row('FA', 'cli', cli),
  row('FB', 'sti', sti, { observes: true }),
  row('9C', 'pushf', pushf, FLAGS),
  row('9D', 'popf', g => g.helper('POPF'), FLAGS),
  row('9F', 'lahf', lahf),
  row('9E', 'sahf', sahf),
  row('D6', 'salc', salc, { no64: true }),
  row('62 /r', 'bound Gv, Ma', bound, { no64: true, observes: true }),
  row('CC', 'int3', g => g.helper('INT3')),
  row('CD ib', 'int Ib', g => g.helper('INT')),
  row('F1', 'int1', g => g.helper('INT1')),
  row('CE', 'into', g => g.leaveIf(g.condition(Condition.O), System.INTO, g.i.length), { no64: true, observes: true }),
  row('0F 0B', 'ud2', g => g.undefined()),
  row('0F B9 /r', 'ud1 Gv, Ev', g => g.undefined()),
  row('0F FF /r', 'ud0 Gv, Ev', g => g.undefined()),
]
