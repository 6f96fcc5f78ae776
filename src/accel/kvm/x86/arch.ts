// x86 machines of the kernel's: what is set up once, and how fast one is.
import { viewsOf } from '../../../state/views.ts'
import { bumpAllocator } from '../../../state/alloc.ts'
import type { HostNative } from '../../../host/host.ts'
import { Exit, Request } from '../abi.ts'
import type { KvmArch, Measured } from '../arch.ts'
import { closeMachine, createMachine, enable, extension, type KvmMachine, refused, setSlot } from '../device.ts'
import { KvmVcpu, planVcpu } from '../vcpu.ts'
import { MSR_FILTER, MSR_FILTER_BYTES, MsrReason, Regs, Segment, SREGS_BYTES, Sregs, X86Cap, X86Request } from './abi.ts'
import { canWatch, DEBUG_REGISTERS } from './debug.ts'
import { TSC_DEADLINE } from './msrs.ts'

/** Pages that some processors need for real mode, in the physical address space, below all firmware and above all devices. */
const IDENTITY_MAP = 0xfeffc000, TSS = IDENTITY_MAP + 0x1000

export const x86Kvm: KvmArch = {
  host: 'x64',
  needs: [
    [X86Cap.EXT_CPUID, 'CPUID of our own'], [X86Cap.USER_NMI, 'non-maskable interrupts'], [X86Cap.VCPU_EVENTS, 'pending events'],
    [X86Cap.DEBUGREGS, 'debug registers'], [X86Cap.XSAVE, 'extended state'], [X86Cap.XCRS, 'extended control registers'],
    [X86Cap.GET_TSC_KHZ, 'the rate of the time-stamp counter'], [X86Cap.USER_SPACE_MSR, 'model-specific registers of our own (Linux 5.10)'],
    [X86Cap.MSR_FILTER, 'a filter of model-specific registers (Linux 5.10)'],
  ],
  prepare(machine) {
    const { native, fd } = machine
    const check = (what: string, result: number) => { if (result < 0) throw refused(native, what, result) }
    check('the address of a task state', native.ioctl(fd, X86Request.SET_TSS_ADDR, TSS))
    check('the address of a page table', native.ioctlWith(fd, X86Request.SET_IDENTITY_MAP_ADDR, new Uint8Array(new BigUint64Array([BigInt(IDENTITY_MAP)]).buffer)))
    check('model-specific registers', enable(machine, X86Cap.USER_SPACE_MSR, MsrReason.INVALID | MsrReason.UNKNOWN | MsrReason.FILTERED))
    check('a filter of model-specific registers', filterMsrs(machine))
  },
  breakpoints: DEBUG_REGISTERS,
  canWatch,
  measure,
}

/** Registers whose accesses come to us although the kernel has them: the deadline of our APIC's timer. */
function filterMsrs({ native, fd }: KvmMachine): number {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 }), allowed = new Uint8Array(memory.buffer) // a bit for each: none
  const filter = new Uint8Array(MSR_FILTER_BYTES), view = new DataView(filter.buffer), { RANGES, READ, WRITE } = MSR_FILTER
  view.setUint32(RANGES, READ | WRITE, true)
  view.setUint32(RANGES + 4, 1, true)
  view.setUint32(RANGES + 8, TSC_DEADLINE, true)
  view.setBigUint64(RANGES + 16, BigInt(native.addressOf(allowed)), true)
  return native.ioctlWith(fd, X86Request.SET_MSR_FILTER, filter)
}

// mov of the count is left to us: dec ecx; jnz; hlt
const LOOP = Uint8Array.of(0x49, 0x75, 0xfd, 0xf4)
const TURNS = 2000, INSNS_PER_TURN = 2, CODE = 0x1000, RAM_BYTES = 0x10000

/** A loop in ring 0 of protected mode. An instruction-emulating kernel takes hundreds of nanoseconds for each. */
function measure(native: HostNative, nowNs: () => number): Measured {
  const machine = createMachine(native)
  const memory = new WebAssembly.Memory({ initial: 4, maximum: 4, shared: true }), views = viewsOf(memory.buffer)
  let vcpu: KvmVcpu | undefined
  try {
    native.ioctl(machine.fd, X86Request.SET_TSS_ADDR, TSS)
    views.u8.set(LOOP, CODE)
    const failed = setSlot(machine, { number: 0, guest: 0, bytes: RAM_BYTES, host: native.addressOf(views.u8), readOnly: false, logsDirty: false })
    if (failed < 0) throw refused(native, 'memory', failed)
    vcpu = new KvmVcpu(machine, 0, views, planVcpu(bumpAllocator(RAM_BYTES, 4 * RAM_BYTES)))
    const run = (turns: number): number => {
      begin(vcpu!, turns)
      const start = nowNs()
      if (native.ioctl(vcpu!.fd, Request.RUN) < 0 || vcpu!.exitReason !== Exit.HLT) return Infinity
      return nowNs() - start
    }
    run(1)
    const few = run(1), many = run(TURNS), khz = extension(machine, X86Cap.GET_TSC_KHZ) ? vcpu.attemptPlain(X86Request.GET_TSC_KHZ) : 0
    return { nsPerInsn: Math.max(0, many - few) / ((TURNS - 1) * INSNS_PER_TURN), ...(khz > 0 && { counterKhz: khz }) }
  } finally {
    vcpu?.close()
    closeMachine(machine)
  }
}

function begin(vcpu: KvmVcpu, turns: number): void {
  const { scratch, views: { u8, u64, u32, data } } = vcpu
  vcpu.call(X86Request.GET_SREGS, 'special registers')
  for (let seg = 0; seg < 6; seg++) {
    const at = scratch + Sregs.SEGMENT[seg]!, code = seg === 1
    u64[at >>> 3] = 0n
    data.setUint32(at + Segment.LIMIT, 0xffffffff, true)
    data.setUint16(at + Segment.SELECTOR, code ? 8 : 16, true)
    u8[at + Segment.TYPE] = code ? 11 : 3
    for (const one of [Segment.PRESENT, Segment.S, Segment.DB, Segment.G]) u8[at + one] = 1
    for (const none of [Segment.DPL, Segment.L, Segment.UNUSABLE]) u8[at + none] = 0
  }
  u32[(scratch + Sregs.CR0) >>> 2] = u32[(scratch + Sregs.CR0) >>> 2]! | 1
  vcpu.call(X86Request.SET_SREGS, 'setting special registers')
  u8.fill(0, scratch, scratch + SREGS_BYTES)
  u64[(scratch + Regs.GPR[1]!) >>> 3] = BigInt(turns)
  u64[(scratch + Regs.RIP) >>> 3] = BigInt(CODE)
  u64[(scratch + Regs.RFLAGS) >>> 3] = 2n
  vcpu.call(X86Request.SET_REGS, 'setting registers')
}
