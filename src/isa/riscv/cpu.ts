// The state of an RV64 hart, in the order of the manuals, and the word of what a translation depends on.
// RISC-V unprivileged specification 20240411, privileged specification 20240411.
import { layoutOf } from '../../state/layout.ts'
import { array, u32, u64, u8, transient, type StateOf } from '../../state/schema.ts'
import { type RegisterSpec, vcpuCore } from '../isa.ts'

export const hartState = {
  ...vcpuCore,
  x: array(u64(), 32),
  f: array(u64(), 32),
  fflags: u32(),
  frm: u32(),

  priv: u8(3),
  mstatus: u64(0xa00000000n), // SXL = UXL = 64 bits
  misa: u64(0x800000000014112dn), // RV64 IMAFDC, S and U modes
  medeleg: u64(),
  mideleg: u64(),
  mie: u64(),
  /** Pending bits that software wrote (SSIP, STIP without Sstc, SEIP); bits driven by devices are in `lines`.
   * */
  mip: u64(),
  /** Interrupt lines driven from outside (MSIP 3, MTIP 7, SEIP 9, MEIP 11, and SSIP from other harts), set
   * with Atomics. */
  lines: u32(),
  mtvec: u64(),
  mscratch: u64(),
  mepc: u64(),
  mcause: u64(),
  mtval: u64(),
  mcounteren: u64(),
  mcountinhibit: u64(),
  /** Counters are their source (see counters.ts) plus this, or this alone while mcountinhibit stops them. */
  mcycle: u64(),
  minstret: u64(),
  menvcfg: u64(1n << 61n), // ADUE: hardware updates accessed and dirty bits until firmware says otherwise
  stvec: u64(),
  sscratch: u64(),
  sepc: u64(),
  scause: u64(),
  stval: u64(),
  scounteren: u64(),
  senvcfg: u64(),
  satp: u64(),
  stimecmp: u64(0xffffffffffffffffn),
  /** STIP as the comparison with stimecmp last gave it; it can only rise until stimecmp is written. */
  timerPending: transient(u32()),
  pmpcfg: array(u8(), 16),
  pmpaddr: array(u64(), 16),
  /** A trap noted by `translate` or an instruction, for `deliver`. */
  trapCause: transient(u64()),
  trapValue: transient(u64()),
  /** LR/SC: the reserved address (all ones: none) and the value that was read. */
  reservedAddress: u64(0xffffffffffffffffn),
  reservedValue: u64(),
  /** Hart state management of the built-in SBI: an HsmState, and what a start request carries. */
  hsm: u32(),
  hsmAddress: u64(),
  hsmOpaque: u64(),
}

export const hartLayout = layoutOf(hartState)
export type Hart = StateOf<typeof hartState>

/** Indices into the register file: x0..x31 are 0-31, f0..f31 are 32-63. */
export const F0 = 32
const xNames = ['zero', 'ra', 'sp', 'gp', 'tp', 't0', 't1', 't2', 's0', 's1',
  'a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7',
  's2', 's3', 's4', 's5', 's6', 's7', 's8', 's9', 's10', 's11', 't3', 't4', 't5', 't6']
const fNames = ['ft0', 'ft1', 'ft2', 'ft3', 'ft4', 'ft5', 'ft6', 'ft7', 'fs0', 'fs1',
  'fa0', 'fa1', 'fa2', 'fa3', 'fa4', 'fa5', 'fa6', 'fa7',
  'fs2', 'fs3', 'fs4', 'fs5', 'fs6', 'fs7', 'fs8', 'fs9', 'fs10', 'fs11', 'ft8', 'ft9', 'ft10', 'ft11']
export const registers: readonly RegisterSpec[] = [
  ...xNames.map((name, i) => ({ name, type: 'l' as const, offset: hartLayout.offsets.x + 8 * i })),
  ...fNames.map((name, i) => ({ name, type: 'd' as const, offset: hartLayout.offsets.f + 8 * i })),
]

/** The mode word: PRIV in bits 0-1; FS: 0 off, 1 on but clean (the first write to a floating-point register
 * leaves to mark it dirty), 2 dirty; NEAREST if frm is round-to-nearest-even; INEXACT if fflags.NX is set
 * already; and which of the counters and instructions that may trap by configuration are allowed. */
export const Mode = { PRIV: 3, FS_SHIFT: 2, FS: 3 << 2, NEAREST: 1 << 4, INEXACT: 1 << 5,
  TVM: 1 << 6, TW: 1 << 7, TSR: 1 << 8, TIME: 1 << 9, CYCLE: 1 << 10, INSTRET: 1 << 11 } as const

/** MMU modes: machine, user, supervisor, supervisor with SUM. */
export const Mmu = { MACHINE: 0, USER: 1, SUPERVISOR: 2, SUPERVISOR_SUM: 3 } as const
/** The address space of accesses without paging; the others are ASIDs. */
export const BARE_SPACE = 0x10000

/** System helpers: instructions that are left to the processor code (see `system` in isa.ts). `arg` is the
 * instruction word (16 bits if compressed). FS_DIRTY marks the floating-point state dirty and leaves pc at
 * the instruction, to be run again; SPIN is PAUSE. */
export const System = { ILLEGAL: 0, ECALL: 1, EBREAK: 2, CSR: 3, MRET: 4, SRET: 5, WFI: 6, SFENCE_VMA: 7,
  FENCE_I: 8, FS_DIRTY: 9, SPIN: 10, SC_FAIL: 11 } as const

/** Runtime helpers (see `call` in isa.ts): the time CSR, the cycle and instret counters. */
export const Call = { TIME: 0, CYCLE: 1, INSTRET: 2 } as const

/** Hart states of the built-in SBI (SBI specification 2.0, chapter 9). A hart without it is always STARTED.
 * */
export const HsmState = { STARTED: 0, STOPPED: 1, START_PENDING: 2, SUSPENDED: 4 } as const
