// A character device of the guest for a program that uses the library: text and bytes in, bytes out as events
// or as a web stream. Nothing is lost before somebody listens: the guest's output waits in its ring.
import type { CharEnd } from '../../vm/control.ts'

export type SerialPort = {
  /** The device: `serial0`. */
  readonly device: string
  /** Sends to the guest; resolves when the guest's buffer has taken everything. */
  write(input: string | Uint8Array): Promise<void>
  /** Calls back with what the guest sends; the result ends that. */
  onData(listener: (bytes: Uint8Array) => void): () => void
  /** Waits until the guest's output matches; resolves with everything up to and including the match, and
   * the next call looks
   * behind it. */
  until(pattern: RegExp | string): Promise<string>
  /** The guest's output as a web stream, which holds the guest back when nobody reads. One at a time. */
  readable(): ReadableStream<Uint8Array>
  writable(): WritableStream<Uint8Array>
}

type Wait = { pattern: RegExp | string; resolve(text: string): void; reject(error: Error): void }

export function serialPort(end: CharEnd): SerialPort & { close(): void } {
  const listeners = new Set<(bytes: Uint8Array) => void>(), waits: Wait[] = []
  const decoder = new TextDecoder(), encoder = new TextEncoder()
  const input: { bytes: Uint8Array; done(): void }[] = []
  let text = '', giving = false
  let stream: ReadableStreamDefaultController<Uint8Array> | undefined

  const wanted = (): boolean =>
    listeners.size > 0 || waits.length > 0 || (stream !== undefined && (stream.desiredSize ?? 0) > 0)

  function takeOutput(): void {
    if (!wanted()) return
    const bytes = end.take()
    if (bytes.length === 0) return
    for (const l of [...listeners]) l(bytes)
    stream?.enqueue(bytes)
    text += decoder.decode(bytes, { stream: true })
    match()
    if (text.length > 1 << 20 && waits.length === 0) text = text.slice(-(1 << 16))
  }
  function match(): void {
    for (let wait; (wait = waits[0]); waits.shift()) {
      const found = typeof wait.pattern === 'string' ? text.indexOf(wait.pattern) : text.search(wait.pattern)
      if (found < 0) return
      const length =
        typeof wait.pattern === 'string'
          ? wait.pattern.length
          : text.slice(found).match(wait.pattern)![0].length
      wait.resolve(text.slice(0, found + length))
      text = text.slice(found + length)
    }
  }
  function giveInput(): void {
    if (giving) return // the guest answered from within `give`
    giving = true
    for (let first; (first = input.shift()); ) {
      const n = end.give(first.bytes)
      if (n < first.bytes.length) {
        input.unshift({ ...first, bytes: first.bytes.subarray(n) })
        break
      }
      first.done()
    }
    giving = false
  }
  end.onChange(() => {
    takeOutput()
    giveInput()
  })
  end.connect(true)

  const write = (data: string | Uint8Array): Promise<void> => new Promise(done => {
    input.push({ bytes: typeof data === 'string' ? encoder.encode(data) : data.slice(), done })
    giveInput()
  })
  return {
    device: end.device, write,
    onData(listener) {
      listeners.add(listener)
      takeOutput()
      return () => void listeners.delete(listener)
    },
    until: pattern => new Promise((resolve, reject) => {
      waits.push({ pattern, resolve, reject })
      match()
      takeOutput()
    }),
    readable: () => new ReadableStream<Uint8Array>({
      start(c) { stream = c },
      pull: takeOutput,
      cancel() { stream = undefined },
    }),
    writable: () => new WritableStream<Uint8Array>({ write }),
    close() {
      end.connect(false)
      stream?.close()
      stream = undefined
      for (const w of waits.splice(0))
        w.reject(new Error(`the machine has ended; its last output was ${JSON.stringify(text.slice(-200))}`))
      for (const i of input.splice(0)) i.done()
    },
  }
}
