// Model-specific registers that are state, and where ours has them. What is not among them follows from others (EFER, the bases of FS
// and GS, the APIC's: with the segments), or is seen to by our own processor (its APIC).
import type { CpuState } from '../../../isa/x86/cpu.ts'
import type { KvmVcpu } from '../vcpu.ts'
import { List, MSR_ENTRY_BYTES, MsrEntry, X86Request } from './abi.ts'

type State = CpuState
type Row = { readonly number: number; get(s: State): bigint; set(s: State, value: bigint): void }

type Wide = { [N in keyof State]: State[N] extends bigint ? N : never }[keyof State]
const field = (number: number, name: Wide): Row => ({
  number, get: s => s[name] as bigint, set: (s, value) => { (s as { [N in Wide]: bigint })[name] = value },
})
const element = (number: number, name: 'mtrrFixed' | 'mtrrVariable', n: number): Row =>
  ({ number, get: s => s[name].get(n), set: (s, value) => s[name].set(n, value) })

const FIXED = [0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f]
const MTRR_DEF_TYPE = 0x2ff
export const TSC = 0x10, TSC_DEADLINE = 0x6e0

const rows: readonly Row[] = [
  field(0x174, 'sysenterCs'), field(0x175, 'sysenterEsp'), field(0x176, 'sysenterEip'), field(0x1a0, 'miscEnable'), field(0x277, 'pat'),
  ...FIXED.map((number, n) => element(number, 'mtrrFixed', n)),
  ...Array.from({ length: 16 }, (_, n) => element(0x200 + n, 'mtrrVariable', n)),
  field(MTRR_DEF_TYPE, 'mtrrDefType'),
  field(0xc0000081, 'star'), field(0xc0000082, 'lstar'), field(0xc0000083, 'cstar'), field(0xc0000084, 'fmask'),
  field(0xc0000102, 'kernelGsBase'), field(0xc0000103, 'tscAux'),
]

export class Msrs {
  private readonly vcpu: KvmVcpu
  private readonly s: State
  /** Those that this kernel has for this processor. */
  private readonly rows: readonly Row[]

  constructor(vcpu: KvmVcpu, s: State) {
    this.vcpu = vcpu
    this.s = s
    this.rows = rows.filter(r => this.read(r.number) !== undefined)
  }

  /** undefined: there is no such register. */
  read(number: number): bigint | undefined {
    this.put(0, number, 0n)
    return this.transfer(X86Request.GET_MSRS, 1) === 1 ? this.value(0) : undefined
  }
  write(number: number, value: bigint): boolean {
    this.put(0, number, value)
    return this.transfer(X86Request.SET_MSRS, 1) === 1
  }

  save(): void {
    this.rows.forEach((r, i) => this.put(i, r.number, 0n))
    this.all(this.transfer(X86Request.GET_MSRS, this.rows.length), 'reading')
    this.rows.forEach((r, i) => r.set(this.s, this.value(i)))
  }
  load(): void {
    this.rows.forEach((r, i) => this.put(i, r.number, r.get(this.s)))
    this.all(this.transfer(X86Request.SET_MSRS, this.rows.length), 'writing')
  }
  private all(done: number, what: string): void {
    if (done === this.rows.length) return
    const r = this.rows[done]!
    throw new Error(`kvm: ${what} model-specific register 0x${r.number.toString(16)} (0x${r.get(this.s).toString(16)}) failed`)
  }

  private entry(i: number): number { return this.vcpu.scratch + List.ENTRIES + MSR_ENTRY_BYTES * i }
  private put(i: number, number: number, value: bigint): void {
    const { u32, u64 } = this.vcpu.views, at = this.entry(i)
    u32[(at + MsrEntry.INDEX) >>> 2] = number
    u32[(at + MsrEntry.INDEX + 4) >>> 2] = 0
    u64[(at + MsrEntry.DATA) >>> 3] = value
  }
  private value(i: number): bigint { return this.vcpu.views.u64[(this.entry(i) + MsrEntry.DATA) >>> 3]! }
  private transfer(request: number, count: number): number {
    const { u32 } = this.vcpu.views, at = this.vcpu.scratch >>> 2
    u32[at] = count
    u32[at + 1] = 0
    return this.vcpu.attempt(request)
  }
}
