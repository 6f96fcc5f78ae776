// Direct memory access by devices. It reaches RAM (and reads ROM); never another device's registers, so a
// guest can't make devices wait for each other's locks, or one for its own. Message-signalled interrupts take
// their own path.
import { guestError } from '../base/log.ts'
import type { PhysicalMemory } from '../mem/physical.ts'
import type { Views } from '../state/views.ts'

export type Dma = {
  /** Copies guest memory; false (and zeros, or the bus's floating value) where there is none. */
  read(pa: number, into: Uint8Array): boolean
  write(pa: number, from: Uint8Array): boolean
  /** 1, 2 or 4 bytes, little-endian, any alignment. */
  load(pa: number, size: number): number
  store(pa: number, size: number, value: number): void
  /**
   * Host byte offset of writable RAM at `pa`, or -1; `runAt` bytes are contiguous there. Call `written` after
   * a store.
   */
  ramAt(pa: number): number
  runAt(pa: number): number
  written(pa: number, sizeBytes: number): void
  readonly views: Views
}

export function dmaOf(memory: PhysicalMemory, id: string): Dma {
  const outside = (pa: number) => guestError(id, () => `DMA to 0x${pa.toString(16)}, which is not RAM`)
  const { u8, data } = memory.views
  const scratch = new Uint8Array(4), scratchData = new DataView(scratch.buffer)
  return {
    views: memory.views,
    read: (pa, into) => memory.readBytes(pa, into),
    write: (pa, from) => memory.writeBytes(pa, from),
    load(pa, size) {
      const at = memory.readableAt(pa)
      if (at < 0 || memory.runAt(pa) < size) {
        if (at < 0) return outside(pa), 0
        scratch.fill(0)
        memory.readBytes(pa, scratch.subarray(0, size))
        return scratchData.getUint32(0, true)
      }
      return size === 4 ? data.getUint32(at, true) : size === 2 ? data.getUint16(at, true) : u8[at]!
    },
    store(pa, size, value) {
      const at = memory.ramAt(pa)
      if (at < 0) return outside(pa)
      if (memory.runAt(pa) < size) {
        scratchData.setUint32(0, value, true)
        memory.writeBytes(pa, scratch.subarray(0, size))
        return
      }
      if (size === 4) data.setUint32(at, value, true)
      else if (size === 2) data.setUint16(at, value, true)
      else u8[at] = value
      memory.written(pa, size)
    },
    ramAt: pa => memory.ramAt(pa),
    runAt: pa => memory.runAt(pa),
    written: (pa, n) => memory.written(pa, n),
  }
}
