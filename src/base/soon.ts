// "After what waits in the event loop now", without the minimum delay that timers have.

type Callback = () => void
type Channel = { readonly port1: { onmessage: Callback | null }; readonly port2: { postMessage(message: unknown): void } }
const host = globalThis as unknown as {
  setImmediate?: (callback: Callback) => unknown
  MessageChannel: new () => Channel
}

export const soon: (callback: Callback) => void = host.setImmediate ?? byMessages()

/** Browsers: a message to oneself. */
function byMessages(): (callback: Callback) => void {
  const queue: Callback[] = [], { port1, port2 } = new host.MessageChannel()
  port1.onmessage = () => queue.shift()?.()
  return callback => {
    queue.push(callback)
    port2.postMessage(0)
  }
}
