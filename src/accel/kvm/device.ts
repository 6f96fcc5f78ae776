// /dev/kvm, and the machines that it makes.
import { VmError } from '../../base/errors.ts'
import type { HostNative } from '../../host/host.ts'
import { Cap, Errno, Request, SlotFlag } from './abi.ts'

export const DEVICE = '/dev/kvm'

/** A call that the kernel refused where it had no right to: the host's limits, or a bug of ours or its. */
export function refused(native: HostNative, what: string, result: number): VmError {
  const hint = result === Errno.ENOMEM ? 'the host has no memory left, or a limit is in the way (ulimit -l, a control group)'
    : result === Errno.EBUSY ? 'another hypervisor uses the processor' : undefined
  return new VmError('accel.unavailable', `kvm: ${what}: ${native.errorName(result)}`, { ...(hint !== undefined && { hint }) })
}

/** A virtual machine of the kernel's, by its file descriptors, which all threads share. */
export type KvmMachine = {
  readonly native: HostNative
  readonly system: number
  readonly fd: number
}

export function createMachine(native: HostNative): KvmMachine {
  const system = native.open(DEVICE)
  if (system < 0) throw refused(native, DEVICE, system)
  let fd: number
  do fd = native.ioctl(system, Request.CREATE_VM, 0)
  while (fd === Errno.EINTR)
  if (fd < 0) {
    native.close(system)
    throw refused(native, 'a machine', fd)
  }
  return { native, system, fd }
}

/** When nothing uses it any more: the kernel keeps it as long as a processor is there. */
export function closeMachine({ native, fd, system }: KvmMachine): void {
  native.close(fd)
  native.close(system)
}

/** 0: not there. */
export const extension = ({ native, fd }: KvmMachine, cap: number): number => Math.max(0, native.ioctl(fd, Request.CHECK_EXTENSION, cap))

export function enable({ native, fd }: KvmMachine, cap: number, ...args: number[]): number {
  const words = new BigUint64Array(13)
  words[0] = BigInt(cap)
  args.forEach((a, i) => { words[1 + i] = BigInt(a) })
  return native.ioctlWith(fd, Request.ENABLE_CAP, new Uint8Array(words.buffer))
}

/** Bytes from a processor's file descriptor that are mapped: struct kvm_run and what follows it. */
export const runBytes = ({ native, system }: KvmMachine): number => native.ioctl(system, Request.GET_VCPU_MMAP_SIZE)

export type Slot = {
  readonly number: number
  readonly guest: number
  /** 0: there is no such slot any more. */
  readonly bytes: number
  /** Address in this program. */
  readonly host: number
  readonly readOnly: boolean
  readonly logsDirty: boolean
}

/** 0, or why not. */
export function setSlot({ native, fd }: KvmMachine, s: Slot): number {
  const words = new BigUint64Array(4), flags = (s.readOnly ? SlotFlag.READ_ONLY : 0) | (s.logsDirty ? SlotFlag.LOG_DIRTY : 0)
  words[0] = BigInt(s.number) | (BigInt(flags) << 32n)
  words[1] = BigInt(s.guest)
  words[2] = BigInt(s.bytes)
  words[3] = BigInt(s.host)
  return native.ioctlWith(fd, Request.SET_USER_MEMORY_REGION, new Uint8Array(words.buffer))
}

/** What no kernel that is too old has. */
export const NEEDED: readonly (readonly [cap: number, name: string])[] = [
  [Cap.USER_MEMORY, 'memory of the program'], [Cap.READONLY_MEM, 'read-only memory'], [Cap.IMMEDIATE_EXIT, 'immediate exit (Linux 4.12)'],
]
