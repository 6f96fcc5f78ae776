// CPUID of the kernel's processors: the answers of our model, which is narrowed to what the kernel supports before the machine is made
// (`unsupported`), so that every accelerator's processor says the same.
import type { Core } from '../../../isa/x86/core.ts'
import { cpuidOf } from '../../../isa/x86/cpuid.ts'
import { featureBits, type FeatureWord } from '../../../isa/x86/features.ts'
import type { Model } from '../../../isa/x86/models.ts'
import { Errno } from '../abi.ts'
import { type KvmMachine, refused } from '../device.ts'
import type { KvmVcpu } from '../vcpu.ts'
import { CPUID_ENTRY_BYTES, CpuidEntry, List, X86Request } from './abi.ts'

type Entry = { readonly leaf: number; readonly sub: number; readonly registers: readonly [number, number, number, number] }

/** Leaves with answers of their own for each value of ECX, and how many. */
const INDEXED = new Map([[4, 4], [7, 1], [0xb, 3], [0xd, 3]])
const range = (from: number, to: number): number[] => Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i)

export function setCpuid(vcpu: KvmVcpu, c: Core): void {
  const { model } = c, { views: { u32 }, scratch } = vcpu
  const leaves = [...range(0, model.level), ...(model.has('hypervisor') ? [0x40000000, 0x40000001] : []), ...range(0x80000000, model.xlevel)]
  const entries = leaves.flatMap(leaf => range(0, (INDEXED.get(leaf) ?? 1) - 1).map((sub): Entry => ({ leaf, sub, registers: cpuidOf(c, leaf | 0, sub) as Entry['registers'] })))
  u32[(scratch + List.COUNT) >>> 2] = entries.length
  u32[(scratch + List.COUNT + 4) >>> 2] = 0
  entries.forEach(({ leaf, sub, registers }, i) => {
    const at = (scratch + List.ENTRIES + CPUID_ENTRY_BYTES * i) >>> 2
    u32.fill(0, at, at + CPUID_ENTRY_BYTES / 4)
    u32[at + CpuidEntry.FUNCTION / 4] = leaf
    u32[at + CpuidEntry.INDEX / 4] = sub
    u32[at + CpuidEntry.FLAGS / 4] = INDEXED.has(leaf) ? CpuidEntry.INDEXED : 0
    registers.forEach((v, n) => { u32[at + CpuidEntry.EAX / 4 + n] = v })
  })
  vcpu.call(X86Request.SET_CPUID2, 'CPUID')
}

/** What the kernel's processors can do. */
function supported({ native, system }: KvmMachine): readonly Entry[] {
  const most = 256, bytes = new Uint8Array(List.ENTRIES + CPUID_ENTRY_BYTES * most), u32 = new Uint32Array(bytes.buffer)
  u32[0] = most
  let result: number
  do result = native.ioctlWith(system, X86Request.GET_SUPPORTED_CPUID, bytes)
  while (result === Errno.EINTR)
  if (result < 0) throw refused(native, 'what its processors can do', result)
  return Array.from({ length: u32[0]! }, (_, i) => {
    const at = (List.ENTRIES + CPUID_ENTRY_BYTES * i) >>> 2
    return { leaf: u32[at]!, sub: u32[at + 1]!, registers: [u32[at + 3]!, u32[at + 4]!, u32[at + 5]!, u32[at + 6]!] }
  })
}

const PLACES: { readonly [W in FeatureWord]: readonly [leaf: number, register: number, sub?: number] } = {
  '1.edx': [1, 3], '1.ecx': [1, 2], '7.ebx': [7, 1], '7.ecx': [7, 2], '7.edx': [7, 3], '80000001.edx': [0x80000001, 3],
  '80000001.ecx': [0x80000001, 2], 'd.1.eax': [0xd, 0, 1], '6.eax': [6, 0], '80000007.edx': [0x80000007, 3],
}
/** Of those that the kernel does not tell of: the hypervisor's own bit; what our APIC does; a timer that runs in all power states. */
const OURS: ReadonlySet<string> = new Set(['hypervisor', 'apic', 'x2apic', 'tsc-deadline', 'arat'])

/** Features of a model that the kernel's processors do not have. */
export function unsupported(machine: KvmMachine, model: Model): readonly string[] {
  const entries = supported(machine)
  const word = (name: FeatureWord): number => {
    const [leaf, register, sub = 0] = PLACES[name]
    return entries.find(e => e.leaf === leaf && e.sub === sub)?.registers[register] ?? 0
  }
  return [...featureBits].flatMap(([feature, { word: name, bit }]) =>
    (model.has(feature) && !OURS.has(feature) && !(word(name) >>> bit & 1) ? [feature] : []))
}
