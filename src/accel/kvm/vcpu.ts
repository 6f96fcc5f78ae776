// One processor of the kernel's, on the thread that runs it. The page through which the two talk lies in the machine's own memory,
// mapped over a place that is kept for it: every thread sees it by the same views.
import { assert } from '../../base/errors.ts'
import type { Allocator } from '../../state/alloc.ts'
import type { Views } from '../../state/views.ts'
import { Errno, Request, Run } from './abi.ts'
import { type KvmMachine, refused, runBytes } from './device.ts'

/** Where it lies in the one memory: the page with what follows it, and structures on their way to the kernel and back. */
export type VcpuPlaces = { readonly run: number; readonly scratch: number }

const PAGE = 4096, RUN_BYTES = 4 * PAGE
const SCRATCH_BYTES = 4 * PAGE
export const VCPU_BYTES = RUN_BYTES + SCRATCH_BYTES + PAGE

export const planVcpu = (allocator: Allocator): VcpuPlaces =>
  ({ run: allocator.alloc(RUN_BYTES, PAGE), scratch: allocator.alloc(SCRATCH_BYTES, PAGE) })

export class KvmVcpu {
  readonly machine: KvmMachine
  readonly index: number
  readonly fd: number
  readonly views: Views
  readonly run: number
  readonly scratch: number
  private readonly base: number

  constructor(machine: KvmMachine, index: number, views: Views, places: VcpuPlaces) {
    const { native } = machine
    this.machine = machine
    this.index = index
    this.views = views
    this.run = places.run
    this.scratch = places.scratch
    this.base = native.addressOf(views.u8)
    const fd = native.ioctl(machine.fd, Request.CREATE_VCPU, index)
    if (fd < 0) throw refused(native, `processor ${index}`, fd)
    this.fd = fd
    const bytes = runBytes(machine)
    assert(bytes >= PAGE && bytes <= RUN_BYTES, `kvm: ${bytes} bytes of a processor to be mapped`)
    const failed = native.mapOver(this.base + places.run, bytes, fd, 0)
    if (failed < 0) throw refused(native, `memory of processor ${index}`, failed)
  }

  close(): void {
    this.machine.native.unmapOver(this.base + this.run, RUN_BYTES)
    this.machine.native.close(this.fd)
  }

  /** Runs the guest until it wants something, or is interrupted: 0 or a negative error number. */
  enter(): number {
    return this.machine.native.ioctl(this.fd, Request.RUN)
  }

  /** Ends what the last exit has begun: values that were read go into registers, pc moves behind the instruction. */
  finish(): number {
    const { u8 } = this.views
    u8[this.run + Run.IMMEDIATE_EXIT] = 1
    const result = this.enter()
    u8[this.run + Run.IMMEDIATE_EXIT] = 0
    return result
  }

  get exitReason(): number { return this.views.u32[(this.run + Run.EXIT_REASON) >>> 2]! }

  /** A call with the structure that lies at `offset` of the scratch memory; what the kernel refuses is a bug of ours or its. */
  call(request: number, what: string, offset = 0): number {
    const result = this.attempt(request, offset)
    if (result < 0) throw refused(this.machine.native, `processor ${this.index}, ${what}`, result)
    return result
  }
  attempt(request: number, offset = 0): number {
    const { native } = this.machine
    let result: number
    do result = native.ioctl(this.fd, request, this.base + this.scratch + offset)
    while (result === Errno.EINTR)
    return result
  }
  attemptPlain(request: number, argument = 0): number { return this.machine.native.ioctl(this.fd, request, argument) }
}
