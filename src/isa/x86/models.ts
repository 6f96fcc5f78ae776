// Processor models: what CPUID says of itself, as data. Names are QEMU's. A model's features are narrowed to those that this
// processor has (features.ts).
import { VmError } from '../../base/errors.ts'
import { suggest } from '../../base/nearest.ts'
import { Cr4 } from './core.ts'
import { available, featureBits, type FeatureWord } from './features.ts'
import { Component } from './xstate.ts'

type ModelSpec = {
  readonly vendor: 'GenuineIntel' | 'AuthenticAMD'
  readonly family: number
  readonly model: number
  readonly stepping: number
  /** The highest basic and extended leaf; 0: there is none. */
  readonly level: number
  readonly xlevel: number
  readonly brand: string
  readonly physicalBits: number
  readonly features: string
}

const I486 = 'fpu vme pse'
const PENTIUM = `${I486} de tsc msr mce cx8 mmx apic`
const PENTIUM3 = 'fpu vme de pse tsc msr pae mce cx8 mmx apic sep mtrr pge mca cmov pat pse36 fxsr sse'
const QEMU = 'fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 sse3 cx16 tsc-adjust invtsc hypervisor'
const HASWELL = 'fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 sse3 pclmulqdq ssse3 fma '
  + 'cx16 pcid sse4.1 sse4.2 x2apic movbe popcnt tsc-deadline aes xsave avx f16c rdrand syscall nx rdtscp lm lahf-lm abm fsgsbase bmi1 hle avx2 '
  + 'smep bmi2 erms invpcid rtm xsaveopt arat hypervisor'

const MODELS = {
  '486': { vendor: 'GenuineIntel', family: 4, model: 8, stepping: 0, level: 1, xlevel: 0, brand: '', physicalBits: 32, features: I486 },
  pentium: { vendor: 'GenuineIntel', family: 5, model: 4, stepping: 3, level: 1, xlevel: 0, brand: '', physicalBits: 32, features: PENTIUM },
  pentium3: { vendor: 'GenuineIntel', family: 6, model: 8, stepping: 3, level: 3, xlevel: 0, brand: '', physicalBits: 36, features: PENTIUM3 },
  qemu32: { vendor: 'GenuineIntel', family: 6, model: 6, stepping: 3, level: 7, xlevel: 0x80000008, brand: 'Typevisor Virtual CPU',
    physicalBits: 36, features: 'fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat mmx fxsr sse sse2 sse3 tsc-adjust invtsc hypervisor' },
  qemu64: { vendor: 'AuthenticAMD', family: 15, model: 107, stepping: 1, level: 13, xlevel: 0x8000000a, brand: 'Typevisor Virtual CPU',
    physicalBits: 40, features: `${QEMU} syscall nx lm lahf-lm svm` },
  Haswell: { vendor: 'GenuineIntel', family: 6, model: 60, stepping: 4, level: 13, xlevel: 0x80000008,
    brand: 'Intel Core Processor (Haswell)', physicalBits: 40, features: HASWELL },
  max: { vendor: 'GenuineIntel', family: 6, model: 60, stepping: 4, level: 13, xlevel: 0x80000008, brand: 'Typevisor Virtual CPU',
    physicalBits: 40, features: [...available].join(' ') },
} as const satisfies { readonly [name: string]: ModelSpec }

export type ModelName = keyof typeof MODELS
export const modelNames = Object.keys(MODELS) as ModelName[]

export type Model = Omit<ModelSpec, 'features'> & {
  readonly name: ModelName
  has(feature: string): boolean
  word(name: FeatureWord): number
  /** Bits that CR4 and XCR0 may hold. */
  readonly cr4: number
  readonly xcr0: number
  readonly gigabytePages: boolean
}

const CR4_BY_FEATURE: readonly (readonly [string, number])[] = [
  ['vme', Cr4.VME | Cr4.PVI], ['tsc', Cr4.TSD], ['de', Cr4.DE], ['pse', Cr4.PSE], ['pae', Cr4.PAE], ['mce', Cr4.MCE], ['pge', Cr4.PGE],
  ['msr', Cr4.PCE], ['fxsr', Cr4.OSFXSR], ['sse', Cr4.OSXMMEXCPT], ['umip', Cr4.UMIP], ['la57', Cr4.LA57], ['fsgsbase', Cr4.FSGSBASE],
  ['pcid', Cr4.PCIDE], ['xsave', Cr4.OSXSAVE], ['smep', Cr4.SMEP], ['smap', Cr4.SMAP],
]

/** A model by what `-cpu` says: a name, then `+feature`, `-feature`, `feature=on` or `off`, with commas. Only those that the architecture
 * has: a `i386` machine has no long mode. */
export function modelOf(text: string, long = true): Model {
  const [name = '', ...changes] = text.split(',')
  if (!(name in MODELS)) 
    throw new VmError('cpu.unknown', `there is no CPU model '${name}'`, { hint: suggest(name, modelNames) })
  const { features, ...spec } = MODELS[name as ModelName] as ModelSpec
  const wanted = new Set(features.split(' '))
  for (const change of changes) {
    const m = /^([+-]?)([^=]+)(?:=(on|off))?$/.exec(change), feature = m?.[2]?.replaceAll('_', '-')
    const known = feature !== undefined && featureBits.has(feature)
    if (!m || !known || (m[1] !== '' && m[3] !== undefined) || (m[1] === '' && m[3] === undefined))
      
      throw new VmError('cpu.unknown', `'${change}' is no CPU feature (+feature, -feature, feature=on, feature=off)`,
        { hint: suggest(feature ?? change, [...featureBits.keys()]) })
    const on = m[1] === '+' || m[3] === 'on'
    if (on && !available.has(feature))
      throw new VmError('cpu.unknown', `not implemented: CPU feature '${feature}'`, { hint: `leave out ${change}` })
    if (on) wanted.add(feature)
    else wanted.delete(feature)
  }
  if (!long) for (const feature of ['lm', 'la57']) wanted.delete(feature)
  const has = (feature: string) => wanted.has(feature) && available.has(feature)
  const words = new Map<FeatureWord, number>()
  for (const [feature, { word, bit }] of featureBits) if (has(feature)) words.set(word, (words.get(word) ?? 0) | (1 << bit))
  return {
    ...spec, name: name as ModelName, has, word: word => words.get(word) ?? 0,
    cr4: CR4_BY_FEATURE.reduce((bits, [feature, bit]) => (has(feature) ? bits | bit : bits), 0),
    xcr0: has('xsave') ? Component.X87 | (has('sse') ? Component.SSE : 0) | (has('avx') ? Component.AVX : 0) : 0,
    gigabytePages: has('pdpe1gb'),
  }
}
