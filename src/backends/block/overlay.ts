// Temporary writes over a disk that is not changed (`snapshot=on`): clusters that were written lie in a
// store, by slot.
import type { ImageFile } from '../../host/host.ts'
import { VmError } from '../../base/errors.ts'
import { cut, fill, lengthOf, type BlockLayer } from './layer.ts'

const CLUSTER = 65536
const ZEROS = -1

export function overlayLayer(base: BlockLayer, store: ImageFile): BlockLayer {
  if (!base.immediate)
    throw new VmError('block.unsupported', 'not implemented: snapshot=on over a remote image')
  /** Slot in the store by cluster. */
  const slots = new Map<number, number>()
  let free = 0

  /** Calls `each` with the run's piece in every cluster. */
  function pieces(
    offset: number, length: number, each: (cluster: number, within: number, done: number, n: number) => void,
  ): void {
    for (let done = 0; done < length; ) {
      const within = (offset + done) % CLUSTER, n = Math.min(length - done, CLUSTER - within)
      each(Math.floor((offset + done) / CLUSTER), within, done, n)
      done += n
    }
  }
  /** The cluster's slot, with what it held before unless all of it will be written. */
  function writable(cluster: number, whole: boolean): number {
    const now = slots.get(cluster)
    if (now !== undefined && now !== ZEROS) return now
    const slot = free++
    if (!whole) {
      const old = new Uint8Array(CLUSTER)
      const there = Math.min(CLUSTER, base.sizeBytes - cluster * CLUSTER)
      if (now !== ZEROS) base.read(cluster * CLUSTER, [old.subarray(0, there)])
      store.write(slot * CLUSTER, [old])
    }
    slots.set(cluster, slot)
    return slot
  }

  return {
    immediate: true, sizeBytes: base.sizeBytes, readOnly: false,
    read(offset, into) {
      pieces(offset, lengthOf(into), (cluster, within, done, n) => {
        const slot = slots.get(cluster), parts = cut(into, done, n)
        if (slot === undefined) base.read(cluster * CLUSTER + within, parts)
        else if (slot === ZEROS) fill(parts, 0)
        else store.read(slot * CLUSTER + within, parts)
      })
    },
    write(offset, from) {
      pieces(offset, lengthOf(from), (cluster, within, done, n) => {
        const slot = writable(cluster, n === CLUSTER)
        store.write(slot * CLUSTER + within, cut(from, done, n))
      })
    },
    flush() {},
    discard() {},
    zero(offset, length) {
      pieces(offset, length, (cluster, within, _done, n) => {
        const slot = slots.get(cluster)
        if (slot === ZEROS) return
        if (n === CLUSTER && slot === undefined) slots.set(cluster, ZEROS)
        else store.write(writable(cluster, n === CLUSTER) * CLUSTER + within, [new Uint8Array(n)])
      })
    },
    close() {
      store.close()
      base.close()
    },
  }
}
