// How processors are grouped, and the numbers of their local APICs: fields for thread, core and package, each as wide as it
// has to be. Intel SDM volume 3, 9.9.
export type Topology = { readonly cores: number; readonly threads: number }

const widthOf = (count: number): number => Math.ceil(Math.log2(Math.max(1, count)))

/** Bits that number a thread in its core, and a thread in its package. */
export const threadBits = (t: Topology): number => widthOf(t.threads)
export const packageBits = (t: Topology): number => threadBits(t) + widthOf(t.cores)

export function apicIdOf(t: Topology, index: number): number {
  const thread = index % t.threads, core = Math.floor(index / t.threads) % t.cores, socket = Math.floor(index / (t.threads * t.cores))
  return (socket << packageBits(t)) | (core << threadBits(t)) | thread
}
