// Differences that are known and right: bits of status registers that QEMU and this processor may show differently. A read
// of one takes QEMU's value over, so that both go on alike.
import { csrNumbers } from './csrs.ts'

type Explained = {
  readonly csrs: readonly string[]
  readonly bits: bigint
  readonly because: string
  /** Ours keeps its bits, whatever the guest writes: it wrote what it had read from QEMU. */
  readonly keep?: boolean
}

const ALL = (1n << 64n) - 1n
const numbered = (name: string, from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `${name}${from + i}`)

export const explained: readonly Explained[] = [
  { csrs: ['mvendorid', 'marchid', 'mimpid'], bits: ALL, because: 'says whose implementation it is' },
  { csrs: ['misa'], bits: 1n << 7n, because: 'QEMU has the hypervisor extension' },
  { csrs: ['mideleg', 'mie', 'mip'], bits: 0x1444n, because: 'interrupts of virtual machines (hypervisor extension)' },
  { csrs: ['medeleg'], bits: 0xf00400n, because: 'exceptions of virtual machines (hypervisor extension)' },
  {
    csrs: ['cycle', 'time', 'instret', 'mcycle', 'minstret', ...numbered('hpmcounter', 3, 31), ...numbered('mhpmcounter', 3, 31)],
    bits: ALL, because: 'counts time, which passes differently',
  },
  {
    csrs: ['mcounteren', 'scounteren', 'mcountinhibit'], bits: 0xffffffff_00000000n,
    because: 'the register has 32 bits; QEMU keeps what is written above them',
  },
  {
    csrs: ['mcountinhibit', ...numbered('mhpmevent', 3, 31)], bits: ALL ^ 7n,
    because: 'QEMU has programmable performance counters',
  },
  {
    csrs: numbered('pmpaddr', 0, 15), bits: 0x3ffn << 54n,
    because: 'physical addresses have 56 bits; QEMU keeps what is written above them',
  },
  { csrs: ['menvcfg'], bits: (1n << 62n) | 0xf0n, because: 'page-based memory types and cache block operations, which are not modelled' },
  { csrs: ['menvcfg'], bits: 1n << 61n, keep: true, because: 'QEMU 7.2 has no ADUE, and sets accessed and dirty bits always' },
  { csrs: ['sip', 'mip'], bits: (1n << 5n) | (1n << 7n), because: 'a timer is due at another instruction' },
]

function masksOf(list: readonly Explained[]): Map<number, bigint> {
  const masks = new Map<number, bigint>()
  for (const { csrs, bits } of list)
    for (const name of csrs) {
      const number = csrNumbers.get(name)
      if (number !== undefined) masks.set(number, (masks.get(number) ?? 0n) | bits)
    }
  return masks
}
const masks = masksOf(explained), kept = masksOf(explained.filter(e => e.keep))

/** Bits of a status register (by its number in the instruction) that may differ. */
export const maskOf = (csr: number): bigint => masks.get(csr) ?? 0n
/** Those of them that our side keeps. */
export const keptOf = (csr: number): bigint => kept.get(csr) ?? 0n
