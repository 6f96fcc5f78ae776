// CPUID: leaves from the model. Intel SDM volume 2, CPUID; AMD64 volume 3, appendix E; leaves from 0x40000000 are the hypervisor's.
import { type Core, Cr4, Done, get, gpr, setGpr, W } from './core.ts'
import { packageBits, threadBits, type Topology } from './topology.ts'
import type { Model } from './models.ts'
import { XSAVE_BYTES } from './xstate.ts'

type Answer = readonly [eax: number, ebx: number, ecx: number, edx: number]
const NOTHING: Answer = [0, 0, 0, 0]

/** Four characters as a register holds them. */
const word = (text: string, at: number): number =>
  [0, 1, 2, 3].reduce((v, i) => v | ((text.charCodeAt(4 * at + i) || 0) << (8 * i)), 0)
const signature = (m: Model): number => {
  const extended = m.family > 15
  const family = extended ? 15 : m.family, more = extended ? m.family - 15 : 0
  return m.stepping | ((m.model & 15) << 4) | (family << 8) | ((m.model >> 4) << 16) | (more << 20)
}
const HYPERVISOR = 'TypevisorTCG'
const APIC_ENABLED = 0x800

/** Caches as leaf 4 describes them: level, type (1 data, 2 instructions, 3 both), ways, sets, processors that share it. */
const CACHES = [[1, 1, 8, 64], [1, 2, 8, 64], [2, 3, 16, 4096]] as const

export const topologyOf = (c: Core): Topology => c.platform.topology ?? { cores: c.platform.states.length, threads: 1 }

function basic(c: Core, leaf: number, sub: number): Answer {
  const m = c.model, cr4 = get(c, W.cr4), t = topologyOf(c), cpus = t.cores * t.threads, id = get(c, W.apicId)
  switch (leaf) {
    case 0: return [m.level, word(m.vendor, 0), word(m.vendor, 2), word(m.vendor, 1)]
    case 1: {
      const apic = get(c, W.apicBase) & APIC_ENABLED ? 0 : 1 << 9
      return [signature(m), ((id & 0xff) << 24) | (Math.min(cpus, 255) << 16) | (8 << 8),
        m.word('1.ecx') | (cr4 & Cr4.OSXSAVE ? 1 << 27 : 0), (m.word('1.edx') & ~apic) | (cpus > 1 ? 1 << 28 : 0)]
    }
    case 2: return [1, 0, 0, 0x2c307d]
    case 4: {
      const cache = CACHES[sub]
      if (!cache || m.vendor !== 'GenuineIntel') return NOTHING
      const [level, type, ways, sets] = cache
      return [type | (level << 5) | (1 << 8) | ((t.threads - 1) << 14) | ((t.cores - 1) << 26), ((ways - 1) << 22) | 63, sets - 1, 1]
    }
    case 6: return [m.word('6.eax'), 0, 0, 0]
    case 7: return sub === 0 ? [0, m.word('7.ebx'), m.word('7.ecx'), m.word('7.edx')] : NOTHING
    case 0xb: {
      return sub === 0 ? [threadBits(t), t.threads, 0x100, id] : sub === 1 ? [packageBits(t), cpus, 0x201, id] : [0, 0, sub, id]
    }
    case 0xd: // components without an offset of their own
      return !m.has('xsave') ? NOTHING : sub === 0 ? [m.xcr0, XSAVE_BYTES, XSAVE_BYTES, 0]
        : sub === 1 ? [m.word('d.1.eax'), m.has('xsavec') ? XSAVE_BYTES : 0, 0, 0] : NOTHING
    default: return NOTHING
  }
}

function extended(c: Core, leaf: number): Answer {
  const m = c.model
  switch (leaf) {
    case 0x80000000: return [m.xlevel, word(m.vendor, 0), word(m.vendor, 2), word(m.vendor, 1)]
    case 0x80000001: {
      // What AMD repeats of leaf 1.
      const repeated = m.vendor === 'AuthenticAMD' ? m.word('1.edx') & 0x183f3ff : 0
      const t = topologyOf(c), legacy = m.vendor === 'AuthenticAMD' && t.cores * t.threads > 1 ? 2 : 0
      return [signature(m), 0, m.word('80000001.ecx') | legacy, m.word('80000001.edx') | repeated]
    }
    case 0x80000002: case 0x80000003: case 0x80000004: {
      const at = 4 * (leaf - 0x80000002)
      return [word(m.brand, at), word(m.brand, at + 1), word(m.brand, at + 2), word(m.brand, at + 3)]
    }
    case 0x80000005: return m.vendor === 'AuthenticAMD' ? [0x01ff01ff, 0x01ff01ff, 0x40020140, 0x40020140] : NOTHING
    case 0x80000006: return [0, 0x42004200, 0x02008140, 0]
    case 0x80000007: return [0, 0, 0, m.word('80000007.edx')]
    case 0x80000008: {
      const t = topologyOf(c), cpus = t.cores * t.threads
      return [m.has('lm') ? m.physicalBits | ((m.has('la57') ? 57 : 48) << 8) : m.physicalBits, 0, cpus > 1 ? (packageBits(t) << 12) | (cpus - 1) : 0, 0]
    }
    default: return NOTHING
  }
}

export function cpuidOf(c: Core, leaf: number, sub: number): Answer {
  const m = c.model, at = leaf >>> 0
  if (at >= 0x40000000 && at <= 0x400000ff && m.has('hypervisor'))
    return at === 0x40000000 ? [0x40000001, word(HYPERVISOR, 0), word(HYPERVISOR, 1), word(HYPERVISOR, 2)] : NOTHING
  if (at >= 0x80000000) return at <= m.xlevel ? extended(c, at) : basic(c, m.level, sub)
  return basic(c, at <= m.level ? at : m.level, sub) // beyond the highest: as the highest basic leaf
}

export function cpuid(c: Core): Done {
  const [eax, ebx, ecx, edx] = cpuidOf(c, gpr(c, 0), gpr(c, 1))
  setGpr(c, 0, 4, eax)
  setGpr(c, 3, 4, ebx)
  setGpr(c, 1, 4, ecx)
  setGpr(c, 2, 4, edx)
  return Done.NEXT
}
