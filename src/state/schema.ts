// Schemas: the one declaration of guest-visible state, from which layout, accessors, reset, snapshot and
// inspection follow. All state lives in one memory (shared or not); a binding is a view of it at an address,
// so that two bindings of the same address are the same device.

/**
 * A scalar's storage. `u64`/`i64` read and write as BigInt, `f64` and the narrower ones as number, `flag` as
 * 0 or 1.
 */
export type ScalarKind = 'u8' | 'u16' | 'u32' | 'i32' | 'u64' | 'f64' | 'flag'

export type Scalar<K extends ScalarKind = ScalarKind> = {
  readonly kind: K
  readonly reset: K extends 'u64' ? bigint : number
  /** True for host-side bookkeeping (caches, locks) that snapshots leave out. */
  readonly transient: boolean
}
/** A fixed-length array of scalars: `count` elements, all with the same reset value. */
export type ArrayField<K extends ScalarKind = ScalarKind> = {
  readonly kind: 'array'
  readonly of: Scalar<K>
  readonly count: number
  readonly transient: boolean
}
/** A byte FIFO of `count` entries. */
export type RingField = { readonly kind: 'ring'; readonly count: number; readonly transient: boolean }
/** Raw bytes (a frame buffer, a sector buffer), `count` long, zero at reset. */
export type BytesField = { readonly kind: 'bytes'; readonly count: number; readonly transient: boolean }
/** `count` structures of one schema. */
export type StructsField<S extends Schema = Schema> = {
  readonly kind: 'structs'
  readonly schema: S
  readonly count: number
  readonly transient: boolean
}
export type Field = Scalar | ArrayField | RingField | BytesField | StructsField<any>
export type Schema = { readonly [name: string]: Field }

const scalar = <K extends ScalarKind>(kind: K, reset: Scalar<K>['reset']): Scalar<K> =>
  ({ kind, reset, transient: false })
export const u8 = (reset = 0) => scalar('u8', reset)
export const u16 = (reset = 0) => scalar('u16', reset)
export const u32 = (reset = 0) => scalar('u32', reset)
export const i32 = (reset = 0) => scalar('i32', reset)
export const u64 = (reset = 0n) => scalar('u64', reset)
export const f64 = (reset = 0) => scalar('f64', reset)
export const flag = (reset = 0) => scalar('flag', reset)
export const array = <K extends ScalarKind>(of: Scalar<K>, count: number): ArrayField<K> =>
  ({ kind: 'array', of, count, transient: false })
export const ring = (count: number): RingField => ({ kind: 'ring', count, transient: false })
export const bytes = (count: number): BytesField => ({ kind: 'bytes', count, transient: false })
export const structs = <S extends Schema>(schema: S, count: number): StructsField<S> =>
  ({ kind: 'structs', schema, count, transient: false })
/** Marks a field as host-side bookkeeping: reset clears it, snapshots leave it out. */
export const transient = <F extends Field>(field: F): F => ({ ...field, transient: true })

export type Ring = {
  readonly length: number
  readonly capacity: number
  /** The oldest byte, removed; undefined when empty. */
  shift(): number | undefined
  /** The oldest byte, kept; undefined when empty. */
  peek(): number | undefined
  /** Appends a byte; false (and nothing stored) when full. */
  push(byte: number): boolean
  clear(): void
}
export type U64Array = {
  readonly length: number
  get(i: number): bigint
  set(i: number, v: bigint): void
  /** Low and high halves as unsigned numbers, without making a BigInt. */
  lo(i: number): number
  hi(i: number): number
  setPair(i: number, lo: number, hi: number): void
}
export type NumberArray = { readonly length: number; [i: number]: number; fill(v: number): unknown }

type ValueOf<F> =
  F extends Scalar<infer K> ? (K extends 'u64' ? bigint : number)
  : F extends ArrayField<infer K> ? (K extends 'u64' ? U64Array : NumberArray)
  : F extends RingField ? Ring
  : F extends BytesField ? Uint8Array
  : F extends StructsField<infer S> ? readonly StateOf<S>[]
  : never
/** The accessor object of a schema: scalars read and write through properties, the rest are views. */
export type StateOf<S extends Schema> = {
  -readonly [N in keyof S as S[N] extends Scalar ? N : never]: ValueOf<S[N]>
} & { readonly [N in keyof S as S[N] extends Scalar ? never : N]: ValueOf<S[N]> }
