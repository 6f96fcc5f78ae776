// The kernel's interface to virtual machines: Linux Documentation/virt/kvm/api.rst. What every architecture has; the structures of one
// are in its folder.

/** Numbers of ioctl requests: asm-generic/ioctl.h. */
const KVMIO = 0xae, WRITE = 1, READ = 2
const request = (direction: number, nr: number, bytes = 0): number => ((direction << 30) | (bytes << 16) | (KVMIO << 8) | nr) >>> 0
export const plain = (nr: number): number => request(0, nr)
export const gives = (nr: number, bytes: number): number => request(READ, nr, bytes)
export const takes = (nr: number, bytes: number): number => request(WRITE, nr, bytes)
export const both = (nr: number, bytes: number): number => request(READ | WRITE, nr, bytes)

export const API_VERSION = 12
const MEMORY_REGION_BYTES = 32, DIRTY_LOG_BYTES = 16, ENABLE_CAP_BYTES = 104

/** Of /dev/kvm, of a machine, of a processor. */
export const Request = {
  GET_API_VERSION: plain(0x00), CREATE_VM: plain(0x01), CHECK_EXTENSION: plain(0x03), GET_VCPU_MMAP_SIZE: plain(0x04),
  CREATE_VCPU: plain(0x41), GET_DIRTY_LOG: takes(0x42, DIRTY_LOG_BYTES), SET_USER_MEMORY_REGION: takes(0x46, MEMORY_REGION_BYTES),
  ENABLE_CAP: takes(0xa3, ENABLE_CAP_BYTES),
  RUN: plain(0x80), GET_MP_STATE: gives(0x98, 4), SET_MP_STATE: takes(0x99, 4),
} as const

/** What KVM_CHECK_EXTENSION is asked for. */
export const Cap = { USER_MEMORY: 3, NR_VCPUS: 9, NR_MEMSLOTS: 10, MAX_VCPUS: 66, READONLY_MEM: 81, IMMEDIATE_EXIT: 136 } as const

/** Bits of a memory slot's flags. */
export const SlotFlag = { LOG_DIRTY: 1, READ_ONLY: 2 } as const

/** Byte offsets in struct kvm_run, the page through which a processor and its thread talk. */
export const Run = {
  IMMEDIATE_EXIT: 1, EXIT_REASON: 8,
  // KVM_EXIT_MMIO
  MMIO_ADDRESS: 32, MMIO_DATA: 40, MMIO_LENGTH: 48, MMIO_IS_WRITE: 52,
  // KVM_EXIT_FAIL_ENTRY, KVM_EXIT_UNKNOWN
  HARDWARE_REASON: 32,
  // KVM_EXIT_INTERNAL_ERROR
  SUBERROR: 32, ERROR_WORDS: 36, ERROR_DATA: 40,
  // KVM_EXIT_SYSTEM_EVENT
  EVENT: 32,
} as const

export const Exit = {
  UNKNOWN: 0, IO: 2, DEBUG: 4, HLT: 5, MMIO: 6, IRQ_WINDOW: 7, SHUTDOWN: 8, FAIL_ENTRY: 9, INTR: 10, SET_TPR: 11, INTERNAL_ERROR: 17,
  SYSTEM_EVENT: 24, IOAPIC_EOI: 26, RDMSR: 29, WRMSR: 30, MEMORY_FAULT: 39,
} as const
const exitNames = new Map<number, string>(Object.entries(Exit).map(([name, n]) => [n, name]))
export const exitName = (reason: number): string => exitNames.get(reason) ?? String(reason)

/** Error numbers that mean something here; negative, as calls answer them. */
export const Errno = { EINTR: -4, EAGAIN: -11, ENOMEM: -12, EACCES: -13, EBUSY: -16, EEXIST: -17, EINVAL: -22 } as const
