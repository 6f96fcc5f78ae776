// Two ends of a byte stream in memory, for tests of management.
import type { ByteStream, Host, StreamListeners } from '../host/host.ts'
import type { ChardevConfig } from '../vm/config.ts'
import { type CharDevice, openCharDevice } from './char/device.ts'
import { memoryHost } from './testing.ts'

export type Peer = {
  readonly stream: ByteStream
  /** What was written to the stream since the last call. */
  take(): string
  send(text: string | Uint8Array): void
  /** The other side is slow (false) or quick again (true). */
  ready(is: boolean): void
  readonly held: boolean
  closeByPeer(error?: Error): void
}

export function peer(label = 'test'): Peer {
  let to: StreamListeners = {}, out: number[] = [], ok = true, held = false
  return {
    stream: {
      label,
      write(bytes) {
        out.push(...bytes)
        return ok
      },
      hold(h) { held = h },
      async close() { to.close?.() },
      listen(l) { to = l },
    },
    take: () => new TextDecoder().decode(Uint8Array.from(out.splice(0))),
    send: text => to.data?.(typeof text === 'string' ? new TextEncoder().encode(text) : text),
    ready(is) {
      ok = is
      if (is) to.drain?.()
    },
    get held() { return held },
    closeByPeer: error => to.close?.(error),
  }
}

/** A host whose standard input and output are `p`. */
export const hostWith = (
  p: Peer,
  tty = true,
  files?: Map<string, Uint8Array>,
): Host & { contents: Map<string, Uint8Array> } => ({
  ...memoryHost(files),
  stdio: { inputIsTty: tty, outputIsTty: tty, open: () => p.stream, restore() {}, columns: () => 80 },
})

export const openOn = (
  p: Peer,
  config: Partial<ChardevConfig> = {},
  options: { tty?: boolean; quit?: () => void; host?: Host } = {},
): Promise<CharDevice> =>
  openCharDevice(
    { id: 'serial0', backend: 'stdio', ...config },
    { host: options.host ?? hostWith(p, options.tty ?? true), note: () => {}, rawSignals: true },
    { quit: options.quit ?? (() => {}), nowMs: () => 1000 })

/** Lets everything that is under way come to an end. */
export const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise(r => setImmediate(r))
}
