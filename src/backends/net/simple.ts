// Networks without anybody else on them.
import type { NetBackend } from '../../device/net.ts'

/** Frames that wait for the card; further ones are lost. */
const WAITING = 256

/** Swallows everything. */
export const nullNet = (): NetBackend => ({ send() {} })

/** Sends every frame back to the card. */
export function loopNet(): NetBackend {
  const waiting: Uint8Array[] = []
  let offer: (frame: Uint8Array) => boolean = () => false
  return {
    connect(to) { offer = to },
    // The card is busy while it sends: frames come back when it is done.
    send(frame) { if (waiting.length < WAITING) waiting.push(frame) },
    ready() { while (waiting.length && offer(waiting[0]!)) waiting.shift() },
  }
}
