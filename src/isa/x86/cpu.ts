// The state of an x86 processor, and the word of what a translation depends on. After Intel's Software Developer's
// Manual (volume 1 chapter 3, volume 3 chapters 2 and 3) and AMD64 volume 2.
//
// `pc` holds the linear address of the next instruction: RIP plus the base of CS. The arithmetic flags are kept lazily: `fa` and
// `fb` are operands, `fx` says of what operation (ir/arith-flags.ts). The other flags are in `eflags`, whose arithmetic bits
// mean nothing.
import { Arith, ArithFlag } from '../../ir/arith-flags.ts'
import { layoutOf } from '../../state/layout.ts'
import { array, f64, structs, transient, u16, u32, u64, u8, type StateOf } from '../../state/schema.ts'
import { type RegisterSpec, vcpuCore } from '../isa.ts'

/** A segment register with its hidden part. Attributes as in a descriptor's second word, bits 8-23. */
export const segmentState = {
  base: u64(),
  /** What an access may touch, derived from limit and attributes (segment.ts): offsets from `first` up to `readEnd` or
   * `writeEnd`, exclusive; nothing where the end is 0. */
  first: transient(u64()),
  readEnd: transient(u64()),
  writeEnd: transient(u64()),
  selector: u32(),
  limit: u32(),
  attributes: u32(),
}

/** Segment registers as instructions number them, then the two that have none. */
export const Seg = { ES: 0, CS: 1, SS: 2, DS: 3, FS: 4, GS: 5, LDTR: 6, TR: 7 } as const

export const cpuState = {
  ...vcpuCore,
  /** rax rcx rdx rbx rsp rbp rsi rdi r8-r15. */
  gpr: array(u64(), 16),
  fa: u64(),
  fb: u64(),
  fx: u32(Arith.EXPLICIT),
  /** A 32-bit register of generated code has a slot of 64 bits; the upper half means nothing. */
  fxUpper: transient(u32()),
  /** Flags that are not arithmetic ones; bit 1 reads as 1. */
  eflags: u32(2),

  /** Why interrupts are held off while pc is `shadowPc` (a Shadow): after STI, MOV SS, POP SS. */
  shadow: u8(),
  /** An interrupt waits for IF: STI must look. */
  interruptWaits: transient(u32()),
  shadowPc: u64(),
  /** Under Mode.STEP: whether what comes before an instruction (System.STEP) has been seen to. */
  stepChecked: u32(),
  /** What the instruction that was let pass last leaves, as in DR6: it began with TF, it hit breakpoints; and bits of Trap. */
  stepTrap: u32(),
  nmiBlocked: u8(),
  /** After INIT: nothing but a start-up message ends the wait. */
  waitsForSipi: u8(),
  /** Inputs (Line), and the vector of a start-up message, set with Atomics by any thread. */
  lines: u32(),
  sipiVector: u32(),
  /** Bit 20 of addresses as the last look at the A20 line found it. */
  a20: u8(1),
  seg: structs(segmentState, 8),
  gdtBase: u64(),
  idtBase: u64(),
  gdtLimit: u32(0xffff),
  idtLimit: u32(0xffff),
  cr0: u64(0x60000010n),
  cr2: u64(),
  cr3: u64(),
  cr4: u64(),
  /** The directory pointers of PAE paging, as they were when CR3 was loaded. */
  pdpte: array(u64(), 4),
  xcr0: u64(1n),
  dr: array(u64(), 8),

  efer: u64(),
  star: u64(),
  lstar: u64(),
  cstar: u64(),
  fmask: u64(),
  kernelGsBase: u64(),
  tscAux: u64(),
  /** The counter is guest time, the same for all processors, at this rate, plus the offset. */
  tscKhz: u32(1_000_000),
  tscOffset: u64(),
  tscAdjust: u64(),
  sysenterCs: u64(),
  sysenterEsp: u64(),
  sysenterEip: u64(),
  apicBase: u64(0xfee00900n),
  pat: u64(0x0007040600070406n),
  mtrrDefType: u64(),
  mtrrFixed: array(u64(), 11),
  /** Base and mask, in turn. */
  mtrrVariable: array(u64(), 16),
  miscEnable: u64(1n),

  /** The local APIC (apic.ts). IRR and TMR are set with Atomics by any thread. */
  apicId: u32(),
  apicTpr: u32(),
  apicLdr: u32(),
  apicDfr: u32(0xffffffff),
  apicSvr: u32(0xff),
  apicIsr: array(u32(), 8),
  apicTmr: array(u32(), 8),
  apicIrr: array(u32(), 8),
  apicEsr: u32(),
  /** Errors since ESR was last written. */
  apicErrors: u32(),
  apicIcr: u64(),
  /** Timer, thermal sensor, performance counters, LINT0, LINT1, error. */
  apicLvt: array(u32(0x10000), 6),
  apicInitial: u32(),
  apicDivide: u32(),
  /** When the timer was last started, and when it next expires (ns; 0: it does not run). */
  apicStarted: f64(),
  apicExpires: f64(),
  tscDeadline: u64(),

  /** x87: mantissas and sign-and-exponent words of the eight physical registers. */
  fpMantissa: array(u64(), 8),
  fpExponent: array(u16(), 8),
  fcw: u16(0x0040),
  /** Status word without TOP, which is `ftop`. */
  fsw: u16(),
  ftop: u32(),
  /** Tag word in the short form: bit n is set if physical register n holds something. */
  ftw: u8(),
  fop: u16(),
  fip: u64(),
  fdp: u64(),
  fcs: u16(),
  fds: u16(),
  mxcsr: u32(0x1f80),
  /** Exceptions of SSE that are not masked and were raised by the instruction under way: flags as in MXCSR. */
  fpRaised: transient(u32()),
  /** Of a runtime helper of x87: whether its value is to be stored, and what of a value of ten bytes has no room in it. */
  fpStored: transient(u32()),
  fpStoredHigh: transient(u32()),
  /** xmm0-15: low and high halves in turn. Wider registers keep their upper parts elsewhere. */
  xmm: array(u64(), 32),
  ymmHigh: array(u64(), 32),

  /** In the state of processor 0: one of them is in a locked CMPXCHG16B. */
  pairLock: transient(u32()),

  /** A fault noted by `translate` or an instruction, for `deliver`. */
  faultVector: transient(u32()),
  faultError: transient(u32()),
  faultAddress: transient(u64()),
}

export const cpuLayout = layoutOf(cpuState)
export const segmentLayout = layoutOf(segmentState)
export type CpuState = StateOf<typeof cpuState>

/** Byte offset in the state of a segment register's field. */
export const segmentField = (segment: number, field: keyof typeof segmentState): number =>
  cpuLayout.offsets.seg + segment * segmentLayout.sizeBytes + segmentLayout.offsets[field]

/** Indices into the register file: rax..r15 are 0-15 in the encoding's order, then the lazy flags, then xmm0-15. */
export const Reg = { AX: 0, CX: 1, DX: 2, BX: 3, SP: 4, BP: 5, SI: 6, DI: 7, FA: 16, FB: 17, FX: 18, XMM: 19 } as const

export const registerNames64 = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi',
  'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15']
export const registers: readonly RegisterSpec[] = [
  ...registerNames64.map((name, i) => ({ name, type: 'l' as const, offset: cpuLayout.offsets.gpr + 8 * i })),
  { name: 'fa', type: 'l', offset: cpuLayout.offsets.fa },
  { name: 'fb', type: 'l', offset: cpuLayout.offsets.fb },
  { name: 'fx', type: 'i', offset: cpuLayout.offsets.fx },
  ...Array.from({ length: 16 }, (_, n) => ({ name: `xmm${n}`, type: 'v' as const, offset: cpuLayout.offsets.xmm + 16 * n })),
]

/** Bits of EFLAGS. ARITHMETIC are those that are kept lazily. */
export const Flag = {
  CF: ArithFlag.CF, PF: ArithFlag.PF, AF: ArithFlag.AF, ZF: ArithFlag.ZF, SF: ArithFlag.SF, OF: ArithFlag.OF,
  TF: 0x100, IF: 0x200, DF: 0x400, IOPL: 0x3000, NT: 0x4000,
  RF: 0x10000, VM: 0x20000, AC: 0x40000, VIF: 0x80000, VIP: 0x100000, ID: 0x200000, ARITHMETIC: ArithFlag.ALL,
} as const

/** The mode word: what a translation depends on besides the bytes. */
export const Mode = {
  /** Code size: 16, 32 or 64 bits. */
  CODE: 3, CODE16: 0, CODE32: 1, CODE64: 2,
  /** SS.B: the stack pointer has 32 bits (outside 64-bit mode). */
  STACK32: 1 << 2,
  CPL_SHIFT: 3, CPL: 3 << 3,
  VM86: 1 << 5, PROTECTED: 1 << 6,
  /** These segments have base 0 and all of 4 GiB, readable and writable. Meaningless in 64-bit mode. */
  FLAT_ES: 1 << 7, FLAT_SS: 1 << 8, FLAT_DS: 1 << 9,
  /** CS has base 0 and all of 4 GiB. */
  FLAT_CS: 1 << 10,
  /** CPL <= IOPL, or real mode: CLI and the like are allowed. */
  IO_ALLOWED: 1 << 11,
  /** CR0.EM, TS, MP, NE; CR4.OSFXSR, OSXSAVE. */
  EM: 1 << 12, TS: 1 << 13, MP: 1 << 14, NE: 1 << 15, OSFXSR: 1 << 16, OSXSAVE: 1 << 17,
  /** TF is set, RF, or breakpoints are in DR7: blocks of one instruction each. */
  STEP: 1 << 18,
  /** MXCSR: rounding to nearest with all exceptions masked and the precision flag set; or anything but nearest and masked. */
  MXCSR_FREE: 1 << 19, MXCSR_ODD: 1 << 20,
  /** CPL 3 with CR0.AM and EFLAGS.AC: misaligned accesses fault. */
  ALIGN: 1 << 21,
} as const

/** Bits of `shadow`: held off by STI, by a load of SS (which holds off debug traps and NMIs too); with an interrupt waiting the
 * next instruction is run by itself: about to (STEPPING), under way (STEPPED). */
export const Shadow = { STI: 1, SS: 2, STEPPING: 4, STEPPED: 8 } as const

/** Bits of `lines`. INTR, NMI and A20M are levels of pins (A20M is set while bit 20 is masked); the others are messages, which
 * the processor clears as it takes them. NMI is taken on the rising edge. */
export const Line = { INTR: 1, NMI: 2, A20M: 4, INIT: 8, SIPI: 16 } as const

/** Exception vectors. */
export const Vector = { DE: 0, DB: 1, NMI: 2, BP: 3, OF: 4, BR: 5, UD: 6, NM: 7, DF: 8, TS: 10, NP: 11, SS: 12, GP: 13, PF: 14,
  MF: 16, AC: 17, MC: 18, XM: 19 } as const

/** General detect, in DR7. */
export const DR7_GD = 0x2000

/** As a noted fault: there is none, but the instruction has not been executed. */
export const HELD = 0x100
/** Bits of `stepTrap` besides those that DR6 gets: the next instruction runs by itself; it has begun. */
export const Trap = { ALONE: 0x10000, BEGUN: 0x20000, REAL: 0xffff } as const

/** System helpers: what is left to the processor code. `arg` is as SystemArg says, but for the few with a word of their own:
 * FAULT (the vector; the error code is 0 where there is one), SEGMENT (the segment register: an access beyond its limit or
 * not of its type), BRANCH16 and BRANCH32 (a jump by this many bytes, of that operand size: it wraps or is beyond the limit
 * of CS), SKIP (the length: the instruction does nothing), INTO (the length), RETRY (the instruction is run again), STEP (under
 * Mode.STEP, before each instruction). */
const systemNames = [
  'FAULT', 'SEGMENT', 'BRANCH16', 'BRANCH32', 'SKIP', 'RETRY', 'CMPXCHG16B',
  'INT', 'INT1', 'INT3', 'INTO', 'IRET', 'HLT', 'WBINVD', 'INVD', 'CLI', 'STI', 'PUSHF', 'POPF', 'CLTS', 'CPUID', 'RDTSC', 'RDTSCP', 'RDPMC',
  'RDMSR', 'WRMSR', 'IN', 'OUT', 'INS', 'OUTS', 'MOV_TO_SEG', 'POP_SEG', 'LOAD_FAR', 'JMP_FAR', 'CALL_FAR', 'RET_FAR', 'SYSCALL',
  'SYSRET', 'SYSENTER', 'SYSEXIT', 'LGDT', 'LIDT', 'SGDT', 'SIDT', 'LLDT', 'LTR', 'SLDT', 'STR', 'LMSW', 'SMSW', 'INVLPG', 'INVPCID',
  'SWAPGS', 'LAR', 'LSL', 'VERR', 'VERW', 'ARPL', 'MOV_FROM_CR', 'MOV_TO_CR', 'MOV_FROM_DR', 'MOV_TO_DR', 'XGETBV', 'XSETBV',
  'RDFSBASE', 'RDGSBASE', 'WRFSBASE', 'WRGSBASE', 'MONITOR', 'MWAIT', 'CLAC', 'STAC', 'RDPID', 'FXSAVE', 'FXRSTOR', 'XSAVE', 'XRSTOR',
  'XSAVEOPT', 'XSAVEC', 'VMCALL', 'RSM', 'RDRAND', 'RDSEED', 'STEP', 'LDMXCSR', 'SIMD_EXCEPTION', 'MASKMOVQ', 'MASKMOVDQU', 'FLDENV', 'FNSTENV', 'FRSTOR', 'FNSAVE',
] as const
export type SystemName = (typeof systemNames)[number]
export const System = Object.fromEntries(systemNames.map((n, i) => [n, i])) as { readonly [N in SystemName]: number }
export const systemName = (helper: number): SystemName => systemNames[helper]!

/** Fields of a system helper's argument. A memory operand's linear address is in args[0] and its offset in the segment in
 * args[1]; an immediate (a far pointer: selector above its offset) is in args[2]. */
export const SystemArg = {
  /** Bytes of the instruction; log2 of operand and address size in bytes. */
  LENGTH: 0x0f, OPERAND_SHIFT: 4, ADDRESS_SHIFT: 6,
  /** ModRM's register field, extended; the register operand, or with MEMORY nothing. */
  REG_SHIFT: 8, RM_SHIFT: 12, MEMORY: 1 << 16, SEGMENT_SHIFT: 17,
  /** 0 none, 1 F2, 2 F3; bits of the operand's size where the row has a byte and a wider form. */
  REP_SHIFT: 20, BYTE: 1 << 22,
  /** The last byte of the opcode. */
  OPCODE_SHIFT: 23,
} as const

/** Runtime helpers (see `call` in isa.ts): pure functions of their arguments (bits.ts). */
export const Call = { PDEP: 0, PEXT: 1, RCP: 2, RSQRT: 3 } as const
