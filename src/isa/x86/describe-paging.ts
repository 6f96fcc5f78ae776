// The current address space of a processor as text: `info tlb` and `info mem`, in the form that QEMU's monitor gives them.
import { Cr0, Cr4, Efer } from './core.ts'
import { cpuLayout, type CpuState } from './cpu.ts'
import { Pte } from './mmu.ts'
import { bind } from '../../state/bind.ts'
import type { Views } from '../../state/views.ts'

type Mapping = { readonly va: bigint; readonly pa: bigint; readonly size: bigint; readonly entry: bigint; readonly rights: bigint }
type RamAt = (pa: number) => number

const NX = 1n << 63n, ADDRESS = 0xffffffffff000n, PAT = 0x80n
const BITS = [['X', NX], ['G', BigInt(Pte.G)], ['P', BigInt(Pte.PS)], ['D', BigInt(Pte.D)], ['A', BigInt(Pte.A)], ['C', 0x10n], ['T', 0x08n],
  ['U', BigInt(Pte.U)], ['W', BigInt(Pte.W)]] as const
const UNPAGED = 'PG disabled'
const hex = (n: bigint) => BigInt.asUintN(64, n).toString(16).padStart(16, '0')

/** Each mapping by itself, with the bits of its entry. */
export function describeTranslations(views: Views, at: number, ramAt: RamAt): string {
  const mappings = mappingsOf(views, at, ramAt)
  if (!mappings) return UNPAGED
  const lines: string[] = []
  for (const m of mappings) {
    const entry = m.size === 0x1000n ? m.entry & ~PAT : m.entry // in the last level the bit is one of the memory type
    lines.push(`${hex(m.va)}: ${hex(m.pa)} ${BITS.map(([letter, bit]) => (entry & bit ? letter : '-')).join('')}`)
  }
  return lines.join('\n')
}

/** Ranges with the same rights. */
export function describeMemory(views: Views, at: number, ramAt: RamAt): string {
  const mappings = mappingsOf(views, at, ramAt)
  if (!mappings) return UNPAGED
  const lines: string[] = []
  let from = 0n, end = -1n, rights = 0n
  const flush = () => {
    if (end < 0n) return
    lines.push(`${hex(from)}-${hex(end)} ${hex(end - from)} ${rights & BigInt(Pte.U) ? 'u' : '-'}r${rights & BigInt(Pte.W) ? 'w' : '-'}`)
  }
  for (const m of mappings) {
    const va = BigInt.asUintN(64, m.va)
    if (va !== end || m.rights !== rights) {
      flush()
      from = va
      rights = m.rights
    }
    end = va + m.size
  }
  flush()
  return lines.join('\n')
}

/** Undefined where addresses are physical ones. */
function mappingsOf(views: Views, at: number, ramAt: RamAt): Iterable<Mapping> | undefined {
  const s = bind(cpuLayout, views, at)
  return s.cr0 & BigInt(Cr0.PG >>> 0) ? leaves(s, views, ramAt) : undefined
}

/** Tables that point at each other could make as many mappings as there are addresses. */
const MAX_TABLES = 1 << 17

function* leaves(s: CpuState, views: Views, ramAt: RamAt): Iterable<Mapping> {
  const RIGHTS = BigInt(Pte.W | Pte.U), long = (s.efer & BigInt(Efer.LMA)) !== 0n, large = (s.cr4 & BigInt(Cr4.PSE)) !== 0n
  let tables = 0
  if (long) {
    const levels = s.cr4 & BigInt(Cr4.LA57) ? 5 : 4
    yield* walk(s.cr3 & ADDRESS, levels, 0n, RIGHTS, 12 + 9 * levels)
  } else if (s.cr4 & BigInt(Cr4.PAE)) {
    for (let n = 0; n < 4; n++) {
      const pointer = s.pdpte.get(n)
      if (pointer & BigInt(Pte.P)) yield* walk(pointer & ADDRESS, 2, BigInt(n) << 30n, RIGHTS, 64)
    }
  } else yield* walk32()

  function* walk(table: bigint, level: number, base: bigint, rights: bigint, width: number): Iterable<Mapping> {
    const host = ramAt(Number(table)), shift = BigInt(3 + 9 * level)
    if (host < 0 || ++tables > MAX_TABLES) return
    for (let i = 0; i < 512; i++) {
      const entry = views.u64[(host >>> 3) + i]!
      if (!(entry & BigInt(Pte.P))) continue
      const va = BigInt.asIntN(width, base | (BigInt(i) << shift)), both = rights & entry
      if (level === 1 || (level <= 3 && entry & BigInt(Pte.PS)))
        yield { va, pa: entry & ADDRESS & -(1n << shift), size: 1n << shift, entry, rights: both }
      else yield* walk(entry & ADDRESS, level - 1, base | (BigInt(i) << shift), both, width)
    }
  }

  function* walk32(): Iterable<Mapping> {
    const host = ramAt(Number(s.cr3 & 0xfffff000n))
    if (host < 0) return
    for (let i = 0; i < 1024; i++) {
      const directory = views.u32[(host >>> 2) + i]!, va = BigInt(i) << 22n
      if (!(directory & Pte.P)) continue
      if (directory & Pte.PS && large) {
        const pa = BigInt((directory & 0xffc00000) >>> 0) | (BigInt((directory >>> 13) & 0xff) << 32n)
        yield { va, pa, size: 1n << 22n, entry: BigInt(directory), rights: BigInt(directory) & RIGHTS }
        continue
      }
      const table = ramAt((directory & ~0xfff) >>> 0)
      for (let k = 0; table >= 0 && k < 1024; k++) {
        const entry = views.u32[(table >>> 2) + k]!
        if (!(entry & Pte.P)) continue
        yield {
          va: va | (BigInt(k) << 12n), pa: BigInt((entry & ~0xfff) >>> 0), size: 1n << 12n, entry: BigInt(entry),
          rights: BigInt(directory & entry) & RIGHTS,
        }
      }
    }
  }
}
