// The kernel's structures of an x86 processor: Linux Documentation/virt/kvm/api.rst, arch/x86/include/uapi/asm/kvm.h. Byte offsets.
import { both, gives, plain, takes } from '../abi.ts'

export const REGS_BYTES = 144, SREGS_BYTES = 312, SEGMENT_BYTES = 24, EVENTS_BYTES = 64, DEBUGREGS_BYTES = 128, XSAVE_BYTES = 4096,
  XCRS_BYTES = 392, CPUID_ENTRY_BYTES = 40, MSR_ENTRY_BYTES = 16, MSR_FILTER_BYTES = 392, GUEST_DEBUG_BYTES = 72
const LIST_HEAD = 8

export const X86Request = {
  GET_SUPPORTED_CPUID: both(0x05, LIST_HEAD),
  SET_TSS_ADDR: plain(0x47), SET_IDENTITY_MAP_ADDR: takes(0x48, 8), SET_MSR_FILTER: takes(0xc6, MSR_FILTER_BYTES),
  GET_REGS: gives(0x81, REGS_BYTES), SET_REGS: takes(0x82, REGS_BYTES), GET_SREGS: gives(0x83, SREGS_BYTES), SET_SREGS: takes(0x84, SREGS_BYTES),
  INTERRUPT: takes(0x86, 4), GET_MSRS: both(0x88, LIST_HEAD), SET_MSRS: takes(0x89, LIST_HEAD), SET_CPUID2: takes(0x90, LIST_HEAD), NMI: plain(0x9a),
  SET_GUEST_DEBUG: takes(0x9b, GUEST_DEBUG_BYTES), GET_EVENTS: gives(0x9f, EVENTS_BYTES), SET_EVENTS: takes(0xa0, EVENTS_BYTES),
  GET_DEBUGREGS: gives(0xa1, DEBUGREGS_BYTES), SET_DEBUGREGS: takes(0xa2, DEBUGREGS_BYTES),
  SET_TSC_KHZ: plain(0xa2), GET_TSC_KHZ: plain(0xa3),
  GET_XSAVE: gives(0xa4, XSAVE_BYTES), SET_XSAVE: takes(0xa5, XSAVE_BYTES), GET_XCRS: gives(0xa6, XCRS_BYTES), SET_XCRS: takes(0xa7, XCRS_BYTES),
} as const

export const X86Cap = {
  EXT_CPUID: 7, USER_NMI: 22, SET_GUEST_DEBUG: 23, VCPU_EVENTS: 41, XSAVE: 55, XCRS: 56, DEBUGREGS: 50, TSC_CONTROL: 60, GET_TSC_KHZ: 61,
  USER_SPACE_MSR: 188, MSR_FILTER: 189,
} as const

/** In struct kvm_run. */
export const X86Run = {
  REQUEST_WINDOW: 0, READY: 12, IF_FLAG: 13, CR8: 16, APIC_BASE: 24,
  IO_OUT: 32, IO_SIZE: 33, IO_PORT: 34, IO_COUNT: 36, IO_DATA: 40,
  MSR_ERROR: 32, MSR_INDEX: 44, MSR_DATA: 48,
  DEBUG_EXCEPTION: 32, DEBUG_PC: 40, DEBUG_DR6: 48,
} as const

/** In struct kvm_regs. Of the registers, the encoding's order differs in two. */
export const Regs = { GPR: [0, 16, 24, 8, 48, 56, 32, 40, 64, 72, 80, 88, 96, 104, 112, 120], RIP: 128, RFLAGS: 136 } as const
/** In struct kvm_sregs; segments by our numbers: es cs ss ds fs gs ldtr tr. */
export const Sregs = { SEGMENT: [48, 0, 120, 24, 72, 96, 168, 144], GDT: 192, IDT: 208, CR0: 224, CR2: 232, CR3: 240, CR4: 248, CR8: 256,
  EFER: 264, APIC_BASE: 272, BITMAP: 280 } as const
export const Segment = { BASE: 0, LIMIT: 8, SELECTOR: 12, TYPE: 14, PRESENT: 15, DPL: 16, DB: 17, S: 18, L: 19, G: 20, AVL: 21, UNUSABLE: 22 } as const
export const TABLE_LIMIT = 8
export const Events = {
  EXCEPTION_INJECTED: 0, EXCEPTION_VECTOR: 1, EXCEPTION_HAS_ERROR: 2, EXCEPTION_PENDING: 3, EXCEPTION_ERROR: 4,
  INTERRUPT_INJECTED: 8, INTERRUPT_VECTOR: 9, INTERRUPT_SOFT: 10, SHADOW: 11, NMI_INJECTED: 12, NMI_PENDING: 13, NMI_MASKED: 14,
  SIPI_VECTOR: 16, FLAGS: 20,
  FLAG_NMI_PENDING: 1, FLAG_SIPI: 2, FLAG_SHADOW: 4, SHADOW_MOV_SS: 1, SHADOW_STI: 2,
} as const
export const Debugregs = { DB: 0, DR6: 32, DR7: 40 } as const
/** In the area that XSAVE writes. */
export const Xsave = { HEADER: 512, YMM_HIGH: 576 } as const
/** Of kvm_cpuid2, kvm_msrs: a count, then the entries. */
export const List = { COUNT: 0, ENTRIES: 8 } as const
export const CpuidEntry = { FUNCTION: 0, INDEX: 4, FLAGS: 8, EAX: 12, EBX: 16, ECX: 20, EDX: 24, INDEXED: 1 } as const
export const MsrEntry = { INDEX: 0, DATA: 8 } as const
/** Reasons for which an access of an MSR comes to us. */
export const MsrReason = { INVALID: 1, UNKNOWN: 2, FILTERED: 4 } as const
export const MSR_FILTER = { RANGES: 8, RANGE_BYTES: 24, READ: 1, WRITE: 2 } as const
/** struct kvm_guest_debug: control bits, where the registers are. */
export const GuestDebug = { ENABLE: 1, SINGLE_STEP: 2, USE_REGISTERS: 0x20000, REGISTERS: 8 } as const
