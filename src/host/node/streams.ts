// Byte streams over Node's: sockets, files that are written to, standard input and output.
import type { Duplex, Readable, Writable } from 'node:stream'
import type { ByteStream, StreamListeners } from '../host.ts'

/** How long a closing stream may take to get rid of its output, in milliseconds. */
const LINGER = 500

export type Halves = {
  readonly label: string
  readonly input?: Readable
  readonly output?: Writable
  /** Sees what arrives before anybody else; returns what is left of it. */
  filter?(bytes: Uint8Array): Uint8Array
  closed?(): void
  /** What listeners are told of a failure. */
  explain?(error: Error): Error
}

/** One stream of two Node streams, or of one that is both. Arriving bytes wait until somebody listens. */
export function streamOf({ label, input, output, filter, closed, explain = e => e }: Halves): ByteStream {
  let to: StreamListeners = {}
  let gone = false, ended = false, failure: Error | undefined
  const over = (error?: Error) => {
    if (gone) return
    gone = true
    failure = error && explain(error)
    closed?.()
    to.close?.(failure)
  }
  const end = () => {
    if (ended) return
    ended = true
    to.end?.()
  }
  const both = input as unknown === output
  input?.on('data', (bytes: Uint8Array) => {
    const left = filter ? filter(bytes) : bytes
    if (left.length) to.data?.(left)
  })
  input?.pause()
  input?.on('end', end)
  // A failing half of two is its end; the other one goes on.
  input?.on('error', error => (both ? over(error) : end()))
  output?.on('drain', () => to.drain?.())
  output?.on('error', error => over(error))
  if (both) input?.on('close', () => over())

  return {
    label,
    write(bytes) {
      if (gone || !output || output.destroyed || output.writableEnded) return true
      return output.write(bytes)
    },
    hold(held) {
      if (!input || input.destroyed) return
      if (held) input.pause()
      else input.resume()
    },
    async close() {
      if (gone) return
      await flushed(output)
      input?.destroy()
      over()
    },
    listen(listeners) {
      to = listeners
      if (listeners.data) input?.resume()
      if (ended) listeners.end?.()
      if (gone) listeners.close?.(failure)
    },
  }
}

/** Ends an output and waits until it is written, or for as long as a user would. */
function flushed(output: Writable | undefined): Promise<void> {
  if (!output || output.destroyed) return Promise.resolve()
  return new Promise(resolve => {
    const timer = setTimeout(done, LINGER)
    function done(): void {
      clearTimeout(timer)
      output!.destroy()
      resolve()
    }
    output.once('error', done)
    output.end(done)
  })
}

export const duplexStream = (label: string, d: Duplex, closed?: () => void): ByteStream =>
  streamOf({ label, input: d, output: d, ...(closed && { closed }) })
