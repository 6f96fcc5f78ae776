// Log lines on their way from a thread to the main thread: a ring in shared memory with one writer and one reader. Lines
// arrive in order and none is lost: when the ring is full, the writer must wait. But only where it holds no lock, so
// `write` itself never does: it keeps what did not fit, and `settle`, called at a safe place soon after, waits.
//
//   writer:  ring.write('int', '', 'trap'); … if (ring.behind) ring.settle()
//   reader:  for (let line = ring.take(); line; line = ring.take()) …
import type { LineClass } from './log.ts'

const CAPACITY = 1 << 17
/** Longer texts are cut into several lines. */
const MAX_TEXT_BYTES = CAPACITY >> 2
/** Words before the bytes: how many have been written and taken, modulo 2^32. */
const WRITTEN = 0, TAKEN = 1, HEADER_BYTES = 16
export const LOG_RING_BYTES = HEADER_BYTES + CAPACITY

export type LogLine = { readonly cls: LineClass; readonly source: string; readonly text: string }
export type RingMemory = { readonly u8: Uint8Array; readonly i32: Int32Array; readonly shared: boolean }

export type LogWriter = {
  write(cls: LineClass, source: string, text: string): void
  /** Something did not fit. */
  readonly behind: boolean
  /** Waits until everything is in the ring. */
  settle(): void
}
export type LogReader = {
  take(): LogLine | undefined
  /** Everything that has been written until now. */
  takeAll(each: (line: LogLine) => void): void
}

/** A record is its length in bytes, then `CLASS SOURCE`, a newline, and the text; padded to four bytes. */
const roundUp = (bytes: number) => (bytes + 3) & ~3

/** The writing end at byte address `at`. `ring` tells the reader that there is something; now, or when it likes. */
export function logWriter(memory: RingMemory, at: number, ring: (now: boolean) => void): LogWriter {
  const { u8, i32 } = memory, w = at >>> 2, start = at + HEADER_BYTES, encoder = new TextEncoder()
  const kept: Uint8Array[] = []

  function put(record: Uint8Array): boolean {
    const written = i32[w + WRITTEN]!, used = (written - Atomics.load(i32, w + TAKEN)) | 0
    const size = 4 + roundUp(record.length)
    if (used + size > CAPACITY) return false
    i32[(start + (written & (CAPACITY - 1))) >>> 2] = record.length
    const from = (written + 4) & (CAPACITY - 1), first = Math.min(record.length, CAPACITY - from)
    u8.set(record.subarray(0, first), start + from)
    u8.set(record.subarray(first), start)
    Atomics.store(i32, w + WRITTEN, (written + size) | 0)
    ring(used + size > CAPACITY >> 1)
    return true
  }
  function flush(): void {
    let n = 0
    while (n < kept.length && put(kept[n]!)) n++
    kept.splice(0, n)
  }

  return {
    write(cls, source, text) {
      for (const part of parts(text)) kept.push(encoder.encode(`${cls} ${source}\n${part}`))
      flush()
    },
    get behind() { return kept.length > 0 },
    settle() {
      for (;;) {
        const taken = Atomics.load(i32, w + TAKEN)
        flush()
        if (kept.length === 0) return
        ring(true)
        Atomics.wait(i32, w + TAKEN, taken)
      }
    },
  }
}

/** A text in pieces that fit, cut between lines where that is possible. */
function* parts(text: string): Iterable<string> {
  const most = Math.floor(MAX_TEXT_BYTES / 3) // UTF-8 takes up to three bytes for each unit
  while (text.length > most) {
    const newline = text.lastIndexOf('\n', most)
    yield text.slice(0, newline > 0 ? newline : most)
    text = text.slice(newline > 0 ? newline + 1 : most)
  }
  yield text
}

/** The reading end. */
export function logReader(memory: RingMemory, at: number): LogReader {
  const { u8, i32 } = memory, w = at >>> 2, start = at + HEADER_BYTES, decoder = new TextDecoder()
  const reader: LogReader = {
    take() {
      const taken = i32[w + TAKEN]!
      if (Atomics.load(i32, w + WRITTEN) === taken) return undefined
      const length = i32[(start + (taken & (CAPACITY - 1))) >>> 2]!, from = (taken + 4) & (CAPACITY - 1)
      const record = new Uint8Array(length), first = Math.min(length, CAPACITY - from)
      record.set(u8.subarray(start + from, start + from + first))
      record.set(u8.subarray(start, start + length - first), first)
      Atomics.store(i32, w + TAKEN, (taken + 4 + roundUp(length)) | 0)
      if (memory.shared) Atomics.notify(i32, w + TAKEN)
      const line = decoder.decode(record), space = line.indexOf(' '), newline = line.indexOf('\n')
      return { cls: line.slice(0, space) as LineClass, source: line.slice(space + 1, newline), text: line.slice(newline + 1) }
    },
    takeAll(each) {
      for (const end = Atomics.load(i32, w + WRITTEN); i32[w + TAKEN] !== end;) each(reader.take()!)
    },
  }
  return reader
}
