// A hart's page tables and interrupts as text, for a monitor.
import { bind } from '../../state/bind.ts'
import type { Views } from '../../state/views.ts'
import { interruptNames } from './causes.ts'
import { hartLayout } from './cpu.ts'
import { Pte } from './mmu.ts'

const hex = (n: bigint, digits = 16) => BigInt.asUintN(64, n).toString(16).padStart(digits, '0')
const LEAF = BigInt(Pte.R | Pte.W | Pte.X)
/** Levels of the tables by satp's mode. */
const LEVELS: { readonly [mode: string]: number } = { 8: 3, 9: 4 }
const FLAGS = ['r', 'w', 'x', 'u', 'g', 'a', 'd']

type Mapping = { va: bigint; pa: bigint; size: bigint; flags: bigint }

/** Mapped ranges of the current address space; what adjoins and has the same rights is one. */
export function describeMemory(views: Views, at: number, ramAt: (pa: number) => number): string {
  const mappings = mappingsOf(views, at, ramAt)
  if (mappings === undefined) return UNMAPPED
  const rule = '-'.repeat(16)
  const lines = ['vaddr            paddr            size             attr', `${rule} ${rule} ${rule} -------`]
  let last: Mapping | undefined
  const flush = () => {
    if (!last) return
    lines.push(`${hex(last.va)} ${hex(last.pa)} ${hex(last.size)} ${rights(last)}`)
  }
  for (const leaf of mappings) {
    const adjoins = last?.flags === leaf.flags && last.va + last.size === leaf.va && last.pa + last.size === leaf.pa
    if (last && adjoins)
      last.size += leaf.size
    else {
      flush()
      last = { ...leaf }
    }
  }
  flush()
  return lines.join('\n')
}

/** Each mapping of the current address space by itself, with its size where it is no ordinary page. */
export function describeTranslations(views: Views, at: number, ramAt: (pa: number) => number): string {
  const mappings = mappingsOf(views, at, ramAt)
  if (mappings === undefined) return UNMAPPED
  const lines: string[] = []
  for (const m of mappings) lines.push(`${hex(m.va)}: ${hex(m.pa)} ${rights(m)}${SIZES[String(m.size >> 12n)] ?? ''}`)
  return lines.join('\n') || 'Nothing is mapped'
}

const UNMAPPED = 'No translation or protection'
/** By pages of 4 KiB: Sv48's sizes. */
const SIZES: { readonly [pages: string]: string } = {
  512: ' 2 MiB', [512 ** 2]: ' 1 GiB', [512 ** 3]: ' 512 GiB',
}
const rights = ({ flags }: Mapping): string =>
  FLAGS.map((f, i) => (flags >> BigInt(i + 1) & 1n ? f : '-')).join('')

/** Undefined where addresses are physical ones. */
function mappingsOf(views: Views, at: number, ramAt: (pa: number) => number): Iterable<Mapping> | undefined {
  const { satp } = bind(hartLayout, views, at), levels = LEVELS[Number(satp >> 60n)]
  return levels === undefined ? undefined : leaves(views, ramAt, (satp & 0xfffffffffffn) << 12n, levels)
}

/** Tables that point at each other could make as many mappings as there are addresses. */
const MAX_TABLES = 1 << 17

function* leaves(
  views: Views, ramAt: (pa: number) => number, root: bigint, levels: number,
): Iterable<Mapping> {
  const top = BigInt(12 + 9 * levels)
  let tables = 0
  yield* walk(root, levels - 1, 0n)

  function* walk(table: bigint, level: number, base: bigint): Iterable<Mapping> {
    const host = ramAt(Number(table))
    if (host < 0 || ++tables > MAX_TABLES) return
    const shift = BigInt(12 + 9 * level)
    for (let i = 0; i < 512; i++) {
      const pte = views.u64[(host >>> 3) + i]!
      if (!(pte & BigInt(Pte.V))) continue
      const va = base | (BigInt(i) << shift), pa = ((pte >> 10n) & 0xfffffffffffn) << 12n
      if (pte & LEAF) yield { va: BigInt.asIntN(Number(top), va), pa, size: 1n << shift, flags: pte & 0xfen }
      else if (level > 0) yield* walk(pa, level - 1, va)
    }
  }
}

/** What is enabled and pending: a line per interrupt that is either, and the last trap of each level. */
export function describeInterrupts(views: Views, at: number): string {
  const h = bind(hartLayout, views, at), pending = h.mip | BigInt(h.lines | h.timerPending)
  const out: string[] = []
  for (const [n, name] of interruptNames) {
    const bit = 1n << BigInt(n), is = (x: bigint) => (x & bit) !== 0n
    if (is(h.mie) || is(pending))
      out.push(`  ${String(n).padStart(2)} ${name.padEnd(20)} ${is(h.mie) ? 'enabled ' : 'disabled'}` +
        `${is(pending) ? ' pending' : ''}${is(h.mideleg) ? ' (delegated)' : ''}`)
  }
  out.push(`  scause ${hex(h.scause)} sepc ${hex(h.sepc)} stval ${hex(h.stval)}`)
  out.push(`  mcause ${hex(h.mcause)} mepc ${hex(h.mepc)} mtval ${hex(h.mtval)}`)
  return out.join('\n')
}
