// Instructions of the SYSTEM opcode without operands of their own, and address-translation fences: privileged
// manual, "Machine-Level ISA" and "Supervisor-Level ISA". All are done by the processor code; here they are
// found, and refused where the mode word says that they are illegal.
import { Mode, System } from './cpu.ts'
import { type Emit, insn, table } from './emit.ts'

const MACHINE = 3, SUPERVISOR = 1

/** Left to `helper` if the privilege suffices and, in supervisor mode, `trapped` is not set. */
const privileged = (helper: number, least: number, trapped = 0) => (g: Emit) => {
  if (g.priv < least || (g.priv === SUPERVISOR && g.mode & trapped)) return g.illegal()
  g.system(helper, g.word)
}

export const privilegedTable = table(32, {
  ecall: insn('000000000000 00000 000 00000 1110011', '', g => g.system(System.ECALL, g.word)),
  ebreak: insn('000000000001 00000 000 00000 1110011', '', g => g.system(System.EBREAK, g.word)),
  sret: insn('0001000 00010 00000 000 00000 1110011', '', privileged(System.SRET, SUPERVISOR, Mode.TSR)),
  mret: insn('0011000 00010 00000 000 00000 1110011', '', privileged(System.MRET, MACHINE)),
  // In user mode WFI may complete at once or trap; with a supervisor present it traps, as QEMU's does.
  wfi: insn('0001000 00101 00000 000 00000 1110011', '', privileged(System.WFI, SUPERVISOR, Mode.TW)),
  'sfence.vma': insn('0001001 rs2 rs1 000 00000 1110011', 'rs1, rs2',
    privileged(System.SFENCE_VMA, SUPERVISOR, Mode.TVM)),
})
