// Records frames in pcap format (`-object filter-dump`), both directions, as tcpdump and Wireshark read it:
// version 2.4, microseconds, link type Ethernet.
import type { NetBackend } from '../../device/net.ts'

const MAGIC = 0xa1b2c3d4, ETHERNET = 1

export type DumpOptions = {
  write(bytes: Uint8Array): void
  /** Milliseconds since 1970. */
  now(): number
  /** Bytes of each frame that are kept. */
  readonly maxBytes?: number
}

export function dumped(net: NetBackend, { write, now, maxBytes = 65536 }: DumpOptions): NetBackend {
  write(words([MAGIC, 0x0004_0002, 0, 0, maxBytes, ETHERNET]))
  const record = (frame: Uint8Array) => {
    const ms = now(), seconds = Math.floor(ms / 1000), kept = frame.subarray(0, maxBytes)
    const packet = new Uint8Array(16 + kept.length)
    packet.set(words([seconds, Math.floor((ms - seconds * 1000) * 1000), kept.length, frame.length]))
    packet.set(kept, 16)
    write(packet)
  }
  return {
    send(frame) {
      record(frame)
      net.send(frame)
    },
    connect(offer) {
      net.connect?.((frame: Uint8Array) => {
        const taken = offer(frame)
        if (taken) record(frame)
        return taken
      })
    },
    ready() { net.ready?.() },
  }
}

function words(values: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * values.length))
  values.forEach((value, i) => view.setUint32(4 * i, value, true))
  return new Uint8Array(view.buffer)
}
