// Segments: what of them accesses may touch. Intel SDM volume 3, 3.4.5 and 5.3.
import type { CpuState } from './cpu.ts'

/** Bits of a segment's attributes: those of a descriptor's second word, shifted down by 8. */
export const Attribute = { TYPE: 0xf, ACCESSED: 1, WRITABLE: 2, READABLE: 2, EXPAND_DOWN: 4, CODE: 8, S: 0x10, DPL: 0x60, PRESENT: 0x80,
  AVL: 0x1000, L: 0x2000, DB: 0x4000, G: 0x8000 } as const

type Segment = CpuState['seg'][number]

/** Derives the bounds that generated code checks. Call after each change of limit or attributes. */
export function updateBounds(s: Segment): void {
  const { attributes: a, limit } = s
  const usable = (a & (Attribute.PRESENT | Attribute.S)) === (Attribute.PRESENT | Attribute.S)
  const code = (a & Attribute.CODE) !== 0, down = !code && (a & Attribute.EXPAND_DOWN) !== 0
  const end = down ? (a & Attribute.DB ? 0x100000000n : 0x10000n) : BigInt(limit) + 1n
  s.first = down ? BigInt(limit) + 1n : 0n
  s.readEnd = usable && (!code || a & Attribute.READABLE) ? end : 0n
  s.writeEnd = usable && !code && a & Attribute.WRITABLE ? end : 0n
}

/** Whether accesses through a segment need neither its base nor a check. */
export const isFlat = (s: Segment): boolean =>
  s.base === 0n && s.first === 0n && s.readEnd === 0x100000000n && s.writeEnd === 0x100000000n
export const isFlatCode = (s: Segment): boolean => s.base === 0n && s.limit === 0xffffffff

/** Sets a segment register with its hidden part. */
export function setSegment(s: Segment, selector: number, base: bigint, limit: number, attributes: number): void {
  s.selector = selector
  s.base = base
  s.limit = limit
  s.attributes = attributes
  updateBounds(s)
}

