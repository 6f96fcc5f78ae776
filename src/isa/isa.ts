// What an architecture gives to the rest, and what it may ask for. The recompiler knows a processor only through this.
import type { Builder } from '../ir/build.ts'
import type { Type } from '../ir/ops.ts'
import { array, f64, transient, u32, u64, type Schema } from '../state/schema.ts'

/** The fields that every processor's state starts with: what generated code and the threads around it know by address.
 * `exitRequest` must stay first. */
export const vcpuCore = {
  /** Bits that make generated code leave (see ExitRequest); set by any thread with Atomics.or. */
  exitRequest: transient(u32()),
  /** The word on which a waiting processor sleeps (Atomics.wait); non-zero means "there is work". */
  wake: transient(u32()),
  pc: u64(),
  /** Everything outside the instruction bytes that a translation depends on; an ISA packs it as it likes. */
  mode: transient(u32()),
  /** Byte addresses of the current software TLB and jump cache (they change with privilege and address space). */
  tlb: transient(u32()),
  jumpCache: transient(u32()),
  /** Non-zero while the processor waits for an interrupt (WFI, HLT). */
  halted: u32(),
  /** Operands and result of runtime helpers; `helper` says which, `arg` is its immediate. */
  args: transient(array(u64(), 4)),
  result: transient(u64()),
  helper: transient(u32()),
  arg: transient(u32()),
  /** Where the interpreter is: address of a record. */
  record: transient(u32()),
  /** Instructions retired, counted where `-icount` or a counter asks for it. */
  retired: f64(),
  /** Intermediate values of the interpreter. */
  temps: transient(array(u64(), 64)),
} satisfies Schema

/** Why generated code should return to its thread. */
export const ExitRequest = { INTERRUPT: 1, STOP: 2, FLUSH: 4, MESSAGE: 8, DEBUG: 16, RETIER: 32 } as const

export type RegisterSpec = {
  readonly name: string
  readonly type: Type
  /** Byte offset in the processor's state. */
  readonly offset: number
}

/** The bytes a lifter reads. Offsets count from the block's first byte; -1 where the next byte cannot be had without a
 * fault (the page ends and the next one is not known to be mapped). */
export type Code = {
  u8(offset: number): number
  u16(offset: number): number
}

export type LiftLimits = { readonly maxInsns: number }

export const Access = { READ: 0, WRITE: 1, EXECUTE: 2 } as const
export type Access = (typeof Access)[keyof typeof Access]

/** A translated page: where it is, and what the software TLB may allow without asking again. */
export type Translation = {
  /** Physical address of the accessed byte. */
  pa: number
  read: boolean
  write: boolean
  execute: boolean
  /** Valid in every address space (a global page). */
  global: boolean
}

/** What processor code may ask of the machine around it. */
export type CpuServices = {
  readonly hart: number
  /** Physical memory as page walkers see it: 32- and 64-bit words in RAM; undefined where there is none. */
  readWord(pa: number, bytes: 4 | 8): bigint | undefined
  /** Atomic compare and swap of a page-table entry; false if it was not `expected`. */
  casWord(pa: number, bytes: 4 | 8, expected: bigint, value: bigint): boolean
  nowNs(): number
  /** Drops translations of this processor: all, one address space's, and/or one page's. */
  flushTlb(addressSpace?: number, va?: bigint): void
  /** Makes `addressSpace` and the privilege-dependent `mmuMode` current for data accesses. */
  selectTlb(addressSpace: number, mmuMode: number): void
  /** Drops translated code (an instruction fence). */
  flushCode(): void
  /** Arms this processor's own timer on the guest clock; Infinity disarms it. */
  armTimer(deadlineNs: number): void
}

/** Result of `translate`: a translation, or a fault that has been recorded in the state for `deliver`. */
export type TranslateResult = Translation | null

/** A processor bound to its state and services. */
export type Cpu = {
  readonly isa: Isa
  /** Page walk for one access; null and the fault noted in the state if it is not allowed. */
  translate(vaLo: number, vaHi: number, access: Access, mmuMode: number): TranslateResult
  /** Takes the noted fault: saves the state as the architecture says, sets pc to the handler. */
  deliver(): void
  /** Runs system helper `helper` (an instruction the recompiler leaves to us); pc is at the instruction. */
  system(helper: number, arg: number): void
  /** Runs runtime helper `helper`: args in the state, result into the state. */
  call(helper: number): void
  /** Takes a pending interrupt if there is one that is enabled; true if pc changed. */
  interrupt(): boolean
  /** True if an interrupt could end a wait, whether or not it is enabled globally. */
  wakes(): boolean
  reset(): void
}

export type Isa = {
  readonly name: string
  readonly state: Schema
  readonly registers: readonly RegisterSpec[]
  /** The number of distinct data-access modes (privilege levels as the MMU sees them). */
  readonly mmuModes: number
  /** Fills `g` with one basic block. The block is empty if not even the first instruction could be read. */
  lift(g: Builder, code: Code, mode: number, limits: LiftLimits): void
}
