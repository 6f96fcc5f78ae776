// The guest's physical address map: RAM, ROM, MMIO, aliases and containers with priorities, as a tree that is
// flattened to a sorted list of ranges. The tree is built once per thread from the board file; what moves at
// run time (PCI BARs) is a window, whose address and enable lie in shared memory under a generation counter
// (windows.ts).
//
//   const bus = container('system', 2 ** 53)
//   place(bus, 0x8000_0000, ram('ram', hostOffset, sizeBytes))
//   place(bus, 0x1000_0000, mmio('uart', 0x100, ops))
//   place(bus, 0x3000_0000, alias('low', other, offsetIntoOther, sizeBytes), priority)
import { assert } from '../base/errors.ts'
import type { DirtyMap } from './dirty.ts'

/** Access sizes in bytes. `valid`: what the guest may do; `impl`: what the device's functions take. */
export type AccessRules = {
  readonly valid: { readonly min: number; readonly max: number; readonly unaligned: boolean }
  readonly impl: { readonly min: number; readonly max: number }
}

/** A device's functions for one region. Values are unsigned; offsets are from the region's start. */
export type MmioOps = {
  readonly rules: AccessRules
  /** Stands for addresses that nobody answers. */
  readonly nobody?: boolean
  read(offset: number, size: number): number
  write(offset: number, value: number, size: number): void
  /**
   * Eight bytes at once, for regions with `impl.max` 8. Absent: the high half is 0 on reads and dropped on
   * writes.
   */
  readWide?(offset: number, out: Uint32Array): void
  writeWide?(offset: number, lo: number, hi: number): void
}

export type Region =
  | {
      readonly kind: 'ram'
      readonly name: string
      readonly sizeBytes: number
      readonly hostOffset: number
      readonly rom: boolean
      /** Writes are noted there: memory that a display shows. */
      readonly dirty?: DirtyMap
    }
  | { readonly kind: 'mmio'; readonly name: string; readonly sizeBytes: number; readonly ops: MmioOps }
  | {
      readonly kind: 'alias'
      readonly name: string
      readonly sizeBytes: number
      readonly target: Region
      readonly offset: number
    }
  | Container
export type Container = {
  readonly kind: 'container'
  readonly name: string
  readonly sizeBytes: number
  readonly children: Child[]
}
/** `at` is the child's address in its container now, undefined when it isn't mapped. */
type Child = { readonly region: Region; readonly at: () => number | undefined; readonly priority: number }

/** A run of addresses that all lead to one leaf region. `end` is exclusive. */
export type FlatRange = {
  readonly start: number
  readonly end: number
  readonly region: Leaf
  /** Offset into the region at `start`. */
  readonly offset: number
}
export type Leaf = Exclude<Region, { kind: 'alias' | 'container' }>

export const ram = (name: string, hostOffset: number, sizeBytes: number, dirty?: DirtyMap): Region => ({
  kind: 'ram',
  name,
  sizeBytes,
  hostOffset,
  rom: false,
  ...(dirty && { dirty }),
})
export const rom = (name: string, hostOffset: number, sizeBytes: number): Region => ({
  kind: 'ram',
  name,
  sizeBytes,
  hostOffset,
  rom: true,
})
export const mmio = (name: string, sizeBytes: number, ops: MmioOps): Region => ({
  kind: 'mmio',
  name,
  sizeBytes,
  ops,
})
export const alias = (name: string, target: Region, offset: number, sizeBytes: number): Region => ({
  kind: 'alias',
  name,
  sizeBytes,
  target,
  offset,
})
export const container = (name: string, sizeBytes: number): Container => ({
  kind: 'container',
  name,
  sizeBytes,
  children: [],
})

/**
 * Puts a region into a container at a fixed address, or wherever the function says. Higher priorities win.
 */
export function place(
  into: Container,
  at: number | (() => number | undefined),
  region: Region,
  priority = 0,
): void {
  into.children.push({ region, at: typeof at === 'function' ? at : () => at, priority })
}

export const defaultRules: AccessRules = {
  valid: { min: 1, max: 8, unaligned: false },
  impl: { min: 1, max: 4 },
}

/**
 * Resolves priorities and aliases to disjoint ranges in ascending order. Among equals the one placed last
 * wins.
 */
export function flatten(root: Container): FlatRange[] {
  const out: FlatRange[] = []
  render(root, 0, 0, root.sizeBytes, out, 0)
  return out.sort((a, b) => a.start - b.start)
}

/** Adds `region`, whose byte 0 is at `base`, clipped to [lo, hi), wherever `out` has nothing yet. */
function render(region: Region, base: number, lo: number, hi: number, out: FlatRange[], depth: number): void {
  assert(depth < 32, `memory region ${region.name} contains itself`)
  const start = Math.max(lo, base), end = Math.min(hi, base + region.sizeBytes)
  if (start >= end) return
  switch (region.kind) {
    case 'alias':
      return render(region.target, base - region.offset, start, end, out, depth + 1)
    case 'container': {
      const order = region.children.map((child, i) => ({ child, i }))
      order.sort((a, b) => b.child.priority - a.child.priority || b.i - a.i)
      for (const { child } of order) {
        const at = child.at()
        if (at !== undefined) render(child.region, base + at, start, end, out, depth + 1)
      }
      return
    }
    default:
      for (const gap of gaps(out, start, end))
        out.push({ start: gap.start, end: gap.end, region, offset: gap.start - base })
  }
}

/** The parts of [start, end) that no range covers. */
function gaps(taken: readonly FlatRange[], start: number, end: number): { start: number; end: number }[] {
  const inside = taken.filter(r => r.start < end && r.end > start).sort((a, b) => a.start - b.start)
  const free: { start: number; end: number }[] = []
  let at = start
  for (const r of inside) {
    if (r.start > at) free.push({ start: at, end: r.start })
    at = Math.max(at, r.end)
  }
  if (at < end) free.push({ start: at, end })
  return free
}
