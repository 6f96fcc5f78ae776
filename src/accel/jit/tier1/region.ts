// Regions: the hot blocks of a page that reach each other, as one WebAssembly function with the loops inside, together with
// hot code of a few other pages that they call. Returns and indirect calls stay inside too: they look their target up in the
// region's table of entries.
import type { Block } from '../../../ir/block.ts'
import { Builder } from '../../../ir/build.ts'
import { effects, JumpKind, op, rows } from '../../../ir/ops.ts'
import { optimise, type Passes } from '../../../ir/opt/passes.ts'
import type { Code as GuestCode, Isa } from '../../../isa/isa.ts'
import { PAGE, PAGE_BITS } from '../../../mem/tlb.ts'

/** A page of code as processors see it. */
export type RegionPlace = {
  /** Virtual address of the page and the mode word of its code. */
  readonly pageLo: number
  readonly pageHi: number
  readonly mode: number
  /** Byte offset of the page in the memory. */
  readonly host: number
}
/** Another page that a region reaches into, with the same upper half of its address. */
export type OtherPage = { readonly pageLo: number; readonly host: number }

/** An offset below is one in the region's page, or, beyond its end, one in the others: their offsets follow, page by page. */
export type RegionRequest = RegionPlace & {
  readonly others?: readonly OtherPage[]
  /** Offsets of blocks that have been run, of those that were entered from elsewhere, of those that indirect calls and jumps
   * seem to lead to, and where to begin. */
  readonly known: ArrayLike<number>
  /** Sizes of the known blocks. A region's block may end earlier than the one that was run, but not later: what follows may
   * depend on bits of the mode that the mode word lacks. Left out by those whose mode word is whole. */
  readonly sizes?: ArrayLike<number>
  readonly entered: ArrayLike<number>
  readonly led?: ArrayLike<number>
  readonly start: number
}

export type RegionLimits = { readonly maxBlocks: number; readonly maxInsns: number }

export type RegionBlock = {
  readonly offset: number
  readonly block: Block
  /** Offsets where control goes on: taken or only target, and falling through; -1 if it leaves the region. */
  taken: number
  fall: number
}

export type Region = {
  readonly request: RegionRequest
  /** Ascending by offset. */
  readonly blocks: readonly RegionBlock[]
  /** Offsets of blocks where the function can begin, the hot one first, then those of its own page, then others: those are
   * reached from inside only. */
  readonly entries: readonly number[]
  /** How many of the entries are in its own page. */
  readonly own: number
  /** A call's return may come back into it. */
  readonly calls: boolean
  /** Indirect calls and jumps may lead back into it. */
  readonly leads: boolean
  readonly insns: number
}

const lastOp = (b: Block) => b.op[b.n - 1]!

export const pageAt = (r: RegionRequest, offset: number): OtherPage => (offset < PAGE ? r : r.others![(offset >>> PAGE_BITS) - 1]!)
/** Whether the two lie in the same page. */
export const together = (a: number, b: number): boolean => a >>> PAGE_BITS === b >>> PAGE_BITS

/** Finds the region around `request.start`. Undefined if that block cannot be read whole (it crosses the page's end). */
export function findRegion(
  isa: Isa, u8: Uint8Array, request: RegionRequest, limits: RegionLimits, passes: Passes,
): Region | undefined {
  const builder = new Builder(undefined, passes.fold)
  const known = new Map(Array.from(request.known, (offset, i) => [offset, request.sizes?.[i] ?? PAGE]))
  const entered = new Set(Array.from(request.entered)), led = Array.from(request.led ?? [])
  const read = (offset: number, size: number): Block | undefined => {
    const page = pageAt(request, offset), within = offset & (PAGE - 1), host = page.host + within
    const code: GuestCode = {
      u8: o => (within + o < PAGE ? u8[host + o]! : -1),
      u16: o => (within + o + 1 < PAGE ? u8[host + o]! | (u8[host + o + 1]! << 8) : -1),
    }
    builder.begin((page.pageLo + within) >>> 0, request.pageHi)
    isa.lift(builder, code, request.mode, { maxInsns: Infinity, endOffset: Math.min(size, PAGE - within) })
    return builder.block.n > 0 ? builder.block : undefined
  }
  /** The offset of a virtual address, -1 if it is in none of the pages. */
  const pages = new Map([request, ...(request.others ?? [])].map((p, i) => [p.pageLo >>> 0, i * PAGE]))
  const offsetOf = (lo: number, hi: number): number => {
    const page = hi === request.pageHi ? pages.get((lo & -PAGE) >>> 0) : undefined
    return page === undefined ? -1 : page + (lo & (PAGE - 1))
  }
  const behind = (b: Block): number => {
    const end = (b.pcLo >>> 0) + b.sizeBytes
    return end > 0xffffffff ? -1 : offsetOf(end, b.pcHi)
  }

  // Leaders, breadth first from the hot block, over edges to code that has run.
  const sizes = new Map<number, number>(), continuations = new Set<number>(), queue = [request.start]
  let insns = 0
  const visit = (offset: number) => {
    if (known.has(offset) && !sizes.has(offset) && !queue.includes(offset)) queue.push(offset)
  }
  while (queue.length > 0 && sizes.size < limits.maxBlocks && insns < limits.maxInsns) {
    const offset = queue.shift()!, b = read(offset, known.get(offset)!)
    if (!b) {
      if (offset === request.start) return undefined
      continue
    }
    sizes.set(offset, b.sizeBytes)
    insns += b.insns
    const end = behind(b), last = b.n - 1
    if (lastOp(b) === op.branch) {
      visit(end)
      visit(offsetOf(b.lo[last]!, b.hi[last]!))
    } else if (lastOp(b) === op.jump) visit(offsetOf(b.lo[last]!, b.hi[last]!))
    else if (isLed(b)) led.forEach(visit)
    // A call's return comes back behind it; after a system instruction execution mostly goes on there.
    if ((callOf(b) || !isJump(b)) && known.has(end)) {
      continuations.add(end)
      visit(end)
    }
  }

  // Blocks end where the next leader begins.
  const leaders = [...sizes.keys()].sort((a, b) => a - b)
  const blocks: RegionBlock[] = []
  leaders.forEach((offset, i) => {
    const b = read(offset, Math.min((leaders[i + 1] ?? Infinity) - offset, sizes.get(offset)!))
    if (!b) return
    optimise(b, passes)
    blocks.push({ offset, block: b.copy(), taken: -1, fall: -1 })
  })
  const present = new Set(blocks.map(b => b.offset))
  const inside = (offset: number) => (present.has(offset) ? offset : -1)
  for (const r of blocks) {
    const b = r.block, last = b.n - 1
    if (lastOp(b) === op.branch || lastOp(b) === op.jump) r.taken = inside(offsetOf(b.lo[last]!, b.hi[last]!))
    if (lastOp(b) === op.branch) r.fall = inside(behind(b))
  }
  // Loops are entered where they begin: code that was left in the middle of one comes back there at the latest.
  const headers = new Set(blocks.flatMap(r => [r.taken, r.fall].filter(to => to >= 0 && to <= r.offset)))
  const targets = new Set(led), own = (o: number) => o < PAGE
  const among = leaders.filter(o => o !== request.start && present.has(o))
  const entries = [
    request.start,
    ...among.filter(o => own(o) && (entered.has(o) || continuations.has(o) || headers.has(o) || targets.has(o))),
    ...among.filter(o => !own(o) && (continuations.has(o) || targets.has(o))),
  ].slice(0, 255)
  return {
    request, blocks, entries, own: entries.filter(own).length,
    calls: blocks.some(r => callOf(r.block) && present.has(behind(r.block))),
    leads: blocks.some(r => isLed(r.block)) && led.some(o => present.has(o)),
    insns: blocks.reduce((n, b) => n + b.block.insns, 0),
  }
}

const isJump = (b: Block): boolean => lastOp(b) === op.branch || lastOp(b) === op.jump || lastOp(b) === op.jumpto
/** An indirect call or jump that is no return. */
export const isLed = (b: Block): boolean => lastOp(b) === op.jumpto && b.lo[b.n - 1] !== JumpKind.RETURN
export const isReturn = (b: Block): boolean => lastOp(b) === op.jumpto && b.lo[b.n - 1] === JumpKind.RETURN

function callOf(b: Block): boolean {
  const last = b.n - 1
  return lastOp(b) === op.jump ? b.c[last] === JumpKind.CALL : lastOp(b) === op.jumpto && b.lo[last] === JumpKind.CALL
}

/** The registers that a region reads or writes, and those it writes. */
export function registersOf(region: Region): { used: Set<number>; written: Set<number> } {
  const used = new Set<number>(), written = new Set<number>()
  for (const { block: b } of region.blocks)
    for (let i = 0; i < b.n; i++) {
      const o = b.op[i]!
      if (effects[o] !== 'reg') continue
      used.add(b.lo[i]!)
      if (rows[o]!.sig.endsWith('>')) written.add(b.lo[i]!)
    }
  return { used, written }
}
