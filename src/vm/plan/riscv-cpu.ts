// Processor models for RISC-V: which extensions a hart has, as the device tree tells the guest.
// Not implemented: harts without one of the extensions below (-cpu rv64,zba=off), and other vendors' models.
import { suggest } from '../../base/nearest.ts'
import type { MachineConfig, PropertyValue } from '../config.ts'
import type { PropertyInfo } from '../control.ts'
import { otherCpus } from './known.ts'
import type { CpuPlan } from './machine-type.ts'
import { mistake } from './text.ts'

export const DEFAULT_CPU = 'rv64'
export const cpuModels = [
  { name: 'rv64', description: '64-bit RISC-V with the usual extensions' },
  { name: 'max', description: 'everything that is implemented' },
] as const

/** What harts have, in the order of the ISA string. */
const present: { readonly [name: string]: string } = {
  i: 'base integer instructions', m: 'multiplication and division', a: 'atomic instructions',
  f: 'single-precision floating point', d: 'double-precision floating point', c: 'compressed instructions',
  zicntr: 'base counters and timers', zicsr: 'control and status registers', zifencei: 'instruction fence',
  zihintpause: 'pause hint', zihpm: 'performance counters',
  zba: 'address generation', zbb: 'basic bit manipulation', zbs: 'single bits',
  sstc: 'supervisor timer compare', svadu: 'hardware updates accessed and dirty bits',
}
/** Other switches of the same kind that are on. */
const alsoPresent: { readonly [name: string]: string } = {
  s: 'supervisor mode', u: 'user mode', mmu: 'address translation', pmp: 'physical memory protection',
  sv39: '39-bit virtual addresses', sv48: '48-bit virtual addresses',
}
/** Known and absent. */
const absent: { readonly [name: string]: string } = {
  v: 'vectors', h: 'hypervisor', e: 'sixteen registers', zbc: 'carry-less multiplication',
  zbkb: 'bit manipulation for cryptography',
  zbkc: 'carry-less multiplication for cryptography', zbkx: 'crossbar permutations',
  zfa: 'additional floating point', zfh: 'half-precision floating point', zfhmin: 'conversion of half precision',
  zawrs: 'wait on reservation set', zacas: 'compare and swap', zicond: 'conditional operations',
  zicbom: 'cache-block management', zicboz: 'cache-block zero', zicbop: 'cache-block prefetch',
  zkn: 'NIST cryptography', zks: 'ShangMi cryptography', zkr: 'entropy source',
  svinval: 'fine-grained invalidation', svnapot: 'contiguous translations', svpbmt: 'page-based memory types',
  smaia: 'advanced interrupts', ssaia: 'advanced interrupts', smstateen: 'state enable', sscofpmf: 'counter overflow',
  sv57: '57-bit virtual addresses',
}

const info = (switches: { readonly [name: string]: string }, initial: string): PropertyInfo[] =>
  Object.entries(switches).map(([name, description]) => ({ name, type: 'flag', description, initial }))
export const cpuProperties: readonly PropertyInfo[] =
  [...info(present, 'on'), ...info(alsoPresent, 'on'), ...info(absent, 'off')]

/** Throws VmError for what this processor cannot be. */
export function planCpu(cpu: MachineConfig['cpu']): CpuPlan {
  const model = cpu?.model ?? DEFAULT_CPU
  if (!cpuModels.some(m => m.name === model)) {
    if (otherCpus.includes(model))
      throw mistake('cpu.unknown', `not implemented: processor model '${model}'`, 'there are: rv64, max')
    const names = cpuModels.map(m => m.name)
    throw mistake('cpu.unknown', `no processor model '${model}'`, suggest(model, names, '-cpu help'))
  }
  for (const [name, value] of Object.entries(cpu?.properties ?? {})) checkSwitch(model, name, value)
  return { model, text: model, extensions: Object.keys(present), mmuType: 'riscv,sv48' }
}

function checkSwitch(model: string, name: string, value: PropertyValue): void {
  const key = name.toLowerCase() // QEMU once wrote Zicsr
  const has = key in present || key in alsoPresent
  if (!has && !(key in absent))
    throw mistake('device.badProperty', `processor '${model}' has no property '${name}'`,
        suggest(name, cpuProperties.map(p => p.name), `-cpu ${model},help`))
  const on = value === true || value === 'on' || value === 'true' || value === 'yes'
  const off = value === false || value === 'off' || value === 'false' || value === 'no'
  if (!on && !off) throw mistake('device.badProperty', `${name}=${String(value)} is not on or off`)
  if (on && !has) throw mistake('device.badProperty', `not implemented: ${name} (${absent[key]})`)
  if (off && has) throw mistake('device.badProperty', `not implemented: a processor without ${name}`)
}
