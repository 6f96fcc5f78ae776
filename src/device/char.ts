// Character back ends: a ring each way in shared memory. The device's side runs on whichever thread serves
// the guest; the host's side (terminal, socket, pty) on the I/O thread. One producer and one consumer each:
// the device's side is under the device's lock. Bytes in the rings belong to the host, not to the guest's
// state.
import { bind } from '../state/bind.ts'
import { layoutOf } from '../state/layout.ts'
import { bytes, i32 } from '../state/schema.ts'
import type { Views } from '../state/views.ts'

const TO_HOST = 65536, TO_GUEST = 4096 // powers of two

/** The device's end. */
export type CharPort = {
  /**
   * Sends a byte to the host; false if its ring is full (then `writable` will be called). Unconnected:
   * swallowed.
   */
  put(byte: number): boolean
}

/** The host's end. */
export type CharHost = {
  /** All bytes that the guest has sent since. */
  take(): Uint8Array
  /** Offers input; the number of bytes accepted. */
  give(input: Uint8Array): number
  /** Input that the device hasn't taken yet. */
  readonly waiting: number
  /** Takes back input that waits (the peer is gone). The device must not be running. */
  discard(): void
  /** Says whether somebody listens; unconnected output is swallowed. */
  connect(connected: boolean): void
}

const schema = {
  // Counters run modulo 2^32; the producer moves `head`, the consumer `tail`.
  outHead: i32(), outTail: i32(), inHead: i32(), inTail: i32(),
  connected: i32(), blocked: i32(), out: bytes(TO_HOST), in: bytes(TO_GUEST),
}
const layout = layoutOf(schema)
export const CHAR_BYTES = layout.sizeBytes

export type CharChannel = CharPort & {
  readonly host: CharHost
  /** The next input byte without taking it, or -1. */
  peek(): number
  drop(): void
  /** Whether output was refused since the last call and there is room again. */
  takeUnblocked(): boolean
}

/** Both ends of the channel at `at`. `doorbell` wakes the I/O thread. */
export function charChannelAt(views: Views, at: number, doorbell: () => void): CharChannel {
  const s = bind(layout, views, at)
  const word = (name: keyof typeof schema) => (at + layout.offsets[name]) >>> 2
  const i32 = views.i32
  const outHead = word('outHead'), outTail = word('outTail'), inHead = word('inHead'), inTail = word('inTail')
  const connected = word('connected'), blocked = word('blocked')
  const out = s.out, input = s.in
  const filled = (head: number, tail: number) => (Atomics.load(i32, head) - Atomics.load(i32, tail)) >>> 0

  return {
    put(byte) {
      if (!Atomics.load(i32, connected)) return true
      const head = i32[outHead]!
      if (filled(outHead, outTail) >= TO_HOST) {
        Atomics.store(i32, blocked, 1)
        doorbell()
        return false
      }
      out[head & (TO_HOST - 1)] = byte
      Atomics.store(i32, outHead, (head + 1) | 0)
      if (Atomics.load(i32, outTail) === head) doorbell() // it was empty: the host may sleep
      return true
    },
    // A stale look is harmless: the I/O thread polls after each give.
    peek: () => (i32[inHead] === i32[inTail] ? -1 : input[i32[inTail]! & (TO_GUEST - 1)]!),
    drop() {
      const full = filled(inHead, inTail) === TO_GUEST
      Atomics.store(i32, inTail, (i32[inTail]! + 1) | 0)
      if (full) doorbell()
    },
    takeUnblocked() {
      if (!Atomics.load(i32, blocked) || filled(outHead, outTail) >= TO_HOST) return false
      return Atomics.exchange(i32, blocked, 0) === 1
    },
    host: {
      take() {
        const n = filled(outHead, outTail), from = i32[outTail]! & (TO_HOST - 1)
        const taken = new Uint8Array(n), first = Math.min(n, TO_HOST - from)
        taken.set(out.subarray(from, from + first))
        taken.set(out.subarray(0, n - first), first)
        Atomics.store(i32, outTail, (i32[outTail]! + n) | 0)
        if (filled(outHead, outTail)) doorbell() // put meanwhile, when the ring was not empty: nobody else rings
        return taken
      },
      give(bytes) {
        const n = Math.min(bytes.length, TO_GUEST - filled(inHead, inTail))
        const head = i32[inHead]!
        for (let i = 0; i < n; i++) input[(head + i) & (TO_GUEST - 1)] = bytes[i]!
        Atomics.store(i32, inHead, (head + n) | 0)
        return n
      },
      discard() { Atomics.store(i32, inTail, Atomics.load(i32, inHead)) },
      get waiting() { return filled(inHead, inTail) },
      connect(is) { Atomics.store(i32, connected, is ? 1 : 0) },
    },
  }
}
