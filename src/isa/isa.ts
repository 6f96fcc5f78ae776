// What an architecture gives to the rest, and what it may ask for. The recompiler knows a processor only
// through this.
import type { FpStack } from '../ir/fp-stack.ts'
import type { FloatPolicyName } from '../base/softfloat.ts'
import type { Builder } from '../ir/build.ts'
import type { Type } from '../ir/ops.ts'
import { array, f64, transient, u32, u64, type Schema } from '../state/schema.ts'

/** The fields that every processor's state starts with: what generated code and the threads around it know by
 * address. `exitRequest` must stay first. */
export const vcpuCore = {
  /** Bits that make generated code leave (see ExitRequest); set by any thread with Atomics.or. */
  exitRequest: transient(u32()),
  /** The word on which a waiting processor sleeps (Atomics.wait); non-zero means "there is work". */
  wake: transient(u32()),
  pc: u64(),
  /** Everything outside the instruction bytes that a translation depends on; an ISA packs it as it likes. */
  mode: transient(u32()),
  /** Byte addresses of the current software TLB and jump cache (they change with privilege and address
   * space). */
  tlb: transient(u32()),
  jumpCache: transient(u32()),
  /** Non-zero while the processor waits for an interrupt (WFI, HLT). */
  halted: u32(),
  /** Operands and result of runtime helpers; `helper` says which, `arg` is its immediate. */
  args: transient(array(u64(), 4)),
  result: transient(u64()),
  /** The upper half of a vector. */
  resultHigh: transient(u64()),
  helper: transient(u32()),
  arg: transient(u32()),
  /** Single-threaded machines: polls for exit requests until the code leaves by itself. */
  fuel: transient(u32()),
  /** Byte address of the TLB's current instruction side. */
  codeTable: transient(u32()),
  /** Instructions retired, counted where `-icount` or a counter asks for it. */
  retired: f64(),
  /** Always zero. */
  zero: transient(u64()),
  /** Intermediate values of the interpreter. */
  temps: transient(array(u64(), 128)),
  /** The same for vectors, 16 bytes each. */
  wideTemps: transient(array(u64(), 64)),
} satisfies Schema

/** Why generated code should return to its thread. */
export const ExitRequest = { INTERRUPT: 1, STOP: 2, FLUSH: 4, MESSAGE: 8, DEBUG: 16, RETIER: 32, LOG: 64 } as const

export type RegisterSpec = {
  readonly name: string
  readonly type: Type
  /** Byte offset in the processor's state. */
  readonly offset: number
}

/** The bytes a lifter reads. Offsets count from the block's first byte; -1 where the next byte cannot be had
 * without a fault (the page ends and the next one is not known to be mapped). */
export type Code = {
  u8(offset: number): number
  u16(offset: number): number
}

export type LiftLimits = {
  readonly maxInsns: number
  /** The block ends before an instruction at this offset or beyond. */
  readonly endOffset?: number
}

export const Access = { READ: 0, WRITE: 1, EXECUTE: 2 } as const
export type Access = (typeof Access)[keyof typeof Access]

/** Where an access goes, and what the software TLB may allow without asking again. The object that
 * `translate` returns is reused by its next call. */
export type Translation = {
  /** Physical address of the accessed byte: a number below 2^53. */
  pa: number
  read: boolean
  write: boolean
  execute: boolean
  /** Valid in every address space (a global page). */
  global: boolean
  /** The answer holds for every byte of the 4 KiB page. If not (a physical memory protection region that
   * begins or ends inside the page), it holds for this access only: it must not enter the TLB, and code there
   * is fetched instruction by instruction, each half with its own `translate`. */
  whole: boolean
  /** log2 of the size of the mapping that this is part of (12, 21, 30, 39): a flush of any address in such a
   * mapping means all of it, so a TLB of 4 KiB entries must remember the range of larger ones. */
  pageBits: number
}

/** What processor code may ask of the machine around it. 64-bit values go as two halves, unsigned or signed
 * alike. */
export type CpuServices = {
  readonly hart: number
  /** Byte offset in the one memory of guest RAM at `pa`, or -1: how page walkers read their tables. */
  ramAt(pa: number): number
  /** Atomic compare and swap of an aligned 64-bit word in RAM (a page-table entry): false if it was not the
   * expected value. Does what any store of the guest does besides: dirty bits, translated code in that page.
   * */
  casWord(pa: number, expectedLo: number, expectedHi: number, lo: number, hi: number): boolean
  /** The same for an aligned 32-bit word. */
  casHalf(pa: number, expected: number, value: number): boolean
  /** Physical memory as the processor's own accesses reach it, devices included: 1, 2 or 4 bytes, unsigned. Writes do what any
   * store of the guest does besides. */
  read(pa: number, size: number): number
  write(pa: number, size: number, value: number): void
  /** Byte offset in the one memory of a byte at a linear address, for accesses of the processor's own that stay in its page:
   * through the software TLB, which is filled. NO_HOST: not so (a device, translated code); NOT_ALLOWED: the fault is noted.
   * Left out where there is no TLB. */
  hostFor?(vaLo: number, vaHi: number, access: Access, mmuMode: number, hint: number): number
  /** A debugger watches data. Then `holds` says of an access of the processor's own, of an instruction that has changed nothing yet,
   * whether it must not happen: the instruction ends, to be executed again later. */
  readonly debugged?: boolean
  holds?(vaLo: number, vaHi: number, size: number, write: boolean): boolean
  /** Guest time. */
  nowNs(): number
  /** True if `retired` in the state is exact (-icount): cycle and instruction counters then follow it instead
   * of time. */
  readonly countsInstructions?: boolean
  /** Drops this processor's translations of one address space, or of all. Global pages of one address space
   * may stay. */
  flushTlb(addressSpace?: number): void
  /** The same for the page or the larger mapping (Translation.pageBits) around one address; without an
   * address space also if it is global. */
  flushPage(vaLo: number, vaHi: number, addressSpace?: number): void
  /** Makes an address space and a privilege-dependent MMU mode current for data accesses; the second pair is
   * for instruction fetch. They differ only while machine-mode code borrows another mode's memory for its
   * data. */
  selectTlb(addressSpace: number, mmuMode: number, fetchSpace: number, fetchMode: number): void
  /** Drops translated code (an instruction fence). */
  flushCode(): void
  /** Arms this processor's own timer on the guest clock: at the deadline or later, never earlier, its
   * ExitRequest.INTERRUPT is set and it is woken. Infinity disarms it. `interrupt` arms it again where the
   * deadline is still to come. */
  armTimer(deadlineNs: number): void
}

export const NO_HOST = -2, NOT_ALLOWED = -1

/** Result of `translate`: a translation, or a fault that has been noted in the state for `deliver`. */
export type TranslateResult = Translation | null

/** Faults of an access that its translation could not foresee. BUS: nothing answers at the physical address.
 * MISALIGNED: an access that must be aligned is not; MISALIGNED_WIDE: one of 16 bytes. */
export const Fault = { BUS: 0, MISALIGNED: 1, MISALIGNED_WIDE: 2 } as const
export type Fault = (typeof Fault)[keyof typeof Fault]

/** One page of physical address space that belongs to a processor: where it is now (-1: nowhere), and accesses of 1, 2 or 4 bytes. */
export type LocalPage = {
  page(): number
  read(offset: number, size: number): number
  write(offset: number, size: number, value: number): void
}

/** A processor bound to its state and services. A thread runs it like this:
 *
 *   if halted: sleep on `wake` until wakes(), then halted = 0
 *   if exitRequest has INTERRUPT: clear the bit, then interrupt()
 *   run generated code from pc; on a fault deliver(), on a system instruction system(helper, arg)
 */
export type Cpu = {
  readonly isa: Isa
  /** Registers in the physical address space that no other processor sees (a local APIC). */
  readonly local?: LocalPage
  /** Address translation of one access of `size` bytes that does not cross a page; null and the fault noted
   * in the state if it is not allowed. A write also stands for the read of an atomic operation. `hint` is what
   * the access says of itself for faults (MemOp.STACK). */
  translate(vaLo: number, vaHi: number, access: Access, mmuMode: number, size: number, hint?: number): TranslateResult
  /** Physical address for a debugger, or -1: the current fetch mode's view, no permission asked, nothing
   * changed. */
  probe(vaLo: number, vaHi: number): number
  /** Notes a fault of an access, for `deliver`. `hint` as in `translate`. */
  fault(kind: Fault, vaLo: number, vaHi: number, access: Access, hint?: number): void
  /** Takes the noted fault: saves the state as the architecture says, sets pc to the handler. pc is at the
   * instruction. */
  deliver(): void
  /** Runs system helper `helper` (an instruction the recompiler leaves to us); pc is at the instruction. */
  system(helper: number, arg: number): void
  /** Runs runtime helper `helper`: args in the state, result into the state. */
  call(helper: number): void
  /** Takes a pending interrupt if there is one that is enabled; true if pc changed. */
  interrupt(): boolean
  /** True if an interrupt could end a wait, whether or not it is enabled globally. */
  wakes(): boolean
  /** Gives the whole state its reset values. */
  reset(): void
  /** Derives again what is not saved (mode, the current TLB, the timer) after the state was loaded from
   * outside. */
  refresh(): void
  /** Breakpoints on data that the guest itself has set (debug registers). */
  readonly watch?: CpuWatch
  readonly debug: DebugTarget
  /** What a monitor shows of it, by topic, in words; undefined: it has nothing of the kind. Changes nothing. */
  describe?(topic: CpuTopic, index: number): string | undefined
  readonly float: FloatState
}

export type CpuWatch = {
  /** There are any. */
  readonly on: boolean
  /** Whether a page has watched bytes: each access there must be asked about. */
  page(vaLo: number, vaHi: number): boolean
  /** Generated code is about to access memory. True if it must not: then `deliver` lets the instruction run again, in another
   * mode. */
  putsOff(vaLo: number, vaHi: number, size: number, reads: boolean, writes: boolean): boolean
}

export type CpuTopic = 'registers' | 'lapic' | 'mtrr' | 'irq'

/** What soft-float needs of a processor. */
export type FloatState = {
  readonly policy: FloatPolicyName
  /** The dynamic rounding mode, in RISC-V's numbering. */
  rounding(): number
  /** Whether subnormal operands count as zeros, and tiny results become zeros. */
  denormals?(): { readonly areZero: boolean; readonly flush: boolean }
  /** Accrues exception flags (soft-float's FLAG bits). */
  raise(flags: number): void
}

/** Registers as a debugger numbers them. */
export type DebugTarget = {
  /** Descriptions in gdb's XML by file name; `target.xml` includes the others. */
  readonly xml: Readonly<Record<string, string>>
  readonly registers: readonly DebugRegister[]
  readonly pc: number
  /** Registers below this number are those that programs compute with. */
  readonly plain: number
  /** Of the others, those that say what the processor is doing: a line each where registers are printed. */
  readonly control: readonly DebugRegister[]
  /** undefined and false: no such register here, or not now. */
  read(number: number): bigint | undefined
  write(number: number, value: bigint): boolean
}
export type DebugRegister = {
  readonly number: number
  readonly name: string
  readonly bits: 32 | 64 | 80 | 128
  /** In the packet that sends all registers at once. */
  readonly general: boolean
}

export type Isa = {
  readonly name: string
  readonly state: Schema
  readonly registers: readonly RegisterSpec[]
  /** log2 of what instructions are aligned to, in bytes. */
  readonly codeAlign: number
  /** A misaligned access of a device is done byte by byte; without this it faults. */
  readonly misalignedDevices?: boolean
  /** Physical addresses that nothing answers read as the bus floats, and writes there are lost; without this they fault. */
  readonly openBus?: boolean
  /** The number of distinct data-access modes (privilege levels as the MMU sees them). */
  readonly mmuModes: number
  /** MMU modes in which nearly all pages are global, so that switching address spaces should keep them. */
  readonly globalModes?: readonly number[]
  /** Of architectures that have one: generated code does the common case of its runtime helpers. */
  readonly fpStack?: FpStack
  /** Addresses of code of this mode have 32 bits: what an access computes beyond wraps. */
  narrow?(mode: number): boolean
  /** The mode word under which a block may be kept whose code does not depend on the bits it lacks (Block.modeUsed). */
  sharedMode?(mode: number): number
  /** Fills `g` with one basic block. The block is empty if not even the first instruction could be read. */
  lift(g: Builder, code: Code, mode: number, limits: LiftLimits): void
  /** The instruction that `bytes` begin with in code of a mode word, and its length in bytes, of which there may be fewer. */
  disassemble(bytes: Uint8Array, pc: bigint, mode: number): { text: string; length: number }
  /** What a person wants to know of a mode word: the privilege level. */
  modeName(mode: number): string
}
