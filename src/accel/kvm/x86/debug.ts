// Single steps, breakpoints and watchpoints for a debugger of the host's, by the processor's debug registers, which the guest does not
// see then. Intel SDM volume 3, 17.2. Breakpoints that a debugger calls software breakpoints are the same: code stays as it is.
import { type DebugEntry, type DebugHit, DebugKind, StopKind } from '../../debug-table.ts'
import type { KvmVcpu } from '../vcpu.ts'
import { GUEST_DEBUG_BYTES, GuestDebug, X86Request, X86Run } from './abi.ts'

export const DEBUG_REGISTERS = 4
const Dr7 = { FIXED: 0x600, ENABLE: 2, EXECUTE: 0, WRITE: 1, ACCESS: 3 } as const
const LENGTHS: { readonly [bytes: number]: number } = { 1: 0, 2: 1, 4: 3, 8: 2 }
const Dr6 = { STEP: 0x4000 } as const

const isData = (e: DebugEntry): boolean => e.kind >= DebugKind.WRITE

/** Whether a debug register can do that: writes and accesses of 1, 2, 4 or 8 bytes that are aligned; reads alone it cannot watch. */
export const canWatch = (e: DebugEntry): boolean =>
  e.kind !== DebugKind.READ && (!isData(e) || (LENGTHS[e.length] !== undefined && e.lo % e.length === 0))

export class GuestDebugger {
  private readonly vcpu: KvmVcpu
  private entries: readonly DebugEntry[] = []

  constructor(vcpu: KvmVcpu) { this.vcpu = vcpu }

  /** `entries`: none while it steps over one. */
  set(entries: readonly DebugEntry[], step: boolean): void {
    const { views: { u8, u32, u64 }, scratch } = this.vcpu, registers = (scratch + GuestDebug.REGISTERS) >>> 3
    this.entries = entries.slice(0, DEBUG_REGISTERS)
    u8.fill(0, scratch, scratch + GUEST_DEBUG_BYTES)
    const { ENABLE, SINGLE_STEP, USE_REGISTERS } = GuestDebug
    u32[scratch >>> 2] = (step ? ENABLE | SINGLE_STEP : 0) | (this.entries.length > 0 ? ENABLE | USE_REGISTERS : 0)
    let dr7 = this.entries.length > 0 ? Dr7.FIXED : 0
    this.entries.forEach((e, n) => {
      u64[registers + n] = BigInt.asUintN(64, (BigInt(e.hi) << 32n) | BigInt(e.lo >>> 0))
      const type = !isData(e) ? Dr7.EXECUTE : e.kind === DebugKind.WRITE ? Dr7.WRITE : Dr7.ACCESS
      dr7 |= (Dr7.ENABLE << (2 * n)) | ((type | ((isData(e) ? LENGTHS[e.length]! : 0) << 2)) << (16 + 4 * n))
    })
    u64[registers + 7] = BigInt(dr7 >>> 0)
    this.vcpu.call(X86Request.SET_GUEST_DEBUG, 'debugging')
  }

  /** Why it stopped. Undefined: for nothing that was asked for. */
  hit(): DebugHit | undefined {
    const { u32 } = this.vcpu.views, dr6 = u32[(this.vcpu.run + X86Run.DEBUG_DR6) >>> 2]!
    const n = this.entries.findIndex((_, i) => dr6 >> i & 1)
    if (n >= 0) {
      const { kind, lo, hi } = this.entries[n]!
      return { kind, lo, hi }
    }
    return dr6 & Dr6.STEP ? { kind: StopKind.STEP, lo: 0, hi: 0 } : undefined
  }
}
