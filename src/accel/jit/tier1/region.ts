// Regions: the hot blocks of a page that reach each other, as one WebAssembly function with the loops inside. Calls and
// returns within the page stay inside too: a return looks its target up in the region's table of entries.
import type { Block } from '../../../ir/block.ts'
import { Builder } from '../../../ir/build.ts'
import { effects, JumpKind, op, rows } from '../../../ir/ops.ts'
import { optimise, type Passes } from '../../../ir/opt/passes.ts'
import type { Code as GuestCode, Isa } from '../../../isa/isa.ts'
import { PAGE } from '../../../mem/tlb.ts'

/** A page of code as processors see it. */
export type RegionPlace = {
  /** Virtual address of the page and the mode word of its code. */
  readonly pageLo: number
  readonly pageHi: number
  readonly mode: number
  /** Byte offset of the page in the memory. */
  readonly host: number
}

export type RegionRequest = RegionPlace & {
  /** Offsets in the page of blocks that have been run, of those that were entered from elsewhere, and where to begin. */
  readonly known: ArrayLike<number>
  /** Sizes of the known blocks. A region's block may end earlier than the one that was run, but not later: what follows may
   * depend on bits of the mode that the mode word lacks. Left out by those whose mode word is whole. */
  readonly sizes?: ArrayLike<number>
  readonly entered: ArrayLike<number>
  readonly start: number
}

export type RegionLimits = { readonly maxBlocks: number; readonly maxInsns: number }

export type RegionBlock = {
  readonly offset: number
  readonly block: Block
  /** Offsets in the page where control goes on: taken or only target, and falling through; -1 if it leaves the region. */
  taken: number
  fall: number
}

export type Region = {
  readonly request: RegionRequest
  /** Ascending by offset. */
  readonly blocks: readonly RegionBlock[]
  /** Offsets of blocks where the function can begin, the hot one first. */
  readonly entries: readonly number[]
  /** A call's return may come back into it. */
  readonly calls: boolean
  readonly insns: number
}

const lastOp = (b: Block) => b.op[b.n - 1]!

/** Finds the region around `request.start`. Undefined if that block cannot be read whole (it crosses the page's end). */
export function findRegion(
  isa: Isa, u8: Uint8Array, request: RegionRequest, limits: RegionLimits, passes: Passes,
): Region | undefined {
  const builder = new Builder(undefined, passes.fold), { host } = request
  const known = new Map(Array.from(request.known, (offset, i) => [offset, request.sizes?.[i] ?? PAGE]))
  const entered = new Set(Array.from(request.entered))
  const read = (offset: number, end: number): Block | undefined => {
    const code: GuestCode = {
      u8: o => (offset + o < PAGE ? u8[host + offset + o]! : -1),
      u16: o => (offset + o + 1 < PAGE ? u8[host + offset + o]! | (u8[host + offset + o + 1]! << 8) : -1),
    }
    builder.begin((request.pageLo + offset) >>> 0, request.pageHi)
    isa.lift(builder, code, request.mode, { maxInsns: Infinity, endOffset: end - offset })
    return builder.block.n > 0 ? builder.block : undefined
  }
  const inPage = (lo: number, hi: number): number => {
    const d = (lo >>> 0) - (request.pageLo >>> 0)
    return d >= 0 && d < PAGE && hi === request.pageHi ? d : -1
  }

  // Leaders, breadth first from the hot block, over edges to code that has run.
  const sizes = new Map<number, number>(), continuations = new Set<number>(), queue = [request.start]
  let insns = 0
  const visit = (offset: number) => {
    if (offset >= 0 && offset < PAGE && known.has(offset) && !sizes.has(offset) && !queue.includes(offset)) queue.push(offset)
  }
  while (queue.length > 0 && sizes.size < limits.maxBlocks && insns < limits.maxInsns) {
    const offset = queue.shift()!, b = read(offset, offset + known.get(offset)!)
    if (!b) {
      if (offset === request.start) return undefined
      continue
    }
    sizes.set(offset, b.sizeBytes)
    insns += b.insns
    const end = offset + b.sizeBytes, last = b.n - 1
    if (lastOp(b) === op.branch) {
      visit(end)
      visit(inPage(b.lo[last]!, b.hi[last]!))
    } else if (lastOp(b) === op.jump) {
      visit(inPage(b.lo[last]!, b.hi[last]!))
      if (b.c[last] === JumpKind.CALL && known.has(end)) {
        continuations.add(end)
        visit(end)
      }
    } else if (lastOp(b) === op.jumpto) {
      if (b.lo[last] === JumpKind.CALL && known.has(end)) {
        continuations.add(end)
        visit(end)
      }
    } else if (known.has(end)) {
      // After a system instruction execution mostly goes on behind it.
      continuations.add(end)
      visit(end)
    }
  }

  // Blocks end where the next leader begins.
  const leaders = [...sizes.keys()].sort((a, b) => a - b)
  const blocks: RegionBlock[] = []
  leaders.forEach((offset, i) => {
    const b = read(offset, Math.min(leaders[i + 1] ?? PAGE, offset + sizes.get(offset)!))
    if (!b) return
    optimise(b, passes)
    blocks.push({ offset, block: b.copy(), taken: -1, fall: -1 })
  })
  const present = new Set(blocks.map(b => b.offset))
  const inside = (offset: number) => (present.has(offset) ? offset : -1)
  for (const r of blocks) {
    const b = r.block, last = b.n - 1
    if (lastOp(b) === op.branch || lastOp(b) === op.jump) r.taken = inside(inPage(b.lo[last]!, b.hi[last]!))
    if (lastOp(b) === op.branch) r.fall = inside(r.offset + b.sizeBytes)
  }
  // Loops are entered where they begin: code that was left in the middle of one comes back there at the latest.
  const headers = new Set(blocks.flatMap(r => [r.taken, r.fall].filter(to => to >= 0 && to <= r.offset)))
  const entries = [request.start, ...leaders.filter(o => o !== request.start && present.has(o)
    && (entered.has(o) || continuations.has(o) || headers.has(o)))]
  const calls = blocks.some(r => callOf(r.block) && present.has(r.offset + r.block.sizeBytes))
  return { request, blocks, entries: entries.slice(0, 255), calls, insns: blocks.reduce((n, b) => n + b.block.insns, 0) }
}

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
