// A generated program as a tree, so that parts can be taken out of it and it is still one: it ends by itself.
import type { Insn, OperandValues } from '../../asm.ts'

export type Node =
  | { readonly kind: 'insns'; readonly insns: readonly Insn[] }
  /** Skips its body or not: a branch or compressed branch with its operands. */
  | { readonly kind: 'if'; readonly branch: string; readonly operands: OperandValues; readonly body: readonly Node[] }
  | { readonly kind: 'loop'; readonly count: number; readonly depth: number; readonly body: readonly Node[] }
  | { readonly kind: 'call'; readonly fn: number; readonly via: 'jal' | 'jalr' | 'c.jalr' | 'alias' }
  /** An instruction that patches write over. */
  | { readonly kind: 'site'; readonly id: number; readonly insn: Insn }
  /** Writes another instruction to a site, or takes turns between the two (if only this patch changes it); then FENCE.I. */
  | { readonly kind: 'patch'; readonly id: number; readonly via: 'code' | 'alias'; readonly store: 'sb' | 'sh' | 'sw'; readonly word: number
      readonly turns: boolean }
  /** A jump to an address that cannot be fetched from, by its index in `places`. */
  | { readonly kind: 'astray'; readonly place: number }
  /** A data pointer gets another place. */
  | { readonly kind: 'point'; readonly register: number; readonly place: number }
  /** Atomic operations on p or q with this displacement. */
  | { readonly kind: 'atomic'; readonly register: number; readonly displacement: number; readonly insns: readonly Insn[] }
  /** Exchanges the translations of two pages of the table window, then SFENCE.VMA. */
  | { readonly kind: 'swap'; readonly a: number; readonly b: number; readonly fence: 'all' | 'address' | 'space' }

export type Fn = {
  /** Offset in a page where it begins, if that matters. */
  readonly start: number | undefined
  readonly body: readonly Node[]
}

/** A page of the address space: which of the area, and the entry's flags (V R W X U G A D). */
export type Mapped = { readonly va: bigint; readonly page: number; readonly flags: number }

export type Program = {
  readonly supervisor: boolean
  /** FS as the program begins. */
  readonly fs: number
  readonly asid: number
  readonly code: bigint
  readonly alias: bigint
  readonly data: bigint
  readonly pages: readonly Mapped[]
  /** Addresses that data pointers take, and those to jump to in vain. */
  readonly places: readonly bigint[]
  readonly nowhere: readonly bigint[]
  readonly x: readonly bigint[]
  readonly f: readonly bigint[]
  readonly fcsr: number
  readonly memorySeed: number
  /** The first is entered; each calls later ones only. */
  readonly functions: readonly Fn[]
}
