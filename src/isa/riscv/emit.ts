// What RISC-V's lifting functions write with: the IR builder with the hart's registers, and the declaration
// of the fields that the manual's patterns name.
import { Builder, type Value } from '../../ir/build.ts'
import { JumpKind } from '../../ir/ops.ts'
import { patterns } from '../pattern.ts'
import { F0, Mode, System } from './cpu.ts'

/** Bits of the mode word that matter to floating-point instructions only. */
export const FLOAT_MODE = Mode.FS | Mode.NEAREST | Mode.INEXACT

export class Emit extends Builder {
  /** The mode word of the translation, and the current instruction. */
  mode = 0
  word = 0
  length = 4

  x(n: number): Value { return n === 0 ? this.imm(0) : this.get(n) }
  setX(n: number, v: Value): void { if (n !== 0) this.set(n, v) }
  /** An i32 condition as a register's value. */
  setBool(n: number, v: Value): void { this.setX(n, this.extendU(v)) }
  f(n: number): Value { return this.get(F0 + n, 'd') }
  setF(n: number, v: Value): void { this.set(F0 + n, v) }

  get priv(): number { return this.mode & Mode.PRIV }
  /** Every floating-point instruction asks for this first, so that a block that never did is the same in all states. */
  get fs(): number {
    this.block.modeUsed |= FLOAT_MODE
    return (this.mode & Mode.FS) >> Mode.FS_SHIFT
  }

  illegal(): void { this.system(System.ILLEGAL, this.word) }
  /** The address of the instruction behind this one. */
  next(): Value { return this.pc(this.length) }
}

const isLink = (r: number) => r === 1 || r === 5
/** The manual's hints about return-address stacks, from the registers of a jump. */
export function jumpKind(rd: number, rs1: number): number {
  if (isLink(rd)) return JumpKind.CALL
  return isLink(rs1) ? JumpKind.RETURN : JumpKind.PLAIN
}

const creg = { width: 3, plus: 8 }
export const { insn, table, decoder } = patterns<Emit>()({
  rd: 5, rs1: 5, rs2: 5, rs3: 5,
  "rd'": creg, "rs1'": creg, "rs2'": creg,
  /** Immediates: imm is sign-extended from its top bit, uimm is not. */
  imm: { signed: true }, uimm: { width: 5 },
  shamt: { width: 5 },
  csr: 12,
  rm: 3,
  aq: 1, rl: 1,
  fm: 4, pred: 4, succ: 4,
}, ['sp'])
