// Processor models for x86 as the user names them.
import { available, featureBits } from '../../isa/x86/features.ts'
import { modelNames, modelOf } from '../../isa/x86/models.ts'
import type { Arch, MachineConfig, PropertyValue } from '../config.ts'
import type { PropertyInfo } from '../control.ts'
import type { CpuPlan } from './machine-type.ts'
import { mistake } from './text.ts'

export const cpuModels = modelNames.map(name => ({ name, description: name === 'max' ? 'everything that is implemented' : `as QEMU's ${name}` }))
export const cpuProperties: readonly PropertyInfo[] = [...featureBits.keys()].map(name =>
  ({ name, type: 'flag', description: available.has(name) ? 'a feature flag of CPUID' : 'a feature flag of CPUID (not implemented)' }))

const DEFAULT: { readonly [A in Arch]?: string } = { x86_64: 'qemu64', i386: 'qemu32' }

/** Throws VmError for what this processor cannot be. */
export function planCpu(cpu: MachineConfig['cpu'], arch: Arch): CpuPlan {
  const model = cpu?.model ?? DEFAULT[arch]!
  const features = Object.entries(cpu?.properties ?? {}).map(([name, value]) => `${name}=${onOff(name, value)}`)
  const text = [model, ...features].join(',')
  modelOf(text, arch === 'x86_64')
  return { model, text, extensions: [] }
}

function onOff(name: string, value: PropertyValue): 'on' | 'off' {
  if (value === true || value === 'on' || value === 'true' || value === 'yes') return 'on'
  if (value === false || value === 'off' || value === 'false' || value === 'no') return 'off'
  throw mistake('device.badProperty', `${name}=${String(value)} is not on or off`)
}
