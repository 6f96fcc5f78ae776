// The machine-mode code around generated programs. For each it loads the registers, enters the program's privilege, and
// notes its traps: cause, pc and value. A trapped instruction is skipped; one that could not be fetched was jumped to, and
// execution goes on at ra. The ECALL at the program's end, or too many traps, ends it; its registers are stored then. After the
// last program the machine is switched off.
import { Asm } from '../../asm.ts'
import { AREA_BYTES, areaPa, C, COUNT_AT, FINISHER, LOG_TRAPS, MAX_TRAPS, PAGE, RAM } from './layout.ts'

const [T0, T1, T2, T3, CONTROL] = [5, 6, 7, 28, 31]
const MSTATUS = 0x300, MTVEC = 0x305, MENVCFG = 0x30a, MSCRATCH = 0x340, MEPC = 0x341, MCAUSE = 0x342, MTVAL = 0x343,
  SATP = 0x180, SSCRATCH = 0x140, SEPC = 0x141, SCAUSE = 0x142, STVAL = 0x143, FCSR = 3,
  PMPCFG0 = 0x3a0, PMPADDR0 = 0x3b0
const MPRV_MXR = 0xa0 << 12, FS = 3 << 13

/** Its first instruction is where the machine begins. */
export function harness(): Uint8Array {
  const a = new Asm(2 * PAGE)
  const write = (csr: number, rs1: number) => a.op('csrrw', { rd: 0, csr, rs1 })
  const read = (rd: number, csr: number) => a.op('csrrs', { rd, csr, rs1: 0 })
  const li = (rd: number, v: number) => {
    a.op('lui', { rd, imm: (v + 0x800) & 0xfffff000 })
    if (v << 20) a.op('addiw', { rd, rs1: rd, imm: (v << 20) >> 20 })
  }
  /** An address in RAM, which LUI would sign-extend. */
  const address = (rd: number, pa: number) => {
    li(rd, pa - RAM)
    a.op('addi', { rd: T3, rs1: 0, imm: 1 }).op('slli', { rd: T3, rs1: T3, shamt: 31 }).op('add', { rd, rs1: rd, rs2: T3 })
  }

  a.op('auipc', { rd: T0, imm: PAGE }) // `trap` is a page behind the start
  write(MTVEC, T0)
  a.op('addi', { rd: T0, rs1: 0, imm: -1 }).op('srli', { rd: T0, rs1: T0, shamt: 10 })
  write(PMPADDR0, T0)
  a.op('addi', { rd: T0, rs1: 0, imm: 0x1f })
  write(PMPCFG0, T0)
  a.op('addi', { rd: T0, rs1: 0, imm: 1 }).op('slli', { rd: T0, rs1: T0, shamt: 61 }) // ADUE: the machine sets A and D
  a.op('csrrs', { rd: 0, csr: MENVCFG, rs1: T0 })
  address(CONTROL, areaPa(0))
  write(MSCRATCH, CONTROL)

  a.label('next')
  address(T0, RAM + COUNT_AT)
  a.op('ld', { rd: T1, rs1: T0, imm: 0 })
  a.op('bne', { rs1: T1, rs2: 0, imm: 8 }).to('jal', 'off', { rd: 0 }) // too far for a branch
  a.op('addi', { rd: T1, rs1: T1, imm: -1 }).op('sd', { rs1: T0, rs2: T1, imm: 0 })
  li(T0, FS)
  a.op('csrrs', { rd: 0, csr: MSTATUS, rs1: T0 })
  read(CONTROL, MSCRATCH)
  const load = (rd: number, imm: number) => a.op('ld', { rd, rs1: CONTROL, imm })
  load(T0, C.fcsr)
  write(FCSR, T0)
  for (let i = 0; i < 32; i++) a.op('fld', { rd: i, rs1: CONTROL, imm: C.f + 8 * i })
  // Nothing of the last program's: supervisor registers, a reservation.
  for (const csr of [SSCRATCH, SEPC, SCAUSE, STVAL]) write(csr, 0)
  a.op('sc.d', { rd: 0, rs1: CONTROL, rs2: 0 })
  load(T0, C.mstatus)
  write(MSTATUS, T0)
  load(T0, C.satp)
  write(SATP, T0)
  a.op('sfence.vma', { rs1: 0, rs2: 0 }).op('fence.i', { rd: 0, rs1: 0, imm: 0 })
  load(T0, C.entry)
  write(MEPC, T0)
  for (let i = 1; i < 32; i++) if (i !== CONTROL) load(i, C.x + 8 * i)
  load(CONTROL, C.x + 8 * CONTROL)
  a.op('mret')

  a.toPageOffset(0).label('trap')
  const save = (i: number) => C.save + 8 * i
  const store = (rs2: number, imm: number) => a.op('sd', { rs1: T0, rs2, imm })
  a.op('csrrw', { rd: T0, csr: MSCRATCH, rs1: T0 })
  store(T1, save(1))
  store(T2, save(2))
  store(T3, save(3))
  a.op('ld', { rd: T1, rs1: T0, imm: C.traps })
  a.op('andi', { rd: T3, rs1: T1, imm: LOG_TRAPS - 1 })
  a.op('slli', { rd: T2, rs1: T3, shamt: 3 }).op('slli', { rd: T3, rs1: T3, shamt: 4 })
    .op('add', { rd: T2, rs1: T2, rs2: T3 })
  a.op('add', { rd: T2, rs1: T2, rs2: T0 })
  for (const [i, csr] of [MCAUSE, MEPC, MTVAL].entries()) {
    read(T3, csr)
    a.op('sd', { rs1: T2, rs2: T3, imm: C.log + 8 * i })
  }
  a.op('addi', { rd: T1, rs1: T1, imm: 1 })
  store(T1, C.traps)
  a.op('addi', { rd: T2, rs1: 0, imm: MAX_TRAPS }).to('bgeu', 'end', { rs1: T1, rs2: T2 })
  read(T1, MEPC)
  a.op('ld', { rd: T2, rs1: T0, imm: C.endPc }).to('beq', 'end', { rs1: T1, rs2: T2 })
  read(T2, MCAUSE)
  for (const cause of [1, 12]) a.op('addi', { rd: T3, rs1: 0, imm: cause }).to('beq', 'fetch', { rs1: T2, rs2: T3 })
  // The instruction's length, read as the program would.
  li(T2, MPRV_MXR)
  a.op('csrrs', { rd: 0, csr: MSTATUS, rs1: T2 }).op('lhu', { rd: T3, rs1: T1, imm: 0 })
    .op('csrrc', { rd: 0, csr: MSTATUS, rs1: T2 })
  a.op('andi', { rd: T3, rs1: T3, imm: 3 }).op('sltiu', { rd: T3, rs1: T3, imm: 3 })
    .op('slli', { rd: T3, rs1: T3, shamt: 1 })
  a.op('addi', { rd: T1, rs1: T1, imm: 4 }).op('sub', { rd: T1, rs1: T1, rs2: T3 })
  a.label('resume')
  write(MEPC, T1)
  for (const [i, r] of [[1, T1], [2, T2], [3, T3]] as const) a.op('ld', { rd: r, rs1: T0, imm: save(i) })
  a.op('csrrw', { rd: T0, csr: MSCRATCH, rs1: T0 }).op('mret')
  a.label('fetch').op('addi', { rd: T1, rs1: 1, imm: 0 }).to('jal', 'resume', { rd: 0 })

  a.label('end')
  for (let i = 1; i < 32; i++) if (i !== T0 && i !== T1 && i !== T2 && i !== T3) store(i, C.outX + 8 * i)
  for (const [i, r] of [[1, T1], [2, T2], [3, T3]] as const) {
    a.op('ld', { rd: T1, rs1: T0, imm: save(i) })
    store(T1, C.outX + 8 * r)
  }
  read(T1, MSCRATCH)
  store(T1, C.outX + 8 * T0)
  li(T1, FS)
  a.op('csrrs', { rd: 0, csr: MSTATUS, rs1: T1 })
  for (let i = 0; i < 32; i++) a.op('fsd', { rs1: T0, rs2: i, imm: C.outF + 8 * i })
  read(T1, FCSR)
  store(T1, C.outFcsr)
  li(T1, AREA_BYTES)
  a.op('add', { rd: T0, rs1: T0, rs2: T1 })
  write(MSCRATCH, T0)
  a.to('jal', 'next', { rd: 0 })

  a.label('off')
  li(T0, FINISHER)
  li(T1, 0x5555)
  a.op('sw', { rs1: T0, rs2: T1, imm: 0 }).label('for ever').to('jal', 'for ever', { rd: 0 })
  return a.link().bytes
}
