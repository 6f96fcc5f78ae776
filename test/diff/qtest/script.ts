// Register scripts: what is done to a machine, one operation a line, in the words of QEMU's qtest protocol
// where it has them.

export type Op =
  | { readonly op: 'read'; readonly at: number; readonly size: 1 | 2 | 4 | 8 }
  | { readonly op: 'write'; readonly at: number; readonly size: 1 | 2 | 4 | 8; readonly value: bigint }
  /** Ports, of machines that have them. */
  | { readonly op: 'in'; readonly at: number; readonly size: 1 | 2 | 4 }
  | { readonly op: 'out'; readonly at: number; readonly size: 1 | 2 | 4; readonly value: number }
  /** An input pin of the device under test. */
  | { readonly op: 'line'; readonly index: number; readonly level: boolean }
  /** RAM contents for DMA. */
  | { readonly op: 'fill'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly op: 'dump'; readonly at: number; readonly bytes: number }
  /**
   * Guest time passes: QEMU executes so many instructions, and our clock is set to what its clock says then.
   */
  | { readonly op: 'step'; readonly count: number }
  /** The same, as many as QEMU executes in so many milliseconds: about a tenth of a second of guest time each. */
  | { readonly op: 'run'; readonly ms: number }

export type Timeless = Exclude<Op, { op: 'step' | 'run' }>

const hex = (n: number | bigint) => `0x${n.toString(16)}`
const LETTER = { 1: 'b', 2: 'w', 4: 'l', 8: 'q' } as const

export function opText(o: Op): string {
  switch (o.op) {
    case 'read': return `read${LETTER[o.size]} ${hex(o.at)}`
    case 'write': return `write${LETTER[o.size]} ${hex(o.at)} ${hex(o.value)}`
    case 'in': return `in${LETTER[o.size]} ${hex(o.at)}`
    case 'out': return `out${LETTER[o.size]} ${hex(o.at)} ${hex(o.value)}`
    case 'line': return `line ${o.index} ${o.level ? 1 : 0}`
    case 'fill': return `write ${hex(o.at)} ${o.bytes.length} 0x${Buffer.from(o.bytes).toString('hex')}`
    case 'dump': return `read ${hex(o.at)} ${o.bytes}`
    case 'step': return `step ${o.count}`
    case 'run': return `run ${o.ms} ms`
  }
}

export const portIn = (at: number, size: 1 | 2 | 4 = 1): Timeless => ({ op: 'in', at, size })
export const portOut = (at: number, value: number, size: 1 | 2 | 4 = 1): Timeless =>
  ({ op: 'out', at, size, value: size === 4 ? value >>> 0 : value & ((1 << (8 * size)) - 1) })

export type Random = {
  /** A whole number from 0 to n - 1. */
  below(n: number): number
  pick<T>(from: readonly T[]): T
  chance(percent: number): boolean
  word(): number
}

/** xorshift32: the same seed, the same script. */
export function random(seed: number): Random {
  let x = (seed * 2654435761) >>> 0 || 1
  const word = () => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return (x >>>= 0)
  }
  for (let i = 0; i < 8; i++) word()
  const below = (n: number) => word() % n
  return { word, below, pick: from => from[below(from.length)]!, chance: percent => below(100) < percent }
}
